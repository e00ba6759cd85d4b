/*
 * Running terraform or tofu, and reading what it says: with -json a message a line, of which the
 * progress is passed on and the first error is kept. Lines that are no messages occur, too.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"
#include "base/process.h"
#include "model/json.h"

#include <string.h>
#include <unistd.h>

void said_release(struct said *said)
{
	strbuf_release(&said->text);
}

int terraform_program(struct provider_env *env, const struct value *inputs, const char *before,
	const char **program, struct error *err)
{
	const char *binary = value_get_text(inputs, "binary", NULL);

	if (binary)
		return process_find(strchr(binary, '/') ? provider_path(env, binary) : binary, NULL,
			env->arena, program, err);
	if (before && access(before, X_OK) == 0) {
		*program = before;
		return 0;
	}
	if (!process_find("terraform", NULL, env->arena, program, NULL) ||
		!process_find("tofu", NULL, env->arena, program, NULL))
		return 0;
	return error_set(err, ERROR_NOT_FOUND,
		"terraform_module needs terraform or tofu in PATH, or `binary`");
}

/* What the user's shell holds of these would change what a plan means. */
static void take_out(struct process_env *env, struct arena *arena)
{
	static const char *const prefixes[] = {"TF_CLI_ARGS", "TF_VAR_", "TF_WORKSPACE=", "TF_DATA_DIR="};

	for (size_t i = 0; i < env->n;) {
		bool out = false;

		for (size_t k = 0; env->items[i] && k < ARRAY_SIZE(prefixes); k++)
			out = out || strncmp(env->items[i], prefixes[k], strlen(prefixes[k])) == 0;
		if (out) {
			const char *name = arena_strndup(arena, env->items[i], strcspn(env->items[i], "="));
			size_t n = env->n;

			process_env_set(env, name, NULL);
			i += env->n == n;
		} else {
			i++;
		}
	}
}

static const char *const *environment(struct terraform *tf)
{
	const char *workspace = value_get_text(tf->inputs, "workspace", NULL);
	const char *config;
	struct process_env env;

	process_env_init(&env, tf->arena, NULL);
	take_out(&env, tf->arena);
	config = process_env_get(&env, "TF_CLI_CONFIG_FILE");
	if (config) { /* it is read from another folder; one that is missing only makes warnings */
		config = provider_path(tf->env, config);
		process_env_set(&env, "TF_CLI_CONFIG_FILE", fs_exists(config) ? config : NULL);
	}
	process_env_set(&env, "TF_IN_AUTOMATION", "1");
	process_env_set(&env, "TF_INPUT", "0");
	process_env_set(&env, "CHECKPOINT_DISABLE", "1");
	if (tf->folder)
		process_env_set(&env, "TF_DATA_DIR", fs_join(tf->arena, tf->folder, "data"));
	if (workspace)
		process_env_set(&env, "TF_WORKSPACE", workspace);
	terraform_variables(tf, &env);
	return process_env_vector(&env);
}

