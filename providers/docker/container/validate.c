/*
 * What can be said of a container before anything is asked: mistakes in its keys, keys of Compose that
 * are called otherwise here, and the ports that it takes from the host.
 */
#include "providers/docker/container/type.h"

#include "providers/docker/container/parse.h"

#include <stdio.h>
#include <string.h>

/* The schema warns that such a key is deprecated (perhaps twice: before and after its references were
   looked at). Here it was never one: an error takes the place of the warnings. */
static void refuse_foreign_key(const struct resource *resource, const struct member *member,
	const char *hint, struct diags *diags)
{
	size_t n = 0;

	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *diag = &diags->items[i];

		if (diag->severity != SEVERITY_WARNING || diag->pos.line != member->pos.line ||
			diag->pos.column != member->pos.column ||
			diag->pos.source != member->pos.source)
			diags->items[n++] = *diag;
	}
	diags->n = n;
	diag_error(diags, member->pos, "docker_container has no key \"%s\" as Compose has",
		member->key);
	diag_hint(diags, "%s", hint);
	diag_address(diags, resource->address);
}

void container_validate(const struct resource *resource, struct diags *diags)
{
	struct container_context context = {
		.arena = diags->arena,
		.project_root = "",
		.diags = diags,
		.partial = true,
	};
	struct value normal;
	size_t first;

	for (size_t i = 0; i < resource->attributes->len; i++) {
		const struct member *member = &resource->attributes->members[i];
		const struct schema *schema = type_attribute(resource->type, member->key);

		if (schema && schema->flags & SCHEMA_DEPRECATED)
			refuse_foreign_key(resource, member, schema->description, diags);
	}
	first = diags->n;
	container_normalise(&context, resource->attributes, &normal);
	container_check(&context, &normal, resource->attributes);
	for (size_t i = first; i < diags->n; i++)
		if (!diags->items[i].address)
			diags->items[i].address = resource->address;
}

/* "tcp:8080", or "tcp:127.0.0.1:8080" where it is one address only. */
const char *container_claim(const struct port *port, int number, char *out, size_t size)
{
	bool every = !*port->ip || !strcmp(port->ip, "0.0.0.0") || !strcmp(port->ip, "::");

	if (every)
		snprintf(out, size, "%s:%d", port->protocol, number);
	else
		snprintf(out, size, strchr(port->ip, ':') ? "%s:[%s]:%d" : "%s:%s:%d",
			port->protocol, port->ip, number);
	return out;
}

void container_each_port(const struct value *inputs, struct arena *arena,
	void (*see)(void *arg, const struct port *port, int number), void *arg)
{
	const struct value *ports = value_get(inputs, "ports");
	struct diags quiet;

	diags_init(&quiet, arena);
	for (size_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++) {
		const struct value *item = &ports->items[i];
		struct port port;

		if (item->kind == VALUE_UNKNOWN || item->flags & (VALUE_TEMPLATE | VALUE_HAS_UNKNOWN) ||
			container_port(item, arena, &port, &quiet) < 0 || !port.host_first ||
			port.last - port.first != port.host_last - port.host_first)
			continue;
		for (int number = port.host_first; number <= port.host_last; number++)
			see(arg, &port, number);
	}
}

struct claiming {
	void (*claim)(void *arg, const char *what);
	void *arg;
};

static void claim_port(void *arg, const struct port *port, int number)
{
	struct claiming *claiming = arg;
	char text[96];

	claiming->claim(claiming->arg, container_claim(port, number, text, sizeof(text)));
}

void container_claims(const struct type *type, const struct value *inputs,
	void (*claim)(void *arg, const char *what), void *arg)
{
	struct claiming claiming = {claim, arg};
	struct arena arena = ARENA_INIT;

	(void)type;
	container_each_port(inputs, &arena, claim_port, &claiming);
	arena_release(&arena);
}
