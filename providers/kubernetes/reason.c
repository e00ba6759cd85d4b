/*
 * Why is it not ready? Asked only of what is not: the pods behind a workload (an image that cannot be
 * pulled, a crash loop with its last lines; else what the first of them waits for before it runs: a node,
 * a claim, an image, an init container), then the newest warning among the events.
 */
#include "providers/kubernetes/kubernetes.h"

#include "base/utf8.h"

#include <string.h>

enum { LOG_LINES = 5, LOG_LONGEST = 600 };

/* --- events ------------------------------------------------------------------------------------- */

/* One that came again and again has its last time in its series. */
static const char *time_of(const struct value *event)
{
	const char *last = value_get_text(event, "lastTimestamp",
		value_text(value_path(event, "series.lastObservedTime"), NULL));

	return last ? last : value_get_text(event, "eventTime",
		value_text(value_path(event, "metadata.creationTimestamp"), ""));
}

/* The newest event that the fields select about this name, or about what it owns (its name begins so). */
static const char *newest_event(struct kube *kube, const char *namespace, const char *name,
	const char *fields)
{
	const struct value *newest = NULL, *items;
	size_t len = strlen(name);
	struct kube_reply reply;

	if (kube_get(kube, kube_printf(kube, "/api/v1/namespaces/%s/events?fieldSelector=%s&limit=500",
			namespace, http_escape(kube->arena, fields, "")), &reply, NULL))
		return NULL;
	items = value_get(reply.body, "items");
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++) {
		const struct value *event = &items->items[i];
		const char *about = value_text(value_path(event, "involvedObject.name"), "");

		if (strncmp(about, name, len) != 0 || (about[len] && about[len] != '-'))
			continue;
		if (!newest || strcmp(time_of(event), time_of(newest)) >= 0)
			newest = event;
	}
	return newest ? kube_printf(kube, "%s: %s", value_get_text(newest, "reason", "warning"),
		value_get_text(newest, "message", "")) : NULL;
}

/* Whatever it says: what goes well, but takes long, is no warning ("Pulling"). */
static const char *last_event(struct kube *kube, const char *namespace, const char *name)
{
	return newest_event(kube, namespace, name,
		kube_printf(kube, "involvedObject.name=%s", name));
}

/* --- the pods behind it ------------------------------------------------------------------------- */

const char *kube_selector(struct kube *kube, const struct value *object)
{
	const struct value *labels = value_path(object, "spec.selector.matchLabels");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (uint32_t i = 0; labels && labels->kind == VALUE_MAP && i < labels->len; i++)
		strbuf_addf(&text, "%s%s=%s", i ? "," : "", labels->members[i].key,
			value_text(&labels->members[i].value, ""));
	return text.len ? http_escape(kube->arena, text.text, "") : NULL;
}

/* A message is one line: those of the log stand behind each other in it. */
static const char *one_line(struct arena *arena, const char *text, size_t len)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			strbuf_addstr(&line, " / ");
		else if (text[i] != '\r')
			strbuf_addch(&line, text[i]);
	}
	return arena_strdup(arena, line.text);
}

/* As many whole lines as fit; of the last one that alone is longer, the beginning. */
static const char *end_of_log(struct arena *arena, const char *text, size_t len)
{
	const char *line = memchr(text + len - LOG_LONGEST - 1, '\n', LOG_LONGEST + 1);

	if (line)
		return one_line(arena, line + 1, (size_t)(text + len - line - 1));
	if ((line = memrchr(text, '\n', len)))
		text = line + 1;
	return arena_printf(arena, "%s" CUT_MARK,
		one_line(arena, text, utf8_cut(text, LOG_LONGEST)));
}

static const char *last_lines(struct kube *kube, const struct value *pod, const char *container,
	bool previous)
{
	struct kube_request request = {.plain = true, .once = true,
		.path = kube_printf(kube, "/api/v1/namespaces/%s/pods/%s/log?container=%s&tailLines=%d%s",
			value_text(value_path(pod, "metadata.namespace"), ""),
			value_text(value_path(pod, "metadata.name"), ""), container, LOG_LINES,
			previous ? "&previous=true" : "")};
	struct kube_reply reply;
	size_t len;

	if (kube_call(kube, &request, &reply, NULL))
		return NULL;
	len = strlen(reply.text);
	while (len && strchr(" \r\n", reply.text[len - 1]))
		len--;
	if (len > LOG_LONGEST)
		return end_of_log(kube->arena, reply.text, len);
	return len ? one_line(kube->arena, reply.text, len) : NULL;
}

