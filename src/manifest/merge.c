/*
 * Layers into one value, the lowest first. Maps merge by key; lists whose schema has a merge key
 * merge by that; everything else is replaced. null removes a key that a lower layer has, `$delete:
 * true` an item. Untouched parts are shared with their layer, and a single layer is not copied at
 * all.
 *
 * A merged map or item keeps the place of the lower one: there it is declared. Its members keep
 * theirs.
 */
#include "base/error.h"
#include "manifest/loading.h"
#include "model/schema.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEY_PARTS = 4, SMALL_MAP = 16 };

struct merger {
	struct loading *l;
	bool override; /* the upper layer is a --set: it makes no new items */
};

/* "type+name", cut into its parts. */
struct merge_key {
	char parts[MAX_KEY_PARTS][32];
	size_t n;
};

/* Items of a list by their merge key: open addressing, 0 is free, else the index + 1. */
struct item_index {
	const struct merge_key *key;
	uint32_t *slots;
	size_t cap;
};

static struct value merge(struct merger *m, const struct schema *schema, const struct value *lower,
	const struct value *upper);
static struct value check_fresh(struct merger *m, const struct schema *schema,
	const struct value *value);

static void parse_key(const char *text, struct merge_key *key)
{
	key->n = 0;
	while (*text && key->n < MAX_KEY_PARTS) {
		size_t len = strcspn(text, "+");

		if (len >= sizeof(key->parts[0]))
			BUG("merge key part too long: %s", text);
		memcpy(key->parts[key->n], text, len);
		key->parts[key->n++][len] = '\0';
		text += len + (text[len] == '+');
	}
}

static bool is_key_part(const struct merge_key *key, const char *name)
{
	for (size_t i = 0; i < key->n; i++) {
		if (strcmp(key->parts[i], name) == 0)
			return true;
	}
	return false;
}

/* 0: it has no complete key. */
static uint32_t hash_item(const struct merge_key *key, const struct value *item)
{
	uint32_t hash = 1;

	for (size_t i = 0; i < key->n; i++) {
		const struct value *part = value_get(item, key->parts[i]);

		if (!value_text(part, NULL))
			return 0;
		hash = hash * 31 + map_hash(part->text, part->len);
	}
	return hash ? hash : 1;
}

static bool same_key(const struct merge_key *key, const struct value *a, const struct value *b)
{
	for (size_t i = 0; i < key->n; i++) {
		const char *x = value_get_text(a, key->parts[i], ""), *y;

		y = value_get_text(b, key->parts[i], "");
		if (strcmp(x, y) != 0)
			return false;
	}
	return true;
}

/* "local_file.motd": for people. */
static const char *key_text(struct merger *m, const struct merge_key *key, const struct value *item)
{
	const char *text = "";

	for (size_t i = 0; i < key->n; i++)
		text = arena_printf(m->l->arena, "%s%s%s", text, i ? "." : "",
			value_get_text(item, key->parts[i], ""));
	return text;
}

static void index_init(struct item_index *index, const struct merge_key *key, size_t n)
{
	*index = (struct item_index){.key = key, .cap = 16};
	while (index->cap < 2 * n)
		index->cap *= 2;
	index->slots = xcalloc(index->cap, sizeof(*index->slots));
}

/* The slot of an item with the key of `item`, or the free one where it belongs. */
static uint32_t *index_slot(const struct item_index *index, const struct value *items,
	const struct value *item, uint32_t hash)
{
	size_t at = hash & (index->cap - 1);

	while (index->slots[at] && !same_key(index->key, &items[index->slots[at] - 1], item))
		at = (at + 1) & (index->cap - 1);
	return &index->slots[at];
}

/* Fills the index; an item that stands twice is reported and left out of it. */
static void index_items(struct merger *m, struct item_index *index, const struct value *list)
{
	for (uint32_t i = 0; i < list->len; i++) {
		uint32_t hash = hash_item(index->key, &list->items[i]), *slot;

		if (!hash)
			continue; /* the schema will say what is missing */
		slot = index_slot(index, list->items, &list->items[i], hash);
		if (!*slot) {
			*slot = i + 1;
			continue;
		}
		diag_error(m->l->diags, value_pos(&list->items[i]),
			"%s is declared twice in one file",
			key_text(m, index->key, &list->items[i]));
		diag_hint(m->l->diags, "the first is at %s; give one of them another name",
			pos_str(&m->l->manifest->sources, value_pos(&list->items[*slot - 1]),
				m->l->arena));
	}
}

static void keep_place(struct value *value, const struct value *place)
{
	value->source = place->source;
	value->line = place->line;
	value->column = place->column;
}

