/*
 * A command in a container that reads: what comes from our side goes to it, what it prints comes back,
 * over one connection that has become a stream. Neither side may block the other: one poll for all.
 * The end of our input is passed on (half of the connection is closed); its end is the end.
 */
#include "providers/docker/container/type.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum {
	TICK = 100,        /* ms between two looks at cancel and deadline */
	RESIZE_TRIES = 20, /* an engine refuses it until the command has really started */
	PIECE = 32 << 10,
};

struct attached {
	struct docker *docker;
	const char *exec;
	const struct exec_request *request;
	struct exec_terminal *terminal; /* NULL: none */
	struct container_demux *demux;
	struct http_stream *stream;
	char input[PIECE];   /* read and not yet sent: from `sent` to `len` */
	size_t sent, len;
	bool no_input;       /* all of it was read */
	bool told;           /* and the other side knows */
	bool ended;
	bool more;           /* there may be output that the socket does not show */
	int resize_tries;    /* left; 0: our size is known, or given up */
};

/* --- the size of the terminal ------------------------------------------------------------------- */

static void resize(struct attached *a)
{
	unsigned rows = 0, columns = 0;

	a->terminal->size(a->terminal, &rows, &columns);
	a->resize_tries--;
	if (!rows || !columns ||
		docker_call(a->docker, "POST", docker_path(a->docker, "/exec/%s/resize?h=%u&w=%u",
			a->exec, rows, columns), NULL, NULL, NULL) == 0)
		a->resize_tries = 0;
}

/* --- bytes -------------------------------------------------------------------------------------- */

static int take_input(struct attached *a, struct error *err)
{
	ssize_t n = read(a->request->input, a->input, sizeof(a->input));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && errno != EIO) /* EIO: our terminal has gone, which is an end */
		return error_errno(err, "cannot read the input");
	a->sent = 0;
	a->len = n > 0 ? (size_t)n : 0;
	a->no_input = n <= 0;
	return 0;
}

static void send_input(struct attached *a)
{
	ssize_t n = http_stream_write(a->stream, a->input + a->sent, a->len - a->sent);

	if (n >= 0) {
		a->sent += (size_t)n;
	} else if (errno != EINTR && errno != EAGAIN) {
		a->sent = a->len; /* it reads no more; what it still prints is wanted */
		a->no_input = true;
	}
}

static int take_output(struct attached *a, struct error *err)
{
	char data[PIECE];
	ssize_t n = http_stream_read(a->stream, data, sizeof(data));

	a->more = n > 0;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return error_errno(err, "the connection to %s broke", a->docker->where);
	a->ended = n <= 0 || !container_demux_feed(a->demux, data, (size_t)n);
	return 0;
}

static int once(struct attached *a, struct error *err)
{
	bool full = a->sent < a->len;
	struct pollfd polls[] = {
		{.fd = http_stream_fd(a->stream), .events = (short)(POLLIN | (full ? POLLOUT : 0))},
		{.fd = full || a->no_input ? -1 : a->request->input, .events = POLLIN},
		{.fd = a->terminal ? a->terminal->resized : -1, .events = POLLIN},
	};

	if (poll(polls, ARRAY_SIZE(polls), a->more ? 0 : TICK) < 0 && errno != EINTR)
		return error_errno(err, "cannot wait for the command");
	if (provider_cancelled(a->docker->env))
		return error_set(err, ERROR_CANCELLED, "cancelled");
	if (polls[2].revents)
		a->resize_tries = RESIZE_TRIES;
	if (a->resize_tries)
		resize(a);
	if (polls[1].revents && take_input(a, err) < 0)
		return -1;
	if (a->sent < a->len)
		send_input(a);
	if (a->no_input && a->sent == a->len && !a->told) {
		http_stream_end(a->stream);
		a->told = true;
	}
	return polls[0].revents || a->more ? take_output(a, err) : 0;
}

/* Our terminal becomes its terminal. */
static int borrow_terminal(struct attached *a, struct error *err)
{
	struct exec_terminal *terminal = a->request->tty ? a->request->terminal : NULL;

	if (!terminal)
		return 0;
	if (terminal->raw(terminal, true, err) < 0)
		return -1;
	a->terminal = terminal;
	a->resize_tries = RESIZE_TRIES;
	return 0;
}

int container_attach(struct docker *docker, const char *exec, const struct exec_request *request,
	struct container_demux *demux, struct error *err)
{
	struct attached a = {.docker = docker, .exec = exec, .request = request, .demux = demux,
		.more = true};
	struct value_builder map;
	struct value body;
	const char *early;
	size_t early_len;
	int rc;

	builder_init(&map, docker->arena);
	builder_put_bool(&map, "Detach", false);
	builder_put_bool(&map, "Tty", request->tty);
	body = builder_map(&map);
	if (docker_attach(docker, docker_path(docker, "/exec/%s/start", exec), &body, &a.stream, &early,
			&early_len, err) < 0)
		return -1;
	rc = borrow_terminal(&a, err);
	a.ended = !container_demux_feed(demux, early, early_len);
	while (!rc && !a.ended)
		rc = once(&a, err);
	if (a.terminal)
		a.terminal->raw(a.terminal, false, NULL);
	http_stream_close(a.stream);
	return rc;
}
