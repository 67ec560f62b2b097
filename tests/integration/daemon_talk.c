/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon_talk.c - agnocastd's protocol, kept or broken at will */

#include "daemon_talk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

const char *daemon_socket;

const uint32_t daemon_commands[19] = {
	AGNOCAST_VERSION_CMD, AGNOCAST_NEW_SHM_CMD, AGNOCAST_AREA_READY_CMD,
	AGNOCAST_OPEN_AREA_CMD, AGNOCAST_OPEN_ROSTERS_CMD, AGNOCAST_LEAVE_CMD,
	AGNOCAST_REJOIN_CMD, AGNOCAST_REJOINED_CMD,
	AGNOCAST_PUBLISHER_ADD_CMD, AGNOCAST_SUBSCRIBER_ADD_CMD,
	AGNOCAST_PUBLISHER_REMOVE_CMD, AGNOCAST_SUBSCRIBER_REMOVE_CMD,
	AGNOCAST_MAP_REPORT_CMD, AGNOCAST_CLEANED_CMD, AGNOCAST_BELL_CMD,
	AGNOCAST_OPEN_BELL_CMD, AGNOCAST_WAKE_CMD, AGNOCAST_ACKNOWLEDGE_CMD,
	AGNOCAST_LIST_CMD,
};

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t any(uint32_t below)
{
	return below ? (uint32_t)random() % below : 0;
}

void fill_random(void *buf, size_t len)
{
	unsigned char *bytes = buf;

	while (len--)
		*bytes++ = (unsigned char)random();
}

int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 5 };
	int conn = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int err;

	if (conn < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", daemon_socket);
	setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(conn, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(conn, (struct sockaddr *)&addr, sizeof(addr)))
		return conn;
	err = errno;
	close(conn);
	return -err;
}

int send_packet(int conn, const void *packet, size_t len, int fd, int fds)
{
	union {
		char	buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)packet, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fds) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (int i = 0; i < fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(int));
	}
	return sendmsg(conn, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int read_reply(int conn, void *body, size_t len)
{
	static char packet[sizeof(struct agnocast_reply) + AGNOCAST_PACKET_MAX];
	struct agnocast_reply reply;
	ssize_t n = recv(conn, packet, sizeof(packet), 0);

	if (n < (ssize_t)sizeof(reply))
		return NO_REPLY;
	memcpy(&reply, packet, sizeof(reply));
	if (reply.len != n - sizeof(reply))
		return NO_REPLY;
	if (len > reply.len)
		len = reply.len;
	if (len)
		memcpy(body, packet + sizeof(reply), len);
	return reply.result;
}

int call(int conn, uint32_t cmd, void *arg, int fd, int fds)
{
	struct agnocast_request head = { .cmd = cmd, .len = _IOC_SIZE(cmd) };
	char packet[sizeof(head) + 1024];
	int ret;

	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), arg, head.len);
	ret = send_packet(conn, packet, sizeof(head) + head.len, fd, fds);
	return ret ? NO_REPLY : read_reply(conn, arg, head.len);
}

void unlink_area(void)
{
	char name[AGNOCAST_SHM_NAME_MAX];

	snprintf(name, sizeof(name), "/agnocast@%d", getpid());
	shm_unlink(name);
}

int join(int conn, struct agnocast_new_shm *shm)
{
	struct agnocast_fd ready = { .fd_in = -1, .fd_out = -1 };
	int fd, ret;

	memset(shm, 0, sizeof(*shm));
	shm->abi = AGNOCAST_ABI_VERSION;
	ret = call(conn, AGNOCAST_NEW_SHM_CMD, shm, -1, 0);
	if (ret)
		return ret;
	fd = shm_open(shm->shm_name, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return -errno;
	/* That it is mapped at its place is how the daemon knows it is in use. */
	if (ftruncate(fd, 4096) ||
	    mmap((void *)(uintptr_t)shm->base, 4096, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == MAP_FAILED)
		ret = -errno;
	else
		ret = call(conn, AGNOCAST_AREA_READY_CMD, &ready, fd, 1);
	close(fd);
	return ret;
}

int add_publisher(int conn, const char *topic, uint64_t *generation)
{
	struct agnocast_endpoint_add add = { .block = 4096, .depth = 1 };
	int ret;

	snprintf(add.topic, sizeof(add.topic), "%s", topic);
	ret = call(conn, AGNOCAST_PUBLISHER_ADD_CMD, &add, -1, 0);
	*generation = add.generation;
	return ret;
}

int list_of(int conn, uint32_t what, void *buf, size_t len)
{
	struct {
		struct agnocast_request head;
		struct agnocast_list list;
	} request = {
		.head = { AGNOCAST_LIST_CMD, sizeof(request.list) },
		.list = { .what = what, .buf_len = len },
	};
	char *body = malloc(sizeof(request.list) + len);
	int ret = send_packet(conn, &request, sizeof(request), -1, 0);

	if (!ret)
		ret = read_reply(conn, body, sizeof(request.list) + len);
	if (!ret) {
		memcpy(&request.list, body, sizeof(request.list));
		if (len)
			memcpy(buf, body + sizeof(request.list), len);
		ret = request.list.count;
	}
	free(body);
	return ret;
}
