/*
 * Services become resources in three steps: what each is (container, process, command), its
 * references to other services (${service.NAME.host} is a name that is known now, and a dependency),
 * and the resources themselves. Every value keeps its place in the manifest.
 */
#include "model/lower_internal.h"

#include "model/template.h"

#include <string.h>

struct value lower_text(struct lowering *l, const char *text, const struct value *at)
{
	struct value value = value_str(l->arena, text);

	if (strstr(text, "${"))
		value.flags |= VALUE_TEMPLATE;
	value.source = at->source;
	value.line = at->line;
	value.column = at->column;
	return value;
}

struct value lower_part(struct lowering *l, const char *text, const struct value *whole)
{
	struct value value = lower_text(l, text, whole);

	if (!(whole->flags & VALUE_TEMPLATE)) /* a "${" in it came from a value */
		value.flags &= (uint8_t)~VALUE_TEMPLATE;
	value.flags |= whole->flags & VALUE_SENSITIVE;
	return value;
}

bool lower_is_declared(const struct lowering *l, const char *type, const char *name)
{
	for (uint32_t i = 0; i < l->resources->len; i++) {
		const struct value *resource = &l->resources->items[i];

		if (strcmp(value_get_text(resource, "type", ""), type) == 0 &&
			strcmp(value_get_text(resource, "name", ""), name) == 0)
			return true;
	}
	return false;
}

void lower_begin(struct lowering *l, struct value_builder *b, const struct service *service,
	const char *type, const char *name)
{
	builder_init(b, l->arena);
	builder_put(b, "type", lower_text(l, type, service->spec));
	builder_put(b, "name", lower_text(l, name, service->spec));
	builder_put(b, "$service", lower_text(l, service->name, service->spec));
}

void lower_end(struct lowering *l, struct value_builder *b, const struct service *service)
{
	struct value map = builder_map(b);

	map.source = service->spec->source;
	map.line = service->spec->line;
	map.column = service->spec->column;
	builder_push(&l->made, map);
}

void lower_copy(struct value_builder *b, const struct service *service, const char *from,
	const char *to)
{
	const struct member *member = value_member(service->spec, from);

	if (!member || member->value.kind == VALUE_NULL)
		return;
	builder_put(b, to, member->value);
	b->members[b->n - 1].pos = member->pos;
}

void lower_replicas(struct lowering *l, struct value_builder *b, const struct service *service)
{
	int64_t replicas = value_get_int(service->spec, "replicas", 1);
	struct value_builder keys;

	if (replicas == 1)
		return;
	builder_init(&keys, l->arena);
	for (int64_t i = 1; i <= replicas; i++)
		builder_push(&keys,
			lower_text(l, arena_printf(l->arena, "%lld", (long long)i), service->spec));
	builder_put(b, "forEach", builder_list(&keys));
}

struct value lower_key_values(struct lowering *l, const struct value *value)
{
	struct value_builder b;

	if (value->kind != VALUE_LIST)
		return *value;
	builder_init(&b, l->arena);
	for (uint32_t i = 0; i < value->len; i++) {
		const char *text = value_text(&value->items[i], ""), *equals = strchr(text, '=');

		if (!equals) {
			if (value->items[i].flags & VALUE_SENSITIVE)
				text = "(sensitive)";
			diag_error(l->diags, value_pos(&value->items[i]), "\"%s\" is no KEY=VALUE", text);
			diag_hint(l->diags, "write %s=VALUE, or a map", text);
			continue;
		}
		builder_put(&b, arena_strndup(l->arena, text, (size_t)(equals - text)),
			lower_part(l, equals + 1, &value->items[i]));
	}
	return builder_map(&b);
}

/* One word of a command line; quotes hold words together. NULL at the end. */
static const char *next_word(struct lowering *l, const char **at)
{
	struct strbuf word = STRBUF_INIT;
	const char *text = *at + strspn(*at, " \t\n"), *result;
	char quote = 0;

	if (!*text)
		return NULL;
	for (; *text && (quote || !strchr(" \t\n", *text)); text++) {
		if (quote && *text == quote)
			quote = 0;
		else if (!quote && (*text == '"' || *text == '\''))
			quote = *text;
		else if (*text == '\\' && quote != '\'' && text[1])
			strbuf_addch(&word, *++text);
		else
			strbuf_addch(&word, *text);
	}
	*at = text;
	result = arena_strdup(l->arena, word.text);
	strbuf_release(&word);
	return result;
}

