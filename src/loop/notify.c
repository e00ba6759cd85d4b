/* See notify.h; src/watcher.c holds the form of the records. */
#include "loop/notify.h"

#include "base/helper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

int notify_find(const char *self, struct arena *arena, const char **out, struct error *err)
{
	return helper_find(self, "devenv-watcher", arena, out, err);
}

int notify_start(struct notify *notify, const char *program, struct error *err)
{
	const char *const argv[] = {program, NULL};
	struct process_request request = {.argv = argv};

	notify_stop(notify);
	return child_start(&request, &notify->child, err);
}

void notify_stop(struct notify *notify)
{
	child_end(&notify->child);
	strbuf_release(&notify->in);
	strbuf_release(&notify->out);
	notify->asked = notify->answered = 0;
}

bool notify_runs(const struct notify *notify)
{
	return notify->child.pid != 0;
}

static void flush(struct notify *notify)
{
	while (notify->out.len) {
		ssize_t n = write(notify->child.in, notify->out.text, notify->out.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* full, or gone: reading will tell */
		memmove(notify->out.text, notify->out.text + n, notify->out.len - (size_t)n);
		strbuf_setlen(&notify->out, notify->out.len - (size_t)n);
	}
}

static void order(struct notify *notify, char what, const char *text)
{
	if (!notify_runs(notify)) /* a new one is told everything */
		return;
	strbuf_addch(&notify->out, what);
	strbuf_add(&notify->out, text, strlen(text) + 1);
}

void notify_add(struct notify *notify, const char *folder)
{
	order(notify, '+', folder);
}

void notify_remove(struct notify *notify, const char *folder)
{
	order(notify, '-', folder);
}

static void take(struct notify *notify, const char *record,
	void (*see)(void *arg, const struct notify_event *event), void *arg)
{
	struct notify_event event = {.path = record + 1};

	switch (*record) {
	case 'w': event.kind = NOTIFY_WRITTEN; break;
	case 'c': event.kind = NOTIFY_CHANGED; break;
	case 'd': event.kind = NOTIFY_GONE; break;
	case 'O': event.kind = NOTIFY_LOST; break;
	case 'F':
		event.kind = NOTIFY_REFUSED;
		event.number = atoi(record + 1);
		event.path += strcspn(event.path, " ");
		event.path += *event.path == ' ';
		break;
	case '!':
		notify->answered = (unsigned)strtoul(record + 1, NULL, 10);
		return;
	default:
		return;
	}
	see(arg, &event);
}

/* 1: something came, 0: nothing now, -1: the end. */
static int receive(struct notify *notify)
{
	char *room = strbuf_grow(&notify->in, PIECE);
	ssize_t n;

	do {
		n = read(notify->child.out, room, PIECE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (!n)
		return -1;
	strbuf_setlen(&notify->in, notify->in.len + (size_t)n);
	return 1;
}

int notify_read(struct notify *notify, void (*see)(void *arg, const struct notify_event *event),
	void *arg)
{
	int got;

	if (!notify_runs(notify))
		return -1;
	flush(notify);
	while ((got = receive(notify)) > 0) {
		size_t from = 0;

		for (size_t i = 0; i < notify->in.len; i++) {
			if (notify->in.text[i])
				continue;
			take(notify, notify->in.text + from, see, arg);
			from = i + 1;
		}
		memmove(notify->in.text, notify->in.text + from, notify->in.len - from);
		strbuf_setlen(&notify->in, notify->in.len - from);
	}
	if (got < 0)
		notify_stop(notify);
	return got;
}

int notify_sync(struct notify *notify, int64_t timeout,
	void (*see)(void *arg, const struct notify_event *event), void *arg)
{
	int64_t limit = clock_monotonic(&clock_system) + timeout;
	char token[16];
	unsigned mine = ++notify->asked;

	snprintf(token, sizeof(token), "%u", mine);
	order(notify, '?', token);
	while (notify_read(notify, see, arg) == 0) {
		struct pollfd fds[] = {
			{.fd = notify->child.out, .events = POLLIN},
			{.fd = notify->child.in, .events = notify->out.len ? POLLOUT : 0},
		};
		int64_t left = limit - clock_monotonic(&clock_system);

		if (notify->answered == mine)
			return 0;
		if (left <= 0)
			return -1;
		poll(fds, ARRAY_SIZE(fds), (int)left);
	}
	return -1;
}
