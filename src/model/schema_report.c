/*
 * What the validator says. Each report counts; the words are made only when somebody listens. A value
 * is shown only where it is short and not sensitive.
 */
#include "model/schema_check.h"

#include "base/texts.h"
#include "model/json.h"
#include "model/yaml.h"

#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 40, LISTED_MAX = 8 };

/* True when there is somebody to tell. */
static bool counted(struct check *check)
{
	check->errors++;
	return check->diags;
}

static const char *name_of(const struct check *check, const struct place *place)
{
	struct arena *arena = check->diags->arena;

	if (place->key)
		return arena_printf(arena, "\"%s\"", place->key);
	if (place->item && place->parent && (place->parent->key || place->parent->item))
		return arena_printf(arena, "item %zu of %s", place->index + 1,
			name_of(check, place->parent));
	if (place->item)
		return arena_printf(arena, "item %zu", place->index + 1);
	return place->schema && place->schema->title
		? arena_printf(arena, "the %s", place->schema->title) : "the value";
}

/* A map is called by what it is, else by where it stands. */
static const char *map_name(const struct check *check, const struct schema *schema,
	const struct place *place)
{
	if (schema->title)
		return schema->title;
	if (place->schema && place->schema->title)
		return place->schema->title;
	return name_of(check, place);
}

static bool is_sensitive(const struct value *value, const struct place *place)
{
	for (; place; place = place->parent)
		if (place->schema && place->schema->flags & SCHEMA_SENSITIVE)
			return true;
	return value->flags & VALUE_SENSITIVE;
}

/* `"abc"`, `12`, `a list`; what follows "not ". */
static const char *shown(const struct check *check, const struct value *value,
	const struct place *place)
{
	struct arena *arena = check->diags->arena;

	if (value->kind == VALUE_NULL)
		return "null";
	if (value_is_scalar(value) && !is_sensitive(value, place) && value->len <= SHOWN_MAX &&
		!strpbrk(value->text, "\n\r\t\033"))
		return arena_printf(arena, value->kind == VALUE_STRING ? "\"%s\"" : "%s",
			value->text);
	return arena_printf(arena, "%s%s", value->kind == VALUE_BOOL ? "" : "a ",
		value_kind_str(value->kind));
}

/* "a, b or c"; `last` is "or" or "and". */
static const char *joined(struct arena *arena, const char *const *words, size_t n, const char *last)
{
	const char *out = n ? words[0] : "";

	for (size_t i = 1; i < n; i++)
		out = i + 1 == n ? arena_printf(arena, "%s %s %s", out, last, words[i])
				 : arena_printf(arena, "%s, %s", out, words[i]);
	return out;
}

static const char *kinds_in_words(struct arena *arena, unsigned kinds)
{
	static const struct {
		unsigned kind;
		const char *words;
	} all[] = {
		{SCHEMA_STRING, "a string"}, {SCHEMA_NUMBER, "a number"},
		{SCHEMA_INT, "a whole number"}, {SCHEMA_BOOL, "true or false"},
		{SCHEMA_LIST, "a list"}, {SCHEMA_MAP, "a map"}, {SCHEMA_NULL, "null"},
	};
	const char *words[ARRAY_SIZE(all)];
	size_t n = 0;

	if (kinds & SCHEMA_STRING) /* the other scalars are taken as their text */
		kinds &= ~(unsigned)(SCHEMA_NUMBER | SCHEMA_INT | SCHEMA_BOOL);
	if (kinds & SCHEMA_NUMBER)
		kinds &= ~(unsigned)SCHEMA_INT;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (kinds & all[i].kind)
			words[n++] = all[i].words;
	return n ? joined(arena, words, n, "or") : "something else";
}

static bool fits_without_quotes(const struct value *value, unsigned kinds)
{
	const struct schema wanted = {.kinds = kinds & (SCHEMA_BOOL | SCHEMA_INT | SCHEMA_NUMBER)};
	struct value plain = *value;

	if (value->kind != VALUE_STRING || value->flags & VALUE_PLAIN || !wanted.kinds ||
		memchr(value->text, 0, value->len))
		return false;
	yaml_resolve(&plain);
	return plain.kind != VALUE_STRING && schema_kind_fits(&wanted, &plain);
}

