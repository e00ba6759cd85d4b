/*
 * How services are reached by name: at NAME.DOMAIN, for what speaks HTTP (a port named http) or says
 * `ingress:` itself. On a cluster an Ingress, else the proxy. A certificate comes from a secret, is the
 * controller's own, or one of the environment, which all services share that say so.
 */
#include "manifest/lower/internal.h"

#include <string.h>

static const char own_certificate[] = "ingress";     /* generated_certificate.ingress */
static const char own_secret[] = "ingress-tls";      /* the Secret that holds it on a cluster */

static const struct value *environment_ingress(const struct lowering *l)
{
	return value_path(l->spec, "networking.ingress");
}

const struct service_port *ingress_port(struct lowering *l, const struct service *service)
{
	const struct value *said = value_get(service->spec, "ingress");
	const char *name = value_get_text(said, "port", NULL);
	const struct service_port *port = lower_port(service, "http");

	if (service->job || (l->cluster.spec && service->kind == SERVICE_PROCESS) || (said && said->kind == VALUE_BOOL && !said->boolean))
		return NULL;
	if (!said && (!environment_ingress(l) || !port))
		return NULL;
	for (size_t i = 0; name && i < service->n_ports; i++) {
		if (strcmp(service->ports[i].service, name) == 0)
			return &service->ports[i];
	}
	if (name)
		return lower_port(service, name);
	return port ? port : lower_port(service, NULL);
}

/* Of the service, or of the whole environment. */
static const struct value *ingress_key(struct lowering *l, const struct service *service,
	const char *key)
{
	const struct value *own = value_get(value_get(service->spec, "ingress"), key);

	return own ? own : value_get(environment_ingress(l), key);
}

const char *ingress_host(struct lowering *l, const struct service *service)
{
	const char *host = value_get_text(value_get(service->spec, "ingress"), "host", NULL);
	const struct value *domain = ingress_key(l, service, "domain");

	if (!ingress_port(l, service))
		return NULL;
	return host ? host : arena_printf(l->arena, "%s.%s", service->name,
		value_text(domain, "localhost"));
}

const struct value *ingress_tls(struct lowering *l, const struct service *service)
{
	const struct value *tls = ingress_key(l, service, "tls");

	return !tls || tls->kind == VALUE_NULL || (tls->kind == VALUE_BOOL && !tls->boolean) ? NULL : tls;
}

bool ingress_is_secure(struct lowering *l, const struct service *service)
{
	return ingress_tls(l, service) != NULL;
}

/* Is it the environment's own? On Docker there is no controller that would have another. */
static bool is_own(struct lowering *l, const struct value *tls)
{
	return tls && (strcmp(value_text(tls, ""), "self-signed") == 0 ||
		(!l->cluster.spec && tls->kind == VALUE_BOOL));
}

/* --- Docker: a port of this machine -------------------------------------------------------------- */

static const char *outer(struct lowering *l, bool secure)
{
	return value_get_text(environment_ingress(l), secure ? "httpsPort" : "httpPort",
		secure ? "443" : "80");
}

const char *ingress_outer_port(struct lowering *l, bool secure)
{
	const char *text = outer(l, secure), *colon = strrchr(text, ':');

	return colon ? colon + 1 : text;
}

const char *ingress_outer_address(struct lowering *l, bool secure)
{
	const char *text = outer(l, secure), *colon = strrchr(text, ':');

	return colon ? arena_strndup(l->arena, text, (size_t)(colon - text)) : "127.0.0.1";
}

/* --- certificates -------------------------------------------------------------------------------- */

static int no_certificate(struct lowering *l, const struct value *name, const char *why)
{
	diag_error(l->diags, value_pos(name), "the secret %s %s", value_text(name, ""), why);
	diag_hint(l->diags, "declare it under spec.secrets, with the keys tls.crt and tls.key");
	return -1;
}

