// SPDX-License-Identifier: GPL-2.0-only
/*
 * member.c - processes with a session, and how they end
 *
 * A session ends when the process's pidfd fires, or when its memory map no
 * longer holds its area (exec). A closed connection alone means nothing: the
 * host program may have closed our descriptor.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <agnocast/layout.h>

#include "daemon.h"

#define LONG_LOOK_NS	2000000u
#define SUSPECTS_MS	100

static u32 suspects;		/* members to be looked at later */

/* Their watches may still be named by an event of this round of the loop. */
static struct member *dead_members;

/* Each request looks its sender up here. */
static struct member **bucket_of(pid_t pid)
{
	return &agnocastd.members[(u32)pid % MEMBER_BUCKETS];
}

struct member *member_of(pid_t pid)
{
	struct member *member;

	for (member = *bucket_of(pid); member; member = member->next)
		if (member->pid == pid)
			return member;
	return NULL;
}

/*
 * Is /agnocast@PID still the one of this session, or a successor's? Who died
 * early left a file without a header, or without a byte.
 */
static bool is_of_session(int fd, u64 session)
{
	struct agnocast_area header;

	return pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	       header.session == session || header.magic != AGNOCAST_AREA_MAGIC;
}

/*
 * The lock on the file and the check under it keep us and a new process with
 * the same pid, which removes the stale file itself, from removing each
 * other's.
 */
void names_remove(const struct names *names)
{
	char shm[AGNOCAST_SHM_NAME_MAX], queue[32];
	struct stat held, named;
	int fd;

	agk_shm_name(shm, (u32)names->pid);
	snprintf(queue, sizeof(queue), "/new_publisher@%d", names->pid);
	fd = shm_open(shm, O_RDWR, 0);
	if (fd < 0) {
		/* Its /dev/shm may be another one; its queue is here all the same. */
		if (errno == ENOENT && names->queues)
			mq_unlink(queue);
		return;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB) && is_of_session(fd, names->session)) {
		int again = shm_open(shm, O_RDONLY, 0);

		if (again >= 0 && !fstat(fd, &held) && !fstat(again, &named) &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
			if (names->queues)
				mq_unlink(queue);
			shm_unlink(shm);
		}
		if (again >= 0)
			close(again);
	}
	close(fd);
}

static void close_bells(const struct agk_session *session)
{
	u32 i;

	for (i = 0; i < AGNOCAST_BELLS_MAX; i++)
		if (session->bell[i])
			close((int)(intptr_t)session->bell[i] - 1);
}

void member_end(struct member *member, bool in_order)
{
	struct member **at = bucket_of(member->pid);

	agk_session_end(member->session, false);
	ledger_strike(&member->page);
	if (!in_order) {
		struct names names = { member->pid, member->session->id, member->world->own };

		names_remove(&names);
	}
	suspects -= member->suspect;
	while (*at != member)
		at = &(*at)->next;
	*at = member->next;
	watch_remove(&member->watch);
	if (member->area_fd >= 0)
		corpse_add(member->world, member->session->id, member->area_fd);
	close_bells(member->session);
	agk_session_free(member->session);
	world_put(member->world);
	member->next = dead_members;
	dead_members = member;
}

void members_reap(void)
{
	while (dead_members) {
		struct member *member = dead_members;

		dead_members = member->next;
		free(member);
	}
}

static void on_exit_of(struct watch *watch, unsigned int events)
{
	(void)events;
	member_end((struct member *)watch, false);
}

bool address_is_mapped(pid_t pid, u64 base)
{
	char path[64], line[512], start[32], name[32];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	snprintf(start, sizeof(start), "%08" PRIx64 "-", base);
	/* Its own, not one that it reads. */
	snprintf(name, sizeof(name), "/agnocast@%d", pid);
	maps = fopen(path, "re");
	/* No right to look, no descriptor, no memory: the pidfd decides. */
	if (!maps)
		return errno != ENOENT && errno != ESRCH;
	while (!found && fgets(line, sizeof(line), maps)) {
		const char *at = strstr(line, name);

		found = at && !strncmp(line, start, strlen(start)) &&
			(at[strlen(name)] < '0' || at[strlen(name)] > '9');
	}
	fclose(maps);
	return found;
}

/*
 * Did it exec? To read a long memory map takes a while, and a process can make
 * its map as long as it likes and hang up as often as it likes: one that takes
 * long is not looked at again before 20 times as long.
 */
static bool has_execed(struct member *member)
{
	u64 began = now_ns(), took;
	bool gone = !address_is_mapped(member->pid, agk_session_base(member->session));

	took = now_ns() - began;
	member->look_after = took > LONG_LOOK_NS ? began + 20 * took : 0;
	return gone;
}

void member_hung_up(const struct client *client)
{
	struct member *member = member_of(client->pid);

	if (!member)
		return;
	if (member->area_fd < 0) {
		/* Nothing of it can be seen in its memory map yet. */
		if (member->joiner == client)
			member_end(member, false);
	} else if (now_ns() < member->look_after) {
		suspects += !member->suspect;
		member->suspect = true;
	} else if (has_execed(member)) {
		member_end(member, false);
	}
}

