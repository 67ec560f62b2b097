/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.c - the malloc family of this process
 *
 * A pointer in the area belongs to jemalloc, any other to libc: that one range
 * check makes every free() right, also of pointers from before the join.
 * Semantics and errno are glibc's, which differ from jemalloc's in details.
 * Nothing here calls dlsym() on a path that malloc may take.
 */

#define _GNU_SOURCE 1
#include "heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "area.h"
#include "heap_check.h"
#include "jemalloc.h"
#include "libc_heap.h"
#include "raw.h"
#include "start.h"

#define EXPORT		__attribute__((visibility("default")))
#define ALIGNMENT	(2 * sizeof(void *))
#define GROWS_MIN	((size_t)64 << 10)	/* smaller blocks of jemalloc do not grow in place */
#define GIVING_MS	200	/* so long another thread's giving back is waited for */
#define TSD_BLOCK	32	/* keys of glibc's PTHREAD_KEY_2NDLEVEL_SIZE */
#define TSD_CODE	1024	/* more than the bytes of pthread_setspecific() */

/* Not beside the tables of heap_check.c: each start writes it. */
bool heap_checked;

/*
 * Does a call of malloc or free come here? Tried out, since addresses do not
 * tell: those of an executable that is not PIE are of its own stubs. Volatile,
 * since <stdlib.h> promises that malloc and free never come back to this file.
 */
static volatile struct {
	bool	asking;		/* by the thread that joins: others wait for that */
	bool	freed;		/* .block came here */
	/* What malloc gives meanwhile, since libc's would have to start for that. */
	char	block[4 * ALIGNMENT] __attribute__((aligned(ALIGNMENT)));
} probe;

bool heap_is_first(void)
{
	void *got;

	probe.freed = false;
	probe.asking = true;
	got = malloc(1);
	__asm__("" : "+r"(got));	/* which it knows to be no object of this file */
	free(got);
	probe.asking = false;
	return got == probe.block && probe.freed;
}

static inline bool in_area(const void *p)
{
	return (uintptr_t)p - area_heap_base < area_heap_size;
}

/*
 * Is the heap jemalloc's? Joins at the first call, but for a sanitizer's
 * runtime, whose own start is no time for that: there the API does it.
 */
static inline bool shared(void)
{
	enum start_state state = __atomic_load_n(&start_state, __ATOMIC_ACQUIRE);

	if (__builtin_expect(state == START_NOT_YET, 0) && !libc_heap_is_sanitized())
		state = start_with(heap_prepare);
	return state >= START_MEMBER;
}

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/*
 * The system has no more memory: what lies free in pieces of the wrong size,
 * or in other threads' share, may be enough; or what another thread is about
 * to give back. False: nothing could be.
 */
static bool make_room(size_t size)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (size >= area_heap_size)
		return false;
	aj_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	for (int i = 0; i < GIVING_MS; i++) {
		aj_mallctl("arena." AJ_ALL_ARENAS ".purge", NULL, NULL, NULL, 0);
		if (!heap_os_gives_back())
			break;
		raw_call(SYS_nanosleep, &pause, NULL);
	}
	return true;
}

/* jemalloc aligns what is smaller than this to 8 only; glibc never does. */
static inline size_t at_least(size_t size)
{
	return size < ALIGNMENT ? ALIGNMENT : size;
}

static __attribute__((noinline)) void *checked_alloc(size_t alignment, size_t size, bool zero)
{
	void *got = heap_check_alloc(alignment, size, zero);

	if (!got && make_room(size))
		got = heap_check_alloc(alignment, size, zero);
	return got ? got : no_memory();
}

static __attribute__((noinline)) void *malloc_again(size_t size)
{
	void *got = make_room(size) ? aj_malloc(at_least(size)) : NULL;

	return got ? got : no_memory();
}

static __attribute__((noinline)) void *not_shared(size_t size)
{
	return probe.asking && size <= sizeof(probe.block) ? (void *)probe.block : libc_malloc(size);
}

EXPORT void *malloc(size_t size)
{
	void *got;

	if (!shared())
		return not_shared(size);
	if (__builtin_expect(heap_checked, 0))
		return checked_alloc(ALIGNMENT, size, false);
	got = aj_malloc(at_least(size));
	return __builtin_expect(got != NULL, 1) ? got : malloc_again(size);
}

/*
 * glibc's fork zeroes, in the child and before any handler of ours, the
 * blocks of other threads' thread-specific data. Those would be the parent's
 * if they lay in the area, so these alone are libc's.
 */
