/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_deepbind.c - memory of plugins that are bound to libc's malloc
 *
 * Opened with RTLD_DEEPBIND or into a namespace of its own: what such a plugin
 * allocates is refused, with the reason, and nothing else is disturbed.
 * Argument: the plugin.
 */

#include <agnocast/agnocast.h>

#include "heap_test.h"

static struct agnocast_publisher *pub;
static char heard[1024];

static void on_log(enum agnocast_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	snprintf(heard, sizeof(heard), "%s", line);
}

static void try_plugin(const char *how, void *plugin)
{
	void *(*give)(size_t) = (void *(*)(size_t))dlsym(plugin, "plugin_malloc");
	void (*take_back)(void *) = (void (*)(void *))dlsym(plugin, "plugin_free");
	char name[64];
	void *p;

	snprintf(name, sizeof(name), "%s_opens", how);
	if (!check(name, give && take_back, "%s", dlerror()))
		return;
	agnocast_publisher_create("/plugin", NULL, &pub);
	p = give(100);
	snprintf(name, sizeof(name), "%s_memory_is_not_ours", how);
	check(name, !in_area(p), "%p", p);
	heard[0] = 0;
	snprintf(name, sizeof(name), "%s_memory_is_efault", how);
	check(name, agnocast_publisher_publish(pub, p, 1) == -EFAULT, "%s", heard);
	snprintf(name, sizeof(name), "%s_memory_is_named", how);
	check(name, strstr(heard, "RTLD_DEEPBIND") && strstr(heard, "agnocast_alloc()"), "%s",
	      heard);
	take_back(p);
	agnocast_publisher_destroy(pub);
}

int main(int argc, char **argv)
{
	int (*publish)(struct agnocast_publisher *, void *, uint64_t) = agnocast_publisher_publish;

	if (argc < 2)
		return 2;
	agnocast_log_set(on_log, NULL);
	free(malloc(1));
	find_area();
	check("is_a_member", agnocast_status() == 0 && !*agnocast_reason(), "%s",
	      agnocast_reason());
	try_plugin("deepbind", dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND));
	try_plugin("dlmopen", dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW));
	agnocast_publisher_create("/plugin", NULL, &pub);
	check("own_memory_goes", publish(pub, malloc(100), 1) == 0, "%s", heard);
	agnocast_publisher_destroy(pub);
	return failures != 0;
}
