/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - /dev/agnocast: open, the token page, close
 */
#ifndef AGK_DEVICE_H
#define AGK_DEVICE_H

#include <linux/fs.h>

#include "member.h"

struct agk_file {
	struct agk_home_world *world;	/* counted */
	struct mutex lock;
	struct agk_member *member;	/* .lock; counted; who used it first, or NULL */
};

extern const struct file_operations agk_fops;

/* Who may only read the device may look on: to join is to change the registry. */
static inline bool agk_file_may_join(const struct file *file)
{
	return (file->f_mode & FMODE_READ) && (file->f_mode & FMODE_WRITE);
}

/*
 * A counted reference to the caller's member. If it has none: -EPERM on a file
 * that another address space uses, else -ENOTCONN.
 */
struct agk_member *agk_file_member(struct agk_file *file);

/* ioctl.c */
long agk_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* AGK_DEVICE_H */
