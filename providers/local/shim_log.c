/*
 * The log of a process: stamped lines, rotated by size, without the secrets that the process was
 * given. Nothing here may fail the process that is watched over: when the disk is full, lines are
 * lost and the process runs on.
 */
#include "providers/local/shim.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_file(struct shim_log *log)
{
	struct stat st;

	char last = '\n';

	log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	log->size = log->fd >= 0 && fstat(log->fd, &st) == 0 ? st.st_size : 0;
	/* A shim that was killed, or a full disk, may have left half a line. */
	if (log->size && pread(log->fd, &last, 1, log->size - 1) == 1 && last != '\n' &&
		write(log->fd, "\n", 1) == 1)
		log->size++;
}

void shim_log_open(struct shim_log *log, const char *path, const char *older, int64_t max,
	const char *const *needles)
{
	*log = (struct shim_log){
		.path = path,
		.older = older,
		.max = max,
		.partial = {STRBUF_INIT, STRBUF_INIT},
		.out = STRBUF_INIT,
		.redactor = {.needles = (char **)(uintptr_t)needles},
	};
	while (needles[log->redactor.n])
		log->redactor.n++;
	open_file(log);
}

static void rotate(struct shim_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	rename(log->path, log->older);
	open_file(log);
}

static void stamp(struct strbuf *out, int stream)
{
	int64_t now = clock_wall(&clock_system);
	char text[32];

	clock_rfc3339(now, text); /* ends in "Z" */
	text[strlen(text) - 1] = '\0';
	strbuf_addf(out, "%s.%03dZ %d ", text, (int)(now % 1000), stream);
}

static void add_line(struct shim_log *log, int stream, const char *text, size_t len)
{
	stamp(&log->out, stream);
	redact_into(&log->redactor, text, len, &log->out);
	strbuf_addch(&log->out, '\n');
}

static void end_line(struct shim_log *log, int stream, struct strbuf *partial)
{
	add_line(log, stream, partial->text, partial->len);
	strbuf_reset(partial);
}

/* Not within a secret: of two halves neither would be found. */
static void split_line(struct shim_log *log, int stream, struct strbuf *partial)
{
	size_t cut = redact_cut(&log->redactor, partial->text, partial->len);

	if (!cut)
		cut = partial->len; /* a secret that is longer than a line */
	add_line(log, stream, partial->text, cut);
	memmove(partial->text, partial->text + cut, partial->len - cut);
	strbuf_setlen(partial, partial->len - cut);
}

/* What was gathered goes out in one write. */
static void flush(struct shim_log *log)
{
	const char *at = log->out.text;
	size_t left = log->out.len;

	if (log->fd < 0)
		open_file(log);
	if (log->size && log->size + (int64_t)left > log->max)
		rotate(log);
	while (left && log->fd >= 0) {
		ssize_t n = write(log->fd, at, left);

		if (n < 0 && errno != EINTR) {
			close(log->fd); /* no space: these lines are lost; the next try ends half a one */
			log->fd = -1;
		}
		if (n > 0) {
			at += n;
			left -= (size_t)n;
			log->size += n;
		}
	}
	strbuf_reset(&log->out);
}

void shim_log_add(struct shim_log *log, int stream, const char *data, size_t len)
{
	struct strbuf *partial = &log->partial[stream - 1];

	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;
		size_t room = LOG_LINE_MAX - partial->len;
		bool full = part > room; /* then what follows is a line of its own */

		if (full)
			part = room;
		strbuf_add(partial, data, part);
		data += part;
		len -= part;
		if (!full && newline) {
			data++;
			len--;
		}
		if (full)
			split_line(log, stream, partial);
		else if (newline)
			end_line(log, stream, partial);
	}
	if (log->out.len)
		flush(log);
}

void shim_log_end_lines(struct shim_log *log)
{
	for (int i = 0; i < 2; i++) {
		if (log->partial[i].len)
			end_line(log, i + 1, &log->partial[i]);
	}
	if (log->out.len)
		flush(log);
}

void shim_log_close(struct shim_log *log)
{
	shim_log_end_lines(log);
	for (int i = 0; i < 2; i++)
		strbuf_release(&log->partial[i]);
	strbuf_release(&log->out);
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}
