/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_client.c - how a process talks to the registry, whichever home it has
 *
 * No malloc, no stdio but snprintf: the heap starts through here. A descriptor
 * that the host closed or replaced is noticed by its identity and made anew;
 * both homes know the caller by its address space, not by the descriptor.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "registry_client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "raw.h"

#define POSTED_MAX 64	/* bytes of a posted command's structure */

static void lock_take(uint32_t *lock)
{
	uint32_t seen = 0;

	if (__atomic_compare_exchange_n(lock, &seen, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void lock_give(uint32_t *lock)
{
	if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1);
}

static int connect_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

static int connect_to(struct registry_client *client)
{
	int fd = client->daemon ? connect_socket(client->address)
				: open(client->address, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return client->daemon ? fd : -errno;
	client->fd = raw_raise(fd);
	if (!fstat(client->fd, &st)) {
		client->dev = st.st_dev;
		client->ino = st.st_ino;
	}
	return 0;
}

static bool is_ours(const struct registry_client *client)
{
	struct stat st;

	return client->fd >= 0 && !fstat(client->fd, &st) &&
	       st.st_dev == client->dev && st.st_ino == client->ino;
}

static int open_at(struct registry_client *client, const char *address, bool daemon)
{
	client->daemon = daemon;
	if (strlen(address) >= sizeof(client->address))
		return -ENAMETOOLONG;
	strcpy(client->address, address);
	return connect_to(client);
}

static int open_default(struct registry_client *client)
{
	int ret = open_at(client, AGNOCAST_DEVICE, false);

	if (ret != -ENOENT && ret != -ENXIO && ret != -ENODEV)
		return ret;
	ret = open_at(client, AGNOCAST_SOCKET, true);
	return ret == -ENOENT || ret == -ECONNREFUSED ? -ENODEV : ret;
}

static int open_named(struct registry_client *client, const char *where)
{
	if (!strncmp(where, "unix:", 5))
		return open_at(client, where + 5, true);
	return open_at(client, where, strncmp(where, "/dev/", 5) != 0);
}

static void explain(int err, const char *where, char *why, size_t len)
{
	if (err == -ENODEV && !where)
		snprintf(why, len, "no registry: neither " AGNOCAST_DEVICE
			 " nor " AGNOCAST_SOCKET " is there; load the module "
			 "(modprobe agnocast), start agnocastd, or set AGNOCAST_REGISTRY");
	else if (err == -EACCES)
		snprintf(why, len, "no permission for the registry %s: join the group "
			 "agnocast, or run as its user",
			 where ? where : AGNOCAST_DEVICE);
	else
		snprintf(why, len, "cannot reach the registry %s: %s; is agnocastd "
			 "running there, is AGNOCAST_REGISTRY right?",
			 where ? where : AGNOCAST_DEVICE, strerrordesc_np(-err));
}

int registry_client_open(struct registry_client *client, const char *where,
			 char *why, size_t len)
{
	int ret;

	*client = (struct registry_client){ .fd = -1 };
	if (where && !*where)
		where = NULL;
	ret = where ? open_named(client, where) : open_default(client);
	if (ret)
		explain(ret, where, why, len);
	return ret;
}

void registry_client_close(struct registry_client *client)
{
	if (client->token)
		munmap(client->token, (size_t)sysconf(_SC_PAGESIZE));
	client->token = NULL;
	if (is_ours(client))
		close(client->fd);
	client->fd = -1;
}

void registry_client_forget(struct registry_client *client)
{
	if (is_ours(client))
		close(client->fd);
	client->fd = -1;
	client->token = NULL;
	client->posts = 0;
	client->lock = 0;
}

int registry_client_arm(struct registry_client *client)
{
	void *token;

	if (client->daemon)
		return 0;
	token = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED,
		     client->fd, 0);
	if (token == MAP_FAILED)
		return -errno;
	client->token = token;
	return 0;
}

/* What a command carries besides its structure. */
struct extras {
	void	*array;		/* comes after the structure in the reply */
	size_t	array_len;
	int	fd_in;
	int32_t	*fd_out;
};

static struct extras extras_of(unsigned int cmd, void *arg)
{
	struct extras extras = { .fd_in = -1 };

	if (cmd == AGNOCAST_PUBLISHER_ADD_CMD || cmd == AGNOCAST_SUBSCRIBER_ADD_CMD) {
		struct agnocast_endpoint_add *add = arg;

		extras.array = (void *)(uintptr_t)add->peers;
		extras.array_len = add->peers_len;
	} else if (cmd == AGNOCAST_LIST_CMD) {
		struct agnocast_list *list = arg;

		extras.array = (void *)(uintptr_t)list->buf;
		extras.array_len = list->buf_len;
	} else if (cmd == AGNOCAST_AREA_READY_CMD) {
		extras.fd_in = ((struct agnocast_fd *)arg)->fd_in;
	} else if (cmd == AGNOCAST_BELL_CMD) {
		extras.fd_in = ((struct agnocast_bell *)arg)->fd_in;
	} else if (cmd == AGNOCAST_OPEN_BELL_CMD) {
		extras.fd_out = &((struct agnocast_bell *)arg)->fd_out;
	} else if (cmd == AGNOCAST_OPEN_AREA_CMD || cmd == AGNOCAST_OPEN_ROSTERS_CMD) {
		extras.fd_out = &((struct agnocast_fd *)arg)->fd_out;
	}
	return extras;
}

union fd_control {
	char	buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void attach_fd(struct msghdr *msg, union fd_control *control, int fd)
{
	struct cmsghdr *cmsg;

	msg->msg_control = control->buf;
	msg->msg_controllen = sizeof(control->buf);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
}

static int send_request(int sock, unsigned int cmd, void *arg,
			const struct extras *extras)
{
	struct agnocast_request request = { .cmd = cmd, .len = _IOC_SIZE(cmd) };
	struct iovec iov[2] = {
		{ &request, sizeof(request) }, { arg, _IOC_SIZE(cmd) },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union fd_control control;
	ssize_t n;

	if (extras->fd_in >= 0)
		attach_fd(&msg, &control, extras->fd_in);
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int received_fd(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

/* An error comes alone, so @arg is untouched then. */
static int receive_reply(int sock, void *arg, unsigned int cmd,
			 const struct extras *extras, int32_t *result)
{
	struct agnocast_reply reply = { 0, 0 };
	struct iovec iov[3] = {
		{ &reply, sizeof(reply) }, { arg, _IOC_SIZE(cmd) },
		{ extras->array, extras->array_len },
	};
	union fd_control control;
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 3,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	ssize_t n;
	int fd;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(reply))
		return -ENOTCONN;
	fd = received_fd(&msg);
	if (extras->fd_out)
		*extras->fd_out = fd;
	else if (fd >= 0)
		close(fd);
	*result = reply.result;
	return 0;
}

/* The daemon is gone: the next call tries to reach its successor. */
static int hang_up(struct registry_client *client)
{
	if (is_ours(client))
		close(client->fd);
	client->fd = -1;
	client->posts = 0;
	return -ENOTCONN;
}

/* The replies to what was posted, before any other. */
static int read_posted(struct registry_client *client)
{
	char reply[POSTED_MAX];
	struct extras none = { .fd_in = -1 };
	int32_t result = 0;

	for (unsigned int i = 0; i < client->posts; i++) {
		client->posted_ret = -ENOTCONN;
		if (receive_reply(client->fd, reply, client->posted[i], &none, &result))
			return hang_up(client);
		client->posted_ret = result;
	}
	client->posts = 0;
	return 0;
}

static int send_to_daemon(struct registry_client *client, unsigned int cmd, void *arg)
{
	struct extras extras = extras_of(cmd, arg);

	return send_request(client->fd, cmd, arg, &extras) ? hang_up(client) : 0;
}

static int receive_from_daemon(struct registry_client *client, unsigned int cmd, void *arg)
{
	struct extras extras = extras_of(cmd, arg);
	int32_t result = 0;

	if (receive_reply(client->fd, arg, cmd, &extras, &result))
		return hang_up(client);
	return result;
}

/*
 * To be had again if the host closed our descriptor. Reads what was posted, if
 * as many replies as @posts are unread.
 */
static int reach(struct registry_client *client, unsigned int posts)
{
	if (is_ours(client))
		return client->posts >= posts ? read_posted(client) : 0;
	client->posts = 0;
	return connect_to(client) ? -ENOTCONN : 0;
}

static int call_device(struct registry_client *client, unsigned int cmd, void *arg)
{
	return ioctl(client->fd, cmd, arg) < 0 ? -errno : 0;
}

static int call_locked(struct registry_client *client, unsigned int cmd, void *arg)
{
	int ret = reach(client, 1);

	if (ret)
		return ret;
	if (!client->daemon)
		return call_device(client, cmd, arg);
	ret = send_to_daemon(client, cmd, arg);
	return ret ? ret : receive_from_daemon(client, cmd, arg);
}

int registry_client_watch(struct registry_client *client)
{
	int saved = errno, fd;

	lock_take(&client->lock);
	fd = is_ours(client) ? client->fd : -EBADF;
	lock_give(&client->lock);
	errno = saved;
	return fd;
}

int registry_client_call(struct registry_client *client, unsigned int cmd, void *arg)
{
	int saved = errno, ret;

	lock_take(&client->lock);
	ret = call_locked(client, cmd, arg);
	lock_give(&client->lock);
	errno = saved;
	return ret;
}

int registry_client_wake(struct registry_client *client, struct agnocast_wake *args)
{
	int saved = errno, ret = 0;

	/*
	 * On the message path: without the check of the descriptor. What the host
	 * may have put in its place does not know the command.
	 */
	if (ioctl(client->fd, AGNOCAST_WAKE_CMD, args))
		ret = errno == ENOTTY || errno == EBADF || errno == EINVAL ?
		      registry_client_call(client, AGNOCAST_WAKE_CMD, args) : -errno;
	errno = saved;
	return ret;
}

/* Both on their way before the first reply: half of the waiting. */
static int join_daemon(struct registry_client *client, struct agnocast_version *version,
		       struct agnocast_new_shm *shm, void (*meanwhile)(void))
{
	int ret = reach(client, 1), ret2;

	if (ret)
		return ret;
	if (send_to_daemon(client, AGNOCAST_VERSION_CMD, version) ||
	    send_to_daemon(client, AGNOCAST_NEW_SHM_CMD, shm))
		return -ENOTCONN;
	meanwhile();
	ret = receive_from_daemon(client, AGNOCAST_VERSION_CMD, version);
	if (client->fd < 0)
		return ret;
	ret2 = receive_from_daemon(client, AGNOCAST_NEW_SHM_CMD, shm);
	return ret ? ret : ret2;
}

/* The device wants its token mapped in between. */
static int join_device(struct registry_client *client, struct agnocast_version *version,
		       struct agnocast_new_shm *shm, void (*meanwhile)(void))
{
	int ret = registry_client_call(client, AGNOCAST_VERSION_CMD, version);

	if (!ret && version->abi == AGNOCAST_ABI_VERSION)
		ret = registry_client_arm(client);
	if (!ret)
		ret = registry_client_call(client, AGNOCAST_NEW_SHM_CMD, shm);
	if (!ret)
		meanwhile();
	return ret;
}

int registry_client_join(struct registry_client *client, struct agnocast_version *version,
			 struct agnocast_new_shm *shm, void (*meanwhile)(void))
{
	int saved = errno, ret;

	if (!client->daemon)
		return join_device(client, version, shm, meanwhile);
	lock_take(&client->lock);
	ret = join_daemon(client, version, shm, meanwhile);
	lock_give(&client->lock);
	errno = saved;
	return ret;
}

void registry_client_post(struct registry_client *client, unsigned int cmd, void *arg)
{
	int saved = errno, ret;

	lock_take(&client->lock);
	if (client->daemon && _IOC_SIZE(cmd) <= POSTED_MAX) {
		ret = reach(client, REGISTRY_POSTS);
		if (!ret)
			ret = send_to_daemon(client, cmd, arg);
		if (!ret)
			client->posted[client->posts++] = cmd;
	} else {
		ret = call_locked(client, cmd, arg);
	}
	client->posted_ret = ret;
	lock_give(&client->lock);
	errno = saved;
}

int registry_client_settle(struct registry_client *client)
{
	int saved = errno, ret;

	lock_take(&client->lock);
	if (client->posts && !is_ours(client)) {
		client->posts = 0;
		client->posted_ret = -ENOTCONN;
	}
	read_posted(client);
	ret = client->posted_ret;
	lock_give(&client->lock);
	errno = saved;
	return ret;
}
