/*
 * The order of an apply.
 *   make X      after make of what X needs
 *   destroy X   after destroy of those that were recorded as needing X; a pure delete also after the
 *               new versions of its recorded dependents, which may have moved away from it; but before
 *               those that run after it is gone (lifecycle.succeeds)
 *   make X      after destroy X (replace), and after a destroy that frees what X claims
 * A replace destroys late: after what it needs has been made, so that what cannot be made again stays.
 * Where that or old and new edges form a circle, the edges "destroy after make" of that component are
 * dropped: everything in it is destroyed first, then made. Records written by runs of different manifests can
 * even disagree among themselves; then the order of destroying is dropped as well.
 */
#include "engine/plan/steps.h"

#include "base/map.h"
#include "engine/plan/claims.h"
#include "engine/plan/diff.h"

#include <stdlib.h>
#include <string.h>

/* What may be dropped to break a circle, in this order. */
enum firmness {
	FIRM,        /* never */
	IF_POSSIBLE, /* a replace destroys late: what cannot be made again is better kept */
	MOVED,       /* a delete after those who have moved away from it */
	RECORDED,    /* a destroy after those that were recorded as needing it, a claim after its release */
};

struct raw_wait {
	uint32_t before, after;
	enum edge_kind kind;
	enum firmness firm;
};

struct builder {
	struct steps *steps;
	const struct plan *plan;
	struct arena *arena;
	struct map by_address; /* address -> change */
	struct raw_wait *waits;
	size_t n, cap;
};

static bool destroys(const struct change *change)
{
	switch (change->action) {
	case ACTION_DELETE:
	case ACTION_REPLACE:
	case ACTION_FORGET:
	case ACTION_DROP:
	case ACTION_STOP:
		return true;
	default:
		return false;
	}
}

static bool makes(const struct change *change)
{
	return change->node != NODE_NONE && change->action != ACTION_STOP &&
	       change->action != ACTION_DROP && change->action != ACTION_FORGET;
}

static void add_step(struct builder *b, enum step_kind kind, uint32_t change, uint32_t *slot)
{
	struct steps *steps = b->steps;

	*slot = steps->n;
	steps->items[steps->n++] = (struct step){.kind = kind, .change = change};
}

static void wait_for(struct builder *b, uint32_t after, uint32_t before, enum edge_kind kind,
	enum firmness firm)
{
	if (after == STEP_NONE || before == STEP_NONE || after == before)
		return;
	VEC_GROW(b->waits, b->n, b->cap);
	b->waits[b->n++] = (struct raw_wait){before, after, kind, firm};
}

/* The old one goes when the new one stands and those who use it have moved over. */
static void add_create_first_edges(struct builder *b, uint32_t i, const struct node *node)
{
	const struct graph *graph = b->plan->graph;

	wait_for(b, b->steps->destroy_of[i], b->steps->make_of[i], EDGE_HARD, FIRM);
	for (uint32_t k = 0; k < node->n_feeds; k++) {
		const char *address = graph->nodes[node->feeds[k].node].resource->address;
		uint32_t user = map_get(&b->by_address, address);

		if (user != MAP_NONE)
			wait_for(b, b->steps->destroy_of[i], b->steps->make_of[user], EDGE_HARD, MOVED);
	}
}

/*
 * Destroying `change` waits until what node `root` needs is there. Not for what takes it along: that is
 * destroyed after it.
 */
static void wait_for_needs(struct builder *b, uint32_t change, const struct node *root,
	enum firmness firm)
{
	const struct plan *plan = b->plan;

	for (uint32_t k = 0; k < root->n_needs; k++) {
		uint32_t need = plan->change_of ? plan->change_of[root->needs[k].node] : MAP_NONE;

		if (need == MAP_NONE || (plan->changes[need].action == ACTION_REPLACE &&
						diff_follows(plan->graph, root, k)))
			continue;
		wait_for(b, b->steps->destroy_of[change], b->steps->make_of[need],
			firm == FIRM ? root->needs[k].kind : EDGE_ORDERING, firm);
	}
}

static bool follows(const struct plan *plan, const struct change *change, uint32_t need)
{
	const struct node *node = &plan->graph->nodes[change->node];

	for (uint32_t k = 0; k < node->n_needs; k++) {
		if (node->needs[k].node == need)
			return diff_follows(plan->graph, node, k);
	}
	return false;
}

/*
 * Whether an uncertain replace is one shows only when what it needs is there. Until then neither it nor
 * what it takes along may be destroyed.
 */
static void add_uncertain_edges(struct builder *b, uint32_t first, const struct node *root)
{
	const struct plan *plan = b->plan;
	struct map seen = MAP_INIT;
	uint32_t *stack = NULL;
	size_t n = 0, cap = 0;

	VEC_GROW(stack, n, cap);
	stack[n++] = first;
	while (n) {
		uint32_t change = stack[--n], index = plan->changes[change].node;
		const struct node *node = &plan->graph->nodes[index];

		wait_for_needs(b, change, root, FIRM);
		for (uint32_t k = 0; k < node->n_feeds; k++) {
			uint32_t user = plan->change_of[node->feeds[k].node];
			const struct change *taken = &plan->changes[user];

			if (!taken->uncertain || taken->create_first ||
				!follows(plan, taken, index) ||
				map_get(&seen, taken->address) != MAP_NONE)
				continue;
			map_add(&seen, taken->address, 0);
			VEC_GROW(stack, n, cap);
			stack[n++] = user;
		}
	}
	free(stack);
	map_release(&seen);
}

