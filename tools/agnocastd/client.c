// SPDX-License-Identifier: GPL-2.0-only
/*
 * client.c - connections, and the commands that come over them
 *
 * What kernel/ioctl.c is to the device: the only file that looks at what
 * clients send. Bounded: one packet in, one out, nothing is kept; a client
 * that does not read its replies is cut off.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"

/* One request and its reply; single-threaded, so one of each will do. */
static struct {
	struct agnocast_request head;
	char	body[1024];
} request;

static struct {
	struct agnocast_reply head;
	char	body[AGNOCAST_PACKET_MAX];
} reply;

static struct client *dead_clients;

static void client_close(struct client *client)
{
	watch_remove(&client->watch);
	member_hung_up(client);
	world_put(client->world);
	client->next = dead_clients;
	dead_clients = client;
}

void clients_reap(void)
{
	while (dead_clients) {
		struct client *client = dead_clients;

		dead_clients = client->next;
		free(client);
	}
}

static void do_version(struct agnocast_version *out)
{
	memset(out, 0, sizeof(*out));
	out->abi = AGNOCAST_ABI_VERSION;
	out->sessions_max = agnocastd.window.areas;
	out->window_base = agnocastd.window.base;
	out->area_size = agnocastd.window.area_size;
	strscpy(out->version, AGNOCAST_VERSION, sizeof(out->version));
	strscpy(out->home, "daemon", sizeof(out->home));
}

static int do_add(struct member *member, u32 kind, struct agnocast_endpoint_add *add,
		  u32 *extra)
{
	struct agnocast_peer *peers = (void *)(reply.body + sizeof(*add));
	u64 room = add->peers_len / sizeof(*peers);
	u64 most = (sizeof(reply.body) - sizeof(*add)) / sizeof(*peers);
	int ret;

	if (room > most)
		room = most;
	if (add->again && !ledger_has(&member->page, add->again))
		return -EPERM;
	ret = agk_endpoint_add(member->session, kind, add, peers, (u32)room);
	if (ret)
		return ret;
	if (!add->again)
		ledger_add(&member->page, add->generation);
	*extra = (add->peers_count < room ? add->peers_count : (u32)room) * sizeof(*peers);
	return 0;
}

static int do_remove(struct member *member, u32 kind,
		     const struct agnocast_endpoint_remove *args)
{
	int ret = agk_endpoint_remove(member->session, kind, args->generation);

	if (!ret)
		ledger_remove(&member->page, args->generation);
	return ret;
}

static int do_list(struct world *world, struct agnocast_list *list, u32 *extra)
{
	u64 most = sizeof(reply.body) - sizeof(*list), asked = list->buf_len;
	int ret;

	if (list->buf_len > most)
		list->buf_len = most;
	ret = agk_list(world->core, list, reply.body + sizeof(*list));
	list->buf_len = asked;
	if (!ret)
		*extra = list->count * list->record_size;
	return ret;
}

static int do_leave(struct member *member, const struct agnocast_leave *leave)
{
	if (leave->flags || leave->pad)
		return -EINVAL;
	member_end(member, true);
	return 0;
}

static int do_rejoined(const struct member *member, const struct agnocast_leave *args)
{
	if (args->flags || args->pad)
		return -EINVAL;
	heir_settled(member->pid);
	return 0;
}

static int do_new_shm(struct client *client, struct agnocast_new_shm *args)
{
	return args->flags ? -EINVAL : member_join(client, args);
}

static int do_ready(struct member *member, const struct agnocast_fd *args, int fd)
{
	return args->session ? -EINVAL : member_ready(member, fd);
}

static int do_open_area(const struct client *client, const struct agnocast_fd *args, int *fd)
{
	if (args->fd_in != -1)
		return -EINVAL;
	*fd = member_open_area(client, args->session);
	return *fd < 0 ? *fd : 0;
}

static int do_open_rosters(struct world *world, struct agnocast_fd *args, int *fd)
{
	if (args->fd_in != -1 || args->session)
		return -EINVAL;
	*fd = fcntl(world->rosters_fd, F_DUPFD_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	args->size = AGNOCAST_ROSTERS_SIZE;
	return 0;
}

/* Keeps the descriptor; the core has it as a pointer that is not NULL. */
static int do_bell(struct member *member, const struct agnocast_bell *args, int fd)
{
	char path[64], target[32] = "";
	void *old = NULL;
	int ret;

	if (args->session || args->pad)
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, target, sizeof(target) - 1) < 0 ||
	    strcmp(target, "anon_inode:[eventfd]"))
		return -EINVAL;
	ret = agk_bell_set(member->session, args->bell, (void *)(intptr_t)(fd + 1), &old);
	if (old)
		close((int)(intptr_t)old - 1);
	return ret;
}

