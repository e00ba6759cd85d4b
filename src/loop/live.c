/* See live.h. */
#include "loop/live.h"

#include "base/fs.h"
#include "engine/manage.h"
#include "engine/observe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEEPEST = 64, LIMIT = 120 * 1000 };

/* --- rules -------------------------------------------------------------------------------------- */

static void forget_places(struct live_rule *rule)
{
	for (size_t i = 0; i < rule->n_places; i++)
		free(rule->places[i]);
	free(rule->places);
	rule->places = NULL;
	rule->n_places = 0;
}

static void forget_rules(struct live *live)
{
	for (size_t i = 0; i < live->n; i++)
		forget_places(&live->rules[i]);
	arena_release(&live->arena);
	live->rules = NULL;
	live->replaces = NULL;
	live->n = 0;
}

void live_release(struct live *live)
{
	forget_rules(live);
	trail_release(&live->seen);
}

static enum live_action action_of(const struct value *rule)
{
	const char *action = value_get_text(rule, "action", "copy");

	return strcmp(action, "restart") == 0 ? LIVE_RESTART
		: strcmp(action, "rebuild") == 0 ? LIVE_REBUILD : LIVE_COPY;
}

static const char *path_of(const struct reconcile *r, const struct value *rule, struct arena *arena)
{
	return fs_normalise(arena, fs_join(arena, r->manifest.root, value_get_text(rule, "path", ".")));
}

/* What the same rule reached before. */
static void take_places(struct live *live, struct live_rule *rule)
{
	for (size_t i = 0; i < live->n; i++) {
		struct live_rule *old = &live->rules[i];

		if (strcmp(old->address, rule->address) != 0 || strcmp(old->path, rule->path) != 0 ||
			strcmp(old->target ? old->target : "", rule->target ? rule->target : "") != 0)
			continue;
		rule->places = old->places;
		rule->n_places = old->n_places;
		old->places = NULL;
		old->n_places = 0;
		return;
	}
}

static void replace(struct live *live, const char *address)
{
	size_t n = 0;

	if (!live->replaces)
		live->replaces = arena_zalloc(&live->arena, (live->n + 1) * sizeof(*live->replaces));
	while (live->replaces[n] && strcmp(live->replaces[n], address) != 0)
		n++;
	live->replaces[n] = address;
}

/* What is to be made anew stays so until it is, as long as there is a rule for it. */
static void keep_replaces(struct live *next, const struct live *live)
{
	for (const char *const *address = live->replaces; address && *address; address++)
		for (size_t i = 0; i < next->n; i++)
			if (strcmp(next->rules[i].address, *address) == 0)
				replace(next, next->rules[i].address);
}

void live_take(struct live *live, const struct reconcile *r)
{
	struct live next = {0};
	size_t cap = 0;

	for (uint32_t i = 0; i < r->graph.n; i++) {
		const struct resource *resource = r->graph.nodes[i].resource;

		for (uint32_t k = 0; resource->sync && k < resource->sync->len; k++) {
			const struct value *rule = &resource->sync->items[k];
			const char *target = value_get_text(rule, "target", NULL);

			ARENA_GROW(&next.arena, next.rules, next.n, cap);
			next.rules[next.n] = (struct live_rule){
				.address = arena_strdup(&next.arena, resource->address),
				.path = path_of(r, rule, &next.arena),
				.target = target ? arena_strdup(&next.arena, target) : NULL,
				.action = action_of(rule),
				.planned = provider_of(resource->type)->places != NULL,
			};
			take_places(live, &next.rules[next.n]);
			next.n++;
		}
	}
	keep_replaces(&next, live);
	forget_rules(live);
	live->arena = next.arena;
	live->rules = next.rules;
	live->n = next.n;
	live->replaces = next.replaces;
}

static bool is_below(const char *folder, const char *path)
{
	return fs_relative(folder, path) != path || strcmp(folder, path) == 0;
}

bool live_covers(const struct live *live, const char *path)
{
	bool covered = false;

	for (size_t i = 0; i < live->n; i++) {
		if (!is_below(live->rules[i].path, path))
			continue;
		if (live->rules[i].action == LIVE_REBUILD)
			return false;
		covered = true;
	}
	return covered;
}

void live_note(struct live *live, const char *path)
{
	for (size_t i = 0; i < live->n; i++)
		if (live->rules[i].action == LIVE_REBUILD && !live->rules[i].planned && is_below(live->rules[i].path, path))
			replace(live, live->rules[i].address);
}

void live_made(struct live *live)
{
	live->replaces = NULL;
}

/* --- files -------------------------------------------------------------------------------------- */

