/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.c - memory of the area by name, where malloc may be somebody else's
 *
 * The same heap that malloc serves from where it is ours, so either free may
 * follow either allocation there.
 */

#define _GNU_SOURCE 1
#include <agnocast/agnocast.h>

#include <errno.h>
#include <stdlib.h>

#include "area.h"
#include "heap_check.h"
#include "jemalloc.h"
#include "start.h"

#define ALIGNMENT (2 * sizeof(void *))

/* Also in a forked child: its copy of the heap is as good as its parent's. */
static bool has_area(void)
{
	if (start_once() >= START_GUEST)
		return true;
	errno = -start_status();
	return false;
}

void *agnocast_alloc_aligned(size_t alignment, size_t size)
{
	void *p = NULL;

	if (!alignment || alignment & (alignment - 1)) {
		errno = EINVAL;
		return NULL;
	}
	if (!has_area())
		return NULL;
	if (alignment < ALIGNMENT)
		alignment = ALIGNMENT;
	if (heap_checked)
		p = heap_check_alloc(alignment, size, false);
	else if (aj_posix_memalign(&p, alignment, size ? size : 1))
		p = NULL;
	if (!p) {
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

void *agnocast_alloc(size_t size)
{
	return agnocast_alloc_aligned(ALIGNMENT, size);
}

void agnocast_free(void *p)
{
	if (heap_checked || !p || !area_owns_heap(p, 1))
		free(p);
	else
		aj_free(p);
}
