/*
 * Values: building, reading, comparing, hashing. Container flags (HAS_SENSITIVE, HAS_UNKNOWN,
 * TEMPLATE) are set when a list or map is built, so that most questions need no walk.
 */
#include "model/value.h"

#include "base/secret.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct value value_null = {.kind = VALUE_NULL, .text = ""};
const struct value value_unknown = {.kind = VALUE_UNKNOWN, .text = ""};
const struct value value_empty_map = {.kind = VALUE_MAP};
const struct value value_empty_list = {.kind = VALUE_LIST};

struct pos value_pos(const struct value *value)
{
	return (struct pos){
		.line = value->line,
		.column = value->column > UINT16_MAX ? UINT16_MAX : (uint16_t)value->column,
		.source = value->source,
	};
}

const char *value_kind_str(enum value_kind kind)
{
	switch (kind) {
	case VALUE_NULL: return "null";
	case VALUE_BOOL: return "true or false";
	case VALUE_INT: return "whole number";
	case VALUE_REAL: return "number";
	case VALUE_STRING: return "string";
	case VALUE_LIST: return "list";
	case VALUE_MAP: return "map";
	case VALUE_UNKNOWN: return "unknown";
	}
	return "?";
}

struct value value_bool(bool boolean)
{
	return (struct value){
		.kind = VALUE_BOOL,
		.text = boolean ? "true" : "false",
		.len = boolean ? 4 : 5,
		.boolean = boolean,
	};
}

struct value value_int(struct arena *arena, int64_t integer)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRId64, integer);

	return (struct value){
		.kind = VALUE_INT,
		.text = arena_strndup(arena, text, (size_t)len),
		.len = (uint32_t)len,
		.integer = integer,
	};
}

struct value value_real(struct arena *arena, double real)
{
	char text[40];
	int len = 0;

	for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back */
		len = snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	return (struct value){
		.kind = VALUE_REAL,
		.text = arena_strndup(arena, text, (size_t)len),
		.len = (uint32_t)len,
		.real = real,
	};
}

struct value value_strn(struct arena *arena, const char *text, size_t len)
{
	return (struct value){
		.kind = VALUE_STRING,
		.text = arena_strndup(arena, text, len),
		.len = (uint32_t)len,
	};
}

const struct value *value_keep(struct arena *arena, struct value value)
{
	struct value *kept = arena_alloc(arena, sizeof(*kept));

	*kept = value;
	return kept;
}

struct value value_str(struct arena *arena, const char *text)
{
	return value_strn(arena, text, strlen(text));
}

struct value value_borrow(const char *text)
{
	return (struct value){.kind = VALUE_STRING, .text = text, .len = (uint32_t)strlen(text)};
}

/* What a child tells about the container that holds it. */
static uint8_t flags_up(const struct value *child)
{
	uint8_t up = child->flags & (VALUE_TEMPLATE | VALUE_HAS_SENSITIVE | VALUE_HAS_UNKNOWN);

	if (child->flags & VALUE_SENSITIVE)
		up |= VALUE_HAS_SENSITIVE;
	if (child->kind == VALUE_UNKNOWN)
		up |= VALUE_HAS_UNKNOWN;
	return up;
}

struct value value_list(const struct value *items, size_t n)
{
	struct value list = {.kind = VALUE_LIST, .items = items, .len = (uint32_t)n};

	for (size_t i = 0; i < n; i++)
		list.flags |= flags_up(&items[i]);
	return list;
}

struct value value_map(const struct member *members, size_t n)
{
	struct value map = {.kind = VALUE_MAP, .members = members, .len = (uint32_t)n};

	for (size_t i = 0; i < n; i++)
		map.flags |= flags_up(&members[i].value);
	return map;
}

void builder_init(struct value_builder *builder, struct arena *arena)
{
	*builder = (struct value_builder){.arena = arena};
}

void builder_put(struct value_builder *builder, const char *key, struct value value)
{
	for (size_t i = 0; i < builder->n && builder->n < 32; i++) { /* small maps: replace */
		if (strcmp(builder->members[i].key, key) == 0) {
			builder->members[i].value = value;
			return;
		}
	}
	ARENA_GROW(builder->arena, builder->members, builder->n, builder->cap);
	builder->members[builder->n++] = (struct member){
		.key = key,
		.pos = value_pos(&value),
		.value = value,
	};
}

void builder_put_str(struct value_builder *builder, const char *key, const char *text)
{
	builder_put(builder, key, value_str(builder->arena, text));
}

void builder_put_int(struct value_builder *builder, const char *key, int64_t integer)
{
	builder_put(builder, key, value_int(builder->arena, integer));
}

