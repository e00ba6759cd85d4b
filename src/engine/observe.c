/*
 * Items are collected in the order of the manifest, then of the records, so that the same inputs give
 * providers the same batch. Types without effects are never asked for.
 */
#include "engine/observe.h"

#include "base/map.h"
#include "base/texts.h"
#include "engine/others.h"
#include "engine/plan/diff.h"
#include "engine/plan/inputs.h"
#include "engine/plan/within.h"

#include <stdlib.h>
#include <string.h>

enum { OBSERVE_DEADLINE = 60 * 1000 };

struct batch {
	struct reconcile *r;
	struct map desired; /* address -> observation, for joining records and intents with nodes */
	size_t cap;
};

struct provider_env reconcile_env(struct reconcile *r, struct arena *arena)
{
	static const atomic_bool never = false;
	const char *id = r->environment.id ? r->environment.id : "";

	return (struct provider_env){
		.arena = arena,
		.clock = r->clock,
		.project_root = r->manifest.root ? r->manifest.root : r->environment.root,
		.content_root = r->content,
		.work_dir = arena_printf(arena, "%s/environments/%s", r->home, id),
		.environment = id,
		.short_id = arena_strndup(arena, id, strlen(id) < 6 ? strlen(id) : 6),
		.state_id = r->state ? state_id(r->state) : "",
		.project = r->environment.project ? r->environment.project : "",
		.taken = r->taken,
		.settings = r->manifest.settings,
		.parsed = r->input.parsed,
		.self = r->self,
		.intent_fd = -1,
		.refresh = r->options.destroy || r->options.power ? REFRESH_BRIEF
			: r->options.full_refresh ? REFRESH_FULL : REFRESH_QUICK,
		.manifests = r->options.show_manifests,
		.force_conflicts = r->options.force_conflicts,
		.distrust = r->options.distrust,
		.deadline = clock_monotonic(r->clock) + OBSERVE_DEADLINE,
		.stop_timeout = r->stop_timeout,
		.cancel = &never,
	};
}

static struct observation *add(struct batch *b, const char *address, const struct type *type)
{
	struct reconcile *r = b->r;

	ARENA_GROW(&r->arena, r->observations, r->n_observations, b->cap);
	r->observations[r->n_observations] = (struct observation){.address = address, .type = type};
	return &r->observations[r->n_observations++];
}

static bool is_observed(const struct type *type)
{
	const struct provider *provider = type ? provider_of(type) : NULL;

	return provider && provider->observe && !(type->flags & TYPE_EFFECTLESS);
}

static void add_desired(struct batch *b, const struct view *views)
{
	const struct graph *graph = &b->r->graph;

	for (uint32_t i = 0; i < graph->n; i++) {
		const struct resource *resource = graph->nodes[i].resource;
		struct observation *item;

		if (!is_observed(resource->type))
			continue;
		map_add(&b->desired, resource->address, (uint32_t)b->r->n_observations);
		item = add(b, resource->address, resource->type);
		item->desired = views[i].inputs;
		item->ignore = resource->lifecycle.ignore_changes;
	}
}

/* moved: the record of the old address belongs to the item of the new one. */
static const char *address_now(const struct reconcile *r, const char *address)
{
	for (size_t i = 0; i < r->manifest.n_moved; i++) {
		if (strcmp(r->manifest.moved[i].from, address) == 0 &&
			graph_find(&r->graph, address) == MAP_NONE)
			return r->manifest.moved[i].to;
	}
	return address;
}

static void add_recorded(struct batch *b)
{
	struct reconcile *r = b->r;

	for (size_t i = 0; i < r->n_records; i++) {
		struct record *record = &r->records[i];
		const struct type *type = type_find(record->type);
		uint32_t known = map_get(&b->desired, address_now(r, record->address));

		if (!is_observed(type))
			continue;
		if (known != MAP_NONE && record->status != RECORD_DEPOSED)
			r->observations[known].record = record;
		else
			add(b, record->address, type)->record = record;
	}
}

/* Is an open create about the thing that the item looks at? Where an identity says so: by that. */
static bool is_about(struct reconcile *r, const struct observation *item, const struct intent *intent)
{
	const char *wanted;

	if (strcmp(item->address, intent->address) != 0 ||
		(item->record && item->record->status == RECORD_DEPOSED))
		return false;
	if (intent->action != INTENT_CREATE || !intent->identity || item->record)
		return true;
	wanted = item->desired ? inputs_identity(item->type, item->desired, &r->arena)
		: item->intent ? item->intent->identity : NULL;
	return !wanted || strcmp(wanted, intent->identity) == 0;
}

