/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_space.c - how much memory the heap takes for what is alive
 *
 * The sizes of blocks grow while old blocks stay here and there, as in a robot
 * that turns from one task to another. Argument "participant": with an
 * endpoint, so that memory is committed ahead as well.
 */

#include "heap_test.h"

#define BLOCKS	30000
#define ROUNDS	8		/* of one scale of sizes each, twice the one before */

/* Bytes taken per byte alive, at the peak of both. */
#define LIMIT		1.4
#define LIMIT_AHEAD	(LIMIT * 17 / 16)	/* with what is committed ahead */

static char *block[BLOCKS];
static size_t size[BLOCKS];

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* Replaces block @i; false: no memory. */
static bool replace(uint32_t i, size_t scale, uint64_t *seed, size_t *live)
{
	free(block[i]);
	*live -= size[i];
	size[i] = 1 + next_random(seed) % (2 * scale);
	if (next_random(seed) % 200 == 0)
		size[i] = 10000 + next_random(seed) % 100000;
	block[i] = malloc(size[i]);
	if (!block[i])
		return false;
	memset(block[i], 1, size[i]);
	*live += size[i];
	return true;
}

int main(int argc, char **argv)
{
	double limit = argc > 1 ? LIMIT_AHEAD : LIMIT;
	const char *name = argc > 1 ? "space: of a participant" : "space: of a bystander";
	double before = (double)area_bytes(), most = 0;
	size_t live = 0, peak = 0;
	uint64_t seed = 1;

	if (argc > 1 && (strcmp(argv[1], "participant") ||
			 !check("space: participates", !participate("/heap_space"), "%s",
				api_reason())))
		return 1;
	for (uint32_t round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < 4 * BLOCKS; i++) {
			if (!replace(next_random(&seed) % BLOCKS, (size_t)16 << round, &seed, &live))
				return !check(name, false, "out of memory");
			peak = live > peak ? live : peak;
			if (i % 1000 == 0 && (double)area_bytes() > most)
				most = (double)area_bytes();
		}
	check(name, most > before && most - before <= limit * (double)peak,
	      "%.0f bytes for %zu that were alive: %.2f", most - before, peak,
	      (most - before) / (double)peak);
	return failures > 0;
}
