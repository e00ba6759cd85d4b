/*
 * How a service on a cluster is reached by name: an Ingress at NAME.DOMAIN, for what speaks HTTP (a port
 * named http) or says `ingress:` itself. TLS comes from a Secret, or is the controller's own.
 */
#include "model/lower_internal.h"

#include <string.h>

static const struct value *environment_ingress(const struct lowering *l)
{
	return value_path(l->spec, "networking.ingress");
}

/* NULL: it has none. */
static const struct service_port *ingress_port(struct lowering *l, const struct service *service)
{
	const struct value *said = value_get(service->spec, "ingress");
	const char *name = value_get_text(said, "port", NULL);
	const struct service_port *port = lower_port(service, "http");

	if (service->job || (said && said->kind == VALUE_BOOL && !said->boolean))
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

	if (!l->cluster.spec || !ingress_port(l, service))
		return NULL;
	return host ? host : arena_printf(l->arena, "%s.%s", service->name,
		value_text(domain, "localhost"));
}

bool ingress_is_secure(struct lowering *l, const struct service *service)
{
	const struct value *tls = ingress_key(l, service, "tls");

	return tls && !(tls->kind == VALUE_BOOL && !tls->boolean) && tls->kind != VALUE_NULL;
}

static struct value tls_item(struct lowering *l, const struct service *service, const char *host)
{
	const struct value *tls = ingress_key(l, service, "tls");
	const struct value *secret = value_get(tls, "secret");
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, "hosts", lower_one(l, lower_text(l, host, tls)));
	if (secret)
		builder_put(&b, "secretName", *secret);
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

void lower_ingress(struct lowering *l, const struct service *service, struct value_builder *objects)
{
	const struct service_port *port = ingress_port(l, service);
	const struct value *class = ingress_key(l, service, "class");
	const char *host = ingress_host(l, service);
	struct value_builder b, spec;

	if (!port) {
		const struct value *said = value_get(service->spec, "ingress");

		if (said && said->kind == VALUE_MAP) {
			diag_error(l->diags, value_pos(said), "service %s has no port for its ingress",
				service->name);
			diag_hint(l->diags, "give it ports: [{name: http, port: 80, targetPort: 8080}]");
		}
		return;
	}
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
