/*
 * Looking at objects: one list a kind and namespace, of metadata only. Objects that bear the label
 * of ours are listed by it, so that a crowded namespace costs nothing; a single object is simply got.
 */
#include "providers/kubernetes/kubernetes.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define ONE "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

enum { PAGE = 2000 };

struct wanted {
	struct kube_object object;
	const char *path;
	const struct value *live; /* NULL: not there */
	bool found;               /* `live` is the answer */
};

/* Objects of one kind in one namespace. */
struct collection {
	const char *path;
	size_t n, foreign;
	const char *problem; /* NULL: it could be seen */
};

struct kube_sight {
	struct kube *kube;
	const char *label;
	struct wanted *items;
	size_t n, cap;
	struct collection *collections;
	size_t n_collections, cap_collections;
	struct map by_path, by_collection;
};

const char *kube_own_label(struct kube *kube)
{
	return kube_printf(kube, KUBE_LABEL_ENVIRONMENT "=%s", kube->env->environment);
}

struct kube_sight *kube_sight_new(struct kube *kube, const char *label)
{
	struct kube_sight *sight = arena_zalloc(kube->arena, sizeof(*sight));

	sight->kube = kube;
	sight->label = label;
	return sight;
}

void kube_sight_free(struct kube_sight *sight)
{
	map_release(&sight->by_path);
	map_release(&sight->by_collection);
}

static struct collection *collection_of(struct kube_sight *sight, const struct kube_object *object)
{
	const char *path = kube_object_path(sight->kube, object, NULL);
	uint32_t at = map_get(&sight->by_collection, path);

	if (at != MAP_NONE)
		return &sight->collections[at];
	map_add(&sight->by_collection, path, (uint32_t)sight->n_collections);
	ARENA_GROW(sight->kube->arena, sight->collections, sight->n_collections,
		sight->cap_collections);
	sight->collections[sight->n_collections] = (struct collection){.path = path};
	return &sight->collections[sight->n_collections++];
}

void kube_sight_want(struct kube_sight *sight, const struct kube_object *object, bool ours)
{
	struct collection *collection;
	const char *path;

	if (!object->plural)
		return;
	path = kube_object_path(sight->kube, object, object->name);
	if (!map_add(&sight->by_path, path, (uint32_t)sight->n))
		return;
	collection = collection_of(sight, object);
	collection->n++;
	collection->foreign += !ours;
	ARENA_GROW(sight->kube->arena, sight->items, sight->n, sight->cap);
	sight->items[sight->n++] = (struct wanted){.object = *object, .path = path};
}

/* --- asking ------------------------------------------------------------------------------------- */

static void take(struct kube_sight *sight, const struct collection *collection,
	const struct value *items)
{
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++) {
		const char *name = value_text(value_path(&items->items[i], "metadata.name"), "");
		const char *path = kube_printf(sight->kube, "%s/%s", collection->path,
			http_escape(sight->kube->arena, name, ":"));
		uint32_t at = map_get(&sight->by_path, path);

		if (at == MAP_NONE)
			continue;
		sight->items[at].live = &items->items[i];
		sight->items[at].found = true;
	}
}

/* All pages of a list; 0, or -1 with the reply's status in *status. */
static int list(struct kube_sight *sight, const struct collection *collection,
	const char *selector, long *status, struct error *err)
{
	const char *next = "";

	do {
		struct kube_request request = {.accept = KUBE_METADATA_LIST,
			.path = kube_printf(sight->kube, "%s?limit=%d%s%s%s%s", collection->path, PAGE,
				*selector ? "&labelSelector=" : "", selector, *next ? "&continue=" : "", next)};
		struct kube_reply reply;
		int rc = kube_call(sight->kube, &request, &reply, err);

		*status = reply.status;
		if (rc)
			return -1;
		take(sight, collection, value_get(reply.body, "items"));
		next = http_escape(sight->kube->arena,
			value_text(value_path(reply.body, "metadata.continue"), ""), "");
	} while (*next);
	return 0;
}

static int get_one(struct kube_sight *sight, struct wanted *item, struct error *err)
{
	struct kube_object object = item->object;
	struct kube_reply reply;
	bool there;

	if (kube_object_get(sight->kube, &object, ONE, &reply, &there, err))
		return -1;
	item->live = there ? reply.body : NULL;
	item->found = true;
	return 0;
}

static bool is_in(const struct wanted *item, const struct collection *collection)
{
	size_t len = strlen(collection->path);

	return !strncmp(item->path, collection->path, len) && item->path[len] == '/' &&
	       !strchr(item->path + len + 1, '/');
}

