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
	for (size_t i = 0; i < n; i++) {
		if (strcmp(known[i].checkout, out->id) == 0 &&
			lives_elsewhere(&known[i], out, arena))
			out->copied = true;
	}
	if (out->copied)
		out->id = NULL;
	return 0;
}

int checkout_claim(struct checkout *checkout, struct arena *arena, struct error *err)
{
	const char *folder = arena_printf(arena, "%s/%s", checkout->root, local_folder);
	const char *path = id_path(checkout->root, arena);
	char id[CHECKOUT_ID + 2], suffix[9];
	const char *there;

	if (fs_make_dirs(folder, 0755, arena, NULL, err) < 0)
		return -1;
	random_hex(suffix, 8);
	if (fs_write(arena_printf(arena, "%s/.gitignore", folder),
		    arena_printf(arena, "%s/.gitignore.%s", folder, suffix), "*\n", 2, 0644, 0, err) < 0)
		return -1;
	if (checkout->id) {
		memcpy(id, checkout->id, CHECKOUT_ID);
	} else {
		random_hex(id, CHECKOUT_ID);
		if (checkout->copied && fs_remove(path, err) < 0)
			return -1;
	}
	id[CHECKOUT_ID] = '\n';
	id[CHECKOUT_ID + 1] = '\0';
	if (fs_write(path, arena_printf(arena, "%s.%s", path, suffix), id, CHECKOUT_ID + 1, 0644,
		    FS_EXCLUSIVE, err) < 0 && err->code != ERROR_CONFLICT)
		return -1;
	if (read_id(checkout->root, arena, &there, err) < 0)
		return -1;
	checkout->id = there;
	checkout->copied = false;
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
