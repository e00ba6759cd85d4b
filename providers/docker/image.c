/*
 * docker_image: what is managed is that the image is there under its names.
 *
 * An image that was there before is simply used, and stays when it is destroyed here. Built ones bear
 * our mark, but without the intent, so that the same content gives the same image; a name that one of
 * ours at this address has is ours to move. Old builds that nobody uses any more are cleared away by
 * the next build. Everything is updated in place: the containers on the old image go afterwards.
 */
#include "providers/docker/auth.h"
#include "providers/docker/build.h"
#include "providers/docker/image.h"

#include <string.h>

/* The default was chosen when it was first built, and stays whatever the project is called now. */
static const char *default_name(struct docker *docker, const char *address,
	struct record *record)
{
	const struct value *inputs = record ? record_inputs(record, NULL) : NULL;
	const struct value *tags = value_get(inputs, "tags");
	const char *name = record ? image_recorded_name(record) : "";

	if (value_get(inputs, "build") && (!tags || !tags->len) && *name)
		return name;
	return arena_printf(docker->arena, "%s:latest", docker_default_name(docker, address, 1));
}

struct image_wish image_wish(struct docker *docker, const struct value *inputs,
	const char *address, struct record *record)
{
	const struct value *tags = value_get(inputs, "tags");
	uint32_t n = tags && tags->kind == VALUE_LIST ? tags->len : 0;
	const char **names = arena_zalloc(docker->arena, (n + 2) * sizeof(*names));
	struct image_wish wish = {
		.inputs = inputs,
		.pull = value_get_text(inputs, "image", NULL),
		.load = value_get_text(inputs, "load", NULL),
		.build = value_get(inputs, "build") != NULL,
		.tags = names,
	};

	for (uint32_t i = 0, k = 0; i < n; i++)
		if (value_text(&tags->items[i], NULL)) /* one that is not known yet is left out */
			names[k++] = value_text(&tags->items[i], "");
	if (!n && wish.build && (!tags || tags->kind != VALUE_UNKNOWN))
		names[0] = default_name(docker, address, record);
	return wish;
}

struct image_wish image_recorded_wish(struct docker *docker, struct record *record)
{
	return image_wish(docker, record_inputs(record, NULL), record->address, record);
}

/* As RepoTags has it: with a tag, and Docker Hub unnamed. */
static const char *short_name(struct arena *arena, const char *name)
{
	struct image_reference parts;

	if (image_reference_parse(arena, name, &parts, NULL) || !parts.tag)
		return name;
	if (!strncmp(parts.repository, "docker.io/", 10))
		parts.repository += 10;
	if (!strncmp(parts.repository, "library/", 8))
		parts.repository += 8;
	return arena_printf(arena, "%s:%s", parts.repository, parts.tag);
}

static bool has_name(struct docker *docker, const struct value *image, const char *name)
{
	const struct value *tags = value_get(image, "RepoTags");
	const char *wanted = short_name(docker->arena, name);

	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++)
		if (!strcmp(short_name(docker->arena, value_text(&tags->items[i], "")), wanted))
			return true;
	return false;
}

/* NULL in *image: there is none. */
int image_find(struct docker *docker, const char *reference, const struct value **image,
	struct error *err)
{
	struct error own = ERROR_INIT;

	*image = NULL;
	if (!docker_image_inspect(docker, reference, image, &own) || own.code == ERROR_NOT_FOUND)
		return 0;
	*err = own;
	return -1;
}

const char *image_id(const struct value *image)
{
	return value_get_text(image, "Id", "");
}

const struct value *image_labels(const struct value *image)
{
	return value_path(image, "Config.Labels");
}

const char *image_content(const struct value *image)
{
	return value_get_text(image_labels(image), DOCKER_LABEL_CONTENT, "");
}

/* --- what it is, in one normal form ------------------------------------------------------------- */

