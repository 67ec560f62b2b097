/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_os.c - the system as jemalloc sees it
 *
 * Address space comes from the area and memory is committed piece by piece:
 * jemalloc is told that this system does not overcommit, so it takes addresses
 * in large steps and asks (by mapping over them) for each piece before its
 * first use. Never purged: a shared page cannot be dropped lazily. What
 * jemalloc knows about the heap (its base) lies in private memory: nobody can
 * read it, and fork copies it at one instant. No libc call here is a
 * cancellation point or changes errno.
 */

#define _GNU_SOURCE 1
#include "jemalloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "area.h"
#include "clock.h"
#include "heap.h"
#include "heap_check.h"
#include "pages.h"
#include "pi_mutex.h"
#include "raw.h"

#define OVERCOMMIT_FILE	"/proc/sys/vm/overcommit_memory"
#define OVERCOMMIT_FD	0x3fffffff	/* of nobody */
#define METADATA_START	((size_t)8 << 20)
#define METADATA_ALIGN	((size_t)2 << 20)	/* which jemalloc asks for */
#define METADATA_TOUCHED ((size_t)96 << 10)
#define THREAD_NAME	"agnocast-heap"
#define THREAD_STACK	((size_t)256 << 10)
#define SLAB_MAX	((size_t)64 << 10)	/* of small blocks of one size */
#define UNCACHED_PER_MIB 6000u	/* frees, for each MiB of slabs */
#define UNCACHED_MAX	30000u	/* 3 ms or so */
#define JUST_NOW_NS	1000000u
#define DECAY_MS	2000	/* free for so long: back to the system */

/*
 * No decay: giving memory back costs real time, and a bystander has no thread
 * that could spend it. heap_thread_start() changes that for a participant.
 * trust_madvise and dss: no probing of what heap_os_madvise() and sbrk refuse.
 */
const char *aj_malloc_conf =
	"dirty_decay_ms:-1,muzzy_decay_ms:0,retain:true,dss:disabled,max_background_threads:1,"
	"trust_madvise:true,metadata_thp:disabled,abort_conf:false";

static uintptr_t metadata_next, metadata_end;	/* of private memory that is left */

/* This thread's call wants zeroes: what it last committed, which is zero. */
static __thread struct {
	bool		wanted;
	const void	*addr;
	size_t		len;
} zeroed;

__thread unsigned int heap_os_uncached;

/* Relaxed: they only say whether another try may be worth while. */
static struct {
	atomic_uint	givers;		/* threads inside of pages_decommit() */
	_Atomic uint64_t gave_ns;	/* when one left it */
} back;

static struct {
	void	(*prepare)(void);
	void	(*parent)(void);
	void	(*child)(void);
	bool	prepared;	/* jemalloc may start between prepare and parent */
} handlers;

static bool in_area(const void *p)
{
	return (uintptr_t)p - area_heap_base < area_heap_size;
}

static void *real_mmap(void *addr, size_t len, int prot, int flags)
{
	return (void *)syscall(SYS_mmap, addr, len, prot, flags, -1, 0L);
}

/* Of slabs: what large blocks take says nothing of the small ones. */
static void count_growth(size_t len)
{
	size_t frees = heap_os_uncached + len * UNCACHED_PER_MIB / ((size_t)1 << 20);

	if (len <= SLAB_MAX)
		heap_os_uncached = frees < UNCACHED_MAX ? (unsigned int)frees : UNCACHED_MAX;
}

static int give_back(void *addr, size_t len)
{
	int ret;

	atomic_fetch_add_explicit(&back.givers, 1, memory_order_relaxed);
	ret = pages_decommit(addr, len);
	atomic_store_explicit(&back.gave_ns, clock_ns(), memory_order_relaxed);
	atomic_fetch_sub_explicit(&back.givers, 1, memory_order_relaxed);
	return ret;
}

bool heap_os_gives_back(void)
{
	return atomic_load_explicit(&back.givers, memory_order_relaxed) ||
	       clock_ns() - atomic_load_explicit(&back.gave_ns, memory_order_relaxed) < JUST_NOW_NS;
}

/* Commit or decommit what area_heap_grow() gave before. */
static void *remap(void *addr, size_t len, int prot)
{
	int ret = prot == PROT_NONE ? give_back(addr, len) : pages_commit(addr, len);

	if (prot != PROT_NONE)
		count_growth(len);
	if (zeroed.wanted && prot != PROT_NONE) {
		zeroed.addr = addr;
		zeroed.len = ret ? 0 : len;
	}
	return ret ? MAP_FAILED : addr;
}

