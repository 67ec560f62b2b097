/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon_attacks.c - what daemon_garbage.c lets loose */

#include "daemon_attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_talk.h"

#define COMMANDS (sizeof(daemon_commands) / sizeof(daemon_commands[0]))

static void drain(int conn)
{
	static char packet[sizeof(struct agnocast_reply) + AGNOCAST_PACKET_MAX];

	while (recv(conn, packet, sizeof(packet), MSG_DONTWAIT) > 0)
		;
}

static const char *random_packets(void)
{
	static char packet[150000];
	int conn = -1;

	fill_random(packet, sizeof(packet));
	for (int i = 0; i < 1500; i++) {
		size_t len = i % 50 ? any(1200) : any(sizeof(packet));
		struct agnocast_request head = { daemon_commands[any(COMMANDS)], len - 8 };

		if (conn < 0)
			conn = dial();
		fill_random(packet, len < 64 ? len : 64);
		if (i % 3 == 0 && len >= sizeof(head))
			memcpy(packet, &head, sizeof(head));
		if (send_packet(conn, packet, len, -1, 0) || !len) {
			close(conn);
			conn = -1;
			continue;
		}
		drain(conn);
	}
	close(conn);
	return NULL;
}

/* Returns the daemon's verdict on a packet of @len bytes that claims to be @head. */
static int verdict(int conn, struct agnocast_request head, size_t len)
{
	char packet[2048] = { 0 };

	memcpy(packet, &head, sizeof(head));
	return send_packet(conn, packet, len, -1, 0) ? NO_REPLY : read_reply(conn, NULL, 0);
}

static const char *wrong_lengths(void)
{
	int conn = dial();

	for (size_t i = 0; i < COMMANDS; i++) {
		uint32_t cmd = daemon_commands[i], size = _IOC_SIZE(cmd);
		const struct { struct agnocast_request head; size_t len; } rows[] = {
			{ { cmd, size }, 8 + size - 1 },
			{ { cmd, size }, 8 + size + 1 },
			{ { cmd, size - 1 }, 8 + size - 1 },
			{ { cmd, size + 1 }, 8 + size + 1 },
			{ { cmd, 0 }, 8 },
			{ { cmd, ~0U }, 8 + size },
			{ { cmd, size }, 8 },
			{ { cmd, size }, 7 },
			{ { cmd, size }, 1 },
			{ { cmd, size }, sizeof(struct agnocast_request) + 1500 },
			{ { cmd ^ 1U << 16, size }, 8 + size },
		};

		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
			if (verdict(conn, rows[r].head, rows[r].len) != -EINVAL)
				return "a wrong length was not refused with EINVAL";
	}
	close(conn);
	return NULL;
}

/* The sizes right, all else random, from a member and from a stranger. */
static const char *random_bodies(void)
{
	struct agnocast_new_shm shm;
	char body[1024];
	int conn = dial(), ret = join(conn, &shm);

	if (ret)
		return "cannot join";
	for (int i = 0; i < 3000; i++) {
		uint32_t cmd = daemon_commands[any(COMMANDS)];
		const struct agnocast_new_shm again = { .abi = AGNOCAST_ABI_VERSION };

		fill_random(body, sizeof(body));
		if (i % 2)		/* numbers that are small reach further */
			for (size_t at = 1; at < sizeof(body); at++)
				body[at] = at % 4 ? 0 : body[at] & 7;
		if (i % 5 == 0 && (cmd == AGNOCAST_PUBLISHER_ADD_CMD || i % 2))
			body[0] = '/';
		if (cmd == AGNOCAST_NEW_SHM_CMD && i % 2)
			memcpy(body, &again, sizeof(again));
		if (call(conn, cmd, body, -1, 0) == NO_REPLY)
			return "no reply to a random body";
	}
	unlink_area();
	return NULL;
}

static const char *half_open(void)
{
	int conn[60];

	for (int i = 0; i < 60; i++) {
		uint32_t half = AGNOCAST_VERSION_CMD;

		conn[i] = dial();
		if (i % 5 == 0)
			shutdown(conn[i], SHUT_WR);
		else if (i % 5 == 1)
			shutdown(conn[i], SHUT_RD);
		else if (i % 5 == 2)
			send_packet(conn[i], &half, sizeof(half), -1, 0);
		else if (i % 5 == 3)
			close(conn[i]);
		/* else: connected, and not a word */
	}
	for (int i = 0; i < 60; i++)
		if (i % 5 != 3)
			close(conn[i]);
	return NULL;
}