static void add_open(struct batch *b)
{
	struct reconcile *r = b->r;

	for (size_t i = 0; i < r->n_intents; i++) {
		const struct intent *intent = &r->intents[i];
		const struct type *type = type_find(intent->type);
		bool found = false;

		if (!is_observed(type))
			continue;
		for (size_t k = 0; k < r->n_observations; k++) {
			struct observation *item = &r->observations[k];

			if (is_about(r, item, intent)) {
				item->intent = intent;
				found = true;
			}
		}
		if (!found) /* an older one of this address is replaced by the newer, which knows it */
			add(b, intent->address, type)->intent = intent;
	}
}

/* Something it waits for was never made: what it asks there is not there yet. */
static bool is_early(const struct reconcile *r, const struct map *recorded, const char *address)
{
	uint32_t index = graph_find(&r->graph, address);
	const struct node *node = index == MAP_NONE ? NULL : &r->graph.nodes[index];

	for (uint32_t i = 0; node && i < node->n_needs; i++) {
		const struct resource *need = r->graph.nodes[node->needs[i].node].resource;

		if (node->needs[i].kind >= EDGE_HARD && !(need->type->flags & TYPE_EFFECTLESS) &&
			map_get(recorded, need->address) == MAP_NONE)
			return true;
	}
	return false;
}

/* Only for those who get something ready: nobody else asks. */
static void mark_early(struct reconcile *r)
{
	struct map recorded = {0};

	for (size_t i = 0; i < r->n_observations; i++) {
		struct observation *item = &r->observations[i];

		if (!item->desired || !provider_of(item->type)->release)
			continue;
		for (size_t k = recorded.n ? r->n_records : 0; k < r->n_records; k++)
			map_add(&recorded, address_now(r, r->records[k].address), (uint32_t)k);
		item->early = is_early(r, &recorded, item->address);
	}
	map_release(&recorded);
}

static bool acts(const struct type *type)
{
	return !(type->flags & (TYPE_EFFECTLESS | TYPE_HOLDS));
}

/* Of every node: does it wait, perhaps through others, for something that is not of this type? */
static uint8_t *followers(struct reconcile *r, const struct type *type)
{
	const struct graph *graph = &r->graph;
	uint8_t *follows = arena_zalloc(&r->arena, graph->n + 1);

	for (uint32_t i = 0; i < graph->n; i++) {
		uint32_t at = graph->order[i];

		for (uint32_t k = 0; k < graph->nodes[at].n_needs; k++) {
			uint32_t need = graph->nodes[at].needs[k].node;
			const struct type *other = graph->nodes[need].resource->type;

			if (graph->nodes[at].needs[k].kind >= EDGE_HARD)
				follows[at] |= follows[need] || (other != type && acts(other));
		}
	}
	return follows;
}

/* Types are few, and those of a kind stand together. */
static void mark_followers(struct reconcile *r)
{
	const struct type *type = NULL;
	uint8_t *follows = NULL;

	for (size_t i = 0; i < r->n_observations; i++) {
		struct observation *item = &r->observations[i];
		uint32_t index = item->desired ? graph_find(&r->graph, item->address) : MAP_NONE;

		if (index == MAP_NONE || !(item->type->flags & TYPE_OPEN_KINDS))
			continue;
		if (item->type != type)
			follows = followers(r, type = item->type);
		item->follows = follows[index];
	}
}

/* Living in something is not asked about: what goes with its home takes nobody's things that stay. */
static bool follows_others(const struct node *node)
{
	for (uint32_t i = 0; i < node->n_needs; i++)
		if (node->needs[i].kind == EDGE_ATTACHED)
			return true;
	return resource_is_job(node->resource) ||
	       node->resource->lifecycle.n_replace_triggered_by > 0;
}

static void mark_may_go(struct reconcile *r)
{
	for (size_t i = 0; i < r->n_observations; i++) {
		struct observation *item = &r->observations[i];
		uint32_t index = item->desired ? graph_find(&r->graph, item->address) : MAP_NONE;

		item->may_go = index == MAP_NONE || r->options.destroy ||
			texts_have(r->options.replaces, item->address) ||
			(item->record && item->record->status == RECORD_TAINTED) ||
			(item->intent && item->intent->action == INTENT_DELETE) ||
			follows_others(&r->graph.nodes[index]);
	}
}

void observe_keep(struct reconcile *r, const struct observation *seen)
{
	struct kept *kept;

	if (!seen->prepared)
		return;
	kept = arena_alloc(&r->arena, sizeof(*kept));
	*kept = (struct kept){provider_of(seen->type), seen->prepared, r->kept};
	r->kept = kept;
}

void observe_release(struct reconcile *r)
{
	for (; r->kept; r->kept = r->kept->next)
		r->kept->provider->release(r->kept->prepared);
}

static void all_unknown(struct observe_request *request, const char *why)
{
	for (size_t i = 0; i < request->n; i++) {
		request->items[i].presence = PRESENCE_UNKNOWN;
		request->items[i].message = why;
	}
}