void *heap_os_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	int saved = errno;
	void *got;

	(void)fd;
	(void)offset;
	if (flags & MAP_FIXED && in_area(addr))
		return remap(addr, len, prot);
	if (flags & MAP_FIXED) {
		got = real_mmap(addr, len, prot, flags);
	} else {
		got = area_heap_grow(len, 1);
		if (got && prot != PROT_NONE && pages_commit(got, len)) {
			area_heap_shrink(got, len);
			got = NULL;
		}
		if (!got)
			got = MAP_FAILED;
	}
	errno = saved;
	return got;
}

int heap_os_munmap(void *addr, size_t len)
{
	if (!in_area(addr))
		return raw_call(SYS_munmap, addr, len) ? -1 : 0;
	area_heap_shrink(addr, len);
	return 0;
}

bool heap_os_zero_begin(void)
{
	bool before = zeroed.wanted;

	zeroed.wanted = true;
	zeroed.len = 0;
	return before;
}

void heap_os_zero_end(bool before)
{
	zeroed.wanted = before;
	zeroed.len = 0;
}

/*
 * MADV_DONTNEED on shared memory reports success and drops nothing, after
 * which calloc() would hand out old data. jemalloc has a way without each,
 * which is to clear the memory; no need for what was committed just now.
 */
int heap_os_madvise(void *addr, size_t len, int advice)
{
	bool zero = zeroed.wanted && advice == MADV_DONTNEED && zeroed.len == len &&
		    zeroed.addr == addr && len;

	return zero ? 0 : -1;
}

int heap_os_mprotect(void *addr, size_t len, int prot)
{
	if (in_area(addr))
		return -1;
	return raw_call(SYS_mprotect, addr, len, prot) ? -1 : 0;
}

void *heap_os_sbrk(intptr_t increment)
{
	(void)increment;
	return (void *)-1;
}

/* MALLOC_CONF and /etc/malloc.conf are of jemallocs that users know of. */
char *heap_os_secure_getenv(const char *name)
{
	(void)name;
	return NULL;
}

ssize_t heap_os_readlink(const char *path, char *buf, size_t len)
{
	(void)path;
	(void)buf;
	(void)len;
	return -1;
}

/* It reads two files when it starts, and writes messages, which nobody wants. */
long heap_os_syscall(long number, ...)
{
	va_list args;
	long a, b, c;

	va_start(args, number);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	va_end(args);
	if (number == SYS_write)
		return c;
	if (number == SYS_openat)
		return strcmp((const char *)b, OVERCOMMIT_FILE) ? -1 : OVERCOMMIT_FD;
#ifdef SYS_open
	if (number == SYS_open)
		return strcmp((const char *)a, OVERCOMMIT_FILE) ? -1 : OVERCOMMIT_FD;
#endif
	if (number == SYS_read && a == OVERCOMMIT_FD && c > 0) {
		*(char *)b = '2';
		return 1;
	}
	return number == SYS_close ? 0 : -1;
}

int heap_os_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return -1;
}

int heap_os_creat(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	return -1;
}

int heap_os_close(int fd)
{
	(void)fd;
	return -1;
}

/* Its thread, with a stack of modest size: the host may lock all memory. */
static int create_thread(pthread_t *thread, const pthread_attr_t *none, void *(*run)(void *),
			 void *arg)
{
	pthread_attr_t attr;
	int err;

	(void)none;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	err = pthread_create(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return err;
}

/* The one symbol that it looks for. */
void *heap_os_dlsym(void *handle, const char *name)
{
	(void)handle;
	return strcmp(name, "pthread_create") ? NULL : (void *)create_thread;
}

/* Of an arena, for example, which a real-time thread shares with others. */
int heap_os_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	(void)attr;
	pi_mutex_init(mutex);
	return 0;
}

/* After it tried, and spun. */
int heap_os_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	return pi_mutex_wait(mutex);
}

int heap_os_pthread_setname_np(pthread_t thread, const char *name)
{
	(void)name;
	return pthread_setname_np(thread, THREAD_NAME);
}

int heap_thread_start(void)
{
	bool on = true;
	int err = aj_mallctl("background_thread", NULL, NULL, &on, sizeof(on));

	if (!err)
		heap_thread_check();
	return -err;
}

/*
 * Arena by arena: with another default, jemalloc would have large blocks given
 * back by whoever frees them.
 */