struct value lower_words(struct lowering *l, const struct value *value)
{
	const char *at = value_text(value, NULL), *word;
	struct value_builder b;

	if (!at)
		return *value;
	builder_init(&b, l->arena);
	while ((word = next_word(l, &at)) != NULL)
		builder_push(&b, lower_part(l, word, value));
	return builder_list(&b);
}

/* --- what a service is ------------------------------------------------------------------------- */

static struct service *find_service(struct lowering *l, const char *name)
{
	uint32_t i = map_get(&l->by_name, name);

	return i == MAP_NONE ? NULL : &l->services[i];
}

static enum service_kind kind_of(struct lowering *l, const struct service *service)
{
	const struct value *spec = service->spec;
	const struct value *type = value_get(spec, "type");
	const char *text = value_text(type, "application");

	if (value_get(spec, "image") || value_get(spec, "build") || value_get(spec, "source"))
		return SERVICE_CONTAINER;
	if (value_get(spec, "command"))
		return service->job ? SERVICE_COMMAND : SERVICE_PROCESS;
	if (value_get(spec, "chart")) {
		diag_error(l->diags, value_member(spec, "chart")->pos,
			"service %s has only a chart, and there is no cluster", service->name);
		diag_hint(l->diags, "declare spec.cluster, or give it an image");
	} else if (strcmp(text, "application") != 0 && !service->job) {
		diag_error(l->diags, value_pos(type), "service %s needs an image: \"%s\" names none",
			service->name, text);
		diag_hint(l->diags, "set image: %s, or use type: application", text);
	} else {
		diag_error(l->diags, value_pos(spec), "service %s has nothing to run", service->name);
		diag_hint(l->diags, "give it an image, a build, a source, or a command");
	}
	return SERVICE_BAD;
}

static const char *address_of(struct lowering *l, const struct service *service)
{
	static const char *const types[] = {
		[SERVICE_BAD] = "docker_container",
		[SERVICE_CONTAINER] = "docker_container",
		[SERVICE_PROCESS] = "local_process",
		[SERVICE_COMMAND] = "local_command",
	};

	return arena_printf(l->arena, "%s.%s", types[service->kind], service->name);
}

static void read_service(struct lowering *l, const struct value *spec)
{
	struct service *service = &l->services[l->n];
	const char *name = value_get_text(spec, "name", NULL);

	if (!name)
		return; /* the schema has said it */
	*service = (struct service){.name = name, .spec = spec};
	service->job = strcmp(value_get_text(spec, "type", ""), "job") == 0;
	service->kind = kind_of(l, service);
	service->address = address_of(l, service);
	map_add(&l->by_name, name, (uint32_t)l->n++);
}

/* --- references between services ---------------------------------------------------------------- */

struct reference_context {
	struct lowering *l;
	struct service *user; /* NULL: a plain resource, or an output */
};

static const struct value *first_port(const struct service *service)
{
	const struct value *ports = value_get(service->spec, "ports");

	return ports && ports->kind == VALUE_LIST && ports->len ? &ports->items[0] : NULL;
}

/* The engine chooses it: an output of the container tells. */
static const char *chosen_port(struct lowering *l, const struct service *service, const char *text)
{
	const char *slash = strchr(text, '/');
	int64_t replicas = value_get_int(service->spec, "replicas", 1);

	return arena_printf(l->arena, "${%s%s.ports[\"%.*s%s\"]}", service->address,
		replicas == 1 ? "" : "[\"1\"]", (int)strcspn(text, "/"), text, slash ? slash : "/tcp");
}

/* The port inside (`inside`) or on this machine, of "8080:80/tcp", 80 or a map. */
static const char *port_text(struct lowering *l, const struct service *service,
	const struct value *port, bool inside)
{
	const char *text = value_text(port, NULL), *colon;

	if (!text) {
		const char *outer = value_get_text(port, "port", NULL);

		return inside ? value_get_text(port, "targetPort", outer) : outer;
	}
	if (!inside && service->kind == SERVICE_CONTAINER && !strchr(text, ':'))
		return chosen_port(l, service, text);
	text = arena_strndup(l->arena, text, strcspn(text, "/"));
	colon = strrchr(text, ':');
	if (inside || !colon)
		return colon ? colon + 1 : text;
	text = arena_strndup(l->arena, text, (size_t)(colon - text));
	colon = strrchr(text, ':');
	return colon ? colon + 1 : text;
}

