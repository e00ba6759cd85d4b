/*
 * devenv-watcher: tells on standard output what changes in the folders named on standard input. A
 * process of its own because libinotifytools keeps one instance a process, ends the process when it is
 * surprised, and is GPL-2-only: none of that reaches devenv (docs/adr/0007-watcher-process.md).
 *
 * Records end with a NUL byte, in both directions:
 *   in   +PATH   watch this folder          -PATH   no more          ?TEXT   answer !TEXT
 *   out  wPATH   written, or moved to here  cPATH   made or touched  dPATH   gone
 *        O       events were lost: look at everything
 *        F28 PATH  it cannot be watched: errno   !TEXT   everything before was done
 * An event is a hint, never the truth: who reads it looks at the files. What cannot be written yet is
 * kept, up to a limit; beyond it one O stands for all. Ends when its input does.
 */
#include <errno.h>
#include <fcntl.h>
#include <inotifytools/inotify.h>
#include <inotifytools/inotifytools.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEEP = 4 << 20, PIECE = 1 << 16, FIRST_FD = 3, LAST_FD = 64 };

#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF |   \
		IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK)

struct bytes {
	char *data;
	size_t len, cap;
};

struct watcher {
	struct bytes in, out;
	char **folders;
	size_t n, cap;
	int events;  /* the library's descriptor */
	bool stale;  /* a folder vanished: the library still believes in its watch */
	bool ended;
};

static void *need(void *memory)
{
	if (!memory)
		_exit(1);
	return memory;
}

static void add(struct bytes *bytes, const void *data, size_t len)
{
	if (bytes->len + len > bytes->cap) {
		bytes->cap = (bytes->len + len) * 2;
		bytes->data = need(realloc(bytes->data, bytes->cap));
	}
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
}

/* One record of up to four parts. */
static void say(struct watcher *w, const char *a, const char *b, const char *c, const char *d)
{
	const char *parts[] = {a, b, c, d};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		add(&w->out, parts[i], strlen(parts[i]));
	add(&w->out, "", 1);
}

/* Records that were begun to be written must stay whole: a NUL ends the half one, which names nothing. */
static void lost(struct watcher *w)
{
	w->out.len = 0;
	say(w, "", "", "", "");
	say(w, "O", "", "", "");
}

/* The library does not tell its descriptor. */
static int find_descriptor(void)
{
	char link[32], target[64];

	for (int fd = FIRST_FD; fd < LAST_FD; fd++) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (strcmp(target, "anon_inode:inotify") == 0)
			return fd;
	}
	return -1;
}

static bool start(struct watcher *w)
{
	if (!inotifytools_initialize()) {
		char number[32];

		snprintf(number, sizeof(number), "F%d ", inotifytools_error());
		say(w, number, "", "", "");
		return false;
	}
	w->events = find_descriptor();
	if (w->events < 0)
		return false;
	fcntl(w->events, F_SETFD, FD_CLOEXEC);
	fcntl(w->events, F_SETFL, fcntl(w->events, F_GETFL) | O_NONBLOCK);
	return true;
}

static bool watch(struct watcher *w, const char *path)
{
	char number[32];

	if (inotifytools_watch_file(path, EVENTS))
		return true;
	snprintf(number, sizeof(number), "F%d ", inotifytools_error());
	say(w, number, path, "", "");
	return false;
}

static size_t find(const struct watcher *w, const char *path)
{
	size_t i = 0;

	while (i < w->n && strcmp(w->folders[i], path) != 0)
		i++;
	return i;
}

static void drop(struct watcher *w, size_t i)
{
	free(w->folders[i]);
	w->folders[i] = w->folders[--w->n];
}

/* A watch that the kernel took away cannot be taken out of the library: it begins anew. */
static void renew(struct watcher *w)
{
	w->stale = false;
	inotifytools_cleanup();
	if (!start(w)) {
		w->ended = true;
		return;
	}
	for (size_t i = w->n; i-- > 0;)
		if (!watch(w, w->folders[i]))
			drop(w, i);
	say(w, "O", "", "", "");
}

