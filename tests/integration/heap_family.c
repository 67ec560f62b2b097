/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_family.c - each function of the malloc family in each odd case
 *
 * Prints what happened, one line a case, and nothing that depends on where
 * memory lies: heap.sh runs this with libc's heap and with ours, and the two
 * outputs must not differ. With the argument "area" each pointer must lie in
 * the area, too: those that do not are told on stderr and make it fail.
 */

#include <malloc.h>

#include "heap_test.h"

/* Through pointers that the compiler cannot see through: it knows what these do. */
static void *(*volatile call_malloc)(size_t) = malloc;
static void *(*volatile call_calloc)(size_t, size_t) = calloc;
static void *(*volatile call_realloc)(void *, size_t) = realloc;
static void *(*volatile call_reallocarray)(void *, size_t, size_t) = reallocarray;
static void *(*volatile call_memalign)(size_t, size_t) = memalign;
static void *(*volatile call_aligned_alloc)(size_t, size_t) = aligned_alloc;
static void *(*volatile call_valloc)(size_t) = valloc;
static void *(*volatile call_pvalloc)(size_t) = pvalloc;
static void (*volatile call_free)(void *) = free;

#define malloc		call_malloc
#define calloc		call_calloc
#define realloc		call_realloc
#define reallocarray	call_reallocarray
#define memalign	call_memalign
#define aligned_alloc	call_aligned_alloc
#define valloc		call_valloc
#define pvalloc		call_pvalloc
#define free		call_free

#define MIB	((size_t)1 << 20)
#define HALF	(SIZE_MAX / 2)

static bool want_area;
static int escapes;

/* Result, errno, alignment, and whether all of it can be written and read. */
static void tell(const char *what, void *p, size_t size, size_t align, int err)
{
	if (!p) {
		printf("%s: NULL %s\n", what, err ? strerrorname_np(err) : "0");
		return;
	}
	if (want_area && !in_area(p)) {
		fprintf(stderr, "%s: %p is not in the area\n", what, p);
		escapes++;
	}
	memset(p, 0x5a, size);
	printf("%s: memory, %saligned, usable %s\n", what, (uintptr_t)p % align ? "not " : "",
	       malloc_usable_size(p) >= size ? "enough" : "too little");
	free(p);
}