static int do_open_bell(struct member *member, const struct agnocast_bell *args, int *fd)
{
	void *bell;
	int ret;

	if (args->fd_in != -1 || args->pad)
		return -EINVAL;
	ret = agk_bell_get(member->session, args->session, args->bell, &bell);
	if (ret)
		return ret;
	*fd = fcntl((int)(intptr_t)bell - 1, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? -errno : 0;
}

static bool keeps_descriptor(u32 cmd)
{
	return cmd == AGNOCAST_AREA_READY_CMD || cmd == AGNOCAST_BELL_CMD;
}

/* Commands that need a session. @extra: bytes behind the structure in the reply. */
static int run_member(struct client *client, u32 cmd, int fd_in, int *fd_out,
		      u32 *extra)
{
	struct member *member = member_of(client->pid);
	void *args = reply.body;

	if (!member)
		return -ENOTCONN;

	switch (cmd) {
	case AGNOCAST_AREA_READY_CMD:
		return do_ready(member, args, fd_in);
	case AGNOCAST_OPEN_AREA_CMD:
		return do_open_area(client, args, fd_out);
	case AGNOCAST_OPEN_ROSTERS_CMD:
		return do_open_rosters(member->world, args, fd_out);
	case AGNOCAST_BELL_CMD:
		return do_bell(member, args, fd_in);
	case AGNOCAST_OPEN_BELL_CMD:
		return do_open_bell(member, args, fd_out);
	case AGNOCAST_WAKE_CMD:
		return -EOPNOTSUPP;
	case AGNOCAST_LEAVE_CMD:
		return do_leave(member, args);
	case AGNOCAST_REJOINED_CMD:
		return do_rejoined(member, args);
	case AGNOCAST_PUBLISHER_ADD_CMD:
		return do_add(member, AGNOCAST_PUBLISHER, args, extra);
	case AGNOCAST_SUBSCRIBER_ADD_CMD:
		return do_add(member, AGNOCAST_SUBSCRIPTION, args, extra);
	case AGNOCAST_PUBLISHER_REMOVE_CMD:
		return do_remove(member, AGNOCAST_PUBLISHER, args);
	case AGNOCAST_SUBSCRIBER_REMOVE_CMD:
		return do_remove(member, AGNOCAST_SUBSCRIPTION, args);
	case AGNOCAST_MAP_REPORT_CMD:
		return agk_mapping_report(member->session, args);
	case AGNOCAST_ACKNOWLEDGE_CMD:
		return agk_mapping_acknowledge(member->session,
			((struct agnocast_acknowledge *)args)->reader);
	case AGNOCAST_CLEANED_CMD:
		return agk_stale_cleaned(member->world->core,
			((struct agnocast_cleaned *)args)->session,
			member->session->who.uid);
	default:
		return -ENOTTY;
	}
}

static int run(struct client *client, u32 cmd, int fd_in, int *fd_out, u32 *extra)
{
	switch (cmd) {
	case AGNOCAST_VERSION_CMD:
		do_version((struct agnocast_version *)reply.body);
		return 0;
	case AGNOCAST_LIST_CMD:
		return do_list(client->world, (struct agnocast_list *)reply.body, extra);
	case AGNOCAST_NEW_SHM_CMD:
		return do_new_shm(client, (struct agnocast_new_shm *)reply.body);
	case AGNOCAST_REJOIN_CMD:
		return member_rejoin(client, (struct agnocast_rejoin *)reply.body);
	}
	if (!agk_command_is_known(cmd))
		return -ENOTTY;
	return run_member(client, cmd, fd_in, fd_out, extra);
}

union control {
	char	buf[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* Keeps the first descriptor, closes the others: control.buf has room for two. */
static void take_fds(const struct cmsghdr *cmsg, int *fd)
{
	size_t i, n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (i = 0; i < n; i++) {
		int got;

		memcpy(&got, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
		if (*fd < 0)
			*fd = got;
		else
			close(got);
	}
}

/*
 * Returns the packet's length; 0 or less ends the connection. Even an empty
 * packet may bring a descriptor, which the caller closes.
 */
static ssize_t receive(struct client *client, pid_t *sender, int *fd)
{
	struct iovec iov = { &request, sizeof(request) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg;
	ssize_t n = recvmsg(client->watch.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return n;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS)
			*sender = ((struct ucred *)CMSG_DATA(cmsg))->pid;
		else if (cmsg->cmsg_type == SCM_RIGHTS)
			take_fds(cmsg, fd);
	}
	return n;
}

static int send_reply(struct client *client, int result, u32 len, int fd)
{
	struct iovec iov = { &reply, sizeof(reply.head) + len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;

	reply.head.result = result;
	reply.head.len = len;
	if (fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	return sendmsg(client->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A request that is not even one: lengths that disagree, another's socket. */
static int check(const struct client *client, ssize_t n, pid_t sender)
{
	if (n < (ssize_t)sizeof(request.head) ||
	    request.head.len != (u64)n - sizeof(request.head) ||
	    request.head.len != _IOC_SIZE(request.head.cmd))
		return -EINVAL;
	return sender == client->pid ? 0 : -EPERM;
}

/* One request. False: there is none, or the connection is closed. */
static bool serve(struct client *client)
{
	int fd_in = -1, fd_out = -1, result;
	pid_t sender = 0;
	u32 extra = 0;
	ssize_t n = receive(client, &sender, &fd_in);
	bool open = true;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		if (fd_in >= 0)
			close(fd_in);
		client_close(client);
		return false;
	}
	result = check(client, n, sender);
	if (!result) {
		memcpy(reply.body, request.body, request.head.len);
		result = run(client, request.head.cmd, fd_in, &fd_out, &extra);
	}
	if (fd_in >= 0 && (result || !keeps_descriptor(request.head.cmd)))
		close(fd_in);
	if (send_reply(client, result, result ? 0 : request.head.len + extra, fd_out)) {
		client_close(client);
		open = false;
	} else if (!result && (request.head.cmd == AGNOCAST_NEW_SHM_CMD ||
			       request.head.cmd == AGNOCAST_REJOIN_CMD)) {
		member_look_up(client->pid);
	}
	if (fd_out >= 0)
		close(fd_out);
	return open;
}

static void client_ready(struct watch *watch, unsigned int events)
{
	(void)events;
	serve((struct client *)watch);
}

/* Who joins sends its first two requests at once, and waits for both. */
static void greet(struct client *client)
{
	if (serve(client))
		serve(client);
}

/* The groups that it had when it connected, besides its own. */
static bool is_in_group(const struct client *client, gid_t gid)
{
	socklen_t len = 0;
	gid_t *group;
	bool found = client->gid == gid;
	u32 i;

	if (found || !getsockopt(client->watch.fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) ||
	    errno != ERANGE)
		return found;
	group = malloc(len);
	if (group && !getsockopt(client->watch.fd, SOL_SOCKET, SO_PEERGROUPS, group, &len))
		for (i = 0; i < len / sizeof(gid_t); i++)
			found = found || group[i] == gid;
	free(group);
	return found;
}

int client_may_read(const struct client *client, int fd)
{
	struct stat st;
	mode_t bit;

	if (fstat(fd, &st))
		return -errno;
	if (client->uid == st.st_uid)
		bit = S_IRUSR;
	else
		bit = is_in_group(client, st.st_gid) ? S_IRGRP : S_IROTH;
	return !client->uid || st.st_mode & bit ? 0 : -EACCES;
}

static struct client *client_create(int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int err, on = 1;

	if (!client)
		return NULL;
	/* One that waited since before our listener asked for it may lack it. */
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	client->watch.ready = client_ready;
	client->watch.fd = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		goto err_free;
	client->pid = cred.pid;
	client->uid = cred.uid;
	client->gid = cred.gid;
	client->world = world_of(cred.pid, &err);
	if (!client->world && (err == -ENOENT || err == -ESRCH))
		goto err_free;		/* gone before we looked */
	if (!client->world) {
		log_problem("pid %d (uid %u) turned away: its IPC namespace: %s",
			    cred.pid, cred.uid, strerror(-err));
		goto err_free;
	}
	if (watch_add(&client->watch))
		goto err_put_world;
	return client;

err_put_world:
	world_put(client->world);
err_free:
	free(client);
	return NULL;
}

/*
 * Out of descriptors: turn the caller away, or it would wait unanswered and we
 * would be called for it again and again.
 */
static void turn_away(const struct watch *listener)
{
	int fd;

	close(agnocastd.spare_fd);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	agnocastd.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void client_accept(struct watch *listener, unsigned int events)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = fd < 0 ? NULL : client_create(fd);

	(void)events;
	if (client)
		greet(client);
	else if (fd >= 0)
		close(fd);
	else if (errno == EMFILE || errno == ENFILE)
		turn_away(listener);
}
