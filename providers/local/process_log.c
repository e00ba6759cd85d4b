/*
 * Reading the log of a process: the stored form is "STAMP STREAM text" a line (shim.h). Following
 * is done by looking again and again; a rotation shows as another inode under the name.
 */
#include "providers/local/process.h"

#include "base/fs.h"
#include "providers/local/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOK_AGAIN = 100,    /* ms */
	TAIL_MAX = 1000000,  /* lines; more is everything */
};

typedef bool line_function(void *arg, const struct log_line *line);

static int64_t parse_stamp(const char *text)
{
	struct tm tm = {0};
	int ms;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		&tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

static struct log_line parse_line(const char *text, size_t len)
{
	struct log_line line = {.stream = 1, .text = text, .len = len};

	if (len >= LOG_PREFIX && text[LOG_STAMP - 1] == 'Z' && text[LOG_STAMP] == ' ' &&
		(text[LOG_STAMP + 1] == '1' || text[LOG_STAMP + 1] == '2') &&
		text[LOG_STAMP + 2] == ' ' && (line.at = parse_stamp(text))) {
		line.stream = text[LOG_STAMP + 1] - '0';
		line.text += LOG_PREFIX;
		line.len -= LOG_PREFIX;
	}
	return line;
}

/* Whole lines only; returns how many bytes they were, or -1 when `line` has had enough. */
static ssize_t each_line(const char *text, size_t len, line_function *line, void *arg)
{
	const char *at = text, *newline;

	while ((newline = memchr(at, '\n', len - (size_t)(at - text)))) {
		struct log_line parsed = parse_line(at, (size_t)(newline - at));

		if (!line(arg, &parsed))
			return -1;
		at = newline + 1;
	}
	return at - text;
}

static int open_log(const char *path, const char *name)
{
	struct arena arena = ARENA_INIT;
	int fd = open(fs_join(&arena, path, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	arena_release(&arena);
	return fd;
}

static bool is_same_file(int a, int b)
{
	struct stat first, second;

	return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_ino == second.st_ino;
}

/* Everything stored up to now. `fd` stands behind what was read, at the start of a line. */
static int read_stored(const char *path, int fd, line_function *line, void *arg, struct error *err)
{
	struct arena arena = ARENA_INIT;
	cleanup_fd int older = open_log(path, "log.1");
	const int order[] = {older, fd};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order) && rc == 0; i++) {
		const char *text;
		size_t len;
		ssize_t used;

		if (order[i] < 0 || (i == 0 && fd >= 0 && is_same_file(older, fd)))
			continue; /* none, or rotated between the two opens */
		if (fs_read_fd(order[i], "log", &arena, &text, &len, err) < 0) {
			rc = -1;
			break;
		}
		used = each_line(text, len, line, arg);
		if (used < 0)
			rc = 1;
		else
			lseek(order[i], used - (ssize_t)len, SEEK_CUR);
	}
	arena_release(&arena);
	return rc;
}

int process_log_read(const char *path, line_function *line, void *arg, struct error *err)
{
	cleanup_fd int fd = open_log(path, "log");

	return read_stored(path, fd, line, arg, err) < 0 ? -1 : 0;
}

/* --- the last lines --------------------------------------------------------------------------- */

/* A ring of the newest lines that are young enough. */
struct ring {
	struct arena arena; /* the lines are copied: what is read goes */
	struct log_line *lines;
	size_t cap, n, first; /* cap 0: all */
	int64_t since;
};

static bool ring_add(void *arg, const struct log_line *line)
{
	struct ring *ring = arg;
	struct log_line *slot;

	if (line->at && line->at < ring->since)
		return true;
	if (ring->n == ring->cap) {
		slot = &ring->lines[ring->first];
		ring->first = (ring->first + 1) % ring->cap;
	} else {
		slot = &ring->lines[ring->n++];
	}
	*slot = *line;
	slot->text = arena_strndup(&ring->arena, line->text, line->len);
	return true;
}

static const struct log_line *ring_at(const struct ring *ring, size_t i)
{
	return &ring->lines[(ring->first + i) % ring->cap];
}

static void ring_init(struct ring *ring, size_t cap, int64_t since)
{
	*ring = (struct ring){.cap = cap, .since = since};
	ring->lines = arena_alloc(&ring->arena, cap * sizeof(*ring->lines));
}

const char *process_log_tail(struct arena *arena, const struct folder *folder, size_t lines)
{
	struct strbuf text = STRBUF_INIT;
	struct ring ring;
	const char *copy;

	ring_init(&ring, lines, folder->state.started_at);
	process_log_read(folder->path, ring_add, &ring, NULL);
	for (size_t i = 0; i < ring.n; i++) {
		strbuf_add(&text, ring_at(&ring, i)->text, ring_at(&ring, i)->len);
		strbuf_addch(&text, '\n');
	}
	copy = arena_strdup(arena, text.text);
	strbuf_release(&text);
	arena_release(&ring.arena);
	return copy;
}

/* --- devenv logs ------------------------------------------------------------------------------ */

static bool with_time(const struct log_request *request, const struct log_line *line)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	char at[32];

	strbuf_addf(&text, "%.19s.%03dZ ", clock_rfc3339(line->at, at), (int)(line->at % 1000));
	strbuf_add(&text, line->text, line->len);
	return request->line(request->arg, NULL, line->stream, text.text, text.len);
}

