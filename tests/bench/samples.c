// SPDX-License-Identifier: BSD-2-Clause
/* samples.c - keep every sample, sort at the end */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void samples_init(struct samples *samples, uint64_t room)
{
	memset(samples, 0, sizeof(*samples));
	/* Not malloc(): that may be the transport's. */
	samples->ns = mmap(NULL, room * sizeof(*samples->ns), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (samples->ns == MAP_FAILED)
		die("no memory for %llu samples", (unsigned long long)room);
	samples->room = room;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double part_us(const struct samples *samples, double part)
{
	if (!samples->count)
		return 0;
	return samples->ns[(uint64_t)(part * (double)(samples->count - 1))] / 1000.0;
}

void samples_print(const char *name, struct samples *samples)
{
	qsort(samples->ns, samples->count, sizeof(*samples->ns), compare);
	printf("\"%s\":{\"count\":%llu,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f,"
	       "\"mean\":%.3f}", name, (unsigned long long)samples->count,
	       part_us(samples, 0.5), part_us(samples, 0.99), part_us(samples, 0.999),
	       part_us(samples, 1),
	       samples->count ? (double)samples->sum / 1000 / (double)samples->count : 0);
}
