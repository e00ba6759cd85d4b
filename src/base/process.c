/*
 * One child from start to end. A single poll loop feeds stdin, drains both outputs, sees the end
 * through a pidfd and walks the ladder SIGINT, SIGTERM, SIGKILL. The leader is reaped last: as long
 * as it is not, its process group cannot become somebody else's and may be signalled safely.
 */
#include "base/process_spawn.h"

#include "base/fs.h"
#include "base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TICK = 50,         /* ms: how late a cancel or an end without pidfd may be seen */
	LINGER = 100,      /* ms: how long output is read on after the leader has ended */
	LINE_MAX_LEN = 1 << 16,
	TAIL_LINE = 1000,  /* bytes of a line that the tail keeps */
};

struct stream {
	int fd; /* -1: closed */
	int number;
	bool capture;
	struct strbuf *into;
	struct strbuf line; /* the unfinished line */
};

struct child {
	const struct process_request *request;
	struct process_result *result;
	pid_t pid;
	int pidfd; /* -1: the kernel has none */
	int input; /* -1: closed */
	size_t written;
	struct stream streams[2];
	size_t tail_lines;
	int rung;          /* how many signals of the ladder were sent */
	int64_t next_rung; /* when the next is due; monotonic */
	enum error_code stopped; /* ERROR_TIMEOUT or ERROR_CANCELLED; ERROR_NONE: not by us */
	bool ended;
	int64_t ended_at;
};

static const int ladder[] = {SIGINT, SIGTERM, SIGKILL};

/* --- output ----------------------------------------------------------------------------------- */

static void trim_tail(struct strbuf *tail, size_t *lines)
{
	const char *at = tail->text;

	if (*lines <= PROCESS_TAIL_LINES)
		return;
	for (; *lines > PROCESS_TAIL_LINES; (*lines)--)
		at = strchr(at, '\n') + 1;
	tail->len -= (size_t)(at - tail->text);
	memmove(tail->text, at, tail->len + 1);
}

static void end_line(struct child *child, struct stream *stream)
{
	const struct process_request *request = child->request;
	struct strbuf *line = &stream->line, *tail = &child->result->tail;
	size_t len = line->len;

	if (len && line->text[len - 1] == '\r')
		len--;
	if (request->line)
		request->line(request->arg, stream->number, line->text, len);
	if (memchr(line->text, '\0', len))
		len = strlen(line->text); /* the tail is text */
	if (len > TAIL_LINE) {
		strbuf_add(tail, line->text, utf8_cut(line->text, TAIL_LINE));
		strbuf_addstr(tail, CUT_MARK);
	} else {
		strbuf_add(tail, line->text, len);
	}
	strbuf_addch(tail, '\n');
	if (++child->tail_lines >= 2 * PROCESS_TAIL_LINES)
		trim_tail(tail, &child->tail_lines);
	strbuf_reset(line);
}

