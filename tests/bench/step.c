// SPDX-License-Identifier: BSD-2-Clause
/*
 * step.c - count the instructions of a program between its marks, one by one
 *
 * usage: bench_step PROGRAM [ARGUMENT]...
 *
 * A mark is SIGUSR1, which the program raises and never sees. Between two
 * marks its main thread is single-stepped; other threads run free and are not
 * counted. The first pair is empty: what it counts is the marks' own share.
 * Where processors have counters that we may use, this tells the same; it also
 * works in a virtual machine, which often has none. Prints a line of JSON.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

struct counts {
	long	empty, total, intervals;
};

static void fail(const char *what)
{
	fprintf(stderr, "bench_step: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* At a mark: steps to the next one. Returns the instructions; -1: it ended. */
static long step_to_mark(pid_t pid, int *status)
{
	long n = 0;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0))
			fail("PTRACE_SINGLESTEP");
		if (waitpid(pid, status, 0) < 0)
			fail("waitpid");
		if (!WIFSTOPPED(*status))
			return -1;
		if (WSTOPSIG(*status) == SIGUSR1)
			return n;
		n++;
	}
}

/* Runs to the next mark. False: it ended. */
static bool run_to_mark(pid_t pid, int *status)
{
	long signal = 0;

	for (;;) {
		if (ptrace(PTRACE_CONT, pid, 0, signal))
			fail("PTRACE_CONT");
		if (waitpid(pid, status, 0) < 0)
			fail("waitpid");
		if (!WIFSTOPPED(*status))
			return false;
		if (WSTOPSIG(*status) == SIGUSR1)
			return true;
		signal = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
	}
}

static struct counts count(pid_t pid, int *status)
{
	struct counts counts = { .empty = -1 };

	while (run_to_mark(pid, status)) {
		long n = step_to_mark(pid, status);

		if (n < 0)
			break;
		if (counts.empty < 0) {
			counts.empty = n;
			continue;
		}
		counts.total += n;
		counts.intervals++;
	}
	return counts;
}

int main(int argc, char **argv)
{
	struct counts counts;
	int status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_step PROGRAM [ARGUMENT]...\n");
		return 2;
	}
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[1], argv + 1);
		fail(argv[1]);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
		fail("the program did not start");
	/* It must not outlive us. */
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL))
		fail("PTRACE_SETOPTIONS");
	counts = count(pid, &status);
	printf("{\"intervals\":%ld,\"instructions\":%ld}\n", counts.intervals,
	       counts.total - counts.intervals * counts.empty);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