static bool pass_on(void *arg, const struct log_line *line)
{
	struct log_request *request = arg;

	if (line->at && line->at < request->since)
		return true;
	if (request->flags & LOG_TIMES)
		return with_time(request, line);
	return request->line(request->arg, NULL, line->stream, line->text, line->len);
}

/* 1: whoever listens has had enough. */
static int show_stored(const char *path, int fd, struct log_request *request, struct error *err)
{
	struct ring ring;
	int rc;

	if (request->tail < 0 || request->tail > TAIL_MAX)
		return read_stored(path, fd, pass_on, request, err);
	ring_init(&ring, (size_t)request->tail + 1, request->since);
	ring.cap = request->tail ? (size_t)request->tail : 1;
	rc = read_stored(path, fd, ring_add, &ring, err);
	for (size_t i = 0; rc == 0 && i < ring.n && request->tail; i++) {
		if (!pass_on(request, ring_at(&ring, i)))
			rc = 1;
	}
	arena_release(&ring.arena);
	return rc;
}

/* Reads on from where `fd` stands. 1: enough. */
static int read_on(int fd, struct log_request *request)
{
	char piece[3 * LOG_LINE_MAX]; /* the longest stored line fits: a secret of 4 bytes becomes 11 */
	ssize_t n, used;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		used = each_line(piece, (size_t)n, pass_on, request);
		if (used < 0)
			return 1;
		lseek(fd, used - n, SEEK_CUR);
		if (!used)
			break; /* half a line: the rest will come */
	}
	return 0;
}

static int follow(struct provider_env *env, const char *path, int *fd, struct log_request *request,
	struct error *err)
{
	for (;;) {
		struct folder folder;
		int next;

		/* In this order: what was written before its end is read after the end is seen. */
		if (folder_look(path, env->arena, &folder, err) < 0)
			return -1;
		if (*fd >= 0 && read_on(*fd, request))
			return 0;
		next = open_log(path, "log");
		if (next >= 0 && (*fd < 0 || !is_same_file(*fd, next))) {
			if (*fd >= 0 && read_on(*fd, request)) {
				close(next);
				return 0;
			}
			if (*fd >= 0)
				close(*fd);
			*fd = next;
			continue;
		}
		if (next >= 0)
			close(next);
		if (!folder_runs(&folder) && !folder_is_locked(path))
			return 0;
		if (provider_cancelled(env))
			return 0; /* the ordinary end of following */
		poll(NULL, 0, LOOK_AGAIN);
	}
}

int process_logs(struct provider_env *env, struct record *record, struct log_request *request,
	struct error *err)
{
	const char *path = strcmp(record->type, local_process.name) == 0
		? process_folder(env, record->id) : NULL;
	cleanup_fd int fd = -1;
	int rc;

	if (!path)
		return error_set(err, ERROR_INVALID, "a %s has no log", record->type);
	if (!fs_exists(path))
		return error_set(err, ERROR_NOT_FOUND, "the log of %s is gone", record->address);
	fd = open_log(path, "log");
	rc = show_stored(path, fd, request, err);
	if (rc != 0 || !(request->flags & LOG_FOLLOW))
		return rc < 0 ? -1 : 0;
	return follow(env, path, &fd, request, err);
}
