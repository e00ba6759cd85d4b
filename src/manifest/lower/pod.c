/*
 * The pod of a service: one container. What is a secret, or not known before it is applied, goes into a
 * Secret; when that or a file of configuration changes, the pods are made anew, because their
 * template names its revision.
 */
#include "manifest/lower/internal.h"

#include "base/clock.h"
#include "model/env_file.h"

#include <stdlib.h>
#include <string.h>

/* --- environment --------------------------------------------------------------------------------- */

static void read_env_file(struct lowering *l, const struct value *path, struct value_builder *out)
{
	const char *why = NULL;
	const struct value *text = scope_file(l->loading, value_text(path, ""), "env_file", &why);
	struct error err = ERROR_INIT;

	if (text && env_file_parse(value_text(path, ""), text->text, text->len, out, &err) < 0)
		why = arena_strdup(l->arena, err.msg);
	if (why)
		diag_error(l->diags, value_pos(path), "cannot read env_file %s: %s",
			value_text(path, ""), why);
}

static struct value env_files(struct lowering *l, const struct service *service)
{
	const struct value *paths = value_get(service->spec, "env_file");
	struct value_builder b;

	builder_init(&b, l->arena);
	if (paths && value_is_scalar(paths))
		read_env_file(l, paths, &b);
	for (uint32_t i = 0; paths && paths->kind == VALUE_LIST && i < paths->len; i++)
		read_env_file(l, &paths->items[i], &b);
	return builder_map(&b);
}

struct environment {
	struct lowering *l;
	struct service *service;
	const char *secret_name;
	struct value_builder list, secret;
};

static void add_variable(struct environment *e, const char *key, const struct value *value,
	bool is_secret)
{
	struct lowering *l = e->l;
	const struct value *at = e->service->spec;
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, "name", lower_text(l, key, at));
	if (is_secret) {
		builder_put(&e->secret, key, *value);
		builder_put(&b, "valueFrom", lower_wrap(l, "secretKeyRef",
			lower_texts(l, at, "name", e->secret_name, "key", key, NULL)));
	} else {
		builder_put(&b, "value", lower_part(l, value_text(value, ""), value));
	}
	builder_push(&e->list, lower_map(&b, at));
}

static void make_secret(struct environment *e)
{
	struct value_builder b, objects;

	if (!e->secret.n)
		return;
	object_begin(e->l, &b, e->service, "v1", "Secret", e->secret_name);
	builder_put(&b, "stringData", lower_map(&e->secret, e->service->spec));
	builder_init(&objects, e->l->arena);
	builder_push(&objects, lower_map(&b, e->service->spec));
	object_resource(e->l, e->service, e->secret_name, &objects);
	lower_uses(e->l, e->service, arena_printf(e->l->arena,
		"${kubernetes_manifest.%s.revision}", e->secret_name));
}

/* What env says wins over the files; the content of files is nobody's business. */
static void put_env(struct lowering *l, struct service *service, struct value_builder *container)
{
	const struct value *said = value_get(service->spec, "env");
	struct value own = said ? lower_key_values(l, said) : value_null;
	struct value files = env_files(l, service);
	struct environment e = {.l = l, .service = service,
		.secret_name = arena_printf(l->arena, "%s-env", service->name)};

	builder_init(&e.list, l->arena);
	builder_init(&e.secret, l->arena);
	for (uint32_t i = 0; i < files.len; i++) {
		struct value value = value_sensitive(files.members[i].value);

		if (!value_get(&own, files.members[i].key))
			add_variable(&e, files.members[i].key, &value, true);
	}
	for (uint32_t i = 0; own.kind == VALUE_MAP && i < own.len; i++) {
		const struct value *value = &own.members[i].value;

		add_variable(&e, own.members[i].key, value,
			value->flags & (VALUE_SENSITIVE | VALUE_TEMPLATE));
	}
	make_secret(&e);
	if (e.list.n)
		builder_put(container, "env", lower_list(&e.list, service->spec));
}

/* --- probes -------------------------------------------------------------------------------------- */

