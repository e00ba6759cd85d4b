/*
 * Starting: from inputs to a shim that watches over the command. What the shim is told travels
 * through its stdin, because the environment of a service is where its secrets are.
 */
#include "providers/local/process.h"

#include "base/fs.h"
#include "providers/local/shim.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	STOP_TIMEOUT = 10000,   /* ms */
	LOG_MAX = 10 << 20,     /* bytes */
	LOG_MIN = 4096,
};

static int signal_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {
		{"SIGTERM", SIGTERM}, {"SIGINT", SIGINT}, {"SIGHUP", SIGHUP}, {"SIGQUIT", SIGQUIT},
		{"SIGKILL", SIGKILL}, {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2},
	};

	for (size_t i = 0; name && i < ARRAY_SIZE(signals); i++) {
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	}
	return SIGTERM;
}

/* "10MiB", "512k", "1 GB", "4096": powers of 1024, as memory and logs are counted. */
static int64_t parse_size(const char *text, int64_t fallback)
{
	static const char units[] = "kmgt";
	const char *unit;
	char *end;
	double number;

	if (!text || !isdigit((unsigned char)text[0]))
		return fallback;
	number = strtod(text, &end);
	end += strspn(end, " ");
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	for (const char *at = units; unit && at <= unit; at++)
		number *= 1024;
	return number > 1e15 ? fallback : (int64_t)number;
}

const char *const *process_environment(struct provider_env *env, const struct value *inputs,
	const char *address, const char *path, struct error *err)
{
	struct process_env variables;

	if (local_environment(&variables, env, inputs, false, err) < 0)
		return NULL;
	process_env_set(&variables, "DEVENV_ADDRESS", address);
	process_env_set(&variables, "DEVENV_ENVIRONMENT_ID", env->environment);
	process_env_set(&variables, "DEVENV_PROCESS", path); /* finds what outlives its shim */
	return process_env_vector(&variables);
}

/* Whatever of the inputs is sensitive, wherever it stands. */
static const char *const *needles_of(struct arena *arena, const struct redactor *redactor)
{
	const char **list = arena_alloc(arena, (redactor->n + 1) * sizeof(*list));

	for (size_t i = 0; i < redactor->n; i++)
		list[i] = arena_strdup(arena, redactor->needles[i]);
	list[redactor->n] = NULL;
	return list;
}

static void make_spec(struct provider_env *env, const struct value *inputs, struct shim_spec *spec)
{
	const struct value *input = value_get(inputs, "stdin");
	const char *timeout = local_text(inputs, "stopTimeout");
	struct redactor redactor = REDACTOR_INIT;

	redactor_learn(&redactor, inputs);
	spec->needles = needles_of(env->arena, &redactor);
	redactor_release(&redactor);
	spec->directory = local_directory_of(env, inputs);
	spec->intent = env->intent ? env->intent : "";
	spec->stop_signal = signal_number(local_text(inputs, "stopSignal"));
	spec->stop_timeout = timeout ? duration_parse(timeout) : STOP_TIMEOUT;
	if (spec->stop_timeout < 0)
		spec->stop_timeout = STOP_TIMEOUT;
	spec->log_max = parse_size(local_text(inputs, "logMaxSize"), LOG_MAX);
	if (spec->log_max < LOG_MIN)
		spec->log_max = LOG_MIN;
	if (input) {
		spec->input = value_text(input, "");
		spec->input_len = input->len;
	}
}

int process_start(struct provider_env *env, const char *path, const char *address,
	const struct value *inputs, struct error *err)
{
	const char *argv[] = {env->self, SHIM_VERB, path, NULL};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct shim_spec spec = {0};
	struct strbuf text = STRBUF_INIT;
	int rc;

	spec.argv = local_argv(env->arena, inputs, "command");
	if (!spec.argv)
		return error_set(err, ERROR_INVALID, "the command is not known");
	make_spec(env, inputs, &spec);
	spec.env = process_environment(env, inputs, address, path, err);
	if (!spec.env)
		return -1;
	shim_spec_write(&spec, &text);
	rc = process_run(&(struct process_request){
		.argv = argv,
		.input = text.text,
		.input_len = text.len,
		.keep_fd = env->intent_fd,
		.deadline = env->deadline,
		.clock = env->clock,
		.cancel = env->cancel,
	}, &result, err);
	strbuf_release(&text);
	if (rc < 0)
		return -1;
	if (!result.status)
		return 0;
	result.err.text[strcspn(result.err.text, "\n")] = '\0';
	return error_set(err, ERROR_FAILED, "%s", result.err.len ? result.err.text
		: "the shim ended without a word");
}
