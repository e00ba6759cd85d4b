/*
 * spec.moved: where the record of a resource goes that has a new address. A chain of moves leads to
 * its end, a move of a forEach takes along each instance, so that what comes out is pairs of whole
 * addresses. Nothing may move to two places, or two to one: a record would be lost.
 */
#include "manifest/loading.h"

#include <string.h>

struct moves {
	struct loading *l;
	struct moved *items;
	size_t n, cap;
	size_t written;              /* of the items, those that stand in the manifest */
	struct map by_from, by_to;   /* into those */
	struct map declared;         /* addresses of resources, also without their keys */
};

static void add(struct moves *m, const char *from, const char *to, struct pos pos)
{
	ARENA_GROW(m->l->arena, m->items, m->n, m->cap);
	m->items[m->n++] = (struct moved){.from = from, .to = to, .pos = pos};
}

static bool same_type(const char *a, const char *b)
{
	size_t len = strcspn(a, ".");

	return strcspn(b, ".") == len && memcmp(a, b, len) == 0;
}

static int report_twice(struct moves *m, struct pos pos, uint32_t first, const char *what,
	const char *address)
{
	diag_error(m->l->diags, pos, what, address);
	diag_hint(m->l->diags, "the first is at %s",
		pos_str(&m->l->manifest->sources, m->items[first].pos, m->l->arena));
	return -1;
}

static int check(struct moves *m, const char *from, const char *to, struct pos pos)
{
	uint32_t first;

	if (strcmp(from, to) == 0)
		return diag_error(m->l->diags, pos, "%s moves to itself", from);
	if (!same_type(from, to)) {
		diag_error(m->l->diags, pos, "%s cannot move to %s: that is another type", from, to);
		diag_hint(m->l->diags, "a move changes the name only; what has another type is made anew");
		return -1;
	}
	first = map_get(&m->by_from, from);
	if (first != MAP_NONE)
		return report_twice(m, pos, first, "%s moves to two addresses", from);
	first = map_get(&m->by_to, to);
	if (first != MAP_NONE)
		return report_twice(m, pos, first, "two addresses move to %s", to);
	return 0;
}

static void read_written(struct moves *m, const struct value *list)
{
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *from = value_get(&list->items[i], "from");
		const struct value *to = value_get(&list->items[i], "to");
		const char *old, *new;

		if (!from || !to)
			continue; /* the schema has said it */
		old = meta_address(m->l, from);
		new = meta_address(m->l, to);
		if (!old || !new || check(m, old, new, value_pos(from)) < 0)
			continue;
		map_add(&m->by_from, old, (uint32_t)m->n);
		map_add(&m->by_to, new, (uint32_t)m->n);
		add(m, old, new, value_pos(from));
	}
	m->written = m->n;
}

static void index_declared(struct moves *m)
{
	const struct manifest *manifest = m->l->manifest;

	for (uint32_t i = 0; i < manifest->n_resources; i++) {
		const char *address = manifest->resources[i].address;
		size_t base = strcspn(address, "[");

		map_add(&m->declared, address, i);
		if (address[base])
			map_add(&m->declared, arena_strndup(m->l->arena, address, base), i);
	}
}

/* a -> b, b -> c: what is still recorded as a goes to c. A circle leads nowhere. */
static void follow_chains(struct moves *m)
{
	for (size_t i = 0; i < m->written; i++) {
		const char *at = m->items[i].to;
		size_t steps = 0;
		uint32_t next;

		while ((next = map_get(&m->by_from, at)) != MAP_NONE && steps++ <= m->written)
			at = m->items[next].to;
		if (steps > m->written)
			diag_error(m->l->diags, m->items[i].pos, "%s moves in a circle", m->items[i].from);
		else if (steps && map_get(&m->declared, at) != MAP_NONE)
			add(m, m->items[i].from, at, m->items[i].pos);
	}
}

/* local_file.a -> local_file.b is also local_file.a["k"] -> local_file.b["k"]. */
static void add_instances(struct moves *m)
{
	const struct manifest *manifest = m->l->manifest;
	size_t n = m->n;

	for (size_t i = 0; i < manifest->n_resources; i++) {
		const char *address = manifest->resources[i].address;
		size_t base = strcspn(address, "[");

		for (size_t j = 0; address[base] && j < n; j++) {
			const struct moved *move = &m->items[j];

			if (strncmp(move->to, address, base) == 0 && !move->to[base] &&
				!strchr(move->from, '['))
				add(m, arena_printf(m->l->arena, "%s%s", move->from, address + base),
					address, move->pos);
		}
	}
}

/* On a cluster the number of replicas is in the object. */
static bool is_repeated(const struct type *type)
{
	for (size_t i = 0; i < type->schema->n_properties; i++)
		if (type->schema->properties[i].schema->flags & SCHEMA_WITHIN)
			return false;
	return (type->flags & (TYPE_RUNS | TYPE_JOB)) != 0;
}

/* "1" of a service with replicas is the one that it is without: scaling leaves it alone. */
static void add_replica(struct moves *m, const struct resource *resource)
{
	const char *from;

	if (!resource->service || strcmp(resource->name, resource->service) != 0 ||
		!is_repeated(resource->type) ||
		(resource->key && strcmp(resource->key, "1") != 0))
		return;
	from = arena_printf(m->l->arena, "%s.%s%s", resource->type->name, resource->name,
		resource->key ? "" : "[\"1\"]");
	add(m, from, resource->address, resource->pos);
}

void moved_read(struct loading *l)
{
	const struct value *list = value_path(l->manifest->merged, "spec.moved");
	struct moves m = {.l = l};

	if (list && list->kind == VALUE_LIST && list->len) {
		read_written(&m, list);
		index_declared(&m);
		follow_chains(&m);
		add_instances(&m);
	}
	for (size_t i = 0; i < l->manifest->n_resources; i++)
		add_replica(&m, &l->manifest->resources[i]);
	map_release(&m.by_from);
	map_release(&m.by_to);
	map_release(&m.declared);
	l->manifest->n_moved = m.n;
	l->manifest->moved = m.items;
}