/* Ask for the longest answers and read none: must be cut off, and nobody else. */
static const char *slow_readers(void)
{
	struct {
		struct agnocast_request head;
		struct agnocast_list list;
	} request = {
		.head = { AGNOCAST_LIST_CMD, sizeof(request.list) },
		.list = { .what = AGNOCAST_LIST_SESSIONS, .buf_len = ~0ULL },
	};
	int conn[10];

	for (int c = 0; c < 10; c++) {
		int ret = 0;

		conn[c] = dial();
		for (int i = 0; !ret && i < 100000; i++)
			ret = send_packet(conn[c], &request, sizeof(request), -1, 0);
		if (ret != -EPIPE && ret != -ECONNRESET)
			return "a client that reads nothing is not cut off";
	}
	for (int c = 0; c < 10; c++)
		close(conn[c]);
	return NULL;
}

static int connect_many(int count, int go, int ready)
{
	int conn[250];
	char byte = 0;

	for (int i = 0; i < count; i++) {
		struct agnocast_version version = { 0 };

		conn[i] = dial();
		if (conn[i] < 0 || call(conn[i], AGNOCAST_VERSION_CMD, &version, -1, 0) ||
		    version.abi != AGNOCAST_ABI_VERSION)
			return 1;
	}
	/* Nobody hangs up before all have been served. */
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 0)
		return 1;
	return 0;
}

static const char *thousand_at_once(void)
{
	const char *problem = NULL;
	int go[2], ready[2], status;
	pid_t pid[4];
	char byte;

	if (pipe(go) || pipe(ready))
		return "no pipes";
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			close(go[1]);
			_exit(connect_many(250, go[0], ready[1]));
		}
	}
	close(ready[1]);
	for (int i = 0; i < 4; i++)
		if (read(ready[0], &byte, 1) != 1)
			problem = "not all of 1000 connections were served";
	close(go[1]);
	for (int i = 0; i < 4; i++)
		if (waitpid(pid[i], &status, 0) != pid[i] || status)
			problem = "not all of 1000 connections were served";
	return problem;
}

/* To whom they do not belong, too many, with nothing, in a circle. */
static const char *descriptors(void)
{
	static const int counts[] = { 1, 2, 3, 10, FDS_MAX };
	char body[1024];

	for (size_t i = 0; i < COMMANDS * 5; i++) {
		int conn = dial(), fds = counts[i % 5], fd = i % 2 ? conn : STDERR_FILENO;

		memset(body, 0, sizeof(body));
		if (call(conn, daemon_commands[i / 5], body, fd, fds) == NO_REPLY)
			return "no reply to a packet with descriptors";
		send_packet(conn, body, 5, fd, fds);	/* too short */
		send_packet(conn, body, 2000, fd, fds);	/* too long */
		if (read_reply(conn, NULL, 0) != -EINVAL)
			return "a wrong length was not refused with EINVAL";
		send_packet(conn, body, 0, fd, fds);	/* nothing but descriptors */
		close(conn);
		conn = dial();				/* and gone before it is read */
		send_packet(conn, body, 5, conn, fds);
		close(conn);
	}
	return NULL;
}

/* What the area may not be. */
static const char *areas_that_are_none(void)
{
	struct agnocast_new_shm shm = { .abi = AGNOCAST_ABI_VERSION };
	struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 }, other = { .session = 7, .fd_in = 3 };
	int conn = dial(), pipes[2];
	char path[] = "/var/tmp/agnocast-daemon.XXXXXX";
	int file = mkstemp(path), zero = open("/dev/zero", O_RDWR);

	unlink(path);
	if (pipe(pipes) || call(conn, AGNOCAST_NEW_SHM_CMD, &shm, -1, 0))
		return "cannot join";
	if (call(conn, AGNOCAST_AREA_READY_CMD, &args, -1, 0) != -EBADF ||
	    call(conn, AGNOCAST_AREA_READY_CMD, &args, pipes[0], 1) != -EBADF ||
	    call(conn, AGNOCAST_AREA_READY_CMD, &args, conn, 1) != -EINVAL ||
	    call(conn, AGNOCAST_AREA_READY_CMD, &args, zero, 1) != -EINVAL ||
	    call(conn, AGNOCAST_AREA_READY_CMD, &args, file, 1) != -EINVAL)
		return "AREA_READY takes what is no shared memory";
	if (call(conn, AGNOCAST_AREA_READY_CMD, &other, file, 1) != -EINVAL ||
	    call(conn, AGNOCAST_OPEN_ROSTERS_CMD, &other, -1, 0) != -EINVAL ||
	    call(conn, AGNOCAST_OPEN_AREA_CMD, &other, -1, 0) != -EINVAL)
		return "members that must be empty are not looked at";
	return NULL;
}

