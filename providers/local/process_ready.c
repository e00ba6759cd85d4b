/* Probing a process, and running commands beside it. One look each; the engine owns the waiting. */
#include "providers/local/process.h"

#include "base/fs.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

enum { PROBE_TIMEOUT = 3000 /* ms */, TAIL_LINES = 1 };

/* "exited (1): address in use" */
static const char *why_not(struct arena *arena, const struct folder *folder)
{
	const char *health = process_health(arena, folder);
	const char *tail = process_log_tail(arena, folder, TAIL_LINES);

	if (!*tail)
		return health;
	return arena_printf(arena, "%s: %.*s", health, (int)strcspn(tail, "\n"), tail);
}

struct search {
	regex_t regex;
	int64_t since;
	bool found;
};

static bool search_line(void *arg, const struct log_line *line)
{
	struct search *search = arg;
	regmatch_t match = {.rm_so = 0, .rm_eo = (regoff_t)line->len};

	if (line->at && line->at < search->since)
		return true;
	search->found = regexec(&search->regex, line->text, 1, &match, REG_STARTEND) == 0;
	return !search->found;
}

static enum readiness probe_log(struct provider_env *env, const struct folder *folder,
	const struct value *spec, const char **why)
{
	const char *pattern = value_get_text(spec, "log", "");
	struct search search = {.since = folder->state.started_at};
	struct error err = ERROR_INIT;

	if (regcomp(&search.regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		*why = arena_printf(env->arena, "\"%s\" is no regular expression", pattern);
		return READY_FAILED;
	}
	process_log_read(folder->path, search_line, &search, &err);
	regfree(&search.regex);
	if (search.found)
		return READY_YES;
	if (folder->phase == FOLDER_ORPHAN) { /* nobody writes the log any more */
		*why = process_health(env->arena, folder);
		return READY_FAILED;
	}
	*why = arena_printf(env->arena, "no line of the log matches \"%s\" yet", pattern);
	return READY_WAIT;
}

static enum readiness probe_command(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	const struct value *inputs = record_inputs(record, NULL);
	int64_t timeout = probe->timeout ? probe->timeout : PROBE_TIMEOUT;
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.argv = local_argv(env->arena, spec, "command"),
		.directory = local_directory_of(env, inputs),
		.deadline = clock_monotonic(env->clock) + timeout,
		.grace = 200,
		.clock = env->clock,
		.cancel = env->cancel,
	};
	struct error err = ERROR_INIT;

	if (!request.argv) {
		*why = "the probe names no command";
		return READY_FAILED;
	}
	request.env = process_environment(env, inputs, record->address, NULL, &err);
	if (request.env && process_run(&request, &result, &err) == 0 &&
		process_check(&request, &result, &err) == 0)
		return READY_YES;
	*why = arena_strdup(env->arena, err.msg);
	return err.code == ERROR_NOT_FOUND ? READY_FAILED : READY_WAIT;
}

enum readiness process_ready(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	const char *path = strcmp(record->type, local_process.name) == 0
		? process_folder(env, record->id) : NULL;
	struct error err = ERROR_INIT;
	struct folder folder;

	if (!path) {
		*why = arena_printf(env->arena, "a %s cannot be probed that way", record->type);
		return READY_FAILED;
	}
	if (folder_look(path, env->arena, &folder, &err) < 0) {
		*why = arena_strdup(env->arena, err.msg);
		return READY_WAIT;
	}
	if (!folder_runs(&folder)) {
		*why = why_not(env->arena, &folder);
		return READY_FAILED;
	}
	switch (probe->kind) {
	case PROBE_LOG:
		return probe_log(env, &folder, spec, why);
	case PROBE_COMMAND:
		return probe_command(env, record, probe, spec, why);
	case PROBE_HEALTH:
		*why = "a process has no health check; probe running, log, command, tcp or http";
		return READY_FAILED;
	case PROBE_NONE:
	case PROBE_RUNNING:
	case PROBE_HTTP:
	case PROBE_TCP:
		break;
	}
	return READY_YES;
}

/* Whoever answers on the port of a process that has ended is somebody else. */
int process_probe_target(struct provider_env *env, struct record *record,
	const struct value *spec, char *host, size_t host_size, int *port, struct error *err)
{
	const char *path = strcmp(record->type, local_process.name) == 0
		? process_folder(env, record->id) : NULL;
	struct folder folder;

	if (path) {
		if (folder_look(path, env->arena, &folder, err) < 0)
			return -1;
		if (!folder_runs(&folder))
			return error_set(err, ERROR_FAILED, "%s", why_not(env->arena, &folder));
	}
	snprintf(host, host_size, "127.0.0.1");
	*port = (int)value_get_int(spec, "port", 0);
	return *port ? 0 : error_set(err, ERROR_INVALID, "the probe names no port");
}

static const char *const *with_more(struct arena *arena, const char *const *environment,
	const char *const *more)
{
	struct process_env variables;

	process_env_init(&variables, arena, environment);
	for (; more && *more; more++) {
		const char *equals = strchr(*more, '=');

		process_env_set(&variables, arena_strndup(arena, *more, (size_t)(equals - *more)),
			equals + 1);
	}
	return process_env_vector(&variables);
}

int process_exec(struct provider_env *env, struct record *record, struct exec_request *request,
	struct error *err)
{
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct error unreadable = ERROR_INIT;
	const char *const *environment;
	const struct value *inputs;
	const char *directory;

	if (strcmp(record->type, local_process.name) != 0)
		return error_set(err, ERROR_INVALID, "nothing can be run beside a %s",
			record->type);
	if (request->part)
		return error_set(err, ERROR_INVALID, "%s is a process: it has no %s", record->address,
			request->part);
	if (request->user)
		return error_set(err, ERROR_INVALID, "%s runs as you, and so does what is run beside it",
			record->address);
	inputs = record_inputs(record, &unreadable);
	if (unreadable.code != ERROR_NONE) {
		*err = unreadable;
		return -1;
	}
	environment = process_environment(env, inputs, record->address, NULL, err);
	if (!environment)
		return -1;
	environment = with_more(env->arena, environment, request->environment);
	directory = local_directory_of(env, inputs);
	if (request->directory)
		directory = fs_join(env->arena, directory, request->directory);
	if (process_run(&(struct process_request){
		.argv = request->argv,
		.env = environment,
		.directory = directory,
		.flags = PROCESS_FOREGROUND | (request->interactive ? 0 : PROCESS_NO_INPUT),
		.clock = env->clock,
	}, &result, err) < 0)
		return -1;
	request->exit_status = result.status;
	return 0;
}
