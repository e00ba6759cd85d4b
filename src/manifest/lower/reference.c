/*
 * The short references, ${service.NAME.host} and the like: what they mean depends on where the one that
 * asks runs. A name that is known now is put in; what is known later becomes a reference to a resource.
 */
#include "manifest/lower/internal.h"

#include "model/template.h"

#include <string.h>

struct reference_context {
	struct lowering *l;
	struct service *user; /* notes what it uses; NULL: nobody does */
	enum view view;
};

/* Where a service is reached from one place. */
struct way {
	const char *host, *port;
	bool secure; /* through an ingress with TLS */
};

struct service *lower_service(struct lowering *l, const char *name)
{
	uint32_t i = map_get(&l->by_name, name);

	return i == MAP_NONE ? NULL : &l->services[i];
}

/* The engine chooses it: an output of the container tells. */
static const char *chosen_port(struct lowering *l, const struct service *service,
	const struct service_port *port)
{
	return arena_printf(l->arena, "${%s%s.ports[\"%s/%s\"]}", service->address,
		value_get_int(service->spec, "replicas", 1) == 1 ? "" : "[\"1\"]", port->target,
		port->protocol);
}

/* The port of this machine that k3d's load balancer forwards to `inner`. */
static const char *balanced_port(struct lowering *l, const char *inner)
{
	const struct value *ports = value_path(l->cluster.spec, "k3d.ports");

	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++) {
		const char *text = value_text(&ports->items[i],
			value_get_text(&ports->items[i], "port", ""));
		const char *mapping = arena_strndup(l->arena, text, strcspn(text, "@/"));
		const char *colon = strrchr(mapping, ':'), *outer;

		if (!colon || strcmp(colon + 1, inner) != 0)
			continue;
		mapping = arena_strndup(l->arena, mapping, (size_t)(colon - mapping));
		outer = strrchr(mapping, ':');
		return outer ? outer + 1 : mapping;
	}
	return inner;
}

/* By its name, from this machine. False: it has none. */
static bool way_by_name(struct lowering *l, const struct service *service, struct way *way)
{
	const char *host = ingress_host(l, service);
	bool secure = host && ingress_is_secure(l, service);

	if (!host)
		return false;
	*way = (struct way){.host = host, .secure = secure};
	way->port = l->cluster.spec ? balanced_port(l, secure ? "443" : "80")
		: ingress_outer_port(l, secure);
	return true;
}

/* From outside of the cluster: a published port, or the ingress. False: neither. */
static bool way_in(struct lowering *l, const struct service *service,
	const struct service_port *port, struct way *way)
{
	if (port && port->host && l->cluster.address) {
		*way = (struct way){.host = "127.0.0.1", .port = port->host};
		return true;
	}
	return way_by_name(l, service, way);
}

static bool find_way(struct lowering *l, const struct service *service,
	const struct service_port *port, enum view view, bool in_namespace, struct way *way)
{
	*way = (struct way){.host = "127.0.0.1"};
	if (view == VIEW_INGRESS)
		return way_by_name(l, service, way);
	switch (service->kind) {
	case SERVICE_CONTAINER:
		if (view == VIEW_CONTAINER) {
			way->host = service->name;
			way->port = port ? port->target : NULL;
			return true;
		}
		way->port = !port || port->host ? port ? port->host : NULL
						: chosen_port(l, service, port);
		return true;
	case SERVICE_PROCESS:
	case SERVICE_COMMAND:
		if (view == VIEW_CONTAINER)
			way->host = "host.docker.internal";
		if (view == VIEW_CLUSTER)
			way->host = "host.k3d.internal";
		way->port = port ? port->host : NULL;
		return view != VIEW_CLUSTER || l->cluster.address;
	case SERVICE_WORKLOAD:
	case SERVICE_CHART:
		if (view != VIEW_CLUSTER)
			return way_in(l, service, port, way);
		way->host = in_namespace ? service->name
			: arena_printf(l->arena, "%s.%s.svc", service->name, l->cluster.namespace);
		way->port = port ? port->service : NULL;
		return true;
	case SERVICE_BAD:
		break;
	}
	return true;
}

