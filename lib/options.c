/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c - structures of options that grow */

#include "options.h"

#include <errno.h>
#include <string.h>
#include <uapi/agnocast.h>

#include "log.h"

#define OPTIONS_MAX 4096u	/* a larger size is no size but garbage */
#define SPIN_US_MAX 1000000u

int options_copy(const char *what, void *to, size_t size, const void *from)
{
	const unsigned char *bytes = from;
	size_t given = size;

	memset(to, 0, size);
	if (from)
		memcpy(&given, from, sizeof(given));
	if (given < sizeof(given) || given > OPTIONS_MAX) {
		log_line(AGNOCAST_LOG_ERROR, "%s options: .size is %zu; set it to the sizeof "
			 "of the structure, %zu here", what, given, size);
		return -EINVAL;
	}
	for (size_t i = size; i < given; i++) {
		if (!bytes[i])
			continue;
		log_line(AGNOCAST_LOG_ERROR, "%s options: byte %zu is set, but this library "
			 "knows %zu bytes: it is older than the program", what, i, size);
		return -EINVAL;
	}
	if (from)
		memcpy(to, from, given < size ? given : size);
	return 0;
}

int options_give(void *to, size_t size, const void *from, size_t known)
{
	if (!size || size > OPTIONS_MAX)
		return -EINVAL;
	memset(to, 0, size);
	memcpy(to, from, size < known ? size : known);
	return 0;
}

int options_check_endpoint(const char *what, uint32_t *depth, uint32_t flags, uint32_t known)
{
	if (!*depth)
		*depth = 1;
	if (*depth <= AGNOCAST_DEPTH_MAX && !(flags & ~known))
		return 0;
	log_line(AGNOCAST_LOG_ERROR, "%s options: depth %u (1..%u) or flags 0x%x (of 0x%x) are "
		 "not valid", what, *depth, AGNOCAST_DEPTH_MAX, flags, known);
	return -EINVAL;
}

int options_check_spin(const char *what, uint32_t spin_us)
{
	if (spin_us <= SPIN_US_MAX)
		return 0;
	log_line(AGNOCAST_LOG_ERROR, "%s options: spin_us %u is more than %u", what, spin_us,
		 SPIN_US_MAX);
	return -EINVAL;
}
