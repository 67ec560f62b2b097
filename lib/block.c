/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block.c - blocks of the control part: rings and subscriptions
 *
 * One list of free blocks per power of two, kept outside of the area, since a
 * free block keeps its content: a stale reader may still look at it, and its
 * sequence numbers go on with its next user.
 */

#include "area.h"

#include <errno.h>
#include <pthread.h>

#define BLOCK_MIN_SHIFT	12
#define BLOCK_MAX_SHIFT	30
#define CLASSES		(BLOCK_MAX_SHIFT - BLOCK_MIN_SHIFT + 1)
#define PLACES		(AGNOCAST_CONTROL_SIZE >> BLOCK_MIN_SHIFT)

static pthread_mutex_t block_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t first_free[CLASSES];	/* block_lock; offset >> 12 of a block, 0: none */
static uint32_t next_free[PLACES];	/* block_lock; by offset >> 12 */

/* Of the smallest power of two that holds @size, or -1. */
static int class_of(size_t size)
{
	for (int shift = BLOCK_MIN_SHIFT; shift < BLOCK_MAX_SHIFT; shift++)
		if (size <= (size_t)1 << shift)
			return shift - BLOCK_MIN_SHIFT;
	return -1;
}

uint64_t area_block_alloc(size_t size, int *err)
{
	int class = class_of(size);
	uint64_t block;

	if (class < 0) {
		*err = -ENOMEM;
		return 0;
	}
	pthread_mutex_lock(&block_lock);
	block = (uint64_t)first_free[class] << BLOCK_MIN_SHIFT;
	if (block)
		first_free[class] = next_free[block >> BLOCK_MIN_SHIFT];
	else
		block = area_control_grow((size_t)1 << (class + BLOCK_MIN_SHIFT), err);
	pthread_mutex_unlock(&block_lock);
	return block;
}

void area_block_free(uint64_t block, size_t size)
{
	int class = class_of(size);

	if (class < 0 || !block || block >= AGNOCAST_CONTROL_SIZE)
		return;
	pthread_mutex_lock(&block_lock);
	next_free[block >> BLOCK_MIN_SHIFT] = first_free[class];
	first_free[class] = (uint32_t)(block >> BLOCK_MIN_SHIFT);
	pthread_mutex_unlock(&block_lock);
}

void block_fork_prepare(void)
{
	pthread_mutex_lock(&block_lock);
}

void block_fork_release(void)
{
	pthread_mutex_unlock(&block_lock);
}