/* One that is in the namespace already, or is put there by spec.secrets. */
static bool is_in_cluster(const struct value *secret)
{
	const char *type = value_get_text(secret, "type", "");

	return !secret || strcmp(type, "kubernetes-secret") == 0 ||
		(strcmp(type, "existing") == 0 && !value_get(secret, "source"));
}

/* A text of the secret, which its resource tells when it is not in the manifest. */
static int secret_text(struct lowering *l, const struct value *name, const char *key,
	struct value *out)
{
	const struct value *secret = lower_named(value_get(l->spec, "secrets"), value_text(name, ""));
	const char *type = value_get_text(secret, "type", "variables");
	const struct value *data = value_get(secret, "data");

	if (!secret)
		return no_certificate(l, name, "is not there");
	if (strcmp(type, "generated") == 0)
		return no_certificate(l, name, "is a generated one, and no certificate");
	if (value_get(data, key))
		*out = *lower_references(l, NULL, VIEW_MACHINE, value_get(data, key));
	else if (!data && strcmp(type, "variables") != 0)
		*out = lower_text(l, arena_printf(l->arena, "${%s.%s.data[\"%s\"]}", is_in_cluster(secret)
			? "kubernetes_secret" : "external_secret", value_text(name, ""), key), name);
	else
		return no_certificate(l, name, "has no certificate");
	*out = value_sensitive(*out);
	return 0;
}

int ingress_certificate(struct lowering *l, const struct value *tls, struct value *certificate,
	struct value *key)
{
	const struct value *secret = value_get(tls, "secret");

	if (secret)
		return secret_text(l, secret, "tls.crt", certificate) < 0 ||
			secret_text(l, secret, "tls.key", key) < 0 ? -1 : 0;
	*certificate = lower_text(l,
		arena_printf(l->arena, "${generated_certificate.%s.certificate}", own_certificate), tls);
	*key = value_sensitive(lower_text(l,
		arena_printf(l->arena, "${generated_certificate.%s.key}", own_certificate), tls));
	return 0;
}

/* The Secret `name` with what `tls` says, once. */
static void make_secret(struct lowering *l, struct service *user, const char *name,
	const struct value *tls)
{
	const char *resource = arena_printf(l->arena, "secret-%s", name);
	struct service nobody = {.spec = tls};
	struct value_builder b, data, objects;
	struct value certificate, key;

	lower_need(l, user, arena_printf(l->arena, "kubernetes_manifest.%s", resource));
	if (!map_add(&l->volumes, resource, 0) || lower_is_declared(l, "kubernetes_manifest", resource) ||
		ingress_certificate(l, tls, &certificate, &key) < 0)
		return;
	builder_init(&data, l->arena);
	builder_put(&data, "tls.crt", certificate);
	builder_put(&data, "tls.key", key);
	object_begin(l, &b, &nobody, "v1", "Secret", name);
	builder_put(&b, "type", lower_text(l, "kubernetes.io/tls", tls));
	builder_put(&b, "stringData", value_sensitive(lower_map(&data, tls)));
	builder_init(&objects, l->arena);
	builder_push(&objects, lower_map(&b, tls));
	object_resource(l, &nobody, resource, &objects);
}

static bool has_host(const struct value_builder *hosts, const char *host)
{
	for (size_t i = 0; i < hosts->n; i++) {
		if (strcmp(value_text(&hosts->items[i], ""), host) == 0)
			return true;
	}
	return false;
}

