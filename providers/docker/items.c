/*
 * What the code of each type has in common: finding which item a listed object is, describing it, and
 * bringing maps into a form in which equal means unchanged.
 */
#include "providers/docker/docker.h"

#include <string.h>

const char *docker_path_ours(struct docker *docker, const char *path)
{
	const char *label;

	if (!*docker->env->environment)
		return NULL;
	label = arena_printf(docker->arena, "%s=%s", DOCKER_LABEL_ENVIRONMENT,
		docker->env->environment);
	return docker_path(docker, "%s%s%s", path, strchr(path, '?') ? "&" : "?",
		docker_filters(docker, "label", label, NULL));
}

int docker_list_ours(struct docker *docker, const char *path, struct docker_reply *reply,
	struct error *err)
{
	const char *ours = docker_path_ours(docker, path);

	if (ours)
		return docker_get(docker, ours, reply, err);
	*reply = (struct docker_reply){.status = 200, .body = &value_empty_list};
	return 0; /* never applied: nothing can be ours */
}

struct observation *docker_match(const struct docker *docker,
	const struct docker_observe *observe, const char *id, const struct docker_mark *mark)
{
	for (size_t i = 0; i < observe->n; i++) {
		struct observation *item = observe->items[i];

		if (item->record && item->record->id && !strcmp(item->record->id, id))
			return item;
	}
	if (!docker_is_ours(docker, mark))
		return NULL;
	for (size_t i = 0; i < observe->n && mark->intent; i++) {
		struct observation *item = observe->items[i];

		if (item->intent && !strcmp(item->intent->id, mark->intent))
			return item;
	}
	for (size_t i = 0; i < observe->n; i++) {
		struct observation *item = observe->items[i];

		/* What is recorded is known by its id: another one with its mark is a stray. */
		if (!item->record && !strcmp(item->address, mark->address))
			return item;
	}
	return NULL;
}

void docker_stray(struct docker *docker, struct docker_observe *observe, const char *type,
	const struct docker_mark *mark, const char *id, const char *name)
{
	size_t len = strlen(type);

	/* A node of a cluster is a container, too: it goes with the cluster. */
	if (!docker_is_ours(docker, mark) || strncmp(mark->address, type, len) != 0 ||
		mark->address[len] != '.')
		return;
	ARENA_GROW(docker->arena, observe->strays, observe->n_strays, observe->cap);
	observe->strays[observe->n_strays++] = (struct stray){
		.type = type_find(type),
		.address = mark->address,
		.id = id,
		.name = name,
	};
}

void docker_describe(const struct docker *docker, struct observation *item, const char *id,
	const struct value *labels)
{
	struct docker_mark mark = docker_mark(labels);
	bool recorded = item->record && item->record->id && !strcmp(item->record->id, id);

	item->presence = PRESENCE_PRESENT;
	item->id = id;
	item->message = NULL;
	item->mark_intent = mark.intent;
	/* What is recorded may have been made for another address: it moved. */
	item->ownership = docker_owner(docker, labels, recorded ? NULL : item->address,
		&item->message);
}

/* --- inputs ------------------------------------------------------------------------------------- */

const struct value *docker_inputs(const struct observation *item)
{
	if (item->desired)
		return item->desired;
	return item->record ? record_inputs(item->record, NULL) : &value_empty_map;
}

const struct value *docker_wish(const struct observation *item, const char *key)
{
	const struct value *value = item->desired ? value_get(item->desired, key) : NULL;

	if (value || !item->record)
		return value;
	return value_get(record_inputs(item->record, NULL), key);
}

const char *docker_name(const struct docker *docker, const struct observation *item,
	const char *key)
{
	const struct value *given = value_get(docker_inputs(item), key);
	const char *name = NULL;

	if (given && given->kind == VALUE_UNKNOWN)
		return NULL;
	if (given)
		name = value_text(given, NULL);
	if (!name && item->record)
		name = value_get_text(record_outputs(item->record, NULL), "name", NULL);
	return name ? name : docker_default_name(docker, item->address,
		item->record ? item->record->generation : 1);
}

