/*
 * Logs as they come: a watch on the pods of each namespace, and a thread for each container that runs.
 * A container that starts again is another one, with another log. All threads are joined before the end;
 * each has an arena, an environment and a connection of its own.
 */
#include "providers/kubernetes/talk/talk.h"

#include "model/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST = 256,          /* containers at once */
	RELOOK = 2000,       /* ms, where all comes to an end by itself */
	LOOK_AT_CANCEL = 100,
	SHORTEST = 250,      /* a watch that ends earlier is not opened again at once */
	PAUSE = 1000,
};

struct following {
	struct kube *kube;
	const struct kube_objects *objects;
	struct log_request *request;
	atomic_bool stop;    /* whoever listens has had enough, or we were cancelled */
	atomic_size_t left;  /* namespaces that are still looked at */
	bool finite;         /* jobs and pods only */
};

/* A thread's own things. */
struct seat {
	struct arena arena;
	struct provider_env env;
	struct kube kube;
	pthread_t thread;
};

struct reader {
	struct seat seat;
	struct following *following;
	struct kube_container container;
	bool first, began;
	struct reader *next;
};

struct scene {
	struct seat seat;
	struct following *following;
	const char *namespace;
	struct reader *readers;
	size_t n_readers;
	bool first;          /* what is seen now was there when we came */
	bool all_ended;
	struct strbuf line;
	struct error err;
	bool failed, began;
};

static int take_seat(struct following *following, struct seat *seat)
{
	seat->env = *following->kube->env;
	seat->env.arena = &seat->arena;
	seat->env.cancel = &following->stop;
	return kube_open_beside(&seat->kube, following->kube, &seat->env);
}

static void leave_seat(struct seat *seat)
{
	kube_close(&seat->kube);
	arena_release(&seat->arena);
}

/* --- one container ------------------------------------------------------------------------------ */

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	struct following *following = reader->following;
	struct error err = ERROR_INIT;

	/* What cannot be read is no end of the others. */
	if (kube_read_log(&reader->seat.kube, &reader->container, following->request, reader->first,
			&err) > 0)
		atomic_store(&following->stop, true);
	return NULL;
}

static bool is_known(const struct scene *scene, const struct kube_container *container)
{
	for (const struct reader *reader = scene->readers; reader; reader = reader->next)
		if (!strcmp(reader->container.id, container->id))
			return true;
	return false;
}

static void see_container(void *arg, const struct kube_container *container)
{
	struct scene *scene = arg;
	struct reader *reader;

	if (scene->n_readers >= MOST || is_known(scene, container))
		return;
	reader = xcalloc(1, sizeof(*reader));
	reader->following = scene->following;
	reader->first = scene->first;
	reader->next = scene->readers;
	scene->readers = reader;
	reader->container = (struct kube_container){
		.namespace = arena_strdup(&reader->seat.arena, container->namespace),
		.pod = arena_strdup(&reader->seat.arena, container->pod),
		.name = arena_strdup(&reader->seat.arena, container->name),
		.id = arena_strdup(&reader->seat.arena, container->id),
		.part = arena_strdup(&reader->seat.arena, container->part),
	};
	scene->n_readers++;
	if (!take_seat(scene->following, &reader->seat))
		reader->began = !pthread_create(&reader->seat.thread, NULL, read_on, reader);
}

/* --- the pods of one namespace ------------------------------------------------------------------ */

static void see_pod(struct scene *scene, struct arena *arena, const struct value *pod)
{
	const char *phase = value_text(value_path(pod, "status.phase"), "");

	if (!kube_is_pod_of(scene->following->objects, pod))
		return;
	scene->all_ended = scene->all_ended && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
	kube_pod_containers(arena, pod, see_container, scene);
}

static bool take_piece(void *arg, const char *data, size_t len)
{
	struct scene *scene = arg;

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;
		struct arena arena = ARENA_INIT;
		struct value event;

		strbuf_add(&scene->line, data, part);
		if (end && !json_parse(scene->line.text, scene->line.len, &arena, NULL, &event, NULL)) {
			if (!strcmp(value_get_text(&event, "type", ""), "ERROR"))
				len = 0; /* its version is too old: looked at anew */
			else if (strcmp(value_get_text(&event, "type", ""), "DELETED") != 0)
				see_pod(scene, &arena, value_get(&event, "object"));
		}
		arena_release(&arena);
		if (!len)
			return false;
		if (end)
			strbuf_reset(&scene->line);
		part += end != NULL;
		data += part;
		len -= part;
	}
	return true;
}