void heap_thread_check(void)
{
	ssize_t decay = DECAY_MS, old;
	size_t len = sizeof(unsigned);
	unsigned arenas = 0;
	char name[48];

	aj_mallctl("arenas.narenas", &arenas, &len, NULL, 0);
	for (unsigned i = 0; i < arenas; i++) {
		len = sizeof(old);
		snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", i);
		if (!aj_mallctl(name, &old, &len, NULL, 0) && old < 0)
			aj_mallctl(name, NULL, NULL, &decay, sizeof(decay));
	}
}

/* The profiler's, which is never on; spares each process libgcc_s and libm. */
int heap_os_Unwind_Backtrace(void *trace, void *arg)
{
	(void)trace;
	(void)arg;
	return 0;
}

void heap_os_prof_boot0(void)
{
}

void heap_os_prof_boot1(void)
{
}

bool heap_os_prof_boot2(void)
{
	return false;
}

uintptr_t heap_os_Unwind_GetIP(void *context)
{
	(void)context;
	return 0;
}

double heap_os_exp(double x)
{
	return x;
}

double heap_os_log(double x)
{
	return x;
}

double heap_os_round(double x)
{
	return x;
}

/* Small pages: a huge one would be paid for at the start, and copied at a fork. */
static void *private_memory(size_t size)
{
	void *got = real_mmap(NULL, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);

	if (got == MAP_FAILED)
		return NULL;
	raw_call(SYS_madvise, got, size, MADV_NOHUGEPAGE);
	return got;
}

static uintptr_t align_up(uintptr_t at, size_t alignment)
{
	return (at + alignment - 1) & ~(uintptr_t)(alignment - 1);
}

/* One mapping for all that most processes need. Or 0. */
static uintptr_t start_metadata(void)
{
	uintptr_t got = (uintptr_t)private_memory(METADATA_START), none = 0;

	if (!got)
		return 0;
	if (!__atomic_compare_exchange_n(&metadata_next, &none, got, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return 0;	/* another thread's; this one stays unused */
	metadata_end = got + METADATA_START;
	/* The start of jemalloc touches these, one page fault after the other. */
	raw_call(SYS_madvise, align_up(got, METADATA_ALIGN), METADATA_TOUCHED,
		 MADV_POPULATE_WRITE);
	return got;
}

void heap_prepare(void)
{
	if (!__atomic_load_n(&metadata_next, __ATOMIC_ACQUIRE))
		start_metadata();
}

/* NULL: it is used up. */
static void *metadata_from_start(size_t size, size_t alignment)
{
	uintptr_t seen = __atomic_load_n(&metadata_next, __ATOMIC_ACQUIRE), got;

	if (!seen)
		seen = start_metadata();
	if (!seen)
		return NULL;
	do {
		got = align_up(seen, alignment);
		if (got + size > __atomic_load_n(&metadata_end, __ATOMIC_RELAXED))
			return NULL;
	} while (!__atomic_compare_exchange_n(&metadata_next, &seen, got + size, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return (void *)got;
}

/* Private memory for jemalloc's base: aligned and zero. Never given back. */
void *heap_os_metadata(void *wanted, size_t size, size_t alignment, bool *zero, bool *commit)
{
	void *got;

	if (wanted)
		return NULL;
	got = metadata_from_start(size, alignment);
	if (!got)
		got = private_memory(size + alignment);
	if (!got)
		return NULL;
	*zero = true;
	*commit = true;
	return (void *)align_up((uintptr_t)got, alignment);
}

int heap_os_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	handlers.parent = parent;
	handlers.child = child;
	handlers.prepare = prepare;
	return 0;
}

void heap_fork_prepare(void)
{
	heap_check_fork_prepare();
	handlers.prepared = handlers.prepare;
	if (handlers.prepared)
		handlers.prepare();
}

void heap_fork_parent(void)
{
	if (handlers.prepared)
		handlers.parent();
	heap_check_fork_parent();
}

void heap_fork_child(void)
{
	atomic_store_explicit(&back.givers, 0, memory_order_relaxed);
	if (handlers.prepared)
		handlers.child();
	heap_check_fork_child();
}

/* What jemalloc knows lies elsewhere, so this touches no block. */
void heap_fork_drop_free(void)
{
	if (handlers.prepared)
		aj_mallctl("arena." AJ_ALL_ARENAS ".purge", NULL, NULL, NULL, 0);
}
