/*
 * Keys and maps. Keys are interned, so that two equal keys of one document are one pointer, and a
 * duplicate is found by a mark in the key itself: the number of the map that saw it last.
 */
#include "base/error.h"
#include "model/yaml_parser.h"

#include <string.h>

const char yaml_merge_key[] = "<<";

static struct yaml_key *key_of(const char *text)
{
	return (struct yaml_key *)(void *)((char *)(uintptr_t)text -
					   offsetof(struct yaml_key, text));
}

const char *yaml_intern(struct yaml_run *p, const char *text, size_t len)
{
	uint32_t at = map_getn(&p->key_index, text, len);
	struct yaml_key *key;

	if (at != MAP_NONE)
		return p->keys[at]->text;
	key = arena_alloc(p->arena, sizeof(*key) + len + 1);
	key->map = 0;
	memcpy(key->text, text, len);
	key->text[len] = '\0';
	VEC_GROW(p->keys, p->n_keys, p->cap_keys);
	map_add(&p->key_index, key->text, (uint32_t)p->n_keys);
	p->keys[p->n_keys++] = key;
	return key->text;
}

/* Reports keys that stand twice and marks all others as seen by `map`; drops the second ones. */
static size_t drop_duplicates(struct yaml_run *p, struct member *members, size_t n, uint32_t map)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct yaml_key *key;

		if (members[i].key == yaml_merge_key) {
			members[kept++] = members[i];
			continue;
		}
		key = key_of(members[i].key);
		if (key->map == map) {
			diag_error(p->diags, members[i].pos,
				"the key \"%s\" stands twice in one map", members[i].key);
			diag_hint(p->diags, "the first is at %s; remove one of them",
				pos_str(p->sources, members[key->at].pos, p->arena));
			continue;
		}
		key->map = map;
		key->at = (uint32_t)kept;
		members[kept++] = members[i];
	}
	return kept;
}

/* Appends the members of `from` whose keys `map` does not have. */
static void merge_map(struct yaml_run *p, const struct value *from, uint32_t map)
{
	if (from->kind != VALUE_MAP) {
		diag_error(p->diags, value_pos(from),
			"\"<<\" needs a map or a list of maps, not a %s",
			value_kind_str(from->kind));
		diag_hint(p->diags, "name one with an alias: <<: *defaults");
		return;
	}
	for (uint32_t i = 0; i < from->len; i++) {
		struct yaml_key *key = key_of(from->members[i].key);

		if (key->map == map)
			continue;
		key->map = map;
		VEC_GROW(p->members, p->n_members, p->cap_members);
		p->members[p->n_members++] = from->members[i];
	}
}

/* Replaces the "<<" members by what they name; the map's own keys and earlier ones win. */
static void merge(struct yaml_run *p, size_t base, uint32_t map)
{
	size_t n = p->n_members - base, kept = base;

	for (size_t i = 0; i < n; i++) {
		struct value value = p->members[base + i].value;

		if (p->members[base + i].key != yaml_merge_key)
			continue;
		if (value.kind != VALUE_LIST) {
			merge_map(p, &value, map);
			continue;
		}
		for (uint32_t j = 0; j < value.len; j++)
			merge_map(p, &value.items[j], map);
	}
	for (size_t i = base; i < p->n_members; i++) {
		if (p->members[i].key != yaml_merge_key)
			p->members[kept++] = p->members[i];
	}
	p->n_members = kept;
}

struct value yaml_close_map(struct yaml_run *p, size_t base, bool merges)
{
	struct value map = {.kind = VALUE_MAP};
	uint32_t number = ++p->n_maps;
	size_t n = p->n_members - base;

	if (n)
		p->n_members = base + drop_duplicates(p, p->members + base, n, number);
	if (merges)
		merge(p, base, number);
	n = p->n_members - base;
	map.len = (uint32_t)n;
	if (n) {
		struct member *members = arena_alloc(p->arena, n * sizeof(*members));

		memcpy(members, p->members + base, n * sizeof(*members));
		map.members = members;
	}
	p->n_members = base;
	if (value_get_bool(&map, "$delete", false))
		map.flags |= VALUE_DELETE;
	return map;
}
