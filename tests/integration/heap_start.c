/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_start.c - what joining adds to a process, counted
 *
 * heap_start LIBRARY: runs itself as a program that does nothing and as one
 * that allocates once, without and with LIBRARY preloaded, and bounds how many
 * more system calls and page faults the latter takes from exec to exit. Counts,
 * since times depend on the machine; each of them costs about a microsecond.
 */

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#include "heap_test.h"

struct cost {
	long	calls;		/* system calls */
	long	faults;		/* page faults */
};

static char *self;

static void become(const char *what, const char *library)
{
	if (library) {
		setenv("LD_PRELOAD", library, 1);
		if (!strcmp(what, "idle"))
			setenv("AGNOCAST_STRICT", "1", 1);	/* joins all the same */
	}
	if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		execl(self, self, what, (char *)NULL);
	_exit(77);
}

/* A call stops its process twice; what it stopped for otherwise, it gets. */
static int trace(pid_t pid, struct cost *cost)
{
	struct rusage usage;
	int status, signal = 0;
	long stops = 0;

	while (wait4(pid, &status, 0, &usage) == pid) {
		if (WIFEXITED(status)) {
			cost->calls = stops / 2;
			cost->faults = usage.ru_minflt;
			return WEXITSTATUS(status);
		}
		if (!WIFSTOPPED(status))
			return -1;
		signal = WSTOPSIG(status);
		if (signal == SIGTRAP || signal == (SIGTRAP | 0x80)) {
			stops += signal != SIGTRAP;
			signal = 0;
		}
		ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD);
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal);
	}
	return -1;
}

static int run(const char *what, const char *library, struct cost *cost)
{
	pid_t pid = fork();

	if (!pid)
		become(what, library);
	return trace(pid, cost);
}

/* The least of some: a fault more now and then is the kernel's. */
static int least(const char *what, const char *library, struct cost *cost)
{
	int ret = run(what, library, cost);

	for (int i = 0; !ret && i < 4; i++) {
		struct cost again;

		ret = run(what, library, &again);
		if (again.calls < cost->calls)
			cost->calls = again.calls;
		if (again.faults < cost->faults)
			cost->faults = again.faults;
	}
	return ret;
}

static void bound(const char *what, const char *library, long calls, long faults)
{
	struct cost without = { 0 }, with = { 0 };
	int ret = least(what, NULL, &without);
	char name[64];

	if (!ret)
		ret = least(what, library, &with);
	if (ret == 77) {
		printf("skip start_%s: may not trace\n", what);
		return;
	}
	with.calls -= without.calls;
	with.faults -= without.faults;
	snprintf(name, sizeof(name), "start_%s_takes_few_system_calls", what);
	check(name, !ret && with.calls > 20 && with.calls <= calls,
	      "status %d, %ld more, not %ld", ret, with.calls, calls);
	snprintf(name, sizeof(name), "start_%s_takes_few_page_faults", what);
	check(name, !ret && with.faults > 20 && with.faults <= faults,
	      "status %d, %ld more, not %ld", ret, with.faults, faults);
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 2 && !strcmp(argv[1], "idle"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "allocating")) {
		free(malloc(100));
		return 0;
	}
	if (argc != 2)
		return 2;
	bound("idle", argv[1], 58, 55);
	bound("allocating", argv[1], 62, 120);
	fflush(stdout);
	return failures > 0;
}
