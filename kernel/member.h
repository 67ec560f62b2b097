/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * member.h - an address space that joined, or is about to
 *
 * Made when a process maps the token page, ended when the last mapping of it
 * is closed: that is when the address space is gone, by whatever way. Files
 * come and go; the address space is the identity.
 */
#ifndef AGK_MEMBER_H
#define AGK_MEMBER_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "corpse.h"
#include "world.h"

struct file;
struct mm_struct;
struct vm_area_struct;

struct agk_member {
	struct kref ref;
	struct agk_home_world *world;	/* counted */
	struct mm_struct *mm;		/* mmgrab'ed: compared only */
	unsigned int tokens;		/* .lock to write; mappings of the token page */
	struct mutex lock;		/* nests inside mmap_lock, outside world locks */
	struct agk_session *session;	/* .lock to write, once; NULL before NEW_SHM */
	struct agk_area *area;		/* .lock; NULL before AREA_READY */
	struct list_head link;		/* world->members_lock */
};

/*
 * Makes a member of the current address space, with one token: -EEXIST if it
 * is one. The tokens have a reference between them; the last close drops it.
 */
struct agk_member *agk_member_create(struct agk_home_world *world);
/* A counted reference to the member with the current address space, or NULL. */
struct agk_member *agk_member_find(struct agk_home_world *world);
void agk_member_put(struct agk_member *member);

/* The session, also one that is over, as long as the member; or NULL. */
static inline struct agk_session *agk_member_session(struct agk_member *member)
{
	/* Pairs with agk_member_join(). */
	return smp_load_acquire(&member->session);
}

/* One more, one fewer mapping of the token; the last ends the session. */
void agk_member_token_open(struct agk_member *member);
void agk_member_token_close(struct agk_member *member);

int agk_member_join(struct agk_member *member, struct agnocast_new_shm *args);
/* Undoes a join whose result could not be delivered, or leaves in good order. */
int agk_member_leave(struct agk_member *member);
int agk_member_ready(struct agk_member *member, int fd);
/* A new read-only file of the area of @session, or ERR_PTR. */
struct file *agk_member_open_area(struct agk_home_world *world, u64 session);

#endif /* AGK_MEMBER_H */
