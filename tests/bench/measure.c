/*
 * measure N CMD... [-- CMD...]...: runs the commands in turn, N times, with output thrown away, and
 * prints for each the median of its time, the peak memory of its largest process and the CPU time of
 * all its processes: "MS MIB CPU".  What runs them is small, because a process's peak begins with that of
 * its parent.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 8
#define RUNS_MAX 1000

struct command {
	char **argv;
	double ms[RUNS_MAX], cpu_s[RUNS_MAX];
	long peak_kib;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Processes that the command left behind count too, but for its time. */
static void run(struct command *c, int round)
{
	double begun = now_ms(), cpu_before = cpu_seconds();
	pid_t pid = vfork();
	struct rusage used;
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(c->argv[0], c->argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0 || status) {
		fprintf(stderr, "measure: %s failed\n", c->argv[0]);
		exit(1);
	}
	c->ms[round] = now_ms() - begun;
	if (used.ru_maxrss > c->peak_kib)
		c->peak_kib = used.ru_maxrss;
	while (wait4(-1, NULL, 0, &used) > 0)
		if (used.ru_maxrss > c->peak_kib)
			c->peak_kib = used.ru_maxrss;
	c->cpu_s[round] = cpu_seconds() - cpu_before;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	int runs = argc > 2 ? atoi(argv[1]) : 0, n = 0;

	if (runs < 1 || runs > RUNS_MAX)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	commands[n++].argv = argv + 2;
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "--") && n < COMMANDS_MAX) {
			argv[i] = NULL;
			commands[n++].argv = argv + i + 1;
		}
	for (int round = 0; round < runs; round++)
		for (int i = 0; i < n; i++)
			run(&commands[i], round);
	for (int i = 0; i < n; i++) {
		qsort(commands[i].ms, (size_t)runs, sizeof(double), by_size);
		qsort(commands[i].cpu_s, (size_t)runs, sizeof(double), by_size);
		printf("%.2f %.1f %.3f\n", commands[i].ms[runs / 2], (double)commands[i].peak_kib / 1024,
		       commands[i].cpu_s[runs / 2]);
	}
	return 0;
}
