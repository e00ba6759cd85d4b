/*
 * The audit trail: each entry's hash covers the hash of the entry before, so nothing in the middle
 * can be changed, removed or put in without every later hash telling. That the end was not cut off is
 * known from the highest id that was ever given.
 */
#include "state/db.h"

#include <string.h>

static void hash_entry(const struct hash *before, const struct audit_entry *entry, struct hash *out)
{
	const char *const texts[] = {entry->environment, entry->actor, entry->event, entry->detail};
	struct hasher hasher;

	hasher_init(&hasher);
	hasher_add(&hasher, before->bytes, HASH_SIZE);
	hasher_add(&hasher, &entry->id, sizeof(entry->id));
	hasher_add(&hasher, &entry->at, sizeof(entry->at));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		hasher_add_str(&hasher, texts[i], strlen(texts[i]));
	hasher_finish(&hasher, out);
}

static void column_hash(sqlite3_stmt *row, int column, struct hash *out)
{
	const void *bytes = sqlite3_column_blob(row, column);

	memset(out, 0, sizeof(*out));
	if (bytes && sqlite3_column_bytes(row, column) == HASH_SIZE)
		memcpy(out->bytes, bytes, HASH_SIZE);
}

/* The id and hash of the newest entry; 0 and zeroes when there is none. */
static int newest(struct state *state, int64_t *id, struct hash *hash, struct error *err)
{
	sqlite3_stmt *row = db_query(state, err, "SELECT id, hash FROM audit"
		" ORDER BY id DESC LIMIT 1", "");
	int more = db_next(state, row, err);

	*id = 0;
	memset(hash, 0, sizeof(*hash));
	if (more > 0) {
		*id = sqlite3_column_int64(row, 0);
		column_hash(row, 1, hash);
		db_done(row);
	}
	return more < 0 ? -1 : 0;
}

int state_audit(struct state *state, const char *environment, const char *actor, const char *event,
	const char *detail, struct error *err)
{
	struct audit_entry entry = {
		.at = clock_wall(state->clock),
		.environment = environment ? environment : "",
		.actor = actor,
		.event = event,
		.detail = detail ? detail : "",
	};
	struct hash before, hash;

	db_need_transaction(state);
	if (newest(state, &entry.id, &before, err) < 0)
		return -1;
	entry.id++;
	hash_entry(&before, &entry, &hash);
	return db_run(state, err, "INSERT INTO audit (id, at, environment, actor, event, detail, hash)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)", "llssssb", entry.id, entry.at, entry.environment,
		entry.actor, entry.event, entry.detail, &(struct blob){hash.bytes, HASH_SIZE});
}

static struct audit_entry read_entry(sqlite3_stmt *row, struct arena *arena)
{
	struct audit_entry entry = {
		.id = sqlite3_column_int64(row, 0),
		.at = sqlite3_column_int64(row, 1),
		.environment = db_text(row, 2, arena),
		.actor = db_text(row, 3, arena),
		.event = db_text(row, 4, arena),
		.detail = db_text(row, 5, arena),
	};
	char hex[HASH_HEX];
	struct hash hash;

	column_hash(row, 6, &hash);
	entry.hash = arena_strdup(arena, hash_hex(&hash, hex));
	return entry;
}

int state_audit_entries(struct state *state, size_t limit, struct arena *arena,
	struct audit_entry **out, size_t *n, struct error *err)
{
	sqlite3_stmt *rows;
	size_t cap = 0;
	int more;

	*out = NULL;
	*n = 0;
	if (!state->db)
		return 0;
	rows = db_query(state, err, "SELECT id, at, environment, actor, event, detail, hash"
		" FROM audit ORDER BY id DESC LIMIT ?", "l",
		limit ? (int64_t)limit : (int64_t)-1);
	while ((more = db_next(state, rows, err)) > 0) {
		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = read_entry(rows, arena);
	}
	return more;
}

static bool entry_fits(sqlite3_stmt *row, int64_t id, struct hash *before)
{
	struct audit_entry entry = {
		.id = sqlite3_column_int64(row, 0),
		.at = sqlite3_column_int64(row, 1),
		.environment = (const char *)sqlite3_column_text(row, 2),
		.actor = (const char *)sqlite3_column_text(row, 3),
		.event = (const char *)sqlite3_column_text(row, 4),
		.detail = (const char *)sqlite3_column_text(row, 5),
	};
	struct hash stored, hash;

	if (entry.id != id || !entry.environment || !entry.actor || !entry.event || !entry.detail)
		return false;
	column_hash(row, 6, &stored);
	hash_entry(before, &entry, &hash);
	*before = hash;
	return hash_equal(&stored, &hash);
}

int state_audit_verify(struct state *state, int64_t *checked, int64_t *broken, struct error *err)
{
	struct hash before = {{0}};
	int64_t highest = 0;
	sqlite3_stmt *rows;
	int more;

	*checked = *broken = 0;
	if (!state->db)
		return 0;
	rows = db_query(state, err, "SELECT id, at, environment, actor, event, detail, hash"
		" FROM audit ORDER BY id", "");
	while ((more = db_next(state, rows, err)) > 0) {
		if (!entry_fits(rows, *checked + 1, &before)) {
			*broken = *checked + 1;
			db_done(rows);
			return 0;
		}
		(*checked)++;
	}
	if (more < 0 || db_number(state, err, 0, &highest,
				"SELECT seq FROM sqlite_sequence WHERE name = 'audit'", "") < 0)
		return -1;
	if (highest > *checked)
		*broken = *checked + 1;
	return 0;
}
