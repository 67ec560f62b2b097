/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jemalloc.h - what jemalloc.sh makes of the system's static jemalloc
 *
 * Its public names get the prefix aj_, the system calls it makes become those
 * of heap_os.c.
 */
#ifndef AGNOCAST_JEMALLOC_H
#define AGNOCAST_JEMALLOC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define AJ_ALL_ARENAS	"4096"	/* MALLCTL_ARENAS_ALL */
#define AJ_NO_CACHE	0x100	/* MALLOCX_TCACHE_NONE */

void *aj_malloc(size_t size);
void *aj_calloc(size_t count, size_t size);
void *aj_realloc(void *p, size_t size);
void aj_free(void *p);
void aj_dallocx(void *p, int flags);
int aj_posix_memalign(void **out, size_t alignment, size_t size);
size_t aj_malloc_usable_size(void *p);
void *aj_mallocx(size_t size, int flags);
size_t aj_xallocx(void *p, size_t size, size_t extra, int flags);
int aj_mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len);

/* Inside of it: makes a thread's cache; true: it could not. Fills it with one size. */
bool je_tsd_tcache_enabled_data_init(void *tsd);
void je_arena_cache_bin_fill_small(void *tsdn, void *arena, void *bin, void *info,
				   unsigned size_index, unsigned count);
extern size_t je_sz_index2size_tab[];

/* Read by jemalloc when it starts. */
extern const char *aj_malloc_conf;

/*
 * So many of this thread's next frees should go past its cache, as its part of
 * the heap grew: what the cache hands out again is anywhere, so slabs of sizes
 * that are no longer in demand would never get empty.
 */
extern __thread unsigned int heap_os_uncached;

/*
 * Around a call that wants zeroed memory: what that commits is zero, and need
 * not be cleared. Such calls nest; zero_begin() returns what zero_end() wants.
 */
bool heap_os_zero_begin(void);
void heap_os_zero_end(bool before);

/*
 * Does a thread give memory back at this moment, or did one just now? While
 * one does, jemalloc gives back nothing to others who ask it to.
 */
bool heap_os_gives_back(void);

/* What it calls (heap_os.c); as libc's of the same name, but for errno. */
void *heap_os_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int heap_os_munmap(void *addr, size_t len);
int heap_os_madvise(void *addr, size_t len, int advice);
int heap_os_mprotect(void *addr, size_t len, int prot);
void *heap_os_sbrk(intptr_t increment);
char *heap_os_secure_getenv(const char *name);
ssize_t heap_os_readlink(const char *path, char *buf, size_t len);
int heap_os_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
long heap_os_syscall(long number, ...);
int heap_os_open(const char *path, int flags, ...);
int heap_os_creat(const char *path, mode_t mode);
int heap_os_close(int fd);
void *heap_os_dlsym(void *handle, const char *name);
int heap_os_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int heap_os_pthread_mutex_lock(pthread_mutex_t *mutex);
int heap_os_pthread_setname_np(pthread_t thread, const char *name);
int heap_os_Unwind_Backtrace(void *trace, void *arg);
uintptr_t heap_os_Unwind_GetIP(void *context);
void heap_os_prof_boot0(void);
void heap_os_prof_boot1(void);
bool heap_os_prof_boot2(void);
double heap_os_exp(double x);
double heap_os_log(double x);
double heap_os_round(double x);
bool heap_os_cache_begin(void *tsd);
void heap_os_cache_fill(void *tsdn, void *arena, void *bin, void *info, unsigned size_index,
			unsigned count);
void *heap_os_metadata(void *wanted, size_t size, size_t alignment, bool *zero, bool *commit);

#endif /* AGNOCAST_JEMALLOC_H */
