// SPDX-License-Identifier: GPL-2.0-only
/*
 * member.c - an address space that joined, or is about to
 *
 * agk_member_token_close() may run in another task than the one that dies, and
 * runs under the dying address space's mmap_lock: it looks at nothing of
 * "current", copies nothing, takes no inode lock. What has to do with files is
 * left to corpse.c.
 */

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "corpse.h"
#include "eventbell.h"
#include "member.h"

static struct agk_member *find_locked(struct agk_home_world *world)
{
	struct agk_member *member;

	lockdep_assert_held(&world->members_lock);
	list_for_each_entry(member, &world->members, link)
		if (member->mm == current->mm)
			return member;
	return NULL;
}

struct agk_member *agk_member_create(struct agk_home_world *world)
{
	struct agk_member *member = kzalloc(sizeof(*member), GFP_KERNEL);

	if (!member)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&world->members_lock);
	if (find_locked(world)) {
		mutex_unlock(&world->members_lock);
		kfree(member);
		return ERR_PTR(-EEXIST);
	}
	kref_init(&member->ref);
	mutex_init(&member->lock);
	kref_get(&world->ref);
	member->world = world;
	member->mm = current->mm;
	mmgrab(member->mm);
	member->tokens = 1;	/* with the reference that kref_init() made */
	list_add(&member->link, &world->members);
	mutex_unlock(&world->members_lock);
	return member;
}

struct agk_member *agk_member_find(struct agk_home_world *world)
{
	struct agk_member *member;

	mutex_lock(&world->members_lock);
	member = find_locked(world);
	if (member)
		kref_get(&member->ref);
	mutex_unlock(&world->members_lock);
	return member;
}

/* After the session's end: nobody finds them any more. */
static void put_bells(struct agk_session *session)
{
	u32 i;

	for (i = 0; i < AGNOCAST_BELLS_MAX; i++)
		agk_eventbell_put(session->bell[i]);
}

static void member_release(struct kref *ref)
{
	struct agk_member *member = container_of(ref, struct agk_member, ref);

	WARN_ON_ONCE(member->tokens || member->area);
	if (member->session) {
		put_bells(member->session);
		agk_session_free(member->session);
	}
	mmdrop(member->mm);
	agk_world_put(member->world);
	mutex_destroy(&member->lock);
	kfree(member);
}

void agk_member_put(struct agk_member *member)
{
	kref_put(&member->ref, member_release);
}

void agk_member_token_open(struct agk_member *member)
{
	mutex_lock(&member->lock);
	WRITE_ONCE(member->tokens, member->tokens + 1);
	mutex_unlock(&member->lock);
}

/* The file work is corpse.c's, later and elsewhere. */
static void end_locked(struct agk_member *member, bool names_left)
{
	lockdep_assert_held(&member->lock);
	if (member->session)
		agk_session_end(member->session, names_left);
	if (member->area)
		agk_corpse_add(member->area);
	member->area = NULL;
}

void agk_member_token_close(struct agk_member *member)
{
	bool last;

	mutex_lock(&member->lock);
	WRITE_ONCE(member->tokens, member->tokens - 1);
	last = !member->tokens;
	if (last)
		end_locked(member, true);
	mutex_unlock(&member->lock);
	if (!last)
		return;
	mutex_lock(&member->world->members_lock);
	list_del(&member->link);
	mutex_unlock(&member->world->members_lock);
	/* The tokens' reference. */
	agk_member_put(member);
}

static void who_is_current(struct agk_who *who)
{
	memset(who, 0, sizeof(*who));
	who->key = (unsigned long)current->mm;
	/* The global one: unique in a world whatever PID namespaces share it. */
	who->pid = task_tgid_nr(current);
	who->uid = from_kuid_munged(&init_user_ns, current_uid());
	get_task_comm(who->comm, current->group_leader);
}

int agk_member_join(struct agk_member *member, struct agnocast_new_shm *args)
{
	struct agk_session *session;
	struct agk_who who;
	int ret;

	who_is_current(&who);
	mutex_lock(&member->lock);
	if (!member->tokens)
		ret = -EINVAL;
	else if (member->session)
		ret = -EEXIST;
	else
		ret = agk_session_join(member->world->core, args->abi, &who,
				       args->mempool_size, &session);
	if (!ret) {
		/* Whoever sees it without the lock sees what is in it. */
		smp_store_release(&member->session, session);
		args->session = session->id;
		args->base = agk_session_base(session);
		args->slot = session->slot;
		args->pid = who.pid;
		agk_shm_name(args->shm_name, who.pid);
	}
	mutex_unlock(&member->lock);
	return ret;
}

int agk_member_leave(struct agk_member *member)
{
	int ret = 0;

	mutex_lock(&member->lock);
	if (!member->session || member->session->ended)
		ret = -ENOTCONN;
	else
		end_locked(member, false);
	mutex_unlock(&member->lock);
	return ret;
}

static int check_area(struct file *file)
{
	struct inode *inode = file_inode(file);

	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return -EBADF;
	if (!S_ISREG(inode->i_mode) || inode->i_sb->s_magic != TMPFS_MAGIC)
		return -EINVAL;
	return 0;
}

/* Takes over the caller's reference if it succeeds. */
static struct agk_area *area_create(struct file *file)
{
	struct agk_area *area;
	int ret = check_area(file);

	if (ret)
		return ERR_PTR(ret);
	area = kmalloc(sizeof(*area), GFP_KERNEL);
	if (!area)
		return ERR_PTR(-ENOMEM);
	area->file = file;
	return area;
}

int agk_member_ready(struct agk_member *member, int fd)
{
	struct file *file = fget(fd);
	struct agk_area *area;
	int ret;

	if (!file)
		return -EBADF;
	area = area_create(file);
	if (IS_ERR(area)) {
		ret = PTR_ERR(area);
		goto err_put;
	}
	mutex_lock(&member->lock);
	ret = member->session ? agk_session_ready(member->session) : -ENOTCONN;
	if (!ret)
		member->area = area;
	mutex_unlock(&member->lock);
	if (ret)
		goto err_free;
	return 0;

err_free:
	kfree(area);
err_put:
	fput(file);
	return ret;
}

static struct file *area_of(struct agk_home_world *world, u64 session)
{
	struct agk_member *member;
	struct file *file = NULL;

	mutex_lock(&world->members_lock);
	list_for_each_entry(member, &world->members, link) {
		mutex_lock(&member->lock);
		if (member->session && member->session->id == session && member->area)
			file = get_file(member->area->file);
		mutex_unlock(&member->lock);
		if (file)
			break;
	}
	mutex_unlock(&world->members_lock);
	return file;
}

struct file *agk_member_open_area(struct agk_home_world *world, u64 session)
{
	struct file *area = area_of(world, session);
	struct file *file;
	int ret;

	if (!area)
		return ERR_PTR(-ENOENT);
	ret = file_permission(area, MAY_READ);
	file = ret ? ERR_PTR(ret) :
	       dentry_open(&area->f_path, O_RDONLY | O_LARGEFILE, current_cred());
	fput(area);
	return file;
}
