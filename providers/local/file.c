/*
 * local_file: one file, whole. Between two system calls there is either the old file or the new,
 * and the only thing that a death can leave is the temporary file, whose name follows from the path
 * and the environment: there is never more than one, and everyone who comes next knows where.
 *
 * A file carries no mark. It is ours when it is recorded, or when an open intent says that exactly
 * this content was about to be written.
 */
#include "providers/local/local.h"

#include "base/fs.h"
#include "model/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_LIMIT = 200, TRIES = 3 };

struct content {
	const char *data;
	size_t len;
	bool sensitive;
};

static const char *file_path(const struct provider_env *env, const struct value *inputs)
{
	const char *path = local_text(inputs, "path");

	return path ? provider_path(env, path) : NULL;
}

static const char *temporary_of(struct provider_env *env, const char *path)
{
	const char *name = fs_name(path);
	char hex[HASH_HEX];
	struct hash hash;

	if (strlen(name) > NAME_LIMIT) { /* NAME_MAX is 255 */
		hash_bytes(name, strlen(name), &hash);
		name = hash_hex(&hash, hex);
	}
	return arena_printf(env->arena, "%s/.%s.devenv-%s", fs_parent(env->arena, path), name,
		env->short_id);
}

static bool is_sensitive(const struct value *inputs)
{
	const struct value *content = value_get(inputs, "content");

	return content && content->flags & VALUE_SENSITIVE;
}

/* Whoever may read a secret must not be left to the umask of the day. */
static mode_t wanted_mode(const struct value *inputs)
{
	return local_mode(inputs, is_sensitive(inputs) ? 0600 : 0644);
}

static int wanted_content(struct provider_env *env, const struct value *inputs,
	struct content *content, struct error *err)
{
	const struct value *text = value_get(inputs, "content");
	const char *source = local_text(inputs, "source");

	*content = (struct content){.data = "", .sensitive = is_sensitive(inputs)};
	if (text) {
		if (!value_is_scalar(text) || text->flags & VALUE_KEYED)
			return error_set(err, ERROR_INVALID, "the content is not a text");
		content->data = value_text(text, "");
		content->len = text->len;
		return 0;
	}
	if (source)
		return fs_read(provider_content(env, source), env->arena, &content->data,
			&content->len, err);
	if (value_get(inputs, "template"))
		return error_set(err, ERROR_INVALID, "the template was not rendered");
	return 0;
}

/* --- reality ---------------------------------------------------------------------------------- */

struct reality {
	const char *path;
	enum fs_kind kind;
	struct stat st;
	struct hash hash; /* of a file's content */
};

/* -1 with ERROR_UNREACHABLE when it cannot be seen. */
static int look(const char *path, struct reality *reality, struct error *err)
{
	*reality = (struct reality){.path = path};
	if (fs_look(path, &reality->kind, &reality->st, err) < 0 ||
		(reality->kind == FS_FILE && hash_file(path, &reality->hash, err) < 0)) {
		int saved = errno;

		if (err)
			err->code = ERROR_UNREACHABLE;
		errno = saved;
		return -1;
	}
	return 0;
}

/* In the same form each time. `inputs` decide what is looked at: only what we set can drift. */
static const struct value *describe(struct provider_env *env, const struct reality *reality,
	const struct value *inputs)
{
	struct value *map = arena_alloc(env->arena, sizeof(*map));
	struct value_builder attributes;
	struct value hash;

	builder_init(&attributes, env->arena);
	builder_put_str(&attributes, "path", local_path_attribute(env, reality->path, inputs));
	if (reality->kind == FS_FILE) {
		hash = local_hash_value(env->arena, &reality->hash);
		builder_put(&attributes, "contentHash",
			is_sensitive(inputs) ? value_sensitive(hash) : hash);
	} else if (reality->kind != FS_ABSENT) {
		builder_put_str(&attributes, "contentHash", fs_kind_str(reality->kind));
	}
	if (reality->kind == FS_FILE && (!inputs || value_get(inputs, "mode")))
		builder_put_str(&attributes, "mode", arena_printf(env->arena, "%04o",
			(unsigned)(reality->st.st_mode & 07777)));
	*map = builder_map(&attributes);
	return map;
}

