/*
 * The home's key lives apart from the database (a copy of one alone tells nothing) or in DEVENV_KEY.
 * The database remembers the id of the key from the first stored secret on; from then a missing key
 * is never made anew, because that would look like a change of every secret.
 */
#include "state/db.h"

#include "base/fs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse_file(const char *path, const char *text, struct secret_key *key,
	struct error *err)
{
	char hex[2 * SECRET_KEY_SIZE + 1];
	size_t len = strcspn(text, "\r\n");
	int result = -1;

	if (len < sizeof(hex)) {
		memcpy(hex, text, len);
		hex[len] = '\0';
		result = secret_key_parse(hex, key, err);
	}
	sodium_memzero(hex, sizeof(hex));
	if (result < 0)
		return error_set(err, ERROR_CORRUPT,
			"%s is damaged (a key is 64 hexadecimal digits): restore it or set DEVENV_KEY",
			path);
	return 0;
}

static int make_file(const char *path, const char *temporary, struct secret_key *key,
	struct error *err)
{
	char hex[2 * SECRET_KEY_SIZE + 2];
	int result;

	secret_key_generate(key);
	secret_key_hex(key, hex);
	hex[sizeof(hex) - 2] = '\n';
	result = fs_write(path, temporary, hex, sizeof(hex) - 1, 0600, FS_EXCLUSIVE, err);
	sodium_memzero(hex, sizeof(hex));
	if (result < 0)
		key->id[0] = '\0';
	return result;
}

/* The key file is ours alone, also when it was copied here carelessly. */
static void tighten(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & 077 && st.st_uid == geteuid())
		chmod(path, 0600);
}

static int load_file(struct state *state, bool create, struct arena *arena, struct error *err)
{
	const char *path = arena_printf(arena, "%s/key", state->home), *text;
	struct error why = ERROR_INIT;
	size_t len;

	if (fs_read(path, arena, &text, &len, &why) == 0) {
		if (create)
			tighten(path);
		return parse_file(path, text, &state->key, err);
	}
	if (why.code != ERROR_NOT_FOUND) {
		if (err)
			*err = why;
		return -1;
	}
	if (create && !state->key_id[0])
		return make_file(path, arena_printf(arena, "%s.new", path), &state->key, err);
	return 0; /* none yet, or lost */
}

int key_load(struct state *state, bool create, struct error *err)
{
	const char *given = getenv("DEVENV_KEY");
	struct arena arena = ARENA_INIT;
	int result;

	if (given && *given) {
		result = secret_key_parse(given, &state->key, err);
		return result < 0 ? error_wrap(err, "DEVENV_KEY") : 0;
	}
	result = load_file(state, create, &arena, err);
	arena_release(&arena);
	return result;
}

const struct secret_key *state_key(const struct state *state)
{
	return state->key.id[0] ? &state->key : NULL;
}

int state_key_check(const struct state *state, struct error *err)
{
	if (!state->key_id[0] || strcmp(state->key_id, state->key.id) == 0)
		return 0;
	if (!state->key.id[0])
		return error_set(err, ERROR_CORRUPT,
			"the secrets in %s need the key %s, which is lost: restore %s/key or set "
			"DEVENV_KEY", state->path, state->key_id, state->home);
	return error_set(err, ERROR_CORRUPT,
		"the secrets in %s need the key %s, but the key here is %s: restore %s/key or set "
		"DEVENV_KEY", state->path, state->key_id, state->key.id, state->home);
}

/* Another process may have been the first since we looked: its key counts. */
static int remember(struct state *state, struct error *err)
{
	sqlite3_stmt *row;

	if (db_run(state, err, "INSERT INTO meta (key, value) VALUES ('key', ?)"
		" ON CONFLICT (key) DO NOTHING", "s", state->key.id) < 0)
		return -1;
	row = db_query(state, err, "SELECT value FROM meta WHERE key = 'key'", "");
	if (db_next(state, row, err) < 0)
		return -1;
	sqlite3_snprintf(sizeof(state->key_id), state->key_id, "%s",
		(const char *)sqlite3_column_text(row, 0));
	db_done(row);
	state->key_id_pending = true;
	return 0;
}

/* Is there a stored form of a secret (json.h)? Looks for the rare byte first. */
static bool holds_secret(const char *text, size_t len)
{
	static const char *const marks[] = {"{\"$sealed\":", "{\"$keyed\":"};
	const char *end = text + len, *at = text;

	while ((at = memchr(at, '$', (size_t)(end - at)))) {
		for (size_t i = 0; i < ARRAY_SIZE(marks) && at - text >= 2; i++) {
			size_t n = strlen(marks[i]);

			if ((size_t)(end - at) + 2 >= n && memcmp(at - 2, marks[i], n) == 0)
				return true;
		}
		at++;
	}
	return false;
}

int key_used(struct state *state, const char *text, size_t len, struct error *err)
{
	if (!holds_secret(text, len))
		return 0;
	if (!state->key_id[0] && remember(state, err) < 0)
		return -1;
	if (state_key_check(state, err) < 0) {
		state->failed = true;
		return -1;
	}
	return 0;
}
