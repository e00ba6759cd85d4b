/*
 * Shared by the validator (schema.c) and its messages (schema_report.c); internal to them.
 */
#ifndef DEVENV_MODEL_SCHEMA_CHECK_H
#define DEVENV_MODEL_SCHEMA_CHECK_H

#include "model/schema.h"

#include <stdbool.h>

/* Where a value stands; a chain on the stack, innermost first. A place without key and list is the
   root. */
struct place {
	const struct place *parent;
	const char *key;           /* member of a map */
	bool item;                 /* item `index` of a list */
	size_t index;
	const struct schema *schema; /* that the value was first checked against */
};

/* One walk over a value. Without `diags` it only counts, and stops at `limit` violations. */
struct check {
	struct diags *diags;
	size_t errors, limit;
};

bool schema_kind_fits(const struct schema *schema, const struct value *value);
/* Without any violation. */
bool schema_fits(const struct schema *schema, const struct value *value);
/* Every branch of an anyOf or oneOf only asks for keys: "one of these keys". */
bool schema_only_requires(const struct schema *const *branches);

/* `merge_key` of a list whose items bear names; NULL: of another, or of none. */
void report_kind(struct check *check, const struct value *value, const struct place *place,
	unsigned kinds, const char *merge_key);
void report_template(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place);
void report_enum(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place);
void report_pattern(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place);
void report_range(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place);
void report_length(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place);
void report_repeated(struct check *check, const struct value *item, const struct place *place);
void report_unknown_key(struct check *check, const struct schema *schema,
	const struct member *member, const struct place *place);
void report_missing_key(struct check *check, const struct schema *schema, const struct value *map,
	const struct place *place, const char *key);
/* `present` of the keys that the branches ask for are there; exactly one should be. */
void report_choice(struct check *check, const struct schema *schema, const struct value *map,
	const struct place *place, const struct schema *const *branches, size_t present);
void report_ambiguous(struct check *check, const struct value *value, const struct place *place);
void report_deprecated(struct check *check, const struct schema *schema,
	const struct member *member);

#endif
