/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c WORKER SECONDS - starts workers, kills them at random, counts
 *
 * Itself no part of Agnocast. In the end: no check of any worker failed, none
 * died but by our hand, messages never stopped flowing, all that was published
 * by those who lived was destroyed, and nothing is left in /dev/shm.
 */

#include <stdarg.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared.h"

#define WORKERS 6
#define STALL_NS UINT64_C(10000000000)
#define END_NS UINT64_C(60000000000)
#define LEFT_NS UINT64_C(10000000000)

struct worker {
	pid_t	pid;
	bool	killed;
};

static struct worker worker[WORKERS];
static const char *program;
static int shared_fd, passed, failed;
static uint64_t seed;
static unsigned long started, killed, stalls;
static uint64_t began;
static pid_t *past;		/* every worker there was: @started of them */

static void result(const char *name, bool good, const char *format, ...)
{
	va_list args;

	printf("%s %s", good ? "ok" : "not ok", name);
	if (!good) {
		fputs(": ", stdout);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
	}
	putchar('\n');
	*(good ? &passed : &failed) += 1;
}

static void remember(pid_t pid)
{
	past = realloc(past, (started + 1) * sizeof(*past));
	if (!past) {
		perror("stress: realloc");
		exit(70);
	}
	past[started++] = pid;
}

static void start_worker(struct worker *to)
{
	char fd[16], number[24];

	to->killed = false;
	to->pid = fork();
	if (to->pid)  {
		remember(to->pid);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(fd, sizeof(fd), "%d", shared_fd);
	snprintf(number, sizeof(number), "%lu", started + 1);
	execl(program, program, fd, number, NULL);
	_exit(127);
}

/* Its end must be ours to explain. */
static void judge_end(const struct worker *of, int status)
{
	if (WIFSIGNALED(status) && !(of->killed && WTERMSIG(status) == SIGKILL))
		fail("worker %d died of signal %d (%s)", of->pid, WTERMSIG(status),
		     strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status))
		fail("worker %d exited with %d", of->pid, WEXITSTATUS(status));
}

/* Replaces those that ended. */
static void reap(bool replace)
{
	for (int i = 0; i < WORKERS; i++) {
		int status;

		if (!worker[i].pid || waitpid(worker[i].pid, &status, WNOHANG) != worker[i].pid)
			continue;
		judge_end(&worker[i], status);
		worker[i].pid = 0;
		if (replace)
			start_worker(&worker[i]);
	}
}

static void kill_one(void)
{
	struct worker *victim = &worker[any(&seed, WORKERS)];

	if (!victim->pid || victim->killed)
		return;
	victim->killed = true;
	kill(victim->pid, SIGKILL);
	killed++;
}

/* Messages must have come since the last look, or something waits for ever. */
static void look_for_stalls(void)
{
	static unsigned long taken, published;
	static uint64_t moved;
	uint64_t now = now_ns();

	if (shared->taken != taken && shared->published != published) {
		taken = shared->taken;
		published = shared->published;
		moved = now;
	} else if (moved && now - moved > STALL_NS) {
		stalls++;
		moved = now;
	}
}

/* What there was so far, in the form that run.sh adds up. */
static void tell(const char *when)
{
	printf("# %s %lu s: %lu published, %lu refused, %lu taken, %lu reclaimed, %lu publishers, "
	       "%lu subscriptions, %lu processes, %lu killed, %d errors\n",
	       when, (unsigned long)((now_ns() - began) / 1000000000u),
	       (unsigned long)shared->published, (unsigned long)shared->refused,
	       (unsigned long)shared->taken, (unsigned long)shared->destroyed,
	       (unsigned long)shared->publishers, (unsigned long)shared->subscriptions,
	       started, killed, shared->failures);
	fflush(stdout);
}

static void run_for(uint64_t seconds)
{
	uint64_t until = now_ns() + seconds * 1000000000u, said = now_ns();

	while (now_ns() < until && !shared->failures) {
		usleep(10000 + any(&seed, 200000));
		kill_one();
		reap(true);
		look_for_stalls();
		if (now_ns() - said > UINT64_C(60000000000)) {
			said = now_ns();
			tell("after");
		}
	}
}

static int alive(void)
{
	int n = 0;

	for (int i = 0; i < WORKERS; i++)
		n += worker[i].pid != 0;
	return n;
}

static void end_all(void)
{
	uint64_t deadline = now_ns() + END_NS;

	shared->stop = 1;
	while (alive() && now_ns() < deadline) {
		reap(false);
		usleep(5000);
	}
	result("all_end_in_good_order", !alive(), "%d do not end", alive());
	for (int i = 0; i < WORKERS; i++)
		if (worker[i].pid)
			kill(worker[i].pid, SIGKILL);
}

/* Of those who were killed, too: by the registry, or by the one that came after it. */
static unsigned long files_left(void)
{
	unsigned long left = 0;
	char path[48];

	for (unsigned long i = 0; i < started; i++) {
		snprintf(path, sizeof(path), "/dev/shm/agnocast@%d", past[i]);
		left += !access(path, F_OK);
	}
	return left;
}

static void look_for_files(void)
{
	uint64_t deadline = now_ns() + LEFT_NS;

	while (files_left() && now_ns() < deadline)
		usleep(20000);
	result("nothing_is_left_in_shared_memory", !files_left(), "%lu files of processes that "
	       "are gone", files_left());
}

int main(int argc, char **argv)
{
	unsigned long lost;

	if (argc != 3) {
		fputs("usage: stress WORKER SECONDS\n", stderr);
		return 64;
	}
	program = argv[1];
	began = now_ns();
	seed = began | 1;
	shared_fd = memfd_create("stress", 0);
	if (shared_fd < 0 || ftruncate(shared_fd, sizeof(*shared)))
		return 70;
	shared_map(shared_fd);
	for (int i = 0; i < WORKERS; i++)
		start_worker(&worker[i]);
	run_for(strtoull(argv[2], NULL, 10));
	end_all();
	lost = shared->taken - shared->verified;
	tell("in all");
	result("every_message_is_what_it_must_be", !shared->failures, "%d failures; the first: %s",
	       shared->failures, shared->first_failure);
	result("messages_never_stop", !stalls, "%lu times for %lu s", stalls,
	       (unsigned long)(STALL_NS / 1000000000u));
	/* A worker may be killed between a take and its check. */
	result("all_that_was_taken_was_checked", lost <= 4 * killed,
	       "%lu taken, %lu checked", (unsigned long)shared->taken,
	       (unsigned long)shared->verified);
	result("messages_were_exchanged", shared->taken > 100, "%lu taken",
	       (unsigned long)shared->taken);
	look_for_files();
	printf("%d passed, %d failed\n", passed, failed);
	return failed ? 1 : 0;
}