static void check_suspect(struct member *member)
{
	if (!member->suspect || now_ns() < member->look_after)
		return;
	member->suspect = false;
	suspects--;
	if (has_execed(member))
		member_end(member, false);
}

int members_check(void)
{
	struct member *member, *next;
	u32 i;

	for (i = 0; suspects && i < MEMBER_BUCKETS; i++)
		for (member = agnocastd.members[i]; member; member = next) {
			next = member->next;
			check_suspect(member);
		}
	return suspects ? SUSPECTS_MS : -1;
}

void member_look_up(pid_t pid)
{
	struct member *member = member_of(pid);
	char path[64], *comm;
	ssize_t n;
	int fd;

	if (!member)
		return;
	member->start = process_start(pid);
	comm = member->session->who.comm;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, comm, AGNOCAST_COMM_MAX - 1);
	if (n > 0 && comm[n - 1] == '\n')
		comm[n - 1] = '\0';
	close(fd);
}

static struct member *member_alloc(struct client *client)
{
	struct member *member = calloc(1, sizeof(*member));

	if (!member)
		return NULL;
	member->pid = client->pid;
	member->world = client->world;
	member->area_fd = -1;
	member->joiner = client;
	member->watch.ready = on_exit_of;
	member->watch.fd = (int)syscall(SYS_pidfd_open, client->pid, 0);
	if (member->watch.fd < 0) {
		free(member);
		return NULL;
	}
	return member;
}

/*
 * Is there a session of this process that is in the way? It may have execed
 * without our noticing, or have joined half-way over a connection that a child
 * of its still holds.
 */
static bool has_session(const struct client *client)
{
	struct member *member = member_of(client->pid);

	if (!member)
		return false;
	if (member->area_fd < 0 ? member->joiner == client :
	    now_ns() < member->look_after || !has_execed(member))
		return true;
	member_end(member, false);
	return false;
}

/* A member without a session for this client. -EEXIST: it has one. */
static int member_begin(struct client *client, struct member **member, struct agk_who *who)
{
	*who = (struct agk_who){ .key = (u64)client->pid, .pid = (u32)client->pid,
				 .uid = client->uid };
	if (has_session(client))
		return -EEXIST;
	*member = member_alloc(client);
	if (!*member)
		return -ENOMEM;
	return 0;
}

static void member_drop(struct member *member)
{
	if (member->session) {
		agk_session_end(member->session, false);
		agk_session_free(member->session);
	}
	close(member->watch.fd);
	free(member);
}

/* It has its session: from now on it ends by itself. */
static int member_settle(struct member *member)
{
	struct member **bucket = bucket_of(member->pid);
	int ret = watch_add(&member->watch);

	if (ret)
		return ret;
	world_get(member->world);
	member->next = *bucket;
	*bucket = member;
	return 0;
}

int member_join(struct client *client, struct agnocast_new_shm *args)
{
	struct member *member;
	struct agk_who who;
	int ret = member_begin(client, &member, &who);

	if (ret)
		return ret;
	ret = agk_session_join(client->world->core, args->abi, &who,
			       args->mempool_size, &member->session);
	if (!ret)
		ret = member_settle(member);
	if (ret) {
		member_drop(member);
		return ret;
	}
	/* It execed since an earlier agnocastd knew it. */
	heir_settled(client->pid);
	args->session = member->session->id;
	args->base = agk_session_base(member->session);
	args->slot = member->session->slot;
	args->pid = who.pid;
	agk_shm_name(args->shm_name, who.pid);
	return 0;
}

int member_rejoin(struct client *client, const struct agnocast_rejoin *args)
{
	struct member *member;
	struct agk_who who;
	int ret = member_begin(client, &member, &who);

	if (ret)
		return ret;
	ret = heir_check(client->pid, args);
	if (!ret)
		ret = agk_session_rejoin(client->world->core, args, &who, &member->session);
	if (!ret)
		ret = member_settle(member);
	if (ret) {
		member_drop(member);
		return ret;
	}
	heir_rejoined(client->pid, &member->page);
	return 0;
}

int member_ready(struct member *member, int fd)
{
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	int ret;

	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR)
		return -EBADF;
	/* Only shared memory has seals; unlike fstat(), this asks no file system. */
	if (fcntl(fd, F_GET_SEALS) < 0)
		return -EINVAL;
	ret = agk_session_ready(member->session);
	if (ret)
		return ret;
	member->area_fd = fd;
	if (!member->page.session)
		ledger_join(&member->page, member->pid, member->start, member->session->id,
			    member->session->slot);
	return 0;
}

static struct member *member_with(const struct world *world, u64 session)
{
	struct member *member;
	u32 i;

	for (i = 0; i < MEMBER_BUCKETS; i++)
		for (member = agnocastd.members[i]; member; member = member->next)
			if (member->world == world && member->session->id == session)
				return member;
	return NULL;
}

int member_open_area(const struct client *client, u64 session)
{
	struct member *member = member_with(client->world, session);
	char path[32];
	int fd;

	if (!member || member->area_fd < 0)
		return -ENOENT;
	/* It is us who open it, and the kernel would let us. */
	fd = client_may_read(client, member->area_fd);
	if (fd)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", member->area_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
