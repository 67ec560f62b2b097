/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon.h - the parts of agnocastd
 *
 * One thread, one epoll loop. A world is an IPC namespace; a member is a
 * process with a session; a client is a connection, which may come and go
 * without the member noticing.
 */
#ifndef AGNOCASTD_DAEMON_H
#define AGNOCASTD_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "ledger.h"
#include "registry.h"

/* What epoll_event.data.ptr points to: the first member of what it watches. */
struct watch {
	void	(*ready)(struct watch *watch, unsigned int events);
	int	fd;
};

struct world {
	dev_t	dev;			/* of the IPC namespace */
	ino_t	ino;
	int	pin;			/* /proc/PID/ns/ipc: keeps ino from being reused */
	bool	own;			/* the daemon's own namespace */
	int	rosters_fd;		/* read-only */
	char	*rosters;		/* writable mapping */
	struct agk_world *core;
	u32	users;			/* clients, members and the daemon itself */
	struct world *next;
};

/* What a process may leave in /dev/shm and in the message queues. */
struct names {
	pid_t	pid;
	u64	session;
	bool	queues;			/* they are in our IPC namespace */
};

/* A process with a session; ends when the process does or execs. */
struct member {
	struct watch watch;		/* pidfd */
	pid_t	pid;
	struct world *world;
	struct agk_session *session;
	int	area_fd;		/* -1 until AREA_READY */
	u64	start;			/* of the process, as in the ledger */
	const struct client *joiner;	/* until then: its end is the end */
	struct ledger_page page;	/* from then on */
	bool	suspect;		/* to be looked at after .look_after */
	u64	look_after;		/* ns: its memory map is long */
	struct member *next;		/* of its bucket */
};

struct client {
	struct watch watch;		/* socket */
	pid_t	pid;
	uid_t	uid;
	gid_t	gid;
	struct world *world;
	struct client *next;		/* those to be freed after this round */
};

#define MEMBER_BUCKETS 1024

struct daemon {
	int	epoll;
	int	spare_fd;		/* given up for a moment when there are no more */
	bool	own_socket;		/* made by us, and to be removed by us */
	bool	stop;
	struct agk_window_params window;
	struct world *worlds;
	struct member *members[MEMBER_BUCKETS];	/* by pid */
};

extern struct daemon agnocastd;

/* main.c */
void log_problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
u64 now_ns(void);
int watch_add(struct watch *watch);
/* Also closes the descriptor. */
void watch_remove(struct watch *watch);

/* listener.c: makes the directory of @path; listens at @path: a descriptor or -errno */
void listener_prepare(const char *path);
int listener_open(const char *path);
/*
 * The service manager's socket, and where it is. -ENOENT: there is none;
 * -E2BIG: several; -EPROTOTYPE, -EADDRNOTAVAIL: of the wrong kind, or without a path.
 */
int listener_handed_over(char *path, size_t len);

/*
 * world.c. A reference, to be dropped with world_put(). NULL and *err: no
 * permission to look, or no memory.
 */
struct world *world_of(pid_t pid, int *err);
struct world *world_get(struct world *world);
/* The last one destroys it: namespaces come and go. */
void world_put(struct world *world);

/* member.c */
struct member *member_of(pid_t pid);
int member_join(struct client *client, struct agnocast_new_shm *args);
int member_rejoin(struct client *client, const struct agnocast_rejoin *args);
/* Learns from /proc what the process is called; after the reply, which it waits for. */
void member_look_up(pid_t pid);
int member_ready(struct member *member, int fd);
/* A read-only descriptor of the area of @session, if @client may read it, or -errno. */
int member_open_area(const struct client *client, u64 session);
void member_end(struct member *member, bool in_order);
/* A connection is gone: exec, exit, or nothing at all? */
void member_hung_up(const struct client *client);
/* Looks at those that could not be looked at at once; ms until the next; -1: none. */
int members_check(void);
/* Frees those that ended in this round of the loop. */
void members_reap(void);

/* Removes them if they are still that session's. */
void names_remove(const struct names *names);
/* Does the process have its own area mapped at @base? */
bool address_is_mapped(pid_t pid, u64 base);

/* heir.c: members of an earlier agnocastd that listened at @path; @own is our world */
void heirs_find(const char *path, struct world *own);
/* May @pid come back so? 0, or -EPERM: it never was that. */
int heir_check(pid_t pid, const struct agnocast_rejoin *rejoin);
/* It has its session back, and its page of the ledger; it has its endpoints back. */
void heir_rejoined(pid_t pid, struct ledger_page *page);
void heir_settled(pid_t pid);
/* Looks after those that are left; how long until the next look, ms; -1: never. */
int heirs_check(void);
void heirs_reap(void);

/* corpse.c. Takes over @fd, the area of a session that is over. */
void corpse_add(struct world *world, u64 session, int fd);
/* A mapping or a session ended: is there one that nobody reads any more? */
void corpses_look(void);

/* client.c */
void client_accept(struct watch *listener, unsigned int events);
/* What open() of @fd's file for reading would tell the other end. */
int client_may_read(const struct client *client, int fd);
void clients_reap(void);

#endif /* AGNOCASTD_DAEMON_H */