/* What other readers of YAML take for a boolean; NULL: it is none to them either. */
static const char *old_boolean(const struct value *value)
{
	if (value->kind != VALUE_STRING || !(value->flags & VALUE_PLAIN))
		return NULL;
	if (!strcasecmp(value->text, "yes") || !strcasecmp(value->text, "on"))
		return "true";
	return !strcasecmp(value->text, "no") || !strcasecmp(value->text, "off") ? "false" : NULL;
}

/* One word where a map is wanted: its name, or that one of the keys is missing. */
static void hint_map(struct check *check, const struct value *value, const struct place *place)
{
	const struct schema *schema = place->schema;
	const char *names[LISTED_MAX];
	size_t n = schema ? schema->n_properties : 0;

	if (place->item && schema && schema_property(schema, "name") && value_is_scalar(value) &&
		!is_sensitive(value, place)) {
		diag_hint(check->diags, "write `- name: %s`", shown(check, value, place));
		return;
	}
	for (size_t i = 0; i < n && i < LISTED_MAX; i++)
		names[i] = schema->properties[i].name;
	if (n && n <= LISTED_MAX)
		diag_hint(check->diags, "write it as { KEY: VALUE }; keys are %s",
			joined(check->diags->arena, names, n, "and"));
	else
		diag_hint(check->diags, "a map is { key: value }, or lines of `key: value`");
}

/* A list where a map is wanted, or the other way round: how this one is written as what is wanted. */
static void hint_shape(struct check *check, const struct value *value, const struct place *place,
	unsigned kinds, const char *merge_key)
{
	const struct value *first = value->len && value->kind == VALUE_LIST ? &value->items[0] : NULL;
	const char *name = value_get_text(first, "name", NULL);

	if (kinds & SCHEMA_LIST && value->kind == VALUE_MAP && value->len && merge_key &&
		!strcmp(merge_key, "name"))
		diag_hint(check->diags, "write `- name: %s` instead of `%s:`", value->members[0].key,
			value->members[0].key);
	else if (kinds & SCHEMA_LIST && value->kind == VALUE_MAP && merge_key)
		diag_hint(check->diags, "each item says what it is: `- { type: ..., name: ... }`");
	else if (kinds & SCHEMA_LIST)
		diag_hint(check->diags, "a list is [a, b], or lines that begin with \"- \"");
	else if (kinds & SCHEMA_MAP && name)
		diag_hint(check->diags, "write `%s:` instead of `- name: %s`", name, name);
	else if (kinds & SCHEMA_MAP)
		hint_map(check, value, place);
}

void report_kind(struct check *check, const struct value *value, const struct place *place,
	unsigned kinds, const char *merge_key)
{
	if (!counted(check))
		return;
	diag_error(check->diags, value_pos(value), "%s must be %s, not %s", name_of(check, place),
		kinds_in_words(check->diags->arena, kinds), shown(check, value, place));
	if (value->kind == VALUE_NULL && kinds & SCHEMA_STRING)
		diag_hint(check->diags, "write \"\" for an empty string, or leave the key out");
	else if (value->kind == VALUE_NULL && kinds & (SCHEMA_LIST | SCHEMA_MAP))
		diag_hint(check->diags, "write %s for an empty one, or leave the key out",
			kinds & SCHEMA_LIST ? "[]" : "{}");
	else if (fits_without_quotes(value, kinds))
		diag_hint(check->diags, "what stands in quotes is text; write it without");
	else if (kinds & SCHEMA_BOOL && old_boolean(value))
		diag_hint(check->diags, "write %s: yes, no, on and off are text", old_boolean(value));
	else if (!(kinds & (SCHEMA_STRING | SCHEMA_BOOL)))
		hint_shape(check, value, place, kinds, merge_key);
}

void report_template(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	if (!counted(check))
		return;
	if (schema->flags & SCHEMA_LITERAL) {
		diag_error(check->diags, value_pos(value), "%s cannot hold a reference",
			name_of(check, place));
		diag_hint(check->diags, "it has to be known before anything is resolved");
		return;
	}
	diag_error(check->diags, value_pos(value), "%s must be %s, not text with a reference in it",
		name_of(check, place), kinds_in_words(check->diags->arena, schema->kinds));
	diag_hint(check->diags, "one reference and nothing else, \"${...}\", keeps its type");
}