static const struct value *outputs_of(struct provider_env *env, const struct reality *reality,
	const struct value *inputs)
{
	struct value *map = arena_alloc(env->arena, sizeof(*map));
	struct value hash = local_hash_value(env->arena, &reality->hash);
	struct value_builder outputs;

	builder_init(&outputs, env->arena);
	builder_put_str(&outputs, "absolutePath", reality->path);
	builder_put(&outputs, "contentHash", is_sensitive(inputs) ? value_sensitive(hash) : hash);
	*map = builder_map(&outputs);
	return map;
}

/* --- whose is it? ----------------------------------------------------------------------------- */

/* The digest of `source` as the engine put it among the inputs. */
static const char *source_digest(const struct value *inputs)
{
	return value_get_text(value_get(inputs, "$digests"), "source", NULL);
}

static bool content_is(struct provider_env *env, const struct reality *reality,
	const struct value *inputs, const struct secret_key *key)
{
	const struct value *content = value_get(inputs, "content");
	const char *source = source_digest(inputs);
	const char *text;
	struct hash hash;
	size_t len;

	if (!content) {
		if (source)
			return hash_from_hex(source, &hash) == 0 &&
			       hash_equal(&hash, &reality->hash);
		return !value_get(inputs, "source") && reality->st.st_size == 0;
	}
	if (content->flags & VALUE_KEYED) {
		struct value fresh;

		if (!key || fs_read(reality->path, env->arena, &text, &len, NULL) < 0)
			return false;
		fresh = value_strn(env->arena, text, len);
		return value_matches(&fresh, content, key);
	}
	if (!value_is_scalar(content))
		return false; /* sealed, and the key is not at hand */
	hash_bytes(value_text(content, ""), content->len, &hash);
	return hash_equal(&hash, &reality->hash);
}

static bool intent_proves(struct provider_env *env, const struct reality *reality,
	const struct observation *item)
{
	if (reality->kind != FS_FILE)
		return false;
	for (const struct intent *intent = item->intent; intent; intent = intent->older) {
		const struct value *inputs = local_intent_inputs(env, intent);
		const char *path = file_path(env, inputs);

		if (!path || strcmp(path, reality->path) != 0)
			continue;
		if (content_is(env, reality, inputs, intent->key))
			return true;
		/* Its secrets stay closed without a key; what is desired now tells as much. */
		if (!intent->key && item->desired && is_sensitive(item->desired) &&
			content_is(env, reality, item->desired, NULL))
			return true;
	}
	return false;
}

/* What a death between two steps leaves when the file itself is not there. */
static bool has_traces(struct provider_env *env, const char *path)
{
	enum fs_kind kind;

	if (fs_look(temporary_of(env, path), &kind, NULL, NULL) == 0 && kind != FS_ABSENT)
		return true;
	return owned_parent_is_empty(env, path);
}

static bool matches(struct provider_env *env, const struct reality *reality,
	const struct observation *item)
{
	const struct value *desired = item->desired;
	struct content content;
	struct hash hash;
	const char *path;

	if (!desired || reality->kind != FS_FILE || !value_is_known(desired))
		return false;
	path = file_path(env, desired);
	if (!path || strcmp(path, reality->path) != 0 ||
		(reality->st.st_mode & 07777) != wanted_mode(desired) ||
		(item->intent && has_traces(env, path)) ||
		wanted_content(env, desired, &content, NULL) < 0)
		return false;
	hash_bytes(content.data, content.len, &hash);
	return hash_equal(&hash, &reality->hash);
}

/* --- the verbs -------------------------------------------------------------------------------- */

static const struct value *inputs_to_look_for(struct provider_env *env,
	const struct observation *item, struct error *err)
{
	const struct value *inputs;

	if (!item->record)
		return item->desired ? item->desired : local_intent_inputs(env, item->intent);
	inputs = record_inputs(item->record, err);
	return err->code == ERROR_NONE ? inputs : NULL;
}

static int observe(struct provider_env *env, const struct observe_request *batch,
	struct observation *item, struct error *err)
{
	const struct value *inputs = inputs_to_look_for(env, item, err);
	const char *path = inputs ? file_path(env, inputs) : NULL;
	struct reality reality;

