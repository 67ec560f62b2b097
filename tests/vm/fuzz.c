/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.c - processes that do random things to /dev/agnocast, killed at random
 *
 * fuzz [--seconds S] [--seed N]. What each process does follows from the seed
 * that is printed; how they meet does not. The verdict is the kernel log, that
 * nothing is left, and that every command worked sometimes: a fuzzer that is
 * only refused tests the first line of each.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../integration/registry_member.h"
#include "fuzz.h"

#define WORKERS 6
#define THREADS 3

static struct fuzz_shared *shared;

struct thread {
	uint64_t seed;
	pthread_t id;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *work(void *arg)
{
	struct thread *thread = arg;

	fuzz_work(shared, thread->seed, 2000);
	return NULL;
}

/* The process ends when its first thread is done, whatever the others do. */
static void be_a_worker(uint64_t seed)
{
	struct thread thread[THREADS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < THREADS; i++)
		thread[i].seed = seed * THREADS + (uint64_t)i;
	fuzz_work(shared, seed, 10);	/* alone: makes what the threads share */
	for (int i = 1; i < THREADS; i++)
		pthread_create(&thread[i].id, NULL, work, &thread[i]);
	work(&thread[0]);
	_exit(0);
}

static struct {
	unsigned int started, done, killed, faults, bad;
} workers;

/* A worker may be killed by us, end, or touch what is no memory. */
static void end_worker(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		workers.done++;
	} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		workers.killed++;
	} else if (WIFSIGNALED(status) &&
		   (WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV)) {
		workers.faults++;
	} else {
		printf("  a worker ended with status %#x\n", status);
		workers.bad++;
	}
}

static bool all_worked(void)
{
	for (size_t i = 0; fuzz_command_name(i); i++)
		if (!__atomic_load_n(&shared->result[i][0], __ATOMIC_RELAXED))
			return false;
	return true;
}

/* On a slow machine until every command has worked, but at most a minute more. */
static void run(uint64_t seed, double until)
{
	pid_t pid[WORKERS] = { 0 };

	while (now() < until || (!all_worked() && now() < until + 60)) {
		int i = rand() % WORKERS;

		if (pid[i])
			end_worker(pid[i]);
		fflush(stdout);
		pid[i] = fork();
		if (!pid[i])
			be_a_worker(seed + workers.started);
		workers.started++;
		usleep((useconds_t)(rand() % 300000));
	}
	for (int i = 0; i < WORKERS; i++)
		if (pid[i])
			end_worker(pid[i]);
	printf("%u processes: %u ended, %u killed, %u faulted; %llu things besides commands\n",
	       workers.started, workers.done, workers.killed, workers.faults,
	       (unsigned long long)shared->others);
}

/* Prints what came of each command; how many never worked. */
static unsigned int tell(void)
{
	unsigned int never = 0;

	for (size_t i = 0; fuzz_command_name(i); i++) {
		const uint64_t *result = shared->result[i];

		printf("%-18s %8llu worked", fuzz_command_name(i), (unsigned long long)result[0]);
		for (int e = 1; e < FUZZ_ERRNOS; e++)
			if (result[e])
				printf(" %s %llu", strerrorname_np(e), (unsigned long long)result[e]);
		printf("\n");
		never += !result[0];
	}
	return never;
}

static bool nothing_is_left(void)
{
	struct registry_client observer;
	bool nothing = true;

	observer_open(&observer);
	for (unsigned int what = AGNOCAST_LIST_SESSIONS; what < AGNOCAST_LIST_STALE; what++)
		nothing = nothing && count_becomes(&observer, what, 0);
	registry_client_close(&observer);
	return nothing;
}

int main(int argc, char **argv)
{
	double seconds = 12;
	uint64_t seed = 0;
	unsigned int bad;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seconds"))
			seconds = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
	}
	if (!seed)
		CHECK(getrandom(&seed, 4, 0) == 4);
	printf("fuzz --seconds %g --seed %llu\n", seconds, (unsigned long long)seed);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	CHECK(shared != MAP_FAILED);
	CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, shared->pass));
	srand((unsigned int)seed);
	run(seed, now() + seconds);
	close(shared->pass[0]);
	close(shared->pass[1]);
	bad = workers.bad + tell();
	if (!nothing_is_left()) {
		printf("  something is left\n");
		bad++;
	}
	printf("%s fuzz.random_commands\n", bad ? "not ok" : "ok");
	printf("%d passed, %d failed\n", !bad, !!bad);
	return !!bad;
}