#define TELL(size, align, call) \
	do { \
		errno = 0; \
		void *p_ = (call); \
		tell(#call, p_, size, align, errno); \
	} while (0)

static void *posix(size_t align, size_t size, int *ret)
{
	void *p = (void *)-1L;

	errno = 0;
	*ret = posix_memalign(&p, align, size);
	if (*ret && p != (void *)-1L)
		printf("posix_memalign changed the pointer although it failed\n");
	return *ret ? NULL : p;
}

#define TELL_POSIX(align, size) \
	do { \
		int ret_; \
		void *p_ = posix(align, size, &ret_); \
		tell("posix_memalign(" #align ", " #size ")", p_, size, align, ret_); \
	} while (0)

static void *filled(size_t size)
{
	char *p = malloc(size);

	for (size_t i = 0; i < size; i++)
		p[i] = (char)(i * 7);
	return p;
}

static bool is_filled(const char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != (char)(i * 7))
			return false;
	return true;
}

static void plain(void)
{
	TELL(1, 16, malloc(1));
	TELL(100, 16, malloc(100));
	TELL(0, 16, malloc(0));
	TELL(5 * MIB, 16, malloc(5 * MIB));
	TELL(0, 1, malloc(SIZE_MAX));
	TELL(0, 1, malloc(SIZE_MAX - 64));
	TELL(0, 1, malloc(HALF));
	TELL(0, 1, malloc(HALF + 1));
	TELL(0, 1, malloc(HALF - 4096));
	TELL(100, 16, calloc(10, 10));
	TELL(0, 16, calloc(0, 10));
	TELL(0, 16, calloc(10, 0));
	TELL(0, 16, calloc(0, SIZE_MAX));
	TELL(0, 1, calloc(SIZE_MAX, 2));
	TELL(0, 1, calloc(2, HALF + 1));
	TELL(0, 1, calloc((size_t)1 << 33, (size_t)1 << 33));
	TELL(0, 1, calloc(1, SIZE_MAX));
}

static void resize(void)
{
	TELL(100, 16, realloc(NULL, 100));
	TELL(0, 16, realloc(NULL, 0));
	TELL(0, 1, realloc(NULL, SIZE_MAX));
	TELL(0, 1, realloc(filled(100), 0));
	TELL(0, 1, reallocarray(filled(100), 0, 10));
	TELL(100, 16, reallocarray(NULL, 10, 10));
	TELL(0, 1, reallocarray(NULL, SIZE_MAX, 2));
	TELL(0, 1, reallocarray(NULL, HALF + 1, 2));
}

/* A realloc that fails leaves the old block as it was. */
static void resize_fails(void)
{
	const struct {
		size_t count, size;
	} rows[] = { { 1, SIZE_MAX }, { 1, HALF + 1 }, { 1, HALF }, { SIZE_MAX, 2 } };
	char *p = filled(1000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *q;

		errno = 0;
		q = reallocarray(p, rows[i].count, rows[i].size);
		printf("realloc to %zu * %zu: %s %s, content %s\n", rows[i].count, rows[i].size,
		       q ? "memory" : "NULL", strerrorname_np(errno),
		       is_filled(p, 1000) ? "kept" : "lost");
	}
	free(p);
}

static void resize_keeps(void)
{
	static const size_t sizes[] = { 1, 16, 17, 100, 4095, 4097, 20000, MIB, 3 * MIB, 9 * MIB };
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	int lost = 0;

	for (int i = 0; i < COUNT; i++)
		for (int j = 0; j < COUNT; j++) {
			size_t least = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			char *p = realloc(filled(sizes[i]), sizes[j]);

			lost += !p || !is_filled(p, least);
			if (p)
				memset(p, 1, sizes[j]);
			free(p);
		}
	printf("realloc between %d sizes: %d lost\n", COUNT, lost);
}

static void aligned(void)
{
	TELL(100, 64, memalign(64, 100));
	TELL(100, MIB, memalign(MIB, 100));
	TELL(3 * MIB, 64 * MIB, memalign(64 * MIB, 3 * MIB));
	TELL(0, 4096, memalign(4096, 0));
	TELL(0, MIB, memalign(MIB, 0));
	TELL(100, 16, memalign(0, 100));
	TELL(100, 16, memalign(1, 100));
	TELL(100, 16, memalign(3, 100));
	TELL(100, 64, memalign(48, 100));		/* no power of two: rounded up */
	TELL(100, 8192, memalign(4097, 100));
	TELL(0, 1, memalign(HALF + 2, 100));
	TELL(0, 1, memalign(SIZE_MAX, 1));
	TELL(0, 1, memalign(HALF + 1, 100));
	TELL(0, 1, memalign(64, SIZE_MAX));
	TELL(0, 1, memalign(64, HALF));
	TELL(0, 1, memalign(MIB, SIZE_MAX - MIB));
	TELL(128, 64, aligned_alloc(64, 128));
	TELL(MIB, MIB, aligned_alloc(MIB, MIB));
	TELL(100, 64, aligned_alloc(64, 100));		/* not a multiple: allowed */
	TELL(0, 64, aligned_alloc(64, 0));
	TELL(0, 1, aligned_alloc(64, SIZE_MAX));
}

static void aligned_posix(void)
{
	TELL_POSIX(8, 100);
	TELL_POSIX(16, 100);
	TELL_POSIX(4096, 1);
	TELL_POSIX(MIB, 100);
	TELL_POSIX(4096, 0);
	TELL_POSIX(32768, 0);
	TELL_POSIX(0, 100);
	TELL_POSIX(1, 100);
	TELL_POSIX(4, 100);
	TELL_POSIX(24, 100);
	TELL_POSIX(48, 100);
	TELL_POSIX(SIZE_MAX, 100);
	TELL_POSIX(HALF + 1, 100);
	TELL_POSIX(64, SIZE_MAX);
	TELL_POSIX(64, HALF);
	TELL(100, 4096, valloc(100));
	TELL(0, 4096, valloc(0));
	TELL(0, 1, valloc(SIZE_MAX));
	TELL(4096, 4096, pvalloc(100));
	TELL(8192, 4096, pvalloc(4097));
	TELL(0, 4096, pvalloc(0));
	TELL(0, 1, pvalloc(SIZE_MAX));
	TELL(0, 1, pvalloc(SIZE_MAX - 4000));
}

/* 16 bytes, as glibc: programs keep marks in the low bits of pointers. */
static void small_alignment(void)
{
	void *kept[100 * 16];
	int odd = 0, n = 0;

	for (int i = 0; i < 100; i++)
		for (size_t size = 1; size <= 16; size++) {
			void *p = i % 3 == 0 ? malloc(size) : i % 3 == 1 ? calloc(1, size)
							    : realloc(malloc(40), size);

			odd += (uintptr_t)p % 16 != 0;
			kept[n++] = p;
		}
	while (n)
		free(kept[--n]);
	printf("1 to 16 bytes: %d not aligned to 16\n", odd);
}

/* Memory that was dirty must come back zero from calloc, of whatever size. */
static void zeroed(void)
{
	int dirty = 0;

	for (int round = 0; round < 3; round++)
		for (size_t size = 1; size < 20 * MIB; size = size * 3 + 1) {
			char *p = malloc(size);

			memset(p, 0xff, size);
			free(p);
			p = calloc(1, size);
			for (size_t i = 0; i < size; i++)
				dirty += p[i] != 0;
			free(p);
		}
	printf("calloc: %d dirty bytes\n", dirty);
}

static void others(void)
{
	char *p = malloc(100);
	size_t usable = malloc_usable_size(p);

	printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
	memset(p, 1, usable);
	free(p);
	free(NULL);
	errno = 1234;
	free(malloc(100));
	free(malloc(5 * MIB));
	printf("free keeps errno: %d\n", errno);
	p = malloc(9 * MIB);
	memset(p, 1, 9 * MIB);
	printf("mallinfo2 knows 9 MiB: %d\n",
	       mallinfo2().uordblks + mallinfo2().hblkhd >= 9 * MIB);
	free(p);
	malloc_trim(0);
	p = calloc(1, 9 * MIB);
	for (size_t i = 0; i < 9 * MIB; i += 512)
		if (p[i])
			printf("dirty after malloc_trim\n");
	free(p);
	printf("mallopt(M_TRIM_THRESHOLD, -1): %d\n", mallopt(M_TRIM_THRESHOLD, -1));
	printf("mallopt(M_MMAP_MAX, 0): %d\n", mallopt(M_MMAP_MAX, 0));
}

int main(int argc, char **argv)
{
	want_area = argc > 1 && !strcmp(argv[1], "area");
	find_area();
	plain();
	resize();
	resize_fails();
	resize_keeps();
	aligned();
	aligned_posix();
	small_alignment();
	zeroed();
	others();
	fflush(stdout);
	if (want_area && !area.from)
		fprintf(stderr, "this process has no area: %s\n", api_reason());
	return escapes || (want_area && !area.from);
}
