// SPDX-License-Identifier: GPL-2.0-only
/*
 * corpse.c - the areas of sessions that are over
 *
 * Added under the mmap_lock of the dying address space, which unmaps the area
 * itself a moment later: so a worker looks, in its own time, backing off while
 * readers still have the area mapped.
 */

#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "corpse.h"

#define FIRST_LOOK_MS 10U
#define LAST_LOOK_MS 2000U

struct corpse {
	struct file *file;
	struct list_head link;
};

static void look(struct work_struct *work);

static DEFINE_MUTEX(corpses_lock);
static LIST_HEAD(corpses);			/* corpses_lock */
static unsigned int next_look_ms = FIRST_LOOK_MS;	/* corpses_lock */
static DECLARE_DELAYED_WORK(worker, look);

static void bury(struct corpse *corpse)
{
	struct inode *inode = file_inode(corpse->file);
	loff_t size = i_size_read(inode);

	/* Unlinked: the last reference frees it anyway. */
	if (inode->i_nlink && size)
		vfs_fallocate(corpse->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      0, size);
	fput(corpse->file);
	kfree(corpse);
}

static void look(struct work_struct *work)
{
	struct corpse *corpse, *next;
	LIST_HEAD(ready);

	mutex_lock(&corpses_lock);
	list_for_each_entry_safe(corpse, next, &corpses, link)
		if (!mapping_mapped(corpse->file->f_mapping))
			list_move(&corpse->link, &ready);
	if (!list_empty(&corpses)) {
		next_look_ms = min(next_look_ms * 2, LAST_LOOK_MS);
		schedule_delayed_work(&worker, msecs_to_jiffies(next_look_ms));
	}
	mutex_unlock(&corpses_lock);
	/* Takes inode locks: under none of ours. */
	list_for_each_entry_safe(corpse, next, &ready, link)
		bury(corpse);
}

static void look_soon(void)
{
	next_look_ms = FIRST_LOOK_MS;
	mod_delayed_work(system_wq, &worker, msecs_to_jiffies(FIRST_LOOK_MS));
}

void agk_corpse_add(struct file *file)
{
	struct corpse *corpse = kmalloc(sizeof(*corpse), GFP_KERNEL | __GFP_NOFAIL);

	corpse->file = file;
	mutex_lock(&corpses_lock);
	list_add_tail(&corpse->link, &corpses);
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
	struct corpse *corpse, *next;

	cancel_delayed_work_sync(&worker);
	list_for_each_entry_safe(corpse, next, &corpses, link) {
		list_del(&corpse->link);
		fput(corpse->file);
		kfree(corpse);
	}
}
