/* SPDX-License-Identifier: BSD-2-Clause */
/* array.h - arrays that grow */
#ifndef AGNOCAST_ARRAY_H
#define AGNOCAST_ARRAY_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* Room for one element of @size bytes behind @count of them. 0, or -ENOMEM: as before. */
static inline int array_reserve(void **array, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 8;
	void *bigger;

	if (count < *room)
		return 0;
	bigger = realloc(*array, more * size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*room = more;
	return 0;
}

#endif /* AGNOCAST_ARRAY_H */
