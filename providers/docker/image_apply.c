/*
 * Making, naming and taking away images. What fails after the image is there leaves it tainted, not
 * lost; what is in use stays, with a note: an image is no reason for a destroy to fail.
 */
#include "base/texts.h"
#include "providers/docker/auth.h"
#include "providers/docker/build.h"
#include "providers/docker/image.h"

#include <string.h>

/* --- apply -------------------------------------------------------------------------------------- */

/* What an apply works out. */
struct making {
	const struct request *request;
	struct image_wish wish;
	const struct value *image;
	const char *name;
	bool pulled;
};

static int make_pulled(struct docker *docker, struct making *making, struct error *err)
{
	const struct value *inputs = making->wish.inputs, *before;
	bool always = !strcmp(value_get_text(inputs, "pull", "missing"), "always");
	const char *reference = making->wish.pull;
	bool same_name;

	if (image_find(docker, reference, &before, err))
		return -1;
	making->name = reference;
	making->image = before;
	same_name = making->request->record &&
		    !strcmp(image_recorded_name(making->request->record), reference);
	making->pulled = same_name && image_was_pulled(making->request->record);
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
		if (image_find(docker, *tag, &image, err))
			return -1;
		if (!image || (record && record->id && !strcmp(record->id, image_id(image))) ||
			docker_owner(docker, image_labels(image), making->request->address,
				&message) == OWNER_US)
			continue;
		return error_set(err, ERROR_CONFLICT,
			"another image has the name '%s' (%.19s): choose another tag, or set adopt: true",
			*tag, image_id(image));
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
		image_find(docker, making->wish.tags[0], image, err))
		return -1;
	if (*image && (strcmp(image_content(*image), hash_hex(&hash, hex)) != 0 ||
			      !image_has_all(docker, *image, &making->wish)))
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
		if (!strcmp(image_id(&images->items[i]), id))
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
	making->pulled = !is_listed(before.body, image_id(making->image)) || image_was_pulled(making->request->record);
	return 0;
}

static int add_names(struct docker *docker, struct making *making, struct error *err)
{
	bool take = value_get_bool(making->wish.inputs, "adopt", false);

	for (const char *const *tag = making->wish.tags; *tag; tag++) {
		/* Of an update: check_names has let pass what the record's image has. */
		if (tag_image(docker, image_id(making->image), *tag, making->request->address,
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

	if (*name && id && !image_find(docker, name, &image, &err) && image &&
		!strcmp(image_id(image), id))
		remove_quietly(docker, name);
}

static bool is_wanted(const struct making *making, const char *name)
{
	return texts_have(making->wish.tags, name) || !strcmp(making->name, name);
}

static void drop_old_names(struct docker *docker, const struct making *making)
{
	struct record *record = making->request->record;
	struct image_wish old;

	if (!record || value_get_bool(record_inputs(record, NULL), "keep", false))
		return;
	old = image_recorded_wish(docker, record);
	for (const char *const *tag = old.tags; *tag; tag++)
		if (!is_wanted(making, *tag))
			drop_name(docker, *tag, record->id);
	if (old.pull && image_was_pulled(making->request->record) && !is_wanted(making, old.pull))
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
			(keep && !strcmp(keep, image_id(image))))
			continue;
		/* One that somebody gave a name to is wanted. */
		if (!tags || tags->kind != VALUE_LIST || !tags->len || !strcmp(first, "<none>:<none>"))
			docker_call(docker, "DELETE", docker_path(docker, "/images/%s", image_id(image)), NULL,
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
	outcome->id = image_id(making->image);
	return add_names(docker, making, err);
}

int image_apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct making making = {.request = request, .name = ""};

	if (request->act == ACT_START || request->act == ACT_STOP)
		return error_set(err, ERROR_INVALID, "an image cannot be started or stopped");
	making.wish = image_wish(docker, request->inputs, request->address, request->record);
	if (make(docker, &making, outcome, err))
		return -1;
	outcome->exists = true;
	outcome->id = image_id(making.image);
	/* Once more: the names have come since. */
	if (docker_image_inspect(docker, outcome->id, &making.image, err))
		return -1;
	outcome->outputs = image_outputs(docker, making.image, making.name, making.pulled);
	outcome->observed = image_attributes(docker, making.image, &making.wish);
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

	if (image_find(docker, id, &image, err))
		return -1;
	if (!image)
		return 0;
	if (docker_guard(docker, image_labels(image), NULL, NULL, id, err))
		return -1;
	tags = value_get(image, "RepoTags");
	for (uint32_t i = 0; tags && tags->kind == VALUE_LIST && i < tags->len; i++)
		remove_quietly(docker, value_text(&tags->items[i], ""));
	if (!image_find(docker, id, &image, err) && image)
		remove_quietly(docker, id);
	return 0;
}

int image_destroy(struct docker *docker, struct record *record, struct error *err)
{
	const struct value *inputs = record_inputs(record, err);
	struct image_wish wish;

	if (!record->id || value_get_bool(inputs, "keep", false))
		return 0;
	wish = image_recorded_wish(docker, record);
	if (!wish.build && !wish.pull && !wish.load)
		return destroy_marked(docker, record->id, err);
	for (const char *const *tag = wish.tags; *tag; tag++)
		drop_name(docker, *tag, record->id);
	if (!wish.build && image_was_pulled(record))
		drop_name(docker, image_recorded_name(record), record->id);
	if (wish.build)
		clear_builds(docker, record->address, NULL);
	return 0;
}
