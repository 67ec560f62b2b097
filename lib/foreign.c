/* SPDX-License-Identifier: BSD-2-Clause */
/* foreign.c - why a message cannot be published: whose memory it is in */

#include "foreign.h"

#include <string.h>

#include "log.h"
#include "maps.h"
#include "start.h"
#include "window.h"

/* A pointer that was taken from a received message. */
static bool is_in_a_peer(uintptr_t address)
{
	return address - window.base < window.area_size * window.areas;
}

static bool is_file(const struct mapping *mapping)
{
	return mapping->name[0] == '/';
}

static const char *remedy(const struct mapping *mapping, uintptr_t address)
{
	if (is_in_a_peer(address))
		return "publish a copy of what another process published";
	if (!strcmp(mapping->name, "[stack]"))
		return "allocate the message with malloc, new or agnocast_alloc()";
	if (is_file(mapping))
		return "a static object cannot be a message: allocate it with malloc, new or "
		       "agnocast_alloc()";
	if (start_state == START_GUEST)
		return "this program's malloc is not libagnocast's: allocate messages with "
		       "agnocast_alloc() (C++: agnocast::allocator)";
	return "it was mapped, or allocated by code with a malloc of its own (a plugin opened "
	       "with RTLD_DEEPBIND or dlmopen): allocate messages with agnocast_alloc()";
}

void foreign_tell(const char *topic, const void *message)
{
	uintptr_t address = (uintptr_t)message;
	struct mapping in = { .name = "no memory at all" };

	maps_find(address, address + 1, &in);
	log_line(AGNOCAST_LOG_ERROR, "topic %s: %p cannot be published, since it lies in %s, "
		 "not in this process's shared heap: %s (said once for each publisher)", topic,
		 message, in.name, remedy(&in, address));
}
