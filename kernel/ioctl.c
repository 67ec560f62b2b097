// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl.c - the user boundary of the registry
 *
 * The only file that touches __user memory. A handler copies in, validates,
 * calls one function, copies out; on a failed copy-out it undoes the call. No
 * lock is held across a copy: a page fault may sleep for as long as the user
 * likes.
 */

#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/agnocast.h>

#include "corpse.h"
#include "device.h"
#include "eventbell.h"

#define LIST_PAGE 32768U	/* most bytes of records in one call */

/* The ABI is frozen: a compiler or a careless edit must not move it. */
static_assert(sizeof(struct agnocast_version) == 56);
static_assert(sizeof(struct agnocast_new_shm) == 72);
static_assert(sizeof(struct agnocast_fd) == 24);
static_assert(sizeof(struct agnocast_peer) == 80);
static_assert(sizeof(struct agnocast_endpoint_add) == 384);
static_assert(sizeof(struct agnocast_map_report) == 80);
static_assert(sizeof(struct agnocast_acknowledge) == 8);
static_assert(sizeof(struct agnocast_bell) == 24);
static_assert(sizeof(struct agnocast_sleeper) == 16);
static_assert(sizeof(struct agnocast_wake) == 24);
static_assert(sizeof(struct agnocast_list) == 48);
static_assert(sizeof(struct agnocast_session_info) == 104);
static_assert(sizeof(struct agnocast_topic_info) == 280);
static_assert(sizeof(struct agnocast_endpoint_info) == 120);
static_assert(sizeof(struct agnocast_mapping_info) == 72);
static_assert(sizeof(struct agnocast_roster_entry) == 64);

static int ioc_version(void __user *argp)
{
	struct agnocast_version out = {
		.abi = AGNOCAST_ABI_VERSION,
		.sessions_max = agk_window_params.areas,
		.window_base = agk_window_params.base,
		.area_size = agk_window_params.area_size,
		.version = AGNOCAST_VERSION,
		.home = "kernel",
	};

	return copy_to_user(argp, &out, sizeof(out)) ? -EFAULT : 0;
}

static int ioc_new_shm(struct agk_member *member, void __user *argp)
{
	struct agnocast_new_shm args;
	int ret;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags)
		return -EINVAL;
	ret = agk_member_join(member, &args);
	if (ret)
		return ret;
	if (copy_to_user(argp, &args, sizeof(args))) {
		/* The address space keeps its token: it may not join again, but nor
		 * is there a session that nobody knows of.
		 */
		agk_member_leave(member);
		return -EFAULT;
	}
	return 0;
}

static int ioc_leave(struct agk_member *member, void __user *argp)
{
	struct agnocast_leave args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || args.pad)
		return -EINVAL;
	return agk_member_leave(member);
}

static int ioc_area_ready(struct agk_member *member, void __user *argp)
{
	struct agnocast_fd args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.session)
		return -EINVAL;
	return agk_member_ready(member, args.fd_in);
}

/* Installs @file only once the user has its number. Takes over the reference. */
static int give_file(struct file *file, struct agnocast_fd *args, void __user *argp)
{
	int fd;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto err_put;
	args->fd_out = fd;
	if (copy_to_user(argp, args, sizeof(*args))) {
		put_unused_fd(fd);
		fd = -EFAULT;
		goto err_put;
	}
	fd_install(fd, file);
	return 0;

err_put:
	fput(file);
	return fd;
}

static int ioc_open_area(struct agk_member *member, void __user *argp)
{
	struct agnocast_fd args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.fd_in != -1)
		return -EINVAL;
	return give_file(agk_member_open_area(member->world, args.session), &args, argp);
}

static int ioc_open_rosters(struct agk_member *member, void __user *argp)
{
	struct agnocast_fd args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.fd_in != -1 || args.session)
		return -EINVAL;
	args.size = AGNOCAST_ROSTERS_SIZE;
	return give_file(agk_world_open_rosters(member->world), &args, argp);
}

static int copy_out_add(void __user *argp, struct agnocast_endpoint_add *add,
			const struct agnocast_peer *peers, u32 room)
{
	u32 n = min(add->peers_count, room);

	if (copy_to_user(u64_to_user_ptr(add->peers), peers, n * sizeof(*peers)))
		return -EFAULT;
	return copy_to_user(argp, add, sizeof(*add)) ? -EFAULT : 0;
}

