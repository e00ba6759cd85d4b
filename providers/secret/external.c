/*
 * external_secret: what another program or a server tells. Plaintext stays in memory: a child's stdout
 * is read from a pipe, its words are never part of an error.
 */
#include "providers/secret/secret.h"

#include "base/diag.h"
#include "base/fs.h"
#include "base/process.h"
#include "model/env_file.h"
#include "model/json.h"
#include "model/yaml.h"

#include <sodium.h>
#include <string.h>

enum { OUTPUT_LIMIT = 4 << 20 };

/* A list of texts, with `more` in front, NULL-terminated. */
static const char *const *vector(struct arena *arena, const char *const *more, size_t n_more,
	const struct value *list)
{
	uint32_t n = list ? list->len : 0;
	const char **argv = arena_alloc(arena, (n_more + n + 1) * sizeof(*argv));

	for (size_t i = 0; i < n_more; i++)
		argv[i] = more[i];
	for (uint32_t i = 0; i < n; i++)
		argv[n_more + i] = value_text(&list->items[i], "");
	argv[n_more + n] = NULL;
	return argv;
}

/* JSON is YAML, too. A parser's message could quote a secret: only the place is told. */
static int parse_map(struct arena *arena, const char *text, size_t len, struct value *data,
	struct error *err)
{
	struct sources sources = {0};
	struct diags diags;
	uint16_t id = sources_add(&sources, arena, "(secret)", "secret", text, len);

	diags_init(&diags, arena);
	if (yaml_parse(&sources, id, arena, data, &diags) < 0 || data->kind != VALUE_MAP)
		return error_set(err, ERROR_INVALID, "it is no map of texts (line %u)",
			diags.n ? diags.items[0].pos.line : 1);
	return 0;
}

static int parse(struct arena *arena, const char *format, const char *text, size_t len,
	struct value *data, struct error *err)
{
	struct value_builder b;

	text = arena_strndup(arena, text, len);
	builder_init(&b, arena);
	if (strcmp(format, "dotenv") == 0) {
		struct error why = ERROR_INIT;

		if (env_file_parse("(secret)", text, len, &b, &why) < 0)
			return error_set(err, ERROR_INVALID, "it is no list of NAME=value");
		*data = builder_map(&b);
		return 0;
	}
	if (strcmp(format, "text") != 0)
		return parse_map(arena, text, len, data, err);
	for (; len && (text[len - 1] == '\n' || text[len - 1] == '\r'); len--)
		;
	builder_put(&b, "value", value_strn(arena, text, len));
	*data = builder_map(&b);
	return 0;
}

/* sops says first what is wrong, and then at length what it tried. */
static int explain(const char *program, const struct process_result *result, struct error *err)
{
	size_t len = strcspn(result->err.text, "\r\n");

	if (result->status > 0 && len && strcmp(program, "sops") == 0)
		error_set(err, ERROR_FAILED, "%s exited with status %d: %.*s", program,
			result->status, (int)len, result->err.text);
	return -1;
}

static int run(struct provider_env *env, const char *const *argv, const char *format,
	struct value *data, struct error *err)
{
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.argv = argv,
		.directory = env->project_root,
		.max_capture = OUTPUT_LIMIT,
		.deadline = env->deadline,
		.clock = env->clock,
		.cancel = env->cancel,
	};
	struct process_env variables;
	int rc;

	process_env_init(&variables, env->arena, NULL);
	request.env = process_env_vector(&variables);
	if (process_run(&request, &result, err) < 0)
		return -1;
	if (process_check(&request, &result, err) < 0)
		return explain(argv[0], &result, err);
	rc = parse(env->arena, format, result.out.text, result.out.len, data, err);
	sodium_memzero(result.out.text, result.out.len);
	return rc < 0 ? error_wrap(err, "what %s prints", argv[0]) : 0;
}

/* Decrypted by the tool itself, as the user would do it by hand. */
static int decrypt(struct provider_env *env, const struct value *inputs, struct value *data,
	struct error *err)
{
	const char *sops = value_get_text(inputs, "sops", NULL);
	const char *age = value_get_text(inputs, "age", NULL);
	const char *identity = value_get_text(inputs, "identity", NULL);
	const char *format = value_get_text(inputs, "format", "yaml");
	const char *with_sops[] = {"sops", "--decrypt", "--output-type", "json",
		sops ? provider_content(env, sops) : ""};
	const char *with_age[] = {"age", "--decrypt", "--identity",
		identity ? provider_path(env, identity) : "", age ? provider_content(env, age) : ""};

	return sops ? run(env, vector(env->arena, with_sops, ARRAY_SIZE(with_sops), NULL), "json", data, err)
		: run(env, vector(env->arena, with_age, ARRAY_SIZE(with_age), NULL), format, data, err);
}

/* Texts only: what a secret is made of. */
static int as_texts(struct arena *arena, struct value *data, struct error *err)
{
	struct value_builder b;

	builder_init(&b, arena);
	for (uint32_t i = 0; i < data->len; i++) {
		const struct member *member = &data->members[i];

		if (!value_is_scalar(&member->value))
			return error_set(err, ERROR_INVALID, "\"%s\" in it is no text", member->key);
		builder_put(&b, member->key, value_str(arena, value_text(&member->value, "")));
	}
	*data = builder_map(&b);
	return 0;
}

/* One that is there, put by whoever looks after it. */
static int read_file(struct provider_env *env, const char *path, const char *format,
	struct value *data, struct error *err)
{
	const char *text;
	size_t len;

	if (fs_read(provider_path(env, path), env->arena, &text, &len, err) < 0)
		return -1;
	return parse(env->arena, format, text, len, data, err) < 0 ? error_wrap(err, "%s", path) : 0;
}

int external_read(struct provider_env *env, const struct value *inputs, struct value *data,
	struct error *err)
{
	const struct value *command = value_get(inputs, "command");
	const struct value *vault = value_get(inputs, "vault");
	const char *file = value_get_text(inputs, "file", NULL);
	int rc;

	if (vault)
		rc = vault_read(env, vault, data, err);
	else if (command)
		rc = run(env, vector(env->arena, NULL, 0, command),
			value_get_text(inputs, "format", "json"), data, err);
	else if (file)
		rc = read_file(env, file, value_get_text(inputs, "format", "text"), data, err);
	else
		rc = decrypt(env, inputs, data, err);
	return rc < 0 ? -1 : as_texts(env->arena, data, err);
}
