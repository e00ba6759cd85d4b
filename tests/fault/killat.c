/*
 * killat: kills a program at its n-th effectful system call, or makes that call fail.
 *
 * It follows all threads of the program with ptrace and counts only calls that change something
 * outside of it (calls.c says which). The kill is a SIGKILL at the entry of the call, which then never
 * happens (kill-before), or at its exit, when it has just happened (kill-after): between the two lies
 * everything that a dying program can leave behind.
 *
 * Children are let go as soon as they exist, as kill -9 would: what the program started goes on. With
 * --children it is the other way round: only children that run the same program (shims) count.
 */
#include "calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

enum mode {
	MODE_COUNT,
	MODE_KILL_BEFORE,
	MODE_KILL_AFTER,
	MODE_FAIL,
};

/* One traced thread. */
struct task {
	pid_t tid, tgid;
	bool hit_open;  /* it is inside the call that was hit */
	bool counts;    /* its calls are counted */
	int fail;       /* errno to put into the call it is in; 0: none */
};

struct killer {
	enum mode mode;
	long n;             /* the call to hit, from 1 */
	int error;          /* MODE_FAIL */
	bool sticky;        /* MODE_FAIL: this one and all that follow */
	bool tree;          /* kill everything that descends from the program, too */
	bool children;
	unsigned classes;
	const char *report; /* file for the result; NULL: none */
	FILE *trace;        /* every counted call; NULL: none */
	const char *only_path; /* count only calls whose object contains this; NULL: all */

	pid_t main;
	dev_t exe_device;
	ino_t exe_inode;
	bool started;       /* the program's own exec is done */
	bool killed;
	long count;
	char hit[CALL_TEXT];
	struct task *tasks;
	size_t n_tasks, cap;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("killat: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(125);
}

static struct task *task_find(struct killer *killer, pid_t tid)
{
	for (size_t i = 0; i < killer->n_tasks; i++)
		if (killer->tasks[i].tid == tid)
			return &killer->tasks[i];
	return NULL;
}

static void task_drop(struct killer *killer, pid_t tid)
{
	struct task *task = task_find(killer, tid);

	if (task)
		*task = killer->tasks[--killer->n_tasks];
}

static pid_t thread_group(pid_t tid)
{
	char path[64], line[256];
	FILE *file;
	int tgid = tid;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return tid;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	fclose(file);
	return tgid;
}

static struct task *task_add(struct killer *killer, pid_t tid)
{
	struct task *task;

	if (killer->n_tasks == killer->cap) {
		killer->cap = killer->cap ? killer->cap * 2 : 16;
		killer->tasks = realloc(killer->tasks, killer->cap * sizeof(*killer->tasks));
		if (!killer->tasks)
			die("out of memory");
	}
	task = &killer->tasks[killer->n_tasks++];
	*task = (struct task){.tid = tid, .tgid = thread_group(tid)};
	task->counts = (task->tgid == killer->main) != killer->children;
	return task;
}

static bool same_program(const struct killer *killer, pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return stat(path, &st) == 0 && st.st_dev == killer->exe_device &&
	       st.st_ino == killer->exe_inode;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], text[512];
	const char *end;
	FILE *file;
	size_t len;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/* Everything below `root`, deepest last; a process that hides behind a dead parent is not found. */
static void kill_descendants(pid_t root)
{
	pid_t found[1024];
	size_t n = 0;

	found[n++] = root;
	for (size_t i = 0; i < n; i++) {
		struct dirent *entry;
		DIR *proc = opendir("/proc");

		if (!proc)
			die("cannot list processes: %s", strerror(errno));
		while ((entry = readdir(proc))) {
			pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

			if (pid > 0 && n < sizeof(found) / sizeof(*found) && parent_of(pid) == found[i])
				found[n++] = pid;
		}
		closedir(proc);
	}
	for (size_t i = 0; i < n; i++)
		kill(found[i], SIGKILL);
}

static void kill_program(struct killer *killer, const struct task *task)
{
	killer->killed = true;
	if (killer->children)
		kill(task->tgid, SIGKILL);
	else if (killer->tree)
		kill_descendants(killer->main);
	else
		kill(killer->main, SIGKILL);
}

/* At the entry of a call. */
static void enter_call(struct killer *killer, struct task *task, const struct call *call)
{
	char text[CALL_TEXT];
	bool hit;

	task->fail = 0;
	task->hit_open = false;
	if (!task->counts || !killer->started || killer->killed ||
	    !(call_classify(call, text) & killer->classes))
		return;
	if (killer->only_path && !strstr(text, killer->only_path))
		return;
	killer->count++;
	if (killer->trace)
		fprintf(killer->trace, "%ld %s\n", killer->count, text);
	hit = killer->n && (killer->count == killer->n || (killer->sticky && killer->count > killer->n));
	if (!hit || killer->mode == MODE_COUNT)
		return;
	if (!killer->hit[0])
		memcpy(killer->hit, text, sizeof(killer->hit));
	switch (killer->mode) {
	case MODE_KILL_BEFORE:
		call_skip(task->tid);
		kill_program(killer, task);
		break;
	case MODE_KILL_AFTER:
		task->hit_open = true;
		break;
	case MODE_FAIL:
		call_skip(task->tid);
		task->fail = killer->error;
		break;
	case MODE_COUNT:
		break;
	}
}

static void leave_call(struct killer *killer, struct task *task)
{
	if (task->fail)
		call_set_result(task->tid, -task->fail);
	task->fail = 0;
	if (task->hit_open && !killer->killed)
		kill_program(killer, task);
	task->hit_open = false;
}

static void system_call_stop(struct killer *killer, struct task *task)
{
	struct ptrace_syscall_info info;
	struct call call = {.tid = task->tid, .tgid = task->tgid};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) < 0)
		return; /* killed meanwhile */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		call.number = (long)info.entry.nr;
		for (int i = 0; i < 6; i++)
			call.args[i] = info.entry.args[i];
		enter_call(killer, task, &call);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		leave_call(killer, task);
	}
}

