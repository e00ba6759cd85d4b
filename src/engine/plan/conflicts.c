/* Two resources that would fight over one thing are found before either is made. */
#include "engine/plan/planner.h"

#include "engine/plan/claims.h"

#include <string.h>

struct claimants {
	const struct planner_input *in;
	struct claims claims; /* their owners are nodes */
	uint32_t node;
	bool reported; /* for this node: one diagnostic is enough */
};


static void see_claim(void *arg, const char *what)
{
	struct claimants *c = arg;
	const struct graph *graph = c->in->graph;
	const struct resource *mine = graph->nodes[c->node].resource;
	const struct resource *other = NULL;

	for (const struct claim *claim = NULL;
		!other && (claim = claims_next(&c->claims, what, claim));) {
		if (claim->owner != c->node)
			other = graph->nodes[claim->owner].resource;
	}
	if (!other)
		claims_add(&c->claims, what, c->node);
	if (!other || c->reported)
		return;
	c->reported = true;
	diag_error(c->in->diags, mine->pos, "%s and %s both claim %s", mine->address, other->address,
		what);
	diag_address(c->in->diags, mine->address);
	diag_hint(c->in->diags, "%s is declared at %s; give one of them another name, path or port",
		other->address, pos_str(&c->in->manifest->sources, other->pos, c->in->arena));
}

void plan_claims(const struct planner_input *in, const struct view *views)
{
	struct claimants c = {.in = in, .claims.arena = in->arena};
	const struct type *last = NULL;
	const struct provider *provider = NULL;

	for (uint32_t i = 0; i < in->graph->n; i++) {
		const struct resource *resource = in->graph->nodes[i].resource;
		const char *identity;

		if (resource->type->flags & TYPE_EFFECTLESS)
			continue;
		if (resource->type != last)
			provider = provider_of(last = resource->type);
		c.node = i;
		c.reported = false;
		identity = inputs_identity(resource->type, views[i].inputs, in->arena);
		if (identity)
			see_claim(&c, identity);
		if (provider && provider->claims)
			provider->claims(resource->type, views[i].inputs,
				in->digester->project_root, see_claim, &c);
	}
	claims_release(&c.claims);
}

struct freed {
	const char *wanted;
	bool found;
};

static void see_freed(void *arg, const char *what)
{
	struct freed *freed = arg;

	freed->found = freed->found || claims_collide(what, freed->wanted);
}

/* Does a change of this plan let go of it? */
static bool is_freed(const struct planner_input *in, const struct plan *plan, const char *claim)
{
	struct freed freed = {.wanted = claim};

	for (size_t i = 0; claim && i < plan->n && !freed.found; i++) {
		const struct change *change = &plan->changes[i];
		const struct type *type = change->record ? type_find(change->record->type) : NULL;
		const struct provider *provider = type ? provider_of(type) : NULL;

		if ((change->action == ACTION_DELETE || change->action == ACTION_REPLACE) && provider &&
			provider->claims)
			provider->claims(type, record_inputs(change->record, NULL),
				in->digester->project_root, see_freed, &freed);
	}
	return freed.found;
}

void plan_blocked(const struct planner_input *in, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct change *change = &plan->changes[i];
		const struct observation *seen = change->observed;

		if (change->node == NODE_NONE || !seen || !seen->blocked ||
			change->action < ACTION_START || change->action == ACTION_STOP ||
			is_freed(in, plan, seen->blocked_claim))
			continue;
		diag_error(in->diags, in->graph->nodes[change->node].resource->pos, "%s: %s",
			change->address, seen->blocked);
		diag_address(in->diags, change->address);
		if (seen->blocked_claim)
			diag_hint(in->diags, "free it, or choose another");
	}
}