static bool is_progress(const char *type)
{
	static const char *const types[] = {"apply_start", "apply_progress", "apply_complete",
		"apply_errored", "provision_progress", "state_lock_acquire"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

static void hear_diagnostic(struct said *said, const struct value *diagnostic)
{
	const struct value *range = value_get(diagnostic, "range");
	const char *detail = value_get_text(diagnostic, "detail", "");

	if (said->summary || strcmp(value_get_text(diagnostic, "severity", ""), "error") != 0)
		return;
	said->summary = value_get_text(diagnostic, "summary", "");
	said->detail = range ? arena_printf(said->arena, "%s%s(%s:%s)", detail, *detail ? " " : "",
				       value_get_text(range, "filename", "?"),
				       value_get_text(value_get(range, "start"), "line", "?"))
			     : detail;
}

void terraform_hear(void *arg, int stream, const char *text, size_t len)
{
	struct said *said = arg;
	const char *message, *type;
	struct value *line;

	(void)stream;
	if (!len || text[0] != '{') {
		strbuf_add(&said->text, text, len);
		strbuf_addch(&said->text, '\n');
		return;
	}
	line = arena_alloc(said->arena, sizeof(*line));
	if (json_parse(text, len, said->arena, NULL, line, NULL))
		return;
	message = value_get_text(line, "@message", NULL);
	type = value_get_text(line, "type", "");
	if (!message)
		return;
	strbuf_addf(&said->text, "%s\n", message);
	if (said->loud && is_progress(type))
		provider_progress(said->env, "%s", message);
	if (said->state && is_progress(type))
		state_keep(said->state);
	if (said->locks && strcmp(type, "apply_start") == 0) {
		struct terraform *tf = said->locks;

		said->locks = NULL;
		terraform_note_lock(tf);
	}
	if (strcmp(type, "diagnostic") == 0)
		hear_diagnostic(said, value_get(line, "diagnostic"));
}

int terraform_run(struct terraform *tf, const char *const *args, struct said *said,
	struct error *err)
{
	struct process_result cleanup_process result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.env = environment(tf),
		.directory = tf->module,
		.flags = PROCESS_OUTLIVES,
		.keep_fd = tf->env->intent_fd,
		.deadline = tf->deadline,
		.grace = 30 * 1000, /* it saves its state when it is interrupted */
		.clock = tf->env->clock,
		.cancel = tf->env->cancel,
		.max_capture = 256 << 20,
		.line = terraform_hear,
		.arg = said,
	};
	const char **argv;
	size_t n = 0;
	int rc;

	while (args[n])
		n++;
	argv = arena_alloc(tf->arena, (n + 2) * sizeof(*argv));
	argv[0] = tf->program;
	memcpy(argv + 1, args, (n + 1) * sizeof(*argv));
	request.argv = argv;
	said->arena = tf->arena;
	said->env = tf->env;
	rc = process_run(&request, &result, err);
	said->out = arena_strndup(tf->arena, result.out.text, result.out.len);
	said->status = result.status;
	return rc;
}

/* The last line that is not empty, where it gave no diagnostic. */
static const char *last_line(const struct said *said)
{
	size_t end = said->text.len, from;

	while (end && strchr("\r\n ", said->text.text[end - 1]))
		end--;
	for (from = end; from && said->text.text[from - 1] != '\n';)
		from--;
	return end > from ? arena_strndup(said->arena, said->text.text + from, end - from)
			  : "it says nothing";
}

/* The plain form of an error: "Error: SUMMARY", then its text. */
static const char *plain_error(const struct said *said)
{
	const char *at = strstr(said->text.text, "Error: ");

	return at ? arena_strndup(said->arena, at + 7, strlen(at + 7) < 700 ? strlen(at + 7) : 700) : NULL;
}

int terraform_failed(const struct said *said, const char *what, struct error *err)
{
	const char *plain = plain_error(said);

	if (said->summary)
		return error_set(err, ERROR_FAILED, "%s: %s%s%s", what, said->summary,
			said->detail && *said->detail ? ": " : "", said->detail ? said->detail : "");
	return error_set(err, ERROR_FAILED, "%s: %s", what, plain ? plain : last_line(said));
}

int terraform_version(struct terraform *tf, const char **version, struct error *err)
{
	static const char *const args[] = {"version", "-json", NULL};
	struct said cleanup_said said = SAID_INIT;
	struct terraform bare = *tf;
	struct value answer;

	bare.module = NULL;
	if (terraform_run(&bare, args, &said, err))
		return -1;
	*version = said.status || json_parse(said.out, strlen(said.out), tf->arena, NULL, &answer, NULL)
		? NULL : value_get_text(&answer, "terraform_version", NULL);
	return *version ? 0 : error_set(err, ERROR_FAILED, "%s does not say its version as JSON: is it "
		"terraform or tofu?", tf->program);
}
