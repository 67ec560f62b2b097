// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace_bench.c - what the observers cost the calls that they watch
 *
 *	cc -O2 -o trace_bench tools/trace_bench.c -lrt
 *	sudo taskset -c 1 chrt -f 50 ./trace_bench
 *
 * Nanoseconds of each call, the least of 15 runs of 20,000: run it with
 * nothing attached, beside agnocast-top, and beside `agnocast trace -a`. The
 * last call is watched (it counts); the others are looked at and let go.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RUNS	15
#define CALLS	20000

static mqd_t other, hint;

static void call_getppid(void)
{
	getppid();
}

static void call_openat(void)
{
	openat(-1, "/nothing/there", O_RDONLY);
}

static void call_mmap(void)
{
	mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_ioctl(void)
{
	ioctl(-1, 0, 0);
}

static void call_send_other(void)
{
	mq_send(other, "x", 1, 0);
}

static void call_send_hint(void)
{
	mq_send(hint, "x", 1, 0);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double measure(void (*call)(void))
{
	uint64_t least = UINT64_MAX;

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = now_ns(), spent;

		for (int i = 0; i < CALLS; i++)
			call();
		spent = now_ns() - start;
		least = spent < least ? spent : least;
	}
	return (double)least / CALLS;
}

/* A full queue: each send would block. */
static mqd_t full(const char *name)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	mqd_t mq = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);

	mq_unlink(name);
	mq_send(mq, "x", 1, 0);
	return mq;
}

int main(void)
{
	static const struct {
		const char	*name;
		void		(*call)(void);
	} calls[] = {
		{ "getppid", call_getppid },
		{ "openat", call_openat },
		{ "mmap", call_mmap },
		{ "ioctl", call_ioctl },
		{ "mq_send (other)", call_send_other },
		{ "mq_send (hint)", call_send_hint },
	};
	char name[32];

	snprintf(name, sizeof(name), "/new_publisher@%d", getpid());
	other = full("/trace_bench");
	hint = full(name);
	if (other < 0 || hint < 0) {
		perror("trace_bench: mq_open");
		return 1;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		printf("%-16s %7.1f\n", calls[i].name, measure(calls[i].call));
	return 0;
}
