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

#include <string.h>

/* The resource in terms of images. */
struct wish {
	const struct value *inputs; /* a map */
	const char *pull, *load;    /* reference, path; NULL: not that way */
	bool build;
	const char *const *tags;    /* NULL-terminated */
};

static struct wish wish_of(struct docker *docker, const struct value *inputs, const char *address,
	int generation)
{
	const struct value *tags = value_get(inputs, "tags");
	uint32_t n = tags && tags->kind == VALUE_LIST ? tags->len : 0;
	const char **names = arena_zalloc(docker->arena, (n + 2) * sizeof(*names));
	struct wish wish = {
		.inputs = inputs,
		.pull = value_get_text(inputs, "image", NULL),
		.load = value_get_text(inputs, "load", NULL),
		.build = value_get(inputs, "build") != NULL,
		.tags = names,
	};

	for (uint32_t i = 0; i < n; i++)
		names[i] = value_text(&tags->items[i], "");
	if (!n && wish.build)
		names[0] = arena_printf(docker->arena, "%s:latest",
			docker_default_name(docker, address, generation));
	return wish;
}

/* As RepoTags has it: with a tag, and Docker Hub unnamed. */
static const char *short_name(struct docker *docker, const char *name)
{
	struct image_reference parts;

	if (image_reference_parse(docker->arena, name, &parts, NULL) || !parts.tag)
		return name;
	if (!strncmp(parts.repository, "docker.io/", 10))
		parts.repository += 10;
	if (!strncmp(parts.repository, "library/", 8))
		parts.repository += 8;
	return arena_printf(docker->arena, "%s:%s", parts.repository, parts.tag);
}

static bool has_name(struct docker *docker, const struct value *image, const char *name)
{
	const struct value *tags = value_get(image, "RepoTags");
	const char *wanted = short_name(docker, name);

	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++)
		if (!strcmp(short_name(docker, value_text(&tags->items[i], "")), wanted))
			return true;
	return false;
}

/* NULL in *image: there is none. */
static int find_image(struct docker *docker, const char *reference, const struct value **image,
	struct error *err)
{
	struct error own = ERROR_INIT;

	*image = NULL;
	if (!docker_image_inspect(docker, reference, image, &own) || own.code == ERROR_NOT_FOUND)
		return 0;
	*err = own;
	return -1;
}

static const char *id_of(const struct value *image)
{
	return value_get_text(image, "Id", "");
}

static const char *content_of(const struct value *image)
{
	return value_get_text(value_path(image, "Config.Labels"), DOCKER_LABEL_CONTENT, "");
}

/* --- what it is, in one normal form ------------------------------------------------------------- */

static const struct value *attributes_of(struct docker *docker, const struct value *image,
	const struct wish *wish)
{
	struct value_builder map, tags;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_init(&tags, docker->arena);
	if (wish->build)
		builder_put_str(&map, "build", content_of(image));
	else
		builder_put_str(&map, wish->load ? "load" : "image", id_of(image));
	for (const char *const *tag = wish->tags; *tag; tag++)
		if (has_name(docker, image, *tag))
			builder_push(&tags, value_str(docker->arena, *tag));
	builder_put(&map, "tags", builder_list(&tags));
	*out = builder_map(&map);
	return out;
}

static const struct value *outputs_of(struct docker *docker, const struct value *image,
	const char *name, bool pulled)
{
	const struct value *digest = value_path(image, "RepoDigests[0]");
	struct value_builder map;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_put_str(&map, "id", id_of(image));
	builder_put_str(&map, "name", name);
	builder_put_str(&map, "digest", value_text(digest, ""));
	builder_put_bool(&map, "pulled", pulled);
	*out = builder_map(&map);
	return out;
}

static bool has_all(struct docker *docker, const struct value *image, const struct wish *wish)
{
	for (const char *const *tag = wish->tags; *tag; tag++)
		if (!has_name(docker, image, *tag))
			return false;
	return true;
}

/* --- observe ------------------------------------------------------------------------------------ */

static const char *recorded_name(struct record *record)
{
	return value_get_text(record_outputs(record, NULL), "name", "");
}