struct value docker_texts(const struct docker *docker, const struct value *map,
	const struct value *like)
{
	struct value_builder texts;

	builder_init(&texts, docker->arena);
	for (uint32_t i = 0; map && map->kind == VALUE_MAP && i < map->len; i++) {
		const struct member *member = &map->members[i];
		const struct value *as = like ? value_get(like, member->key) : &member->value;
		struct value text = value_str(docker->arena, value_text(&member->value, ""));

		if (as)
			builder_put(&texts, member->key,
				as->flags & VALUE_SENSITIVE ? value_sensitive(text) : text);
	}
	return builder_map(&texts);
}

/* --- requests ----------------------------------------------------------------------------------- */

const char *docker_request_id(const struct request *request)
{
	if (request->act == ACT_CREATE)
		return request->adopt && request->observed ? request->observed->id : NULL;
	return request->record ? request->record->id : NULL;
}

/* The labels of the thing of this kind and name; NULL: there is none, or nobody can say. */
static const struct value *labels_at(struct docker *docker, const char *type, const char *name)
{
	struct docker_reply reply;

	if (!strcmp(type, "docker_network")) {
		if (docker_get(docker, docker_path(docker, "/networks?%s",
				docker_filters(docker, "name", name, NULL)), &reply, NULL))
			return NULL;
		for (uint32_t i = 0; reply.body->kind == VALUE_LIST && i < reply.body->len; i++)
			if (!strcmp(value_get_text(&reply.body->items[i], "Name", ""), name))
				return value_get(&reply.body->items[i], "Labels");
		return NULL;
	}
	if (!strcmp(type, "docker_volume"))
		return docker_get(docker, docker_path(docker, "/volumes/%s", name), &reply, NULL)
			? NULL : value_get(reply.body, "Labels");
	return docker_get(docker, docker_path(docker, "/containers/%s/json", name), &reply, NULL)
		? NULL : value_path(reply.body, "Config.Labels");
}

/*
 * The plain name when it is free, as after a destroy. While the generation before still has it
 * (createBeforeDestroy), the name with the generation.
 */
static const char *free_name(struct docker *docker, const struct request *request)
{
	const char *plain = docker_default_name(docker, request->address, 1);
	const struct value *labels;
	struct docker_mark mark;

	if (request->generation <= 1)
		return plain;
	labels = labels_at(docker, request->type->name, plain);
	mark = docker_mark(labels);
	if (!labels || docker_is_request(docker, request, &mark))
		return plain;
	return docker_default_name(docker, request->address, request->generation);
}

const char *docker_request_name(struct docker *docker, const struct request *request,
	const char *key)
{
	const char *name = value_get_text(request->inputs, key, NULL);
	struct record *record = request->act == ACT_CREATE ? NULL : request->record;

	/* A default was chosen when it was made, and stays whatever the project is called now. */
	if (!name && record && !value_get(record_inputs(record, NULL), key))
		name = value_get_text(record_outputs(record, NULL), "name", NULL);
	return name ? name : free_name(docker, request);
}

/* --- pure --------------------------------------------------------------------------------------- */

void docker_validate_labels(const struct value *attributes, struct diags *diags)
{
	const struct value *labels = value_get(attributes, "labels");

	for (uint32_t i = 0; labels && labels->kind == VALUE_MAP && i < labels->len; i++) {
		const struct member *member = &labels->members[i];

		if (strncmp(member->key, DOCKER_LABEL, strlen(DOCKER_LABEL)) != 0)
			continue;
		diag_error(diags, member->pos, "label '%s' is one of ours", member->key);
		diag_hint(diags, "choose a name that does not begin with " DOCKER_LABEL);
	}
}
