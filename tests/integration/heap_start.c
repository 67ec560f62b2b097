/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_start.c - what a process of ours asks of the kernel, counted
 *
 * heap_start LIBRARY: runs itself as a program that does nothing and as one
 * that allocates once, in one or in each of many threads, without and with
 * LIBRARY preloaded, and bounds how many
 * more system calls and page faults the latter takes from exec to exit; and as
 * programs whose heap grows, for which it bounds the steps of that. Counts,
 * since times depend on the machine; a call or a fault costs about a microsecond.
 */

#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "heap_test.h"

struct cost {
	long	calls;		/* system calls */
	long	faults;		/* page faults */
	long	commits;	/* fallocate */
};

#define GROWTH (64 << 20)
#define THREADS 50

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

static void count(pid_t pid, struct cost *cost)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	cost->calls++;
	cost->commits += info.entry.nr == SYS_fallocate;
}

/* What it stopped for otherwise, it gets. */
static int trace(pid_t pid, struct cost *cost)
{
	struct rusage usage;
	int status, signal;

	*cost = (struct cost){ 0 };
	while (wait4(pid, &status, 0, &usage) == pid) {
		if (WIFEXITED(status)) {
			cost->faults = usage.ru_minflt;
			return WEXITSTATUS(status);
		}
		if (!WIFSTOPPED(status))
			return -1;
		signal = WSTOPSIG(status);
		if (signal == (SIGTRAP | 0x80))
			count(pid, cost);
		if (signal == SIGTRAP || signal == (SIGTRAP | 0x80))
			signal = 0;
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

static void bound_steps(const char *what, const char *library, long steps)
{
	struct cost cost;
	int ret = run(what, library, &cost);
	char name[64];

	if (ret == 77)
		return;
	snprintf(name, sizeof(name), "%s_takes_few_steps", what);
	check(name, !ret && cost.commits > 1 && cost.commits <= steps,
	      "status %d, %ld steps, not %ld", ret, cost.commits, steps);
}

/* Small blocks, so that no single request asks for much. */
static int grow(void)
{
	for (int i = 0; i < GROWTH / 500; i++)
		if (!malloc(500))
			return 1;
	return 0;
}

static pthread_barrier_t all_here;

static void *allocate_beside(void *block)
{
	*(void **)block = malloc(100);
	pthread_barrier_wait(&all_here);
	return NULL;
}

static int run_threads(void)
{
	pthread_t threads[THREADS];
	void *blocks[THREADS];

	pthread_barrier_init(&all_here, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, allocate_beside, &blocks[i]))
			return 1;
	pthread_barrier_wait(&all_here);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int act(const char *what)
{
	if (!strcmp(what, "threads"))
		return run_threads();
	if (!strcmp(what, "allocating"))
		free(malloc(100));
	if (!strcmp(what, "growing"))
		return grow();
	/* All of MEMPOOL_SIZE; before the library's threads are there. */
	return strcmp(what, "participating") ? 0 : -participate("/heap_start");
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc != 2)
		return 2;
	if (argv[1][0] != '/')
		return act(argv[1]);
	bound("idle", argv[1], 57, 35);
	bound("allocating", argv[1], 61, 90);
	/* A thread's stack and its share of the heap, not all that its cache may hold. */
	bound("threads", argv[1], 120, 90 + 7 * THREADS);
	bound_steps("growing", argv[1], 120);
	bound_steps("participating", argv[1], 40);
	fflush(stdout);
	return failures > 0;
}