/* A build with the same content, arguments and names is already what is wanted. */
static bool is_as_desired(struct docker *docker, const struct observation *item,
	const struct value *image)
{
	const char *content = value_text(value_path(item->desired, "$digests.content"), NULL);
	struct wish wish;

	if (!content || !value_is_known(item->desired))
		return false;
	wish = wish_of(docker, item->desired, item->address, item->record->generation);
	return wish.build && !strcmp(content, content_of(image)) && has_all(docker, image, &wish) &&
	       !strcmp(wish.tags[0], recorded_name(item->record));
}

static int observe_recorded(struct docker *docker, struct observation *item, struct error *err)
{
	struct record *record = item->record;
	const char *name = recorded_name(record);
	const struct value *image = NULL;
	struct wish wish;

	if (*name && find_image(docker, name, &image, err))
		return -1;
	/* Its name was taken away, but it is there? */
	if (!image && record->id && find_image(docker, record->id, &image, err))
		return -1;
	if (!image) {
		item->presence = PRESENCE_ABSENT;
		return 0;
	}
	wish = wish_of(docker, record_inputs(record, NULL), record->address, record->generation);
	docker_describe(docker, item, id_of(image), value_path(image, "Config.Labels"));
	item->attributes = attributes_of(docker, image, &wish);
	item->outputs = outputs_of(docker, image, name,
		value_get_bool(record_outputs(record, NULL), "pulled", false));
	item->matches = item->desired && is_as_desired(docker, item, image);
	return 0;
}

/* Only a name that somebody else's image has is in the way. */
static int observe_new(struct docker *docker, struct observation *item, struct error *err)
{
	struct wish wish = wish_of(docker, item->desired, item->address, 1);
	const struct value *image;

	item->presence = PRESENCE_ABSENT;
	for (const char *const *tag = wish.tags; *tag && wish.build; tag++) {
		if (find_image(docker, *tag, &image, err))
			return -1;
		if (!image || docker_owner(docker, value_path(image, "Config.Labels"), item->address,
				      &item->message) == OWNER_US)
			continue;
		docker_describe(docker, item, id_of(image), value_path(image, "Config.Labels"));
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
			docker_describe(docker, item, id_of(&ours->items[i]), labels);
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
					 !strcmp(item->record->id, id_of(image)));
		}
		if (!known)
			docker_stray(docker, observe, "docker_image", &mark, id_of(image),
				value_text(value_path(image, "RepoTags[0]"), NULL));
	}
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct docker_reply ours;
	int rc = 0;

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

/* --- apply -------------------------------------------------------------------------------------- */

/* What an apply works out. */
struct making {
	const struct request *request;
	struct wish wish;
	const struct value *image;
	const char *name;
	bool pulled;
};

static bool was_pulled(const struct request *request)
{
	return request->record &&
	       value_get_bool(record_outputs(request->record, NULL), "pulled", false);
}

static int make_pulled(struct docker *docker, struct making *making, struct error *err)
{
	const struct value *inputs = making->wish.inputs, *before;
	bool always = !strcmp(value_get_text(inputs, "pull", "missing"), "always");
	const char *reference = making->wish.pull;
	bool same_name;

	if (find_image(docker, reference, &before, err))
		return -1;
	making->name = reference;
	making->image = before;
	same_name = making->request->record &&
		    !strcmp(recorded_name(making->request->record), reference);
	making->pulled = same_name && was_pulled(making->request);
	if (before && !always)
		return 0;
	if (docker_pull(docker, reference, value_get_text(inputs, "platform", NULL), err))
		return -1;
	making->pulled |= !before;
	return docker_image_inspect(docker, reference, &making->image, err);
}

/* May each name be taken? By us, from an old build of ours or from the image that is recorded. */
static int check_names(struct docker *docker, const struct making *making, struct error *err)
{
	const struct record *record = making->request->record;
	const struct value *image;
	const char *message;

	if (value_get_bool(making->wish.inputs, "adopt", false))
		return 0;
	for (const char *const *tag = making->wish.tags; *tag; tag++) {
		if (find_image(docker, *tag, &image, err))
			return -1;
		if (!image || (record && record->id && !strcmp(record->id, id_of(image))) ||
			docker_owner(docker, value_path(image, "Config.Labels"), making->request->address,
				&message) == OWNER_US)
			continue;
		return error_set(err, ERROR_CONFLICT,
			"another image has the name '%s' (%.19s): choose another tag, or set adopt: true",
			*tag, id_of(image));
	}
	return 0;
}

