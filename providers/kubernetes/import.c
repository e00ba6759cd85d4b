/*
 * Import: objects that exist, named by their references, become a resource. Nothing is changed; the
 * next apply makes their fields ours, and their marks.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

/* "Deployment.apps/default/web" or "Namespace/dev"; a namespaced one without one is in ours. */
static int find(struct kube *kube, const char *ref, const char *namespace,
	struct kube_object *object, struct error *err)
{
	const char *first = strchr(ref, '/'), *second = first ? strchr(first + 1, '/') : NULL;
	const struct kube_kind *kind;
	const char *name;

	if (!first || !first[1] || first == ref || (second && !second[1]))
		return error_set(err, ERROR_INVALID,
			"'%s' is no object: expected KIND.GROUP/NAMESPACE/NAME, like Deployment.apps/default/web",
			ref);
	name = arena_strndup(kube->arena, ref, (size_t)(first - ref));
	if (kube_kind_named(kube, name, &kind, err))
		return -1;
	*object = (struct kube_object){
		.api_version = *kind->group ? kube_printf(kube, "%s/%s", kind->group, kind->version)
					    : kind->version,
		.kind = kind->kind,
		.name = second ? second + 1 : first + 1,
		.namespace = second ? arena_strndup(kube->arena, first + 1, (size_t)(second - first - 1))
				    : NULL,
	};
	return kube_object_place(kube, object, namespace, err);
}

static int import_one(struct kube *kube, const char *ref, const char *namespace,
	struct kube_objects *objects, struct observation *out, struct error *err)
{
	struct error own = ERROR_INIT;
	struct kube_object object;
	const char *message = NULL;
	struct kube_reply reply;
	enum ownership owner;

	if (find(kube, ref, namespace, &object, err))
		return -1;
	if (kube_get(kube, kube_object_path(kube, &object, object.name), &reply, &own)) {
		*err = own;
		return own.code == ERROR_NOT_FOUND
			? error_set(err, ERROR_NOT_FOUND, "there is no %s in %s", object.ref, kube->where) : -1;
	}
	object.uid = value_text(value_path(reply.body, "metadata.uid"), NULL);
	object.state = kube_state(kube->arena, reply.body);
	owner = kube_owner(kube, reply.body, out->address, &message);
	if (owner == OWNER_OTHER || !objects->n) {
		out->ownership = owner;
		out->message = message;
	}
	ARENA_GROW(kube->arena, objects->items, objects->n, objects->cap);
	objects->items[objects->n++] = object;
	return 0;
}

static void describe(struct kube *kube, const struct kube_objects *objects,
	const struct value *cluster, struct observation *out)
{
	struct value *outputs = arena_alloc(kube->arena, sizeof(*outputs));
	struct value *attributes = arena_alloc(kube->arena, sizeof(*attributes));
	struct value_builder map;

	builder_init(&map, kube->arena);
	builder_put(&map, "objects", kube_inventory_write(kube->arena, objects));
	builder_put_str(&map, "revision", kube_revision(kube->arena, objects));
	builder_put_str(&map, "cluster", kube->id);
	builder_put_str(&map, "address", out->address);
	*outputs = builder_map(&map);
	builder_init(&map, kube->arena);
	builder_put(&map, "cluster", *cluster); /* destroying needs it, from the record alone */
	for (size_t i = 0; i < objects->n; i++)
		builder_put_str(&map, objects->items[i].ref, objects->items[i].state);
	*attributes = builder_map(&map);
	out->presence = PRESENCE_PRESENT;
	out->id = objects->items[0].ref;
	out->endpoint = kube->id;
	out->outputs = outputs;
	out->attributes = attributes;
}

int kube_import(struct kube *kube, const char *id, struct observation *out, struct error *err)
{
	const char *namespace = kube_namespace(kube, out->desired);
	struct kube_objects objects = {0};

	for (const char *at = id; *at;) {
		size_t len = strcspn(at, ",");

		if (import_one(kube, arena_strndup(kube->arena, at, len), namespace, &objects, out, err))
			return -1;
		at += len + (at[len] == ',');
	}
	if (!objects.n)
		return error_set(err, ERROR_INVALID, "no object is named");
	describe(kube, &objects, value_get(out->desired, "cluster"), out);
	return 0;
}