static void put_seconds(struct value_builder *b, const struct value *from, const char *key,
	const char *to, int64_t fallback)
{
	const struct value *said = value_get(from, key);
	int64_t ms = said ? duration_parse(value_text(said, "")) : fallback * 1000;

	if (ms > 0)
		builder_put_int(b, to, (ms + 999) / 1000);
}

static void put_count(struct value_builder *b, const struct value *from, const char *key,
	const char *to)
{
	const struct value *said = value_get(from, key);

	if (said)
		builder_put(b, to, *said);
}

/* A list that begins with CMD or CMD-SHELL, or one line for the shell. */
static struct value health_command(struct lowering *l, const struct value *test)
{
	bool is_list = test->kind == VALUE_LIST && test->len;
	const char *first = is_list ? value_text(test->items, "") : "CMD-SHELL";
	struct value_builder list;

	builder_init(&list, l->arena);
	if (strcmp(first, "CMD-SHELL") == 0) {
		builder_push(&list, lower_text(l, "sh", test));
		builder_push(&list, lower_text(l, "-c", test));
	}
	if (!is_list)
		builder_push(&list, *test);
	for (uint32_t i = strncmp(first, "CMD", 3) == 0; is_list && i < test->len; i++)
		builder_push(&list, test->items[i]);
	return lower_list(&list, test);
}

static bool put_health(struct lowering *l, const struct value *check, struct value_builder *b)
{
	const struct value *test = value_get(check, "test");
	const struct value *first = test && test->kind == VALUE_LIST && test->len ? test->items : test;

	if (!test || value_get_bool(check, "disable", false) ||
		strcmp(value_text(first, ""), "NONE") == 0)
		return false;
	builder_put(b, "exec", lower_wrap(l, "command", health_command(l, test)));
	put_seconds(b, check, "interval", "periodSeconds", 30);
	put_seconds(b, check, "timeout", "timeoutSeconds", 30);
	put_seconds(b, check, "startPeriod", "initialDelaySeconds", 0);
	put_count(b, check, "retries", "failureThreshold");
	return true;
}

/* http, tcp and command probes are the kubelet's; what is left is the state of the pods. */
static bool put_readiness(struct lowering *l, const struct value *ready, struct value_builder *b)
{
	const struct value *command = value_get(ready, "command"), *port = value_get(ready, "port");
	struct value_builder http;

	if (value_get(ready, "log") || value_get(ready, "url")) {
		diag_error(l->diags, value_pos(ready), "a cluster cannot probe by \"%s\"",
			value_get(ready, "log") ? "log" : "url");
		diag_hint(l->diags, "use path and port, port alone, or a command");
		return false;
	}
	if (command) {
		builder_put(b, "exec", lower_wrap(l, "command", lower_words(l, command)));
	} else if (port && value_get(ready, "path")) {
		builder_init(&http, l->arena);
		builder_put(&http, "path", *value_get(ready, "path"));
		builder_put(&http, "port", *port);
		if (strcmp(value_get_text(ready, "scheme", "http"), "https") == 0)
			builder_put(&http, "scheme", lower_text(l, "HTTPS", ready));
		builder_put(b, "httpGet", lower_map(&http, ready));
	} else if (port) {
		builder_put(b, "tcpSocket", lower_wrap(l, "port", *port));
	} else {
		return false;
	}
	put_seconds(b, ready, "initialDelaySeconds", "initialDelaySeconds", 0);
	put_seconds(b, ready, "periodSeconds", "periodSeconds", 1);
	put_seconds(b, ready, "timeoutSeconds", "timeoutSeconds", 3);
	put_count(b, ready, "failureThreshold", "failureThreshold");
	put_count(b, ready, "successThreshold", "successThreshold");
	return true;
}

static void put_probe(struct lowering *l, const struct service *service,
	struct value_builder *container)
{
	const struct value *ready = value_get(service->spec, "readiness");
	struct value_builder b;
	bool there;

	if (service->job)
		return; /* it ends */
	builder_init(&b, l->arena);
	there = ready && ready->kind == VALUE_MAP ? put_readiness(l, ready, &b)
		: put_health(l, value_get(service->spec, "healthcheck"), &b);
	if (there)
		builder_put(container, "readinessProbe", lower_map(&b, ready ? ready : service->spec));
}