void builder_put_bool(struct value_builder *builder, const char *key, bool boolean)
{
	builder_put(builder, key, value_bool(boolean));
}

void builder_push(struct value_builder *builder, struct value value)
{
	ARENA_GROW(builder->arena, builder->items, builder->n, builder->cap);
	builder->items[builder->n++] = value;
}

struct value builder_map(struct value_builder *builder)
{
	return value_map(builder->members, builder->n);
}

struct value builder_list(struct value_builder *builder)
{
	return value_list(builder->items, builder->n);
}

const struct member *value_member(const struct value *map, const char *key)
{
	if (!map || map->kind != VALUE_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->len; i++) {
		if (strcmp(map->members[i].key, key) == 0)
			return &map->members[i];
	}
	return NULL;
}

const struct value *value_get(const struct value *map, const char *key)
{
	const struct member *member = value_member(map, key);

	return member ? &member->value : NULL;
}

static const struct value *get_n(const struct value *map, const char *key, size_t len)
{
	if (map->kind != VALUE_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->len; i++) {
		const char *k = map->members[i].key;

		if (strncmp(k, key, len) == 0 && !k[len])
			return &map->members[i].value;
	}
	return NULL;
}

/* "[3]" or "[\"key\"]" at *path; moves *path behind the bracket. */
static const struct value *path_bracket(const struct value *value, const char **path)
{
	const char *at = *path + 1;

	if (*at == '"' || *at == '\'') {
		const char *end = strchr(at + 1, *at);

		if (!end || end[1] != ']')
			return NULL;
		*path = end + 2;
		return get_n(value, at + 1, (size_t)(end - at - 1));
	} else {
		char *end;
		unsigned long i = strtoul(at, &end, 10);

		if (end == at || *end != ']')
			return NULL;
		*path = end + 1;
		return value->kind == VALUE_LIST && i < value->len ? &value->items[i] : NULL;
	}
}

const struct value *value_path(const struct value *value, const char *path)
{
	while (value && *path) {
		if (*path == '[') {
			value = path_bracket(value, &path);
		} else {
			size_t len;

			path += *path == '.';
			len = strcspn(path, ".[");
			value = get_n(value, path, len);
			path += len;
		}
	}
	return value;
}

bool value_is_scalar(const struct value *value)
{
	return value->kind <= VALUE_STRING;
}

const char *value_text(const struct value *value, const char *fallback)
{
	return value && value_is_scalar(value) && value->kind != VALUE_NULL ? value->text : fallback;
}

const char *value_get_text(const struct value *map, const char *key, const char *fallback)
{
	return value_text(value_get(map, key), fallback);
}

bool value_get_bool(const struct value *map, const char *key, bool fallback)
{
	const struct value *value = value_get(map, key);

	return value && value->kind == VALUE_BOOL ? value->boolean : fallback;
}

int64_t value_get_int(const struct value *map, const char *key, int64_t fallback)
{
	const struct value *value = value_get(map, key);

	return value && value->kind == VALUE_INT ? value->integer : fallback;
}

bool value_is_known(const struct value *value)
{
	return value->kind != VALUE_UNKNOWN && !(value->flags & VALUE_HAS_UNKNOWN);
}

/* What was written the same is equal, also where arithmetic says otherwise (.nan). */
static bool numbers_equal(const struct value *a, const struct value *b)
{
	double x = a->kind == VALUE_INT ? (double)a->integer : a->real;
	double y = b->kind == VALUE_INT ? (double)b->integer : b->real;

	if (a->kind == VALUE_INT && b->kind == VALUE_INT)
		return a->integer == b->integer;
	return x == y || (isnan(x) && isnan(y));
}

static bool is_number(const struct value *value)
{
	return value->kind == VALUE_INT || value->kind == VALUE_REAL;
}

static bool maps_equal(const struct value *a, const struct value *b)
{
	for (uint32_t i = 0; i < a->len; i++) {
		const struct member *x = &a->members[i], *y = &b->members[i];
		const struct value *other =
			strcmp(x->key, y->key) == 0 ? &y->value : value_get(b, x->key);

		if (!other || !value_equal(&x->value, other))
			return false;
	}
	return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (is_number(a) && is_number(b))
		return numbers_equal(a, b);
	if (a->kind != b->kind)
		return false;
	switch ((enum value_kind)a->kind) {
	case VALUE_NULL:
		return true;
	case VALUE_BOOL:
		return a->boolean == b->boolean;
	case VALUE_STRING:
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	case VALUE_LIST:
		if (a->len != b->len)
			return false;
		for (uint32_t i = 0; i < a->len; i++) {
			if (!value_equal(&a->items[i], &b->items[i]))
				return false;
		}
		return true;
	case VALUE_MAP:
		return a->len == b->len && maps_equal(a, b);
	case VALUE_INT:
	case VALUE_REAL:
	case VALUE_UNKNOWN:
		break;
	}
	return false; /* an unknown equals nothing, itself included */
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(const struct member *const *)a)->key, (*(const struct member *const *)b)->key);
}