/* False: the task was let go. */
static bool first_stop(struct killer *killer, pid_t tid)
{
	struct task *task = task_add(killer, tid);

	if (task->tgid == killer->main || killer->children)
		return true;
	ptrace(PTRACE_DETACH, tid, 0, 0);
	task_drop(killer, tid);
	return false;
}

static void exec_stop(struct killer *killer, pid_t tid)
{
	char path[64];
	struct stat st;

	if (tid == killer->main && !killer->started) {
		snprintf(path, sizeof(path), "/proc/%d/exe", tid);
		if (stat(path, &st) < 0)
			die("cannot see the program: %s", strerror(errno));
		killer->exe_device = st.st_dev;
		killer->exe_inode = st.st_ino;
		killer->started = true;
	} else if (tid != killer->main && !same_program(killer, tid)) {
		ptrace(PTRACE_DETACH, tid, 0, 0);
		task_drop(killer, tid);
		return;
	}
	ptrace(PTRACE_SYSCALL, tid, 0, 0);
}

static void stopped(struct killer *killer, pid_t tid, int status)
{
	int event = status >> 16, number = WSTOPSIG(status);
	struct task *task = task_find(killer, tid);

	if (!task) {
		if (!first_stop(killer, tid))
			return;
		task = task_find(killer, tid);
	}
	if (number == (SIGTRAP | 0x80)) {
		system_call_stop(killer, task);
		ptrace(PTRACE_SYSCALL, tid, 0, 0);
	} else if (event == PTRACE_EVENT_EXEC) {
		exec_stop(killer, tid);
	} else if (event == PTRACE_EVENT_STOP &&
		   (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)) {
		ptrace(PTRACE_LISTEN, tid, 0, 0);
	} else if (event) {
		ptrace(PTRACE_SYSCALL, tid, 0, 0);
	} else {
		ptrace(PTRACE_SYSCALL, tid, 0, number);
	}
}

/* Until the program itself is gone. Returns its wait status. */
static int follow(struct killer *killer)
{
	int status;

	for (;;) {
		pid_t tid = waitpid(-1, &status, __WALL);

		if (interrupted) {
			kill_descendants(killer->main);
			interrupted = 0;
		}
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			die("lost the program: %s", strerror(errno));
		if (WIFSTOPPED(status)) {
			stopped(killer, tid, status);
			continue;
		}
		task_drop(killer, tid);
		if (tid == killer->main)
			return status;
	}
}

