/*
 * A value: what YAML, JSON, references and providers all speak. Immutable once built; everything hangs
 * in an arena, so values are shared freely and never freed one by one.
 */
#ifndef DEVENV_MODEL_VALUE_H
#define DEVENV_MODEL_VALUE_H

#include "base/alloc.h"
#include "base/hash.h"
#include "base/source.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_REAL,
	VALUE_STRING,
	VALUE_LIST,
	VALUE_MAP,
	VALUE_UNKNOWN, /* known after apply */
};

enum value_flag {
	VALUE_SENSITIVE = 1 << 0, /* never printed or stored in clear; on a container: all of it */
	VALUE_TEMPLATE = 1 << 1,  /* a string with ${...}, or a container that holds one somewhere */
	VALUE_PLAIN = 1 << 2,     /* an unquoted scalar: `text` is what the user wrote */
	VALUE_DELETE = 1 << 3,    /* a map with `$delete: true` (merging only) */
	VALUE_HAS_SENSITIVE = 1 << 4, /* a container that holds a sensitive value somewhere */
	VALUE_HAS_UNKNOWN = 1 << 5,   /* a container that holds an unknown value somewhere */
	VALUE_KEYED = 1 << 6, /* a sensitive string read from state whose text is only a keyed hash */
	VALUE_REWRITTEN = 1 << 7, /* a template in which something was replaced: columns are lost */
};

/*
 * 32 bytes, because a manifest of 100,000 resources holds about a million of them.
 * `text` is set for every scalar: of a string its bytes, of another scalar its source text or
 * canonical text (so that `version: 1.10` is "1.10" where a string is wanted).
 */
struct value {
	uint8_t kind;  /* enum value_kind */
	uint8_t flags; /* enum value_flag */
	uint16_t source;
	uint32_t line;
	uint32_t column;
	uint32_t len; /* bytes of text, items of a list, members of a map */
	union {
		const char *text; /* scalars; NUL-terminated, but a string may hold NUL bytes inside */
		const struct value *items;
		const struct member *members;
	};
	union {
		bool boolean;
		int64_t integer;
		double real;
	};
};

/* In the order written. A key stands once. */
struct member {
	const char *key;
	struct pos pos; /* of the key */
	struct value value;
};

extern const struct value value_null, value_unknown, value_empty_map, value_empty_list;

struct pos value_pos(const struct value *value);
const char *value_kind_str(enum value_kind kind); /* "string", "map", "whole number" ... */

/* Building. Strings and arrays are copied into the arena unless said otherwise. */
struct value value_bool(bool boolean);
struct value value_int(struct arena *arena, int64_t integer);
struct value value_real(struct arena *arena, double real);
/* The value itself, to be pointed at; what it holds is not copied. */
const struct value *value_keep(struct arena *arena, struct value value);
struct value value_str(struct arena *arena, const char *text);
struct value value_strn(struct arena *arena, const char *text, size_t len);
struct value value_borrow(const char *text);               /* not copied */
struct value value_list(const struct value *items, size_t n);      /* borrowed; sets HAS_ flags */
struct value value_map(const struct member *members, size_t n);    /* borrowed; sets HAS_ flags */

/* A map or list under construction, in an arena. */
struct value_builder {
	struct arena *arena;
	struct member *members;
	struct value *items;
	size_t n, cap;
};
void builder_init(struct value_builder *builder, struct arena *arena);
void builder_put(struct value_builder *builder, const char *key, struct value value); /* key borrowed */
void builder_put_str(struct value_builder *builder, const char *key, const char *text);
void builder_put_int(struct value_builder *builder, const char *key, int64_t integer);
void builder_put_bool(struct value_builder *builder, const char *key, bool boolean);
void builder_push(struct value_builder *builder, struct value value);
struct value builder_map(struct value_builder *builder);
struct value builder_list(struct value_builder *builder);

/* Reading. All accept any kind and say "no" for the wrong one. */
const struct value *value_get(const struct value *map, const char *key); /* NULL: absent */
const struct member *value_member(const struct value *map, const char *key);
/* Follows "a.b[0].c"; NULL where it leads nowhere. */
const struct value *value_path(const struct value *value, const char *path);
/* The text of a scalar; `fallback` when absent (NULL) or no scalar. */
const char *value_text(const struct value *value, const char *fallback);
const char *value_get_text(const struct value *map, const char *key, const char *fallback);
bool value_get_bool(const struct value *map, const char *key, bool fallback);
int64_t value_get_int(const struct value *map, const char *key, int64_t fallback);
bool value_is_scalar(const struct value *value);
bool value_is_known(const struct value *value); /* no unknown anywhere inside */

/*
 * Equality and hashing ignore positions, member order and flags. An integer and a real of one value
 * are equal; a number and a string are not.
 */
bool value_equal(const struct value *a, const struct value *b);
/* Feeds a canonical form: members in byte order of their keys, lengths before bytes. A sensitive part
   goes through `key` (keyed hash) first, so that the result tells nothing about it. */
struct secret_key;
void value_hash(const struct value *value, const struct secret_key *key, struct hasher *hasher);

/* A copy with everything in `arena` (text, items, members); positions and flags are kept. */
struct value value_copy(struct arena *arena, const struct value *value);
/* The same with VALUE_SENSITIVE on it. */
struct value value_sensitive(struct value value);

#endif
