/* Names of syncs and of results, and what can be told to be wrong before anything is asked. */
#include "base/fs.h"
#include "base/hash.h"
#include "loop/sync/internal.h"

#include <ctype.h>
#include <string.h>

const char *sync_result_str(enum sync_result result)
{
	static const char *const names[] = {
		[SYNC_UNCHANGED] = "unchanged",
		[SYNC_OK] = "ok",
		[SYNC_SEEN] = "seen",
		[SYNC_HELD] = "held",
		[SYNC_FAILED] = "failed",
		[SYNC_INVALID] = "invalid",
		[SYNC_REFUSED] = "refused",
		[SYNC_UNREACHABLE] = "unreachable",
		[SYNC_WAITING] = "waiting",
		[SYNC_SUSPENDED] = "suspended",
		[SYNC_INTERRUPTED] = "interrupted",
		[SYNC_BROKEN] = "broken",
	};

	return names[result];
}

static void hash_text(struct hasher *hasher, const char *text)
{
	hasher_add_str(hasher, text ? text : "", text ? strlen(text) : 0);
}

const char *sync_name(struct arena *arena, const struct sync_spec *spec)
{
	const char *base = fs_name(fs_normalise(arena, spec->url));
	size_t len = strlen(base);
	char hex[HASH_HEX], *name;
	struct hasher hasher;
	struct hash hash;

	if (len > 4 && strcmp(base + len - 4, ".git") == 0)
		len -= 4;
	hasher_init(&hasher);
	hash_text(&hasher, spec->url);
	hash_text(&hasher, spec->kind);
	hash_text(&hasher, spec->value);
	hash_text(&hasher, spec->path);
	hash_text(&hasher, spec->environment);
	hasher_finish(&hasher, &hash);
	hash_hex(&hash, hex);
	name = arena_printf(arena, "%.*s-%.6s", len < 40 ? (int)len : 40, base, hex);
	for (char *c = name; *c; c++)
		*c = isalnum((unsigned char)*c) || strchr("-_.", *c) ? *c : '-';
	return name;
}

static int check_name(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (len && len <= 60 && *name != '.' && strspn(name, "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len)
		return 0;
	return error_set(err, ERROR_INVALID,
		"\"%s\" is no name: up to 60 letters, digits, \"-\", \"_\" and \".\"", name);
}

/* "https://user:secret@host": it would stand in argv, in state and in logs. */
static bool has_password(const char *url)
{
	const char *host = strstr(url, "://"), *at, *colon, *slash;

	if (!host)
		return false;
	host += 3;
	slash = strchr(host, '/');
	at = memchr(host, '@', slash ? (size_t)(slash - host) : strlen(host));
	colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
	return colon != NULL;
}

static bool has_scheme(const char *url)
{
	static const char *const schemes[] = {"https://", "http://", "ssh://", "file:///"};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static int check_url(const char *url, struct error *err)
{
	if (has_password(url))
		return error_set(err, ERROR_INVALID, "a password in the URL would be seen by everyone: "
			"give it by DEVENV_SYNC_TOKEN, --token-file or git's credential helper");
	if (!has_scheme(url))
		return error_set(err, ERROR_INVALID,
			"%s: a URL begins with https://, ssh:// or file:///", url);
	if (strpbrk(url, " \n\t"))
		return error_set(err, ERROR_INVALID, "a URL has no blanks");
	return 0;
}

static int check_path(const char *path, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *normal = fs_normalise(&arena, path);
	bool fine = *path != '/' && strcmp(normal, "..") != 0 && strncmp(normal, "../", 3) != 0;

	arena_release(&arena);
	return fine ? 0 : error_set(err, ERROR_INVALID, "--path %s leaves the repository", path);
}

/* Keys that a commit could change would vouch for themselves. */
static int check_keys(const struct sync_spec *spec, const char *home, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *folder = sync_folder(&arena, home, spec->name), *real, *own;
	int status = 0;

	if (spec->verify != SYNC_VERIFY_NOT && (!spec->keys || !spec->keys[0]))
		status = error_set(err, ERROR_INVALID, "--verify needs --keys FILE");
	for (size_t i = 0; status == 0 && spec->keys && spec->keys[i]; i++) {
		status = fs_real(&arena, spec->keys[i], &real, err);
		own = folder;
		if (status == 0 && fs_exists(folder))
			status = fs_real(&arena, folder, &own, err);
		if (status == 0 && fs_relative(own, real) != real)
			status = error_set(err, ERROR_INVALID,
				"%s lies in the folder that the repository is written to", spec->keys[i]);
	}
	arena_release(&arena);
	return status;
}

static int check_reports(const struct sync_spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->n_reports; i++) {
		const struct sync_report *report = &spec->reports[i];

		if (!report_is_known(report->kind))
			return error_set(err, ERROR_INVALID, "\"%s\" is told nothing: there are github, "
				"gitlab, gitea, azure, webhook and slack", report->kind);
		if (strncmp(report->url, "https://", 8) != 0 && strncmp(report->url, "http://", 7) != 0)
			return error_set(err, ERROR_INVALID, "%s is no URL", report->url);
	}
	return 0;
}

int sync_spec_check(const struct sync_spec *spec, const char *home, struct error *err)
{
	if (check_url(spec->url, err) < 0 || check_name(spec->name, err) < 0 ||
		check_path(spec->path, err) < 0 || check_keys(spec, home, err) < 0 ||
		check_reports(spec, err) < 0)
		return -1;
	if (spec->verify == SYNC_VERIFY_TAGS && strcmp(spec->kind, "tag") != 0)
		return error_set(err, ERROR_INVALID, "--verify tags needs --tag PATTERN");
	if (strpbrk(spec->value, "\n") || *spec->value == '-')
		return error_set(err, ERROR_INVALID, "\"%s\" is no %s", spec->value, spec->kind);
	return 0;
}
