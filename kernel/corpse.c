// SPDX-License-Identifier: GPL-2.0-only
/*
 * corpse.c - the areas of sessions that are over
 *
 * Added under the mmap_lock of the dying address space, which unmaps the area
 * itself a moment later: so a worker looks, in its own time, backing off while
 * readers still have the area mapped. The worker never waits for an inode's
 * lock: whoever writes to the file from memory that does not come holds it for
 * as long as he likes.
 */

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "corpse.h"

#define FIRST_LOOK_MS 10U
#define LAST_LOOK_MS 2000U

static void look(struct work_struct *work);

static DEFINE_MUTEX(corpses_lock);
static LIST_HEAD(corpses);			/* corpses_lock */
static unsigned int next_look_ms = FIRST_LOOK_MS;	/* corpses_lock */
static DECLARE_DELAYED_WORK(worker, look);

/* False: somebody has the inode's lock. */
static bool empty(struct file *file)
{
	struct inode *inode = file_inode(file);

	/* Unlinked: the last reference frees it anyway. */
	if (!inode->i_nlink)
		return true;
	if (!inode_trylock(inode))
		return false;
	/* What was sealed against writes stays as it is. */
	if (!(SHMEM_I(inode)->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		shmem_truncate_range(inode, 0, (loff_t)-1);
	inode_unlock(inode);
	return true;
}

static void let_go(struct list_head *areas)
{
	struct agk_area *area, *next;

	list_for_each_entry_safe(area, next, areas, link) {
		list_del(&area->link);
		fput(area->file);
		kfree(area);
	}
}

static void take_unmapped(struct list_head *to)
{
	struct agk_area *area, *next;

	lockdep_assert_held(&corpses_lock);
	list_for_each_entry_safe(area, next, &corpses, link)
		if (!mapping_mapped(area->file->f_mapping))
			list_move(&area->link, to);
}

static void look(struct work_struct *work)
{
	struct agk_area *area, *next;
	LIST_HEAD(unmapped);
	LIST_HEAD(done);

	mutex_lock(&corpses_lock);
	take_unmapped(&unmapped);
	mutex_unlock(&corpses_lock);
	/* May be gigabytes: an exit must not wait for it. */
	list_for_each_entry_safe(area, next, &unmapped, link)
		if (empty(area->file))
			list_move(&area->link, &done);
	mutex_lock(&corpses_lock);
	list_splice(&unmapped, &corpses);
	if (!list_empty(&corpses)) {
		next_look_ms = min(next_look_ms * 2, LAST_LOOK_MS);
		schedule_delayed_work(&worker, msecs_to_jiffies(next_look_ms));
	}
	mutex_unlock(&corpses_lock);
	let_go(&done);
}

static void look_soon(void)
{
	lockdep_assert_held(&corpses_lock);
	next_look_ms = FIRST_LOOK_MS;
	mod_delayed_work(system_wq, &worker, msecs_to_jiffies(FIRST_LOOK_MS));
}

void agk_corpse_add(struct agk_area *area)
{
	mutex_lock(&corpses_lock);
	list_add_tail(&area->link, &corpses);
	look_soon();
	mutex_unlock(&corpses_lock);
}

void agk_corpse_look(void)
{
	mutex_lock(&corpses_lock);
	if (!list_empty(&corpses))
		look_soon();
	mutex_unlock(&corpses_lock);
}

void agk_corpse_exit(void)
{
	cancel_delayed_work_sync(&worker);
	let_go(&corpses);
}
