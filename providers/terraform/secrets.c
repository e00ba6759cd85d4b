/*
 * Which outputs are secrets. The module says it of each, and the program refuses one that is made of a
 * variable which the module declares sensitive and does not say so. What it cannot follow is ours to see: a
 * secret for a variable that is not declared so, and one that is in an output as it is. Credentials of
 * providers and backends, in `environment`, make no output a secret.
 */
#include "providers/terraform/terraform.h"

#include <string.h>

static bool is_secret(const struct value *value)
{
	return value->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE);
}

static bool is_declared(const struct value *declared, const char *name)
{
	return value_get_bool(value_get(declared, name), "sensitive", false);
}

bool terraform_loses_track(const struct value *inputs, const struct value *plan)
{
	const struct value *root = value_get(value_get(plan, "configuration"), "root_module");
	const struct value *declared = value_get(root, "variables");
	const struct value *variables = value_get(inputs, "variables");
	const struct value *environment = value_get(inputs, "environment");

	for (uint32_t i = 0; variables && variables->kind == VALUE_MAP && i < variables->len; i++) {
		const struct member *one = &variables->members[i];

		if ((is_secret(&one->value) || variables->flags & VALUE_SENSITIVE) &&
			!is_declared(declared, one->key))
			return true;
	}
	for (uint32_t i = 0; environment && environment->kind == VALUE_MAP && i < environment->len; i++) {
		const struct member *one = &environment->members[i];

		if (strncmp(one->key, "TF_VAR_", 7) == 0 && is_secret(&one->value) &&
			!is_declared(declared, one->key + 7))
			return true;
	}
	return false;
}

/* Short ones are found in anything: only the whole of a value is one. */
static bool is_within(const char *text, const char *secret)
{
	return strlen(secret) < 4 ? *secret && strcmp(text, secret) == 0 : strstr(text, secret) != NULL;
}

/* Whether a text within `value` shows `secret`. */
static bool shows(const struct value *value, const char *secret)
{
	if (value->kind == VALUE_MAP || value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++) {
			const struct member *one = value->kind == VALUE_MAP ? &value->members[i] : NULL;

			if (one ? is_within(one->key, secret) || shows(&one->value, secret)
				: shows(&value->items[i], secret))
				return true;
		}
		return false;
	}
	return is_within(value_text(value, ""), secret);
}

/* Whether `value` shows a secret of `inputs`. */
static bool shows_one_of(const struct value *value, const struct value *inputs, bool secret)
{
	secret = secret || inputs->flags & VALUE_SENSITIVE;
	if (!secret && !(inputs->flags & VALUE_HAS_SENSITIVE))
		return false;
	if (inputs->kind != VALUE_MAP && inputs->kind != VALUE_LIST)
		return inputs->kind != VALUE_BOOL && shows(value, value_text(inputs, ""));
	for (uint32_t i = 0; i < inputs->len; i++) {
		if (shows_one_of(value, inputs->kind == VALUE_MAP ? &inputs->members[i].value : &inputs->items[i],
				secret))
			return true;
	}
	return false;
}

const struct value *terraform_mark_outputs(struct terraform *tf, const struct value *outputs, bool all)
{
	struct value *out = arena_alloc(tf->arena, sizeof(*out));
	struct value_builder map;

	builder_init(&map, tf->arena);
	for (uint32_t i = 0; i < outputs->len; i++) {
		const struct value *value = &outputs->members[i].value;

		builder_put(&map, outputs->members[i].key,
			all || shows_one_of(value, tf->inputs, false) ? value_sensitive(*value) : *value);
	}
	*out = builder_map(&map);
	return out;
}
