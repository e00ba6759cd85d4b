/*
 * The engine's events about what is recorded: a hint to look each. Asked for from the moment on that the
 * caller knows, so nothing falls between two calls; what the engine forgot meanwhile is told as one.
 */
#include "providers/docker/docker.h"

#include <string.h>

enum { CALL_ANEW = 10 * 60 * 1000 }; /* ms; a connection that broke unnoticed says nothing for ever */

struct listening {
	struct record *const *records;
	size_t n;
	const struct listener *listener;
};

static const char *address_of(const struct listening *listening, const char *id)
{
	for (size_t i = 0; id && i < listening->n; i++)
		if (!strcmp(listening->records[i]->id, id))
			return listening->records[i]->address;
	return NULL;
}

/* A network that is connected or not is the matter of the container. */
static bool take_event(void *arg, const struct value *event)
{
	struct listening *listening = arg;
	const struct value *actor = value_get(event, "Actor");
	const char *id = value_get_text(actor, "ID", NULL);
	bool network = !strcmp(value_get_text(event, "Type", ""), "network");
	const char *address;

	if (network && strcmp(value_get_text(event, "Action", ""), "destroy") != 0)
		id = value_text(value_path(actor, "Attributes.container"), NULL);
	address = address_of(listening, id);
	if (address)
		listening->listener->moved(listening->listener->arg, address,
			value_get_int(event, "timeNano", 0) / 1000000);
	return true;
}

static const char *events_path(struct docker *docker, int64_t since)
{
	static const char *const types[] = {"container", "image", "network", "volume", NULL};
	static const char *const events[] = {"start", "die", "destroy", "pause", "unpause", "rename",
		"update", "delete", "untag", "connect", "disconnect", NULL};
	const char *const *lists[] = {types, events};
	struct value_builder filters;
	struct value value;

	builder_init(&filters, docker->arena);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct value_builder list;

		builder_init(&list, docker->arena);
		for (const char *const *word = lists[i]; *word; word++)
			builder_push(&list, value_str(docker->arena, *word));
		builder_put(&filters, i ? "event" : "type", builder_list(&list));
	}
	value = builder_map(&filters);
	return docker_path(docker, "/events?since=%lld.%03d&filters=%s", (long long)(since / 1000),
		(int)(since % 1000), docker_escape_json(docker, &value));
}

int docker_listen(struct provider_env *env, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err)
{
	struct listening listening = {records, n, listener};
	struct docker_stream stream = {.method = "GET", .line = take_event, .arg = &listening};
	int64_t now = clock_wall(env->clock);
	struct docker docker;
	int status;

	env->deadline = clock_monotonic(env->clock) + CALL_ANEW;
	if (docker_open_for(&docker, env, records[0], err))
		return -1;
	if (listener->again)
		listener->moved(listener->arg, NULL, now);
	stream.path = events_path(&docker, listener->again ? now : listener->since);
	status = docker_stream(&docker, &stream, NULL, err);
	docker_close(&docker);
	return status;
}
