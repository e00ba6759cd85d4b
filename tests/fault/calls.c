/*
 * The table of effectful system calls. What counts is decided by the call and the object it works on:
 * a write to a pipe between threads is no effect, the same write to a file or a socket is one.
 */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>
#include <elf.h>

/* What the interesting argument is. */
enum object {
	OBJECT_NONE,
	OBJECT_FD,       /* args[which] is a descriptor */
	OBJECT_PATH,     /* args[which] points to a path */
	OBJECT_FLAGS,    /* open: args[which] are flags, args[which - 1] the path */
	OBJECT_PID,      /* args[which] is a process */
	OBJECT_CLONE,    /* args[0] are clone flags */
	OBJECT_CLONE3,   /* args[0] points to them */
	OBJECT_FCNTL,
};

struct entry {
	long number;
	const char *name;
	unsigned class;
	enum object object;
	int which;
};

#define CALL(name, class, object, which) {SYS_##name, #name, class, object, which}

static const struct entry entries[] = {
#ifdef SYS_open
	CALL(open, CALL_OPEN, OBJECT_FLAGS, 1),
	CALL(creat, CALL_OPEN, OBJECT_PATH, 0),
	CALL(rename, CALL_NAME, OBJECT_PATH, 1),
	CALL(unlink, CALL_NAME, OBJECT_PATH, 0),
	CALL(mkdir, CALL_NAME, OBJECT_PATH, 0),
	CALL(rmdir, CALL_NAME, OBJECT_PATH, 0),
	CALL(link, CALL_NAME, OBJECT_PATH, 1),
	CALL(symlink, CALL_NAME, OBJECT_PATH, 1),
	CALL(mknod, CALL_NAME, OBJECT_PATH, 0),
	CALL(chmod, CALL_META, OBJECT_PATH, 0),
	CALL(chown, CALL_META, OBJECT_PATH, 0),
	CALL(lchown, CALL_META, OBJECT_PATH, 0),
	CALL(utimes, CALL_META, OBJECT_PATH, 0),
	CALL(fork, CALL_SPAWN, OBJECT_NONE, 0),
	CALL(vfork, CALL_SPAWN, OBJECT_NONE, 0),
#endif
#ifdef SYS_renameat
	CALL(renameat, CALL_NAME, OBJECT_PATH, 3),
#endif
	CALL(openat, CALL_OPEN, OBJECT_FLAGS, 2),
	CALL(renameat2, CALL_NAME, OBJECT_PATH, 3),
	CALL(unlinkat, CALL_NAME, OBJECT_PATH, 1),
	CALL(mkdirat, CALL_NAME, OBJECT_PATH, 1),
	CALL(linkat, CALL_NAME, OBJECT_PATH, 3),
	CALL(symlinkat, CALL_NAME, OBJECT_PATH, 2),
	CALL(mknodat, CALL_NAME, OBJECT_PATH, 1),
	CALL(write, CALL_WRITE, OBJECT_FD, 0),
	CALL(pwrite64, CALL_WRITE, OBJECT_FD, 0),
	CALL(writev, CALL_WRITE, OBJECT_FD, 0),
	CALL(pwritev, CALL_WRITE, OBJECT_FD, 0),
	CALL(pwritev2, CALL_WRITE, OBJECT_FD, 0),
	CALL(sendfile, CALL_WRITE, OBJECT_FD, 0),
	CALL(copy_file_range, CALL_WRITE, OBJECT_FD, 2),
	CALL(read, CALL_READ, OBJECT_FD, 0),
	CALL(pread64, CALL_READ, OBJECT_FD, 0),
	CALL(readv, CALL_READ, OBJECT_FD, 0),
	CALL(recvfrom, CALL_READ, OBJECT_FD, 0),
	CALL(recvmsg, CALL_READ, OBJECT_FD, 0),
	CALL(fsync, CALL_SYNC, OBJECT_FD, 0),
	CALL(fdatasync, CALL_SYNC, OBJECT_FD, 0),
	CALL(syncfs, CALL_SYNC, OBJECT_FD, 0),
	CALL(fchmod, CALL_META, OBJECT_FD, 0),
	CALL(fchmodat, CALL_META, OBJECT_PATH, 1),
	CALL(fchown, CALL_META, OBJECT_FD, 0),
	CALL(fchownat, CALL_META, OBJECT_PATH, 1),
	CALL(truncate, CALL_META, OBJECT_PATH, 0),
	CALL(ftruncate, CALL_META, OBJECT_FD, 0),
	CALL(fallocate, CALL_META, OBJECT_FD, 0),
	CALL(utimensat, CALL_META, OBJECT_PATH, 1),
	CALL(flock, CALL_LOCK, OBJECT_FD, 0),
	CALL(fcntl, CALL_LOCK, OBJECT_FCNTL, 0),
	CALL(connect, CALL_NET, OBJECT_FD, 0),
	CALL(bind, CALL_NET, OBJECT_FD, 0),
	CALL(sendto, CALL_NET, OBJECT_FD, 0),
	CALL(sendmsg, CALL_NET, OBJECT_FD, 0),
	CALL(sendmmsg, CALL_NET, OBJECT_FD, 0),
	CALL(clone, CALL_SPAWN, OBJECT_CLONE, 0),
#ifdef SYS_clone3
	CALL(clone3, CALL_SPAWN, OBJECT_CLONE3, 0),
#endif
	CALL(execve, CALL_SPAWN, OBJECT_PATH, 0),
	CALL(execveat, CALL_SPAWN, OBJECT_PATH, 1),
	CALL(kill, CALL_SIGNAL, OBJECT_PID, 0),
	CALL(tkill, CALL_SIGNAL, OBJECT_PID, 0),
	CALL(tgkill, CALL_SIGNAL, OBJECT_PID, 0),
	CALL(pidfd_send_signal, CALL_SIGNAL, OBJECT_NONE, 0),
	CALL(mmap, CALL_MEMORY, OBJECT_NONE, 0),
	CALL(socket, CALL_FD, OBJECT_NONE, 0),
	CALL(socketpair, CALL_FD, OBJECT_NONE, 0),
	CALL(accept4, CALL_FD, OBJECT_NONE, 0),
	CALL(pipe2, CALL_FD, OBJECT_NONE, 0),
	CALL(dup, CALL_FD, OBJECT_NONE, 0),
	CALL(eventfd2, CALL_FD, OBJECT_NONE, 0),
	CALL(epoll_create1, CALL_FD, OBJECT_NONE, 0),
	CALL(timerfd_create, CALL_FD, OBJECT_NONE, 0),
	CALL(signalfd4, CALL_FD, OBJECT_NONE, 0),
	CALL(inotify_init1, CALL_FD, OBJECT_NONE, 0),
	CALL(pidfd_open, CALL_FD, OBJECT_NONE, 0),
	CALL(memfd_create, CALL_FD, OBJECT_NONE, 0),
};

