/*
 * update: a folder becomes what a commit says, file by file. FOLDER.index lists what was put there; what
 * is not in it belongs to somebody else and is never touched. Each file is written beside itself and
 * renamed, so a reader sees the old one or the new one.
 *
 * Invariant: what lies in the folder is listed in FOLDER.index or in FOLDER.next. An update that was
 * killed left FOLDER.next: of what it names nothing is taken for true, so the next one writes it again.
 */
#include "git/git.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
	const char *path;
	git_oid oid;
	unsigned mode; /* of git; 0: what lies there is not known */
};

struct list {
	struct file *items;
	size_t n, cap;
	struct map index;
};

struct update {
	struct call *call;
	const char *folder;
	struct limits limits;
	struct list old, wanted;
	size_t written, removed;
	struct error *err;
};

static void list_add(struct arena *arena, struct list *list, struct file file)
{
	uint32_t at = map_get(&list->index, file.path);

	if (at != MAP_NONE) {
		list->items[at] = file;
		return;
	}
	ARENA_GROW(arena, list->items, list->n, list->cap);
	map_add(&list->index, file.path, (uint32_t)list->n);
	list->items[list->n++] = file;
}

/* --- the lists ---------------------------------------------------------------------------------- */

static const char *beside(struct update *u, const char *suffix)
{
	return arena_printf(&u->call->arena, "%s.%s", u->folder, suffix);
}

static int read_list(struct update *u, const char *suffix, bool certain)
{
	struct arena *arena = &u->call->arena;
	const char *text, *line;
	struct error err = ERROR_INIT;
	size_t len;

	if (fs_read(beside(u, suffix), arena, &text, &len, &err) < 0) {
		if (err.code == ERROR_NOT_FOUND)
			return 0;
		*u->err = err;
		return -1;
	}
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct file file = {0};
		char oid[GIT_OID_HEXSZ + 1];
		int at = 0;

		if (sscanf(line, "%o %40s %n", &file.mode, oid, &at) < 2 || !at ||
			git_oid_fromstr(&file.oid, oid) < 0)
			continue; /* a line cut off by a power failure: its file is written again */
		file.path = arena_strndup(arena, line + at, strcspn(line + at, "\n"));
		if (!certain)
			file.mode = 0;
		list_add(arena, &u->old, file);
	}
	return 0;
}

static int write_list(struct update *u, const char *suffix)
{
	struct strbuf text = STRBUF_INIT;
	int result;

	for (size_t i = 0; i < u->wanted.n; i++) {
		char oid[GIT_OID_HEXSZ + 1];

		git_oid_tostr(oid, sizeof(oid), &u->wanted.items[i].oid);
		strbuf_addf(&text, "%06o %s %s\n", u->wanted.items[i].mode, oid, u->wanted.items[i].path);
	}
	result = fs_write(beside(u, suffix), beside(u, "new"), text.text, text.len, 0600, 0, u->err);
	strbuf_release(&text);
	return result;
}

static int see_entry(const char *root, const git_tree_entry *entry, void *arg)
{
	struct update *u = arg;
	const char *path = arena_printf(&u->call->arena, "%s%s", root, git_tree_entry_name(entry));
	struct file file = {path, *git_tree_entry_id(entry), git_tree_entry_filemode(entry)};

	if (check_entry(u->call->repo, path, entry, &u->limits, u->err) < 0)
		return fail_as(u->call, GIT_REFUSED);
	if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB)
		list_add(&u->call->arena, &u->wanted, file);
	return 0;
}

static int read_commit(struct update *u, const char *name)
{
	git_commit *commit;
	git_tree *tree;
	git_oid oid;

	if (git_oid_fromstr(&oid, name) < 0 || git_commit_lookup(&commit, u->call->repo, &oid) < 0 ||
		git_commit_tree(&tree, commit) < 0)
		return fail_git(u->err, "commit %s", name);
	if (git_tree_walk(tree, GIT_TREEWALK_PRE, see_entry, u) < 0)
		return *u->err->msg ? -1 : fail_git(u->err, "commit %s", name);
	return 0;
}

/* --- the folder --------------------------------------------------------------------------------- */

/* Each parent is a real folder: what is something else and not ours ends the update. */
static int make_parents(struct update *u, const char *path)
{
	const char *slash = path;

	while ((slash = strchr(slash, '/'))) {
		const char *folder = arena_printf(&u->call->arena, "%s/%.*s", u->folder,
			(int)(slash - path), path);
		enum fs_kind kind;

		if (mkdir(folder, 0755) < 0) {
			if (errno != EEXIST)
				return error_errno(u->err, "make %s", folder);
			if (fs_look(folder, &kind, NULL, u->err) < 0)
				return -1;
			if (kind != FS_DIRECTORY)
				return error_set(u->err, ERROR_CONFLICT,
					"%s is in the way: a %s that is not of the repository", folder,
					fs_kind_str(kind));
		}
		slash++;
	}
	return 0;
}

static int write_link(struct update *u, const char *path, const char *temporary, const git_blob *blob)
{
	const char *target = arena_strndup(&u->call->arena, git_blob_rawcontent(blob),
		git_blob_rawsize(blob));

	unlink(temporary);
	if (symlink(target, temporary) < 0 || rename(temporary, path) < 0)
		return error_errno(u->err, "write %s", path);
	return 0;
}

