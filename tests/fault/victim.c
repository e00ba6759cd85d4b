/*
 * What killat is tested on: `victim DIR` makes ten effects in a known order, one of them in a second
 * thread, with a child that goes on after its parent. Prints the errors that it meets.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("%s: %s\n", what, strerrorname_np(errno));
	failures++;
}

static void *in_thread(void *arg)
{
	(void)arg;
	check(rename("new", "file"), "rename"); /* 6 */
	return NULL;
}

int main(int argc, char **argv)
{
	static char shell[] = "sh", option[] = "-c", script[] = "until [ -e go ]; do sleep 0.02; done; echo done >child";
	char *child[] = {shell, option, script, NULL};
	extern char **environ;
	pthread_t thread;
	int fd, quiet[2];
	pid_t pid;

	if (argc != 2 || chdir(argv[1]) < 0)
		return 2;
	check(mkdir("folder", 0700), "mkdir");                      /* 1 */
	fd = open("new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);     /* 2 */
	check(fd, "open");
	check((int)write(fd, "text", 4), "write");                  /* 3 */
	check(fsync(fd), "fsync");                                  /* 4 */
	check(fchmod(fd, 0644), "fchmod");                          /* 5 */
	close(fd);
	check(pipe2(quiet, O_CLOEXEC), "pipe");
	check((int)write(quiet[1], "x", 1), "pipe write");          /* does not count */
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	errno = posix_spawnp(&pid, "sh", NULL, NULL, child, environ); /* 7 */
	check(errno ? -1 : 0, "spawn");
	check(open("folder", O_RDONLY | O_CLOEXEC), "open to read"); /* does not count */
	check(unlink("file"), "unlink");                            /* 8 */
	check(rmdir("folder"), "rmdir");                            /* 9 */
	check(open("end", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "open end"); /* 10 */
	return failures ? 1 : 0;
}