static void start(struct killer *killer, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	int go[2];
	char byte = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	killer->main = fork();
	if (killer->main < 0)
		die("fork: %s", strerror(errno));
	if (killer->main == 0) {
		if (read(go[0], &byte, 1) != 1)
			_exit(125);
		execvp(argv[0], argv);
		fprintf(stderr, "killat: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	task_add(killer, killer->main);
	if (ptrace(PTRACE_SEIZE, killer->main, 0, options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, killer->main, 0, 0) < 0)
		die("ptrace: %s", strerror(errno));
	if (write(go[1], &byte, 1) != 1)
		die("pipe: %s", strerror(errno));
	close(go[0]);
	close(go[1]);
}

static void write_report(const struct killer *killer)
{
	FILE *file;

	if (!killer->report)
		return;
	file = fopen(killer->report, "we");
	if (!file)
		die("%s: %s", killer->report, strerror(errno));
	fprintf(file, "count=%ld\nhit=%d\ncall=%s\n", killer->count, killer->hit[0] != 0, killer->hit);
	fclose(file);
}

static void usage(void)
{
	fputs("usage: killat count                  [OPTIONS] -- PROGRAM [ARGUMENT...]\n"
	      "       killat kill-before|kill-after N [OPTIONS] -- PROGRAM ...\n"
	      "       killat fail N ERRNO           [OPTIONS] -- PROGRAM ...\n"
	      "\n"
	      "  --class LIST    calls that count (default: all that kill points need):\n"
	      "                  open write sync name meta lock net spawn signal thread memory read fd\n"
	      "  --path TEXT     only calls whose description contains TEXT\n"
	      "  --children      count and kill in children that run the same program, not in it\n"
	      "  --tree          kill all descendants, too\n"
	      "  --sticky        fail: the n-th and all after it\n"
	      "  --report FILE   count=, hit=, call= of this run\n"
	      "  --trace FILE    every counted call\n"
	      "\n"
	      "Exits with the program's status, or 137 when it was killed.\n",
		stderr);
	exit(125);
}

static char **parse(struct killer *killer, char **argv)
{
	const char *mode = argv[1];

	if (!mode)
		usage();
	argv += 2;
	if (strcmp(mode, "count") == 0)
		killer->mode = MODE_COUNT;
	else if (strcmp(mode, "kill-before") == 0)
		killer->mode = MODE_KILL_BEFORE;
	else if (strcmp(mode, "kill-after") == 0)
		killer->mode = MODE_KILL_AFTER;
	else if (strcmp(mode, "fail") == 0)
		killer->mode = MODE_FAIL;
	else
		usage();
	if (killer->mode != MODE_COUNT) {
		killer->n = *argv ? strtol(*argv++, NULL, 10) : 0;
		if (killer->n < 1)
			usage();
	}
	if (killer->mode == MODE_FAIL) {
		killer->error = *argv ? errno_by_name(*argv++) : 0;
		if (!killer->error)
			die("unknown error name");
	}
	for (; *argv && strcmp(*argv, "--") != 0; argv++) {
		if (strcmp(*argv, "--children") == 0)
			killer->children = true;
		else if (strcmp(*argv, "--tree") == 0)
			killer->tree = true;
		else if (strcmp(*argv, "--sticky") == 0)
			killer->sticky = true;
		else if (!argv[1])
			usage();
		else if (strcmp(*argv, "--class") == 0)
			killer->classes = call_classes(*++argv);
		else if (strcmp(*argv, "--path") == 0)
			killer->only_path = *++argv;
		else if (strcmp(*argv, "--report") == 0)
			killer->report = *++argv;
		else if (strcmp(*argv, "--trace") == 0)
			killer->trace = fopen(*++argv, "we");
		else
			usage();
		if (!killer->classes)
			die("unknown class of calls: %s", *argv);
	}
	if (!*argv || !argv[1])
		usage();
	return argv + 1;
}

int main(int argc, char **argv)
{
	struct killer killer = {.mode = MODE_COUNT, .classes = CALL_DEFAULT};
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waitpid must return */
	char **program;
	int status;

	(void)argc;
	program = parse(&killer, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	start(&killer, program);
	status = follow(&killer);
	write_report(&killer);
	if (killer.trace)
		fclose(killer.trace);
	free(killer.tasks);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
