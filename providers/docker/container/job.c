/*
 * Jobs: containers that are made to end. While one runs its output is progress; when it ended, its
 * status decides. A job that is past its deadline is stopped: nobody would wait for it any more, and
 * the next run makes it anew.
 */
#include "providers/docker/container/type.h"

#include <string.h>

static bool show(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct docker *docker = arg;

	(void)part;
	(void)stream;
	provider_progress(docker->env, "%.*s", (int)(len < 500 ? len : 500), text);
	return true;
}

/* Until it ended or the engine ends the stream. That it cannot be read (another driver) is no error. */
static int follow(struct docker *docker, const char *id, struct error *err)
{
	struct log_request request = {.flags = LOG_FOLLOW, .tail = -1, .line = show, .arg = docker};
	struct error own = ERROR_INIT;

	if (!docker->env->progress || container_read_log(docker, id, &request, &own) == 0)
		return 0;
	if (own.code != ERROR_TIMEOUT && own.code != ERROR_CANCELLED)
		return 0;
	*err = own;
	return -1;
}

static int wait_end(struct docker *docker, const char *id, struct error *err)
{
	if (follow(docker, id, err) < 0)
		return -1;
	return docker_call(docker, "POST",
		docker_path(docker, "/containers/%s/wait?condition=not-running", id), NULL, NULL, err);
}

/* With a little time of its own: the deadline has passed. */
static void stop_late(struct docker *docker, const char *id)
{
	struct provider_env *old = docker->env, env = *old;
	struct error ignored = ERROR_INIT;

	env.deadline = clock_monotonic(env.clock) + 15000;
	docker->env = &env;
	container_stop(docker, id, &value_empty_map, &ignored);
	docker->env = old;
}

int container_wait(struct docker *docker, const char *id, struct outcome *outcome,
	struct error *err)
{
	const struct value *inspect, *state;
	long long code;

	if (wait_end(docker, id, err) < 0) {
		if (err->code == ERROR_TIMEOUT) {
			outcome->output = container_last_lines(docker, id, 20);
			stop_late(docker, id);
		}
		return error_wrap(err, "the job did not end");
	}
	if (container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	state = value_get(inspect, "State");
	code = value_get_int(state, "ExitCode", 0);
	if (code == 0 && !strcmp(value_get_text(state, "Status", ""), "exited"))
		return 0;
	outcome->output = container_last_lines(docker, id, 20);
	return error_set(err, ERROR_FAILED, "the job '%s' ended with status %lld%s",
		value_get_text(inspect, "Name", "/") + 1, code,
		value_get_bool(state, "OOMKilled", false) ? ", out of memory" : "");
}
