/* See blame.h. One call of git for each file of the manifest, all of its lines at once. */
#include "cli/blame.h"

#include "base/fs.h"
#include "base/git.h"

#include <stdlib.h>
#include <string.h>

enum {
	LIMIT = 2000,  /* ms for all files */
	MOST = 5000,   /* places; the rest is left out */
};

/* A place and where its commit is told. */
struct place {
	struct pos pos;
	const char **by;
};

struct places {
	struct place *items;
	size_t n, cap;
};

static void add(struct places *places, struct pos pos, const char **by)
{
	if (!pos.source || !pos.line || places->n == MOST)
		return;
	VEC_GROW(places->items, places->n, places->cap);
	places->items[places->n++] = (struct place){pos, by};
}

/* The plan lies in the arena of its reconcile, and nobody else has it yet. */
static void collect(struct reconcile *r, const char *address, struct places *places)
{
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];
		struct reason *reasons = (struct reason *)change->reasons;
		struct attribute_change *attributes = (struct attribute_change *)change->attributes;

		if (address ? strcmp(change->address, address) != 0 : change->action == ACTION_NOOP)
			continue;
		for (size_t k = 0; k < change->n_reasons; k++)
			add(places, reasons[k].pos, &reasons[k].by);
		for (size_t k = 0; k < change->n_attributes; k++) {
			if (!attributes[k].drift)
				add(places, attributes[k].pos, &attributes[k].by);
		}
	}
}

static int by_source(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->pos.source != y->pos.source)
		return x->pos.source < y->pos.source ? -1 : 1;
	return x->pos.line < y->pos.line ? -1 : x->pos.line > y->pos.line;
}

static const char *words_of(const struct git_found *found, bool working, struct arena *arena)
{
	if (!found->commit)
		return working ? "not committed yet" : NULL;
	return arena_printf(arena, "%.12s by %s: %s", found->commit, found->author, found->summary);
}

/* All places of one file. */
static void blame_file(struct reconcile *r, const struct git *git, const struct blame_source *source,
	const struct place *places, size_t n)
{
	struct arena *arena = &r->arena;
	const struct source *of = sources_get(&r->manifest.sources, places->pos.source);
	const char *path = fs_normalise(arena, fs_join(arena, r->manifest.root, of->path));
	const char *inside = fs_relative(source->root, path);
	struct git_found *found = arena_alloc(arena, n * sizeof(*found));
	uint32_t *lines = arena_alloc(arena, n * sizeof(*lines));
	struct error err = ERROR_INIT;

	if (!of->text || inside == path || *of->path == '~')
		return;
	for (size_t i = 0; i < n; i++)
		lines[i] = places[i].pos.line;
	if (git_blame(git, source->repository, source->commit, inside, source->working ? path : NULL, lines,
		    n, arena, found, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		*places[i].by = words_of(&found[i], source->working, arena);
}

void blame_plan(struct reconcile *r, const struct blame_source *source, const char *address)
{
	struct git git = {.clock = r->clock};
	int64_t end = clock_monotonic(r->clock) + LIMIT;
	struct error err = ERROR_INIT;
	struct places places = {0};
	size_t n;

	collect(r, address, &places);
	if (places.n && git_helper(r->self, &r->arena, &git.helper, &err) < 0)
		places.n = 0;
	if (places.n)
		qsort(places.items, places.n, sizeof(*places.items), by_source);
	for (size_t i = 0; i < places.n; i += n) {
		for (n = 1; i + n < places.n; n++) {
			if (places.items[i + n].pos.source != places.items[i].pos.source)
				break;
		}
		git.limit = end - clock_monotonic(r->clock);
		if (git.limit <= 0)
			break;
		blame_file(r, &git, source, &places.items[i], n);
	}
	free(places.items);
}

void blame_plan_here(struct reconcile *r, const char *address)
{
	struct git git = {.clock = r->clock, .limit = LIMIT};
	struct git_found found;
	struct error err = ERROR_INIT;

	if (!r->manifest.root || git_helper(r->self, &r->arena, &git.helper, &err) < 0 ||
		git_find(&git, r->manifest.root, "HEAD", NULL, &r->arena, &found, &err) < 0)
		return;
	blame_plan(r, &(struct blame_source){fs_normalise(&r->arena, found.root), found.repository,
		found.commit, true}, address);
}
