/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_return.c - memory that a participant freed goes back to the system
 *
 * Argument "back": a gigabyte comes and goes. "full": what went is wanted again
 * when /dev/shm has become full; only in a mount namespace with a small one.
 * "bystander": no endpoint, so no thread, and malloc_trim() is what gives back.
 */

#include <dirent.h>
#include <malloc.h>
#include <sys/statvfs.h>
#include <time.h>

#include "heap_test.h"

#define MIB	((size_t)1 << 20)
#define KIB	((size_t)1 << 10)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits until the file is no larger than @bytes, or for @seconds. */
static uint64_t shrink_to(uint64_t bytes, double seconds)
{
	double end = now() + seconds;

	while (area_bytes() > bytes && now() < end)
		usleep(20000);
	return area_bytes();
}

static int tasks(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

/* @total bytes in blocks of @size, written; how many there are. */
static size_t take(char **blocks, size_t total, size_t size)
{
	size_t n = 0;

	for (; n < total / size && (blocks[n] = malloc(size)); n++)
		memset(blocks[n], (int)n | 1, size);
	return n;
}

static void drop(char **blocks, size_t n)
{
	while (n)
		free(blocks[--n]);
}

static void back(void)
{
	static char *blocks[1024 * MIB / (64 * KIB)];
	static const size_t sizes[] = { 64 * KIB, 1000 * MIB };
	uint64_t before, high, low;

	if (!check("participates", !participate("/heap_return"), "%s", api_reason()))
		return;
	drop(blocks, take(blocks, MIB, 64 * KIB));
	before = area_bytes();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = take(blocks, 1000 * MIB, sizes[i]);

		high = area_bytes();
		check("holds_a_gigabyte", n == 1000 * MIB / sizes[i] && high >= 1000 * MIB,
		      "%zu blocks, %llu bytes", n, (unsigned long long)high);
		drop(blocks, n);
		low = shrink_to(before + before / 10, 5);
		check("it_goes_back_in_5_seconds", low <= before + before / 10,
		      "blocks of %zu: %llu before, %llu, then %llu", sizes[i],
		      (unsigned long long)before, (unsigned long long)high,
		      (unsigned long long)low);
	}
}

/* All room but @left bytes of /dev/shm; a descriptor to close. The heap may take some meanwhile. */
static int fill_shm(size_t left)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	struct statvfs fs;

	for (int i = 0; fd >= 0 && i < 100; i++)
		if (!statvfs("/dev/shm", &fs) &&
		    (fs.f_bavail * fs.f_bsize <= left ||
		     !fallocate(fd, 0, 0, (off_t)(fs.f_bavail * fs.f_bsize - left))))
			return fd;
	close(fd);
	return -1;
}

/* Small and large, each written to the last byte: a page without memory is SIGBUS. */
static void refill(size_t size, uint64_t low)
{
	static char *blocks[64 * MIB / KIB];
	uint64_t left;
	size_t n = take(blocks, 40 * MIB, size), got;
	int fd, bad = 0;

	check("takes_40_MiB", n == 40 * MIB / size, "%zu blocks of %zu", n, size);
	drop(blocks, n);
	left = shrink_to(low, 20);
	if (!check("gives_40_MiB_back", left <= low, "%llu, not %llu",
		   (unsigned long long)left, (unsigned long long)low))
		return;
	fd = fill_shm(2 * MIB);
	check("fills_dev_shm", fd >= 0, "%s", strerror(errno));
	errno = 0;
	got = take(blocks, 40 * MIB, size);
	check("refill_ends_with_enomem", got < n && errno == ENOMEM, "%zu blocks of %zu, %s",
	      got, size, strerror(errno));
	for (size_t i = 0; i < got; i++)
		bad += blocks[i][0] != (char)(i | 1) || blocks[i][size - 1] != (char)(i | 1);
	check("what_it_got_is_whole", !bad, "%d blocks", bad);
	close(fd);
	got += take(blocks + got, (n - got) * size, size);
	check("refills_when_there_is_room", got == n, "%zu of %zu", got, n);
	drop(blocks, got);
}

static void full(void)
{
	uint64_t low;

	if (!check("participates", !participate("/heap_return"), "%s", api_reason()))
		return;
	free(malloc(MIB));
	low = area_bytes() + 6 * MIB;
	refill(4 * KIB, low);
	refill(40 * MIB, low);
}

static void bystander(void)
{
	char *p = malloc(100 * MIB);
	uint64_t high;

	memset(p, 1, 100 * MIB);
	high = area_bytes();
	free(p);
	check("bystander_has_one_thread", tasks() == 1, "%d", tasks());
	malloc_trim(0);
	check("bystander_trims", area_bytes() + 90 * MIB < high, "%llu, then %llu",
	      (unsigned long long)high, (unsigned long long)area_bytes());
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	free(malloc(1));
	find_area();
	if (!check("has_an_area", area.from, "%s", api_reason()))
		return 1;
	if (!strcmp(what, "back"))
		back();
	else if (!strcmp(what, "full"))
		full();
	else
		bystander();
	return failures != 0;
}
