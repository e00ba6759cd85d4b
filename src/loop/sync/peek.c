/*
 * The cheapest look: a branch of a repository of this machine is a small file, and when it holds the
 * commit that was judged last there is nothing to fetch; tags are some more of them, which have not changed
 * when all together have the hash that they had before the last fetch. It only ever says "certainly
 * nothing new"; whatever is not as simple as that (other formats of refs, linked worktrees) is fetched.
 */
#include "loop/sync/internal.h"

#include "base/fs.h"

#include <string.h>

enum { OID = OID_HEX - 1 };

/* The folder of git in a local repository; NULL: it is not that simple. */
static const char *repository_of(const char *url, struct arena *arena)
{
	static const char scheme[] = "file://";
	const char *path = url + sizeof(scheme) - 1, *inside;
	enum fs_kind kind;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0 || *path != '/' || strpbrk(path, "%?#"))
		return NULL;
	inside = fs_join(arena, path, ".git");
	if (fs_look(inside, &kind, NULL, NULL) < 0 || (kind != FS_ABSENT && kind != FS_DIRECTORY))
		return NULL;
	return kind == FS_DIRECTORY ? inside : path;
}

static const char *read_small(struct arena *arena, const char *folder, const char *name)
{
	const char *text;
	size_t len;

	return fs_read(fs_join(arena, folder, name), arena, &text, &len, NULL) < 0 ? NULL : text;
}

/* "ref: refs/heads/main"; NULL: a commit, or something else. */
static const char *head_of(struct arena *arena, const char *folder)
{
	static const char prefix[] = "ref: ";
	const char *text = read_small(arena, folder, "HEAD");

	if (!text || strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	text += sizeof(prefix) - 1;
	return arena_strndup(arena, text, strcspn(text, "\r\n"));
}

/* A loose ref hides the packed one; while git moves it, one of the two is there. */
static bool holds(struct arena *arena, const char *folder, const char *ref, const char *commit)
{
	const char *text = read_small(arena, folder, ref);

	if (text)
		return strncmp(text, commit, OID) == 0 && (text[OID] == '\n' || !text[OID]);
	text = read_small(arena, folder, "packed-refs");
	for (; text && *text; text += strcspn(text, "\n"), text += *text == '\n') {
		size_t len = strlen(ref);

		if (strncmp(text, commit, OID) == 0 && text[OID] == ' ' &&
			strncmp(text + OID + 1, ref, len) == 0 && strchr("\r\n", text[OID + 1 + len]))
			return true;
	}
	return false;
}

bool peek_is_same(const struct sync_spec *spec, const char *commit, struct arena *arena)
{
	const char *folder = repository_of(spec->url, arena), *ref = NULL;

	if (!folder || !commit || strlen(commit) != OID)
		return false;
	if (strcmp(spec->kind, "branch") == 0 && !strstr(spec->value, ".."))
		ref = arena_printf(arena, "refs/heads/%s", spec->value);
	else if (strcmp(spec->kind, "head") == 0)
		ref = head_of(arena, folder);
	return ref && strncmp(ref, "refs/heads/", 11) == 0 && !strstr(ref, "..") &&
		holds(arena, folder, ref, commit);
}

/* --- tags --------------------------------------------------------------------------------------- */

enum { DEPTH = 8, LOOSE_MOST = 2000 };

struct tags {
	struct arena *arena;
	struct hasher hasher;
	size_t n;
};

static void hash_text(struct tags *tags, const char *text)
{
	hasher_add_str(&tags->hasher, text, strlen(text));
}

static bool add_loose(struct tags *tags, const char *path, int depth)
{
	const char *const *names, *text;
	struct error err = ERROR_INIT;
	enum fs_kind kind;
	size_t n, len;

	if (fs_look(path, &kind, NULL, NULL) < 0 || kind == FS_ABSENT)
		return kind == FS_ABSENT && !depth;
	if (kind != FS_DIRECTORY) {
		hash_text(tags, path);
		if (kind != FS_FILE || fs_read(path, tags->arena, &text, &len, NULL) < 0)
			return false;
		hash_text(tags, text);
		return ++tags->n <= LOOSE_MOST && strncmp(text, "ref:", 4) != 0;
	}
	if (depth == DEPTH || fs_list(path, tags->arena, &names, &n, &err) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!add_loose(tags, fs_join(tags->arena, path, names[i]), depth + 1))
			return false;
	}
	return true;
}

bool peek_tags(const struct sync_spec *spec, struct arena *arena, struct hash *out)
{
	struct tags tags = {.arena = arena};
	const char *folder = repository_of(spec->url, arena), *packed;

	if (!folder || strcmp(spec->kind, "tag") != 0 || !fs_exists(fs_join(arena, folder, "refs")) ||
		fs_exists(fs_join(arena, folder, "reftable")))
		return false;
	hasher_init(&tags.hasher);
	if (!add_loose(&tags, fs_join(arena, folder, "refs/tags"), 0))
		return false;
	/* After the loose ones: git packs a ref first, and removes the loose one then. */
	packed = read_small(arena, folder, "packed-refs");
	hash_text(&tags, packed ? packed : "");
	hasher_finish(&tags.hasher, out);
	return true;
}
