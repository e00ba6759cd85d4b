/*
 * A service on a cluster: one kubernetes_manifest with what runs it (Deployment, StatefulSet where it
 * keeps data, Job), how others reach it (Service, Ingress), what it may (ServiceAccount, NetworkPolicy)
 * and what a drain must leave of it (PodDisruptionBudget).
 */
#include "manifest/lower/internal.h"

#include <stdlib.h>
#include <string.h>

static struct value selector(struct lowering *l, const struct service *service)
{
	return lower_wrap(l, "matchLabels", object_labels(l, service));
}

static void push_account(struct lowering *l, struct service *service,
	struct value_builder *objects)
{
	struct value_builder b;

	object_begin(l, &b, service, "v1", "ServiceAccount", service->name);
	builder_put_bool(&b, "automountServiceAccountToken", false);
	lower_pull_secrets(l, service, &b);
	builder_push(objects, lower_map(&b, service->spec));
}

/* --- what runs ----------------------------------------------------------------------------------- */

static void push_job(struct lowering *l, const struct service *service, struct value pod,
	struct value_builder *objects)
{
	const char *restart = value_get_text(service->spec, "restart", "no");
	const char *colon = strchr(restart, ':');
	struct value_builder b, spec;

	object_begin(l, &b, service, "batch/v1", "Job", service->name);
	builder_init(&spec, l->arena);
	builder_put_int(&spec, "backoffLimit", strncmp(restart, "on-failure", 10) ? 0
		: colon ? strtol(colon + 1, NULL, 10) : 6);
	builder_put(&spec, "template", pod);
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	builder_push(objects, lower_map(&b, service->spec));
}

static void push_runner(struct lowering *l, const struct service *service, struct value pod,
	bool persistent, struct value_builder *objects)
{
	const struct value *replicas = value_get(service->spec, "replicas");
	struct value_builder b, spec;

	object_begin(l, &b, service, "apps/v1", persistent ? "StatefulSet" : "Deployment",
		service->name);
	builder_init(&spec, l->arena);
	builder_put(&spec, "replicas", replicas ? *replicas : value_int(l->arena, 1));
	builder_put(&spec, "selector", selector(l, service));
	if (persistent)
		builder_put(&spec, "serviceName", lower_text(l, service->name, service->spec));
	builder_put(&spec, "template", pod);
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	builder_push(objects, lower_map(&b, service->spec));
}

static void push_budget(struct lowering *l, const struct service *service,
	struct value_builder *objects)
{
	struct value_builder b, spec;

	if (value_get_int(service->spec, "replicas", 1) < 2)
		return;
	object_begin(l, &b, service, "policy/v1", "PodDisruptionBudget", service->name);
	builder_init(&spec, l->arena);
	builder_put_int(&spec, "maxUnavailable", 1);
	builder_put(&spec, "selector", selector(l, service));
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	builder_push(objects, lower_map(&b, service->spec));
}

/* --- how it is reached --------------------------------------------------------------------------- */

/* A cluster wants a name where there are several. */
static const char *port_name(struct lowering *l, const struct service_port *port)
{
	return port->name ? port->name
		: arena_printf(l->arena, "%s-%s", port->protocol, port->service);
}

static struct value service_port_item(struct lowering *l, const struct service_port *port,
	int node_port)
{
	struct value_builder b;

	builder_init(&b, l->arena);
	builder_put(&b, "name", lower_text(l, port_name(l, port), port->at));
	builder_put(&b, "port", object_number(l, port->service, port->at));
	builder_put(&b, "targetPort", object_number(l, port->target, port->at));
	builder_put(&b, "protocol", lower_text(l, object_protocol(port->protocol), port->at));
	if (node_port)
		builder_put_int(&b, "nodePort", node_port);
	return lower_map(&b, port->at);
}

/* One that keeps data has a Service also without ports: its pods are known by it. */
static void push_service(struct lowering *l, const struct service *service, bool persistent,
	struct value_builder *objects)
{
	struct value_builder b, spec, ports;
	bool published = false;

	if (service->job || (!service->n_ports && !persistent))
		return;
	builder_init(&ports, l->arena);
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct service_port *port = &service->ports[i];
		int node_port = port->host && l->cluster.address ? cluster_publish(l, port) : 0;

		published |= node_port != 0;
		builder_push(&ports, service_port_item(l, port, node_port));
	}
	object_begin(l, &b, service, "v1", "Service", service->name);
	builder_init(&spec, l->arena);
	if (published)
		builder_put(&spec, "type", lower_text(l, "NodePort", service->spec));
	if (!service->n_ports)
		builder_put(&spec, "clusterIP", lower_text(l, "None", service->spec));
	builder_put(&spec, "selector", object_labels(l, service));
	if (ports.n)
		builder_put(&spec, "ports", lower_list(&ports, service->spec));
	builder_put(&b, "spec", lower_map(&spec, service->spec));
	builder_push(objects, lower_map(&b, service->spec));
}

void lower_workload(struct lowering *l, struct service *service)
{
	struct value_builder objects, b;
	bool persistent = false;
	struct value pod;

	builder_init(&objects, l->arena);
	push_account(l, service, &objects);
	pod = lower_pod(l, service, &persistent);
	if (service->job) {
		push_job(l, service, pod, &objects);
	} else {
		push_runner(l, service, pod, persistent, &objects);
		push_budget(l, service, &objects);
	}
	push_service(l, service, persistent, &objects);
	lower_ingress(l, service, &objects);
	lower_policy(l, service, service->name, &objects);
	lower_need(l, service, "kubernetes_manifest.namespace");
	object_resource_begin(l, &b, service, service->name, &objects);
	if (service->job)
		builder_put_bool(&b, "job", true);
	lower_copy(&b, service, "sync", "sync");
	lower_order(l, &b, service);
	lower_end(l, &b, service);
}