static bool is_thread_data(size_t count, size_t size, uintptr_t caller)
{
	return count == TSD_BLOCK && size == 2 * sizeof(void *) &&
	       caller - (uintptr_t)pthread_setspecific < TSD_CODE;
}

/*
 * libc's heap starts at its first call, which it takes for granted to come
 * before there are other threads. Here it is a thread's: two at once would both
 * attach to the one arena that is counted for one of them. Once, also over a
 * fork in the middle of it.
 */
static void start_libc_heap(void)
{
	libc_free(libc_malloc(1));
}

static void *thread_data(size_t count, size_t size)
{
	static pthread_once_t started = PTHREAD_ONCE_INIT;
	void *got;

	pthread_once(&started, start_libc_heap);
	got = libc_calloc(count, size);
	if (heap_checked)
		heap_check_lend(got);
	return got;
}

EXPORT void *calloc(size_t count, size_t size)
{
	size_t bytes;
	bool before;
	void *got;

	if (!shared())
		return libc_calloc(count, size);
	if (is_thread_data(count, size, (uintptr_t)__builtin_return_address(0)))
		return thread_data(count, size);
	if (__builtin_mul_overflow(count, size, &bytes))
		return no_memory();
	if (__builtin_expect(heap_checked, 0))
		return checked_alloc(ALIGNMENT, bytes, true);
	before = heap_os_zero_begin();
	got = aj_calloc(1, at_least(bytes));
	if (!got && make_room(bytes))
		got = aj_calloc(1, at_least(bytes));
	heap_os_zero_end(before);
	return got ? got : no_memory();
}

static __attribute__((noinline)) void free_uncached(void *p)
{
	heap_os_uncached--;
	aj_dallocx(p, AJ_NO_CACHE);
}

static inline void area_free(void *p)
{
	if (__builtin_expect(heap_checked, 0))
		heap_check_free(p);
	else if (__builtin_expect(heap_os_uncached, 0))
		free_uncached(p);
	else
		aj_free(p);
}

EXPORT void free(void *p)
{
	if (in_area(p)) {
		area_free(p);
		return;
	}
	if (__builtin_expect(p == probe.block, 0)) {
		probe.freed = true;
		return;
	}
	if (__builtin_expect(heap_checked && p, 0))
		heap_check_return(p);
	libc_free(p);
}

/* @p is libc's: its size is libc's secret, so libc resizes it before the copy. */
static void *adopt(void *p, size_t size)
{
	void *copy = malloc(size), *resized;

	if (!copy)
		return NULL;
	resized = libc_realloc(p, size);
	if (!resized) {
		area_free(copy);
		return no_memory();
	}
	memcpy(copy, resized, size);
	libc_free(resized);
	return copy;
}

/*
 * What has grown will grow again. If it has to move, then to where as much is
 * free behind it: the next time it need not. NULL: no such place, @p is as it was.
 */
static __attribute__((noinline)) void *grow_large(void *p, size_t old, size_t size)
{
	void *got;

	if (aj_xallocx(p, size, 0, 0) >= size)
		return p;
	got = size < area_heap_size / 8 ? aj_mallocx(size + size / 2, 0) : NULL;
	if (!got)
		return NULL;
	memcpy(got, p, old);
	aj_free(p);
	aj_xallocx(got, size, 0, 0);
	return got;
}

static inline void *area_realloc(void *p, size_t size)
{
	size_t old;
	void *got;

	if (__builtin_expect(heap_checked, 0))
		return heap_check_realloc(p, size);
	if (size >= GROWS_MIN) {
		old = aj_malloc_usable_size(p);
		got = old >= GROWS_MIN / 2 && old < size ? grow_large(p, old, size) : NULL;
		if (got)
			return got;
	}
	return aj_realloc(p, at_least(size));
}

EXPORT void *realloc(void *p, size_t size)
{
	void *got;

	if (!p)
		return malloc(size);
	if (!in_area(p) && (!shared() || !size))
		return libc_realloc(p, size);
	if (!size) {
		area_free(p);
		return NULL;
	}
	if (!in_area(p))
		return adopt(p, size);
	got = area_realloc(p, size);
	if (!got && make_room(size))
		got = area_realloc(p, size);
	return got ? got : no_memory();
}

EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return no_memory();
	return realloc(p, bytes);
}

/* @alignment a power of two, @size perhaps 0. */
static void *aligned(size_t alignment, size_t size)
{
	void *p = NULL;

	if (!shared())
		return libc_memalign(alignment, size);
	if (alignment < sizeof(void *))
		alignment = sizeof(void *);
	if (heap_checked)
		return checked_alloc(alignment, size, false);
	size = size ? size : 1;
	if (aj_posix_memalign(&p, alignment, size) &&
	    (!make_room(size) || aj_posix_memalign(&p, alignment, size)))
		return no_memory();
	return p;
}