static void note_use(struct reference_context *c, const struct service *service)
{
	struct service *user = c->user;

	if (!user || user == service)
		return;
	user->uses_host |= service->kind == SERVICE_PROCESS || service->kind == SERVICE_COMMAND;
	for (size_t i = 0; i < user->n_uses; i++) {
		if (strcmp(user->uses[i], service->name) == 0)
			return;
	}
	ARENA_GROW(c->l->arena, user->uses, user->n_uses, user->cap_uses);
	user->uses[user->n_uses++] = service->name;
}

static enum lookup unknown_service(struct reference_context *c, const struct part *part,
	const char *name)
{
	struct nearest nearest = {.word = name};

	diag_error(c->l->diags, part->pos, "there is no service %s", name);
	for (size_t i = 0; i < c->l->n; i++)
		nearest_try(&nearest, c->l->services[i].name);
	if (nearest.best)
		diag_hint(c->l->diags, "did you mean %s?", nearest.best);
	return LOOKUP_FAILED;
}

static enum lookup unreachable(struct reference_context *c, const struct part *part,
	const struct service *service, enum view view)
{
	if (view == VIEW_INGRESS) {
		diag_error(c->l->diags, part->pos, "service %s has no ingress", service->name);
		diag_hint(c->l->diags, "give it a port named http, or ingress: true");
	} else if (service->kind == SERVICE_PROCESS || service->kind == SERVICE_COMMAND) {
		diag_error(c->l->diags, part->pos, "service %s is a process of this machine, which a "
			"cluster that is not ours does not reach", service->name);
		diag_hint(c->l->diags, "give it an image");
	} else {
		diag_error(c->l->diags, part->pos, "service %s is reached only inside of the cluster",
			service->name);
		diag_hint(c->l->diags, "publish a port of it, as \"8080:80\" (on a k3d cluster of the "
			"manifest), or give it an ingress");
	}
	return LOOKUP_FAILED;
}

/* host, port, url or ports.NAME; *out NULL: it has no such thing. */
static enum lookup reach(struct reference_context *c, const struct part *part,
	const struct service *service, const char *what, enum view view, struct value *out)
{
	const char *name = strncmp(what, "ports.", 6) == 0 ? what + 6 : NULL;
	const struct service_port *port = lower_port(service, name);
	const char *text = NULL;
	struct way way;

	if (!find_way(c->l, service, port, view, c->user && c->user->name, &way))
		return unreachable(c, part, service, view);
	if (strcmp(what, "host") == 0)
		text = way.host;
	else if (strcmp(what, "url") == 0 && way.port)
		*out = catalogue_url(c->l, service, way.host, way.port,
			way.secure || (port->name && strcmp(port->name, "https") == 0) ? "https" : "http");
	else if ((name && port) || strcmp(what, "port") == 0)
		text = way.port;
	if (text) {
		*out = value_str(c->l->arena, text);
		if (strncmp(text, "${", 2) == 0)
			out->flags |= VALUE_TEMPLATE;
	}
	return LOOKUP_VALUE;
}

static enum lookup look_up_service(struct reference_context *c, const struct part *part,
	struct value *out)
{
	static const char *const words[] = {"username", "password", "database"};
	const char *dot = strchr(part->path, '.'), *path = dot ? dot + 1 : "";
	const char *name = arena_strndup(c->l->arena, part->path,
		dot ? (size_t)(dot - part->path) : strlen(part->path));
	struct service *service = lower_service(c->l, name);
	enum view view = c->view;

