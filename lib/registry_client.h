/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_client.h - how a process talks to the registry, whichever home it has
 *
 * Either /dev/agnocast (ioctl) or agnocastd (socket): the caller cannot tell.
 * Allocates nothing, so the heap may use it before there is a heap; the
 * observers use it too. All functions are thread-safe.
 */
#ifndef AGNOCAST_REGISTRY_CLIENT_H
#define AGNOCAST_REGISTRY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uapi/agnocast.h>

#define REGISTRY_POSTS 2	/* so many replies may be left unread */

struct registry_client {
	int	fd;		/* kept high; -1: closed */
	bool	daemon;
	uint64_t dev, ino;	/* of fd, to notice a host that closed it */
	void	*token;		/* device: the token page, else NULL */
	uint32_t lock;		/* daemon: one request at a time */
	unsigned int posted[REGISTRY_POSTS];	/* lock; commands whose replies nobody read yet */
	unsigned int posts;	/* lock; so many of them */
	int	posted_ret;	/* lock; what the last one said */
	char	address[108];	/* where we found it */
};

/*
 * Open the registry that @where names: "/dev/..." or "unix:PATH" or "PATH" of
 * a socket; NULL: AGNOCAST_DEVICE if it is there, else AGNOCAST_SOCKET.
 * -ENODEV: there is none at the default places; another -errno is that of the
 * open or connect. @why (@len bytes) gets a sentence on failure.
 */
int registry_client_open(struct registry_client *client, const char *where,
			 char *why, size_t len);

/* Also unmaps the token, which ends the session of a device. */
void registry_client_close(struct registry_client *client);

/*
 * In a forked child: closes the descriptor so that the daemon sees the parent
 * hang up when the parent does. (The token page is not inherited.)
 */
void registry_client_forget(struct registry_client *client);

/*
 * Run AGNOCAST_..._CMD with its structure. Descriptors and arrays named in the
 * structure behave alike in both homes. Returns 0 or -errno; -ENOTCONN if the
 * registry is gone.
 */
int registry_client_call(struct registry_client *client, unsigned int cmd,
			 void *arg);

/* AGNOCAST_WAKE_CMD, for the message path; the module only. */
int registry_client_wake(struct registry_client *client, struct agnocast_wake *args);

/* The descriptor, to poll it for a hang-up; -EBADF: the host closed it. */
int registry_client_watch(struct registry_client *client);

/*
 * AGNOCAST_VERSION_CMD and AGNOCAST_NEW_SHM_CMD for the time of one. @meanwhile
 * runs here while the registry works, perhaps in vain; it makes no call of this
 * client. Returns the first's error, else the second's. Where @version's ABI is
 * not ours, @shm counts for nothing.
 */
int registry_client_join(struct registry_client *client, struct agnocast_version *version,
			 struct agnocast_new_shm *shm, void (*meanwhile)(void));

/*
 * Run a command without waiting for its reply, of which only the result
 * counts: registry_client_settle() waits and says it, as often as it is asked.
 */
void registry_client_post(struct registry_client *client, unsigned int cmd, void *arg);
int registry_client_settle(struct registry_client *client);

/*
 * Device: map the token page, which NEW_SHM wants first. Daemon: nothing.
 */
int registry_client_arm(struct registry_client *client);

#endif /* AGNOCAST_REGISTRY_CLIENT_H */