static int write_blob(struct update *u, const char *path, const struct file *file,
	const git_blob *blob)
{
	/* Of 12 letters, whatever the name: a long one has no room for more. */
	const char *temporary = arena_printf(&u->call->arena, "%s/.devenv-new~",
		fs_parent(&u->call->arena, path));

	if (file->mode == GIT_FILEMODE_LINK)
		return write_link(u, path, temporary, blob);
	return fs_write(path, temporary, git_blob_rawcontent(blob), git_blob_rawsize(blob),
		file->mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644, FS_VOLATILE, u->err);
}

static int write_file(struct update *u, const struct file *file)
{
	const char *path = arena_printf(&u->call->arena, "%s/%s", u->folder, file->path);
	git_blob *blob;
	int result;

	if (make_parents(u, file->path) < 0)
		return -1;
	if (git_blob_lookup(&blob, u->call->repo, &file->oid) < 0)
		return fail_git(u->err, "%s", file->path);
	result = write_blob(u, path, file, blob);
	git_blob_free(blob);
	u->written++;
	return result;
}

/* With the folders that become empty by it; somebody else's files keep theirs. */
static int remove_file(struct update *u, const char *path)
{
	const char *full = arena_printf(&u->call->arena, "%s/%s", u->folder, path);

	if (unlink(full) < 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
		return error_errno(u->err, "remove %s", full);
	u->removed++;
	for (;;) {
		full = fs_parent(&u->call->arena, full);
		if (strlen(full) <= strlen(u->folder) || rmdir(full) < 0)
			return 0;
	}
}

static int remove_old(struct update *u)
{
	for (size_t i = 0; i < u->old.n; i++) {
		const struct file *file = &u->old.items[i];
		uint32_t at = map_get(&u->wanted.index, file->path);

		if (at == MAP_NONE && remove_file(u, file->path) < 0)
			return -1;
	}
	return 0;
}

static bool is_there(const struct update *u, const struct file *file)
{
	uint32_t at = map_get(&u->old.index, file->path);
	const struct file *old = at == MAP_NONE ? NULL : &u->old.items[at];

	return old && old->mode == file->mode && git_oid_equal(&old->oid, &file->oid);
}

static int write_new(struct update *u)
{
	for (size_t i = 0; i < u->wanted.n; i++) {
		if (!is_there(u, &u->wanted.items[i]) && write_file(u, &u->wanted.items[i]) < 0)
			return -1;
	}
	return 0;
}

static bool is_equal(const struct update *u)
{
	if (u->old.n != u->wanted.n)
		return false;
	for (size_t i = 0; i < u->wanted.n; i++) {
		if (!is_there(u, &u->wanted.items[i]))
			return false;
	}
	return true;
}

static void print_changed(const struct update *u)
{
	for (size_t i = 0; i < u->old.n; i++) {
		if (map_get(&u->wanted.index, u->old.items[i].path) == MAP_NONE)
			printf("changed %s\n", u->old.items[i].path);
	}
	for (size_t i = 0; i < u->wanted.n; i++) {
		if (!is_there(u, &u->wanted.items[i]))
			printf("changed %s\n", u->wanted.items[i].path);
	}
}

static int carry_out(struct update *u)
{
	cleanup_fd int fd = -1;

	if (write_list(u, "next") < 0 || fs_make_dirs(u->folder, 0755, &u->call->arena, NULL, u->err) < 0)
		return -1;
	fd = open(u->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(u->err, "open %s", u->folder);
	if (remove_old(u) < 0 || write_new(u) < 0)
		return -1;
	if (syncfs(fd) < 0)
		return error_errno(u->err, "sync %s", u->folder);
	if (rename(beside(u, "next"), beside(u, "index")) < 0)
		return error_errno(u->err, "rename %s", beside(u, "next"));
	return fs_sync_dir(fs_parent(&u->call->arena, u->folder), u->err);
}

/* What the clone should hold and does not can only be fetched anew. */
static int fail_damaged(struct call *call)
{
	const git_error *last = git_error_last();
	bool damaged = last && (last->klass == GIT_ERROR_ODB || last->klass == GIT_ERROR_ZLIB ||
		last->klass == GIT_ERROR_OBJECT);

	if (call->status == GIT_FAILED && damaged)
		call->status = GIT_DAMAGED;
	return -1;
}

int verb_update(struct call *call, struct error *err)
{
	char **args = call->args;
	struct update u = {.call = call, .folder = args[2], .err = err, .limits = {.path = args[3],
		.max_files = strtoul(args[4], NULL, 10), .max_bytes = strtoull(args[5], NULL, 10)}};

	if (clone_open(call, args[0], err) < 0)
		return -1;
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
	if (read_list(&u, "index", true) < 0 || read_list(&u, "next", false) < 0)
		return -1;
	git_error_clear();
	if (read_commit(&u, args[1]) < 0)
		return fail_damaged(call);
	print_changed(&u);
	if (!is_equal(&u) && carry_out(&u) < 0)
		return fail_damaged(call);
	printf("files %zu\nwritten %zu\nremoved %zu\n", u.wanted.n, u.written, u.removed);
	return 0;
}