	if (!service)
		return unknown_service(c, part, name);
	*out = value_null;
	for (size_t i = 0; service->entry && i < ARRAY_SIZE(words); i++) {
		if (strcmp(path, words[i]) == 0 && value_get(service->spec, path))
			*out = *value_get(service->spec, path);
	}
	if (strcmp(path, "name") == 0)
		*out = value_str(c->l->arena, name);
	if (strncmp(path, "external.", 9) == 0) {
		path += 9;
		view = VIEW_MACHINE;
	} else if (strncmp(path, "ingress.", 8) == 0) {
		path += 8;
		view = VIEW_INGRESS;
	}
	if (out->kind == VALUE_NULL && reach(c, part, service, path, view, out) == LOOKUP_FAILED)
		return LOOKUP_FAILED;
	if (out->kind == VALUE_NULL) {
		diag_error(c->l->diags, part->pos, "service %s has no \"%s\"", name, path);
		diag_hint(c->l->diags, "there are name, host, port, url, ports.NAME for a named port, and "
			"external.host, external.port, external.url as seen from this machine, and the "
			"same of ingress");
		return LOOKUP_FAILED;
	}
	note_use(c, service);
	return LOOKUP_VALUE;
}

static enum lookup look_up_cluster(struct reference_context *c, const struct part *part,
	struct value *out)
{
	const char *text = cluster_member(c->l, part->path);

	if (!text) {
		diag_error(c->l->diags, part->pos, c->l->cluster.spec ? "the cluster has no \"%s\""
			: "there is no cluster: ${cluster.%s} means nothing", part->path);
		diag_hint(c->l->diags, c->l->cluster.spec
			? "there are name, kubeconfig, context, namespace, and of a k3d cluster server, host, port, uid"
			: "declare spec.cluster");
		return LOOKUP_FAILED;
	}
	*out = value_str(c->l->arena, text);
	if (strstr(text, "${"))
		out->flags |= VALUE_TEMPLATE;
	return LOOKUP_VALUE;
}

/* ${terraform.NAME.outputs.X}: an output of the module's resource. */
static enum lookup look_up_module(struct reference_context *c, const struct part *part,
	struct value *out)
{
	const struct value *modules = value_get(c->l->spec, "terraform");
	const char *dot = strchr(part->path, '.');
	const char *name = arena_strndup(c->l->arena, part->path,
		dot ? (size_t)(dot - part->path) : strlen(part->path));
	struct nearest nearest = {.word = name};

	if (lower_named(modules, name) && dot && strncmp(dot, ".outputs.", 9) == 0) {
		*out = value_str(c->l->arena,
			arena_printf(c->l->arena, "${terraform_module.%s.%s}", name, dot + 9));
		out->flags |= VALUE_TEMPLATE;
		return LOOKUP_VALUE;
	}
	if (lower_named(modules, name)) {
		diag_error(c->l->diags, part->pos, "${%s} names no output", part->text);
		diag_hint(c->l->diags, "write ${terraform.%s.outputs.NAME}", name);
		return LOOKUP_FAILED;
	}
	diag_error(c->l->diags, part->pos, "there is no Terraform module %s", name);
	for (uint32_t i = 0; modules && modules->kind == VALUE_LIST && i < modules->len; i++)
		nearest_try(&nearest, value_get_text(&modules->items[i], "name", ""));
	if (nearest.best)
		diag_hint(c->l->diags, "did you mean %s?", nearest.best);
	return LOOKUP_FAILED;
}

static enum lookup look(void *arg, const struct part *part, struct value *out)
{
	struct reference_context *c = arg;

	if (part->kind != PART_SHORT)
		return LOOKUP_KEEP;
	if (strcmp(part->name, "service") == 0)
		return look_up_service(c, part, out);
	if (strcmp(part->name, "cluster") == 0)
		return look_up_cluster(c, part, out);
	return look_up_module(c, part, out);
}

const struct value *lower_references(struct lowering *l, struct service *user, enum view view,
	const struct value *value)
{
	struct reference_context c = {l, user, view};
	struct value *out;

	if (!(value->flags & VALUE_TEMPLATE))
		return value;
	out = arena_alloc(l->arena, sizeof(*out));
	if (template_expand(value, l->arena, look, &c, out, l->diags) < 0)
		return value;
	return out;
}