static void add_make_edges(struct builder *b, uint32_t i)
{
	const struct change *change = &b->plan->changes[i];
	const struct graph *graph = b->plan->graph;
	const struct node *node = &graph->nodes[change->node];

	for (uint32_t k = 0; k < node->n_needs; k++) {
		const char *address = graph->nodes[node->needs[k].node].resource->address;
		uint32_t need = map_get(&b->by_address, address);

		if (need != MAP_NONE)
			wait_for(b, b->steps->make_of[i], b->steps->make_of[need], node->needs[k].kind,
				FIRM);
	}
	if (change->create_first) {
		add_create_first_edges(b, i, node);
		return;
	}
	wait_for(b, b->steps->make_of[i], b->steps->destroy_of[i], EDGE_HARD, FIRM);
	if (change->uncertain)
		add_uncertain_edges(b, i, node);
	else if (b->steps->destroy_of[i] != STEP_NONE)
		wait_for_needs(b, i, node, IF_POSSIBLE);
}

static bool succeeds(const struct plan *plan, uint32_t i)
{
	return plan->graph->nodes[plan->changes[i].node].resource->lifecycle.succeeds;
}

/* `i` is recorded as needing `need`: then `need` goes after it; before it, where it succeeds what has gone. */
static void add_destroy_edge(struct builder *b, uint32_t i, uint32_t need)
{
	const struct steps *steps = b->steps;
	const struct change *needed = &b->plan->changes[need];

	if (steps->destroy_of[need] == STEP_NONE)
		return;
	if (needed->action == ACTION_DELETE && steps->make_of[i] != STEP_NONE && succeeds(b->plan, i))
		wait_for(b, steps->make_of[i], steps->destroy_of[need], EDGE_HARD, MOVED);
	else if (steps->destroy_of[i] != STEP_NONE)
		wait_for(b, steps->destroy_of[need], steps->destroy_of[i], EDGE_HARD, RECORDED);
	else if (needed->action == ACTION_DELETE && steps->make_of[i] != STEP_NONE)
		wait_for(b, steps->destroy_of[need], steps->make_of[i], EDGE_HARD, MOVED);
}

static void add_recorded_edges(struct builder *b, uint32_t i)
{
	const struct change *change = &b->plan->changes[i];
	struct record_edge *edges;
	size_t n;

	if (!change->record)
		return;
	if (change->record->status == RECORD_DEPOSED) { /* not before its successor stands */
		uint32_t successor = map_get(&b->by_address, change->address);

		if (successor != MAP_NONE && successor != i)
			wait_for(b, b->steps->destroy_of[i], b->steps->make_of[successor], EDGE_HARD,
				MOVED);
	}
	edges = meta_edges(change->record, b->arena, &n);
	for (size_t k = 0; k < n; k++) {
		uint32_t need = map_get(&b->by_address, edges[k].address);

		if (need == MAP_NONE)
			continue;
		if (edges[k].kind == EDGE_WITHIN && change->action == ACTION_DROP) /* forgotten when it is gone */
			wait_for(b, b->steps->destroy_of[i], b->steps->destroy_of[need], EDGE_HARD, 2);
		else
			add_destroy_edge(b, i, need);
	}
}

struct claiming {
	struct builder *builder;
	struct claims freed; /* their owners are the changes that free them */
	uint32_t change;
	bool frees;
};

static void see_claim(void *arg, const char *what)
{
	struct claiming *c = arg;
	struct builder *b = c->builder;
	const struct claim *freed = NULL;

	if (c->frees) {
		claims_add(&c->freed, what, c->change);
		return;
	}
	while ((freed = claims_next(&c->freed, what, freed)))
		wait_for(b, b->steps->make_of[c->change], b->steps->destroy_of[freed->owner],
			EDGE_ORDERING, RECORDED);
}

static void visit_claims(struct claiming *c, const char *type_name, const struct value *inputs,
	const char *identity)
{
	const struct type *type = type_find(type_name);
	const struct provider *provider = type ? provider_of(type) : NULL;

	if (identity)
		see_claim(c, identity);
	if (provider && provider->claims && inputs)
		provider->claims(type, inputs, c->builder->plan->project_root, see_claim, c);
}