static const char *const class_names[] = {"open", "write", "sync", "name", "meta", "lock", "net",
	"spawn", "signal", "thread", "memory", "read", "fd"};

static bool read_memory(pid_t tid, uint64_t address, void *out, size_t len)
{
	struct iovec local = {out, len}, remote = {(void *)(uintptr_t)address, len};

	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

static void read_path(pid_t tid, uint64_t address, char *out, size_t size)
{
	size_t len = 0;

	while (len + 1 < size && read_memory(tid, address + len, out + len, 1) && out[len])
		len++;
	out[len] = '\0';
}

static void read_link(pid_t tid, uint64_t fd, char *out, size_t size)
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, (int)fd);
	len = readlink(path, out, size - 1);
	out[len > 0 ? len : 0] = '\0';
}

/* The class of a call on a descriptor, by what the descriptor is. */
static unsigned classify_fd(const struct entry *entry, const struct call *call, char *object,
	size_t size)
{
	uint64_t fd = call->args[entry->which];
	bool data = entry->class == CALL_WRITE || entry->class == CALL_READ;

	read_link(call->tid, fd, object, size);
	if (!data)
		return object[0] ? entry->class : 0;
	if (entry->class == CALL_WRITE && fd <= 2)
		return 0; /* output is for people */
	if (strncmp(object, "socket:", 7) == 0)
		return entry->class == CALL_WRITE ? CALL_NET : CALL_READ;
	if (strncmp(object, "/dev/", 5) == 0 || strncmp(object, "/proc/", 6) == 0)
		return 0;
	return object[0] == '/' ? entry->class : 0;
}