static void take_output(struct child *child, struct stream *stream, const char *data, size_t len)
{
	size_t limit = child->request->max_capture ? child->request->max_capture : PROCESS_CAPTURE;

	if (stream->capture) {
		size_t room = limit - stream->into->len;

		strbuf_add(stream->into, data, len < room ? len : room);
		if (len > room)
			child->result->truncated = true;
	}
	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;

		strbuf_add(&stream->line, data, part);
		if (newline || stream->line.len >= LINE_MAX_LEN)
			end_line(child, stream);
		part += newline ? 1 : 0;
		data += part;
		len -= part;
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Reads what is there. */
static void drain(struct child *child, struct stream *stream)
{
	char piece[16384];

	for (int rounds = 0; stream->fd >= 0 && rounds < 64; rounds++) {
		ssize_t n = read(stream->fd, piece, sizeof(piece));

		if (n > 0) {
			take_output(child, stream, piece, (size_t)n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			close_fd(&stream->fd);
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void feed(struct child *child)
{
	const struct process_request *request = child->request;

	while (child->written < request->input_len) {
		ssize_t n = write(child->input, (const char *)request->input + child->written,
			request->input_len - child->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break; /* EPIPE: it does not want to read on, which is its own business */
		child->written += (size_t)n;
	}
	close_fd(&child->input);
}

/* --- the end ---------------------------------------------------------------------------------- */

static int64_t now(const struct child *child)
{
	return clock_monotonic(child->request->clock ? child->request->clock : &clock_system);
}

static void signal_child(const struct child *child, int number)
{
	if (child->request->flags & PROCESS_FOREGROUND)
		kill(child->pid, number);
	else
		kill(-child->pid, number);
}

static void climb(struct child *child)
{
	const struct process_request *request = child->request;
	int64_t at = now(child);

	if (child->ended)
		return;
	if (!child->stopped) {
		if (request->cancel && atomic_load(request->cancel))
			child->stopped = ERROR_CANCELLED;
		else if (request->deadline && at >= request->deadline)
			child->stopped = ERROR_TIMEOUT;
		else
			return;
		child->next_rung = at;
	}
	if (child->rung < (int)ARRAY_SIZE(ladder) && at >= child->next_rung) {
		signal_child(child, ladder[child->rung++]);
		child->next_rung = at + (request->grace ? request->grace : PROCESS_GRACE);
	}
}

/* Does not reap: see the top of the file. */
static void look_for_end(struct child *child)
{
	siginfo_t info = {0};

	if (child->ended)
		return;
	if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid != child->pid)
		return;
	child->ended = true;
	child->ended_at = clock_monotonic(&clock_system);
	if (child->stopped && !(child->request->flags & PROCESS_FOREGROUND))
		kill(-child->pid, SIGKILL); /* its helpers go with it */
}

static bool is_over(const struct child *child)
{
	if (!child->ended)
		return false;
	if (child->streams[0].fd < 0 && child->streams[1].fd < 0)
		return true;
	/* A background process of the child may hold the pipes for ever. */
	return clock_monotonic(&clock_system) - child->ended_at >= LINGER;
}

static int reap(struct child *child, struct error *err)
{
	struct process_result *result = child->result;
	const char *name = fs_name(child->request->argv[0]);
	int status;
	pid_t pid;

	do {
		pid = waitpid(child->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return error_errno(err, "the exit status of %s is lost", name);
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->status = result->signal ? 128 + result->signal : WEXITSTATUS(status);
	if (child->stopped == ERROR_TIMEOUT)
		return error_set(err, ERROR_TIMEOUT, "%s did not end in time and was stopped",
			name);
	if (child->stopped)
		return error_set(err, child->stopped,
			"%s was stopped: the run is being cancelled", name);
	return 0;
}

static void pump(struct child *child)
{
	do {
		struct pollfd fds[4];
		nfds_t n = 0;

		if (child->input >= 0)
			fds[n++] = (struct pollfd){.fd = child->input, .events = POLLOUT};
		for (int i = 0; i < 2; i++) {
			if (child->streams[i].fd >= 0)
				fds[n++] = (struct pollfd){.fd = child->streams[i].fd,
					.events = POLLIN};
		}
		if (child->pidfd >= 0 && !child->ended)
			fds[n++] = (struct pollfd){.fd = child->pidfd, .events = POLLIN};
		poll(fds, n, TICK);
		if (child->input >= 0)
			feed(child);
		/* In this order: once the end is seen, all that it wrote is in the pipes. */
		look_for_end(child);
		drain(child, &child->streams[0]);
		drain(child, &child->streams[1]);
		climb(child);
	} while (!is_over(child));
}

static int run(const struct process_request *request, struct process_result *result,
	struct error *err)
{
	struct child child = {.request = request, .result = result, .pidfd = -1, .input = -1};
	struct plumbing pipes;
	int rc;

	if (request->cancel && atomic_load(request->cancel))
		return error_set(err, ERROR_CANCELLED, "the run is being cancelled");
	if (request->deadline && now(&child) >= request->deadline)
		return error_set(err, ERROR_TIMEOUT, "no time is left to start %s",
			request->argv[0]);
	if (plumbing_open(&pipes, request, err) < 0)
		return -1;
	if (process_spawn(request, &pipes, &child.pid, err) < 0) {
		plumbing_close(&pipes);
		return -1;
	}
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	child.input = pipes.in[1];
	child.streams[0] = (struct stream){.fd = pipes.out[0], .number = 1, .into = &result->out,
		.capture = !(request->flags & PROCESS_DROP_STDOUT), .line = STRBUF_INIT};
	child.streams[1] = (struct stream){.fd = pipes.err[0], .number = 2, .into = &result->err,
		.capture = !(request->flags & PROCESS_DROP_STDERR), .line = STRBUF_INIT};
	pipes.in[1] = pipes.out[0] = pipes.err[0] = -1; /* the child's ends are left */
	plumbing_close(&pipes);
	pump(&child);
	for (int i = 0; i < 2; i++) {
		close_fd(&child.streams[i].fd);
		if (child.streams[i].line.len)
			end_line(&child, &child.streams[i]);
		strbuf_release(&child.streams[i].line);
	}
	trim_tail(&result->tail, &child.tail_lines);
	close_fd(&child.input);
	rc = reap(&child, err);
	close_fd(&child.pidfd);
	return rc;
}

int process_run(const struct process_request *request, struct process_result *result,
	struct error *err)
{
	const struct timespec at_once = {0};
	sigset_t pipe_signal, before, pending;
	int rc;

	strbuf_reset(&result->out);
	strbuf_reset(&result->err);
	strbuf_reset(&result->tail);
	result->status = result->signal = 0;
	result->truncated = false;

	/* A child that does not read its input must not end us; the process-wide disposition is not
	   ours to change, so it is blocked for this thread and taken back if it came. */
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	rc = run(request, result, err);
	if (!sigismember(&before, SIGPIPE)) {
		sigpending(&pending);
		if (sigismember(&pending, SIGPIPE))
			sigtimedwait(&pipe_signal, NULL, &at_once);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

void process_result_release(struct process_result *result)
{
	strbuf_release(&result->out);
	strbuf_release(&result->err);
	strbuf_release(&result->tail);
}

int process_check(const struct process_request *request, const struct process_result *result,
	struct error *err)
{
	const char *name = fs_name(request->argv[0]);
	const char *text = result->err.len ? result->err.text : result->tail.text;
	size_t end = strlen(text), start;

	if (!result->status)
		return 0;
	while (end && strchr(" \t\r\n", text[end - 1]))
		end--;
	for (start = end; start && text[start - 1] != '\n';)
		start--;
	if (result->signal)
		return error_set(err, ERROR_FAILED, "%s was ended by signal %d (%s)%s%.*s", name,
			result->signal, strsignal(result->signal), end ? ": " : "",
			(int)(end - start), text + start);
	return error_set(err, ERROR_FAILED, "%s exited with status %d%s%.*s", name, result->status,
		end ? ": " : "", (int)(end - start), text + start);
}
