/*
 * Strings with references: "${local_value.a.output}/x" is a template of parts.
 *
 *   ${NAME} ${NAME:-default} ${NAME:?message}   environment (process first, then .env)
 *   ${var.x}                                     variable
 *   ${each.key} ${each.value} ${each.value.x}    inside forEach
 *   ${file:path}                                 content of a file, relative to the project root
 *   ${secret.name.key}                           spec.secrets
 *   ${type.name.path}  ${type.name["k"].path}  ${type.name[*].path}    attribute or output
 *   ${service.name.x} ${cluster.x} ${terraform.name.x}   short forms; lower replaces them
 *   $${  ${"text"}                               a literal "${"; a literal text
 *
 * Every reference may have a default: ${type.name.x:-none}. A default may hold references itself
 * (${A:-${B:-x}}), except that of a resource reference, which is used long after these are gone.
 */
#ifndef DEVENV_MODEL_TEMPLATE_H
#define DEVENV_MODEL_TEMPLATE_H

#include "base/diag.h"
#include "model/value.h"

enum part_kind {
	PART_LITERAL,
	PART_ENV,
	PART_VARIABLE,
	PART_EACH,
	PART_FILE,
	PART_SECRET,
	PART_RESOURCE,
	PART_SHORT, /* lower turns it into PART_RESOURCE */
};

struct part {
	enum part_kind kind;
	const char *text;     /* literal: the bytes; else what stands between the braces */
	size_t len;           /* of a literal */
	const char *name;     /* env: NAME; variable: x; each: "key" or "value"; file: path; secret:
	                         name; resource: the address, or for [*] the address without its
	                         key; short: "service", "cluster" or "terraform" */
	const char *path;     /* what follows, for value_path: "output.sub[0]"; "" for nothing */
	bool every;           /* resource: [*], all instances in key order */
	const char *fallback; /* after :-; NULL: none */
	const char *message;  /* after :?; NULL: none */
	struct pos pos;       /* of the "${" */
	struct pos string;    /* of the string that it stands in */
};

struct template {
	struct part *parts;
	size_t n;
	bool whole; /* exactly one reference and nothing else: the type of its value is kept */
};

/* True when the text needs template_parse: it holds "${". */
bool template_needed(const char *text, size_t len);
/* Syntax errors go to `diags` (-1); `out` then holds the parts that have none. Literal parts point into the string; the rest is in `arena`. */
int template_parse(const struct value *string, struct arena *arena, struct template *out,
	struct diags *diags);

/*
 * Replaces references everywhere in `value`. `lookup` gives the value of one part:
 *   LOOKUP_VALUE  *out is it (may be VALUE_UNKNOWN, may be sensitive: both flow into the result)
 *   LOOKUP_KEEP   not this round: the reference stays as text, the result stays a template; the
 *                 part must not be used after the lookup returned
 *   LOOKUP_FAILED a diagnostic was reported
 * A value without templates is returned as it is, not copied; nor is a part in which nothing
 * changes. A reference that is the whole string keeps the type of its value. Inside a longer string
 * scalars become their text (null nothing), a list or map is a diagnostic, and one unknown part
 * makes all of it unknown. Results keep the position of the string. *out may itself be a template
 * (lower gives such values): its references then stand in the result.
 */
enum lookup {
	LOOKUP_VALUE,
	LOOKUP_KEEP,
	LOOKUP_FAILED,
};
typedef enum lookup template_lookup(void *arg, const struct part *part, struct value *out);
int template_expand(const struct value *value, struct arena *arena, template_lookup *lookup,
	void *arg, struct value *out, struct diags *diags);

/* As it must be written so that it is read back as it is: where "${" is meant literally, "$${". */
struct value template_quote(const struct value *value, struct arena *arena);

/* The value of a default (part->fallback is set), with its own references looked up. */
enum lookup template_fallback(const struct part *part, struct arena *arena, template_lookup *lookup,
	void *arg, struct value *out, struct diags *diags);

/* Calls `see` for every part that is no literal, everywhere in `value`. */
void template_visit(const struct value *value, struct arena *arena, struct diags *diags,
	void (*see)(void *arg, const struct part *part, const struct value *string), void *arg);

#endif
