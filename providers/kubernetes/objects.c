/*
 * Objects as values: what makes one, how it is named, where it is on the cluster, and the inventory in
 * the record. An inventory is enough to find and destroy everything when the manifest is gone.
 */
#include "providers/kubernetes/objects.h"

#include "base/hash.h"
#include "base/map.h"

#include <string.h>

bool kube_is_secret(const struct value *object)
{
	return !strcmp(value_get_text(object, "kind", ""), "Secret") &&
	       !strcmp(value_get_text(object, "apiVersion", ""), "v1");
}

static struct value conceal_map(struct arena *arena, const struct value *map)
{
	struct value_builder out;

	if (map->kind != VALUE_MAP)
		return value_sensitive(*map);
	builder_init(&out, arena);
	for (uint32_t i = 0; i < map->len; i++)
		builder_put(&out, map->members[i].key, value_sensitive(map->members[i].value));
	return builder_map(&out);
}

bool kube_has_secret(const struct value *objects)
{
	const struct value *items = value_get(objects, "items");
	bool found = objects->kind == VALUE_MAP && kube_is_secret(objects);

	for (uint32_t i = 0; objects->kind == VALUE_LIST && i < objects->len; i++)
		found = found || kube_has_secret(&objects->items[i]);
	return found || (items && items->kind == VALUE_LIST && kube_has_secret(items));
}

static struct value conceal_secret(struct arena *arena, const struct value *secret)
{
	struct value_builder out;

	builder_init(&out, arena);
	for (uint32_t i = 0; i < secret->len; i++) {
		const struct member *member = &secret->members[i];
		bool hidden = !strcmp(member->key, "data") || !strcmp(member->key, "stringData");

		builder_put(&out, member->key,
			hidden ? conceal_map(arena, &member->value) : member->value);
	}
	return builder_map(&out);
}

struct value kube_conceal(struct arena *arena, const struct value *objects)
{
	struct value_builder out;

	if (!kube_has_secret(objects))
		return *objects;
	if (objects->kind == VALUE_MAP && kube_is_secret(objects))
		return conceal_secret(arena, objects);
	builder_init(&out, arena);
	for (uint32_t i = 0; objects->kind == VALUE_LIST && i < objects->len; i++)
		builder_push(&out, kube_conceal(arena, &objects->items[i]));
	if (objects->kind == VALUE_LIST)
		return builder_list(&out);
	for (uint32_t i = 0; i < objects->len; i++) /* a List */
		builder_put(&out, objects->members[i].key, strcmp(objects->members[i].key, "items") != 0
			? objects->members[i].value : kube_conceal(arena, &objects->members[i].value));
	return builder_map(&out);
}

static struct value base64(struct arena *arena, const struct value *value)
{
	const char *text = value_text(value, "");
	size_t len = value->kind == VALUE_STRING ? value->len : strlen(text);
	size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *out = arena_alloc(arena, room);

	sodium_bin2base64(out, room, (const unsigned char *)text, len, sodium_base64_VARIANT_ORIGINAL);
	return value_sensitive(value_str(arena, out));
}

struct value kube_plain_secret(struct arena *arena, const struct value *secret)
{
	const struct value *texts = value_get(secret, "stringData"), *data = value_get(secret, "data");
	struct value_builder out, all;

	if (!texts || texts->kind != VALUE_MAP)
		return *secret;
	builder_init(&out, arena);
	builder_init(&all, arena);
	for (uint32_t i = 0; i < secret->len; i++)
		if (strcmp(secret->members[i].key, "stringData") != 0 &&
			strcmp(secret->members[i].key, "data") != 0)
			builder_put(&out, secret->members[i].key, secret->members[i].value);
	for (uint32_t i = 0; data && data->kind == VALUE_MAP && i < data->len; i++)
		if (!value_get(texts, data->members[i].key))
			builder_put(&all, data->members[i].key, data->members[i].value);
	for (uint32_t i = 0; i < texts->len; i++)
		builder_put(&all, texts->members[i].key, base64(arena, &texts->members[i].value));
	builder_put(&out, "data", builder_map(&all));
	return builder_map(&out);
}

/* --- JSON pointers ------------------------------------------------------------------------------ */