/* --- what it may --------------------------------------------------------------------------------- */

static void put_limits(struct lowering *l, const struct service *service,
	struct value_builder *container)
{
	const struct value *limits = value_get(service->spec, "resources");
	struct value_builder b;

	builder_init(&b, l->arena);
	if (value_get(limits, "cpu"))
		builder_put(&b, "cpu", lower_part(l, value_get_text(limits, "cpu", ""),
			value_get(limits, "cpu")));
	if (value_get(limits, "memory"))
		builder_put(&b, "memory", object_quantity(l, value_get(limits, "memory")));
	if (b.n)
		builder_put(container, "resources",
			lower_wrap(l, "limits", lower_map(&b, limits))); /* requests are the same then */
}

/* "1000:1000": who it runs as; a name is known to the image only. */
static void put_user(struct lowering *l, const struct service *service, struct value_builder *b)
{
	const struct value *user = value_get(service->spec, "user");
	const char *text = value_text(user, NULL);
	char *end;
	long id = text ? strtol(text, &end, 10) : 0;

	if (!text)
		return;
	if (end == text || (*end && *end != ':')) {
		diag_error(l->diags, value_pos(user), "a cluster knows no user \"%s\"", text);
		diag_hint(l->diags, "write its number, as in 1000 or 1000:1000");
		return;
	}
	builder_put_int(b, "runAsUser", id);
	if (*end == ':')
		builder_put_int(b, "runAsGroup", strtol(end + 1, NULL, 10));
	if (id)
		builder_put_bool(b, "runAsNonRoot", true);
}

/* No way to gain rights, and no capabilities but those that the service names. */
static void put_security(struct lowering *l, const struct service *service,
	struct value_builder *container)
{
	const struct value *said = value_get(service->spec, "securityContext");
	struct value_builder b, capabilities;

	builder_init(&b, l->arena);
	builder_init(&capabilities, l->arena);
	if (!value_get(said, "privileged") && !value_get(said, "allowPrivilegeEscalation"))
		builder_put_bool(&b, "allowPrivilegeEscalation", false);
	builder_put(&capabilities, "drop", lower_one(l, lower_text(l, "ALL", service->spec)));
	for (uint32_t i = 0; said && said->kind == VALUE_MAP && i < said->len; i++) {
		const struct member *member = &said->members[i];

		if (strcmp(member->key, "capabilities") != 0) {
			builder_put(&b, member->key, member->value);
			continue;
		}
		if (value_get(&member->value, "drop"))
			builder_init(&capabilities, l->arena);
		for (uint32_t j = 0; member->value.kind == VALUE_MAP && j < member->value.len; j++)
			builder_put(&capabilities, member->value.members[j].key,
				member->value.members[j].value);
	}
	if (!value_get(said, "runAsUser"))
		put_user(l, service, &b);
	builder_put(&b, "capabilities", lower_map(&capabilities, service->spec));
	builder_put(container, "securityContext", lower_map(&b, service->spec));
}

/* --- the container, the pod ---------------------------------------------------------------------- */

/* A chart may have an image of its own. */
static void put_image(struct lowering *l, struct service *service, struct value_builder *container)
{
	const struct value *image = value_get(service->spec, "image");
	const struct value *build = value_get(service->spec, "build");
	const char *policy;

	if (image && !build) {
		builder_put(container, "image", *image);
		return;
	}
	if (!build && !value_get(service->spec, "source"))
		return;
	builder_put(container, "image", lower_built(l, service, &policy));
	builder_put(container, "imagePullPolicy", lower_text(l, policy, service->spec));
}

/* Two ports of the Service may lead to one of the container. */
static bool is_repeated(const struct service *service, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(service->ports[i].target, service->ports[at].target) == 0 &&
			strcmp(service->ports[i].protocol, service->ports[at].protocol) == 0)
			return true;
	}
	return false;
}

static void put_ports(struct lowering *l, const struct service *service,
	struct value_builder *container)
{
	struct value_builder list, b;

	builder_init(&list, l->arena);
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct service_port *port = &service->ports[i];

