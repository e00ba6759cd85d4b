/*
 * local_directory: one directory, made with what is missing above it, removed only when it is
 * empty. The note in work_dir is its mark: written before the directory is made, removed after it
 * is gone.
 */
#include "providers/local/local.h"

#include "base/fs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { NAMES_SHOWN = 3 };

static const char *directory_path(const struct provider_env *env, const struct value *inputs)
{
	const char *path = local_text(inputs, "path");

	return path ? provider_path(env, path) : NULL;
}

static const struct value *describe(struct provider_env *env, const char *path,
	enum fs_kind kind, const struct stat *st, const struct value *inputs)
{
	struct value *map = arena_alloc(env->arena, sizeof(*map));
	struct value_builder attributes;

	builder_init(&attributes, env->arena);
	builder_put_str(&attributes, "path", local_path_attribute(env, path, inputs));
	builder_put_str(&attributes, "kind", fs_kind_str(kind));
	if (kind == FS_DIRECTORY && (!inputs || value_get(inputs, "mode")))
		builder_put_str(&attributes, "mode", arena_printf(env->arena, "%04o",
			(unsigned)(st->st_mode & 07777)));
	*map = builder_map(&attributes);
	return map;
}

static const struct value *outputs_of(struct provider_env *env, const char *path)
{
	struct value *map = arena_alloc(env->arena, sizeof(*map));
	struct value_builder outputs;

	builder_init(&outputs, env->arena);
	builder_put_str(&outputs, "absolutePath", path);
	*map = builder_map(&outputs);
	return map;
}

static const struct value *inputs_to_look_for(struct provider_env *env,
	const struct observation *item, struct error *err)
{
	const struct value *inputs;

	if (!item->record)
		return item->desired ? item->desired : local_intent_inputs(env, item->intent);
	inputs = record_inputs(item->record, err);
	return err->code == ERROR_NONE ? inputs : NULL;
}

static int look(const char *path, bool recorded, enum fs_kind *kind, struct stat *st,
	struct error *err)
{
	if (fs_look(path, kind, st, err) == 0)
		return 0;
	*kind = FS_ABSENT;
	if (errno == ENOTDIR && recorded) {
		*err = (struct error)ERROR_INIT; /* a file took the place of its parent: gone */
		return 0;
	}
	err->code = ERROR_UNREACHABLE;
	return -1;
}

/* A death while it was made or removed left a note or a parent, but not the directory. */
static bool has_traces(struct provider_env *env, const struct observation *item, const char *path)
{
	return item->intent && (owned_kind(env, path) == OWNED_RESOURCE ||
		owned_parent_is_empty(env, path));
}

static bool matches(const struct provider_env *env, const struct observation *item,
	const struct stat *st)
{
	const char *path = directory_path(env, item->desired);

	return path && value_is_known(item->desired) && !strcmp(path, item->id) &&
		(st->st_mode & 07777) == local_mode(item->desired, 0755);
}

static int observe(struct provider_env *env, const struct observe_request *batch,
	struct observation *item, struct error *err)
{
	const struct value *inputs = inputs_to_look_for(env, item, err);
	const char *path = inputs ? directory_path(env, inputs) : NULL;
	enum fs_kind kind;
	struct stat st;

	(void)batch;
	if (!path)
		return err->code == ERROR_NONE ? 0 : -1;
	if (look(path, item->record, &kind, &st, err) < 0)
		return -1;
	item->id = path;
	if (item->intent)
		item->mark_intent = item->intent->id;
	if (kind == FS_ABSENT) {
		if (!has_traces(env, item, path))
			return 0;
		item->presence = PRESENCE_PRESENT;
		item->ownership = OWNER_US;
		item->attributes = &value_empty_map;
		return 0;
	}
	item->ownership = item->record || (kind == FS_DIRECTORY && item->intent &&
		owned_kind(env, path) == OWNED_RESOURCE) ? OWNER_US : OWNER_NONE;
	if (item->ownership == OWNER_NONE) {
		item->mark_intent = NULL;
		if (!item->desired)
			return 0;
		item->message = arena_printf(env->arena, "%s is a %s that devenv did not make",
			path, fs_kind_str(kind));
		/* A file of ours needed it first; nobody else is concerned. */
		if (kind == FS_DIRECTORY && owned_kind(env, path) == OWNED_PARENT) {
			item->presence = PRESENCE_ABSENT;
			return 0;
		}
	}
	item->presence = PRESENCE_PRESENT;
	item->attributes = describe(env, path, kind, &st, inputs);
	item->matches = kind == FS_DIRECTORY && matches(env, item, &st);
	return 0;
}

