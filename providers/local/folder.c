/*
 * Reading and writing a process folder. state.json is replaced whole and never synced: what a power
 * cut could tear belongs to a boot that is over then.
 */
#include "providers/local/folder.h"

#include "base/fs.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HIDDEN_LOOKS = 25,
	HIDDEN_STEP = 20, /* ms */
};

const char *boot_id(struct arena *arena)
{
	const char *text;
	size_t len;

	if (fs_read("/proc/sys/kernel/random/boot_id", arena, &text, &len, NULL) < 0)
		return "";
	return arena_strndup(arena, text, strcspn(text, "\n"));
}

/* Field 3 is the state, field 22 the start time; field 2 may hold anything, also spaces and ")". */
static bool parse_stat(const char *text, char *state, uint64_t *start)
{
	const char *at = strrchr(text, ')');
	int field = 2;

	if (!at || at[1] != ' ')
		return false;
	*state = at[2];
	for (at++; *at; at++) {
		if (*at == ' ' && ++field == 22)
			return sscanf(at + 1, "%lu", start) == 1;
	}
	return false;
}

bool identity_of(pid_t pid, struct identity *out)
{
	struct arena arena = ARENA_INIT;
	const char *text;
	size_t len;
	char state = 0;
	bool found;

	found = fs_read(arena_printf(&arena, "/proc/%d/stat", pid), &arena, &text, &len,
		NULL) == 0 && parse_stat(text, &state, &out->start) && state != 'Z' && state != 'X';
	out->pid = found ? pid : 0;
	arena_release(&arena);
	return found;
}

bool identity_lives(const struct identity *identity)
{
	struct identity now;

	return identity->pid > 0 && identity_of(identity->pid, &now) &&
	       now.start == identity->start;
}

/* --- the lock --------------------------------------------------------------------------------- */

/* Open-file locks belong to the shim's own descriptor: no fork and no stray close() drops them. */
static struct flock whole(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

int folder_lock(const char *path, struct error *err)
{
	struct arena arena = ARENA_INIT;
	const char *file = fs_join(&arena, path, "lock");
	struct flock lock = whole(F_WRLCK);
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		error_errno(err, "open %s", file);
	} else if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			error_set(err, ERROR_LOCKED, "%s: another shim watches over it", path);
		else
			error_errno(err, "lock %s", file);
		close(fd);
		fd = -1;
	}
	arena_release(&arena);
	return fd;
}

bool folder_is_locked(const char *path)
{
	struct arena arena = ARENA_INIT;
	struct flock lock = whole(F_WRLCK);
	int fd = open(fs_join(&arena, path, "lock"), O_RDONLY | O_CLOEXEC);
	bool locked = false;

	arena_release(&arena);
	if (fd < 0)
		return false;
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0)
		locked = lock.l_type != F_UNLCK;
	close(fd);
	return locked;
}

/* --- state.json ------------------------------------------------------------------------------- */

static int write_map(const char *path, const char *name, struct value_builder *builder,
	struct error *err)
{
	struct arena *arena = builder->arena;
	struct value map = builder_map(builder);
	struct strbuf text = STRBUF_INIT;
	const char *file = fs_join(arena, path, name);
	int rc;

	json_write(&text, &map, JSON_CLEAR, NULL);
	strbuf_addch(&text, '\n');
	rc = fs_write(file, arena_printf(arena, "%s.new", file), text.text, text.len, 0600,
		FS_VOLATILE, err);
	strbuf_release(&text);
	return rc;
}

static void put_identity(struct value_builder *builder, const char *pid, const char *start,
	const struct identity *identity)
{
	builder_put_int(builder, pid, identity->pid);
	builder_put_int(builder, start, (int64_t)identity->start);
}

static struct identity get_identity(const struct value *map, const char *pid, const char *start)
{
	return (struct identity){
		.pid = (pid_t)value_get_int(map, pid, 0),
		.start = (uint64_t)value_get_int(map, start, 0),
	};
}

int folder_write_state(const char *path, const struct folder_state *state, struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct value_builder builder;
	int rc;

	builder_init(&builder, &arena);
	builder_put_str(&builder, "boot", state->boot);
	builder_put_str(&builder, "intent", state->intent);
	put_identity(&builder, "shim", "shimStart", &state->shim);
	put_identity(&builder, "process", "processStart", &state->process);
	builder_put_int(&builder, "startedAt", state->started_at);
	builder_put_int(&builder, "stopSignal", state->stop_signal);
	builder_put_int(&builder, "stopTimeout", state->stop_timeout);
	if (state->ended) {
		builder_put_int(&builder, "status", state->status);
		builder_put_int(&builder, "signal", state->signal);
		builder_put_int(&builder, "endedAt", state->ended_at);
	}
	rc = write_map(path, "state.json", &builder, err);
	arena_release(&arena);
	return rc;
}

