/*
 * Waiting until objects are ready, over a watch on the first that is not: it begins behind the version
 * that was looked at, so nothing that happens in between is missed. A watch that is cut, or whose version
 * is too old, is answered by looking again; where none is to be had, waiting is left to the engine.
 */
#include "providers/kubernetes/kubernetes.h"

#include "model/json.h"

#include <string.h>

enum {
	RELOOK = 5000,  /* ms: others may fail meanwhile, and a reason may come that changes nothing in it */
	SHORTEST = 250, /* a watch that says nothing and ends earlier is not opened again at once */
};

struct watch {
	struct kube *kube;
	const struct kube_object *object;
	struct strbuf line;
	const char **told;   /* last: what is missing, and perhaps why */
	bool changed;        /* it is ready, has failed or is gone */
};

/* What was told with its reason stays: only another look knows why. */
static void tell(struct watch *watch, const char *missing)
{
	const char *text = kube_printf(watch->kube, "%s: %s", watch->object->ref, missing);

	if (!strncmp(*watch->told, text, strlen(text)))
		return;
	*watch->told = text;
	provider_progress(watch->kube->env, "%s", text);
}

/* One line {"type": ..., "object": {...}}. False: there is something to look at. */
static bool take_event(struct watch *watch, const char *text, size_t len)
{
	struct arena arena = ARENA_INIT;
	const char *missing = NULL;
	struct value event;
	bool go_on = false;

	if (!json_parse(text, len, &arena, NULL, &event, NULL)) {
		const char *type = value_get_text(&event, "type", "");
		const struct value *object = value_get(&event, "object");

		go_on = object && (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED")) &&
			kube_object_ready(&arena, object, &missing) == READY_WAIT;
		watch->changed = !go_on && strcmp(type, "ERROR") != 0;
		if (missing)
			tell(watch, missing);
	}
	arena_release(&arena);
	return go_on;
}

static bool take_piece(void *arg, const char *data, size_t len)
{
	struct watch *watch = arg;

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;

		strbuf_add(&watch->line, data, part);
		if (end && !take_event(watch, watch->line.text, watch->line.len))
			return false;
		if (end)
			strbuf_reset(&watch->line);
		part += end != NULL;
		data += part;
		len -= part;
	}
	return true;
}

/* -1: it cannot be watched. 0: look again. */
static int watch_one(struct kube *kube, const struct kube_waiting *waiting, int64_t deadline,
	const char **told)
{
	struct watch watch = {.kube = kube, .object = &waiting->object, .line = STRBUF_INIT,
		.told = told};
	const char *path = kube_printf(kube, "%s?watch=1&fieldSelector=%s&resourceVersion=%s",
		kube_object_path(kube, &waiting->object, NULL), http_escape(kube->arena,
			kube_printf(kube, "metadata.name=%s", waiting->object.name), ""),
		http_escape(kube->arena, waiting->version, ""));
	int64_t begin = clock_monotonic(kube->env->clock);
	struct error err = ERROR_INIT;
	struct kube_reply reply;
	int rc = kube_stream(kube, path, take_piece, &watch, deadline, &reply, &err);

	strbuf_release(&watch.line);
	if (watch.changed || (rc && err.code == ERROR_TIMEOUT))
		return 0;
	if (clock_monotonic(kube->env->clock) - begin < SHORTEST)
		return -1;
	return !rc || err.code == ERROR_NOT_FOUND || (err.code == ERROR_TRANSIENT && !reply.status)
		? 0 : -1;
}

enum readiness kube_await(struct kube *kube, struct record *record, int64_t until,
	const char **why)
{
	const char *told = "";

	for (;;) {
		struct kube_waiting waiting = {.version = NULL};
		enum readiness readiness = kube_ready(kube, record, &waiting, why);
		int64_t now = clock_monotonic(kube->env->clock);

		if (readiness == READY_WAIT && strcmp(*why, told) != 0)
			provider_progress(kube->env, "%s", told = *why);
		if (readiness != READY_WAIT || !waiting.version || now >= until ||
			provider_cancelled(kube->env) ||
			watch_one(kube, &waiting, now + RELOOK < until ? now + RELOOK : until, &told))
			return readiness;
	}
}
