/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_ownmalloc.c - a program that brings its own malloc, as some link one in
 *
 * It wins over a preloaded library: the library must notice, and stay away.
 */

#include "heap_test.h"

static char pool[1 << 20] __attribute__((aligned(16)));
static size_t used;

void *malloc(size_t size)
{
	void *p = pool + used;

	used += (size + 15) & ~(size_t)15;
	return used <= sizeof(pool) ? p : NULL;
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size);
}

void *realloc(void *p, size_t size)
{
	void *q = malloc(size);

	if (p && q)
		memcpy(q, p, size);
	return q;
}

void free(void *p)
{
	(void)p;
}

int main(void)
{
	printf("%d %s\n", api_status(), api_reason());
	return 0;
}
