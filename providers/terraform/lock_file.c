/*
 * .terraform.lock.hcl: which versions of which providers, and the sums of their packages. "zh:" is that of an
 * archive, which cannot be told from what was unpacked of it; "h1:" is that of the files in it, on one
 * platform. A file made on another platform has no "h1:" for this one: init takes the package by its
 * "zh:", but plan refuses it. The programs write what is missing into the file; ours is a mirror, and
 * gets it from us.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"
#include "base/texts.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PACKAGE_DEPTH = 20 };

/* --- the sum of a package -------------------------------------------------------------------------- */

/* A line of `sha256sum`, as go.sum's "h1:" has it. */
static int add_file(crypto_hash_sha256_state *sum, const char *path, const char *name, struct arena *arena)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t hash[crypto_hash_sha256_BYTES], piece[65536];
	char hex[2 * sizeof(hash) + 1];
	crypto_hash_sha256_state state;
	const char *line;
	ssize_t n;

	if (fd < 0)
		return -1;
	crypto_hash_sha256_init(&state);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		crypto_hash_sha256_update(&state, piece, (size_t)n);
	if (n < 0)
		return -1;
	crypto_hash_sha256_final(&state, hash);
	line = arena_printf(arena, "%s  %s\n", sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)), name);
	crypto_hash_sha256_update(sum, (const uint8_t *)line, strlen(line));
	return 0;
}

struct names {
	struct arena *arena;
	const char **items;
	size_t n, cap;
};

static int collect(struct names *all, const char *root, const char *below, int depth)
{
	const char *const *names;
	size_t n;

	if (depth > PACKAGE_DEPTH || fs_list(fs_join(all->arena, root, below), all->arena, &names, &n, NULL))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *name = *below ? fs_join(all->arena, below, names[i]) : names[i];
		enum fs_kind kind;

		if (fs_look(fs_join(all->arena, root, name), &kind, NULL, NULL))
			return -1;
		if (kind == FS_DIRECTORY) {
			if (collect(all, root, name, depth + 1))
				return -1;
			continue;
		}
		ARENA_GROW(all->arena, all->items, all->n, all->cap);
		all->items[all->n++] = name;
	}
	return 0;
}

/* "h1:...", in quotes; NULL: it cannot be read. */
static const char *package_hash(struct arena *arena, const char *package)
{
	struct names all = {.arena = arena};
	uint8_t hash[crypto_hash_sha256_BYTES];
	char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
	crypto_hash_sha256_state sum;

	if (collect(&all, package, "", 0))
		return NULL;
	texts_sort(all.items, all.n);
	crypto_hash_sha256_init(&sum);
	for (size_t i = 0; i < all.n; i++) {
		if (add_file(&sum, fs_join(arena, package, all.items[i]), all.items[i], arena))
			return NULL;
	}
	crypto_hash_sha256_final(&sum, hash);
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
	return arena_printf(arena, "\"h1:%s\"", text);
}

/* --- the file -------------------------------------------------------------------------------------- */

/* It is written by the programs, always in one form. */
struct block {
	const char *address; /* "registry.terraform.io/hashicorp/aws"; NULL: not to be read */
	const char *version;
	const char *hashes;  /* after the line that begins their list; NULL: there is none */
};

/* What stands between the first quotes at or after `at`, and ends before `end`; NULL: nothing. */
static const char *quoted(struct arena *arena, const char *at, const char *end)
{
	const char *open = at && at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
	const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;

	return close ? arena_printf(arena, "%.*s", (int)(close - open - 1), open + 1) : NULL;
}

/* The block at *at, which is moved behind it. */
static bool next_block(struct arena *arena, const char **at, struct block *out)
{
	static const char head[] = "provider \"", hashes[] = "\n  hashes = [\n";
	const char *begin = strncmp(*at, head, strlen(head)) == 0 ? *at : strstr(*at, "\nprovider \"");
	const char *end;

	if (!begin)
		return false;
	end = strstr(begin, "\n}");
	if (!end)
		end = begin + strlen(begin);
	out->address = quoted(arena, begin, end);
	out->version = quoted(arena, strstr(begin, "\n  version "), end);
	out->hashes = strstr(begin, hashes);
	out->hashes = out->hashes && out->hashes < end ? out->hashes + strlen(hashes) : NULL;
	*at = end;
	return true;
}

/* The packages of its version below `packages`, a folder for each platform: usually one, or none. */
static int list_packages(struct arena *arena, const struct block *block, const char *packages,
	const char **folder, const char *const **platforms, size_t *n)
{
	*n = 0;
	if (!block->address || !block->version)
		return -1;
	*folder = arena_printf(arena, "%s/%s/%s", packages, block->address, block->version);
	return fs_exists(*folder) ? fs_list(*folder, arena, platforms, n, NULL) : 0;
}

bool lock_file_vouches(struct arena *arena, const char *text, const char *packages)
{
	struct block block;

	for (const char *at = text; next_block(arena, &at, &block);) {
		const char *const *platforms;
		const char *folder;
		size_t n;

		if (list_packages(arena, &block, packages, &folder, &platforms, &n))
			return false;
		for (size_t i = 0; i < n; i++) {
			const char *hash = package_hash(arena, fs_join(arena, folder, platforms[i]));

			if (!hash || !strstr(text, hash))
				return false;
		}
	}
	return true;
}

const char *lock_file_complete(struct arena *arena, const char *text, const char *packages)
{
	struct strbuf cleanup_strbuf out = STRBUF_INIT;
	const char *done = text;
	struct block block;

	for (const char *at = text; next_block(arena, &at, &block);) {
		const char *const *platforms;
		const char *folder;
		size_t n;

		if (!block.hashes || list_packages(arena, &block, packages, &folder, &platforms, &n))
			continue;
		for (size_t i = 0; i < n; i++) {
			const char *hash = package_hash(arena, fs_join(arena, folder, platforms[i]));

			if (!hash || strstr(text, hash))
				continue;
			strbuf_add(&out, done, (size_t)(block.hashes - done));
			strbuf_addf(&out, "    %s,\n", hash);
			done = block.hashes;
		}
	}
	if (done == text)
		return NULL;
	strbuf_addstr(&out, done);
	return arena_printf(arena, "%s", out.text);
}

bool lock_file_is_completed(const char *text, const char *source)
{
	static const char added[] = "    \"h1:";

	while (*text) {
		size_t len = strcspn(text, "\n");

		len += text[len] == '\n';
		if (strncmp(text, source, len) == 0)
			source += len;
		else if (strncmp(text, added, strlen(added)) != 0)
			return false;
		text += len;
	}
	return !*source;
}