static void mark_tree(struct arena *arena, const char *path, int depth)
{
	const char *const *names;
	enum fs_kind kind;
	size_t n;

	if (depth > DEEPEST || fs_look(path, &kind, NULL, NULL) < 0)
		return;
	if (kind == FS_FILE) {
		cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0)
			trail_hash(path, fd, NULL);
	}
	if (kind != FS_DIRECTORY || fs_list(path, arena, &names, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (trail_name_counts(names[i]) && strcmp(names[i], ".git") != 0)
			mark_tree(arena, fs_join(arena, path, names[i]), depth + 1);
}

void live_mark(const struct reconcile *r)
{
	struct arena arena = ARENA_INIT;

	for (uint32_t i = 0; i < r->graph.n; i++) {
		const struct value *sync = r->graph.nodes[i].resource->sync;

		for (uint32_t k = 0; sync && k < sync->len; k++)
			mark_tree(&arena, path_of(r, &sync->items[k], &arena), 0);
	}
	arena_release(&arena);
}

static bool is_file(const struct trail_item *item)
{
	return item && item->content && S_ISREG(item->stamp.type);
}

static bool differs(const struct trail_item *now, const struct trail_item *before)
{
	return !is_file(before) || !trail_stamp_same(&now->stamp, &before->stamp);
}

struct copying {
	struct arena *arena;
	const struct live_rule *rule;
	struct copy_item *items;
	size_t n, cap;
};

static void add(struct copying *c, const struct trail_item *item, bool gone)
{
	const char *inside = fs_relative(c->rule->path, item->path);

	ARENA_GROW(c->arena, c->items, c->n, c->cap);
	c->items[c->n++] = (struct copy_item){
		.from = gone ? NULL : item->path,
		.to = strcmp(inside, ".") == 0 ? c->rule->target : fs_join(c->arena, c->rule->target, inside),
	};
}

/* What a rule copies; `all`: into something that has nothing yet. Returns whether anything changed. */
static bool collect(struct copying *c, const struct trail *now, const struct trail *seen, bool all)
{
	bool changed = false;

	for (size_t i = 0; i < now->n; i++) {
		const struct trail_item *item = &now->items[i];

		if (!is_file(item) || !is_below(c->rule->path, item->path) ||
			(!all && !differs(item, trail_find(seen, item->path))))
			continue;
		changed = true;
		if (c->rule->target)
			add(c, item, false);
	}
	for (size_t i = 0; !all && i < seen->n; i++) {
		const struct trail_item *item = &seen->items[i];

		if (!is_file(item) || !is_below(c->rule->path, item->path) ||
			is_file(trail_find(now, item->path)))
			continue;
		changed = true;
		if (c->rule->target)
			add(c, item, true);
	}
	return changed;
}

/* --- one rule ----------------------------------------------------------------------------------- */

struct push {
	struct live *live;
	struct live_rule *rule;
	struct reconcile *r;
	const struct trail *now;
	const struct provider *provider;
	struct provider_env env;
	struct record *record;
	bool restarted; /* a place: what came instead is filled, and nothing else */
	void (*tell)(void *arg, bool failed, const char *text);
	void *arg;
};

static bool is_known(const struct live_rule *rule, const char *place)
{
	for (size_t i = 0; i < rule->n_places; i++)
		if (strcmp(rule->places[i], place) == 0)
			return true;
	return false;
}

static void told(struct push *push, const struct copy_request *request)
{
	struct arena *arena = &push->r->arena;
	const char *place = request->place ? request->place : "";

	if (request->n)
		push->tell(push->arg, false, arena_printf(arena, "%s: %zu file%s copied%s%s%s",
			push->rule->address, request->n, request->n == 1 ? "" : "s",
			*place ? " into " : "", place, request->restart ? ", restarted" : ""));
	else
		push->tell(push->arg, false, arena_printf(arena, "%s: %s%srestarted",
			push->rule->address, place, *place ? " " : ""));
}

/* What has all files from here on; false: it is tried with all of them the next time. */
static bool push_place(struct push *push, const char *place, bool *restarted)
{
	bool fresh = !is_known(push->rule, place), changed;
	struct copying copying = {.arena = &push->r->arena, .rule = push->rule};
	struct error err = ERROR_INIT;
	struct copy_request request;

	if (push->restarted && !fresh)
		return true;
	changed = collect(&copying, push->now, &push->live->seen, fresh);
	request = (struct copy_request){.items = copying.items, .n = copying.n,
		.place = push->provider->places ? place : NULL,
		.restart = push->rule->action == LIVE_RESTART && changed &&
			(push->provider->places ? !fresh : !fresh || copying.n)};
	if (request.place && request.restart)
		request.n = 0; /* they would go with it */
	if (!request.n && !request.restart)
		return true;
	if (push->provider->copy(&push->env, push->record, &request, &err) < 0) {
		push->tell(push->arg, true, arena_printf(&push->r->arena, "sync of %s: %s",
			push->rule->address, err.msg));
		return false;
	}
	told(push, &request);
	*restarted |= request.restart;
	return true;
}

static void push_places(struct push *push)
{
	const char *const own[] = {push->record->id}, *const *places = own;
	struct live_rule reached = {0};
	struct error err = ERROR_INIT;
	size_t n = 1, cap = 0;
	bool restarted = false;

	if (push->provider->places &&
		push->provider->places(&push->env, push->record, &places, &n, &err) < 0) {
		push->tell(push->arg, true, arena_printf(&push->r->arena, "sync of %s: %s",
			push->rule->address, err.msg));
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!push_place(push, places[i], &restarted))
			continue;
		VEC_GROW(reached.places, reached.n_places, cap);
		reached.places[reached.n_places++] = xstrdup(places[i]);
	}
	forget_places(push->rule);
	push->rule->places = reached.places;
	push->rule->n_places = reached.n_places;
	push->restarted = restarted;
}

static void push_rule(struct push *push)
{
	struct error err = ERROR_INIT;

	push->record = manage_record(push->r, push->rule->address, &err);
	push->provider = push->record ? provider_by_type(push->record->type) : NULL;
	if (!push->record || !push->record->id || !push->provider || !push->provider->copy ||
		push->rule->action == LIVE_REBUILD)
		return;
	push->env = reconcile_env(push->r, &push->r->arena);
	push->env.deadline = clock_monotonic(push->r->clock) + LIMIT;
	push_places(push);
	if (push->restarted && push->provider->places)
		push_places(push); /* those that came instead */
}

void live_push(struct live *live, struct reconcile *r, struct trail *now,
	void (*tell)(void *arg, bool failed, const char *text), void *arg)
{
	for (size_t i = 0; i < live->n; i++)
		push_rule(&(struct push){.live = live, .rule = &live->rules[i], .r = r, .now = now,
			.tell = tell, .arg = arg});
	trail_release(&live->seen);
	live->seen = *now;
	*now = (struct trail){0};
}