static unsigned classify_clone(const struct entry *entry, const struct call *call)
{
	uint64_t flags = call->args[0];

	if (entry->object == OBJECT_CLONE3 &&
	    !read_memory(call->tid, call->args[0], &flags, sizeof(flags)))
		return 0;
	return flags & CLONE_THREAD ? CALL_THREAD : CALL_SPAWN;
}

static unsigned classify_fcntl(const struct call *call, char *object, size_t size)
{
	switch ((int)call->args[1]) {
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		read_link(call->tid, call->args[0], object, size);
		return CALL_LOCK;
	case F_DUPFD_CLOEXEC:
		return CALL_FD;
	default:
		return 0;
	}
}

static unsigned classify_open(const struct entry *entry, const struct call *call, char *object,
	size_t size)
{
	int flags = (int)call->args[entry->which];

	read_path(call->tid, call->args[entry->which - 1], object, size);
	if (!(flags & (O_CREAT | O_TRUNC)) && (flags & O_ACCMODE) == O_RDONLY)
		return CALL_FD;
	if (strncmp(object, "/dev/", 5) == 0 || strncmp(object, "/proc/", 6) == 0)
		return CALL_FD;
	return entry->class | CALL_FD;
}

static unsigned classify(const struct entry *entry, const struct call *call, char *object, size_t size)
{
	object[0] = '\0';
	switch (entry->object) {
	case OBJECT_NONE:
		return entry->class;
	case OBJECT_FD:
		return classify_fd(entry, call, object, size);
	case OBJECT_PATH:
		read_path(call->tid, call->args[entry->which], object, size);
		return entry->class;
	case OBJECT_FLAGS:
		return classify_open(entry, call, object, size);
	case OBJECT_PID:
		if ((pid_t)call->args[0] == call->tgid || (pid_t)call->args[0] == call->tid ||
		    (entry->number == SYS_kill && call->args[1] == 0))
			return 0; /* to itself, or only a question */
		snprintf(object, size, "%d", (int)call->args[0]);
		return entry->class;
	case OBJECT_CLONE:
	case OBJECT_CLONE3:
		return classify_clone(entry, call);
	case OBJECT_FCNTL:
		return classify_fcntl(call, object, size);
	}
	return 0;
}

unsigned call_classify(const struct call *call, char text[CALL_TEXT])
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		const struct entry *entry = &entries[i];
		char object[CALL_TEXT - 64];
		unsigned class;

		if (entry->number != call->number)
			continue;
		class = classify(entry, call, object, sizeof(object));
		if (class)
			snprintf(text, CALL_TEXT, "%s %s %s",
				class_names[__builtin_ctz(class)], entry->name, object);
		return class;
	}
	return 0;
}

unsigned call_classes(const char *names)
{
	unsigned set = 0;

	while (*names) {
		size_t len = strcspn(names, ","), i;

		for (i = 0; i < sizeof(class_names) / sizeof(*class_names); i++)
			if (strlen(class_names[i]) == len && strncmp(class_names[i], names, len) == 0)
				break;
		if (i == sizeof(class_names) / sizeof(*class_names))
			return 0;
		set |= 1u << i;
		names += len + (names[len] == ',');
	}
	return set;
}

int errno_by_name(const char *name)
{
	for (int number = 1; number < 134; number++) {
		const char *known = strerrorname_np(number);

		if (known && strcmp(known, name) == 0)
			return number;
	}
	return 0;
}

#if defined(__x86_64__)

void call_skip(pid_t tid)
{
	ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, orig_rax), -1L);
}

void call_set_result(pid_t tid, long result)
{
	ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), result);
}

#elif defined(__aarch64__)

void call_skip(pid_t tid)
{
	int none = -1;
	struct iovec iov = {&none, sizeof(none)};

	ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &iov);
}

void call_set_result(pid_t tid, long result)
{
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov) < 0)
		return;
	regs.regs[0] = (unsigned long long)result;
	ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov);
}

#else
#error "calls.c: say how to skip a system call on this machine"
#endif
