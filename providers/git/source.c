/*
 * git_source: the files of one commit, in a folder of devenv's own. Which commit a branch or tag means is
 * kept in the lock file (resolve); what is not locked is found out once and recorded. So it stays until the
 * address or the revision that is asked for changes, or somebody upgrades the lock.
 *
 * All of a source lies in work/sources/HASH: the bare clone `clone`, and one folder a commit, which its
 * index beside it completes. A new commit has a new path, so that what is built from it is built anew.
 */
#include "base/fs.h"
#include "base/git.h"
#include "base/hash.h"
#include "provider/provider.h"

#include <string.h>

enum { MOST_FILES = 200000 };

#define MOST_BYTES (INT64_C(4) << 30)

struct git_source {
	struct provider_env *env;
	const char *home, *clone, *url, *revision, *path;
	struct git_access access;
	struct git git;
};

static const char *home_of(struct provider_env *env, const char *address)
{
	struct hash hash;
	char hex[HASH_HEX];

	hash_bytes(address, strlen(address), &hash);
	return fs_join(env->arena, env->work_dir,
		arena_printf(env->arena, "sources/%.16s", hash_hex(&hash, hex)));
}

static const char *folder_of(struct git_source *s, const char *commit)
{
	return fs_join(s->env->arena, s->home, commit);
}

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct value *url = value_get(resource->attributes, "url");
	const char *text = value_text(url, ""), *scheme = strstr(text, "://");
	const char *at = scheme ? strchr(scheme + 3, '@') : NULL, *colon = scheme ? strchr(scheme + 3, ':') : NULL;

	if (!at || !colon || colon > at || strcspn(scheme + 3, "/") < (size_t)(at - scheme - 3))
		return;
	diag_error(diags, value_pos(url), "a password in a URL is seen by every process");
	diag_hint(diags, "give it as token, or leave it to git's credential helper");
}

/* --- the commit ---------------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
	size_t len = strlen(text);

	return len >= 7 && len <= 40 && strspn(text, "0123456789abcdef") == len;
}

static bool is_same(const struct value *inputs, const struct value *before, const char *key)
{
	return strcmp(value_get_text(inputs, key, ""), value_get_text(before, key, "")) == 0;
}

/* All of an id: nothing that could move. */
static bool is_commit(const char *text)
{
	return text && strlen(text) == 40 && is_id(text);
}

static const char *pinned(const struct value *inputs)
{
	return value_get_text(value_get(value_get(inputs, INPUT_DIGESTS), INPUT_LOCKED), "resolved", NULL);
}

/* What the lock file says, or was found out before, while it is asked for in the same words. NULL: nothing. */
static const char *known(const struct request *request, struct error *err)
{
	const char *ref = value_get_text(request->inputs, "ref", NULL), *pin = pinned(request->inputs);
	const struct value *before, *outputs;

	if (pin || is_commit(ref))
		return pin ? pin : ref;

	if (request->act != ACT_UPDATE || !request->record)
		return NULL;
	before = record_inputs(request->record, err);
	outputs = record_outputs(request->record, err);
	if (err->code != ERROR_NONE || !is_same(request->inputs, before, "url") ||
		!is_same(request->inputs, before, "ref"))
		return NULL;
	return value_get_text(outputs, "commit", NULL);
}

static int fetch(struct git_source *s, const char *kind, const char *value, struct git_found *found,
	struct error *err)
{
	provider_progress(s->env, "fetching %s", s->url);
	return git_fetch(&s->git, s->clone, s->url, kind, value, NULL, s->env->arena, found, err);
}

/* A branch, else a tag (or the newest of a pattern), else a commit. */
static int look_up(struct git_source *s, struct git_found *found, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!s->revision)
		return fetch(s, "head", "", found, err);
	if (fetch(s, "branch", s->revision, found, err) == 0)
		return 0;
	if (err->code != ERROR_NOT_FOUND)
		return -1;
	if (git_resolve(&s->git, s->clone, "tag", s->revision, NULL, s->env->arena, found, &why) == 0 ||
		(is_id(s->revision) && git_resolve(&s->git, s->clone, "commit", s->revision, NULL,
			s->env->arena, found, &why) == 0)) {
		*err = (struct error)ERROR_INIT;
		return 0;
	}
	return error_set(err, ERROR_NOT_FOUND, "%s has no branch, tag or commit \"%s\"", s->url, s->revision);
}

