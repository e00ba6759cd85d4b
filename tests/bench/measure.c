/*
 * measure N PROGRAM [ARGUMENT...]: runs a program N times, cold, its output thrown away; prints
 * "MINIMUM MEDIAN PEAK CPU": milliseconds of the fastest and the middle run, peak memory in KiB, and
 * the least processor time of a run in milliseconds.
 * A run that fails ends the measurement.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double milliseconds(struct timeval time)
{
	return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static double run_once(char **argv, long *peak, double *cpu)
{
	double start = now();
	struct rusage usage;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "measure: %s failed\n", argv[0]);
		exit(1);
	}
	if (usage.ru_maxrss > *peak)
		*peak = usage.ru_maxrss;
	start = now() - start;
	*cpu = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
	return start;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0;
	double *times, cpu, least = 0;
	long peak = 0;

	if (n < 1) {
		fprintf(stderr, "usage: measure N PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	times = calloc((size_t)n, sizeof(*times));
	for (int i = 0; i < n; i++) {
		times[i] = run_once(argv + 2, &peak, &cpu);
		least = i && least < cpu ? least : cpu;
	}
	qsort(times, (size_t)n, sizeof(*times), by_value);
	printf("%.2f %.2f %ld %.2f\n", times[0], times[n / 2], peak, least);
	free(times);
	return 0;
}