const struct value *image_attributes(struct docker *docker, const struct value *image,
	const struct image_wish *wish)
{
	struct value_builder map, tags;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_init(&tags, docker->arena);
	if (wish->build)
		builder_put_str(&map, "build", image_content(image));
	else
		builder_put_str(&map, wish->load ? "load" : "image", image_id(image));
	for (const char *const *tag = wish->tags; *tag; tag++)
		if (has_name(docker, image, *tag))
			builder_push(&tags, value_str(docker->arena, *tag));
	builder_put(&map, "tags", builder_list(&tags));
	*out = builder_map(&map);
	return out;
}

const struct value *image_outputs(struct docker *docker, const struct value *image,
	const char *name, bool pulled)
{
	const struct value *digest = value_path(image, "RepoDigests[0]");
	struct value_builder map;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_put_str(&map, "id", image_id(image));
	builder_put_str(&map, "name", name);
	builder_put_str(&map, "digest", value_text(digest, ""));
	builder_put_bool(&map, "pulled", pulled);
	*out = builder_map(&map);
	return out;
}

bool image_has_all(struct docker *docker, const struct value *image, const struct image_wish *wish)
{
	for (const char *const *tag = wish->tags; *tag; tag++)
		if (!has_name(docker, image, *tag))
			return false;
	return true;
}

/* --- observe ------------------------------------------------------------------------------------ */

bool image_was_pulled(struct record *record)
{
	return record && value_get_bool(record_outputs(record, NULL), "pulled", false);
}

const char *image_recorded_name(struct record *record)
{
	return value_get_text(record_outputs(record, NULL), "name", "");
}

/* A build with the same content, arguments and names is already what is wanted. */
static bool is_as_desired(struct docker *docker, const struct observation *item,
	const struct value *image)
{
	const char *content = value_text(value_path(item->desired, "$digests.content"), NULL);
	struct image_wish wish;

	if (!content || !value_is_known(item->desired))
		return false;
	wish = image_wish(docker, item->desired, item->address, item->record);
	return wish.build && !strcmp(content, image_content(image)) && image_has_all(docker, image, &wish) &&
	       !strcmp(wish.tags[0], image_recorded_name(item->record));
}

static int observe_recorded(struct docker *docker, struct observation *item, struct error *err)
{
	struct record *record = item->record;
	const char *name = image_recorded_name(record);
	const struct value *image = NULL;
	struct image_wish wish;

	if (*name && image_find(docker, name, &image, err))
		return -1;
	/* Its name was taken away, but it is there? */
	if (!image && record->id && image_find(docker, record->id, &image, err))
		return -1;
	if (!image) {
		item->presence = PRESENCE_ABSENT;
		return 0;
	}
	wish = image_recorded_wish(docker, record);
	docker_describe(docker, item, image_id(image), image_labels(image));
	item->attributes = image_attributes(docker, image, &wish);
	item->outputs = image_outputs(docker, image, name,
		image_was_pulled(record));
	item->matches = item->desired && is_as_desired(docker, item, image);
	return 0;
}

/* Only a name that somebody else's image has is in the way. */
static int observe_new(struct docker *docker, struct observation *item, struct error *err)
{
	struct image_wish wish = image_wish(docker, item->desired, item->address, NULL);
	const struct value *image;

	item->presence = PRESENCE_ABSENT;
	for (const char *const *tag = wish.tags; *tag && wish.build; tag++) {
		if (image_find(docker, *tag, &image, err))
			return -1;
		if (!image || docker_owner(docker, image_labels(image), item->address,
				      &item->message) == OWNER_US)
			continue;
		docker_describe(docker, item, image_id(image), image_labels(image));
		return 0;
	}
	item->message = NULL;
	return 0;
}

/* A build whose run died, and that nobody wants any more. */
static void observe_orphan(struct docker *docker, struct observation *item,
	const struct value *ours)
{
	item->presence = PRESENCE_ABSENT;
	for (uint32_t i = 0; ours->kind == VALUE_LIST && i < ours->len; i++) {
		const struct value *labels = value_get(&ours->items[i], "Labels");
		struct docker_mark mark = docker_mark(labels);

		if (docker_is_ours(docker, &mark) && !strcmp(mark.address, item->address)) {
			docker_describe(docker, item, image_id(&ours->items[i]), labels);
			item->mark_intent = item->intent ? item->intent->id : NULL;
			return;
		}
	}
}