/* A destroy that frees a port, name or path goes before the one that takes it. */
static void add_claim_edges(struct builder *b)
{
	struct claiming c = {.builder = b, .freed.arena = b->arena, .frees = true};

	for (uint32_t i = 0; i < b->plan->n; i++) {
		const struct change *change = &b->plan->changes[i];

		c.change = i;
		if (b->steps->destroy_of[i] != STEP_NONE && change->record)
			visit_claims(&c, change->record->type, record_inputs(change->record, NULL),
				change->record->identity);
	}
	c.frees = false;
	for (uint32_t i = 0; c.freed.n && i < b->plan->n; i++) {
		const struct change *change = &b->plan->changes[i];

		c.change = i;
		if (b->steps->make_of[i] != STEP_NONE && change->action != ACTION_NOOP &&
			change->inputs)
			visit_claims(&c, b->plan->graph->nodes[change->node].resource->type->name,
				change->inputs, inputs_identity(
					b->plan->graph->nodes[change->node].resource->type,
					change->inputs, b->arena));
	}
	claims_release(&c.freed);
}

/* Packs the waits into arrays, counts blockers. */
static void pack(struct builder *b)
{
	struct steps *steps = b->steps;
	struct waiter *waiters = arena_alloc(b->arena, (b->n + 1) * sizeof(*waiters));
	size_t at = 0;

	for (uint32_t i = 0; i < steps->n; i++)
		steps->items[i].n_waiters = steps->items[i].blockers = 0;
	for (size_t i = 0; i < b->n; i++) {
		steps->items[b->waits[i].before].n_waiters++;
		steps->items[b->waits[i].after].blockers++;
	}
	for (uint32_t i = 0; i < steps->n; i++) {
		steps->items[i].waiters = waiters + at;
		at += steps->items[i].n_waiters;
		steps->items[i].n_waiters = 0;
	}
	for (size_t i = 0; i < b->n; i++) {
		struct step *before = &steps->items[b->waits[i].before];

		((struct waiter *)before->waiters)[before->n_waiters++] =
			(struct waiter){b->waits[i].after, b->waits[i].kind};
	}
}

/* Walks the steps in order; fills `order` and returns how many could be reached. */
static uint32_t walk(const struct steps *steps, uint32_t *order, uint32_t *missing)
{
	uint32_t found = 0, done = 0;

	for (uint32_t i = 0; i < steps->n; i++) {
		missing[i] = steps->items[i].blockers;
		if (!missing[i])
			order[found++] = i;
	}
	while (done < found) {
		const struct step *step = &steps->items[order[done++]];

		for (uint32_t k = 0; k < step->n_waiters; k++) {
			if (--missing[step->waiters[k].step] == 0)
				order[found++] = step->waiters[k].step;
		}
	}
	return found;
}

static void drop_waits(struct builder *b, const uint32_t *missing, enum firmness firm)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (b->waits[i].firm == firm && missing[b->waits[i].after] && missing[b->waits[i].before])
			continue;
		b->waits[kept++] = b->waits[i];
	}
	b->n = kept;
}

/* Critical path first: how long the longest chain behind a step is, by recorded durations. */
static void set_priorities(struct builder *b, const uint32_t *order)
{
	struct steps *steps = b->steps;

	for (uint32_t i = steps->n; i-- > 0;) {
		struct step *step = &steps->items[order[i]];
		const struct record *record = b->plan->changes[step->change].record;
		uint32_t longest = 0;

		for (uint32_t k = 0; k < step->n_waiters; k++) {
			uint32_t behind = steps->items[step->waiters[k].step].priority;

			if (behind > longest)
				longest = behind;
		}
		step->priority = longest + 1 + (record ? (uint32_t)record->duration : 0);
	}
}

void steps_build(struct steps *steps, const struct plan *plan, struct arena *arena)
{
	struct builder b = {.steps = steps, .plan = plan, .arena = arena};
	uint32_t *order, *missing;

	*steps = (struct steps){0};
	steps->items = arena_alloc(arena, (plan->n * 2 + 1) * sizeof(*steps->items));
	steps->make_of = arena_alloc(arena, (plan->n + 1) * sizeof(uint32_t));
	steps->destroy_of = arena_alloc(arena, (plan->n + 1) * sizeof(uint32_t));
	map_reserve(&b.by_address, plan->n);
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct change *change = &plan->changes[i];

		map_add(&b.by_address, change->address, i);
		steps->make_of[i] = steps->destroy_of[i] = STEP_NONE;
		if (destroys(change))
			add_step(&b, STEP_DESTROY, i, &steps->destroy_of[i]);
		if (makes(change))
			add_step(&b, STEP_MAKE, i, &steps->make_of[i]);
	}
	for (uint32_t i = 0; i < plan->n; i++) {
		if (steps->make_of[i] != STEP_NONE)
			add_make_edges(&b, i);
	}
	if (plan->counts.destroy || plan->counts.forget || plan->counts.start) {
		for (uint32_t i = 0; i < plan->n; i++)
			add_recorded_edges(&b, i);
		add_claim_edges(&b);
	}
	order = xmalloc((steps->n + 1) * sizeof(*order));
	missing = xmalloc((steps->n + 1) * sizeof(*missing));
	pack(&b);
	for (int firm = IF_POSSIBLE; walk(steps, order, missing) < steps->n; firm++) {
		if (firm > RECORDED)
			BUG("steps that wait for each other");
		drop_waits(&b, missing, (enum firmness)firm);
		pack(&b);
	}
	set_priorities(&b, order);
	free(order);
	free(missing);
	free(b.waits);
	map_release(&b.by_address);
}
