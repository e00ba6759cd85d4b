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

static void forget_rules(struct live *live)
{
	for (size_t i = 0; i < live->n; i++)
		free(live->rules[i].id);
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

static char *known_id(const struct live *live, const struct live_rule *rule)
{
	for (size_t i = 0; i < live->n; i++) {
		const struct live_rule *old = &live->rules[i];

		if (old->id && strcmp(old->address, rule->address) == 0 &&
			strcmp(old->path, rule->path) == 0 && old->target && rule->target &&
			strcmp(old->target, rule->target) == 0)
			return xstrdup(old->id);
	}
	return NULL;
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
			};
			next.rules[next.n].id = known_id(live, &next.rules[next.n]);
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
		if (live->rules[i].action == LIVE_REBUILD && is_below(live->rules[i].path, path))
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

static void push_rule(struct live *live, struct live_rule *rule, struct reconcile *r,
	const struct trail *now, void (*tell)(void *arg, bool failed, const char *text), void *arg)
{
	struct error err = ERROR_INIT;
	struct record *record = manage_record(r, rule->address, &err);
	const struct provider *provider = record ? provider_by_type(record->type) : NULL;
	struct copying copying = {.arena = &r->arena, .rule = rule};
	struct provider_env env = reconcile_env(r, &r->arena);
	struct copy_request request;
	bool fresh, changed;

	if (!record || !record->id || !provider || !provider->copy || rule->action == LIVE_REBUILD)
		return;
	fresh = !rule->id || strcmp(rule->id, record->id) != 0;
	changed = collect(&copying, now, &live->seen, fresh);
	request = (struct copy_request){copying.items, copying.n,
		rule->action == LIVE_RESTART && changed && (!fresh || copying.n)};
	env.deadline = clock_monotonic(r->clock) + LIMIT;
	if ((request.n || request.restart) && provider->copy(&env, record, &request, &err) < 0) {
		tell(arg, true, arena_printf(&r->arena, "sync of %s: %s", rule->address, err.msg));
		return;
	}
	free(rule->id);
	rule->id = xstrdup(record->id);
	if (request.n || request.restart)
		tell(arg, false, arena_printf(&r->arena, "%s: %zu file%s copied%s", rule->address,
			request.n, request.n == 1 ? "" : "s", request.restart ? ", restarted" : ""));
}

void live_push(struct live *live, struct reconcile *r, struct trail *now,
	void (*tell)(void *arg, bool failed, const char *text), void *arg)
{
	for (size_t i = 0; i < live->n; i++)
		push_rule(live, &live->rules[i], r, now, tell, arg);
	trail_release(&live->seen);
	live->seen = *now;
	*now = (struct trail){0};
}