/* NULL: there is none that can be read. */
static const struct value *read_map(const char *path, const char *name, struct arena *arena)
{
	struct value *map = arena_alloc(arena, sizeof(*map));
	const char *text;
	size_t len;

	if (fs_read(fs_join(arena, path, name), arena, &text, &len, NULL) < 0 ||
		json_parse(text, len, arena, NULL, map, NULL) < 0 || map->kind != VALUE_MAP)
		return NULL;
	return map;
}

static bool read_state(const char *path, struct arena *arena, struct folder_state *state)
{
	const struct value *map = read_map(path, "state.json", arena);

	if (!map)
		return false;
	*state = (struct folder_state){
		.boot = value_get_text(map, "boot", ""),
		.intent = value_get_text(map, "intent", ""),
		.shim = get_identity(map, "shim", "shimStart"),
		.process = get_identity(map, "process", "processStart"),
		.started_at = value_get_int(map, "startedAt", 0),
		.stop_signal = (int)value_get_int(map, "stopSignal", 0),
		.stop_timeout = value_get_int(map, "stopTimeout", 0),
		.ended = value_get(map, "endedAt") != NULL,
		.status = (int)value_get_int(map, "status", 0),
		.signal = (int)value_get_int(map, "signal", 0),
		.ended_at = value_get_int(map, "endedAt", 0),
	};
	return true;
}

static enum folder_phase find_phase(const char *path, bool has_state,
	const struct folder_state *state, struct arena *arena)
{
	bool locked = folder_is_locked(path);
	bool here = has_state && !strcmp(state->boot, boot_id(arena));

	if (locked) {
		/* What it says may still be about the one before it. */
		if (!here || !identity_lives(&state->shim))
			return has_state && here && !state->ended ? FOLDER_HIDDEN : FOLDER_STARTING;
		if (!state->process.pid)
			return FOLDER_STARTING;
		return state->ended ? FOLDER_ENDED : FOLDER_RUNS;
	}
	if (!has_state)
		return FOLDER_EMPTY;
	if (!here)
		return FOLDER_LOST;
	if (!state->process.pid)
		return FOLDER_EMPTY; /* the shim died before it started anything */
	return !state->ended && identity_lives(&state->process) ? FOLDER_ORPHAN : FOLDER_ENDED;
}

static int look_once(const char *path, struct arena *arena, struct folder *folder,
	struct error *err)
{
	enum fs_kind kind;
	bool has_state;

	*folder = (struct folder){.path = path};
	if (fs_look(path, &kind, NULL, err) < 0)
		return -1;
	if (kind != FS_DIRECTORY)
		return 0;
	has_state = read_state(path, arena, &folder->state);
	folder->phase = find_phase(path, has_state, &folder->state, arena);
	return 0;
}

int folder_look(const char *path, struct arena *arena, struct folder *folder, struct error *err)
{
	/* For a moment the lock outlives a shim: while it is torn down, and in a command that has
	   not yet come to its exec. */
	for (int i = 0; i < HIDDEN_LOOKS; i++) {
		if (look_once(path, arena, folder, err) < 0)
			return -1;
		if (folder->phase != FOLDER_HIDDEN)
			break;
		poll(NULL, 0, HIDDEN_STEP);
	}
	return 0;
}

bool folder_runs(const struct folder *folder)
{
	return folder->phase == FOLDER_STARTING || folder->phase == FOLDER_RUNS ||
	       folder->phase == FOLDER_ORPHAN || folder->phase == FOLDER_HIDDEN;
}

/* --- owner.json ------------------------------------------------------------------------------- */

int folder_write_owner(const char *path, const struct owner *owner, struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct value_builder builder;
	int rc;

	builder_init(&builder, &arena);
	builder_put_str(&builder, "address", owner->address);
	builder_put_int(&builder, "generation", owner->generation);
	builder_put_str(&builder, "environment", owner->environment);
	rc = write_map(path, "owner.json", &builder, err);
	arena_release(&arena);
	return rc;
}

int folder_read_owner(const char *path, struct arena *arena, struct owner *owner,
	struct error *err)
{
	const struct value *map = read_map(path, "owner.json", arena);

	if (!map)
		return error_set(err, ERROR_NOT_FOUND, "%s has no owner.json", path);
	*owner = (struct owner){
		.address = value_get_text(map, "address", ""),
		.generation = (int)value_get_int(map, "generation", 0),
		.environment = value_get_text(map, "environment", ""),
	};
	return 0;
}
