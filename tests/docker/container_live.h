/* What the tests of containers on a real engine share. */
#ifndef DEVENV_TESTS_DOCKER_CONTAINER_LIVE_H
#define DEVENV_TESTS_DOCKER_CONTAINER_LIVE_H

#include "live.h"

#define CONTAINER "docker_container"
#define WEB "docker_container.web"

/* A container that only waits, and dies at once when it is told to. `more`: ",\"key\":value". */
static inline const char *waiting(struct live *live, const char *more)
{
	live_image(live);
	return arena_printf(&live->arena, "{\"image\":\"" LIVE_IMAGE "\",\"command\":[\"sleep\",\"600\"],"
		"\"stopGracePeriod\":0%s}", more);
}

/* A container that runs a script. */
static inline const char *running(struct live *live, const char *script, const char *more)
{
	live_image(live);
	return arena_printf(&live->arena,
		"{\"image\":\"" LIVE_IMAGE "\",\"command\":[\"sh\",\"-c\",\"%s\"]%s%s}", script,
		strstr(more, "stopGracePeriod") ? "" : ",\"stopGracePeriod\":0", more);
}

static inline const struct value *inspected(struct live *live, const char *id)
{
	return live_call(live, "GET", docker_path(&live->docker, "/containers/%s/json", id), NULL);
}

static inline const char *status_of(struct live *live, const char *id)
{
	return value_text(value_path(inspected(live, id), "State.Status"), "");
}

static inline struct observation look(struct live *live, const char *desired, struct record *record)
{
	return live_observe(live, CONTAINER, WEB, desired, record);
}

/* One action on what is recorded; the record becomes that of the outcome. */
static inline int act(struct live *live, enum act act, const char *inputs, struct record *record,
	const char *const *changed, struct outcome *outcome, struct error *err)
{
	struct request request = live_request(live, act, CONTAINER, WEB, inputs, record);
	int rc;

	live_intent(live);
	if (!inputs)
		request.inputs = NULL;
	request.changed = changed;
	*outcome = (struct outcome){0};
	rc = provider_docker.apply(&live->env, &request, outcome, err);
	if (rc == 0 && inputs)
		*record = *live_record(live, &request, outcome);
	return rc;
}

static inline void update(struct live *live, const char *inputs, struct record *record,
	const char *changed)
{
	const char *const names[] = {changed, NULL};
	struct error err = ERROR_INIT;
	struct outcome outcome;

	if (act(live, ACT_UPDATE, inputs, record, names, &outcome, &err) < 0)
		fail_msg("update of %s: %s", changed, err.msg);
}

static inline struct record *network(struct live *live, const char *name)
{
	return live_create(live, "docker_network",
		arena_printf(&live->arena, "docker_network.%s", name), "{}");
}

static inline const char *output(const struct record *record, const char *name)
{
	return value_get_text(record->outputs, name, "");
}

#endif
