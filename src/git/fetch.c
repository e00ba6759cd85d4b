/*
 * fetch: the clone of a URL follows it. When the refs there are the refs here, that was one question
 * and no download. Killed anywhere it leaves temporary files and locks only, which the next fetch
 * removes: it is alone, because it holds CLONE.lock.
 *
 * A server that falls silent is ended by an alarm that every sign of life puts off: the default of
 * SIGALRM ends the process, whatever libgit2 waits in.
 */
#include "git/git.h"

#include "base/fs.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { STALL = 60, MAX_PACKS = 48 };

static unsigned stall(void)
{
	const char *text = getenv("DEVENV_SYNC_STALL"); /* seconds */
	int seconds = text ? atoi(text) : 0;

	return seconds > 0 ? (unsigned)seconds : STALL;
}

static int alive(const git_indexer_progress *progress, void *arg)
{
	(void)progress;
	(void)arg;
	alarm(stall());
	return 0;
}

static int said(const char *text, int len, void *arg)
{
	(void)text;
	(void)len;
	(void)arg;
	alarm(stall());
	return 0;
}

/* --- the clone ---------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

static int sweep_lock(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	if (kind == FTW_F && ends_with(path, ".lock"))
		unlink(path);
	return 0;
}

/* What a fetch that was killed left. */
static void sweep(struct call *call, const char *path)
{
	const char *packs = arena_printf(&call->arena, "%s/objects/pack", path);
	const char *const *names;
	struct error err = ERROR_INIT;
	size_t n;

	nftw(arena_printf(&call->arena, "%s/refs", path), sweep_lock, 16, FTW_PHYS);
	unlink(arena_printf(&call->arena, "%s/packed-refs.lock", path));
	unlink(arena_printf(&call->arena, "%s/config.lock", path));
	unlink(arena_printf(&call->arena, "%s/HEAD.lock", path));
	if (fs_list(packs, &call->arena, &names, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(names[i], "pack-", 5) != 0 || ends_with(names[i], ".lock"))
			unlink(arena_printf(&call->arena, "%s/%s", packs, names[i]));
	}
}

static int lock(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "open %s", path);
	alarm(stall()); /* another fetch of the same URL comes to its end, or to its alarm */
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return error_errno(err, "lock %s", path);
	}
	return 0; /* until the process ends */
}

int clone_open(struct call *call, const char *path, struct error *err)
{
	if (git_repository_open_bare(&call->repo, path) < 0)
		return fail_git(err, "open the clone %s", path);
	return 0;
}

static int make(struct call *call, const char *path, struct error *err)
{
	git_repository_init_options options;

	git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
	options.mode = 0700;
	if (git_repository_init_ext(&call->repo, path, &options) < 0)
		return fail_git(err, "make the clone %s", path);
	return 0;
}

/* Every ref can be read and leads to something. */
static bool is_healthy(git_repository *repo)
{
	git_reference_iterator *iterator;
	git_reference *ref;
	git_odb *odb;
	bool healthy = true;
	int rc;

	if (git_reference_lookup(&ref, repo, "HEAD") < 0 || git_repository_odb(&odb, repo) < 0 ||
		git_reference_iterator_new(&iterator, repo) < 0)
		return false;
	while (healthy && (rc = git_reference_next(&ref, iterator)) != GIT_ITEROVER)
		healthy = rc == 0 && (!git_reference_target(ref) ||
			git_odb_exists(odb, git_reference_target(ref)));
	git_reference_iterator_free(iterator);
	return healthy;
}

/* A clone that is damaged is made again: all that it holds can be fetched. */
static int open_or_make(struct call *call, const char *path, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (lock(arena_printf(&call->arena, "%s.lock", path), err) < 0)
		return -1;
	sweep(call, path);
	if (clone_open(call, path, &ignored) == 0 && is_healthy(call->repo))
		return 0;
	if (fs_remove_tree(path, err) < 0)
		return -1;
	return make(call, path, err);
}

/* --- what is there, what is here ---------------------------------------------------------------- */

static const char *own_name(struct arena *arena, const char *name)
{
	if (strncmp(name, "refs/heads/", 11) == 0)
		return arena_printf(arena, "refs/remotes/origin/%s", name + 11);
	if (strncmp(name, "refs/tags/", 10) == 0 && !ends_with(name, "^{}"))
		return name;
	return NULL;
}

static size_t count_own(git_repository *repo)
{
	git_reference_iterator *iterator;
	const char *name;
	size_t n = 0;

	if (git_reference_iterator_new(&iterator, repo) < 0)
		return 0;
	while (git_reference_next_name(&name, iterator) == 0)
		n += strcmp(name, "refs/remotes/origin/HEAD") != 0;
	git_reference_iterator_free(iterator);
	return n;
}

/* Every ref there is here, with the same object, and there is no other. */
static bool is_same(struct call *call, const git_remote_head **heads, size_t n)
{
	size_t seen = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = own_name(&call->arena, heads[i]->name);
		git_oid oid;

		if (!name)
			continue;
		seen++;
		if (git_reference_name_to_id(&oid, call->repo, name) < 0 ||
			!git_oid_equal(&oid, &heads[i]->oid))
			return false;
	}
	return seen == count_own(call->repo);
}

/* For whoever names no branch: the one that the server calls its own; NULL: it says none. */
static const char *head_of(struct call *call, git_remote *remote)
{
	git_buf name = GIT_BUF_INIT;
	const char *own = NULL;

	if (git_remote_default_branch(&name, remote) == 0)
		own = own_name(&call->arena, arena_strdup(&call->arena, name.ptr));
	git_buf_dispose(&name);
	return own;
}