static int look_at(struct kube_sight *sight, struct collection *collection, struct error *err)
{
	bool labelled = !collection->foreign;
	const char *selector = labelled ? http_escape(sight->kube->arena, sight->label, "") : "";
	long status = 0;
	int rc = 0;

	/* A single one is got; so is what may not be listed, and what has lost the label. */
	if (collection->n > 1) {
		rc = list(sight, collection, selector, &status, err);
		if (rc && status != 403 && status != 404 && status != 405)
			return -1;
	}
	for (size_t i = 0; i < sight->n; i++) {
		struct wanted *item = &sight->items[i];

		if (item->found || !is_in(item, collection))
			continue;
		if (collection->n > 1 && !rc && !labelled)
			item->found = true; /* it was not in a list of all */
		else if (get_one(sight, item, err))
			return -1;
	}
	return 0;
}

void kube_sight_look(struct kube_sight *sight)
{
	for (size_t i = 0; i < sight->n_collections; i++) {
		struct error err = ERROR_INIT;

		if (look_at(sight, &sight->collections[i], &err))
			sight->collections[i].problem = arena_strdup(sight->kube->arena, err.msg);
	}
}

int kube_sight_find(const struct kube_sight *sight, const struct kube_object *object,
	const struct value **live, const char **why)
{
	const struct wanted *item;
	uint32_t at;

	*live = NULL;
	if (!object->plural)
		return 0;
	at = map_get(&sight->by_path, kube_object_path(sight->kube, object, object->name));
	if (at == MAP_NONE)
		BUG("%s was not looked at", object->ref);
	item = &sight->items[at];
	if (item->found) {
		*live = item->live;
		return 0;
	}
	at = map_get(&sight->by_collection, kube_object_path(sight->kube, object, NULL));
	*why = sight->collections[at].problem ? sight->collections[at].problem : "it was not listed";
	return -1;
}

/* --- sweeping ----------------------------------------------------------------------------------- */

static void collect(struct kube *kube, const struct kube_kind *kind, const struct value *items,
	const char *address, struct kube_objects *out)
{
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++) {
		const struct value *metadata = value_get(&items->items[i], "metadata");
		struct kube_mark mark = kube_mark(&items->items[i]);
		struct kube_object object = {
			.kind = kind->kind,
			.api_version = *kind->group ? kube_printf(kube, "%s/%s", kind->group, kind->version)
						    : kind->version,
			.name = value_get_text(metadata, "name", ""),
			.namespace = kind->namespaced ? value_get_text(metadata, "namespace", "") : NULL,
			.namespaced = kind->namespaced,
			.plural = kind->plural,
			.uid = value_get_text(metadata, "uid", NULL),
		};

		if (!kube_is_ours(kube, &mark) || (address && strcmp(mark.address, address) != 0))
			continue;
		object.value = &items->items[i];
		object.ref = kube_printf(kube, "%s%s%s/%s%s%s", kind->kind, *kind->group ? "." : "",
			kind->group, kind->namespaced ? object.namespace : "", kind->namespaced ? "/" : "",
			object.name);
		ARENA_GROW(kube->arena, out->items, out->n, out->cap);
		out->items[out->n++] = object;
	}
}

/* Where the whole cluster may not be listed, at least the namespace of the resource. */
static int sweep_kind(struct kube *kube, const struct kube_kind *kind, const char *namespace,
	const char *query, struct kube_reply *reply, struct error *err)
{
	const char *root = *kind->group ? kube_printf(kube, "/apis/%s/%s", kind->group, kind->version)
					: kube_printf(kube, "/api/%s", kind->version);
	struct kube_request request = {.accept = KUBE_METADATA_LIST,
		.path = kube_printf(kube, "%s/%s%s", root, kind->plural, query)};

	if (!kube_call(kube, &request, reply, err))
		return 0;
	if (reply->status != 403 || !kind->namespaced || !namespace)
		return -1;
	request.path = kube_printf(kube, "%s/namespaces/%s/%s%s", root,
		http_escape(kube->arena, namespace, ""), kind->plural, query);
	return kube_call(kube, &request, reply, err);
}

int kube_sweep(struct kube *kube, const char *address, const char *namespace,
	struct kube_objects *out, struct error *err)
{
	const char *query = kube_printf(kube, "?labelSelector=%s",
		http_escape(kube->arena, kube_own_label(kube), ""));

	if (kube_discover(kube, err))
		return -1;
	for (size_t i = 0; i < kube->discovery->n; i++) {
		const struct kube_kind *kind = &kube->discovery->kinds[i];
		struct error own = ERROR_INIT;
		struct kube_reply reply;

		/* Of an object that several groups or versions serve, one is enough. */
		if (!kind->listable || !kind->preferred || !strcmp(kind->group, "events.k8s.io"))
			continue;
		if (!sweep_kind(kube, kind, namespace, query, &reply, &own)) {
			collect(kube, kind, value_get(reply.body, "items"), address, out);
		} else if (reply.status != 403 && reply.status != 404 && reply.status != 405) {
			*err = own;
			return -1;
		}
	}
	return 0;
}