static void keep_strays(struct reconcile *r, const struct observe_request *request)
{
	struct stray *strays;

	if (!request->n_strays)
		return;
	strays = arena_alloc(&r->arena, (r->n_strays + request->n_strays) * sizeof(*strays));
	if (r->n_strays)
		memcpy(strays, r->strays, r->n_strays * sizeof(*strays));
	memcpy(strays + r->n_strays, request->strays, request->n_strays * sizeof(*strays));
	r->strays = strays;
	r->n_strays += request->n_strays;
}

/* The items of one provider, packed together for its call and put back afterwards. `settled` marks
   those that are not asked for, and then also those that were. One that has none is asked only for
   what is not recorded: an environment of files needs no engine. */
static void ask_provider(struct reconcile *r, const struct provider *provider, uint8_t *settled,
	bool for_strays)
{
	struct provider_env env;
	struct observe_request request = {0};
	size_t *where = xmalloc((r->n_observations + 1) * sizeof(*where)), n = 0;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < r->n_observations; i++) {
		if (settled[i] || provider_of(r->observations[i].type) != provider)
			continue;
		settled[i] = true;
		where[n++] = i;
	}
	if (n || for_strays) {
		env = reconcile_env(r, &r->arena);
		request.items = arena_alloc(&r->arena, n * sizeof(*request.items));
		for (; request.n < n; request.n++)
			request.items[request.n] = r->observations[where[request.n]];
		if (provider->observe(&env, &request, &err) < 0)
			all_unknown(&request, arena_strdup(&r->arena, err.msg));
		for (size_t i = 0; i < n; i++) {
			r->observations[where[i]] = request.items[i];
			observe_keep(r, &request.items[i]);
		}
		keep_strays(r, &request);
	}
	free(where);
}

static const char *home_of(struct reconcile *r, const struct observation *item)
{
	uint32_t node = item->desired ? graph_find(&r->graph, item->address) : MAP_NONE;

	if (node != MAP_NONE)
		return within_node(&r->graph, node);
	return item->record ? within_record(item->record, &r->arena) : NULL;
}

static bool stays(struct reconcile *r, const struct observation *item, const char *home)
{
	const char *before = item->record ? within_record(item->record, &r->arena) : NULL;

	return before && strcmp(address_now(r, before), home) == 0;
}

/* Homes are few: a walk over those is as good as an index. */
static size_t find_homes(struct reconcile *r, const struct observation **homes)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_observations; i++) {
		const struct observation *item = &r->observations[i];

		if (item->type->flags & TYPE_HOLDS &&
			!(item->record && item->record->status == RECORD_DEPOSED))
			homes[n++] = item;
	}
	return n;
}

static const struct observation *find_home(const struct observation *const *homes, size_t n,
	const char *address)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(homes[i]->address, address) == 0)
			return homes[i];
	}
	return NULL;
}

/* First what lives in nothing; then what lives in that and can be seen there. */
static void ask_all(struct reconcile *r)
{
	uint8_t *settled = xcalloc(r->n_observations + 1, 1);
	const char **lives_in = xcalloc(r->n_observations + 1, sizeof(*lives_in));
	const struct observation **homes = xcalloc(r->n_observations + 1, sizeof(*homes));
	size_t n = find_homes(r, homes);

	for (size_t i = 0; i < r->n_observations; i++) {
		lives_in[i] = home_of(r, &r->observations[i]);
		settled[i] = lives_in[i] != NULL;
		if (lives_in[i])
			r->observations[i].stays = stays(r, &r->observations[i], lives_in[i]);
	}
	for (size_t i = 0; i < provider_count; i++)
		ask_provider(r, provider_table[i], settled, r->options.only_strays);
	for (size_t i = 0; i < r->n_observations; i++) {
		if (lives_in[i])
			settled[i] = within_settles(&r->observations[i], lives_in[i],
				find_home(homes, n, lives_in[i]), &r->arena);
	}
	for (size_t i = 0; i < provider_count; i++)
		ask_provider(r, provider_table[i], settled, false);
	free(settled);
	free(lives_in);
	free(homes);
}

int observe_all(struct reconcile *r, const struct view *views, struct error *err)
{
	struct batch batch = {.r = r};

	r->observations = NULL;
	r->n_observations = r->n_strays = 0;
	add_desired(&batch, views);
	add_recorded(&batch);
	add_open(&batch);
	map_release(&batch.desired);
	mark_early(r);
	mark_followers(r);
	mark_may_go(r);
	if (r->options.no_refresh) {
		for (size_t i = 0; i < r->n_observations; i++)
			r->observations[i].presence = r->observations[i].record ? PRESENCE_UNTRACKED
										 : PRESENCE_ABSENT;
		return 0;
	}
	ask_all(r);
	return others_keep(r, err);
}
