/* SPDX-License-Identifier: BSD-2-Clause */
/* shared.c - what the workers tell the one who starts and kills them */

#include "shared.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct shared *shared;

void shared_map(int fd)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED) {
		perror("stress: mmap");
		exit(70);
	}
}

void fail(const char *format, ...)
{
	va_list args;

	if (atomic_fetch_add(&shared->failures, 1))
		return;
	va_start(args, format);
	vsnprintf(shared->first_failure, sizeof(shared->first_failure), format, args);
	va_end(args);
}
