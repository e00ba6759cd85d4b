/*
 * How variables reach the program: what is no secret in a file of the private folder, what is one by
 * environment (TF_VAR_name), never on disk and never in an argument.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"
#include "base/process.h"
#include "model/json.h"

#include <string.h>

static bool is_secret(const struct value *value)
{
	return value->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE);
}

/* The program reads a list or a map from the environment as an expression, in which "${" would begin a
   template. */
static void add_escaped(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		if ((*text == '$' || *text == '%') && text[1] == '{')
			strbuf_addch(out, *text);
		strbuf_addch(out, *text);
	}
}

static const char *expression(struct arena *arena, const struct value *value)
{
	struct strbuf cleanup_strbuf json = STRBUF_INIT, out = STRBUF_INIT;
	const char *text;

	if (value_is_scalar(value) && value->kind != VALUE_NULL)
		return value_text(value, "");
	json_write(&json, value, JSON_CLEAR, NULL);
	add_escaped(&out, json.text);
	text = arena_strdup(arena, out.text);
	strbuf_release(&out);
	return text;
}

static const struct value *variables_of(const struct terraform *tf)
{
	const struct value *variables = value_get(tf->inputs, "variables");

	return variables && variables->kind == VALUE_MAP ? variables : &value_empty_map;
}

void terraform_variables(struct terraform *tf, struct process_env *env)
{
	const struct value *variables = variables_of(tf);
	const struct value *environment = value_get(tf->inputs, "environment");

	for (uint32_t i = 0; i < variables->len; i++) {
		const struct member *one = &variables->members[i];

		if (is_secret(&one->value) || variables->flags & VALUE_SENSITIVE)
			process_env_set(env, arena_printf(tf->arena, "TF_VAR_%s", one->key),
				expression(tf->arena, &one->value));
	}
	for (uint32_t i = 0; environment && environment->kind == VALUE_MAP && i < environment->len; i++)
		process_env_set(env, environment->members[i].key,
			value_text(&environment->members[i].value, ""));
}

int terraform_variable_file(struct terraform *tf, const char **path, struct error *err)
{
	const struct value *variables = variables_of(tf);
	struct strbuf cleanup_strbuf text = STRBUF_INIT;
	struct value_builder map;
	struct value all;

	builder_init(&map, tf->arena);
	for (uint32_t i = 0; i < variables->len && !(variables->flags & VALUE_SENSITIVE); i++) {
		if (!is_secret(&variables->members[i].value))
			builder_put(&map, variables->members[i].key, variables->members[i].value);
	}
	all = builder_map(&map);
	json_write(&text, &all, JSON_CLEAR, NULL);
	*path = fs_join(tf->arena, tf->folder, "variables.tfvars.json");
	return fs_write(*path, arena_printf(tf->arena, "%s.devenv-new", *path), text.text, text.len, 0600,
		FS_VOLATILE, err);
}