static const struct value *named_port(const struct service *service, const char *name)
{
	const struct value *ports = value_get(service->spec, "ports");

	for (uint32_t i = 0; ports && ports->kind == VALUE_LIST && i < ports->len; i++) {
		if (strcmp(value_get_text(&ports->items[i], "name", ""), name) == 0)
			return &ports->items[i];
	}
	return NULL;
}

/* What a service of `user`'s kind sees of `service`: containers by name, everything else by port. */
static const char *member_of(struct lowering *l, const struct service *service,
	const struct service *user, const char *path)
{
	bool inside = service->kind == SERVICE_CONTAINER && user && user->kind == SERVICE_CONTAINER;
	const struct value *port = first_port(service);

	if (strcmp(path, "name") == 0)
		return service->name;
	if (strcmp(path, "host") == 0)
		return inside ? service->name
			: user && user->kind == SERVICE_CONTAINER ? "host.docker.internal" : "127.0.0.1";
	if (strncmp(path, "ports.", 6) == 0)
		port = named_port(service, path + 6);
	else if (strcmp(path, "port") != 0)
		return NULL;
	return port ? port_text(l, service, port, inside) : NULL;
}

static void note_use(struct reference_context *c, const struct service *service)
{
	struct service *user = c->user;

	if (!user)
		return;
	user->uses_host |= service->kind != SERVICE_CONTAINER;
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

static enum lookup look(void *arg, const struct part *part, struct value *out)
{
	struct reference_context *c = arg;
	struct service *service;
	const char *text, *name, *path;

	if (part->kind != PART_SHORT || strncmp(part->text, "service.", 8) != 0)
		return LOOKUP_KEEP;
	name = part->text + strlen("service.");
	path = strchr(name, '.');
	name = arena_strndup(c->l->arena, name, path ? (size_t)(path - name) : strlen(name));
	path = path ? path + 1 : "";
	service = find_service(c->l, name);
	if (!service)
		return unknown_service(c, part, name);
	text = member_of(c->l, service, c->user, path);
	if (!text) {
		diag_error(c->l->diags, part->pos, "service %s has no \"%s\"", name, path);
		diag_hint(c->l->diags, "there are name, host, port, and ports.NAME for a named port");
		return LOOKUP_FAILED;
	}
	note_use(c, service);
	*out = value_str(c->l->arena, text);
	if (strncmp(text, "${", 2) == 0)
		out->flags |= VALUE_TEMPLATE;
	return LOOKUP_VALUE;
}

static const struct value *replace_references(struct lowering *l, struct service *user,
	const struct value *value)
{
	struct reference_context c = {l, user};
	struct value *out;

	if (!(value->flags & VALUE_TEMPLATE))
		return value;
	out = arena_alloc(l->arena, sizeof(*out));
	if (template_expand(value, l->arena, look, &c, out, l->diags) < 0)
		return value;
	return out;
}

/* --- order -------------------------------------------------------------------------------------- */

static void push_dependency(struct lowering *l, struct value_builder *list, const char *address,
	const struct value *type, const struct value *at)
{
	struct value_builder b;
	struct value map;

	if (!type) {
		builder_push(list, lower_text(l, address, at));
		return;
	}
	builder_init(&b, l->arena);
	builder_put(&b, "address", lower_text(l, address, at));
	builder_put(&b, "type", *type);
	map = builder_map(&b);
	map.source = at->source;
	map.line = at->line;
	map.column = at->column;
	builder_push(list, map);
}

static void add_dependency(struct lowering *l, struct value_builder *list,
	const struct service *service, const struct value *item)
{
	const struct value *name = value_is_scalar(item) ? item : value_get(item, "name");
	const struct service *needed = name ? find_service(l, value_text(name, "")) : NULL;

	if (needed) {
		push_dependency(l, list, needed->address, value_get(item, "type"), item);
		return;
	}
	if (name) {
		struct nearest nearest = {.word = value_text(name, "")};

		diag_error(l->diags, value_pos(name), "service %s depends on %s, which is no service",
			service->name, value_text(name, ""));
		for (size_t i = 0; i < l->n; i++)
			nearest_try(&nearest, l->services[i].name);
		if (nearest.best)
			diag_hint(l->diags, "did you mean %s?", nearest.best);
	}
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

	if (!triggers || service->kind == SERVICE_COMMAND)
		return;
	lower_begin(l, &value, service, "local_value", name);
	builder_put(&value, "input", *triggers);
	lower_end(l, &value, service);
	builder_init(&list, l->arena);
	builder_push(&list, lower_text(l, arena_printf(l->arena, "local_value.%s", name), triggers));
	builder_init(&lifecycle, l->arena);
	builder_put(&lifecycle, "replaceTriggeredBy", builder_list(&list));
	builder_put(b, "lifecycle", builder_map(&lifecycle));
}

void lower_order(struct lowering *l, struct value_builder *b, const struct service *service)
{
	const struct value *dependencies = value_get(service->spec, "dependencies");
	struct value_builder list;

	if (dependencies && dependencies->kind != VALUE_LIST)
		dependencies = NULL;
	builder_init(&list, l->arena);
	for (uint32_t i = 0; dependencies && i < dependencies->len; i++)
		add_dependency(l, &list, service, &dependencies->items[i]);
	for (size_t i = 0; i < service->n_uses; i++) {
		if (!is_listed(dependencies, service->uses[i]))
			push_dependency(l, &list, find_service(l, service->uses[i])->address, NULL,
				service->spec);
	}
	if (list.n)
		builder_put(b, "dependsOn", builder_list(&list));
	add_triggers(l, b, service);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static void lower_service(struct lowering *l, const struct service *service)
{
	switch (service->kind) {
	case SERVICE_BAD:
		break;
	case SERVICE_CONTAINER:
		lower_container(l, service);
		break;
	case SERVICE_PROCESS:
		lower_process(l, service);
		break;
	case SERVICE_COMMAND:
		lower_command(l, service);
		break;
	}
}

/* A resource as written, with its references to services replaced, and waiting for them. */
static struct value lower_resource(struct lowering *l, const struct value *written)
{
	struct service user = {.kind = SERVICE_PROCESS}; /* sees services from this machine */
	const struct value *resource = replace_references(l, &user, written);
	const struct value *needs = value_get(resource, "dependsOn");
	struct value_builder map, list;
	struct value result;

	/* What is not as the schema wants it stays as it is: that has been said. */
	if (!user.n_uses || resource->kind != VALUE_MAP || (needs && needs->kind != VALUE_LIST))
		return *resource;
	builder_init(&list, l->arena);
	for (uint32_t i = 0; needs && i < needs->len; i++)
		builder_push(&list, needs->items[i]);
	for (size_t i = 0; i < user.n_uses; i++)
		push_dependency(l, &list, find_service(l, user.uses[i])->address, NULL, written);
	builder_init(&map, l->arena);
	for (uint32_t i = 0; i < resource->len; i++) {
		builder_put(&map, resource->members[i].key, resource->members[i].value);
		map.members[map.n - 1].pos = resource->members[i].pos;
	}
	builder_put(&map, "dependsOn", builder_list(&list));
	result = builder_map(&map);
	result.source = resource->source;
	result.line = resource->line;
	result.column = resource->column;
	return result;
}

/* What was written first, then what was made. */
static struct value join(struct lowering *l)
{
	const struct value *written = l->resources;
	struct value_builder all;
	struct value list;

	builder_init(&all, l->arena);
	for (uint32_t i = 0; i < written->len; i++)
		builder_push(&all, lower_resource(l, &written->items[i]));
	for (size_t i = 0; i < l->made.n; i++)
		builder_push(&all, l->made.items[i]);
	list = builder_list(&all);
	list.source = written->source;
	list.line = written->line;
	list.column = written->column;
	return list;
}

int lower_services(struct manifest *manifest, const struct value *spec, struct value *resources,
	struct value *outputs, struct diags *diags)
{
	const struct value *services = value_get(spec, "services");
	size_t errors = diags->errors;
	struct lowering l = {
		.manifest = manifest,
		.arena = manifest->arena,
		.diags = diags,
		.spec = spec,
		.resources = resources,
	};

	if (!services || services->kind != VALUE_LIST || !services->len)
		return 0;
	builder_init(&l.made, l.arena);
	l.services = arena_zalloc(l.arena, services->len * sizeof(*l.services));
	for (uint32_t i = 0; i < services->len; i++)
		read_service(&l, &services->items[i]);
	for (size_t i = 0; i < l.n; i++)
		l.services[i].spec = replace_references(&l, &l.services[i], l.services[i].spec);
	for (size_t i = 0; i < l.n; i++)
		lower_service(&l, &l.services[i]);
	*resources = join(&l);
	*outputs = *replace_references(&l, NULL, outputs);
	map_release(&l.by_name);
	map_release(&l.volumes);
	map_release(&l.networks);
	return diags->errors > errors ? -1 : 0;
}