static void find_strays(struct docker *docker, struct docker_observe *observe,
	const struct value *ours)
{
	for (uint32_t i = 0; ours->kind == VALUE_LIST && i < ours->len; i++) {
		const struct value *image = &ours->items[i];
		struct docker_mark mark = docker_mark(value_get(image, "Labels"));
		bool known = false;

		for (size_t k = 0; k < observe->n && mark.address; k++) {
			const struct observation *item = observe->items[k];

			known |= !strcmp(item->address, mark.address) ||
				 (item->record && item->record->id &&
					 !strcmp(item->record->id, image_id(image)));
		}
		if (!known)
			docker_stray(docker, observe, "docker_image", &mark, image_id(image),
				value_text(value_path(image, "RepoTags[0]"), NULL));
	}
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct docker_reply ours;
	int rc = 0;

	if (!observe->n) /* the one list that costs: 10 ms on newer engines */
		return 0;
	if (docker_list_ours(docker, "/images/json", &ours, err))
		return -1;
	for (size_t i = 0; i < observe->n && !rc; i++) {
		struct observation *item = observe->items[i];

		if (item->record)
			rc = observe_recorded(docker, item, err);
		else if (item->desired)
			rc = observe_new(docker, item, err);
		else
			observe_orphan(docker, item, ours.body);
	}
	find_strays(docker, observe, ours.body);
	return rc;
}

/* --- the rest ----------------------------------------------------------------------------------- */

static int import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	const struct image_wish wish = {.pull = id, .tags = (const char *const[]){NULL}};
	const struct value *image;

	out->type = type;
	if (docker_image_inspect(docker, id, &image, err))
		return -1;
	docker_describe(docker, out, image_id(image), image_labels(image));
	out->attributes = image_attributes(docker, image, &wish);
	out->outputs = image_outputs(docker, image, id, false);
	return 0;
}

static int digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	(void)type, (void)parsed;
	return value_get(inputs, "build") ? build_digest(inputs, project_root, out, err) : 0;
}

static void validate_reference(const struct value *reference, struct diags *diags)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct image_reference parts;

	if (reference && reference->kind == VALUE_STRING && !(reference->flags & VALUE_TEMPLATE) &&
		image_reference_parse(&arena, reference->text, &parts, &err))
		diag_error(diags, value_pos(reference), "%s", err.msg);
	arena_release(&arena);
}

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct value *attributes = resource->attributes, *tags = value_get(attributes, "tags");
	const struct value *keys[] = {value_get(attributes, "pull"), value_get(attributes, "load")};

	docker_validate_labels(value_get(attributes, "build"), diags);
	validate_reference(value_get(attributes, "image"), diags);
	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++)
		validate_reference(&tags->items[i], diags);
	if (keys[0] && !value_get(attributes, "image")) {
		diag_error(diags, value_pos(keys[0]), "pull is for `image` only");
		diag_hint(diags, "build has a `pull` of its own, for base images");
	}
	if (keys[1] && value_get(attributes, "platform"))
		diag_error(diags, value_pos(keys[1]), "an archive has its platform: leave `platform` out");
}

/* A name can be that of one image only. What is pulled may be pulled by several. */
static void claims(const struct type *type, const struct value *inputs,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *tags = value_get(inputs, "tags");
	struct arena arena = ARENA_INIT;

	(void)type;
	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++) {
		const char *tag = value_text(&tags->items[i], NULL);

		if (tag && !(tags->items[i].flags & VALUE_TEMPLATE))
			claim(arg, arena_printf(&arena, "the image name %s", short_name(&arena, tag)));
	}
	arena_release(&arena);
}

const struct docker_type docker_type_image = {
	.name = "docker_image",
	.validate = validate,
	.claims = claims,
	.digest = digest,
	.observe = observe,
	.apply = image_apply,
	.destroy = image_destroy,
	.import = import,
};