/* Have the jobs come to their end, too? A pod that failed may be followed by another one. */
static bool is_over(struct scene *scene)
{
	const struct kube_objects *objects = scene->following->objects;

	for (size_t i = 0; i < objects->n; i++) {
		struct kube_object object = objects->items[i];
		struct error err = ERROR_INIT;
		const char *why = NULL;
		struct kube_reply reply;
		bool there;

		if (strcmp(object.kind, "Job") != 0)
			continue;
		if (kube_object_get(&scene->seat.kube, &object, NULL, &reply, &there, &err) ||
			(there && kube_object_ready(&scene->seat.arena, reply.body, &why) == READY_WAIT))
			return false;
	}
	return true;
}

/* 1: there will be nothing more. */
static int look(struct scene *scene)
{
	struct following *following = scene->following;
	struct kube *kube = &scene->seat.kube;
	int64_t begin, until = 0;
	const char *version;
	const struct value *pods = kube_pods(kube, scene->namespace, &version, &scene->err);
	struct error cut = ERROR_INIT;
	struct kube_reply reply;

	if (!pods)
		return -1;
	scene->all_ended = true;
	for (uint32_t i = 0; pods->kind == VALUE_LIST && i < pods->len; i++)
		see_pod(scene, &scene->seat.arena, &pods->items[i]);
	scene->first = false;
	if (following->finite && scene->all_ended && is_over(scene))
		return 1;
	begin = clock_monotonic(kube->env->clock);
	if (following->finite)
		until = begin + RELOOK;
	strbuf_reset(&scene->line);
	kube_stream(kube, kube_printf(kube, "/api/v1/namespaces/%s/pods?watch=1&resourceVersion=%s",
		http_escape(kube->arena, scene->namespace, ""), http_escape(kube->arena, version, "")),
		take_piece, scene, until, &reply, &cut);
	if (clock_monotonic(kube->env->clock) - begin < SHORTEST)
		kube_pause(kube, PAUSE, &cut);
	return 0;
}

static void *watch(void *arg)
{
	struct scene *scene = arg;
	struct following *following = scene->following;
	int rc = 0;

	while (!rc && !atomic_load(&following->stop)) {
		rc = look(scene);
		arena_release(&scene->seat.arena);
	}
	scene->failed = rc < 0 && !atomic_load(&following->stop);
	if (scene->failed)
		atomic_store(&following->stop, true);
	while (scene->readers) {
		struct reader *reader = scene->readers;

		scene->readers = reader->next;
		if (reader->began)
			pthread_join(reader->seat.thread, NULL);
		leave_seat(&reader->seat);
		free(reader);
	}
	strbuf_release(&scene->line);
	atomic_fetch_sub(&following->left, 1);
	return NULL;
}

/* --- all of them -------------------------------------------------------------------------------- */

static bool is_finite(const struct kube_objects *objects)
{
	for (size_t i = 0; i < objects->n; i++)
		if (kube_has_pods(&objects->items[i]) && strcmp(objects->items[i].kind, "Job") != 0 &&
			strcmp(objects->items[i].kind, "Pod") != 0)
			return false;
	return true;
}

static void begin(struct following *following, struct scene *scene, const char *namespace)
{
	*scene = (struct scene){.following = following, .namespace = namespace, .first = true,
		.line = STRBUF_INIT};
	atomic_fetch_add(&following->left, 1);
	if (!take_seat(following, &scene->seat))
		scene->began = !pthread_create(&scene->seat.thread, NULL, watch, scene);
	if (!scene->began)
		atomic_fetch_sub(&following->left, 1);
}

int kube_follow(struct kube *kube, const struct kube_objects *objects, struct log_request *request,
	struct error *err)
{
	const char *const *namespaces = kube_pod_namespaces(kube, objects);
	struct following following = {.kube = kube, .objects = objects, .request = request,
		.finite = is_finite(objects)};
	struct error pause = ERROR_INIT;
	struct scene *scenes;
	size_t n = 0;
	int rc = 0;

	while (namespaces[n])
		n++;
	scenes = arena_zalloc(kube->arena, (n + 1) * sizeof(*scenes));
	for (size_t i = 0; i < n; i++)
		begin(&following, &scenes[i], namespaces[i]);
	while (atomic_load(&following.left) && !atomic_load(&following.stop))
		if (kube_pause(kube, LOOK_AT_CANCEL, &pause))
			atomic_store(&following.stop, true);
	for (size_t i = 0; i < n; i++) {
		if (scenes[i].began)
			pthread_join(scenes[i].seat.thread, NULL);
		if ((scenes[i].failed || !scenes[i].began) && !rc)
			rc = scenes[i].began ? (*err = scenes[i].err, -1)
				: error_set(err, ERROR_FAILED, "cannot start a thread");
		leave_seat(&scenes[i].seat);
	}
	return rc;
}