static const char *with_log(struct kube *kube, const struct value *pod, const char *container,
	const char *text, bool previous)
{
	const char *log = last_lines(kube, pod, container, previous);

	return log ? kube_printf(kube, "%s; its last lines: %s", text, log) : text;
}

static const char *of_container(struct kube *kube, const struct value *pod,
	const struct value *status, bool *hopeless)
{
	static const char *const fatal[] = {"InvalidImageName", "CreateContainerConfigError",
		"ErrImageNeverPull"};
	const struct value *waiting = value_path(status, "state.waiting");
	const struct value *ended = value_path(status, "state.terminated");
	const char *name = value_get_text(status, "name", "?");
	const char *pod_name = value_text(value_path(pod, "metadata.name"), "?");
	const char *reason = value_get_text(waiting, "reason", "");
	const char *message = value_get_text(waiting, "message", "");

	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		*hopeless = *hopeless || !strcmp(reason, fatal[i]);
	if (!strcmp(reason, "CrashLoopBackOff"))
		return with_log(kube, pod, name, kube_printf(kube,
			"container %s of pod %s crashes again and again (exit status %lld, %lld restarts)",
			name, pod_name, (long long)value_get_int(value_path(status,
				"lastState.terminated"), "exitCode", -1),
			(long long)value_get_int(status, "restartCount", 0)), true);
	if (waiting && *reason && strcmp(reason, "ContainerCreating") != 0 &&
		strcmp(reason, "PodInitializing") != 0)
		return kube_printf(kube, "container %s of pod %s: %s%s%s", name, pod_name, reason,
			*message ? ": " : "", message);
	if (ended && value_get_int(ended, "exitCode", 0) != 0)
		return with_log(kube, pod, name, kube_printf(kube,
			"container %s of pod %s ended with exit status %lld%s%s", name, pod_name,
			(long long)value_get_int(ended, "exitCode", 0),
			*value_get_text(ended, "reason", "") ? ": " : "",
			value_get_text(ended, "reason", "")), false);
	return NULL;
}

static const char *of_pod(struct kube *kube, const struct value *pod, bool *hopeless)
{
	static const char *const lists[] = {"status.initContainerStatuses",
		"status.containerStatuses"};

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		const struct value *list = value_path(pod, lists[k]);

		for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
			const char *why = of_container(kube, pod, &list->items[i], hopeless);

			if (why)
				return why;
		}
	}
	return NULL;
}

/* Of which state of the template of its workload. */
static const char *template_of(const struct value *pod)
{
	const struct value *labels = value_path(pod, "metadata.labels");

	return value_get_text(labels, "pod-template-hash", value_get_text(labels, "controller-revision-hash", ""));
}

/* That of the youngest pod: the others are what an update replaces. */
static const char *newest_template(const struct value *pods)
{
	const char *newest = "", *template = "";

	for (uint32_t i = 0; pods && pods->kind == VALUE_LIST && i < pods->len; i++) {
		const char *made = value_text(value_path(&pods->items[i], "metadata.creationTimestamp"), "");

		if (strcmp(made, newest) >= 0) {
			newest = made;
			template = template_of(&pods->items[i]);
		}
	}
	return template;
}

/* --- what a pod waits for ----------------------------------------------------------------------- */

static uint32_t length(const struct value *list)
{
	return list && list->kind == VALUE_LIST ? list->len : 0;
}

/* The first of its claims that is not bound: for some the scheduler waits, and says nothing. */
static const char *of_claims(struct kube *kube, const struct value *pod, const char *namespace)
{
	const struct value *volumes = value_path(pod, "spec.volumes");

	for (uint32_t i = 0; i < length(volumes); i++) {
		const char *name = value_text(value_path(&volumes->items[i], "persistentVolumeClaim.claimName"),
			value_get(&volumes->items[i], "ephemeral")
				? kube_printf(kube, "%s-%s", value_text(value_path(pod, "metadata.name"), ""),
					value_get_text(&volumes->items[i], "name", "")) : NULL);
		struct kube_reply reply;
		const char *phase, *event;

		if (!name || kube_get(kube, kube_printf(kube,
				"/api/v1/namespaces/%s/persistentvolumeclaims/%s", namespace, name), &reply, NULL))
			continue;
		phase = value_text(value_path(reply.body, "status.phase"), "Pending");
		if (!strcmp(phase, "Bound"))
			continue;
		event = last_event(kube, namespace, name);
		return kube_printf(kube, "claim %s is %s%s%s", name, phase, event ? ": " : "",
			event ? event : "");
	}
	return NULL;
}