/* --- what no lower layer has */

static void nothing_to_delete(struct merger *m, const struct value *value, const char *what)
{
	diag_warning(m->l->diags, value_pos(value), "$delete: no lower layer has %s", what);
}

static struct value check_fresh_list(struct merger *m, const struct schema *schema,
	const struct value *list)
{
	struct merge_key key;
	struct item_index index;
	struct value_builder builder;
	struct value stripped;
	bool deletes = false;

	parse_key(schema->merge_key, &key);
	index_init(&index, &key, list->len);
	index_items(m, &index, list);
	free(index.slots);
	for (uint32_t i = 0; i < list->len; i++)
		deletes |= list->items[i].flags & VALUE_DELETE;
	if (!deletes)
		return *list;
	builder_init(&builder, m->l->arena);
	for (uint32_t i = 0; i < list->len; i++) {
		if (list->items[i].flags & VALUE_DELETE)
			nothing_to_delete(m, &list->items[i], key_text(m, &key, &list->items[i]));
		else
			builder_push(&builder, list->items[i]);
	}
	stripped = builder_list(&builder);
	keep_place(&stripped, list);
	return stripped;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->kind == b->kind && a->len == b->len && a->text == b->text;
}

static struct value check_fresh_map(struct merger *m, const struct schema *schema,
	const struct value *map)
{
	struct member *members = NULL;
	struct value result;
	uint32_t n = 0;

	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];
		const struct schema *of = schema_member(schema, map, member->key);
		struct value value = member->value;
		bool delete = of && of->kinds == SCHEMA_MAP && value.flags & VALUE_DELETE;

		if (delete)
			nothing_to_delete(m, &value, member->key);
		else
			value = check_fresh(m, of, &member->value);
		if (!members && !delete && same(&value, &member->value)) {
			n++;
			continue;
		}
		if (!members) {
			members = arena_alloc(m->l->arena, map->len * sizeof(*members));
			memcpy(members, map->members, n * sizeof(*members));
		}
		if (delete)
			continue;
		members[n] = *member;
		members[n++].value = value;
	}
	if (!members)
		return *map;
	result = value_map(members, n);
	keep_place(&result, map);
	return result;
}

/* Finds duplicates, and takes out what deletes nothing. */
static struct value check_fresh(struct merger *m, const struct schema *schema,
	const struct value *value)
{
	if (!schema)
		return *value;
	if (value->kind == VALUE_LIST && schema->merge_key)
		return check_fresh_list(m, schema, value);
	if (value->kind == VALUE_MAP && schema->n_properties)
		return check_fresh_map(m, schema, value);
	return *value;
}

/* --- two layers */

/* What an item is addressed by stays as the lower layer says it: it is the same anyway. */
static struct value merge_item(struct merger *m, const struct schema *schema,
	const struct merge_key *key, const struct value *lower, const struct value *upper)
{
	struct member *members = arena_alloc(m->l->arena, upper->len * sizeof(*members));
	struct value rest = *upper;
	uint32_t n = 0;

	for (uint32_t i = 0; i < upper->len; i++) {
		if (!is_key_part(key, upper->members[i].key))
			members[n++] = upper->members[i];
	}
	rest.members = members;
	rest.len = n;
	return merge(m, schema, lower, &rest);
}

static void report_no_item(struct merger *m, const struct merge_key *key, const struct value *lower,
	const struct value *item)
{
	struct nearest nearest = {.word = key_text(m, key, item)};

	diag_error(m->l->diags, value_pos(item), "there is no %s to set", nearest.word);
	for (uint32_t i = 0; i < lower->len; i++)
		nearest_try(&nearest, key_text(m, key, &lower->items[i]));
	if (nearest.best)
		diag_hint(m->l->diags, "did you mean %s?", nearest.best);
	else
		diag_hint(m->l->diags, "--set changes what the manifest has; add it there");
}

