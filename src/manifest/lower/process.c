/* A service with a command and no image: a process of this machine, or a command that runs once. */
#include "manifest/lower/internal.h"

#include <stdlib.h>
#include <string.h>

/* What only a container can have. */
static void refuse(struct lowering *l, const struct service *service)
{
	static const char *const keys[] = {"volumes", "networks", "healthcheck", "entrypoint", "hostname",
		"user", "restart", "resources", "labels", "sync"};
	static const char *const running[] = {"ports", "readiness", "stopSignal", "stopGracePeriod"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct member *member = value_member(service->spec, keys[i]);

		if (!member)
			continue;
		diag_error(l->diags, member->pos, "\"%s\" needs a container, and service %s is a %s",
			keys[i], service->name, service->job ? "command" : "process");
		diag_hint(l->diags, "give it an image, or take \"%s\" out", keys[i]);
	}
	for (size_t i = 0; service->job && i < ARRAY_SIZE(running); i++) {
		const struct member *member = value_member(service->spec, running[i]);

		if (!member)
			continue;
		diag_error(l->diags, member->pos, "\"%s\" is for what runs on, and service %s is a job",
			running[i], service->name);
		diag_hint(l->diags, "take \"%s\" out", running[i]);
	}
}

static void put_environment(struct lowering *l, struct value_builder *b,
	const struct service *service)
{
	const struct value *env = value_get(service->spec, "env");

	lower_copy(b, service, "env_file", "envFile");
	if (env)
		builder_put(b, "environment", lower_key_values(l, env));
}

/* The ports that it listens on: claimed, so that two cannot have one. */
static void put_ports(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *ports = value_get(service->spec, "ports");
	struct value_builder list;

	builder_init(&list, l->arena);
	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++) {
		const struct value *port = &ports->items[i];
		const char *text = value_text(port, value_get_text(port, "port", ""));
		char *end;
		long number = strtol(text, &end, 10);

		if (end == text || *end) {
			diag_error(l->diags, value_pos(port), "a process listens on a port itself: \"%s\" is "
				"no number", text);
			diag_hint(l->diags, "write the port only, e.g. 8080");
			continue;
		}
		builder_push(&list, value_int(l->arena, number));
	}
	if (list.n)
		builder_put(b, "ports", builder_list(&list));
}

static void put_readiness(struct value_builder *b, const struct service *service)
{
	lower_copy(b, service, "readiness", "readiness");
}

void lower_process(struct lowering *l, const struct service *service)
{
	struct value_builder b;

	refuse(l, service);
	lower_begin(l, &b, service, "local_process", service->name);
	lower_replicas(l, &b, service);
	builder_put(&b, "command", lower_words(l, value_get(service->spec, "command")));
	lower_copy(&b, service, "workingDirectory", "directory");
	put_environment(l, &b, service);
	put_ports(l, &b, service);
	lower_copy(&b, service, "stopSignal", "stopSignal");
	lower_copy(&b, service, "stopGracePeriod", "stopTimeout");
	put_readiness(&b, service);
	lower_order(l, &b, service);
	lower_end(l, &b, service);
}

void lower_command(struct lowering *l, const struct service *service)
{
	struct value_builder b;

	refuse(l, service);
	lower_begin(l, &b, service, "local_command", service->name);
	lower_replicas(l, &b, service);
	builder_put(&b, "create", lower_words(l, value_get(service->spec, "command")));
	lower_copy(&b, service, "workingDirectory", "directory");
	put_environment(l, &b, service);
	lower_copy(&b, service, "triggers", "triggers");
	lower_order(l, &b, service);
	lower_end(l, &b, service);
}
