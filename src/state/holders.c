/*
 * The kernel's lock table names the process that took a lock, not the children that inherited it, so
 * the holders are found by their open files. A process is signalled through a descriptor of it
 * (pidfd) that was taken before a second look, so a reused pid is never hit.
 */
#include "state/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct file {
	char name[PATH_MAX]; /* looked at first: a stat may hang on a dead network mount */
	struct stat st;
};

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool describe(int fd, struct file *file)
{
	char link[64], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0 || fstat(fd, &file->st) < 0)
		return false;
	path[len] = '\0';
	snprintf(file->name, sizeof(file->name), "%s", last_part(path));
	return true;
}

static bool is_file(int folder, const char *fd, const struct file *file)
{
	char path[PATH_MAX];
	ssize_t len = readlinkat(folder, fd, path, sizeof(path) - 1);
	struct stat st;

	if (len < 0)
		return false;
	path[len] = '\0';
	return strcmp(last_part(path), file->name) == 0 && fstatat(folder, fd, &st, 0) == 0 &&
	       st.st_dev == file->st.st_dev && st.st_ino == file->st.st_ino;
}

static bool holds(pid_t pid, const struct file *file)
{
	char folder[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = is_file(dirfd(dir), entry->d_name, file);
	closedir(dir);
	return found;
}

/* True when the signal went to a holder. */
static bool signal_one(pid_t pid, const struct file *file, int signal)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	bool sent = false;

	if (process < 0 && errno != ENOSYS)
		return false;
	if (holds(pid, file))
		sent = process < 0 ? kill(pid, signal) == 0
				   : syscall(SYS_pidfd_send_signal, process, signal, NULL, 0) == 0;
	if (process >= 0)
		close(process);
	return sent;
}

int holders_signal(int fd, int signal)
{
	struct dirent *entry;
	struct file file;
	int sent = 0;
	DIR *dir;

	if (!describe(fd, &file) || !(dir = opendir("/proc")))
		return 0;
	while ((entry = readdir(dir))) {
		pid_t pid = (pid_t)atol(entry->d_name);

		if (!isdigit((unsigned char)entry->d_name[0]) || pid <= 1 || pid == getpid())
			continue;
		if (holds(pid, &file))
			sent += signal_one(pid, &file, signal);
	}
	closedir(dir);
	return sent;
}