/* The init container that runs; those that go on beside the others are not waited for. */
static const char *init_that_runs(const struct value *pod)
{
	const struct value *list = value_path(pod, "status.initContainerStatuses");
	const struct value *wanted = value_path(pod, "spec.initContainers");

	for (uint32_t i = 0; i < length(list); i++) {
		const char *name = value_get_text(&list->items[i], "name", "?");
		bool goes_on = false;

		for (uint32_t k = 0; k < length(wanted); k++)
			if (!strcmp(value_get_text(&wanted->items[k], "name", ""), name))
				goes_on = value_get(&wanted->items[k], "restartPolicy") != NULL;
		if (!goes_on && value_path(&list->items[i], "state.running"))
			return name;
	}
	return NULL;
}

/* "Unschedulable: 0/1 nodes are available" of a condition that is False; NULL: it is not. */
static const char *is_not(struct kube *kube, const struct value *pod, const char *type)
{
	const struct value *list = value_path(pod, "status.conditions");

	for (uint32_t i = 0; i < length(list); i++)
		if (!strcmp(value_get_text(&list->items[i], "type", ""), type) &&
			!strcmp(value_get_text(&list->items[i], "status", ""), "False"))
			return kube_printf(kube, "%s: %s", value_get_text(&list->items[i], "reason", type),
				value_get_text(&list->items[i], "message", ""));
	return NULL;
}

/* One that does not run yet waits for a node, for a claim, or for what was begun last. */
static const char *of_pending(struct kube *kube, const struct value *pod, const char *namespace,
	const char *name)
{
	const char *node = value_text(value_path(pod, "spec.nodeName"), NULL), *why;

	if (node && (why = init_that_runs(pod)))
		return kube_printf(kube, "init container %s of pod %s runs", why, name);
	if (!node && (why = of_claims(kube, pod, namespace)))
		return kube_printf(kube, "pod %s has no node: %s", name, why);
	if (!node && (why = is_not(kube, pod, "PodScheduled")))
		return kube_printf(kube, "no node takes pod %s: %s", name, why);
	if ((why = last_event(kube, namespace, name)))
		return kube_printf(kube, "pod %s: %s", name, why);
	return node ? kube_printf(kube, "node %s has not begun pod %s", node, name)
		    : kube_printf(kube, "no scheduler has looked at pod %s", name);
}

/* What a pod waits for of which no container says anything; NULL: for nothing. */
static const char *of_waiting(struct kube *kube, const struct value *pod)
{
	const char *name = value_text(value_path(pod, "metadata.name"), "?");
	const char *namespace = value_text(value_path(pod, "metadata.namespace"), "");
	const char *phase = value_text(value_path(pod, "status.phase"), "Pending"), *missing, *event;

	if (!strcmp(phase, "Pending"))
		return of_pending(kube, pod, namespace, name);
	if (strcmp(phase, "Running") != 0 || !(missing = is_not(kube, pod, "Ready")))
		return NULL;
	event = newest_event(kube, namespace, name,
		kube_printf(kube, "involvedObject.name=%s,type=Warning", name));
	return kube_printf(kube, "pod %s: %s", name, event ? event : missing);
}

/* Of those of the newest template: what a container of theirs says, else what the first waits for. */
static const char *of_pods(struct kube *kube, const struct value *object, bool *hopeless)
{
	const char *namespace = value_text(value_path(object, "metadata.namespace"), "");
	const char *selector = kube_selector(kube, object), *template, *why = NULL;
	const struct value *pods;
	struct kube_reply reply;

	if (!strcmp(value_get_text(object, "kind", ""), "Pod"))
		return (why = of_pod(kube, object, hopeless)) ? why : of_waiting(kube, object);
	if (!selector || kube_get(kube, kube_printf(kube,
			"/api/v1/namespaces/%s/pods?labelSelector=%s", namespace, selector), &reply, NULL))
		return NULL;
	pods = value_get(reply.body, "items");
	template = newest_template(pods);
	for (int look = 0; look < 2; look++)
		for (uint32_t i = 0; !why && i < length(pods); i++) {
			const struct value *pod = &pods->items[i];

			if (value_path(pod, "metadata.deletionTimestamp") ||
				strcmp(template_of(pod), template) != 0)
				continue;
			why = look ? of_waiting(kube, pod) : of_pod(kube, pod, hopeless);
		}
	return why;
}