/* An earlier try of this, or a run that died, may have built it already. */
static int find_built(struct docker *docker, struct making *making, const struct value **image,
	struct error *err)
{
	const struct value *build = value_get(making->wish.inputs, "build");
	char hex[HASH_HEX];
	struct hash hash;

	*image = NULL;
	if (value_get_bool(build, "noCache", false) || value_get_bool(build, "pull", false))
		return 0;
	if (build_digest(making->wish.inputs, docker->env->project_root, &hash, err) ||
		find_image(docker, making->wish.tags[0], image, err))
		return -1;
	if (*image && (strcmp(content_of(*image), hash_hex(&hash, hex)) != 0 ||
			      !has_all(docker, *image, &making->wish)))
		*image = NULL;
	return 0;
}

static int make_built(struct docker *docker, struct making *making, struct outcome *outcome,
	struct error *err)
{
	struct build build = {
		.inputs = making->wish.inputs,
		.address = making->request->address,
		.generation = making->request->generation,
		.tags = making->wish.tags,
	};
	int rc;

	making->name = making->wish.tags[0];
	if (check_names(docker, making, err) || find_built(docker, making, &making->image, err))
		return -1;
	if (making->image)
		return 0;
	rc = build_image(docker, &build, err);
	outcome->output = build.output;
	return rc ? rc : docker_image_inspect(docker, making->name, &making->image, err);
}

static bool is_listed(const struct value *images, const char *id)
{
	for (uint32_t i = 0; images->kind == VALUE_LIST && i < images->len; i++)
		if (!strcmp(id_of(&images->items[i]), id))
			return true;
	return false;
}

static int make_loaded(struct docker *docker, struct making *making, struct error *err)
{
	const char *path = provider_path(docker->env, making->wish.load), *reference;
	struct docker_reply before;

	if (check_names(docker, making, err) || docker_get(docker, "/images/json", &before, err) ||
		load_image(docker, path, &reference, err) ||
		docker_image_inspect(docker, reference, &making->image, err))
		return -1;
	making->name = making->wish.tags[0] ? making->wish.tags[0] : reference;
	making->pulled = !is_listed(before.body, id_of(making->image)) || was_pulled(making->request);
	return 0;
}

static int add_names(struct docker *docker, struct making *making, struct error *err)
{
	bool take = value_get_bool(making->wish.inputs, "adopt", false);

	for (const char *const *tag = making->wish.tags; *tag; tag++) {
		/* Of an update: check_names has let pass what the record's image has. */
		if (tag_image(docker, id_of(making->image), *tag, making->request->address,
				take || making->request->act == ACT_UPDATE, err))
			return -1;
	}
	return 0;
}

/* In use, or gone meanwhile: no reason to fail, but a person may want to know. */
static void remove_quietly(struct docker *docker, const char *reference)
{
	struct error err = ERROR_INIT;

	if (docker_call(docker, "DELETE", docker_path(docker, "/images/%s",
			http_escape(docker->arena, reference, "/:@")), NULL, NULL, &err) &&
		err.code != ERROR_NOT_FOUND)
		provider_progress(docker->env, "%s stays: %s", reference, err.msg);
}

/* A name that the record had and that is not wanted any more, if it still is that image's. */
static void drop_name(struct docker *docker, const char *name, const char *id)
{
	const struct value *image;
	struct error err = ERROR_INIT;

	if (*name && id && !find_image(docker, name, &image, &err) && image &&
		!strcmp(id_of(image), id))
		remove_quietly(docker, name);
}

static bool is_wanted(const struct making *making, const char *name)
{
	for (const char *const *tag = making->wish.tags; *tag; tag++)
		if (!strcmp(*tag, name))
			return true;
	return !strcmp(making->name, name);
}

static void drop_old_names(struct docker *docker, const struct making *making)
{
	struct record *record = making->request->record;
	struct wish old;

	if (!record || value_get_bool(record_inputs(record, NULL), "keep", false))
		return;
	old = wish_of(docker, record_inputs(record, NULL), record->address, record->generation);
	for (const char *const *tag = old.tags; *tag; tag++)
		if (!is_wanted(making, *tag))
			drop_name(docker, *tag, record->id);
	if (old.pull && was_pulled(making->request) && !is_wanted(making, old.pull))
		drop_name(docker, old.pull, record->id);
}