static int gone(const struct git_source *s, const char *commit, const char *address, struct error *err)
{
	if (is_commit(s->revision))
		return error_set(err, ERROR_NOT_FOUND, "%s has no commit %s", s->url, commit);
	return error_set(err, ERROR_NOT_FOUND, "commit %s is locked, and %s does not have it any more: "
		"`devenv lock --upgrade %s` takes what %s is now", commit, s->url, address,
		s->revision ? s->revision : "its branch");
}

/* The clone may be gone with its folder, or damaged: then it is fetched again. */
static int find_commit(struct git_source *s, const char *commit, const char *address,
	struct git_found *found, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!commit)
		return look_up(s, found, err);
	if (git_resolve(&s->git, s->clone, "commit", commit, NULL, s->env->arena, found, &why) == 0)
		return 0;
	if (fetch(s, "commit", commit, found, err) == 0)
		return 0;
	return err->code == ERROR_NOT_FOUND ? gone(s, commit, address, err) : -1;
}

/* --- its files ----------------------------------------------------------------------------------- */

static bool is_whole(struct git_source *s, const char *commit)
{
	const char *folder = folder_of(s, commit);

	return fs_exists(folder) && fs_exists(arena_printf(s->env->arena, "%s.index", folder)) &&
		!fs_exists(arena_printf(s->env->arena, "%s.next", folder));
}

/* Those of other commits. What cannot be removed now goes with the whole source. */
static void sweep(struct git_source *s, const char *commit)
{
	struct error ignored = ERROR_INIT;
	const char *const *names;
	size_t n;

	if (fs_list(s->home, s->env->arena, &names, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(names[i], "clone", 5) == 0 || strncmp(names[i], commit, strlen(commit)) == 0)
			continue;
		fs_remove_tree(fs_join(s->env->arena, s->home, names[i]), &ignored);
		fs_remove(fs_join(s->env->arena, s->home, names[i]), &ignored);
	}
}

/* Where files went missing, the index would say that they are there: it goes first. */
static int write_files(struct git_source *s, const char *commit, struct error *err)
{
	const char *folder = folder_of(s, commit);
	struct git_updated updated;

	if (fs_remove(arena_printf(s->env->arena, "%s.index", folder), err) < 0 ||
		fs_remove_tree(folder, err) < 0 ||
		fs_make_dirs(folder, 0700, s->env->arena, NULL, err) < 0)
		return -1;
	return git_update(&s->git, s->clone, commit, folder, s->path, MOST_FILES, MOST_BYTES,
		s->env->arena, &updated, err);
}

static int put_files(struct git_source *s, const char *commit, const char **path, struct error *err)
{
	const char *folder = folder_of(s, commit);

	*path = *s->path ? fs_join(s->env->arena, folder, s->path) : folder;
	if ((!is_whole(s, commit) || !fs_exists(*path)) && write_files(s, commit, err) < 0)
		return -1;
	if (!fs_exists(*path))
		return error_set(err, ERROR_INVALID, "commit %.12s of %s has no \"%s\"", commit, s->url,
			s->path);
	return 0;
}

/* --- the members --------------------------------------------------------------------------------- */

static int open_source(struct git_source *s, struct provider_env *env, const char *address,
	const struct value *inputs, struct error *err)
{
	*s = (struct git_source){
		.env = env,
		.home = home_of(env, address),
		.url = value_get_text(inputs, "url", ""),
		.revision = value_get_text(inputs, "ref", NULL),
		.path = fs_normalise(env->arena, value_get_text(inputs, "path", "")),
		.access = {
			.token = value_get_text(inputs, "token", NULL),
			.user = value_get_text(inputs, "user", NULL),
			.ssh_key = value_get_text(inputs, "sshKey", NULL),
			.known_hosts = value_get_text(inputs, "knownHosts", NULL),
			.ca_file = value_get_text(inputs, "caFile", NULL),
		},
		.git = {.clock = env->clock, .cancel = env->cancel},
	};
	if (strcmp(s->path, ".") == 0)
		s->path = "";
	if (*s->path == '/' || strncmp(s->path, "..", 2) == 0)
		return error_set(err, ERROR_INVALID, "\"%s\" is no folder inside of a repository", s->path);
	s->access.ssh_key = s->access.ssh_key ? provider_path(env, s->access.ssh_key) : NULL;
	s->access.known_hosts = s->access.known_hosts ? provider_path(env, s->access.known_hosts) : NULL;
	s->access.ca_file = s->access.ca_file ? provider_path(env, s->access.ca_file) : NULL;
	s->clone = fs_join(env->arena, s->home, "clone");
	s->git.access = &s->access;
	if (strstr(s->url, "://") == NULL && strchr(s->url, ':') == NULL)
		s->url = provider_path(env, s->url); /* a repository of this machine */
	return env->self ? git_helper(env->self, env->arena, &s->git.helper, err) : 0;
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct value *outputs = arena_alloc(env->arena, sizeof(*outputs));
	struct git_found found;
	struct value_builder b;
	const char *commit, *path;
	struct git_source s;

	if (open_source(&s, env, request->address, request->inputs, err) < 0)
		return -1;
	commit = known(request, err);
	if (err->code != ERROR_NONE || fs_make_dirs(s.home, 0700, env->arena, NULL, err) < 0 ||
		find_commit(&s, commit, request->address, &found, err) < 0 || put_files(&s, found.commit, &path, err) < 0)
		return err->code == ERROR_UNREACHABLE ? error_set(err, ERROR_TRANSIENT, "%s",
			arena_strdup(env->arena, err->msg)) : -1;
	sweep(&s, found.commit);
	builder_init(&b, env->arena);
	builder_put(&b, "commit", value_str(env->arena, found.commit));
	builder_put(&b, "path", value_str(env->arena, path));
	*outputs = builder_map(&b);
	outcome->exists = true;
	outcome->id = found.commit;
	outcome->outputs = outputs;
	outcome->observed = &value_empty_map;
	return 0;
}

