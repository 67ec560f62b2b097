// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - /dev/agnocast: open, the token page, close
 *
 * The token page holds nothing. It is a mapping whose end is the end of the
 * address space: on exit, kill and exec, whoever still holds the descriptor.
 * mremap() moves it by an open and a close, also when it fails: both count.
 */

#include <linux/err.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "corpse.h"
#include "device.h"

static int agk_open(struct inode *inode, struct file *file)
{
	struct agk_file *own = kzalloc(sizeof(*own), GFP_KERNEL);
	int ret;

	if (!own)
		return -ENOMEM;
	own->world = agk_world_get();
	if (IS_ERR(own->world)) {
		ret = PTR_ERR(own->world);
		kfree(own);
		return ret;
	}
	mutex_init(&own->lock);
	file->private_data = own;
	return nonseekable_open(inode, file);
}

static int agk_release(struct inode *inode, struct file *file)
{
	struct agk_file *own = file->private_data;

	if (own->member)
		agk_member_put(own->member);
	agk_world_put(own->world);
	mutex_destroy(&own->lock);
	kfree(own);
	return 0;
}

static void token_open(struct vm_area_struct *vma)
{
	agk_member_token_open(vma->vm_private_data);
}

static void token_close(struct vm_area_struct *vma)
{
	agk_member_token_close(vma->vm_private_data);
	agk_corpse_look();
}

static vm_fault_t token_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct token_ops = {
	.open = token_open,
	.close = token_close,
	.fault = token_fault,
};

static int agk_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct agk_file *own = file->private_data;
	struct agk_member *member;

	if (!agk_file_may_join(file))
		return -EACCES;
	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	member = agk_member_create(own->world);
	if (IS_ERR(member))
		return PTR_ERR(member);
	vm_flags_mod(vma, VM_IO | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP,
		     VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_private_data = member;
	vma->vm_ops = &token_ops;
	return 0;
}

struct agk_member *agk_file_member(struct agk_file *own)
{
	struct agk_member *member;

	mutex_lock(&own->lock);
	if (own->member && own->member->mm == current->mm &&
	    READ_ONCE(own->member->tokens)) {
		member = own->member;
		kref_get(&member->ref);
		goto out;
	}
	member = agk_member_find(own->world);
	if (!member) {
		member = ERR_PTR(own->member && own->member->mm != current->mm ?
				 -EPERM : -ENOTCONN);
		goto out;
	}
	if (!own->member) {
		own->member = member;
		kref_get(&member->ref);
	}
out:
	mutex_unlock(&own->lock);
	return member;
}

const struct file_operations agk_fops = {
	.owner = THIS_MODULE,
	.open = agk_open,
	.release = agk_release,
	.mmap = agk_mmap,
	.unlocked_ioctl = agk_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
