/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - other processes' areas, mapped here
 *
 * One entry per session, shared by all endpoints of this process. Mapping is
 * announced to the registry before and confirmed after; nothing of a peer is
 * touched before its identity was checked. Only the thread that creates an
 * endpoint and the library's thread map and unmap; publish and take never do.
 */
#ifndef AGNOCAST_PEER_H
#define AGNOCAST_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <agnocast/layout.h>
#include <uapi/agnocast.h>

struct peer {
	uint64_t	session;
	uintptr_t	base;		/* of the area; where it is mapped */
	uint32_t	pid;
	uint32_t	parts;		/* AGNOCAST_MAP_...: what is mapped */
	uint32_t	refs;		/* peers_lock */
	bool		mapping;	/* in the middle of it: not unused */
	bool		unannounced;	/* a new registry has not heard of it */
	int		error;		/* why the last attempt failed; 0 */
	uint32_t	refused;	/* parts, if the registry has heard of that; 0 */
	uint32_t	asked_round;	/* when the registry was last asked who knows of it */
	_Atomic bool	acknowledged;	/* blind to it, and it holds nothing of ours */
	uint64_t	retry_ns;	/* not before, after an error */
	uint64_t	asked_ns;	/* when it was last wanted */
	_Atomic int	bell[AGNOCAST_BELLS];	/* its eventfds; handles, see ownfd.h */
	_Atomic uint32_t ring;		/* a bit per bell that is to be opened and rung */
	_Atomic uint32_t fetch;		/* one per bell that is to be opened */
	struct peer	*next;
};

/*
 * A counted reference to @session, mapped or not; NULL: no memory. Drop it with
 * peer_put(). The own session is a peer too.
 */
struct peer *peer_hold(uint64_t session);
/* Maps at least @parts, or says why not: 0 or -errno. */
int peer_want(struct peer *peer, uint32_t parts);
/* Both: NULL and *@err if it cannot be mapped. */
struct peer *peer_get(uint64_t session, uint32_t parts, int *err);

/*
 * Its control part is not mapped here, it knows, and neither holds nor takes
 * messages of this process's publishers while that is so. A full fence must be
 * between a message's retirement and this.
 */
static inline bool peer_has_acknowledged(const struct peer *peer)
{
	/* Acquire: what it held was released before it said so. */
	return atomic_load_explicit(&peer->acknowledged, memory_order_acquire);
}
/* Never unmaps: may be called on the message path. */
void peer_put(struct peer *peer);
/*
 * The library's thread has looked at everything. Unmaps what nobody refers to any
 * more, and tells the registry; in the next round it asks again who knows that he
 * is not seen, once for each peer, however many want it.
 */
void peers_round_ends(void);

/*
 * Rings a bell of its process (agnocastd; the module has a call for that). The
 * first time the library's thread does it: it has to ask for the eventfd.
 */
void peer_ring(struct peer *peer, uint32_t which);
/* It will have to be rung: then the eventfd should be there. Takes no lock. */
void peer_expect_ring(struct peer *peer, uint32_t which);
/* The thread's part of both. */
void peers_ring(void);

/*
 * Tells a new agnocastd what is mapped. Returns how many owners it does not
 * know (yet): ask again later.
 */
uint32_t peers_announce_again(void);
/* The registry is a new one: it knows of no mapping. */
void peers_forgotten(void);

/* Address of @len bytes at @offset of the control part; NULL if out of range. */
const void *peer_control(const struct peer *peer, uint64_t offset, uint64_t len);

#endif /* AGNOCAST_PEER_H */