static void add_folder(struct watcher *w, const char *path)
{
	if (w->stale)
		renew(w);
	if (find(w, path) < w->n || !watch(w, path))
		return;
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->folders = need(realloc(w->folders, w->cap * sizeof(*w->folders)));
	}
	w->folders[w->n++] = need(strdup(path));
}

static void remove_folder(struct watcher *w, const char *path)
{
	size_t i = find(w, path);

	if (i == w->n)
		return;
	drop(w, i);
	if (!w->stale)
		inotifytools_remove_watch_by_filename(path);
}

static void obey(struct watcher *w, const char *record)
{
	if (*record == '+')
		add_folder(w, record + 1);
	else if (*record == '-')
		remove_folder(w, record + 1);
	else if (*record == '?')
		say(w, "!", record + 1, "", "");
}

static void read_orders(struct watcher *w)
{
	char piece[PIECE];
	ssize_t got = read(STDIN_FILENO, piece, sizeof(piece));
	size_t from = 0;

	if (got <= 0) {
		w->ended = got == 0 || (errno != EINTR && errno != EAGAIN);
		return;
	}
	add(&w->in, piece, (size_t)got);
	for (size_t i = 0; i < w->in.len; i++) {
		if (w->in.data[i])
			continue;
		obey(w, w->in.data + from);
		from = i + 1;
	}
	memmove(w->in.data, w->in.data + from, w->in.len - from);
	w->in.len -= from;
}

static const char *kind(unsigned mask)
{
	if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
		return "w";
	return mask & (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) ? "d"
											  : "c";
}

static void tell(struct watcher *w, const struct inotify_event *event)
{
	const char *folder = event->wd < 0 ? NULL : inotifytools_filename_from_wd(event->wd);
	size_t len = folder ? strlen(folder) : 0;
	bool slash = len && folder[len - 1] == '/';

	if (event->mask & IN_Q_OVERFLOW) {
		lost(w);
		return;
	}
	if (!len) /* of a watch that we took away ourselves */
		return;
	if (event->mask & (IN_IGNORED | IN_MOVE_SELF | IN_UNMOUNT)) {
		w->stale = true; /* another folder may have its name already: renew asks for it, too */
		return;
	}
	say(w, kind(event->mask), folder, slash ? "" : "/", event->len ? event->name : "");
	if (w->out.len > KEEP)
		lost(w);
}

/*
 * Read without the library: it takes many events at once, hands them out one by one, does not tell how
 * many it still has, and waits for ever when it has none. So some would stay in it, unseen.
 */
static void read_events(struct watcher *w)
{
	char piece[PIECE] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t got;

	while ((got = read(w->events, piece, sizeof(piece))) > 0) {
		for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(piece + at);
			tell(w, event);
		}
	}
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		w->ended = true;
	if (w->stale)
		renew(w);
}

static void write_out(struct watcher *w)
{
	ssize_t put = write(STDOUT_FILENO, w->out.data, w->out.len);

	if (put < 0) {
		w->ended = errno != EINTR && errno != EAGAIN;
		return;
	}
	memmove(w->out.data, w->out.data + put, w->out.len - (size_t)put);
	w->out.len -= (size_t)put;
}

int main(void)
{
	struct watcher w = {.events = -1};

	signal(SIGPIPE, SIG_IGN);
	fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
	if (!start(&w)) {
		write_out(&w);
		return 1;
	}
	while (!w.ended) {
		struct pollfd fds[] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = w.events, .events = POLLIN},
			{.fd = STDOUT_FILENO, .events = w.out.len ? POLLOUT : 0},
		};

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[1].revents)
			read_events(&w);
		if (fds[0].revents)
			read_orders(&w);
		if (fds[2].revents & (POLLERR | POLLHUP))
			break;
		if (w.out.len)
			write_out(&w);
	}
	return 0;
}