static void remember_head(struct call *call, const char *own)
{
	git_reference *ref = NULL;

	if (own)
		git_reference_symbolic_create(&ref, call->repo, "refs/remotes/origin/HEAD", own, 1, NULL);
	git_reference_free(ref);
}

/* --- many fetches, many packs ------------------------------------------------------------------- */

static size_t list_packs(struct call *call, const char *folder, const char *const **names)
{
	struct error err = ERROR_INIT;
	size_t n, packs = 0;

	if (fs_list(folder, &call->arena, names, &n, &err) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		packs += ends_with((*names)[i], ".pack");
	return packs;
}

static int walk_all(git_revwalk *walk, git_packbuilder *builder)
{
	int failed = git_revwalk_push_glob(walk, "refs/*");

	return failed ? failed : git_packbuilder_insert_walk(builder, walk);
}

/* Annotated tags are no commits: no walk comes by them. */
static int add_tags(git_repository *repo, git_packbuilder *builder)
{
	git_strarray names;
	int failed = git_tag_list(&names, repo);

	for (size_t i = 0; !failed && i < names.count; i++) {
		char full[1024];
		git_oid oid;

		snprintf(full, sizeof(full), "refs/tags/%s", names.strings[i]);
		failed = git_reference_name_to_id(&oid, repo, full);
		if (!failed)
			failed = git_packbuilder_insert(builder, &oid, NULL);
	}
	git_strarray_dispose(&names);
	return failed;
}

/* One pack of what the refs reach. Failing is no harm: it is tried again after the next fetch. */
static void repack(struct call *call, const char *path)
{
	const char *folder = arena_printf(&call->arena, "%s/objects/pack", path), *kept;
	const char *const *names;
	git_packbuilder *builder = NULL;
	git_revwalk *walk = NULL;
	size_t packs = list_packs(call, folder, &names);

	if (packs <= MAX_PACKS || git_packbuilder_new(&builder, call->repo) < 0)
		return;
	if (git_revwalk_new(&walk, call->repo) == 0 && walk_all(walk, builder) == 0 &&
		add_tags(call->repo, builder) == 0 &&
		git_packbuilder_write(builder, NULL, 0444, NULL, NULL) == 0) {
		kept = arena_printf(&call->arena, "pack-%s.", git_packbuilder_name(builder));
		for (size_t i = 0; names[i]; i++) {
			if (strncmp(names[i], kept, strlen(kept)) != 0)
				unlink(arena_printf(&call->arena, "%s/%s", folder, names[i]));
		}
	}
	git_revwalk_free(walk);
	git_packbuilder_free(builder);
}

/* --- the verb ----------------------------------------------------------------------------------- */

static void set_callbacks(git_remote_callbacks *callbacks, struct credentials *credentials)
{
	callbacks->credentials = credentials_get;
	callbacks->transfer_progress = alive;
	callbacks->sideband_progress = said;
	callbacks->payload = credentials;
}

static int download(git_remote *remote, struct credentials *credentials)
{
	char branches[] = "+refs/heads/*:refs/remotes/origin/*", tags[] = "+refs/tags/*:refs/tags/*";
	char *specs[] = {branches, tags};
	git_strarray wanted = {specs, ARRAY_SIZE(specs)};
	git_fetch_options options;

	git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, credentials);
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.prune = GIT_FETCH_PRUNE;
	options.update_fetchhead = 0;
	options.proxy_opts.type = GIT_PROXY_AUTO;
	return git_remote_fetch(remote, &wanted, &options, NULL);
}

static int fail_remote(struct call *call, const struct credentials *credentials, const char *url,
	struct error *err)
{
	const git_error *last = git_error_last();
	bool denied = credentials->denied || (last && last->klass == GIT_ERROR_SSL);

	call->status = denied ? GIT_DENIED : GIT_UNREACHABLE;
	return fail_git(err, "%s", url);
}

int remote_ask(struct call *call, git_remote *remote, const char *url, struct credentials *credentials,
	const git_remote_head ***heads, size_t *n, struct error *err)
{
	const char *ca = getenv("DEVENV_SYNC_CA_FILE");
	git_remote_connect_options options;

	if (ca && *ca && git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, ca, NULL) < 0)
		return fail_git(err, "certificates of %s", ca);
	git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, credentials);
	options.proxy_opts.type = GIT_PROXY_AUTO;
	alarm(stall());
	if (git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options) < 0 ||
		git_remote_ls(heads, n, remote) < 0)
		return fail_remote(call, credentials, url, err);
	return 0;
}

static int talk(struct call *call, git_remote *remote, const char *url, bool *fetched,
	struct error *err)
{
	struct credentials credentials = {0};
	const git_remote_head **heads;
	size_t n;

	if (remote_ask(call, remote, url, &credentials, &heads, &n, err) < 0)
		return -1;
	*fetched = !is_same(call, heads, n);
	if (*fetched) {
		const char *own = head_of(call, remote);

		if (download(remote, &credentials) < 0)
			return fail_remote(call, &credentials, url, err);
		remember_head(call, own); /* it leads nowhere before */
	}
	alarm(0);
	git_remote_disconnect(remote);
	return 0;
}

int verb_fetch(struct call *call, struct error *err)
{
	const char *path = call->args[0], *url = call->args[1];
	git_remote *remote;
	bool fetched = false;

	if (open_or_make(call, path, err) < 0)
		return -1;
	if (git_remote_create_anonymous(&remote, call->repo, url) < 0)
		return fail_git(err, "%s", url);
	if (talk(call, remote, url, &fetched, err) < 0)
		return -1;
	if (fetched)
		repack(call, path);
	printf("fetched %s\n", fetched ? "yes" : "no");
	return print_resolved(call, call->args[2], call->args[3], call->n > 4 ? call->args[4] : NULL, err);
}