static int ioc_add(struct agk_session *session, u32 kind, void __user *argp)
{
	struct agnocast_endpoint_add *add;
	struct agnocast_peer *peers = NULL;
	u32 room;
	int ret;

	add = memdup_user(argp, sizeof(*add));
	if (IS_ERR(add))
		return PTR_ERR(add);
	/* There is no REJOIN here, so nothing that could have been before. */
	ret = -EINVAL;
	if (add->again)
		goto out;
	room = min_t(u64, add->peers_len / sizeof(*peers), AGNOCAST_ENDPOINTS_MAX);
	if (room) {
		peers = kvcalloc(room, sizeof(*peers), GFP_KERNEL);
		ret = -ENOMEM;
		if (!peers)
			goto out;
	}
	ret = agk_endpoint_add(session, kind, add, peers, room);
	if (ret)
		goto out;
	ret = copy_out_add(argp, add, peers, room);
	/* Somebody may have guessed its generation and removed it: as good. */
	if (ret)
		agk_endpoint_remove(session, kind, add->generation);
out:
	kvfree(peers);
	kfree(add);
	return ret;
}

static int ioc_remove(struct agk_session *session, u32 kind, void __user *argp)
{
	struct agnocast_endpoint_remove args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return agk_endpoint_remove(session, kind, args.generation);
}

static int ioc_map_report(struct agk_session *session, void __user *argp)
{
	struct agnocast_map_report args;
	int ret;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	ret = agk_mapping_report(session, &args);
	if (ret)
		return ret;
	if (args.state == AGNOCAST_UNMAPPED)
		agk_corpse_look();
	/*
	 * An announcement that was not delivered stays: it pins a slot until the
	 * session ends or announces again, and loses nothing.
	 */
	return copy_to_user(argp, &args, sizeof(args)) ? -EFAULT : 0;
}

static int ioc_acknowledge(struct agk_session *session, void __user *argp)
{
	struct agnocast_acknowledge args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return agk_mapping_acknowledge(session, args.reader);
}

static int ioc_cleaned(struct agk_session *session, void __user *argp)
{
	struct agnocast_cleaned args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return agk_stale_cleaned(session->world, args.session, session->who.uid);
}

static int ioc_bell(struct agk_session *session, void __user *argp)
{
	struct agnocast_bell args;
	void *bell, *old = NULL;
	int ret;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.session || args.pad || args.bell >= AGNOCAST_BELLS_MAX)
		return -EINVAL;
	bell = agk_eventbell_open(args.fd_in);
	if (IS_ERR(bell))
		return PTR_ERR(bell);
	ret = agk_bell_set(session, args.bell, bell, &old);
	agk_eventbell_put(ret ? bell : old);
	return ret;
}

/* No lock is held: a wake of 512 processes holds up no join or exit. */
static void ring_all(struct agk_wake *wake)
{
	u32 i;

	for (i = 0; i < wake->held; i++) {
		agk_eventbell_ring(wake->bells[i]);
		agk_eventbell_put(wake->bells[i]);
	}
}

static int ioc_wake(struct agk_session *session, void __user *argp)
{
	struct agnocast_sleeper few[8], *sleepers = few;
	struct agnocast_wake args;
	struct agk_wake wake;
	void *few_bells[ARRAY_SIZE(few)];
	int ret = -EFAULT;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.sleepers_len % sizeof(*sleepers) ||
	    args.sleepers_len > AGNOCAST_ENDPOINTS_MAX * sizeof(*sleepers))
		return -EINVAL;
	wake = (struct agk_wake){
		.publisher = args.publisher, .bells = few_bells,
		.count = args.sleepers_len / sizeof(*sleepers),
	};
	if (wake.count > ARRAY_SIZE(few)) {
		/* The bells behind the sleepers. */
		sleepers = kmalloc_array(wake.count, sizeof(*sleepers) + sizeof(*wake.bells),
					 GFP_KERNEL);
		if (!sleepers)
			return -ENOMEM;
		wake.bells = (void **)(sleepers + wake.count);
	}
	wake.sleepers = sleepers;
	if (!copy_from_user(sleepers, u64_to_user_ptr(args.sleepers), args.sleepers_len))
		ret = agk_wake(session, &wake, agk_eventbell_hold);
	if (!ret)
		ring_all(&wake);
	if (sleepers != few)
		kfree(sleepers);
	return ret;
}

