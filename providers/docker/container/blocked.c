/*
 * Who holds a port that a container wants? Asked while planning, because an engine says it only when
 * the container is made already and cannot start. Other containers are in the engine's list; processes
 * are in /proc/net, as long as the engine is on this machine. Nothing is bound to try it: a plan has no
 * effect, not even for a moment.
 */
#include "providers/docker/container/type.h"

#include "base/fs.h"
#include "providers/docker/container/parse.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct search {
	const struct docker *docker;
	const struct value *list; /* of all running containers */
	const char *own;          /* id of the item's own container; "" for none */
	const char *message;      /* the first holder found */
	bool asked, shares;       /* whether the engine's ports are this machine's, once asked */
	char claim[96];
};

static bool is_every(const char *ip)
{
	return !*ip || !strcmp(ip, "0.0.0.0") || !strcmp(ip, "::");
}

static bool holds(const struct value *given, const struct port *port, int number)
{
	const char *ip = value_get_text(given, "IP", "");

	return value_get_int(given, "PublicPort", 0) == number &&
	       !strcmp(value_get_text(given, "Type", "tcp"), port->protocol) &&
	       (is_every(ip) || is_every(port->ip) || !strcmp(ip, port->ip));
}

/* The container that publishes the port; NULL: none. */
static const struct value *holder(const struct search *search, const struct port *port, int number)
{
	for (size_t i = 0; search->list->kind == VALUE_LIST && i < search->list->len; i++) {
		const struct value *ports = value_get(&search->list->items[i], "Ports");

		for (size_t j = 0; ports && ports->kind == VALUE_LIST && j < ports->len; j++)
			if (holds(&ports->items[j], port, number))
				return &search->list->items[i];
	}
	return NULL;
}

/* Eight hexadecimal digits are four bytes of an address, as they lie in memory. */
static bool address_words(const char *hex, size_t len, uint32_t *words, size_t *n)
{
	for (*n = 0; *n < 4 && len >= 8; hex += 8, len -= 8) {
		char word[9];

		memcpy(word, hex, 8);
		word[8] = '\0';
		words[(*n)++] = (uint32_t)strtoul(word, NULL, 16);
	}
	return *n == 1 || *n == 4;
}

/* Does a socket at this local address stand in the way of `ip`? */
static bool in_the_way(const uint32_t *words, size_t n, const char *ip)
{
	struct in6_addr six;
	struct in_addr four;
	bool zero = true;

	for (size_t i = 0; i < n; i++)
		zero = zero && words[i] == 0;
	if (zero || is_every(ip))
		return true;
	if (inet_pton(AF_INET, ip, &four) == 1)
		return words[n - 1] == four.s_addr && (n == 1 || words[2] == htonl(0xffff));
	return n == 4 && inet_pton(AF_INET6, ip, &six) == 1 && !memcmp(words, &six, sizeof(six));
}

unsigned long container_socket(const char *text, bool udp, const char *ip, int port)
{
	const char *line = strchr(text, '\n'); /* the first is the heading */

	for (; line && line[1]; line = strchr(line + 1, '\n')) {
		unsigned local_port, state;
		unsigned long inode;
		uint32_t words[4];
		char local[33];
		size_t n;

		if (sscanf(line + 1, " %*[^:]: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
			local, &local_port, &state, &inode) != 4)
			continue;
		if (state != (udp ? 7U : 10U) || (int)local_port != port ||
			!address_words(local, strlen(local), words, &n))
			continue;
		if (in_the_way(words, n, ip))
			return inode ? inode : ULONG_MAX;
	}
	return 0;
}

static bool has_socket(const char *fd_dir, const char *wanted)
{
	DIR *dir = opendir(fd_dir);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[1024], target[64];
		ssize_t len;

		snprintf(path, sizeof(path), "%s/%s", fd_dir, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		found = !strcmp(target, wanted);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* "process 812 (nginx)"; another user's process cannot be named. */
static const char *process_of(struct arena *arena, unsigned long inode)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	const char *name = "another process";
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	while (proc && (entry = readdir(proc))) {
		struct error ignored = ERROR_INIT;
		char path[300];
		const char *comm;
		size_t len;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd", entry->d_name);
		if (!has_socket(path, wanted))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (fs_read(path, arena, &comm, &len, &ignored) < 0)
			comm = "?", len = 1;
		name = arena_printf(arena, "process %s (%.*s)", entry->d_name,
			(int)strcspn(comm, "\n"), comm);
		break;
	}
	if (proc)
		closedir(proc);
	return name;
}

/* Who listens on the engine's socket; 0: no process that we can see. */
static pid_t engine_pid(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return 0;
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return 0;
	return peer.pid;
}

/* Only where the engine's ports are ours: not over a network, and not from inside a container that was
   given its socket. A network namespace that may not be looked at belongs to a process we can see. */
static bool shares_ports(const struct docker *docker)
{
	char path[64], ours[64] = "", theirs[64] = "";
	pid_t pid;

	if (strncmp(docker->where, "unix://", 7) != 0)
		return false;
	pid = engine_pid(docker->where + 7);
	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (readlink(path, theirs, sizeof(theirs) - 1) < 0)
		return errno == EACCES || errno == EPERM;
	return readlink("/proc/self/ns/net", ours, sizeof(ours) - 1) > 0 && !strcmp(ours, theirs);
}

static const char *process_holding(const struct docker *docker, const struct port *port, int number)
{
	const char *const files[] = {"", "6"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct error ignored = ERROR_INIT;
		char path[64];
		const char *text;
		size_t len;
		unsigned long inode;

		snprintf(path, sizeof(path), "/proc/net/%s%s", port->protocol, files[i]);
		if (fs_read(path, docker->arena, &text, &len, &ignored) < 0)
			continue;
		inode = container_socket(text, !strcmp(port->protocol, "udp"), port->ip, number);
		if (inode)
			return process_of(docker->arena, inode);
	}
	return NULL;
}

static bool processes_count(struct search *search)
{
	if (!search->asked)
		search->shares = shares_ports(search->docker);
	search->asked = true;
	return search->shares;
}

static void look(void *arg, const struct port *port, int number)
{
	struct search *search = arg;
	const struct value *container = holder(search, port, number), *names;
	const char *ignored, *by = NULL;

	if (search->message)
		return;
	if (container) {
		/* What is ours is ordered by its claims: it may be on its way out. */
		if (!strcmp(value_get_text(container, "Id", ""), search->own) ||
			docker_owner(search->docker, value_get(container, "Labels"), NULL,
				&ignored) == OWNER_US)
			return;
		names = value_get(container, "Names");
		by = arena_printf(search->docker->arena, "container %s",
			names && names->kind == VALUE_LIST && names->len
				? value_text(&names->items[0], "/?") + 1
				: value_get_text(container, "Id", "?"));
	} else if (processes_count(search)) {
		by = process_holding(search->docker, port, number);
	}
	if (!by)
		return;
	search->message = arena_printf(search->docker->arena, "%s port %s%s%d is taken by %s",
		port->protocol, port->ip, *port->ip ? ":" : "", number, by);
	container_claim(port, number, search->claim, sizeof(search->claim));
}

const char *docker_blocked(const struct docker *docker, const struct value *list, const char *own,
	const struct value *inputs, const char **claim)
{
	struct search search = {.docker = docker, .list = list, .own = own};

	container_each_port(inputs, docker->arena, look, &search);
	if (search.message)
		*claim = arena_strdup(docker->arena, search.claim);
	return search.message;
}
