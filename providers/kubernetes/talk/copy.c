/*
 * Files into running pods, by `kubectl exec` and the tar of the container: an API server takes no archive
 * as a Docker Engine does. A place is one container of one pod, as it was started last; what it got goes
 * with it, so a restart makes another pod that is filled anew.
 */
#include "providers/kubernetes/kubernetes.h"

#include "base/process.h"
#include "base/tar.h"
#include "providers/kubernetes/place.h"

#include <string.h>

enum {
	ARCHIVE_MOST = 64 << 20,
	PERIOD = 250, /* ms between two looks for the pod that comes instead */
};

/* --- places ------------------------------------------------------------------------------------- */

struct places {
	const char **items;
	size_t n, cap;
	size_t starting; /* pods that will be one */
};

/* The one that kubectl takes, too. */
static const char *container_of(const struct value *pod)
{
	const struct value *containers = value_path(pod, "spec.containers");
	const char *named = value_get_text(value_path(pod, "metadata.annotations"),
		"kubectl.kubernetes.io/default-container", NULL);

	if (named)
		return named;
	return containers && containers->kind == VALUE_LIST && containers->len
		? value_get_text(&containers->items[0], "name", "") : "";
}

/* Of the container that runs; NULL: it does not. */
static const char *running_id(const struct value *pod, const char *container)
{
	const struct value *list = value_path(pod, "status.containerStatuses");

	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (!strcmp(value_get_text(&list->items[i], "name", ""), container) &&
			value_path(&list->items[i], "state.running"))
			return value_get_text(&list->items[i], "containerID", NULL);
	return NULL;
}

/* NAMESPACE/POD/CONTAINER@ID: the id tells one start from the next. */
static void add_pod(struct kube *kube, const struct value *pod, struct places *places)
{
	const char *phase = value_text(value_path(pod, "status.phase"), "");
	const char *container = container_of(pod), *id = running_id(pod, container);

	if (value_path(pod, "metadata.deletionTimestamp") || !strcmp(phase, "Succeeded") ||
		!strcmp(phase, "Failed"))
		return;
	if (!id) {
		places->starting++;
		return;
	}
	if (strrchr(id, '/'))
		id = strrchr(id, '/') + 1;
	ARENA_GROW(kube->arena, places->items, places->n, places->cap);
	places->items[places->n++] = kube_printf(kube, "%s/%s/%s@%.12s",
		value_text(value_path(pod, "metadata.namespace"), ""),
		value_text(value_path(pod, "metadata.name"), ""), container, id);
}

static bool runs_pods(const struct kube_object *object)
{
	static const char *const kinds[] = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(object->kind, kinds[i]))
			return !strncmp(object->api_version, "apps/", 5);
	return false;
}

static int add_object(struct kube *kube, const struct kube_object *object, struct places *places,
	struct error *err)
{
	bool pod = !strcmp(object->kind, "Pod") && !strcmp(object->api_version, "v1");
	const char *selector;
	const struct value *items;
	struct kube_reply reply;

	if (!pod && !runs_pods(object))
		return 0;
	if (kube_get(kube, kube_object_path(kube, object, object->name), &reply, err))
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	if (pod) {
		add_pod(kube, reply.body, places);
		return 0;
	}
	selector = kube_selector(kube, reply.body);
	if (!selector || kube_get(kube, kube_printf(kube, "/api/v1/namespaces/%s/pods?labelSelector=%s",
			http_escape(kube->arena, object->namespace, ""), selector), &reply, err))
		return selector ? -1 : 0;
	items = value_get(reply.body, "items");
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++)
		add_pod(kube, &items->items[i], places);
	return 0;
}

static int find_places(struct kube *kube, struct record *record, struct places *places,
	struct error *err)
{
	struct kube_objects objects = {0};

	kube_inventory_read(kube->arena, record_outputs(record, NULL), &objects);
	for (size_t i = 0; i < objects.n; i++)
		if (*objects.items[i].plural && add_object(kube, &objects.items[i], places, err) < 0)
			return -1;
	return 0;
}

int kube_places(struct provider_env *env, struct record *record, const char *const **out, size_t *n,
	struct error *err)
{
	struct places places = {0};
	struct kube kube;
	int status;

	*n = 0;
	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	status = find_places(&kube, record, &places, err);
	kube_close(&kube);
	*out = places.items;
	*n = places.n;
	return status;
}

/* --- into one ----------------------------------------------------------------------------------- */

struct pod {
	const char *namespace, *name, *container;
};

static struct pod pod_of(struct arena *arena, const char *place)
{
	char *text = arena_strdup(arena, place), *name = strchr(text, '/'), *container;

	*name++ = '\0';
	container = strchr(name, '/');
	*container++ = '\0';
	*strchr(container, '@') = '\0';
	return (struct pod){text, name, container};
}

