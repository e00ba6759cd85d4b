/*
 * Observing containers: one list of ours, one inspect for each that an item is about. The inspect is
 * read for exactly the keys that were recorded, so that what is compared with what was seen after the
 * last success is the same set in the same form.
 */
#include "providers/docker/container/type.h"

#include "providers/docker/container/parse.h"

#include <string.h>

/* What the record or, without one, the manifest says; never NULL. */
static const struct value *asked_of(const struct observation *item)
{
	if (item->record)
		return record_inputs(item->record, NULL);
	return item->desired ? item->desired : &value_empty_map;
}

static void describe(struct docker *docker, struct container_images *images,
	struct observation *item, const struct value *inspect)
{
	const struct value *asked = asked_of(item);
	const struct value *recorded = item->record ? asked : NULL;

	docker_describe(docker, item, value_get_text(inspect, "Id", ""),
		value_get(value_get(inspect, "Config"), "Labels"));
	item->attributes = value_keep(docker->arena, container_see(docker, images, inspect, asked));
	item->runs = container_runs(inspect, item->desired ? item->desired : asked);
	item->health = container_health(docker->arena, inspect);
	/* Addresses and ports are there only while it runs; until then those recorded hold. */
	if (container_is_running(inspect) || value_get_bool(asked, "job", false))
		item->outputs = value_keep(docker->arena, container_outputs(docker->arena, inspect, asked));
	if (item->desired)
		item->matches = container_is_as(docker, images, inspect, item->desired, recorded);
}

/* Inspects and describes; what is gone meanwhile is absent. By id, or by name: the engine also takes
   the beginning of an id for either. */
static int look(struct docker *docker, struct container_images *images, struct observation *item,
	const char *id, bool by_name, struct error *err)
{
	struct error own = ERROR_INIT;
	const struct value *inspect;
	const char *is;

	item->presence = PRESENCE_ABSENT;
	if (container_inspect(docker, id, &inspect, &own) < 0) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		*err = own;
		return -1;
	}
	is = by_name ? value_get_text(inspect, "Name", "/") + 1 : value_get_text(inspect, "Id", "");
	if (!strcmp(is, id))
		describe(docker, images, item, inspect);
	return 0;
}

/* Not among the marked ones: imported, gone, or its name is taken. */
static int look_elsewhere(struct docker *docker, struct container_images *images,
	struct observation *item, struct error *err)
{
	const char *name;

	item->presence = PRESENCE_ABSENT;
	if (item->record && item->record->id)
		return look(docker, images, item, item->record->id, false, err);
	if (!item->desired)
		return 0;
	name = docker_name(docker, item, "containerName");
	return name ? look(docker, images, item, name, true, err) : 0;
}

#define LIST "/containers/json?all=1"

/* The image of what is recorded, unless `seen` has it; NULL: nothing to ask. */
static const char *image_to_ask(struct docker *docker, struct record *record,
	struct container_images *seen)
{
	const char *image = record ? value_get_text(record_inputs(record, NULL), "image", "") : "";

	if (!*image || image_is_fixed(image))
		return NULL;
	image = image_normal(image, docker->arena);
	for (size_t i = 0; i < seen->n; i++)
		if (!strcmp(seen->items[i].reference, image))
			return NULL;
	ARENA_GROW(docker->arena, seen->items, seen->n, seen->cap);
	seen->items[seen->n++].reference = image;
	return docker_image_path(docker, image);
}

void container_ahead(struct docker *docker, const struct docker_observe *observe,
	void (*ask)(void *arg, const char *path, bool slow), void *arg)
{
	struct container_images images = {0};

	ask(arg, docker_path_ours(docker, LIST), true);
	for (size_t i = 0; i < observe->n; i++) {
		struct record *record = observe->items[i]->record;

		if (record && record->id)
			ask(arg, container_path(docker, record->id), false);
		ask(arg, image_to_ask(docker, record, &images), false);
	}
}

static int look_at_ours(struct docker *docker, struct container_images *images,
	struct docker_observe *observe, struct error *err)
{
	struct docker_reply reply;

	if (docker_list_ours(docker, LIST, &reply, err) < 0)
		return -1;
	for (size_t i = 0; reply.body->kind == VALUE_LIST && i < reply.body->len; i++) {
		const struct value *container = &reply.body->items[i];
		const char *id = value_get_text(container, "Id", "");
		const struct value *names = value_get(container, "Names");
		struct docker_mark mark = docker_mark(value_get(container, "Labels"));
		struct observation *item = docker_match(docker, observe, id, &mark);
		const char *name = names && names->kind == VALUE_LIST && names->len
					   ? value_text(&names->items[0], "/") + 1 : NULL;

		if (!item || item->presence == PRESENCE_PRESENT)
			docker_stray(docker, observe, "docker_container", &mark, id, name);
		else if (look(docker, images, item, id, false, err) < 0)
			return -1;
	}
	return 0;
}

/* Ports that something else holds. The list of all that run is asked for only when it matters: when
   something is to be started. */
static int look_for_holders(struct docker *docker, struct docker_observe *observe,
	struct error *err)
{
	struct docker_reply reply = {0};

	for (size_t i = 0; i < observe->n; i++) {
		struct observation *item = observe->items[i];
		bool there = item->presence == PRESENCE_PRESENT && item->ownership != OWNER_OTHER;

		if (!item->desired || container_empty(value_get(item->desired, "ports")) ||
			(there && item->runs && item->matches))
			continue;
		if (!reply.body && docker_get(docker, "/containers/json", &reply, err) < 0)
			return -1;
		item->blocked = docker_blocked(docker, reply.body, there ? item->id : "",
			item->desired, &item->blocked_claim);
	}
	return 0;
}

int container_observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct container_images images = {0};

	if (look_at_ours(docker, &images, observe, err) < 0)
		return -1;
	for (size_t i = 0; i < observe->n; i++)
		if (observe->items[i]->presence == PRESENCE_UNKNOWN &&
			look_elsewhere(docker, &images, observe->items[i], err) < 0)
			return -1;
	return look_for_holders(docker, observe, err);
}

int container_import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct container_images images = {0};
	const struct value *inspect;

	out->type = type;
	if (container_inspect(docker, id, &inspect, err) < 0)
		return error_wrap(err, "cannot import container '%s'", id);
	describe(docker, &images, out, inspect);
	if (!out->desired)
		out->attributes = value_keep(docker->arena, container_see(docker, &images, inspect, NULL));
	out->outputs = value_keep(docker->arena,
		container_outputs(docker->arena, inspect, out->desired));
	return 0;
}
