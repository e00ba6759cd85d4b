/*
 * Push events, by way of devenv-listen (src/listen): a line of it is a reason to look, nothing more. What
 * was pushed is asked of the remote itself, so that an event that is old, repeated or made up by
 * someone who knows the secret changes nothing. Should the program die, it is started again.
 */
#include "base/helper.h"
#include "loop/sync/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	ANSWER = 10000, /* ms until it listens */
	AGAIN = 5000,   /* ms until it is started anew */
	LEAST = 1000,   /* ms between two looks that events ask for */
	LINE_MOST = 4096,
};

static void tell(struct loop *loop, enum sync_event_kind kind, const char *text)
{
	loop->hooks->tell(loop->hooks->arg, &(struct sync_event){
		.kind = kind, .spec = loop->syncs[0].spec, .text = text});
}

/* One line, without its newline, or false. It stays valid until the next call. */
static bool next_line(struct push_listener *listener, struct arena *arena, const char **line)
{
	char *end = memchr(listener->in.text, '\n', listener->in.len);
	size_t len;

	if (!end)
		return false;
	len = (size_t)(end - listener->in.text);
	*line = arena_strndup(arena, listener->in.text, len);
	memmove(listener->in.text, end + 1, listener->in.len - len - 1);
	strbuf_setlen(&listener->in, listener->in.len - len - 1);
	return true;
}

/* 0: nothing more now, -1: it has ended. */
static int receive(struct push_listener *listener)
{
	char bytes[1024];
	ssize_t n;

	for (;;) {
		n = read(listener->child.out, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? 0 : -1;
		if (listener->in.len > LINE_MOST)
			strbuf_setlen(&listener->in, 0);
		strbuf_add(&listener->in, bytes, (size_t)n);
	}
}

static int configure(struct loop *loop, struct error *err)
{
	const struct sync_options *options = loop->options;
	struct strbuf text = STRBUF_INIT;
	ssize_t written;

	strbuf_addf(&text, "%s\n%s\n", options->listen, options->listen_secret);
	for (size_t i = 0; i < loop->n; i++)
		strbuf_addf(&text, "%s\n", loop->syncs[i].spec->name);
	strbuf_addch(&text, '\n');
	written = write(loop->listener.child.in, text.text, text.len);
	sodium_memzero(text.text, text.len);
	if (written != (ssize_t)text.len) {
		strbuf_release(&text);
		return error_set(err, ERROR_FAILED, "devenv-listen cannot be told what to do");
	}
	strbuf_release(&text);
	return 0;
}

static int await(struct loop *loop, struct arena *arena, struct error *err)
{
	struct push_listener *listener = &loop->listener;
	int64_t end = clock_monotonic(&clock_system) + ANSWER, left;
	const char *line;

	while ((left = end - clock_monotonic(&clock_system)) > 0) {
		int ended = receive(listener);

		if (next_line(listener, arena, &line)) {
			if (strncmp(line, "error ", 6) == 0)
				return error_set(err, ERROR_FAILED, "%s", line + 6);
			tell(loop, SYNC_EVENT_LISTENING, line);
			return 0;
		}
		if (ended < 0)
			break;
		poll(&(struct pollfd){.fd = listener->child.out, .events = POLLIN}, 1, (int)left);
	}
	return error_set(err, ERROR_FAILED, "devenv-listen gave no answer");
}

int listener_start(struct loop *loop, struct error *err)
{
	struct push_listener *listener = &loop->listener;
	struct arena arena = ARENA_INIT;
	const char *program;
	int status;

	*listener = (struct push_listener){.child = PROCESS_CHILD_INIT, .in = STRBUF_INIT};
	if (!loop->options->listen)
		return 0;
	status = helper_find(loop->options->self, "devenv-listen", &arena, &program, err);
	if (status == 0)
		status = child_start(&(struct process_request){.argv = (const char *const[]){program, NULL}},
			&listener->child, err);
	if (status == 0)
		status = configure(loop, err);
	if (status == 0)
		status = await(loop, &arena, err);
	if (status < 0)
		listener_stop(loop);
	arena_release(&arena);
	return status;
}

void listener_stop(struct loop *loop)
{
	if (loop->listener.child.pid)
		child_end(&loop->listener.child);
	strbuf_release(&loop->listener.in);
}

/* Events may come faster than anybody pushes. */
static void hurry(struct loop *loop, const char *name)
{
	for (size_t i = 0; i < loop->n; i++) {
		struct sync *sync = &loop->syncs[i];

		if (*name && strcmp(sync->spec->name, name) != 0)
			continue;
		if (sync->next > sync->looked + LEAST)
			sync->next = sync->looked + LEAST;
	}
}

static void start_again(struct loop *loop)
{
	struct error err = ERROR_INIT;
	int64_t now = clock_monotonic(loop->options->clock);

	if (now < loop->listener.again)
		return;
	if (listener_start(loop, &err) == 0)
		return;
	loop->listener.again = now + AGAIN;
	tell(loop, SYNC_EVENT_WARNING, err.msg);
}

int64_t listener_take(struct loop *loop)
{
	struct push_listener *listener = &loop->listener;
	struct arena arena = ARENA_INIT;
	const char *line;
	int ended;

	if (!loop->options->listen)
		return 0;
	if (!listener->child.pid)
		start_again(loop);
	if (!listener->child.pid)
		return listener->again;
	ended = receive(listener);
	while (next_line(listener, &arena, &line)) {
		if (strncmp(line, "push", 4) == 0)
			hurry(loop, line[4] ? line + 5 : "");
	}
	arena_release(&arena);
	if (ended == 0)
		return 0;
	listener_stop(loop);
	listener->again = clock_monotonic(loop->options->clock) + AGAIN;
	tell(loop, SYNC_EVENT_WARNING, "devenv-listen has ended; it is started again");
	return listener->again;
}