/* `words` in the container. `what` is the program that it needs there. */
static int run_inside(struct kube *kube, const struct pod *pod, const char *const *words,
	const struct strbuf *input, const char *what, struct error *err)
{
	size_t n = 0, count = 0;
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {.clock = kube->env->clock, .cancel = kube->env->cancel,
		.deadline = kube->env->deadline, .input = input ? input->text : NULL,
		.input_len = input ? input->len : 0};
	const char **argv;

	while (words[count])
		count++;
	argv = arena_zalloc(kube->arena, (count + 14) * sizeof(*argv));
	argv[n++] = "kubectl";
	argv[n++] = kube_printf(kube, "--kubeconfig=%s", kube->config.path);
	argv[n++] = kube_printf(kube, "--context=%s", kube->config.context);
	argv[n++] = kube_printf(kube, "--namespace=%s", pod->namespace);
	argv[n++] = "exec";
	if (input)
		argv[n++] = "--stdin";
	argv[n++] = pod->name;
	argv[n++] = kube_printf(kube, "--container=%s", pod->container);
	argv[n++] = "--";
	for (size_t i = 0; i < count; i++)
		argv[n++] = words[i];
	request.argv = argv;
	if (process_run(&request, &result, err) < 0)
		return error_wrap(err, "files go into pods by kubectl");
	if (!result.status)
		return 0;
	if (result.status == 126 || result.status == 127 ||
		strstr(result.err.text, "executable file not found"))
		return error_set(err, ERROR_FAILED, "container %s of pod %s has no %s: files cannot be %s "
			"there; use `action: rebuild`, or an image with %s", pod->container, pod->name, what,
			strcmp(what, "tar") ? "removed" : "copied", what);
	return error_set(err, ERROR_FAILED, "%s in container %s of pod %s: %s", what, pod->container,
		pod->name, result.tail.text);
}

static int archive(struct kube *kube, const struct copy_request *request, struct strbuf *out,
	struct error *err)
{
	enum { PIECE = 1 << 16 };
	cleanup_tar struct tar tar = {.arena = kube->arena, .times = true, .fd = -1,
		.pending = STRBUF_INIT};
	cleanup_free char *buf = xmalloc(PIECE);
	ssize_t got;

	hasher_init(&tar.hasher);
	for (size_t i = 0; i < request->n; i++)
		if (request->items[i].from &&
			tar_add(&tar, request->items[i].to, request->items[i].from, err) < 0)
			return -1;
	while (tar.n && (got = tar_read(&tar, buf, PIECE, err)) != 0) {
		if (got < 0)
			return -1;
		if (out->len > ARCHIVE_MOST)
			return error_set(err, ERROR_FAILED, "more than %d MiB are too much for live sync: "
				"build them into the image", ARCHIVE_MOST >> 20);
		strbuf_add(out, buf, (size_t)got);
	}
	return 0;
}

static int put(struct kube *kube, const struct pod *pod, const struct copy_request *request,
	struct error *err)
{
	static const char *const untar[] = {"tar", "-xf", "-", "-C", "/", NULL};
	cleanup_strbuf struct strbuf bytes = STRBUF_INIT;

	if (archive(kube, request, &bytes, err) < 0)
		return -1;
	return bytes.len ? run_inside(kube, pod, untar, &bytes, "tar", err) : 0;
}

static int take_out(struct kube *kube, const struct pod *pod, const struct copy_request *request,
	struct error *err)
{
	const char **words = arena_zalloc(kube->arena, (request->n + 4) * sizeof(*words));
	size_t n = 0;

	words[n++] = "rm";
	words[n++] = "-rf";
	words[n++] = "--";
	for (size_t i = 0; i < request->n; i++)
		if (!request->items[i].from)
			words[n++] = request->items[i].to;
	return n > 3 ? run_inside(kube, pod, words, NULL, "rm", err) : 0;
}

/* Its workload makes another, which is waited for. */
static int restart(struct kube *kube, struct record *record, const struct pod *pod,
	struct error *err)
{
	struct kube_request request = {.method = "DELETE",
		.path = kube_printf(kube, "/api/v1/namespaces/%s/pods/%s", pod->namespace, pod->name)};
	struct places before = {0};

	if (find_places(kube, record, &before, err) < 0 ||
		kube_call(kube, &request, NULL, err) < 0)
		return -1;
	for (;;) {
		struct places now = {0};

		if (kube_pause(kube, PERIOD, err) < 0)
			return error_wrap(err, "no other pod runs instead of %s", pod->name);
		if (find_places(kube, record, &now, err) < 0)
			return -1;
		if (now.n >= before.n && !now.starting)
			return 0;
	}
}

static bool is_bare(struct record *record, struct arena *arena, const struct pod *pod)
{
	struct kube_objects objects = {0};

	kube_inventory_read(arena, record_outputs(record, NULL), &objects);
	return kube_objects_find(&objects, arena_printf(arena, "Pod/%s/%s", pod->namespace, pod->name));
}

int kube_copy(struct provider_env *env, struct record *record, const struct copy_request *request,
	struct error *err)
{
	struct pod pod = pod_of(env->arena, request->place);
	struct kube kube;
	int status;

	if (request->restart && is_bare(record, env->arena, &pod))
		return error_set(err, ERROR_FAILED, "nothing makes pod %s anew when it is restarted: give it "
			"a Deployment, or use `action: rebuild`", pod.name);
	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	if (request->restart)
		status = restart(&kube, record, &pod, err);
	else
		status = put(&kube, &pod, request, err) || take_out(&kube, &pod, request, err) ? -1 : 0;
	kube_close(&kube);
	return status;
}