/* As glibc: an alignment that is no power of two is rounded up to one. */
EXPORT void *memalign(size_t alignment, size_t size)
{
	size_t power = ALIGNMENT;

	if (alignment > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	if (alignment <= ALIGNMENT)
		return malloc(size);
	while (power < alignment)
		power <<= 1;
	return aligned(power, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
	int saved = errno;
	void *p;

	if (alignment % sizeof(void *) || !alignment || alignment & (alignment - 1))
		return EINVAL;
	p = aligned(alignment, size);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

EXPORT void *valloc(size_t size)
{
	return aligned(getauxval(AT_PAGESZ), size);
}

EXPORT void *pvalloc(size_t size)
{
	size_t page = getauxval(AT_PAGESZ), up;

	if (__builtin_add_overflow(size, page - 1, &up))
		return no_memory();
	return aligned(page, up & ~(page - 1));
}

/* libc's function of that name. Not from inside malloc. */
#define LIBC(name) ((__typeof(&name))dlsym(RTLD_NEXT, #name))

EXPORT size_t malloc_usable_size(void *p)
{
	__typeof(&malloc_usable_size) libc;

	if (!p)
		return 0;
	if (in_area(p))
		return heap_checked ? heap_check_size(p) : aj_malloc_usable_size(p);
	libc = LIBC(malloc_usable_size);
	return libc ? libc(p) : 0;
}

/*
 * Gives free memory back to the system, except for what MEMPOOL_SIZE promises
 * to a participant. @pad has no meaning here. 1: something was given back.
 */
EXPORT int malloc_trim(size_t pad)
{
	__typeof(&malloc_trim) libc;
	size_t before;

	if (!shared()) {
		libc = LIBC(malloc_trim);
		return libc ? libc(pad) : 0;
	}
	before = own_area.header->heap_committed;
	aj_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	aj_mallctl("arena." AJ_ALL_ARENAS ".purge", NULL, NULL, NULL, 0);
	return own_area.header->heap_committed < before;
}

static size_t statistic(const char *name)
{
	size_t value = 0, len = sizeof(value);

	aj_mallctl(name, &value, &len, NULL, 0);
	return value;
}

static void refresh_statistics(void)
{
	uint64_t epoch = 1;

	aj_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
}

EXPORT struct mallinfo2 mallinfo2(void)
{
	__typeof(&mallinfo2) libc;
	struct mallinfo2 info = { 0 };

	if (!shared()) {
		libc = LIBC(mallinfo2);
		return libc ? libc() : info;
	}
	refresh_statistics();
	info.arena = own_area.header->heap_committed;
	info.uordblks = statistic("stats.allocated");
	info.fordblks = info.arena > info.uordblks ? info.arena - info.uordblks : 0;
	return info;
}

static int as_int(size_t value)
{
	return value > INT32_MAX ? INT32_MAX : (int)value;
}

EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 info = mallinfo2();

	return (struct mallinfo){
		.arena = as_int(info.arena), .ordblks = as_int(info.ordblks),
		.smblks = as_int(info.smblks), .hblks = as_int(info.hblks),
		.hblkhd = as_int(info.hblkhd), .usmblks = as_int(info.usmblks),
		.fsmblks = as_int(info.fsmblks), .uordblks = as_int(info.uordblks),
		.fordblks = as_int(info.fordblks), .keepcost = as_int(info.keepcost),
	};
}

/* 1 only for what is true here anyway: memory is never trimmed nor mapped apart. */
EXPORT int mallopt(int param, int value)
{
	__typeof(&mallopt) libc;

	if (!shared()) {
		libc = LIBC(mallopt);
		return libc ? libc(param, value) : 0;
	}
	return (param == M_TRIM_THRESHOLD && value == -1) ||
	       (param == M_MMAP_MAX && value == 0);
}

EXPORT void malloc_stats(void)
{
	__typeof(&malloc_stats) libc;
	struct mallinfo2 info;
	char line[160];
	int len;

	if (!shared()) {
		libc = LIBC(malloc_stats);
		if (libc)
			libc();
		return;
	}
	info = mallinfo2();
	len = snprintf(line, sizeof(line), "Agnocast heap at 0x%zx:\nsystem bytes     = %10zu\n"
		       "in use bytes     = %10zu\n", (size_t)area_heap_base, info.arena,
		       info.uordblks);
	raw_write(STDERR_FILENO, line, (size_t)len);
}
