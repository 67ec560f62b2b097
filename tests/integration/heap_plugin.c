/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_plugin.c - a plugin for heap_deepbind.c, whose malloc is libc's */

#include <stdlib.h>

void *plugin_malloc(size_t size);
void plugin_free(void *p);

void *plugin_malloc(size_t size)
{
	return malloc(size);
}

void plugin_free(void *p)
{
	free(p);
}