static int ioc_list(struct agk_home_world *world, void __user *argp)
{
	struct agnocast_list args;
	u64 asked;
	void *buf;
	int ret;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	asked = args.buf_len;
	args.buf_len = min_t(u64, asked, LIST_PAGE);
	if (!args.buf_len)
		return -EINVAL;
	buf = kvzalloc(args.buf_len, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = agk_list(world->core, &args, buf);
	if (ret)
		goto out;
	args.buf_len = asked;
	if (copy_to_user(u64_to_user_ptr(args.buf), buf, args.count * args.record_size) ||
	    copy_to_user(argp, &args, sizeof(args)))
		ret = -EFAULT;
out:
	kvfree(buf);
	return ret;
}

static long session_ioctl(struct agk_session *session, unsigned int cmd,
			  void __user *argp)
{
	switch (cmd) {
	case AGNOCAST_PUBLISHER_ADD_CMD:
		return ioc_add(session, AGNOCAST_PUBLISHER, argp);
	case AGNOCAST_SUBSCRIBER_ADD_CMD:
		return ioc_add(session, AGNOCAST_SUBSCRIPTION, argp);
	case AGNOCAST_PUBLISHER_REMOVE_CMD:
		return ioc_remove(session, AGNOCAST_PUBLISHER, argp);
	case AGNOCAST_SUBSCRIBER_REMOVE_CMD:
		return ioc_remove(session, AGNOCAST_SUBSCRIPTION, argp);
	case AGNOCAST_MAP_REPORT_CMD:
		return ioc_map_report(session, argp);
	case AGNOCAST_ACKNOWLEDGE_CMD:
		return ioc_acknowledge(session, argp);
	case AGNOCAST_CLEANED_CMD:
		return ioc_cleaned(session, argp);
	case AGNOCAST_BELL_CMD:
		return ioc_bell(session, argp);
	case AGNOCAST_WAKE_CMD:
		return ioc_wake(session, argp);
	case AGNOCAST_OPEN_BELL_CMD:
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}

static long member_ioctl(struct agk_member *member, unsigned int cmd,
			 void __user *argp)
{
	struct agk_session *session;

	if (cmd == AGNOCAST_NEW_SHM_CMD)
		return ioc_new_shm(member, argp);
	session = agk_member_session(member);
	if (!session)
		return -ENOTCONN;
	switch (cmd) {
	case AGNOCAST_LEAVE_CMD:
		return ioc_leave(member, argp);
	case AGNOCAST_AREA_READY_CMD:
		return ioc_area_ready(member, argp);
	case AGNOCAST_OPEN_AREA_CMD:
		return ioc_open_area(member, argp);
	case AGNOCAST_OPEN_ROSTERS_CMD:
		return ioc_open_rosters(member, argp);
	default:
		return session_ioctl(session, cmd, argp);
	}
}

long agk_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct agk_file *own = file->private_data;
	void __user *argp = (void __user *)arg;
	struct agk_member *member;
	long ret;

	switch (cmd) {
	case AGNOCAST_VERSION_CMD:
		return ioc_version(argp);
	case AGNOCAST_LIST_CMD:
		return ioc_list(own->world, argp);
	case AGNOCAST_REJOIN_CMD:
	case AGNOCAST_REJOINED_CMD:
		/* Nothing that holds a session open outlives this module. */
		return -EOPNOTSUPP;
	}
	if (!agk_command_is_known(cmd))
		return -ENOTTY;
	if (!agk_file_may_join(file))
		return -EBADF;
	member = agk_file_member(own);
	if (IS_ERR(member)) {
		ret = PTR_ERR(member);
		/* NEW_SHM wants the token page first; see its comment. */
		return ret == -ENOTCONN && cmd == AGNOCAST_NEW_SHM_CMD ? -EINVAL : ret;
	}
	ret = member_ioctl(member, cmd, argp);
	agk_member_put(member);
	return ret;
}