/* Makes it, or finds out that it may be taken. */
static int make(struct provider_env *env, const char *path, mode_t mode, bool may_exist,
	struct error *err)
{
	enum owned_kind owner = owned_kind(env, path);
	enum fs_kind kind;

	if (fs_look(path, &kind, NULL, err) < 0)
		return -1;
	if (kind != FS_ABSENT && kind != FS_DIRECTORY)
		return error_set(err, ERROR_CONFLICT, "%s is a %s, not a directory", path,
			fs_kind_str(kind));
	if (kind == FS_DIRECTORY && owner == OWNED_NONE && !may_exist)
		return error_set(err, ERROR_CONFLICT,
			"%s exists already (set `adopt: true` to take it over)", path);
	return owned_make(env, path, mode, err);
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const struct value *inputs = request->inputs;
	const char *path = directory_path(env, inputs);
	mode_t mode = local_mode(inputs, 0755);
	bool may_exist = request->act != ACT_CREATE || request->adopt ||
			 value_get_bool(inputs, "adopt", false);
	struct stat st;

	if (!path)
		return error_set(err, ERROR_INVALID, "the path is not known");
	if (local_check(env, err) < 0)
		return -1;
	if (make(env, path, mode, may_exist, err) < 0)
		return -1;
	outcome->exists = true;
	outcome->id = path;
	if (stat(path, &st) < 0)
		return error_errno(err, "look at %s", path);
	if ((st.st_mode & 07777) != mode && chmod(path, mode) < 0)
		return error_errno(err, "set the mode of %s", path);
	st.st_mode = (st.st_mode & ~(mode_t)07777) | mode;
	outcome->outputs = outputs_of(env, path);
	outcome->observed = describe(env, path, FS_DIRECTORY, &st, inputs);
	return 0;
}

static int say_what_is_inside(struct provider_env *env, const char *path, struct error *err)
{
	const char *const *names;
	struct strbuf list = STRBUF_INIT;
	size_t n;

	if (fs_list(path, env->arena, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
		strbuf_addf(&list, "%s%s", i ? ", " : "", names[i]);
	if (n > NAMES_SHOWN)
		strbuf_addf(&list, " and %zu more", n - NAMES_SHOWN);
	/* Worth another try: what is inside may be on its way out in this very run. */
	error_set(err, ERROR_TRANSIENT,
		"directory %s is not empty (%s); empty it, or let it stay with `devenv forget`",
		path, list.text);
	strbuf_release(&list);
	return -1;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const char *path = directory_path(env, record_inputs(record, NULL));
	enum fs_kind kind;

	if (!path)
		path = record->id;
	if (!path)
		return 0;
	if (fs_look(path, &kind, NULL, err) < 0) {
		if (errno != ENOTDIR)
			return -1;
		kind = FS_ABSENT;
	}
	if (kind != FS_ABSENT && kind != FS_DIRECTORY)
		return error_set(err, ERROR_CONFLICT,
			"%s is a %s now, not the directory that was made; it is left alone", path,
			fs_kind_str(kind));
	if (kind == FS_DIRECTORY && fs_remove_dir(path, err) < 0)
		return err->code == ERROR_CONFLICT ? say_what_is_inside(env, path, err) : -1;
	if (owned_forget(env, path, err) < 0)
		return -1;
	return owned_remove_parents(env, path, err);
}

static int import(struct provider_env *env, const char *id, struct observation *out,
	struct error *err)
{
	const char *path = provider_path(env, id);
	enum fs_kind kind;
	struct stat st;

	if (look(path, false, &kind, &st, err) < 0)
		return -1;
	if (kind == FS_ABSENT)
		return 0;
	if (kind != FS_DIRECTORY)
		return error_set(err, ERROR_INVALID, "%s is a %s, not a directory", path,
			fs_kind_str(kind));
	out->presence = PRESENCE_PRESENT;
	out->id = path;
	out->attributes = describe(env, path, kind, &st, out->desired);
	out->outputs = outputs_of(env, path);
	return 0;
}

const struct local_type local_directory = {
	.name = "local_directory",
	.validate = local_check_place,
	.claims = local_claim_path,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