/* One for all hosts: who trusts its authority trusts all of them. */
static void make_own_certificate(struct lowering *l)
{
	const struct value *at = NULL;
	struct value_builder hosts, b;
	struct service nobody = {0};

	builder_init(&hosts, l->arena);
	for (size_t i = 0; i < l->n; i++) {
		const struct service *service = &l->services[i];
		const struct value *tls = ingress_tls(l, service);
		const char *host = ingress_host(l, service);

		if (!host || !is_own(l, tls) || service->kind == SERVICE_CHART)
			continue;
		at = at ? at : tls;
		if (!has_host(&hosts, host))
			builder_push(&hosts, lower_text(l, host, tls));
	}
	if (!at || lower_is_declared(l, "generated_certificate", own_certificate))
		return;
	nobody.spec = at;
	lower_begin(l, &b, &nobody, "generated_certificate", own_certificate);
	builder_put(&b, "hosts", lower_list(&hosts, at));
	lower_end(l, &b, &nobody);
}

/* --- clusters ------------------------------------------------------------------------------------ */

static struct value tls_item(struct lowering *l, struct service *service, const char *host)
{
	const struct value *tls = ingress_tls(l, service), *secret = value_get(tls, "secret");
	const struct value *declared = lower_named(value_get(l->spec, "secrets"), value_text(secret, ""));
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, "hosts", lower_one(l, lower_text(l, host, tls)));
	if (is_own(l, tls)) {
		make_secret(l, service, own_secret, tls);
		builder_put(&b, "secretName", lower_text(l, own_secret, tls));
	} else if (secret) {
		if (!is_in_cluster(declared))
			make_secret(l, service, value_text(secret, ""), tls);
		builder_put(&b, "secretName", *secret);
	}
	return lower_map(&b, tls);
}

static struct value rule(struct lowering *l, const struct service *service, const char *host,
	const struct service_port *port)
{
	const struct value *path = value_get(value_get(service->spec, "ingress"), "path");
	const struct value *at = service->spec;
	struct value_builder b, item, backend;

	builder_init(&backend, l->arena);
	builder_put(&backend, "name", lower_text(l, service->name, at));
	builder_put(&backend, "port", lower_wrap(l, "number", object_number(l, port->service, at)));
	builder_init(&item, l->arena);
	builder_put(&item, "path", path ? *path : lower_text(l, "/", at));
	builder_put(&item, "pathType", lower_text(l, "Prefix", at));
	builder_put(&item, "backend", lower_wrap(l, "service", lower_map(&backend, at)));
	builder_init(&b, l->arena);
	builder_put(&b, "host", lower_text(l, host, at));
	builder_put(&b, "http", lower_wrap(l, "paths", lower_one(l, lower_map(&item, at))));
	return lower_map(&b, at);
}

const char *ingress_path(const struct service *service)
{
	return value_get_text(value_get(service->spec, "ingress"), "path", "/");
}

/* A "/" at the end of a prefix means nothing. */
static size_t length_of(const char *path)
{
	size_t len = strlen(path);

	while (len && path[len - 1] == '/')
		len--;
	return len;
}

bool ingress_is_same(struct lowering *l, const struct service *a, const struct service *b)
{
	const char *path = ingress_path(a), *other = ingress_path(b);
	size_t len = length_of(path);

	return strcmp(ingress_host(l, a), ingress_host(l, b)) == 0 && len == length_of(other) &&
	       memcmp(path, other, len) == 0;
}

/* A controller takes both, and one of them gets nothing. Those of another class are another's. */
static void check_taken(struct lowering *l, const struct service *service)
{
	const struct value *at = value_get(service->spec, "ingress"), *class = ingress_key(l, service, "class");

	for (const struct service *other = l->services; other < service; other++) {
		if (!other->has_ingress || !ingress_is_same(l, other, service) ||
			strcmp(value_text(class, ""), value_text(ingress_key(l, other, "class"), "")) != 0)
			continue;
		diag_warning(l->diags, value_pos(at ? at : service->spec), "%s%s leads to service %s already",
			ingress_host(l, service), ingress_path(service), other->name);
		diag_hint(l->diags, "give one of them another host or path");
		return;
	}
}