		if (is_repeated(service, i))
			continue;
		builder_init(&b, l->arena);
		builder_put(&b, "containerPort", object_number(l, port->target, port->at));
		if (strcmp(port->protocol, "tcp") != 0)
			builder_put(&b, "protocol", lower_text(l, object_protocol(port->protocol), port->at));
		builder_push(&list, lower_map(&b, port->at));
	}
	if (list.n)
		builder_put(container, "ports", lower_list(&list, service->spec));
}

static struct value container_of(struct lowering *l, struct service *service,
	struct value_builder *mounts)
{
	const struct value *entrypoint = value_get(service->spec, "entrypoint");
	const struct value *command = value_get(service->spec, "command");
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, "name", lower_text(l, service->name, service->spec));
	put_image(l, service, &b);
	if (entrypoint)
		builder_put(&b, "command", lower_words(l, entrypoint));
	if (command)
		builder_put(&b, "args", lower_words(l, command));
	lower_copy(&b, service, "workingDirectory", "workingDir");
	put_env(l, service, &b);
	put_ports(l, service, &b);
	put_probe(l, service, &b);
	put_limits(l, service, &b);
	put_security(l, service, &b);
	if (mounts->n)
		builder_put(&b, "volumeMounts", lower_list(mounts, service->spec));
	return lower_map(&b, service->spec);
}

static struct value pod_security(struct lowering *l, const struct service *service)
{
	const struct value *said = value_get(service->spec, "securityContext");
	const struct value *group = value_get(said, "runAsGroup");
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, "seccompProfile", lower_texts(l, service->spec, "type", "RuntimeDefault", NULL));
	if (group) {
		/* Its volumes are written to by that group, once: what the program made in them since then is
		   as private as it made it. The cookie of a rabbitmq is refused where the group may read it. */
		builder_put(&b, "fsGroup", *group);
		builder_put(&b, "fsGroupChangePolicy",
			lower_text(l, "OnRootMismatch", service->spec));
	}
	return lower_map(&b, service->spec);
}

static struct value pod_metadata(struct lowering *l, const struct service *service)
{
	const struct value *labels = value_get(service->spec, "labels");
	struct value said = labels ? lower_key_values(l, labels) : value_null;
	struct value_builder b, notes;

	builder_init(&b, l->arena);
	builder_put(&b, "labels", object_labels(l, service));
	builder_init(&notes, l->arena);
	if (service->revisions)
		builder_put(&notes, "dev.devenv/configuration",
			lower_text(l, service->revisions, service->spec));
	for (uint32_t i = 0; said.kind == VALUE_MAP && i < said.len; i++)
		builder_put(&notes, said.members[i].key, said.members[i].value);
	if (notes.n)
		builder_put(&b, "annotations", lower_map(&notes, service->spec));
	return lower_map(&b, service->spec);
}

struct value lower_pod(struct lowering *l, struct service *service, bool *persistent)
{
	struct value_builder b, spec, volumes, mounts;
	struct value container;

	builder_init(&volumes, l->arena);
	builder_init(&mounts, l->arena);
	lower_mounts(l, service, &volumes, &mounts, persistent);
	container = container_of(l, service, &mounts);
	builder_init(&spec, l->arena);
	builder_put(&spec, "serviceAccountName", lower_text(l, service->name, service->spec));
	builder_put_bool(&spec, "automountServiceAccountToken", false);
	builder_put_bool(&spec, "enableServiceLinks", false);
	lower_copy(&spec, service, "hostname", "hostname");
	if (service->job)
		builder_put(&spec, "restartPolicy", lower_text(l, "Never", service->spec));
	if (value_get(service->spec, "stopGracePeriod"))
		put_seconds(&spec, service->spec, "stopGracePeriod", "terminationGracePeriodSeconds", 0);
	builder_put(&spec, "securityContext", pod_security(l, service));
	builder_put(&spec, "containers", lower_one(l, container));
	if (volumes.n)
		builder_put(&spec, "volumes", lower_list(&volumes, service->spec));
	builder_init(&b, l->arena);
	builder_put(&b, "metadata", pod_metadata(l, service));
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	return lower_map(&b, service->spec);
}
