/*
 * JSON Schema (draft 2020-12, the keywords below) as C tables, and the one validator over them.
 * The tables are generated at build time from schemas/; `devenv config schema` prints the same files.
 * How to write a schema: docs/schema-format.md.
 *
 * Keywords: type, enum, const, properties, patternProperties (one), additionalProperties, required,
 * items, minItems, maxItems, uniqueItems, minLength, maxLength, pattern, minimum, maximum, anyOf,
 * oneOf, allOf, if/then/else, $ref, $defs, default, title, description, deprecated, examples.
 * Our own: x-sensitive, x-replace, x-merge-key, x-file, x-attached, x-within, x-literal, x-public, x-also,
 * x-instead, x-pattern-hint, and on a type x-type (version, flags, identity) and x-outputs. The generator refuses any other.
 *
 * Every scalar may be a template ("${...}") in a manifest. A schema says so to editors with a branch
 * or a pattern (docs/schema-format.md); the generator takes these out of the tables again, because
 * schema_validate accepts templates by itself. So `kinds` holds only what is wanted in the end.
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
	SCHEMA_LITERAL = 1 << 9,    /* x-literal: known before anything is resolved, so no template */
	SCHEMA_WITHIN = 1 << 11,    /* x-within: what a reference in it names is lived in, if it holds */
	SCHEMA_PUBLIC = 1 << 10,    /* x-public: others can read it, so a secret in it is a diagnostic */
};

/*
 * A pattern, compiled to a state machine at build time: matching takes one step a byte, needs no
 * memory and cannot explode. State 0 is dead, state 1 the start.
 */
struct pattern {
	const char *text;         /* as in the schema (the common subset of POSIX and ECMAScript) */
	const uint8_t *classes;   /* 256: byte -> class */
	const uint16_t *next;     /* [state * n_classes + class] */
	const uint8_t *accepting; /* a byte a state */
	unsigned n_classes;
};

struct schema_property {
	const char *name;
	const struct schema *schema;
};

struct schema_case {
	const char *value;
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
	const struct pattern *key_pattern;  /* patternProperties: the one pattern ... */
	const struct schema *key_schema;    /* ... and its schema */
	const struct schema *additional;    /* additionalProperties as a schema; NULL: any or closed */
	const struct schema *items;
	const char *const *enums;           /* canonical JSON texts of scalars, sorted; const: of one */
	size_t n_enums;
	const struct pattern *pattern;
	const char *pattern_hint;           /* what the pattern means, after "must be"; may be NULL */
	double minimum, maximum;
	size_t min_len, max_len;            /* of strings (characters) and lists; max_len 0: no limit */
	const char *merge_key;              /* "name", "type+name" */
	const char *const *also;            /* x-also: what other tools call it; NULL-terminated or NULL */
	const char *const *instead;         /* x-instead: key, what to do, ...; NULL-terminated or NULL */
	const struct schema *const *any_of, *const *one_of, *const *all_of; /* NULL-terminated or NULL */
	const struct schema *if_, *then, *else_;
	/* allOf of {if: {properties: {KEY: {const: VALUE}}}, then: ...}, as a table sorted by value. */
	const char *case_key;
	const struct schema_case *cases;
	size_t n_cases;
};

/*
 * Reports every violation. Never recurses deeper than the value does; allocates only for a report.
 *
 * A string with ${...} passes where any scalar is wanted, and one that is nothing but a reference
 * also where a list or map is wanted: the type is checked again once it is resolved. An unknown value
 * passes everywhere. A number or boolean passes where a string is wanted: it is taken as its text.
 */
void schema_validate(const struct schema *schema, const struct value *value, struct diags *diags);

/*
 * The value in the types that the schema wants, at any depth; what needs no change is not copied.
 *   - where a string is admitted, a number or boolean becomes the string of its source text;
 *   - what x-sensitive stands on becomes sensitive, however it was written;
 *   - where only numbers or booleans are, a string that reads as one becomes one: the result of a
 *     reference to the environment is always text.
 * Schemas that admit anything (local_value.input) leave values as they are.
 *
 * As written: schema_validate. Once references are resolved: schema_coerce, then schema_validate
 * again, which now finds what only the values could show.
 */
struct value schema_coerce(const struct schema *schema, const struct value *value,
	struct arena *arena);

/* By name among the properties; NULL: none. */
const struct schema *schema_property(const struct schema *schema, const char *name);
/* The schema that governs the member `key` of `map`, through cases, patterns and additional; NULL:
   anything goes. */
const struct schema *schema_member(const struct schema *schema, const struct value *map,
	const char *key);
bool pattern_match(const struct pattern *pattern, const char *text, size_t len);

/* The roots, generated. The files themselves, for `config schema`. */
extern const struct schema schema_manifest; /* schemas/config.schema.json */
struct schema_file {
	const char *name; /* "config.schema.json", "types/local_file.json" */
	const char *text;
};
extern const struct schema_file schema_files[]; /* by name */
extern const size_t schema_file_count;

#endif