/* Dies at any moment of a member's life, in the middle of requests. */
static void live_until_killed(void)
{
	struct agnocast_new_shm shm;
	uint64_t generation;
	int conn = dial();

	if (join(conn, &shm))
		_exit(1);
	for (;;) {
		struct agnocast_list list = { .what = AGNOCAST_LIST_ENDPOINTS, .buf_len = 60000 };

		add_publisher(conn, "/killed", &generation);
		call(conn, AGNOCAST_LIST_CMD, &list, -1, 0);
		send_packet(conn, &list, 3, conn, 2);
		read_reply(conn, NULL, 0);
	}
}

static bool name_goes(pid_t pid)
{
	int64_t deadline = now_ms() + 3000;
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/agnocast@%d", pid);
	while (!access(path, F_OK)) {
		if (now_ms() > deadline)
			return false;
		usleep(1000);
	}
	return true;
}

static const char *killed(void)
{
	const char *problem = NULL;

	for (int i = 0; i < 60; i++) {
		pid_t pid[4];
		int status;

		for (int c = 0; c < 4; c++) {
			pid[c] = fork();
			if (!pid[c])
				live_until_killed();
		}
		usleep(any(6000));
		for (int c = 0; c < 4; c++) {
			kill(pid[c], SIGKILL);
			waitpid(pid[c], &status, 0);
			if (!WIFSIGNALED(status))
				problem = "a good client could not join";
			else if (!name_goes(pid[c]))
				problem = "a name of the dead is left in /dev/shm";
		}
	}
	return problem;
}

/* A child has its parent's connection, not its parent's session. */
static const char *child_speaks(void)
{
	struct agnocast_new_shm shm;
	uint64_t generation;
	int conn = dial(), status;
	pid_t pid;

	if (join(conn, &shm))
		return "cannot join";
	pid = fork();
	if (!pid)
		_exit(add_publisher(conn, "/child", &generation) == -EPERM ? 0 : 1);
	waitpid(pid, &status, 0);
	unlink_area();
	/* At once, too: before the daemon has seen the connection. */
	for (int i = 0; !status && i < 50; i++) {
		conn = dial();
		pid = fork();
		if (!pid)
			_exit(add_publisher(conn, "/child", &generation) == -EPERM ? 0 : 1);
		waitpid(pid, &status, 0);
		close(conn);
	}
	return status ? "a child spoke for its parent" : NULL;
}

/* Who never was a member has nothing to come back to, free or not. */
static const char *false_heirs(void)
{
	struct agnocast_session_info live = { 0 };
	struct agnocast_version version = { 0 };
	int conn = dial();

	if (call(conn, AGNOCAST_VERSION_CMD, &version, -1, 0) ||
	    list_of(conn, AGNOCAST_LIST_SESSIONS, &live, sizeof(live)) != 1)
		return "cannot look";
	for (int i = 0; i < 500; i++) {
		struct agnocast_rejoin rejoin = {
			.session = i % 5 ? 1 + any(20) : live.session,
			.slot = i % 3 ? any(version.sessions_max + 2) : live.slot,
			.abi = AGNOCAST_ABI_VERSION,
		};

		rejoin.base = version.window_base + rejoin.slot * version.area_size;
		if (call(conn, AGNOCAST_REJOIN_CMD, &rejoin, -1, 0) != -EPERM)
			return "somebody came back who never was there";
	}
	return NULL;
}

/* Namespaces come and go: each gets a registry, which goes with it. */
static const char *namespaces(void)
{
	for (int i = 0; i < 30; i++) {
		struct agnocast_new_shm shm = { .abi = AGNOCAST_ABI_VERSION };
		int conn;

		if (unshare(CLONE_NEWIPC))
			return DAEMON_SKIP "no right to make IPC namespaces";
		conn = dial();
		if (call(conn, AGNOCAST_NEW_SHM_CMD, &shm, -1, 0))
			return "cannot join in a namespace of its own";
		close(conn);
	}
	return NULL;
}

const struct attack daemon_attacks[] = {
	{ "random_packets", random_packets },
	{ "wrong_lengths", wrong_lengths },
	{ "random_bodies", random_bodies },
	{ "half_open_connections", half_open },
	{ "readers_that_never_read", slow_readers },
	{ "a_thousand_at_once", thousand_at_once },
	{ "descriptors_nobody_asked_for", descriptors },
	{ "areas_that_are_none", areas_that_are_none },
	{ "killed_in_the_middle", killed },
	{ "a_child_speaks_for_its_parent", child_speaks },
	{ "false_heirs", false_heirs },
	{ "namespaces_come_and_go", namespaces },
};

const unsigned int daemon_attacks_count = sizeof(daemon_attacks) / sizeof(daemon_attacks[0]);
