/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_places_plugin.c - a library that allocates, also while it is loaded */

#include <stdlib.h>

void *plugin_first;

__attribute__((constructor)) static void begin(void)
{
	plugin_first = calloc(3, 1000);
}

void *plugin_make(size_t size)
{
	return malloc(size);
}