/* One step of a pointer, "~1" for "/" and "~0" for "~"; *pointer moves behind it. */
static const char *pointer_step(struct arena *arena, const char **pointer)
{
	size_t len = strcspn(*pointer + 1, "/"), n = 0;
	char *step = arena_strndup(arena, *pointer + 1, len);

	for (size_t i = 0; i < len; i++) {
		if (step[i] == '~' && (step[i + 1] == '0' || step[i + 1] == '1'))
			step[n++] = step[++i] == '0' ? '~' : '/';
		else
			step[n++] = step[i];
	}
	step[n] = '\0';
	*pointer += len + 1;
	return step;
}

struct value kube_without(struct arena *arena, const struct value *value, const char *pointer)
{
	struct value_builder out;
	const char *step;
	uint32_t at = 0;

	if (*pointer != '/' || (value->kind != VALUE_MAP && value->kind != VALUE_LIST))
		return *value;
	step = pointer_step(arena, &pointer);
	builder_init(&out, arena);
	for (uint32_t i = 0; value->kind == VALUE_MAP && i < value->len; i++) {
		const struct member *member = &value->members[i];

		if (strcmp(member->key, step) != 0)
			builder_put(&out, member->key, member->value);
		else if (*pointer)
			builder_put(&out, member->key, kube_without(arena, &member->value, pointer));
	}
	if (value->kind == VALUE_MAP)
		return builder_map(&out);
	while (*step >= '0' && *step <= '9')
		at = at * 10 + (uint32_t)(*step++ - '0');
	for (uint32_t i = 0; i < value->len; i++) {
		if (i != at || *step)
			builder_push(&out, value->items[i]);
		else if (*pointer)
			builder_push(&out, kube_without(arena, &value->items[i], pointer));
	}
	return builder_list(&out);
}

/* --- naming and placing ------------------------------------------------------------------------- */

const char *kube_object_group(struct arena *arena, const char *api_version)
{
	const char *slash = strchr(api_version, '/');

	return slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";
}

static const char *ref_of(struct arena *arena, const struct kube_object *object)
{
	const char *group = kube_object_group(arena, object->api_version);

	return arena_printf(arena, "%s%s%s/%s%s%s", object->kind, *group ? "." : "", group,
		object->namespaced ? object->namespace : "", object->namespaced ? "/" : "", object->name);
}

int kube_object_place(struct kube *kube, struct kube_object *object, const char *namespace,
	struct error *err)
{
	const struct kube_kind *kind;

	if (kube_kind_find(kube, object->api_version, object->kind, &kind, err))
		return -1;
	object->plural = kind ? kind->plural : NULL;
	object->namespaced = kind ? kind->namespaced : object->namespace != NULL;
	if (!object->namespaced)
		object->namespace = NULL;
	else if (!object->namespace)
		object->namespace = namespace;
	object->ref = ref_of(kube->arena, object);
	return 0;
}

void kube_object_keep(struct arena *arena, struct kube_object *object)
{
	const char **const texts[] = {&object->api_version, &object->namespace, &object->plural,
		&object->ref, &object->uid, &object->version, &object->state};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = *texts[i] ? arena_strdup(arena, *texts[i]) : NULL;
}

const char *kube_object_path(struct kube *kube, const struct kube_object *object,
	const char *name)
{
	bool core = !strchr(object->api_version, '/');

	return kube_printf(kube, "%s%s%s%s/%s%s%s", core ? "/api/" : "/apis/", object->api_version,
		object->namespaced ? "/namespaces/" : "",
		object->namespaced ? http_escape(kube->arena, object->namespace, "") : "",
		object->plural, name ? "/" : "", name ? http_escape(kube->arena, name, ":") : "");
}

/* The same kind in a version that is served; false: there is none. */
static bool find_version(struct kube *kube, struct kube_object *object)
{
	const char *group = kube_object_group(kube->arena, object->api_version);
	const struct kube_kind *found = NULL;

	if (kube_discover(kube, NULL))
		return false;
	for (size_t i = 0; i < kube->discovery->n; i++) {
		const struct kube_kind *kind = &kube->discovery->kinds[i];

		if (!strcmp(kind->group, group) && !strcmp(kind->kind, object->kind) &&
			(!found || kind->preferred))
			found = kind;
	}
	if (!found || !strcmp(found->version, object->api_version + (*group ? strlen(group) + 1 : 0)))
		return false;
	object->api_version = *group ? kube_printf(kube, "%s/%s", group, found->version)
				     : found->version;
	object->plural = found->plural;
	return true;
}

