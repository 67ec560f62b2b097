// SPDX-License-Identifier: BSD-2-Clause
/*
 * usage.c - CPU time, system calls and instructions of this process
 *
 * System calls are counted by the kernel (tracepoint raw_syscalls:sys_enter as
 * a perf event that threads inherit), so that counting slows nothing down.
 */

#include "bench.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int calls_fd = -1, instructions_fd = -1;

static int open_event(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = type;
	attr.config = config;
	attr.inherit = 1;
	if (type == PERF_TYPE_HARDWARE) {
		attr.exclude_kernel = 1;
		attr.exclude_hv = 1;
	}
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void usage_start(void)
{
	if (args.sys_enter)
		calls_fd = open_event(PERF_TYPE_TRACEPOINT, (uint64_t)args.sys_enter);
	instructions_fd = open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS);
}

static int64_t value_of(int fd)
{
	int64_t value;

	return fd >= 0 && read(fd, &value, sizeof(value)) == sizeof(value) ? value : -1;
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

struct usage usage_now(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (struct usage){
		.user_ns = ns_of(r.ru_utime), .system_ns = ns_of(r.ru_stime),
		.switches = (uint64_t)(r.ru_nvcsw + r.ru_nivcsw),
		.faults = (uint64_t)r.ru_minflt,
		.calls = value_of(calls_fd), .instructions = value_of(instructions_fd),
	};
}

void usage_print(const struct usage *from, const struct usage *to, uint64_t messages)
{
	double n = messages ? (double)messages : 1;
	/* The second look itself: getrusage and a read. */
	int64_t calls = to->calls - from->calls - 2 - (instructions_fd >= 0);

	printf("\"cpu_us\":%.4f,\"switches\":%.4f,\"faults\":%.4f",
	       (double)(to->user_ns + to->system_ns - from->user_ns - from->system_ns) / 1000 / n,
	       (double)(to->switches - from->switches) / n,
	       (double)(to->faults - from->faults) / n);
	if (to->calls >= 0)
		printf(",\"calls\":%.4f", (double)(calls < 0 ? 0 : calls) / n);
	if (to->instructions >= 0)
		printf(",\"instructions\":%.1f",
		       (double)(to->instructions - from->instructions) / n);
}
