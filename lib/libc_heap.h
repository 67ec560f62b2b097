/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libc_heap.h - the malloc that the program would have without us
 *
 * libc's, under names that nobody interposes; or that of a sanitizer's runtime
 * which was loaded behind us, whose other functions give out its blocks.
 */
#ifndef AGNOCAST_LIBC_HEAP_H
#define AGNOCAST_LIBC_HEAP_H

#include <stdbool.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
extern void *__libc_memalign(size_t, size_t);

extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void __interceptor_free(void *) __attribute__((weak));
extern void *__interceptor_memalign(size_t, size_t) __attribute__((weak));

static inline bool libc_heap_is_sanitized(void)
{
	return __interceptor_malloc && __interceptor_calloc && __interceptor_realloc &&
	       __interceptor_free && __interceptor_memalign;
}

#define LIBC_HEAP(name, ...) (__builtin_expect(libc_heap_is_sanitized(), 0) ?	\
	__interceptor_##name(__VA_ARGS__) : __libc_##name(__VA_ARGS__))

static inline void *libc_malloc(size_t size)
{
	return LIBC_HEAP(malloc, size);
}

static inline void *libc_calloc(size_t count, size_t size)
{
	return LIBC_HEAP(calloc, count, size);
}

static inline void *libc_realloc(void *p, size_t size)
{
	return LIBC_HEAP(realloc, p, size);
}

static inline void libc_free(void *p)
{
	LIBC_HEAP(free, p);
}

static inline void *libc_memalign(size_t alignment, size_t size)
{
	return LIBC_HEAP(memalign, alignment, size);
}

#endif /* AGNOCAST_LIBC_HEAP_H */