int kube_object_get(struct kube *kube, struct kube_object *object, const char *accept,
	struct kube_reply *reply, bool *there, struct error *err)
{
	for (;;) {
		struct kube_request request = {.accept = accept,
			.path = kube_object_path(kube, object, object->name)};
		struct error own = ERROR_INIT;

		*there = !kube_call(kube, &request, reply, &own);
		if (*there)
			return 0;
		if (own.code != ERROR_NOT_FOUND) {
			*err = own;
			return -1;
		}
		/* That an object is missing is told with its name; else the path itself is. */
		if (value_path(reply->body, "details.name") || !find_version(kube, object))
			return 0;
	}
}

struct kube_object *kube_objects_find(const struct kube_objects *objects, const char *ref)
{
	for (size_t i = 0; i < objects->n; i++)
		if (objects->items[i].ref && !strcmp(objects->items[i].ref, ref))
			return &objects->items[i];
	return NULL;
}

/* --- inventory ---------------------------------------------------------------------------------- */

struct value kube_inventory_write(struct arena *arena, const struct kube_objects *objects)
{
	struct value_builder list;

	builder_init(&list, arena);
	for (size_t i = 0; i < objects->n; i++) {
		const struct kube_object *object = &objects->items[i];
		struct value_builder entry;

		if (!object->uid)
			continue;
		builder_init(&entry, arena);
		builder_put_str(&entry, "apiVersion", object->api_version);
		builder_put_str(&entry, "kind", object->kind);
		if (object->namespaced)
			builder_put_str(&entry, "namespace", object->namespace);
		builder_put_str(&entry, "name", object->name);
		builder_put_str(&entry, "resource", object->plural);
		builder_put_str(&entry, "uid", object->uid);
		if (object->version)
			builder_put_str(&entry, "version", object->version);
		if (object->digest) { /* of a secret, a bare hash would tell whether a guess is right */
			struct value digest = value_str(arena, object->digest);

			builder_put(&entry, "digest", object->sensitive ? value_sensitive(digest) : digest);
		}
		builder_push(&list, builder_map(&entry));
	}
	return builder_list(&list);
}

const char *kube_revision(struct arena *arena, const struct kube_objects *objects)
{
	struct hasher hasher;
	struct hash hash;
	char hex[HASH_HEX];

	hasher_init(&hasher);
	for (size_t i = 0; i < objects->n; i++) {
		const struct kube_object *object = &objects->items[i];

		if (!object->uid)
			continue;
		hasher_add_str(&hasher, object->uid, strlen(object->uid));
		if (object->version)
			hasher_add_str(&hasher, object->version, strlen(object->version));
	}
	hasher_finish(&hasher, &hash);
	return arena_printf(arena, "%.16s", hash_hex(&hash, hex));
}

void kube_inventory_read(struct arena *arena, const struct value *outputs,
	struct kube_objects *out)
{
	const struct value *list = value_get(outputs, "objects");
	struct map known = MAP_INIT;

	for (size_t i = 0; i < out->n; i++)
		map_add(&known, out->items[i].ref, 0);
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *entry = &list->items[i], *digest = value_get(entry, "digest");
		struct kube_object object = {
			.api_version = value_get_text(entry, "apiVersion", ""),
			.kind = value_get_text(entry, "kind", ""),
			.namespace = value_get_text(entry, "namespace", NULL),
			.name = value_get_text(entry, "name", ""),
			.plural = value_get_text(entry, "resource", ""),
			.uid = value_get_text(entry, "uid", NULL),
			.version = value_get_text(entry, "version", NULL),
			.digest = value_text(digest, NULL),
			.sensitive = digest && digest->flags & VALUE_SENSITIVE,
		};

		object.namespaced = object.namespace != NULL;
		object.ref = ref_of(arena, &object);
		if (!map_add(&known, object.ref, 0))
			continue; /* of two lists that were put together */
		ARENA_GROW(arena, out->items, out->n, out->cap);
		out->items[out->n++] = object;
	}
	map_release(&known);
}
