/* What a service waits for: its dependencies, what its references name, and its triggers. */
#include "manifest/lower/internal.h"

#include <string.h>

void lower_depend(struct lowering *l, struct value_builder *list, const char *address,
	const struct value *type, const struct value *at)
{
	struct value_builder b;

	if (!type) {
		builder_push(list, lower_text(l, address, at));
		return;
	}
	builder_init(&b, l->arena);
	builder_put(&b, "address", lower_text(l, address, at));
	builder_put(&b, "type", *type);
	builder_push(list, lower_map(&b, at));
}

void lower_dependency(struct lowering *l, struct value_builder *list,
	const char *user, const struct value *item)
{
	const struct value *name = value_is_scalar(item) ? item : value_get(item, "name");
	const struct service *needed = name ? lower_service(l, value_text(name, "")) : NULL;

	if (needed) {
		lower_depend(l, list, needed->address, value_get(item, "type"), item);
		return;
	}
	if (name) {
		struct nearest nearest = {.word = value_text(name, "")};

		diag_error(l->diags, value_pos(name), "%s depends on %s, which is no service",
			user, value_text(name, ""));
		for (size_t i = 0; i < l->n; i++)
			nearest_try(&nearest, l->services[i].name);
		if (lower_named(value_get(l->spec, "terraform"), value_text(name, "")))
			diag_hint(l->diags, "a terraform module is waited for by dependsOn: [terraform_module.%s]",
				value_text(name, ""));
		else if (nearest.best)
			diag_hint(l->diags, "did you mean %s?", nearest.best);
	}
}

void lower_need(struct lowering *l, struct service *service, const char *address)
{
	for (size_t i = 0; i < service->n_needs; i++) {
		if (strcmp(service->needs[i], address) == 0)
			return;
	}
	ARENA_GROW(l->arena, service->needs, service->n_needs, service->cap_needs);
	service->needs[service->n_needs++] = address;
}

static bool is_listed(const struct value *dependencies, const char *name)
{
	for (uint32_t i = 0; dependencies && i < dependencies->len; i++) {
		const struct value *item = &dependencies->items[i];

		if (strcmp(value_is_scalar(item) ? value_text(item, "")
						  : value_get_text(item, "name", ""), name) == 0)
			return true;
	}
	return false;
}

/* Any value may trigger: it lives in a local_value, whose change replaces the service. */
static void add_triggers(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *triggers = value_get(service->spec, "triggers");
	const char *name = arena_printf(l->arena, "%s-triggers", service->name);
	struct value_builder value, lifecycle, list;

	if (service->kind == SERVICE_COMMAND)
		return;
	builder_init(&list, l->arena);
	if (triggers) {
		lower_begin(l, &value, service, "local_value", name);
		builder_put(&value, "input", *triggers);
		lower_end(l, &value, service);
		builder_push(&list, lower_text(l, arena_printf(l->arena, "local_value.%s", name), triggers));
	}
	for (size_t i = 0; i < service->n_triggers; i++)
		builder_push(&list, lower_text(l, service->triggers[i], service->spec));
	if (!list.n)
		return;
	builder_init(&lifecycle, l->arena);
	builder_put(&lifecycle, "replaceTriggeredBy", builder_list(&list));
	builder_put(b, "lifecycle", builder_map(&lifecycle));
}

void lower_order(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *dependencies = value_get(service->spec, "dependencies");
	const char *user = arena_printf(l->arena, "service %s", service->name);
	struct value_builder list;

	if (dependencies && dependencies->kind != VALUE_LIST)
		dependencies = NULL;
	builder_init(&list, l->arena);
	for (uint32_t i = 0; dependencies && i < dependencies->len; i++)
		lower_dependency(l, &list, user, &dependencies->items[i]);
	for (size_t i = 0; i < service->n_uses; i++) {
		if (!is_listed(dependencies, service->uses[i]))
			lower_depend(l, &list, lower_service(l, service->uses[i])->address, NULL,
				service->spec);
	}
	for (size_t i = 0; i < service->n_needs; i++)
		lower_depend(l, &list, service->needs[i], NULL, service->spec);
	if (list.n)
		builder_put(b, "dependsOn", builder_list(&list));
	add_triggers(l, b, service);
}
