/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * world.h - one registry per IPC namespace, and its roster file
 */
#ifndef AGK_WORLD_H
#define AGK_WORLD_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "registry.h"

struct file;

struct agk_home_world {
	struct kref ref;
	struct list_head link;		/* worlds_lock */
	const void *ipc_ns;		/* compared, never followed; pinned by .pin */
	struct file *pin;		/* /proc/self/ns/ipc */
	struct file *rosters;		/* sealed: only this module writes its pages */
	struct agk_world *core;
	struct mutex members_lock;	/* outside agk_member.lock */
	struct list_head members;	/* members_lock; agk_member.link */
};

/* The module parameters. */
extern struct agk_window_params agk_window_params;

/* A reference to the world of the calling task, or ERR_PTR; drop with agk_world_put(). */
struct agk_home_world *agk_world_get(void);
void agk_world_put(struct agk_home_world *world);

/* A new read-only file of the rosters, or ERR_PTR. */
struct file *agk_world_open_rosters(struct agk_home_world *world);

#endif /* AGK_WORLD_H */
