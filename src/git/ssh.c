/*
 * ssh:// through the ssh of OpenSSH, as git does: known_hosts, agents, keys, certificates and
 * ~/.ssh/config are its business, and its algorithms are those of the day, which libssh2's are not. A
 * host that is not known is refused, never asked about.
 *
 * DEVENV_SYNC_SSH_KEY and DEVENV_SYNC_KNOWN_HOSTS name files that are used instead of ssh's own.
 */
#include "git/git.h"

#include <git2/sys/transport.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct subtransport {
	git_smart_subtransport parent;
	git_transport *owner;
	struct stream *stream;
};

struct stream {
	git_smart_subtransport_stream parent;
	struct arena arena;
	pid_t pid;
	int in, out; /* what ssh reads, what it writes */
};

/* ssh://[user@]host[:port]/path, taken apart. */
struct place {
	const char *host, *port, *path; /* host with its user */
};

static int split_url(struct arena *arena, const char *url, struct place *place)
{
	const char *at = strncmp(url, "ssh://", 6) == 0 ? url + 6 : NULL;
	const char *slash = at ? strchr(at, '/') : NULL;
	const char *host, *user, *end;

	if (!slash || slash == at)
		return -1;
	user = memchr(at, '@', (size_t)(slash - at));
	host = user ? user + 1 : at;
	end = *host == '[' ? memchr(host, ']', (size_t)(slash - host)) : host;
	end = end ? memchr(end, ':', (size_t)(slash - end)) : NULL;
	place->port = end ? arena_strndup(arena, end + 1, (size_t)(slash - end - 1)) : NULL;
	if (*host == '[') { /* ssh wants an IPv6 address bare */
		const char *close = strchr(host, ']');

		place->host = arena_printf(arena, "%.*s%.*s", (int)(host - at), at,
			(int)(close - host - 1), host + 1);
	} else {
		place->host = arena_strndup(arena, at, (size_t)((end ? end : slash) - at));
	}
	/* "/~/x" starts at the home of the user there. */
	place->path = slash[1] == '~' ? slash + 1 : slash;
	return *place->host == '-' || (place->port && !isdigit((unsigned char)*place->port)) ? -1 : 0;
}

/* For the shell at the other end: git's own way. */
static const char *quote(struct arena *arena, const char *text)
{
	char *out = arena_alloc(arena, 4 * strlen(text) + 3), *to = out;

	*to++ = '\'';
	for (; *text; text++) {
		if (*text == '\'' || *text == '!')
			to += sprintf(to, "'\\%c'", *text);
		else
			*to++ = *text;
	}
	*to++ = '\'';
	*to = '\0';
	return out;
}

static const char *const *make_argv(struct arena *arena, const struct place *place,
	const char *service)
{
	const char *key = getenv("DEVENV_SYNC_SSH_KEY"), *hosts = getenv("DEVENV_SYNC_KNOWN_HOSTS");
	const char **argv = arena_zalloc(arena, 24 * sizeof(*argv));
	size_t n = 0;

	argv[n++] = "ssh";
	argv[n++] = "-oBatchMode=yes";
	argv[n++] = "-oStrictHostKeyChecking=yes";
	argv[n++] = "-oConnectTimeout=20";
	argv[n++] = "-oServerAliveInterval=15";
	argv[n++] = "-oServerAliveCountMax=3";
	argv[n++] = "-oClearAllForwardings=yes";
	argv[n++] = "-oLogLevel=ERROR";
	if (hosts && *hosts) {
		argv[n++] = arena_printf(arena, "-oUserKnownHostsFile=%s", hosts);
		argv[n++] = "-oGlobalKnownHostsFile=/dev/null";
	}
	if (key && *key) {
		argv[n++] = "-oIdentitiesOnly=yes";
		argv[n++] = "-i";
		argv[n++] = key;
	}
	if (place->port) {
		argv[n++] = "-p";
		argv[n++] = place->port;
	}
	argv[n++] = "--";
	argv[n++] = place->host;
	argv[n++] = arena_printf(arena, "%s %s", service, quote(arena, place->path));
	return argv;
}

/* stderr stays ours: what ssh says of a key or a host is the best message there is. */
static int start(struct stream *stream, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2], rc;

	if (pipe2(in, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return -1;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	rc = posix_spawnp(&stream->pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	stream->in = in[1];
	stream->out = out[0];
	if (rc == 0)
		return 0;
	stream->pid = 0;
	git_error_set_str(GIT_ERROR_SSH, "the program ssh is missing: install openssh-client");
	return -1;
}

static int stream_read(git_smart_subtransport_stream *base, char *buf, size_t room, size_t *got)
{
	struct stream *stream = (struct stream *)base;
	ssize_t n;

	do
		n = read(stream->out, buf, room);
	while (n < 0 && errno == EINTR);
	*got = n > 0 ? (size_t)n : 0;
	if (n == 0) {
		git_error_set_str(GIT_ERROR_SSH, "ssh ended the connection");
		return GIT_EEOF;
	}
	return n < 0 ? -1 : 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *buf, size_t len)
{
	struct stream *stream = (struct stream *)base;

	while (len) {
		ssize_t n = write(stream->in, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			git_error_set_str(GIT_ERROR_SSH, "ssh ended the connection");
			return -1;
		}
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static void stream_free(git_smart_subtransport_stream *base)
{
	struct stream *stream = (struct stream *)base;
	struct subtransport *t = (struct subtransport *)base->subtransport;

	close(stream->in);
	close(stream->out);
	if (stream->pid > 0) {
		kill(stream->pid, SIGTERM);
		waitpid(stream->pid, NULL, 0);
	}
	if (t->stream == stream)
		t->stream = NULL;
	arena_release(&stream->arena);
	free(stream);
}

static int action(git_smart_subtransport_stream **out, git_smart_subtransport *base,
	const char *url, git_smart_service_t what)
{
	struct subtransport *t = (struct subtransport *)base;
	struct stream *stream;
	struct place place;

	if (what == GIT_SERVICE_UPLOADPACK && t->stream) { /* the conversation goes on */
		*out = &t->stream->parent;
		return 0;
	}
	if (what != GIT_SERVICE_UPLOADPACK_LS)
		return -1; /* nothing is ever pushed */
	stream = xcalloc(1, sizeof(*stream));
	stream->parent = (git_smart_subtransport_stream){base, stream_read, stream_write, stream_free};
	if (split_url(&stream->arena, url, &place) < 0)
		git_error_set_str(GIT_ERROR_SSH, "the URL is no ssh://[USER@]HOST[:PORT]/PATH");
	else if (start(stream, make_argv(&stream->arena, &place, "git-upload-pack")) == 0) {
		t->stream = stream;
		*out = &stream->parent;
		return 0;
	}
	arena_release(&stream->arena);
	free(stream);
	return -1;
}

static int subtransport_close(git_smart_subtransport *base)
{
	(void)base;
	return 0;
}

static void subtransport_free(git_smart_subtransport *base)
{
	free(base);
}

static int make(git_smart_subtransport **out, git_transport *owner, void *param)
{
	struct subtransport *t = xcalloc(1, sizeof(*t));

	(void)param;
	t->parent = (git_smart_subtransport){action, subtransport_close, subtransport_free};
	t->owner = owner;
	*out = &t->parent;
	return 0;
}

int ssh_register(void)
{
	static git_smart_subtransport_definition definition = {make, 0, NULL};

	signal(SIGPIPE, SIG_IGN); /* an ssh that ends is an error, not our end */
	return git_transport_register("ssh", git_transport_smart, &definition);
}