/* What others may move: not the whole id of a commit. */
static bool locks(const struct type *type, const struct value *inputs, struct arena *arena,
	struct value *what)
{
	const struct value *url = value_get(inputs, "url"), *ref = value_get(inputs, "ref");
	struct value_builder b;

	(void)type;
	if (!value_text(url, NULL) || url->flags & VALUE_SENSITIVE ||
		(ref && (!value_text(ref, NULL) || ref->flags & VALUE_SENSITIVE)) ||
		is_commit(value_text(ref, NULL)))
		return false;
	builder_init(&b, arena);
	builder_put(&b, "git", value_str(arena, value_text(url, NULL)));
	if (ref)
		builder_put(&b, "ref", value_str(arena, value_text(ref, NULL)));
	*what = builder_map(&b);
	return true;
}

/* The beginning of an id: only the history says what it is. */
static int look_through(struct git_source *s, struct git_found *found, struct error *err)
{
	const char *folder;
	int status;

	if (fs_scratch("devenv-git-", s->env->arena, &folder, err) < 0)
		return -1;
	s->clone = fs_join(s->env->arena, folder, "clone");
	status = look_up(s, found, err);
	fs_remove_tree(folder, NULL);
	return status;
}

static int resolve(struct provider_env *env, const struct type *type, const struct value *inputs,
	struct pin *out, struct error *err)
{
	struct git_found found;
	struct git_source s;
	int status;

	(void)type;
	if (open_source(&s, env, "", inputs, err) < 0)
		return -1;
	status = git_ask(&s.git, s.url, s.revision, env->arena, &found, err);
	if (status < 0 && err->code == ERROR_NOT_FOUND && s.revision)
		status = is_id(s.revision) ? look_through(&s, &found, err) : error_set(err, ERROR_NOT_FOUND,
			"%s has no branch, tag or commit \"%s\"", s.url, s.revision);
	if (status == 0)
		out->resolved = found.commit;
	return status;
}

/* Nothing is asked of the server: a plan is about the commit that was found out. */
static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < request->n; i++) {
		struct observation *item = &request->items[i];
		struct error ignored = ERROR_INIT;
		struct git_source s = {.env = env, .home = home_of(env, item->address)};
		const struct value *outputs = item->record ? record_outputs(item->record, &ignored) : NULL;
		const char *commit = value_get_text(outputs, "commit", NULL);

		item->presence = item->record ? PRESENCE_PRESENT : PRESENCE_ABSENT;
		item->ownership = OWNER_US;
		item->attributes = &value_empty_map;
		if (commit && (!is_whole(&s, commit) || !fs_exists(value_get_text(outputs, "path", ""))))
			item->differs = "its files are gone";
	}
	return 0;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	struct error ignored = ERROR_INIT;
	const char *home = home_of(env, record->address);

	if (fs_remove_tree(home, err) < 0)
		return -1;
	fs_remove_dir(fs_parent(env->arena, home), &ignored); /* the last one */
	return 0;
}

static const char *const names[] = {"git_source", NULL};

const struct provider provider_git = {
	.name = "git",
	.types = names,
	.validate = validate,
	.locks = locks,
	.resolve = resolve,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
};
