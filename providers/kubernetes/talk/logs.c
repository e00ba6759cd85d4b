/*
 * Logs of the pods behind objects, a line at a time. The API does not tell standard output from standard
 * error, so all is stream 1.
 */
#include "providers/kubernetes/talk/talk.h"

#include "providers/kubernetes/place.h"

#include <string.h>

enum { LONGEST_LINE = 1 << 20 }; /* a longer one is cut, not kept in memory until it ends */

struct lines {
	struct log_request *request;
	const char *part;
	struct strbuf rest;
	bool enough;
};

static bool give(struct lines *lines, const char *text, size_t len)
{
	while (len && text[len - 1] == '\r')
		len--;
	lines->enough = !lines->request->line(lines->request->arg, lines->part, 1, text, len);
	return !lines->enough;
}

static bool take(void *arg, const char *data, size_t len)
{
	struct lines *lines = arg;

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;

		strbuf_add(&lines->rest, data, part);
		if (end || lines->rest.len >= LONGEST_LINE) {
			if (!give(lines, lines->rest.text, lines->rest.len))
				return false;
			strbuf_reset(&lines->rest);
		}
		part += end != NULL;
		data += part;
		len -= part;
	}
	return true;
}

static const char *path_of(struct kube *kube, const struct kube_container *container,
	const struct log_request *request, bool first)
{
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	char since[32];

	strbuf_addf(&path, "/api/v1/namespaces/%s/pods/%s/log?container=%s", container->namespace,
		container->pod, container->name);
	if (request->flags & LOG_FOLLOW)
		strbuf_addstr(&path, "&follow=true");
	if (request->flags & LOG_TIMES)
		strbuf_addstr(&path, "&timestamps=true");
	if (first && request->tail >= 0)
		strbuf_addf(&path, "&tailLines=%ld", request->tail);
	if (first && request->since > 0)
		strbuf_addf(&path, "&sinceTime=%s", clock_rfc3339(request->since, since));
	return arena_strdup(kube->arena, path.text);
}

int kube_read_log(struct kube *kube, const struct kube_container *container,
	struct log_request *request, bool first, struct error *err)
{
	struct lines lines = {.request = request, .part = container->part, .rest = STRBUF_INIT};
	struct error own = ERROR_INIT;
	struct kube_reply reply;
	int rc = kube_stream(kube, path_of(kube, container, request, first), take, &lines, 0, &reply,
		&own);

	if (!lines.enough && lines.rest.len)
		give(&lines, lines.rest.text, lines.rest.len);
	strbuf_release(&lines.rest);
	/* 400: it has not begun after all; 404: it is gone meanwhile. */
	if (!rc || lines.enough || reply.status == 400 || reply.status == 404)
		return lines.enough ? 1 : 0;
	*err = own;
	return error_wrap(err, "log of %s", container->part);
}

/* --- those that are there ----------------------------------------------------------------------- */

struct reading {
	struct kube *kube;
	struct log_request *request;
	struct error *err;
	int rc; /* 1: whoever listens has had enough */
};

static void read_one(void *arg, const struct kube_container *container)
{
	struct reading *reading = arg;

	if (!reading->rc)
		reading->rc = kube_read_log(reading->kube, container, reading->request, true,
			reading->err);
}

static int read_all(struct kube *kube, const struct kube_objects *objects,
	struct log_request *request, struct error *err)
{
	const char *const *namespaces = kube_pod_namespaces(kube, objects);
	struct reading reading = {kube, request, err, 0};

	for (; *namespaces && !reading.rc; namespaces++) {
		const struct value *pods = kube_pods(kube, *namespaces, NULL, err);

		if (!pods)
			return -1;
		for (uint32_t i = 0; pods->kind == VALUE_LIST && i < pods->len && !reading.rc; i++)
			if (kube_is_pod_of(objects, &pods->items[i]))
				kube_pod_containers(kube->arena, &pods->items[i], read_one, &reading);
	}
	return reading.rc < 0 ? -1 : 0;
}

int kube_talk_logs(struct provider_env *env, struct record *record, struct log_request *request,
	struct error *err)
{
	struct kube_objects objects = {0};
	struct kube kube;
	int rc;

	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	kube_inventory_read(kube.arena, record_outputs(record, NULL), &objects);
	rc = request->flags & LOG_FOLLOW ? kube_follow(&kube, &objects, request, err)
					 : read_all(&kube, &objects, request, err);
	kube_close(&kube);
	return rc;
}
