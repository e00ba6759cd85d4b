/*
 * The validator: one walk of a value along its schema. The walk is the same whether violations are
 * reported or only counted; counting is how a branch of anyOf is tried. Nothing is allocated before
 * there is something to report, because a plan of 100,000 resources comes through here each time.
 */
#include "model/schema_check.h"

#include "base/map.h"

#include <math.h>
#include <string.h>

bool pattern_match(const struct pattern *pattern, const char *text, size_t len)
{
	unsigned state = 1;

	for (size_t i = 0; i < len && state; i++)
		state = pattern->next[state * pattern->n_classes +
			pattern->classes[(uint8_t)text[i]]];
	return pattern->accepting[state];
}

const struct schema *schema_property(const struct schema *schema, const char *name)
{
	size_t low = 0, high = schema->n_properties;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const char *other = schema->properties[middle].name;
		int order = *name != *other ? (uint8_t)*name - (uint8_t)*other : strcmp(name, other);

		if (order == 0)
			return schema->properties[middle].schema;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct value *get(const struct value *map, const char *key)
{
	for (uint32_t i = 0; i < map->len; i++)
		if (*map->members[i].key == *key && !strcmp(map->members[i].key, key))
			return &map->members[i].value;
	return NULL;
}

/* The schema that the value of `case_key` selects; NULL: none, or not known yet. */
static const struct schema *selected_case(const struct schema *schema, const struct value *map)
{
	const struct value *value = get(map, schema->case_key);
	size_t low = 0, high = schema->n_cases;

	if (!value || value->kind != VALUE_STRING)
		return NULL;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(value->text, schema->cases[middle].value);

		if (order == 0)
			return schema->cases[middle].schema;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct schema *schema_member(const struct schema *schema, const struct value *map,
	const char *key)
{
	const struct schema *found = schema_property(schema, key);

	if (!found && schema->case_key && map && map->kind == VALUE_MAP) {
		const struct schema *branch = selected_case(schema, map);

		found = branch ? schema_member(branch, map, key) : NULL;
	}
	if (!found && schema->key_pattern && pattern_match(schema->key_pattern, key, strlen(key)))
		found = schema->key_schema;
	return found ? found : schema->additional;
}

enum { TEXT_KINDS = SCHEMA_BOOL | SCHEMA_INT | SCHEMA_NUMBER };

bool schema_kind_fits(const struct schema *schema, const struct value *value)
{
	unsigned bit = 1u << value->kind;

	if (!schema->kinds || schema->kinds & bit)
		return true;
	if (value->kind == VALUE_INT)
		bit |= SCHEMA_NUMBER;
	if (value->kind == VALUE_REAL && value->real == trunc(value->real))
		bit |= SCHEMA_INT;
	if (bit & TEXT_KINDS)
		bit |= SCHEMA_STRING; /* taken as its text */
	return schema->kinds & bit;
}

bool schema_only_requires(const struct schema *const *branches)
{
	for (; *branches; branches++) {
		struct schema rest = **branches;

		if (!rest.required || rest.kinds & ~(unsigned)SCHEMA_MAP || rest.n_properties ||
			rest.any_of || rest.one_of || rest.all_of || rest.if_ || rest.case_key ||
			rest.flags & SCHEMA_CLOSED)
			return false;
	}
	return true;
}

static bool full(const struct check *check)
{
	return !check->diags && check->errors >= check->limit;
}

static void check_value(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place);

/* How many violations, up to `limit`. */
static size_t count_errors(const struct schema *schema, const struct value *value, size_t limit)
{
	struct place root = {.schema = schema};
	struct check check = {.limit = limit};

	check_value(&check, schema, value, &root);
	return check.errors;
}

bool schema_fits(const struct schema *schema, const struct value *value)
{
	return count_errors(schema, value, 1) == 0;
}

/* "${" to its own "}", and nothing else. */
static bool is_whole_reference(const struct value *value)
{
	size_t depth = 0;

	for (uint32_t i = 0; i < value->len; i++) {
		if (value->text[i] == '$' && i + 1 < value->len && value->text[i + 1] == '{') {
			depth++;
			i++;
		} else if (value->text[i] == '}' && depth && --depth == 0) {
			return i + 1 == value->len;
		}
		if (!depth)
			return false;
	}
	return false;
}

static bool template_fits(const struct schema *schema, const struct value *value)
{
	enum { SCALARS = SCHEMA_NULL | SCHEMA_STRING | TEXT_KINDS };

	if (schema->flags & SCHEMA_LITERAL)
		return false;
	return !schema->kinds || schema->kinds & SCALARS || is_whole_reference(value);
}

/* What a branch forbids may be what another allows, so a template only has to fit one. */
static void check_template(struct check *check, const struct schema *schema,
	const struct value *value, const struct place *place)
{
	const struct schema *const *branches = schema->any_of ? schema->any_of : schema->one_of;
	bool any = !branches;

	for (; !any && *branches; branches++)
		any = template_fits(*branches, value);
	if (!any || !template_fits(schema, value))
		report_template(check, schema, value, place);
	for (branches = schema->all_of; branches && *branches; branches++)
		check_template(check, *branches, value, place);
}

/* Enums are sorted, and hold neither escapes nor anything below '"', so that comparing their bytes
   between the quotes keeps the order. */
static bool enum_has_text(const struct schema *schema, const char *text, size_t len)
{
	size_t low = 0, high = schema->n_enums;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const char *other = schema->enums[middle] + 1;
		int order = *schema->enums[middle] == '"' ? strncmp(text, other, len) : -1;

		if (order == 0 && other[len] == '"')
			return true;
		if (order < 0 || (order == 0 && other[len] != '"'))
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static bool enum_has(const struct schema *schema, const struct value *value)
{
	const char *canonical = value->kind == VALUE_NULL ? "null" : value->text;

	if (value->kind == VALUE_LIST || value->kind == VALUE_MAP)
		return false;
	if (value->kind == VALUE_BOOL)
		canonical = value->boolean ? "true" : "false";
	if (value->kind != VALUE_STRING)
		for (size_t i = 0; i < schema->n_enums; i++)
			if (!strcmp(schema->enums[i], canonical))
				return true;
	return value->kind != VALUE_NULL && enum_has_text(schema, value->text, value->len);
}

static size_t count_characters(const struct value *value)
{
	size_t n = 0;

	for (uint32_t i = 0; i < value->len; i++)
		n += (value->text[i] & 0xc0) != 0x80;
	return n;
}

static bool is_in_range(const struct schema *schema, const struct value *value)
{
	double number;

	if (!(schema->flags & (SCHEMA_HAS_MIN | SCHEMA_HAS_MAX)) ||
		(value->kind != VALUE_INT && value->kind != VALUE_REAL))
		return true;
	number = value->kind == VALUE_INT ? (double)value->integer : value->real;
	/* Written so that NaN is outside, too. */
	return (!(schema->flags & SCHEMA_HAS_MIN) || number >= schema->minimum) &&
	       (!(schema->flags & SCHEMA_HAS_MAX) || number <= schema->maximum);
}

static void check_scalar(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	bool text = value->kind == VALUE_STRING ||
		    (value->kind != VALUE_NULL && schema->kinds & SCHEMA_STRING);

	if (!is_in_range(schema, value)) {
		report_range(check, schema, value, place);
		return;
	}
	if (text && schema->pattern && !pattern_match(schema->pattern, value->text, value->len))
		report_pattern(check, schema, value, place);
	if (text && (schema->min_len || schema->max_len)) {
		size_t len = count_characters(value);

		if (len < schema->min_len || (schema->max_len && len > schema->max_len))
			report_length(check, schema, value, place);
	}
}

enum { UNIQUE_BY_PAIRS = 32 };

static void check_unique(struct check *check, const struct value *list, const struct place *place)
{
	struct map seen = MAP_INIT;

	for (uint32_t i = 0; i < list->len && !full(check); i++) {
		const struct value *item = &list->items[i];
		bool twice = false;

		/* Long lists are lists of names. */
		if (list->len > UNIQUE_BY_PAIRS && item->kind == VALUE_STRING)
			twice = !map_add(&seen, item->text, i);
		else
			for (uint32_t j = 0; j < i && !twice; j++)
				twice = value_equal(item, &list->items[j]);
		if (twice) {
			struct place at = {.parent = place, .item = true, .index = i};

			report_repeated(check, item, &at);
		}
	}
	map_release(&seen);
}

static void check_list(struct check *check, const struct schema *schema, const struct value *list,
	const struct place *place)
{
	if (list->len < schema->min_len || (schema->max_len && list->len > schema->max_len))
		report_length(check, schema, list, place);
	for (uint32_t i = 0; schema->items && i < list->len && !full(check); i++) {
		struct place at = {.parent = place, .item = true, .index = i,
			.schema = schema->items};

		check_value(check, schema->items, &list->items[i], &at);
	}
	if (schema->flags & SCHEMA_UNIQUE)
		check_unique(check, list, place);
}

static void check_member(struct check *check, const struct schema *schema, const struct member *member,
	const struct place *place)
{
	const struct schema *found = schema_property(schema, member->key);
	struct place at = {.parent = place, .key = member->key, .schema = found};

	if (found) {
		check_value(check, found, &member->value, &at);
		if (found->flags & SCHEMA_DEPRECATED)
			report_deprecated(check, found, member);
	}
	if (schema->key_pattern &&
		pattern_match(schema->key_pattern, member->key, strlen(member->key))) {
		at.schema = schema->key_schema;
		check_value(check, schema->key_schema, &member->value, &at);
	} else if (!found) {
		at.schema = schema->additional;
		if (schema->additional)
			check_value(check, schema->additional, &member->value, &at);
		else if (schema->flags & SCHEMA_CLOSED)
			report_unknown_key(check, schema, member, place);
	}
}

static void check_map(struct check *check, const struct schema *schema, const struct value *map,
	const struct place *place)
{
	bool members = schema->n_properties || schema->key_pattern || schema->additional ||
		       schema->flags & SCHEMA_CLOSED;

	for (uint32_t i = 0; members && i < map->len && !full(check); i++)
		check_member(check, schema, &map->members[i], place);
	for (const char *const *key = schema->required; key && *key; key++)
		if (!get(map, *key))
			report_missing_key(check, schema, map, place, *key);
}

static unsigned union_of_kinds(const struct schema *const *branches)
{
	unsigned kinds = 0;

	for (; *branches; branches++)
		kinds |= (*branches)->kinds;
	return kinds;
}

/* No branch fits: speaks for the one that is nearest, first by kind, then by fewest violations. */
static void report_nearest(struct check *check, const struct schema *schema,
	const struct value *value, const struct place *place, const struct schema *const *branches)
{
	const struct schema *best = NULL;
	size_t fewest = SIZE_MAX;

	if (value->kind == VALUE_MAP && schema_only_requires(branches)) {
		report_choice(check, schema, value, place, branches, 0);
		return;
	}
	if (!check->diags) {
		check->errors++;
		return;
	}
	for (const struct schema *const *branch = branches; *branch; branch++) {
		if (!schema_kind_fits(*branch, value))
			continue;
		size_t errors = count_errors(*branch, value, fewest);

		if (errors < fewest) {
			fewest = errors;
			best = *branch;
		}
	}
	if (best)
		check_value(check, best, value, place);
	else
		report_kind(check, value, place, union_of_kinds(branches), NULL);
}

static void check_any_of(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	for (const struct schema *const *branch = schema->any_of; *branch; branch++)
		if (schema_fits(*branch, value))
			return;
	report_nearest(check, schema, value, place, schema->any_of);
}

static void check_one_of(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	size_t n = 0;

	for (const struct schema *const *branch = schema->one_of; *branch; branch++)
		n += schema_fits(*branch, value);
	if (n == 0)
		report_nearest(check, schema, value, place, schema->one_of);
	else if (n > 1 && value->kind == VALUE_MAP && schema_only_requires(schema->one_of))
		report_choice(check, schema, value, place, schema->one_of, n);
	else if (n > 1)
		report_ambiguous(check, value, place);
}

static void check_value(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	if (value->kind == VALUE_UNKNOWN || full(check))
		return;
	if (value->kind == VALUE_STRING && value->flags & VALUE_TEMPLATE) {
		check_template(check, schema, value, place);
		return;
	}
	if (!schema_kind_fits(schema, value)) {
		report_kind(check, value, place, schema->kinds, schema->merge_key);
		return;
	}
	if (schema->enums && !enum_has(schema, value)) {
		report_enum(check, schema, value, place);
		return;
	}
	if (value->kind == VALUE_MAP)
		check_map(check, schema, value, place);
	else if (value->kind == VALUE_LIST)
		check_list(check, schema, value, place);
	else
		check_scalar(check, schema, value, place);

	if (schema->case_key && value->kind == VALUE_MAP) {
		const struct schema *branch = selected_case(schema, value);

		if (branch)
			check_value(check, branch, value, place);
	}
	if (schema->any_of)
		check_any_of(check, schema, value, place);
	if (schema->one_of)
		check_one_of(check, schema, value, place);
	for (const struct schema *const *branch = schema->all_of; branch && *branch; branch++)
		check_value(check, *branch, value, place);
	if (schema->if_) {
		const struct schema *branch = schema_fits(schema->if_, value) ? schema->then
								       : schema->else_;

		if (branch)
			check_value(check, branch, value, place);
	}
}

void schema_validate(const struct schema *schema, const struct value *value, struct diags *diags)
{
	struct place root = {.schema = schema};
	struct check check = {.diags = diags};

	check_value(&check, schema, value, &root);
}
