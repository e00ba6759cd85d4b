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

/* --- what is waited for: a condition, never a time ---------------------------------------------- */

enum { LIVE_TRIES = 1200 }; /* every 50 ms: a minute, which only a failure takes */

struct heard {
	struct strbuf text;
	int left; /* lines until no more are wanted; -1: all */
};

static inline bool hear(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct heard *heard = arg;

	(void)part;
	strbuf_addf(&heard->text, "%d:%.*s|", stream, (int)len, text);
	return heard->left < 0 || --heard->left > 0;
}

static inline const char *logs_of(struct live *live, struct record *record, unsigned flags, long tail,
	int64_t since, int left)
{
	struct heard heard = {.text = STRBUF_INIT, .left = left};
	struct log_request request = {
		.flags = flags, .since = since, .tail = tail, .line = hear, .arg = &heard};
	struct error err = ERROR_INIT;
	const char *copy;

	if (provider_docker.logs(&live->env, record, &request, &err) < 0)
		fail_msg("%s", err.msg);
	copy = arena_strdup(&live->arena, heard.text.text);
	strbuf_release(&heard.text);
	return copy;
}

static inline void wait_for_log(struct live *live, struct record *record, const char *text)
{
	for (int i = 0; i < LIVE_TRIES; i++) {
		if (strstr(logs_of(live, record, 0, -1, 0, -1), text))
			return;
		usleep(50000);
	}
	fail_msg("no '%s' in the log", text);
}

/* In a script: here it waits until the test says go_on(). */
#define UNTIL_TOLD "until [ -e /tmp/go ]; do sleep 0.05; done; "

static inline bool go_on_says(void *arg, int stream, const char *data, size_t len)
{
	(void)arg, (void)stream, (void)data, (void)len;
	return true;
}

static inline void go_on(struct live *live, struct record *record)
{
	static const char *const argv[] = {"touch", "/tmp/go", NULL};
	struct exec_request request = {.argv = argv, .output = go_on_says};
	struct error err = ERROR_INIT;

	if (provider_docker.exec(&live->env, record, &request, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(request.exit_status, 0);
}

static inline void wait_for_end(struct live *live, const char *id)
{
	live_call(live, "POST",
		docker_path(&live->docker, "/containers/%s/wait?condition=not-running", id), NULL);
}

#endif