/* Builds of this address other than `keep` (NULL: none is kept). What containers use stays. */
static void clear_builds(struct docker *docker, const char *address, const char *keep)
{
	struct docker_reply ours;

	if (docker_list_ours(docker, "/images/json", &ours, NULL))
		return;
	for (uint32_t i = 0; ours.body->kind == VALUE_LIST && i < ours.body->len; i++) {
		const struct value *image = &ours.body->items[i];
		struct docker_mark mark = docker_mark(value_get(image, "Labels"));
		const struct value *tags = value_get(image, "RepoTags");
		const char *first = value_text(value_path(image, "RepoTags[0]"), "<none>:<none>");

		if (!docker_is_ours(docker, &mark) || strcmp(mark.address, address) != 0 ||
			(keep && !strcmp(keep, id_of(image))))
			continue;
		/* One that somebody gave a name to is wanted. */
		if (!tags || tags->kind != VALUE_LIST || !tags->len || !strcmp(first, "<none>:<none>"))
			docker_call(docker, "DELETE", docker_path(docker, "/images/%s", id_of(image)), NULL,
				NULL, NULL);
	}
}

static int make(struct docker *docker, struct making *making, struct outcome *outcome,
	struct error *err)
{
	if (making->wish.build)
		return make_built(docker, making, outcome, err);
	if (making->wish.load ? make_loaded(docker, making, err) : make_pulled(docker, making, err))
		return -1;
	/* From here on it is there, whatever happens to its names. */
	outcome->exists = true;
	outcome->id = id_of(making->image);
	return add_names(docker, making, err);
}

static int apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct making making = {.request = request, .name = ""};

	if (request->act == ACT_START || request->act == ACT_STOP)
		return error_set(err, ERROR_INVALID, "an image cannot be started or stopped");
	making.wish = wish_of(docker, request->inputs, request->address, request->generation);
	if (make(docker, &making, outcome, err))
		return -1;
	outcome->exists = true;
	outcome->id = id_of(making.image);
	/* Once more: the names have come since. */
	if (docker_image_inspect(docker, outcome->id, &making.image, err))
		return -1;
	outcome->outputs = outputs_of(docker, making.image, making.name, making.pulled);
	outcome->observed = attributes_of(docker, making.image, &making.wish);
	drop_old_names(docker, &making);
	if (making.wish.build)
		clear_builds(docker, request->address, outcome->id);
	return 0;
}

/* --- destroy ------------------------------------------------------------------------------------ */

/* An image of which nothing is known but that it bears our mark: an orphan or a stray. */
static int destroy_marked(struct docker *docker, const char *id, struct error *err)
{
	const struct value *image, *tags;

	if (find_image(docker, id, &image, err))
		return -1;
	if (!image)
		return 0;
	if (docker_guard(docker, value_path(image, "Config.Labels"), NULL, NULL, id, err))
		return -1;
	tags = value_get(image, "RepoTags");
	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++)
		remove_quietly(docker, value_text(&tags->items[i], ""));
	if (!find_image(docker, id, &image, err) && image)
		remove_quietly(docker, id);
	return 0;
}

static int destroy(struct docker *docker, struct record *record, struct error *err)
{
	const struct value *inputs = record_inputs(record, err);
	struct wish wish;

	if (!record->id || value_get_bool(inputs, "keep", false))
		return 0;
	wish = wish_of(docker, inputs, record->address, record->generation);
	if (!wish.build && !wish.pull && !wish.load)
		return destroy_marked(docker, record->id, err);
	for (const char *const *tag = wish.tags; *tag; tag++)
		drop_name(docker, *tag, record->id);
	if (!wish.build && value_get_bool(record_outputs(record, err), "pulled", false))
		drop_name(docker, recorded_name(record), record->id);
	if (wish.build)
		clear_builds(docker, record->address, NULL);
	return 0;
}

/* --- the rest ----------------------------------------------------------------------------------- */

static int import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	const struct wish wish = {.pull = id, .tags = (const char *const[]){NULL}};
	const struct value *image;

	out->type = type;
	if (docker_image_inspect(docker, id, &image, err))
		return -1;
	docker_describe(docker, out, id_of(image), value_path(image, "Config.Labels"));
	out->attributes = attributes_of(docker, image, &wish);
	out->outputs = outputs_of(docker, image, id, false);
	return 0;
}

static int digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct hash *out, struct error *err)
{
	(void)type;
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

const struct docker_type docker_type_image = {
	.name = "docker_image",
	.validate = validate,
	.digest = digest,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