/* The text between the quotes of an enum; NULL: no string. */
static const char *enum_text(struct arena *arena, const char *json)
{
	return *json == '"' ? arena_strndup(arena, json + 1, strlen(json) - 2) : NULL;
}

void report_enum(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	struct nearest nearest = {.word = value_text(value, "")};

	if (!counted(check))
		return;
	struct arena *arena = check->diags->arena;
	const char *name = name_of(check, place);

	if (schema->n_enums <= LISTED_MAX)
		diag_error(check->diags, value_pos(value), "%s must be %s, not %s", name,
			joined(arena, schema->enums, schema->n_enums, "or"),
			shown(check, value, place));
	else
		diag_error(check->diags, value_pos(value), "%s cannot be %s", name,
			shown(check, value, place));
	for (size_t i = 0; i < schema->n_enums; i++) {
		const char *text = enum_text(arena, schema->enums[i]);

		if (text)
			nearest_try(&nearest, text);
	}
	if (nearest.best && schema->n_enums > 1)
		diag_hint(check->diags, "did you mean \"%s\"?", nearest.best);
	else if (schema->n_enums > LISTED_MAX)
		diag_hint(check->diags, "it is one of %s",
			joined(arena, schema->enums, schema->n_enums, "or"));
}

void report_pattern(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	if (!counted(check))
		return;
	if (schema->pattern_hint)
		diag_error(check->diags, value_pos(value), "%s must be %s, not %s",
			name_of(check, place), schema->pattern_hint, shown(check, value, place));
	else
		diag_error(check->diags, value_pos(value), "%s must match %s, unlike %s",
			name_of(check, place), schema->pattern->text, shown(check, value, place));
}

void report_range(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	if (!counted(check))
		return;
	struct arena *arena = check->diags->arena;
	const char *range;

	if (!(schema->flags & SCHEMA_HAS_MAX))
		range = arena_printf(arena, "at least %.15g", schema->minimum);
	else if (!(schema->flags & SCHEMA_HAS_MIN))
		range = arena_printf(arena, "at most %.15g", schema->maximum);
	else
		range = arena_printf(arena, "from %.15g to %.15g", schema->minimum, schema->maximum);
	diag_error(check->diags, value_pos(value), "%s must be %s, not %s", name_of(check, place),
		range, shown(check, value, place));
}

void report_length(struct check *check, const struct schema *schema, const struct value *value,
	const struct place *place)
{
	bool list = value->kind == VALUE_LIST;

	if (!counted(check))
		return;
	const char *name = name_of(check, place);

	if (schema->min_len == 1 && value->len == 0)
		diag_error(check->diags, value_pos(value), "%s must not be empty", name);
	else if (schema->max_len && value->len >= schema->max_len)
		diag_error(check->diags, value_pos(value), "%s must have at most %zu %s%s", name,
			schema->max_len, list ? "item" : "character", schema->max_len == 1 ? "" : "s");
	else
		diag_error(check->diags, value_pos(value), "%s must have at least %zu %ss", name,
			schema->min_len, list ? "item" : "character");
}

void report_repeated(struct check *check, const struct value *item, const struct place *place)
{
	if (!counted(check))
		return;
	if (value_is_scalar(item))
		diag_error(check->diags, value_pos(item), "%s stands twice in %s",
			shown(check, item, place), name_of(check, place->parent));
	else
		diag_error(check->diags, value_pos(item), "%s stands there already",
			name_of(check, place));
}

static void try_keys(struct nearest *nearest, const struct schema *schema)
{
	for (size_t i = 0; schema && i < schema->n_properties; i++)
		nearest_try(nearest, schema->properties[i].name);
}

/* The property that other tools call `name`; NULL: none. */
static const char *also_known(const struct schema *schema, const char *name)
{
	for (size_t i = 0; schema && i < schema->n_properties; i++) {
		if (texts_have(schema->properties[i].schema->also, name))
			return schema->properties[i].name;
	}
	return NULL;
}

/* The property whose map knows `name`: it was written one level too high. */
static const char *one_level_down(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->n_properties; i++)
		if (schema_property(schema->properties[i].schema, name))
			return schema->properties[i].name;
	return NULL;
}

