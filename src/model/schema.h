/*
 * JSON Schema (draft 2020-12, the keywords below) as C tables, and the one validator over them.
 * The tables are generated at build time from schemas/; `devenv config schema` prints the same files.
 *
 * Keywords: type, enum, const, properties, patternProperties (one), additionalProperties, required,
 * items, minItems, maxItems, uniqueItems, minLength, maxLength, pattern, minimum, maximum, anyOf,
 * oneOf, allOf, if/then/else, $ref, $defs, default, title, description, deprecated, examples.
 * Our own: x-sensitive, x-replace, x-merge-key, x-file, x-attached (see providers.md), and on a type
 * x-type (version, flags, identity) and x-outputs. The generator refuses any other.
 */
#ifndef DEVENV_MODEL_SCHEMA_H
#define DEVENV_MODEL_SCHEMA_H

#include "base/diag.h"
#include "model/value.h"

enum schema_kind { /* a set */
	SCHEMA_NULL = 1 << VALUE_NULL,
	SCHEMA_BOOL = 1 << VALUE_BOOL,
	SCHEMA_INT = 1 << VALUE_INT,
	SCHEMA_NUMBER = 1 << VALUE_REAL, /* an integer is a number */
	SCHEMA_STRING = 1 << VALUE_STRING,
	SCHEMA_LIST = 1 << VALUE_LIST,
	SCHEMA_MAP = 1 << VALUE_MAP,
};

enum schema_flag {
	SCHEMA_SENSITIVE = 1 << 0,  /* x-sensitive */
	SCHEMA_REPLACE = 1 << 1,    /* x-replace: a change forces replacement */
	SCHEMA_FILE = 1 << 2,       /* x-file: a path whose content belongs to the fingerprint */
	SCHEMA_ATTACHED = 1 << 3,   /* x-attached: a reference in it is an "attached" edge */
	SCHEMA_CLOSED = 1 << 4,     /* additionalProperties: false */
	SCHEMA_UNIQUE = 1 << 5,     /* uniqueItems */
	SCHEMA_HAS_MIN = 1 << 6,
	SCHEMA_HAS_MAX = 1 << 7,
	SCHEMA_DEPRECATED = 1 << 8,
};

struct schema_property {
	const char *name;
	const struct schema *schema;
};

struct schema {
	unsigned kinds; /* 0: any */
	unsigned flags;
	const char *title, *description;
	const char *default_json;           /* NULL: none */
	const struct schema_property *properties; /* by name, sorted */
	size_t n_properties;
	const char *const *required;        /* NULL-terminated or NULL */
	const char *key_pattern;            /* patternProperties: the one pattern ... */
	const struct schema *key_schema;    /* ... and its schema */
	const struct schema *additional;    /* additionalProperties as a schema; NULL: any or closed */
	const struct schema *items;
	const char *const *enums;           /* canonical JSON texts, NULL-terminated; const is an enum of one */
	const char *pattern;                /* POSIX extended */
	const char *pattern_hint;           /* what the pattern means, in words; may be NULL */
	double minimum, maximum;
	size_t min_len, max_len;            /* of strings and lists; max_len 0: no limit */
	const char *merge_key;
	const struct schema *const *any_of, *const *one_of, *const *all_of; /* NULL-terminated or NULL */
	const struct schema *if_, *then, *else_;
};

/*
 * Reports every violation. A string with ${...} passes where any scalar is wanted: its type is checked
 * again once it is resolved. Never recurses deeper than the value does.
 */
void schema_validate(const struct schema *schema, const struct value *value, struct diags *diags);
const struct schema *schema_property(const struct schema *schema, const char *name);

/* The roots, generated. The files themselves, for `config schema`. */
extern const struct schema schema_manifest; /* schemas/config.schema.json */
struct schema_file {
	const char *name; /* "config.schema.json", "types/local_file.json" */
	const char *text;
};
extern const struct schema_file schema_files[];
extern const size_t schema_file_count;

#endif
