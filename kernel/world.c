// SPDX-License-Identifier: GPL-2.0-only
/*
 * world.c - one registry per IPC namespace, and its roster file
 *
 * The namespace is pinned by its nsfs file, since put_ipc_ns() is not
 * exported: as long as the file is open, no other namespace has its address.
 * The roster file's pages are allocated once, kept, and written through the
 * kernel's own addresses: a session's end must take no inode lock.
 */

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ipc_namespace.h>
#include <linux/ktime.h>
#include <linux/timekeeping.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "world.h"

static DEFINE_MUTEX(worlds_lock);
static LIST_HEAD(worlds);

static void *roster_page(void *home, u64 index)
{
	struct agk_home_world *world = home;
	struct page *page = shmem_read_mapping_page(world->rosters->f_mapping, index);

	if (IS_ERR(page))
		return NULL;
	/* The reference stays: put_pages() drops it. */
	set_page_dirty(page);
	return page_address(page);
}

static void put_page_at(void *address)
{
	if (address)
		put_page(virt_to_page(address));
}

static void put_pages(struct agk_world *core)
{
	u32 i, j;

	for (i = 0; i < AGNOCAST_TOPICS_MAX; i++)
		for (j = 0; j < AGK_ROSTER_PAGES; j++)
			put_page_at(core->roster[i].page[j]);
	put_page_at(core->rosters);
}

static struct file *make_rosters(void)
{
	struct file *file = shmem_file_setup("agnocast-rosters", AGNOCAST_ROSTERS_SIZE,
					     VM_NORESERVE);
	struct inode *inode;

	/* Without memory for an inode it says ENOSPC. */
	if (IS_ERR(file))
		return ERR_PTR(-ENOMEM);
	inode = file_inode(file);
	mapping_set_unevictable(file->f_mapping);
	/* Whoever reopens it through /proc still can't write, shrink or punch. */
	inode->i_mode = S_IFREG | 0444;
	SHMEM_I(inode)->seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
				F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	return file;
}

/* The nsfs file of the caller's IPC namespace, and not something else there. */
static struct file *pin_ipc_ns(void)
{
	struct file *file = filp_open("/proc/self/ns/ipc", O_RDONLY, 0);
	struct inode *inode;

	if (IS_ERR(file))
		return file;
	inode = file_inode(file);
	if (inode->i_sb->s_magic != NSFS_MAGIC ||
	    inode->i_ino != current->nsproxy->ipc_ns->ns.inum) {
		fput(file);
		return ERR_PTR(-ENODEV);
	}
	return file;
}

/* worlds_lock is held. Takes over @pin. */
static struct agk_home_world *world_create(struct file *pin)
{
	struct agk_home_world *world = kzalloc(sizeof(*world), GFP_KERNEL);
	struct agk_home home = {
		.roster_page = roster_page,
		.priv = world,
		/* Names in /dev/shm outlive a module: their ids must not come again. */
		.first_serial = ktime_get_real_ns(),
	};
	int err;

	if (!world) {
		fput(pin);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&world->ref);
	mutex_init(&world->members_lock);
	INIT_LIST_HEAD(&world->members);
	world->ipc_ns = current->nsproxy->ipc_ns;
	world->pin = pin;
	world->rosters = make_rosters();
	if (IS_ERR(world->rosters)) {
		err = PTR_ERR(world->rosters);
		goto err_pin;
	}
	world->core = agk_world_create(&agk_window_params, &home, &err);
	if (!world->core)
		goto err_rosters;
	list_add(&world->link, &worlds);
	return world;

err_rosters:
	fput(world->rosters);
err_pin:
	fput(world->pin);
	kfree(world);
	return ERR_PTR(err);
}

/* A counted reference, or NULL. */
static struct agk_home_world *world_find(void)
{
	struct agk_home_world *world;

	lockdep_assert_held(&worlds_lock);
	list_for_each_entry(world, &worlds, link) {
		if (world->ipc_ns == current->nsproxy->ipc_ns) {
			kref_get(&world->ref);
			return world;
		}
	}
	return NULL;
}

struct agk_home_world *agk_world_get(void)
{
	struct agk_home_world *world;
	struct file *pin;

	/* An exiting task has none. */
	if (!current->nsproxy)
		return ERR_PTR(-ESRCH);
	mutex_lock(&worlds_lock);
	world = world_find();
	mutex_unlock(&worlds_lock);
	if (world)
		return world;
	/*
	 * Opened without the lock: it is also taken where a member ends, under
	 * mmap_lock, and an open takes inode locks.
	 */
	pin = pin_ipc_ns();
	if (IS_ERR(pin))
		return ERR_CAST(pin);
	mutex_lock(&worlds_lock);
	world = world_find();
	if (!world) {
		world = world_create(pin);
		pin = NULL;
	}
	mutex_unlock(&worlds_lock);
	if (pin)
		fput(pin);
	return world;
}

/* worlds_lock is held. */
static void world_release(struct kref *ref)
{
	struct agk_home_world *world = container_of(ref, struct agk_home_world, ref);

	list_del(&world->link);
	mutex_unlock(&worlds_lock);
	put_pages(world->core);
	agk_world_destroy(world->core);
	fput(world->rosters);
	fput(world->pin);
	mutex_destroy(&world->members_lock);
	kfree(world);
}

void agk_world_put(struct agk_home_world *world)
{
	kref_put_mutex(&world->ref, world_release, &worlds_lock);
}

struct file *agk_world_open_rosters(struct agk_home_world *world)
{
	return dentry_open(&world->rosters->f_path, O_RDONLY | O_LARGEFILE,
			   current_cred());
}