	(void)batch;
	if (!path)
		return err->code == ERROR_NONE ? 0 : -1; /* its path is known after apply */
	if (look(path, &reality, err) < 0) {
		if (errno != ENOTDIR || !item->record)
			return -1;
		*err = (struct error)ERROR_INIT; /* a file took the place of its directory: gone */
	}
	item->id = path;
	if (item->intent)
		item->mark_intent = item->intent->id;
	if (reality.kind == FS_ABSENT) {
		if (!item->intent || !has_traces(env, path))
			return 0;
		item->presence = PRESENCE_PRESENT;
		item->ownership = OWNER_US;
		item->message = "a run died while writing it";
		item->attributes = &value_empty_map;
		return 0;
	}
	item->ownership = item->record || intent_proves(env, &reality, item)
		? OWNER_US : OWNER_NONE;
	if (item->ownership == OWNER_NONE) {
		item->mark_intent = NULL;
		if (!item->desired)
			return 0; /* nothing of ours is there */
		item->message = arena_printf(env->arena, "%s is a %s that devenv did not make",
			path, fs_kind_str(reality.kind));
	}
	item->presence = PRESENCE_PRESENT;
	item->attributes = describe(env, &reality, inputs);
	item->matches = matches(env, &reality, item);
	return 0;
}

/* A directory above may be removed by another action at the same time: then it is made again. */
static int write_file(struct provider_env *env, const char *path, const struct content *content,
	mode_t mode, unsigned flags, struct error *err)
{
	for (int tries = 1;; tries++) {
		if (owned_make_parents(env, path, err) < 0)
			return -1;
		if (fs_write(path, temporary_of(env, path), content->data, content->len, mode,
			flags, err) == 0)
			return 0;
		if (err->code != ERROR_NOT_FOUND || tries == TRIES)
			return -1;
	}
}

/* Leaves a file alone that has the content already, so that nobody who watches it wakes up. */
static int put_file(struct provider_env *env, const char *path, const struct content *content,
	mode_t mode, bool exclusive, struct error *err)
{
	struct reality reality;
	struct hash hash;

	hash_bytes(content->data, content->len, &hash);
	if (!exclusive && look(path, &reality, NULL) == 0 && reality.kind == FS_FILE &&
		hash_equal(&hash, &reality.hash)) {
		if ((reality.st.st_mode & 07777) == mode)
			return fs_remove(temporary_of(env, path), err);
		if (chmod(path, mode) == 0)
			return fs_remove(temporary_of(env, path), err);
	}
	return write_file(env, path, content, mode, exclusive ? FS_EXCLUSIVE : 0, err);
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const struct value *inputs = request->inputs;
	const char *path = file_path(env, inputs);
	bool exclusive = request->act == ACT_CREATE && !request->adopt &&
			 !value_get_bool(inputs, "adopt", false);
	struct content content;
	struct reality reality;

	if (!path)
		return error_set(err, ERROR_INVALID, "the path is not known");
	if (local_check(env, err) < 0 || wanted_content(env, inputs, &content, err) < 0)
		return -1;
	if (put_file(env, path, &content, wanted_mode(inputs), exclusive, err) < 0) {
		if (err->code == ERROR_CONFLICT && exclusive)
			error_wrap(err, "not overwritten (set `adopt: true` to take it over)");
		return -1;
	}
	outcome->exists = true;
	outcome->id = path;
	if (look(path, &reality, err) < 0)
		return -1;
	outcome->outputs = outputs_of(env, &reality, inputs);
	outcome->observed = describe(env, &reality, inputs);
	return 0;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const char *path = file_path(env, record_inputs(record, NULL));

	if (!path)
		path = record->id;
	if (!path)
		return 0; /* never got as far as having a place */
	if (fs_remove(temporary_of(env, path), err) < 0 || fs_remove(path, err) < 0) {
		if (errno == ENOTDIR)
			return 0; /* a file took the place of its directory */
		return -1;
	}
	return owned_remove_parents(env, path, err);
}

static int import(struct provider_env *env, const char *id, struct observation *out,
	struct error *err)
{
	struct reality reality;

	if (look(provider_path(env, id), &reality, err) < 0)
		return -1;
	if (reality.kind == FS_ABSENT)
		return 0;
	if (reality.kind != FS_FILE)
		return error_set(err, ERROR_INVALID, "%s is a %s, not a file", reality.path,
			fs_kind_str(reality.kind));
	out->presence = PRESENCE_PRESENT;
	out->id = reality.path;
	out->attributes = describe(env, &reality, out->desired);
	out->outputs = outputs_of(env, &reality, out->desired);
	return 0;
}

const struct local_type local_file = {
	.name = "local_file",
	.validate = local_check_place,
	.claims = local_claim_path,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
