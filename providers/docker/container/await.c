/*
 * Until it is ready: looked at, then the engine's events about it are listened to, and looked at again
 * with each. The events are asked for from its start on, and then from the last one on, by the engine's
 * own clock: nothing falls between a look and the listening. What an engine forgets (it keeps the last
 * 256) costs a look every few seconds.
 */
#include "providers/docker/container/type.h"

#include <stdio.h>
#include <string.h>

enum { LOOK_ANYWAY = 5000 }; /* ms */

struct waiting {
	int64_t seconds, nanoseconds; /* of the engine: what happened up to then was seen */
	bool moved;
};

static bool take_event(void *arg, const struct value *event)
{
	struct waiting *waiting = arg;
	int64_t time = value_get_int(event, "timeNano", 0) + 1;

	waiting->seconds = time / 1000000000;
	waiting->nanoseconds = time % 1000000000;
	waiting->moved = true;
	return false;
}

static const char *events_path(struct docker *docker, const char *id, const struct waiting *waiting)
{
	static const char *const actions[] = {"health_status", "die", "start", "unpause"};
	struct value_builder filters, containers, events;
	struct value map;

	builder_init(&filters, docker->arena);
	builder_init(&containers, docker->arena);
	builder_init(&events, docker->arena);
	builder_push(&containers, value_str(docker->arena, id));
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		builder_push(&events, value_str(docker->arena, actions[i]));
	builder_put(&filters, "container", builder_list(&containers));
	builder_put(&filters, "event", builder_list(&events));
	map = builder_map(&filters);
	return docker_path(docker, "/events?since=%lld.%09lld&filters=%s",
		(long long)waiting->seconds, (long long)waiting->nanoseconds,
		docker_escape_json(docker, &map));
}

/* Until something moves, or for a while. An engine that does not answer is found by the next look. */
static void listen_once(struct docker *docker, const char *id, struct waiting *waiting)
{
	struct docker_stream stream = {.method = "GET", .line = take_event, .arg = waiting,
		.path = events_path(docker, id, waiting)};
	struct provider_env *old = docker->env, env = *old;
	int64_t until = clock_monotonic(env.clock) + LOOK_ANYWAY;

	waiting->moved = false;
	if (!env.deadline || until < env.deadline)
		env.deadline = until;
	docker->env = &env;
	docker_stream(docker, &stream, NULL, NULL);
	docker->env = old;
}

static bool is_time_over(const struct docker *docker)
{
	const struct provider_env *env = docker->env;

	return provider_cancelled(env) ||
	       (env->deadline && clock_monotonic(env->clock) >= env->deadline);
}

enum readiness container_await(struct docker *docker, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	struct waiting waiting = {0};
	enum readiness readiness;

	for (;;) {
		int64_t asked = clock_monotonic(docker->env->clock);

		readiness = container_ready(docker, record, probe, spec, why);
		if (readiness != READY_WAIT || is_time_over(docker))
			return readiness;
		if (!waiting.seconds)
			waiting.seconds = container_started(docker, record->id) / 1000;
		if (!waiting.seconds)
			return readiness;
		listen_once(docker, record->id, &waiting);
		if (!waiting.moved && clock_monotonic(docker->env->clock) - asked < LOOK_ANYWAY)
			return readiness; /* cancelled, no time left, or an engine that tells nothing */
	}
}