/* What is done here instead of what other tools call `name`; NULL: nothing is known. */
static const char *done_instead(const struct schema *schema, const char *name)
{
	for (const char *const *at = schema ? schema->instead : NULL; at && *at; at += 2) {
		if (!strcmp(*at, name))
			return at[1];
	}
	return NULL;
}

/* All that could have been meant, or where that stands. */
static void hint_known(struct check *check, const struct schema *schema, const struct place *place)
{
	const char *names[LISTED_MAX];

	if (schema->n_properties > LISTED_MAX) {
		diag_hint(check->diags, "`devenv config schema%s%s` prints what there is",
			place->schema != schema && schema->title ? " " : "",
			place->schema != schema && schema->title ? schema->title : "");
		return;
	}
	for (size_t i = 0; i < schema->n_properties; i++)
		names[i] = schema->properties[i].name;
	if (schema->n_properties)
		diag_hint(check->diags, "known keys are %s",
			joined(check->diags->arena, names, schema->n_properties, "and"));
}

/* On one line, whatever it holds. */
static const char *key_shown(const struct check *check, const char *key)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_write_string(&text, key, strlen(key));
	return arena_strndup(check->diags->arena, text.text + 1, text.len - 2);
}

void report_unknown_key(struct check *check, const struct schema *schema,
	const struct member *member, const struct place *place)
{
	struct nearest nearest = {.word = member->key};
	const char *below = one_level_down(schema, member->key);
	const char *instead = done_instead(schema, member->key);

	if (!counted(check))
		return;
	if (schema->pattern_hint) { /* any name will do that is one */
		diag_error(check->diags, member->pos, "a key of %s must be %s, not \"%s\"",
			map_name(check, schema, place), schema->pattern_hint,
			key_shown(check, member->key));
		return;
	}
	diag_error(check->diags, member->pos, "unknown key \"%s\" in %s",
		key_shown(check, member->key), map_name(check, schema, place));
	nearest.best = also_known(schema, member->key);
	if (!nearest.best)
		nearest.best = also_known(place->schema, member->key);
	if (instead) {
		diag_hint(check->diags, "%s", instead);
		return;
	}
	if (nearest.best || below) {
		diag_hint(check->diags, nearest.best ? "here it is \"%s\"" : "it belongs below \"%s\"",
			nearest.best ? nearest.best : below);
		return;
	}
	try_keys(&nearest, schema);
	if (place->schema != schema) /* the meta keys of a resource, beside its type's attributes */
		try_keys(&nearest, place->schema);
	if (nearest.best)
		diag_hint(check->diags, "did you mean \"%s\"?", nearest.best);
	else
		hint_known(check, schema, place);
}

void report_missing_key(struct check *check, const struct schema *schema, const struct value *map,
	const struct place *place, const char *key)
{
	if (!counted(check))
		return;
	diag_error(check->diags, value_pos(map), "%s needs \"%s\"", map_name(check, schema, place),
		key);
}

void report_choice(struct check *check, const struct schema *schema, const struct value *map,
	const struct place *place, const struct schema *const *branches, size_t present)
{
	const char *words[16];
	struct pos pos = value_pos(map);
	size_t n = 0;

	if (!counted(check))
		return;
	struct arena *arena = check->diags->arena;

	for (; *branches && n < ARRAY_SIZE(words); branches++) {
		const struct member *member = value_member(map, (*branches)->required[0]);

		if (present && !member)
			continue;
		if (member)
			pos = member->pos;
		words[n++] = arena_printf(arena, "\"%s\"", (*branches)->required[0]);
	}
	if (present)
		diag_error(check->diags, pos, "%s takes only one of %s",
			map_name(check, schema, place), joined(arena, words, n, "and"));
	else
		diag_error(check->diags, pos, "%s needs one of %s",
			map_name(check, schema, place), joined(arena, words, n, "or"));
}

void report_ambiguous(struct check *check, const struct value *value, const struct place *place)
{
	if (counted(check))
		diag_error(check->diags, value_pos(value), "%s can be read in more than one way",
			name_of(check, place));
}

void report_deprecated(struct check *check, const struct schema *schema, const struct member *member)
{
	if (!check->diags)
		return;
	diag_warning(check->diags, member->pos, "\"%s\" is deprecated", member->key);
	if (schema->description)
		diag_hint(check->diags, "%s", schema->description);
}
