/*
 * Commands in pods and ports that lead into them, through kubectl: it knows the streams of all servers.
 * It is led to the cluster, context and namespace that the manifest names, never to what is ambient.
 */
#include "providers/kubernetes/talk/talk.h"

#include "base/process.h"
#include "providers/kubernetes/place.h"

#include <stdlib.h>
#include <string.h>

enum {
	MOST_PORTS = 32,
	FIXED = 24,          /* arguments besides those of the user */
	QUICK_END = 2000,    /* ms: what ends sooner is not begun again */
	PAUSE = 500,
};

struct arguments {
	const char **items;
	size_t n;
};

static void add(struct arguments *arguments, const char *text)
{
	arguments->items[arguments->n++] = text;
}

static struct arguments begin(struct kube *kube, size_t more, const char *namespace)
{
	struct arguments arguments = {
		arena_zalloc(kube->arena, (more + FIXED) * sizeof(*arguments.items)), 0};

	add(&arguments, "kubectl");
	add(&arguments, "--kubeconfig");
	add(&arguments, kube->config.path);
	add(&arguments, "--context");
	add(&arguments, kube->config.context);
	add(&arguments, "--namespace");
	add(&arguments, namespace);
	return arguments;
}

static void show(void *arg, int stream, const char *text, size_t len)
{
	struct kube *kube = arg;

	(void)stream;
	provider_progress(kube->env, "%.*s", (int)(len < 500 ? len : 500), text);
}

static int run(struct kube *kube, const struct arguments *arguments, unsigned flags,
	struct process_result *result, struct error *err)
{
	struct process_request request = {.argv = arguments->items, .flags = flags, .line = show,
		.arg = kube, .clock = kube->env->clock, .cancel = kube->env->cancel};

	if (!process_run(&request, result, err))
		return 0;
	return err->code == ERROR_NOT_FOUND ? error_wrap(err, "this needs kubectl") : -1;
}

/* --- a command ---------------------------------------------------------------------------------- */

static bool give(struct exec_request *request, int stream, const struct strbuf *text)
{
	return !text->len || request->output(request->arg, stream, text->text, text->len);
}

static int exec_in(struct kube *kube, const struct kube_container *container,
	struct exec_request *request, struct error *err)
{
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct arguments arguments;
	unsigned flags = request->output ? 0 : PROCESS_FOREGROUND;
	size_t n = 0;

	while (request->argv[n])
		n++;
	arguments = begin(kube, n, container->namespace);
	add(&arguments, "exec");
	add(&arguments, container->pod);
	add(&arguments, "--container");
	add(&arguments, container->name);
	if (request->interactive && !request->output)
		add(&arguments, "--stdin");
	else if (!request->output)
		flags |= PROCESS_NO_INPUT;
	if (request->tty && request->interactive)
		add(&arguments, "--tty");
	add(&arguments, "--");
	for (size_t i = 0; i < n; i++)
		add(&arguments, request->argv[i]);
	if (run(kube, &arguments, flags, &result, err))
		return -1;
	request->exit_status = result.status;
	if (request->output && give(request, 1, &result.out))
		give(request, 2, &result.err);
	return 0;
}

int kube_talk_exec(struct provider_env *env, struct record *record, struct exec_request *request,
	struct error *err)
{
	struct kube_container container;
	struct kube_objects objects = {0};
	struct kube kube;
	int rc;

	if (request->user || request->directory || request->environment)
		return error_set(err, ERROR_INVALID, "%s runs in pods, where a command has the user, folder and "
			"variables of its container; for others write: sh -c 'cd FOLDER; NAME=VALUE COMMAND'",
			record->address);
	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	kube_inventory_read(kube.arena, record_outputs(record, NULL), &objects);
	rc = kube_container_find(&kube, &objects, request->part, &container, err);
	if (!rc)
		rc = exec_in(&kube, &container, request, err);
	else
		error_wrap(err, "%s", record->address);
	kube_close(&kube);
	return rc;
}

