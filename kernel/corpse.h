/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * corpse.h - the areas of sessions that are over
 *
 * A name in /dev/shm that nobody unlinked keeps its memory. So the module
 * keeps the file until nothing maps it, and then empties it.
 */
#ifndef AGK_CORPSE_H
#define AGK_CORPSE_H

#include <linux/list.h>

struct file;

/* The file of an area. Got while the session lives: an end can't fail. */
struct agk_area {
	struct file *file;		/* counted; on shmem, open for writing */
	struct list_head link;		/* corpses_lock, once it is a corpse */
};

/* Takes over the caller's references. Any context that may sleep; no inode lock. */
void agk_corpse_add(struct agk_area *area);
/* A reader unmapped or ended: look again soon. */
void agk_corpse_look(void);
/* Module exit: lets go of everything. */
void agk_corpse_exit(void);

#endif /* AGK_CORPSE_H */
