/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_limits.c - how the heap grows, and how it ends
 *
 * Argument "grow": beyond MEMPOOL_SIZE, seen by a reader that mapped before.
 * Argument "exhaust": until malloc says no, by whichever limit heap.sh set.
 * Argument "huge": the same in huge pages. Argument "signals": growth while a timer interrupts everything.
 */

#include <malloc.h>
#include <signal.h>
#include <sys/time.h>

#include "heap_test.h"

#define MIB ((size_t)1 << 20)

static void grow(void)
{
	size_t size = area.to - area.from, len = 64 * MIB;
	char name[64], *reader, *p;
	int fd;

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
	fd = open(name, O_RDONLY);
	reader = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (!check("reader_maps_the_whole_area", reader != MAP_FAILED, "%s", strerror(errno)))
		return;
	p = malloc(len);
	if (!check("grows_beyond_mempool_size", p && in_area(p), "%p", (void *)p))
		return;
	for (size_t i = 0; i < len; i += 4096)
		p[i] = (char)(i >> 12);
	for (size_t i = 0; i < len; i += 4096)
		if (reader[p + i - (char *)area.from] != (char)(i >> 12)) {
			check("reader_sees_growth", false, "at %zu", i);
			return;
		}
	check("reader_sees_growth", true, " ");
	free(p);
}

/* A block that grows bit by bit stays where it is, most times. */
static void grow_in_place(void)
{
	unsigned char *p = malloc(64 << 10), *was;
	size_t len = 64 << 10, old = 0;
	int steps = 0, moves = 0, bad = 0;

	while (p && len < 64 * MIB) {
		for (size_t i = old; i < len; i += 512)
			p[i] = (unsigned char)(i >> 9);
		was = p;
		old = len;
		len += len / 8 / 512 * 512;
		p = realloc(p, len);
		moves += p != was;
		steps++;
	}
	for (size_t i = 0; p && i < old; i += 512)
		bad += p[i] != (unsigned char)(i >> 9);
	check("grows_in_place", p && moves <= 12, "%d moves in %d steps", moves, steps);
	check("what_grew_is_kept", p && !bad, "%d bad", bad);
	free(p);
}

static void trim(void)
{
	uint64_t high, low;
	char *p = malloc(32 * MIB);

	memset(p, 1, 32 * MIB);
	high = area_bytes();
	free(p);
	check("malloc_trim_says_so", malloc_trim(0) == 1, "0");
	low = area_bytes();
	check("malloc_trim_gives_memory_back", low + 30 * MIB < high, "%llu, then %llu",
	      (unsigned long long)high, (unsigned long long)low);
	p = calloc(1, 32 * MIB);
	for (size_t i = 0; i < 32 * MIB; i++)
		if (p[i]) {
			check("memory_comes_back_zero", false, "at %zu", i);
			return;
		}
	check("memory_comes_back_zero", true, " ");
	free(p);
}

/* Programs that tidy up close what they do not know. */
static void closed_descriptors(void)
{
	char *p;

	close_range(3, ~0U, 0);
	p = malloc(40 * MIB);
	if (check("grows_without_its_descriptor", p != NULL, "%s", strerror(errno)))
		memset(p, 1, 40 * MIB);
	free(p);
}

static void exhaust(void)
{
	static char *blocks[4000];
	int n = 0, bad = 0, err;
	size_t size = MIB;

	errno = 0;
	while (n < 4000 && (blocks[n] = malloc(size))) {
		memset(blocks[n], n & 0x7f, size);
		n++;
	}
	err = errno;
	check("ends_with_enomem", n > 0 && n < 4000 && err == ENOMEM, "%d blocks, %s", n,
	      strerror(err));
	errno = 0;
	check("calloc_ends_with_enomem", !calloc(8, MIB) && errno == ENOMEM, "%s",
	      strerror(errno));
	errno = 0;
	check("realloc_ends_with_enomem", n && !realloc(blocks[0], 64 * MIB) && errno == ENOMEM,
	      "%s", strerror(errno));
	for (int i = 0; i < n; i++)
		bad += blocks[i][0] != (i & 0x7f) || blocks[i][size - 1] != (i & 0x7f);
	check("what_was_there_is_kept", !bad, "%d of %d blocks changed", bad, n);
	for (int i = 0; i < n; i++)
		free(blocks[i]);
	blocks[0] = malloc(size);
	check("lives_on", blocks[0] != NULL, "%s", strerror(errno));
	free(blocks[0]);
}

/* On a tmpfs that has them: memory in huge pages, and back again. */
static void huge(void)
{
	char line[256], *p = malloc(64 * MIB);
	long kib, mapped = 0;
	FILE *smaps;

	memset(p, 1, 64 * MIB);
	smaps = fopen("/proc/self/smaps", "r");
	while (smaps && fgets(line, sizeof(line), smaps))
		if (sscanf(line, "ShmemPmdMapped: %ld", &kib) == 1)
			mapped += kib;
	fclose(smaps);
	check("lies_in_huge_pages", mapped >= 60 << 10, "%ld KiB", mapped);
	free(p);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void signals(void)
{
	struct itimerval often = { { 0, 100 }, { 0, 100 } };
	struct sigaction action = { .sa_handler = on_alarm };
	int lost = 0;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < scaled(20); i++) {
		char *p = malloc(48 * MIB);

		lost += !p;
		free(p);
		malloc_trim(0);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	check("grows_in_a_storm_of_signals", !lost, "%d times not", lost);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	free(malloc(1));
	find_area();
	if (!area.from)
		return !check("has_an_area", false, "%s", api_reason());
	if (!strcmp(what, "grow")) {
		grow_in_place();
		grow();
		trim();
		closed_descriptors();
	} else if (!strcmp(what, "huge")) {
		huge();
		trim();
	} else if (!strcmp(what, "exhaust")) {
		exhaust();
	} else {
		signals();
	}
	return failures != 0;
}