/* --- ports -------------------------------------------------------------------------------------- */

/* "8080:http" -> "http" */
static const char *far_end(const char *port)
{
	const char *colon = strrchr(port, ':');

	return colon ? colon + 1 : port;
}

static bool has_port(const struct value *service, const char *port)
{
	const struct value *ports = value_path(service, "spec.ports");

	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++)
		if (!strcmp(value_get_text(&ports->items[i], "name", ""), port) ||
			value_get_int(&ports->items[i], "port", 0) == strtol(port, NULL, 10))
			return true;
	return false;
}

/* A Service of these objects that has all these ports: they are its own numbers and names then. */
static const struct kube_object *service_of(struct kube *kube, struct kube_objects *objects,
	const struct forward_request *request)
{
	for (size_t i = 0; i < objects->n; i++) {
		struct kube_object *object = &objects->items[i];
		struct error err = ERROR_INIT;
		struct kube_reply reply;
		bool there;

		if (strcmp(object->kind, "Service") != 0 || strchr(object->api_version, '/') ||
			kube_object_get(kube, object, NULL, &reply, &there, &err) || !there ||
			!value_path(reply.body, "spec.selector"))
			continue;
		for (const char *const *port = request->ports; there && *port; port++)
			there = has_port(reply.body, far_end(*port));
		if (there)
			return object;
	}
	return NULL;
}

static int lead(struct kube *kube, struct kube_objects *objects,
	const struct forward_request *request, struct process_result *result, struct error *err)
{
	const struct kube_object *service = service_of(kube, objects, request);
	struct kube_container container;
	struct arguments arguments;
	size_t n = 0;

	/* Of a Service, too, a pod has to run: kubectl takes one of them. */
	if (kube_container_find(kube, objects, NULL, &container, err))
		return -1;
	while (request->ports[n])
		n++;
	arguments = begin(kube, n, service ? service->namespace : container.namespace);
	add(&arguments, "port-forward");
	add(&arguments, "--address");
	add(&arguments, request->address);
	add(&arguments, service ? kube_printf(kube, "service/%s", service->name)
				: kube_printf(kube, "pod/%s", container.pod));
	for (size_t i = 0; i < n; i++)
		add(&arguments, request->ports[i]);
	return run(kube, &arguments, PROCESS_DROP_STDOUT | PROCESS_DROP_STDERR, result, err);
}

/* A pod that is replaced ends what led into it: it is led into the next one. */
static int lead_on(struct kube *kube, struct kube_objects *objects,
	const struct forward_request *request, struct error *err)
{
	for (;;) {
		cleanup_process struct process_result result = PROCESS_RESULT_INIT;
		int64_t start = clock_monotonic(kube->env->clock);
		int rc = lead(kube, objects, request, &result, err);

		if (rc || result.signal || !result.status || provider_cancelled(kube->env))
			return rc;
		if (clock_monotonic(kube->env->clock) - start < QUICK_END)
			return error_set(err, ERROR_FAILED, "kubectl port-forward ended with status %d",
				result.status);
		for (;;) {
			struct kube_container container;
			struct error gone = ERROR_INIT;

			if (!kube_container_find(kube, objects, NULL, &container, &gone) && container.ready)
				break;
			if ((gone.code && gone.code != ERROR_NOT_FOUND) || kube_pause(kube, PAUSE, &gone)) {
				*err = gone;
				return -1;
			}
		}
	}
}

int kube_talk_forward(struct provider_env *env, struct record *record,
	const struct forward_request *request, struct error *err)
{
	struct kube_objects objects = {0};
	struct kube kube;
	int rc;

	if (kube_open_for(&kube, env, kube_cluster_of(record), record, err))
		return -1;
	kube_inventory_read(kube.arena, record_outputs(record, NULL), &objects);
	rc = lead_on(&kube, &objects, request, err);
	kube_close(&kube);
	return rc;
}
