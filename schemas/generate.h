/*
 * The generator: turns the JSON Schema files of this folder into the C tables of src/model/schema.h
 * and src/model/type.h, at build time. Stages, one file each: generate.c reads the files and refuses
 * what the validator does not know; resolve.c follows references; pattern.c compiles regular
 * expressions; emit.c writes the tables of schemas, types.c those of resource types. The same files always give the same bytes.
 *
 * Any mistake ends the program with FILE: PATH: MESSAGE: a build tool has nothing to clean up.
 */
#ifndef DEVENV_SCHEMAS_GENERATE_H
#define DEVENV_SCHEMAS_GENERATE_H

#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>

/* Marks of a template in a schema; branches with them are for editors only (docs/schema-format.md). */
#define PATTERN_TEMPLATE "\\$\\{"
#define PATTERN_REFERENCE "^\\$\\{[^{}]*(\\{[^{}]*\\}[^{}]*)*\\}$"

#define ROOT_FILE "config.schema.json"
#define RESOURCE_PATH ROOT_FILE "#/$defs/resource"

struct file {
	char *name; /* below the folder: "types/local_file.json" */
	char *text;
	json_t *json;
};

/* What the effective form of a schema is, so that each is made once. */
struct effective {
	json_t *from, *to; /* `to` is NULL while it is being made */
};

struct node {
	json_t *json; /* effective */
	const char *where;
};

struct generator {
	struct file *files; /* by name */
	size_t n_files, cap_files;
	struct effective *effective;
	size_t n_effective, cap_effective;
	struct node *nodes; /* the tables to be, in the order of discovery */
	size_t n_nodes, cap_nodes;
	const char **patterns; /* those written already */
	size_t n_patterns, cap_patterns;
	struct strbuf *out;
	size_t n_names; /* of the tables that hang on a node */
};

void die(const char *file, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/* generate.c */
struct file *generator_file(struct generator *gen, const char *name); /* NULL: none */
bool is_type_file(const struct file *file);

/* resolve.c */
/* The schema at "FILE#/POINTER"; `where` is named when there is none. */
json_t *resolve_reference(struct generator *gen, const char *reference, const char *where);
/* The schema without $ref, without branches that only let templates pass. An object; borrowed. */
json_t *resolve_schema(struct generator *gen, json_t *schema, const char *where);

/* pattern.c */
/* Writes the machine of a pattern as `static const struct pattern NAME`. */
void pattern_emit(struct strbuf *out, const char *name, const char *pattern, const char *where);

/* emit.c */
void emit_string(struct strbuf *out, const char *text);
/* "a", "b", NULL */
void emit_string_list(struct strbuf *out, json_t *list, const char *where, const char *what);
/* The number of a schema's table; made known when it is new. */
size_t node_of(struct generator *gen, json_t *schema, const char *where);
void node_name(size_t node, char out[32]);
const char **sorted_keys(json_t *object, size_t *n); /* free() the array */
void emit_tables(struct generator *gen);

/* types.c */
void emit_types(struct generator *gen, struct strbuf *out);

#endif
