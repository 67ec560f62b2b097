/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * corpse.h - the areas of sessions that are over
 *
 * A name in /dev/shm that nobody unlinked keeps its memory. So the module
 * keeps the file until nothing maps it, and then punches it empty.
 */
#ifndef AGK_CORPSE_H
#define AGK_CORPSE_H

struct file;

/* Takes over the caller's reference. Any context that may sleep; no inode lock. */
void agk_corpse_add(struct file *file);
/* A reader unmapped or ended: look again soon. */
void agk_corpse_look(void);
/* Module exit: lets go of everything. */
void agk_corpse_exit(void);

#endif /* AGK_CORPSE_H */
