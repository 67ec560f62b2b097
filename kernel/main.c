// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - start and stop of the module
 *
 * The device is published last and retracted first. Open files and token
 * mappings hold the module, so at the exit no world is left.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>

#include "corpse.h"
#include "device.h"

#define CREATE_TRACE_POINTS
#include <agk_trace.h>

struct agk_window_params agk_window_params = {
	.base = AGNOCAST_WINDOW_BASE,
	.area_size = AGNOCAST_AREA_SIZE,
	.areas = AGNOCAST_SESSIONS_MAX,
};

module_param_named(window_base, agk_window_params.base, ullong, 0444);
MODULE_PARM_DESC(window_base, "first address of all areas, a multiple of 2 MiB");
module_param_named(area_size, agk_window_params.area_size, ullong, 0444);
MODULE_PARM_DESC(area_size, "address space of one process, bytes, a multiple of 1 GiB, at least 2 GiB");
module_param_named(areas, agk_window_params.areas, uint, 0444);
MODULE_PARM_DESC(areas, "how many processes, 1..1024");

static struct miscdevice agk_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "agnocast",
	.fops = &agk_fops,
	.mode = 0660,
};

static int __init agk_init(void)
{
	struct agk_window window;
	int ret = agk_window_init(&window, &agk_window_params);

	if (ret) {
		pr_err("window_base, area_size or areas cannot be used: %d\n", ret);
		return ret;
	}
	agk_window_destroy(&window);
	return misc_register(&agk_device);
}

static void __exit agk_exit(void)
{
	misc_deregister(&agk_device);
	agk_corpse_exit();
}

module_init(agk_init);
module_exit(agk_exit);

MODULE_DESCRIPTION("Agnocast: registry of zero-copy publishers and subscribers");
MODULE_AUTHOR("The Agnocast authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(AGNOCAST_VERSION);