/* Where one says that it has an ingress, it has one. */
static void check(struct lowering *l, const struct service *service)
{
	const struct value *said = value_get(service->spec, "ingress");

	if (!said || said->kind == VALUE_NULL || (said->kind == VALUE_BOOL && !said->boolean) ||
		service->kind == SERVICE_BAD || ingress_port(l, service))
		return;
	if (service->job) {
		diag_error(l->diags, value_pos(said), "service %s is a job, which serves nobody", service->name);
		diag_hint(l->diags, "take \"ingress\" out");
	} else if (service->kind == SERVICE_PROCESS && l->cluster.spec) {
		diag_error(l->diags, value_pos(said), "service %s is a process of this machine: the ingress of "
			"the cluster does not lead to it", service->name);
		diag_hint(l->diags, "give it an image, or take \"ingress\" out");
	} else if (value_get(said, "port") && service->n_ports) {
		diag_error(l->diags, value_pos(value_get(said, "port")), "service %s has no port %s",
			service->name, value_get_text(said, "port", ""));
		diag_hint(l->diags, "write the name or the number of one that it has, e.g. %s",
			lower_port(service, NULL)->service);
	} else {
		diag_error(l->diags, value_pos(said), "service %s has no port for its ingress", service->name);
		diag_hint(l->diags, "give it ports: [{name: http, port: 80, targetPort: 8080}]");
	}
}

void lower_ingress(struct lowering *l, struct service *service, struct value_builder *objects)
{
	const struct service_port *port = ingress_port(l, service);
	const struct value *class = ingress_key(l, service, "class");
	const char *host = ingress_host(l, service);
	struct value_builder b, spec;

	if (!port)
		return;
	check_taken(l, service);
	service->has_ingress = true;
	object_begin(l, &b, service, "networking.k8s.io/v1", "Ingress", service->name);
	builder_init(&spec, l->arena);
	if (class)
		builder_put(&spec, "ingressClassName", *class);
	builder_put(&spec, "rules", lower_one(l, rule(l, service, host, port)));
	if (ingress_is_secure(l, service))
		builder_put(&spec, "tls", lower_one(l, tls_item(l, service, host)));
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	builder_push(objects, lower_map(&b, service->spec));
}

/* "a-1.b", perhaps with "*." in front. */
static bool is_host(const char *text)
{
	size_t len;

	for (text += strncmp(text, "*.", 2) == 0 ? 2 : 0;; text += len + 1) {
		len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (!len || len > 63 || text[0] == '-' || text[len - 1] == '-')
			return false;
		if (!text[len] || text[len] != '.')
			return !text[len];
	}
}

/* What an API server would refuse, when there is one to ask. */
static void check_rule(struct lowering *l, const struct service *service)
{
	const struct value *own = value_get(service->spec, "ingress"), *path = value_get(own, "path");
	const struct value *at = value_get(own, "host");
	const char *host = ingress_host(l, service);

	if (!host || (service->kind != SERVICE_WORKLOAD && service->kind != SERVICE_CHART))
		return;
	if (!at)
		at = ingress_key(l, service, "domain");
	if (!strstr(host, "${") && !is_host(host)) {
		diag_error(l->diags, value_pos(at ? at : service->spec), "service %s: \"%s\" cannot be the host of an "
			"ingress", service->name, host);
		diag_hint(l->diags, "small letters, digits and \"-\", in parts with \".\" between them; \"*.\" may begin it");
	}
	if (path && !(path->flags & VALUE_TEMPLATE) && value_text(path, "")[0] != '/') {
		diag_error(l->diags, value_pos(path), "service %s: a path begins with \"/\", not as \"%s\"",
			service->name, value_text(path, ""));
		diag_hint(l->diags, "write /%s", value_text(path, ""));
	}
}

void lower_ingresses(struct lowering *l)
{
	for (size_t i = 0; i < l->n; i++) {
		check(l, &l->services[i]);
		if (l->cluster.spec)
			check_rule(l, &l->services[i]);
	}
	make_own_certificate(l);
	if (!l->cluster.spec)
		lower_proxy(l);
}