enum { SORT_ON_STACK = 32 };

static void hash_map(const struct value *map, const struct secret_key *key, struct hasher *hasher)
{
	const struct member *few[SORT_ON_STACK];
	const struct member **sorted =
		map->len <= SORT_ON_STACK ? few : xmalloc(map->len * sizeof(*sorted));
	bool in_order = true;

	for (uint32_t i = 0; i < map->len; i++) {
		sorted[i] = &map->members[i];
		in_order = in_order && (!i || strcmp(sorted[i - 1]->key, sorted[i]->key) < 0);
	}
	if (!in_order)
		qsort(sorted, map->len, sizeof(*sorted), by_key);
	for (uint32_t i = 0; i < map->len; i++) {
		hasher_add_str(hasher, sorted[i]->key, strlen(sorted[i]->key));
		value_hash(&sorted[i]->value, key, hasher);
	}
	if (sorted != few)
		free(sorted);
}

/* The value of a sensitive part enters only as a keyed hash of its canonical form. */
static void hash_sensitive(const struct value *value, const struct secret_key *key,
	struct hasher *hasher)
{
	struct value clear = *value;
	struct hasher inner;
	struct hash hash;

	clear.flags &= (uint8_t)~VALUE_SENSITIVE;
	hasher_init_keyed(&inner, key ? key->bytes : NULL, key ? SECRET_KEY_SIZE : 0);
	value_hash(&clear, NULL, &inner);
	hasher_finish(&inner, &hash);
	hasher_add(hasher, "S", 1);
	hasher_add(hasher, hash.bytes, HASH_SIZE);
}

void value_hash(const struct value *value, const struct secret_key *key, struct hasher *hasher)
{
	uint64_t len = value->len;
	double real;

	if (value->flags & VALUE_SENSITIVE && key) {
		hash_sensitive(value, key, hasher);
		return;
	}
	switch ((enum value_kind)value->kind) {
	case VALUE_NULL:
		hasher_add(hasher, "n", 1);
		break;
	case VALUE_BOOL:
		hasher_add(hasher, value->boolean ? "t" : "f", 1);
		break;
	case VALUE_INT:
	case VALUE_REAL: /* 1 and 1.0 are equal, so they hash equally */
		real = value->kind == VALUE_INT ? (double)value->integer : value->real;
		real = isnan(real) ? (double)NAN : real + 0.0; /* one zero, one NaN */
		hasher_add(hasher, "d", 1);
		hasher_add(hasher, &real, sizeof(real));
		/* Beyond 2^53 a double no longer tells whole numbers apart. */
		if (value->kind == VALUE_INT && (real >= 0x1p53 || real <= -0x1p53))
			hasher_add(hasher, &value->integer, sizeof(value->integer));
		break;
	case VALUE_STRING:
		hasher_add(hasher, "s", 1);
		hasher_add_str(hasher, value->text, value->len);
		break;
	case VALUE_LIST:
		hasher_add(hasher, "l", 1);
		hasher_add(hasher, &len, sizeof(len));
		for (uint32_t i = 0; i < value->len; i++)
			value_hash(&value->items[i], key, hasher);
		break;
	case VALUE_MAP:
		hasher_add(hasher, "m", 1);
		hasher_add(hasher, &len, sizeof(len));
		hash_map(value, key, hasher);
		break;
	case VALUE_UNKNOWN:
		hasher_add(hasher, "u", 1);
		break;
	}
}

struct value value_copy(struct arena *arena, const struct value *value)
{
	struct value copy = *value;

	if (value->kind == VALUE_LIST) {
		struct value *items = arena_alloc(arena, value->len * sizeof(*items));

		for (uint32_t i = 0; i < value->len; i++)
			items[i] = value_copy(arena, &value->items[i]);
		copy.items = items;
	} else if (value->kind == VALUE_MAP) {
		struct member *members = arena_alloc(arena, value->len * sizeof(*members));

		for (uint32_t i = 0; i < value->len; i++) {
			members[i] = value->members[i];
			members[i].key = arena_strdup(arena, value->members[i].key);
			members[i].value = value_copy(arena, &value->members[i].value);
		}
		copy.members = members;
	} else if (value->text) {
		copy.text = arena_strndup(arena, value->text, value->len);
	}
	return copy;
}

struct value value_sensitive(struct value value)
{
	value.flags |= VALUE_SENSITIVE;
	return value;
}
