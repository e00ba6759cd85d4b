/* See checkout.h. The id is 16 random hex digits; its folder ignores itself in git. */
#include "engine/checkout.h"

#include "base/fs.h"

#include <string.h>
#include <sys/stat.h>

enum { CHECKOUT_ID = 16 };

static const char local_folder[] = ".devenv/local";

static const char *id_path(const char *root, struct arena *arena)
{
	return arena_printf(arena, "%s/%s/id", root, local_folder);
}

static int read_id(const char *root, struct arena *arena, const char **id, struct error *err)
{
	const char *text;
	size_t len;

	*id = NULL;
	if (fs_read(id_path(root, arena), arena, &text, &len, err) < 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	if (len < CHECKOUT_ID || strspn(text, "0123456789abcdef") != CHECKOUT_ID)
		return error_set(err, ERROR_INVALID,
			"%s holds no checkout id; remove it, and the next apply finds its environment again",
			id_path(root, arena));
	*id = arena_strndup(arena, text, CHECKOUT_ID);
	return 0;
}

/* Where state last saw this id: is that folder still there, and another one? */
static bool lives_elsewhere(const struct environment *known, const struct checkout *here,
	struct arena *arena)
{
	struct error err = ERROR_INIT;
	const char *id;
	struct stat st;

	if (!known->root || strcmp(known->root, here->root) == 0)
		return false;
	if (stat(known->root, &st) < 0 || (st.st_dev == here->device && st.st_ino == here->inode))
		return false;
	return read_id(known->root, arena, &id, &err) == 0 && id && strcmp(id, here->id) == 0;
}

int checkout_look(const char *root, struct state *state, struct arena *arena, struct checkout *out,
	struct error *err)
{
	struct environment *known;
	struct stat st;
	size_t n;

	*out = (struct checkout){0};
	if (fs_real(arena, root, &out->root, err) < 0)
		return -1;
	if (stat(out->root, &st) < 0)
		return error_errno(err, "look at %s", out->root);
	out->device = st.st_dev;
	out->inode = st.st_ino;
	if (read_id(out->root, arena, &out->id, err) < 0)
		return -1;
	if (!out->id) { /* the file is gone, but the path is known: attach again */
		if (state_environments_at(state, out->root, arena, &known, &n, err) < 0)
			return -1;
		if (n)
			out->id = known[0].checkout;
		return 0;
	}
	if (state_environments(state, arena, &known, &n, err) < 0)
		return -1;
	out->unknown = true;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(known[i].checkout, out->id) != 0)
			continue;
		out->unknown = false;
		if (lives_elsewhere(&known[i], out, arena))
			out->copied = out->id;
	}
	if (out->copied)
		out->id = NULL;
	return 0;
}

bool checkout_is_gone(const struct environment *environment, struct arena *arena)
{
	struct error err = ERROR_INIT;
	const char *id;

	if (!environment->root || !fs_exists(environment->root))
		return true;
	/* without an id it is attached again by its path */
	return read_id(environment->root, arena, &id, &err) == 0 && id &&
	       strcmp(id, environment->checkout) != 0;
}

/* What stands there is somebody's wish, or ours of an earlier run: both stay. */
static int ignore_folder(const char *folder, const char *suffix, struct arena *arena,
	struct error *err)
{
	const char *path = arena_printf(arena, "%s/.gitignore", folder);

	if (fs_exists(path))
		return 0;
	return fs_write(path, arena_printf(arena, "%s.%s", path, suffix), "*\n", 2, 0644, 0, err);
}

static int write_id(struct checkout *checkout, const char *suffix, struct arena *arena,
	struct error *err)
{
	const char *path = id_path(checkout->root, arena);
	char id[CHECKOUT_ID + 2];

	if (checkout->id)
		memcpy(id, checkout->id, CHECKOUT_ID);
	else
		random_hex(id, CHECKOUT_ID);
	id[CHECKOUT_ID] = '\n';
	id[CHECKOUT_ID + 1] = '\0';
	if (fs_write(path, arena_printf(arena, "%s.%s", path, suffix), id, CHECKOUT_ID + 1, 0644,
		    FS_EXCLUSIVE, err) < 0 && err->code != ERROR_CONFLICT)
		return -1;
	return 0;
}

int checkout_claim(struct checkout *checkout, struct arena *arena, struct error *err)
{
	const char *folder = arena_printf(arena, "%s/%s", checkout->root, local_folder);
	const char *there;
	char suffix[9];

	random_hex(suffix, 8);
	if (fs_make_dirs(folder, 0755, arena, NULL, err) < 0 ||
		ignore_folder(folder, suffix, arena, err) < 0 ||
		read_id(checkout->root, arena, &there, err) < 0)
		return -1;
	if (there && checkout->copied && strcmp(there, checkout->copied) == 0) {
		if (fs_remove(id_path(checkout->root, arena), err) < 0)
			return -1;
		there = NULL;
	}
	if (!there) {
		if (write_id(checkout, suffix, arena, err) < 0 ||
			read_id(checkout->root, arena, &there, err) < 0) /* that of another, if it was faster */
			return -1;
	}
	checkout->id = there;
	checkout->copied = NULL;
	return 0;
}

int checkout_find_root(const char *directory, struct arena *arena, const char **root,
	struct error *err)
{
	const char *at = directory;

	for (;;) {
		if (fs_exists(id_path(at, arena))) {
			*root = at;
			return 0;
		}
		if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
			return error_set(err, ERROR_NOT_FOUND,
				"there is no environment in %s or above it", directory);
		at = fs_parent(arena, at);
	}
}

/* The path as state wrote it down: links in it resolved. */
static int find_known(struct state *state, const char *at, struct arena *arena, const char **root)
{
	struct error err = ERROR_INIT;
	struct environment *known;
	size_t n;

	for (;; at = fs_parent(arena, at)) {
		if (state_environments_at(state, at, arena, &known, &n, &err) < 0)
			return -1;
		if (n) {
			*root = at;
			return 0;
		}
		if (strcmp(at, "/") == 0)
			return -1;
	}
}

int checkout_find_known(const char *directory, const char *home, const struct clock *clock,
	struct arena *arena, const char **root)
{
	struct error err = ERROR_INIT;
	struct state *state = state_open(home, STATE_READ, clock, &err);
	const char *real;
	int result = -1;

	if (state && fs_real(arena, directory, &real, &err) == 0)
		result = find_known(state, real, arena, root);
	state_free(state);
	return result;
}
