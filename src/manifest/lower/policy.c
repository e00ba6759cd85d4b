/*
 * networking.isolation: who may speak to a service. `default` lets in those that depend on it, its own
 * pods, the ingress controller (ingresses may be written by hand, too) and everybody to a published port.
 * `strict` lets the controller in only where the service has an ingress, and out only to what the service
 * depends on and to DNS.
 */
#include "manifest/lower/internal.h"

#include <string.h>

static struct value pods_of(struct lowering *l, const struct service *service,
	const struct value *at)
{
	struct service other = {.name = service->name, .spec = at};

	return lower_wrap(l, "podSelector", lower_wrap(l, "matchLabels", object_labels(l, &other)));
}

static bool depends_on(const struct service *user, const struct service *service)
{
	const struct value *list = value_get(user->spec, "dependencies");

	for (size_t i = 0; i < user->n_uses; i++) {
		if (strcmp(user->uses[i], service->name) == 0)
			return true;
	}
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *item = &list->items[i];

		if (strcmp(value_is_scalar(item) ? value_text(item, "")
						 : value_get_text(item, "name", ""), service->name) == 0)
			return true;
	}
	return false;
}

static bool on_cluster(const struct service *service)
{
	return service->kind == SERVICE_WORKLOAD || service->kind == SERVICE_CHART;
}

/* The load balancer is none of the cluster's pods: a published port is open to everybody. */
static void push_published(struct lowering *l, const struct service *service,
	struct value_builder *rules)
{
	struct value_builder ports, b;

	builder_init(&ports, l->arena);
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct service_port *port = &service->ports[i];

		if (!port->host)
			continue;
		builder_init(&b, l->arena);
		builder_put(&b, "port", object_number(l, port->target, port->at));
		builder_put(&b, "protocol", lower_text(l, object_protocol(port->protocol), port->at));
		builder_push(&ports, lower_map(&b, port->at));
	}
	if (ports.n)
		builder_push(rules, lower_wrap(l, "ports", lower_list(&ports, service->spec)));
}

static struct value controller(struct lowering *l, const struct value *at)
{
	const char *namespace = value_text(
		value_path(l->spec, "networking.ingress.namespace"), "kube-system");

	return lower_wrap(l, "namespaceSelector", lower_wrap(l, "matchLabels",
		lower_texts(l, at, "kubernetes.io/metadata.name", namespace, NULL)));
}

static struct value ingress_rules(struct lowering *l, const struct service *service, bool strict)
{
	const struct value *at = service->spec;
	struct value_builder from, rules;

	builder_init(&from, l->arena);
	builder_push(&from, pods_of(l, service, at));
	if (!strict || ingress_host(l, service))
		builder_push(&from, controller(l, at));
	for (size_t i = 0; i < l->n; i++) {
		if (on_cluster(&l->services[i]) && depends_on(&l->services[i], service))
			builder_push(&from, pods_of(l, &l->services[i], at));
	}
	builder_init(&rules, l->arena);
	builder_push(&rules, lower_wrap(l, "from", lower_list(&from, at)));
	push_published(l, service, &rules);
	return lower_list(&rules, at);
}

static struct value dns_rule(struct lowering *l, const struct value *at)
{
	struct value_builder b, ports, udp, tcp;

	builder_init(&udp, l->arena);
	builder_put_int(&udp, "port", 53);
	builder_put_str(&udp, "protocol", "UDP");
	builder_init(&tcp, l->arena);
	builder_put_int(&tcp, "port", 53);
	builder_put_str(&tcp, "protocol", "TCP");
	builder_init(&ports, l->arena);
	builder_push(&ports, lower_map(&udp, at));
	builder_push(&ports, lower_map(&tcp, at));
	builder_init(&b, l->arena);
	builder_put(&b, "ports", lower_list(&ports, at));
	return lower_map(&b, at);
}

static struct value egress_rules(struct lowering *l, const struct service *service)
{
	const struct value *at = service->spec;
	struct value_builder to, rules;

	builder_init(&to, l->arena);
	builder_push(&to, pods_of(l, service, at));
	for (size_t i = 0; i < l->n; i++) {
		if (on_cluster(&l->services[i]) && depends_on(service, &l->services[i]))
			builder_push(&to, pods_of(l, &l->services[i], at));
	}
	builder_init(&rules, l->arena);
	builder_push(&rules, dns_rule(l, at));
	builder_push(&rules, lower_wrap(l, "to", lower_list(&to, at)));
	return lower_list(&rules, at);
}

void lower_policy(struct lowering *l, const struct service *service, const char *name,
	struct value_builder *objects)
{
	const char *isolation = value_text(value_path(l->spec, "networking.isolation"), "default");
	bool strict = strcmp(isolation, "strict") == 0;
	struct value_builder b, spec, types;

	if (strcmp(isolation, "none") == 0)
		return;
	object_begin(l, &b, service, "networking.k8s.io/v1", "NetworkPolicy", name);
	builder_init(&spec, l->arena);
	builder_put(&spec, "podSelector",
		lower_wrap(l, "matchLabels", object_labels(l, service)));
	builder_init(&types, l->arena);
	builder_push(&types, lower_text(l, "Ingress", service->spec));
	if (strict)
		builder_push(&types, lower_text(l, "Egress", service->spec));
	builder_put(&spec, "policyTypes", lower_list(&types, service->spec));
	builder_put(&spec, "ingress", ingress_rules(l, service, strict));
	if (strict)
		builder_put(&spec, "egress", egress_rules(l, service));
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	builder_push(objects, lower_map(&b, service->spec));
}