const char *kube_reason(struct kube *kube, const struct value *object, bool *hopeless)
{
	const char *namespace = value_text(value_path(object, "metadata.namespace"), NULL);
	const char *name = value_text(value_path(object, "metadata.name"), "");
	const char *why = of_pods(kube, object, hopeless);

	if (why || !namespace)
		return why;
	if (!strcmp(value_get_text(object, "kind", ""), "PersistentVolumeClaim"))
		return last_event(kube, namespace, name);
	return newest_event(kube, namespace, name, "type=Warning");
}

/* --- the probe ---------------------------------------------------------------------------------- */

/* Kinds that are what they are as soon as they are there. */
static bool is_plain(const struct kube_object *object)
{
	static const char *const kinds[] = {"ConfigMap", "Secret", "ServiceAccount", "Role",
		"RoleBinding", "ClusterRole", "ClusterRoleBinding", "LimitRange", "NetworkPolicy",
		"PriorityClass", "StorageClass", "IngressClass"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(object->kind, kinds[i]))
			return true;
	return false;
}

/* Its class binds it only once a pod wants it: until then there is nothing to wait for. */
static bool waits_for_consumer(struct kube *kube, const struct value *object)
{
	const char *name = value_text(value_path(object, "spec.storageClassName"), NULL);
	struct kube_reply reply;

	if (strcmp(value_get_text(object, "kind", ""), "PersistentVolumeClaim") != 0 || !name ||
		kube_get(kube, kube_printf(kube, "/apis/storage.k8s.io/v1/storageclasses/%s", name), &reply,
			NULL))
		return false;
	return !strcmp(value_get_text(reply.body, "volumeBindingMode", ""), "WaitForFirstConsumer");
}

static enum readiness ready_one(struct kube *kube, struct kube_object *object,
	const char **version, const char **why)
{
	const char *missing = NULL, *reason;
	struct error err = ERROR_INIT;
	enum readiness readiness;
	struct kube_reply reply;
	bool hopeless = false, there;

	if (kube_object_get(kube, object, NULL, &reply, &there, &err)) {
		*why = kube_printf(kube, "%s: %s", object->ref, err.msg);
		return READY_UNSEEN;
	}
	if (!there) {
		*why = kube_printf(kube, "%s is gone", object->ref);
		return READY_FAILED;
	}
	*version = value_text(value_path(reply.body, "metadata.resourceVersion"), NULL);
	readiness = kube_object_ready(kube->arena, reply.body, &missing);
	if (readiness == READY_YES ||
		(readiness == READY_WAIT && waits_for_consumer(kube, reply.body)))
		return READY_YES;
	reason = kube_reason(kube, reply.body, &hopeless);
	*why = kube_printf(kube, "%s: %s%s%s", object->ref, missing, reason ? " (" : "",
		reason ? kube_printf(kube, "%s)", reason) : "");
	return hopeless && !kube_waits_for_pods(reply.body) ? READY_FAILED : readiness;
}

const char *kube_why(struct kube *kube, struct kube_objects *objects)
{
	for (size_t i = 0; i < objects->n; i++) {
		const char *why = NULL, *version = NULL;

		if (!is_plain(&objects->items[i]) &&
			ready_one(kube, &objects->items[i], &version, &why) != READY_YES && version)
			return why;
	}
	return NULL;
}

enum readiness kube_ready(struct kube *kube, struct record *record, struct kube_waiting *waiting,
	const char **why)
{
	struct kube_objects objects = {0};
	enum readiness all = READY_YES;

	kube_inventory_read(kube->arena, record_outputs(record, NULL), &objects);
	for (size_t i = 0; i < objects.n; i++) {
		const char *missing = NULL, *version = NULL;
		enum readiness one;

		if (is_plain(&objects.items[i]))
			continue;
		one = ready_one(kube, &objects.items[i], &version, &missing);
		if (one == READY_YES || (all != READY_YES && one != READY_FAILED))
			continue;
		all = one; /* the first that is missing is told, unless another one has failed */
		*why = missing;
		if (waiting)
			*waiting = (struct kube_waiting){objects.items[i], version};
		if (one == READY_FAILED)
			break;
	}
	return all;
}