static struct value merge_lists(struct merger *m, const struct schema *schema,
	const struct value *lower, const struct value *upper)
{
	struct value *items = arena_alloc(m->l->arena, (lower->len + upper->len) * sizeof(*items));
	struct merge_key key;
	struct item_index below, above;
	struct value merged;
	size_t n = 0;

	parse_key(schema->merge_key, &key);
	index_init(&below, &key, lower->len);
	index_init(&above, &key, upper->len);
	for (uint32_t i = 0; i < lower->len; i++) { /* were checked when they were fresh */
		uint32_t hash = hash_item(&key, &lower->items[i]);

		if (hash)
			*index_slot(&below, lower->items, &lower->items[i], hash) = i + 1;
	}
	index_items(m, &above, upper);
	for (uint32_t i = 0; i < lower->len; i++) {
		const struct value *item = &lower->items[i], *over;
		uint32_t hash = hash_item(&key, item);
		uint32_t slot = hash ? *index_slot(&above, upper->items, item, hash) : 0;

		over = slot ? &upper->items[slot - 1] : NULL;
		if (!over)
			items[n++] = *item;
		else if (!(over->flags & VALUE_DELETE))
			items[n++] = merge_item(m, schema->items, &key, item, over);
	}
	for (uint32_t i = 0; i < upper->len; i++) {
		const struct value *item = &upper->items[i];
		uint32_t hash = hash_item(&key, item);

		if (hash && *index_slot(&below, lower->items, item, hash))
			continue;
		if (m->override)
			report_no_item(m, &key, lower, item);
		else if (item->flags & VALUE_DELETE)
			nothing_to_delete(m, item, key_text(m, &key, item));
		else
			items[n++] = check_fresh(m, schema->items, item);
	}
	free(below.slots);
	free(above.slots);
	merged = value_list(items, n);
	keep_place(&merged, lower);
	return merged;
}

/* Finds members by key: a walk for small maps, a hash map for large ones. */
struct finder {
	const struct value *map;
	struct map index;
};

static void finder_init(struct finder *finder, const struct value *map)
{
	*finder = (struct finder){.map = map};
	for (uint32_t i = 0; map->len > SMALL_MAP && i < map->len; i++)
		map_add(&finder->index, map->members[i].key, i);
}

static const struct member *finder_get(const struct finder *finder, const char *key)
{
	uint32_t at;

	if (finder->map->len <= SMALL_MAP)
		return value_member(finder->map, key);
	at = map_get(&finder->index, key);
	return at == MAP_NONE ? NULL : &finder->map->members[at];
}

static bool removes(const struct schema *schema, const struct value *value)
{
	return value->kind == VALUE_NULL ||
		(value->flags & VALUE_DELETE && (!schema || !schema->merge_key));
}

static struct value merge_maps(struct merger *m, const struct schema *schema,
	const struct value *lower, const struct value *upper)
{
	struct member *members =
		arena_alloc(m->l->arena, (lower->len + upper->len) * sizeof(*members));
	struct finder below, above;
	struct value merged;
	size_t n = 0;

	finder_init(&below, lower);
	finder_init(&above, upper);
	for (uint32_t i = 0; i < lower->len; i++) {
		const struct member *old = &lower->members[i], *new = finder_get(&above, old->key);
		const struct schema *of = NULL;

		members[n] = *old;
		if (new) {
			of = schema ? schema_member(schema, lower, old->key) : NULL;
			if (removes(of, &new->value))
				continue;
			members[n].value = merge(m, of, &old->value, &new->value);
			if (!same(&members[n].value, &old->value) && old->value.kind != VALUE_MAP)
				members[n].pos = new->pos;
		}
		n++;
	}
	for (uint32_t i = 0; i < upper->len; i++) {
		const struct member *new = &upper->members[i];

		if (finder_get(&below, new->key))
			continue;
		members[n] = *new;
		members[n++].value = check_fresh(
			m, schema ? schema_member(schema, lower, new->key) : NULL, &new->value);
	}
	map_release(&below.index);
	map_release(&above.index);
	merged = value_map(members, n);
	keep_place(&merged, lower);
	return merged;
}

static struct value merge(struct merger *m, const struct schema *schema, const struct value *lower,
	const struct value *upper)
{
	if (lower->kind == VALUE_MAP && upper->kind == VALUE_MAP)
		return merge_maps(m, schema, lower, upper);
	if (lower->kind == VALUE_LIST && upper->kind == VALUE_LIST && schema && schema->merge_key)
		return merge_lists(m, schema, lower, upper);
	if (m->override && !upper->line && lower->kind != VALUE_NULL) {
		diag_error(m->l->diags, value_pos(upper),
			"the path leads into a %s, which has no keys", value_kind_str(lower->kind));
		diag_hint(m->l->diags, "set all of it: --set path='[...]'");
		return *lower;
	}
	return check_fresh(m, schema, upper);
}

struct value merge_layers(struct loading *l)
{
	struct merger m = {.l = l};
	struct value merged = value_empty_map;

	for (size_t i = 0; i < l->n_layers; i++) {
		m.override = l->layers[i].override;
		if (i == 0)
			merged = check_fresh(&m, &schema_manifest, &l->layers[0].value);
		else
			merged = merge(&m, &schema_manifest, &merged, &l->layers[i].value);
	}
	return merged;
}
