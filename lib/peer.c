/* SPDX-License-Identifier: BSD-2-Clause */
/* peer.c - other processes' areas, mapped here */

#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "bell.h"
#include "clock.h"
#include "log.h"
#include "maps.h"
#include "ownfd.h"
#include "participant.h"
#include "probes.h"
#include "raw.h"
#include "start.h"
#include "window.h"

#define RETRY_NS 1000000000u

static pthread_mutex_t peers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct peer *peers;		/* peers_lock */
static struct peer own_peer;
static uint32_t rounds;		/* peers_lock; of the library's thread */

static int report(uint64_t owner, uint32_t state, uint32_t parts, int error,
		  struct agnocast_map_report *out)
{
	struct agnocast_map_report local = { 0 };

	if (!out)
		out = &local;
	*out = (struct agnocast_map_report){
		.owner = owner, .state = state, .parts = parts, .error = (uint32_t)error,
	};
	return registry_client_call(&registry, AGNOCAST_MAP_REPORT_CMD, out);
}

static size_t length_of(uint32_t parts, uint64_t size)
{
	return parts & AGNOCAST_MAP_HEAP ? size : AGNOCAST_CONTROL_SIZE;
}

/*
 * Is this file the area that the registry speaks of? Read, not mapped: a file
 * that is somebody else's, or empty, cannot fault us.
 */
static bool is_area_of(int fd, const struct agnocast_map_report *owner)
{
	struct agnocast_area header;

	return pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	       header.magic == AGNOCAST_AREA_MAGIC &&
	       header.version == AGNOCAST_LAYOUT_VERSION &&
	       header.session == owner->owner &&
	       header.base == owner->base && header.size == owner->size;
}

static int open_from_registry(const struct agnocast_map_report *owner)
{
	struct agnocast_fd args = { .session = owner->owner, .fd_in = -1, .fd_out = -1 };
	int ret = registry_client_call(&registry, AGNOCAST_OPEN_AREA_CMD, &args);

	if (ret)
		return ret;
	if (!is_area_of(args.fd_out, owner)) {
		close(args.fd_out);
		return -ESTALE;
	}
	return args.fd_out;
}

/* By name; from the registry where this /dev/shm is another one. */
static int open_area(const struct agnocast_map_report *owner)
{
	int fd = shm_open(owner->shm_name, O_RDONLY | O_CLOEXEC, 0);

	if (fd >= 0 && is_area_of(fd, owner))
		return fd;
	if (fd >= 0)
		close(fd);
	return open_from_registry(owner);
}

/* Where in this process something else lies, if that is the reason. */
static void trace_failure(const struct agnocast_map_report *owner, size_t bytes, int err)
{
	struct mapping found = { 0 };

	if (err == -EEXIST)
		maps_find(owner->base, owner->base + bytes, &found);
	PROBE(map_failed, owner->owner, owner->pid, owner->base, bytes, err, found.from,
	      found.to, found.name);
}

/*
 * The announcement is made. Returns 0 or -errno; then nothing is mapped anew.
 * @told: the errno that the log has heard of already.
 */
static int map_announced(const struct agnocast_map_report *owner, uint32_t parts, int told)
{
	char why[512] = "";
	int fd = open_area(owner), ret;

	if (fd < 0) {
		/* ENOENT: it died meanwhile, which is no problem of ours. */
		if (fd != -told && fd != -ENOENT)
			log_line(AGNOCAST_LOG_ERROR, "cannot open %s of pid %u: %s",
				 owner->shm_name, owner->pid, strerrordesc_np(-fd));
		return fd;
	}
	ret = window_map_peer(owner->base, length_of(parts, owner->size), fd,
			      why, sizeof(why));
	if (ret && ret != -told)
		log_line(AGNOCAST_LOG_ERROR, "cannot map %s of pid %u: %s",
			 owner->shm_name, owner->pid, why);
	close(fd);
	if (ret && PROBE_IS_ON(map_failed))
		trace_failure(owner, length_of(parts, owner->size), ret);
	return ret;
}

/* A refusal is remembered, and shown to observers, while someone still asks. */
static bool is_unused(const struct peer *peer)
{
	return !peer->refs && !peer->mapping &&
	       (!peer->error || clock_ns() - peer->asked_ns > 3 * RETRY_NS);
}

static void close_bells(struct peer *peer)
{
	for (uint32_t which = 0; which < AGNOCAST_BELLS; which++) {
		ownfd_close(atomic_load_explicit(&peer->bell[which], memory_order_relaxed));
	}
}

/* peers_lock is held. */
static void collect_locked(void)
{
	struct peer **at = &peers;

	while (*at) {
		struct peer *peer = *at;

		if (!is_unused(peer)) {
			at = &peer->next;
			continue;
		}
		*at = peer->next;
		if (peer->parts)
			window_unmap_peer(peer->base,
					  length_of(peer->parts, window.area_size));
		report(peer->session, AGNOCAST_UNMAPPED, 0, 0, NULL);
		close_bells(peer);
		free(peer);
	}
}

/*
 * A new agnocastd does not know which areas of the dead are still mapped here:
 * it may give one's address to someone else before we let go of it.
 */
static bool place_is_taken(const struct peer *peer, uintptr_t base)
{
	for (const struct peer *other = peers; other; other = other->next)
		if (other != peer && other->parts && other->base == base)
			return true;
	return false;
}

/* Tells the registry, and hears whether the owner knows. peers_lock is held. */
static void refuse(struct peer *peer, uint32_t parts, int err)
{
	struct agnocast_map_report answer;
	bool news = !peer->refused;

	peer->refused = 0;
	peer->asked_round = rounds;
	if (report(peer->session, AGNOCAST_REFUSED, parts, -err, &answer))
		return;
	peer->refused = parts;
	/* Release: pairs with peer_has_acknowledged(). */
	atomic_store_explicit(&peer->acknowledged, answer.acknowledged, memory_order_release);
	if (news)
		participant_tell(answer.pid);
}

/* peers_lock is held. */
static int peer_map(struct peer *peer, uint32_t parts)
{
	struct agnocast_map_report owner;
	int ret;

	parts |= peer->parts | AGNOCAST_MAP_CONTROL;
	/*
	 * It takes our messages again as soon as the registry hears that we see what
	 * it holds, perhaps before our publishers do. The fence pairs with the one
	 * between a message's retirement and a publisher's look at the flag: either
	 * that look finds it cleared, or the message was retired before, and then
	 * whoever claims it after our report sees the tail beyond it.
	 */
	atomic_store_explicit(&peer->acknowledged, false, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	ret = report(peer->session, AGNOCAST_WILL_MAP, parts, 0, &owner);
	if (ret)
		return ret;
	collect_locked();
	if (place_is_taken(peer, owner.base)) {
		report(peer->session, AGNOCAST_UNMAPPED, 0, 0, NULL);
		return -EBUSY;
	}
	ret = map_announced(&owner, parts, -peer->error);
	if (ret) {
		atomic_fetch_add_explicit(&own_area.header->map_failures, 1,
					  memory_order_relaxed);
		/* What was mapped before is still there, and still announced. */
		refuse(peer, parts, ret);
		return ret;
	}
	peer->base = owner.base;
	peer->pid = owner.pid;
	peer->parts = parts;
	report(peer->session, AGNOCAST_MAPPED, parts, 0, NULL);
	if (peer->refused)
		participant_tell(peer->pid);
	peer->refused = 0;
	return 0;
}

static struct peer *peer_find(uint64_t session)
{
	for (struct peer *peer = peers; peer; peer = peer->next)
		if (peer->session == session)
			return peer;
	return NULL;
}

static struct peer *own(void)
{
	own_peer.session = own_area.session;
	own_peer.base = own_area.base;
	own_peer.pid = own_area.pid;
	own_peer.parts = AGNOCAST_MAP_PARTS;
	return &own_peer;
}

static struct peer *peer_add(uint64_t session)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->session = session;
	for (uint32_t which = 0; which < AGNOCAST_BELLS; which++)
		atomic_init(&peer->bell[which], OWNFD_NONE);
	peer->next = peers;
	peers = peer;
	return peer;
}

/*
 * A peer that cannot be mapped is tried again now and then, not all the time.
 * In between the registry is asked whether the peer knows. peers_lock is held.
 */
static int peer_try(struct peer *peer, uint32_t parts)
{
	uint64_t now = clock_ns();

	peer->asked_ns = now;
	if (peer->error && now < peer->retry_ns) {
		if (peer->refused && !peer_has_acknowledged(peer) &&
		    peer->asked_round != rounds)
			refuse(peer, peer->refused, peer->error);
		return peer->error;
	}
	peer->mapping = true;
	peer->error = peer_map(peer, parts);
	peer->mapping = false;
	peer->retry_ns = now + RETRY_NS;
	return peer->error;
}

struct peer *peer_hold(uint64_t session)
{
	struct peer *peer;

	if (session == own_area.session)
		return own();
	pthread_mutex_lock(&peers_lock);
	peer = peer_find(session);
	if (!peer)
		peer = peer_add(session);
	if (peer)
		peer->refs++;
	pthread_mutex_unlock(&peers_lock);
	return peer;
}

int peer_want(struct peer *peer, uint32_t parts)
{
	int ret = 0;

	if (peer == &own_peer)
		return 0;
	pthread_mutex_lock(&peers_lock);
	if ((peer->parts & parts) != parts)
		ret = peer_try(peer, parts);
	pthread_mutex_unlock(&peers_lock);
	return ret;
}

struct peer *peer_get(uint64_t session, uint32_t parts, int *err)
{
	struct peer *peer = peer_hold(session);

	*err = peer ? peer_want(peer, parts) : -ENOMEM;
	if (peer && *err) {
		peer_put(peer);
		peer = NULL;
	}
	return peer;
}

uint32_t peers_announce_again(void)
{
	uint32_t unknown = 0;

	pthread_mutex_lock(&peers_lock);
	for (struct peer *peer = peers; peer; peer = peer->next) {
		if (!peer->parts || !peer->unannounced)
			continue;
		peer->unannounced =
			report(peer->session, AGNOCAST_WILL_MAP, peer->parts, 0, NULL) ||
			report(peer->session, AGNOCAST_MAPPED, peer->parts, 0, NULL);
		unknown += peer->unannounced;
	}
	pthread_mutex_unlock(&peers_lock);
	return unknown;
}

void peers_forgotten(void)
{
	pthread_mutex_lock(&peers_lock);
	for (struct peer *peer = peers; peer; peer = peer->next) {
		peer->unannounced = true;
		/*
		 * Nor of who is blind: our publishers, once they are registered there,
		 * are read by all. As in peer_map(): before that.
		 */
		peer->refused = 0;
		peer->retry_ns = 0;
		atomic_store_explicit(&peer->acknowledged, false, memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_seq_cst);
	pthread_mutex_unlock(&peers_lock);
}

void peer_put(struct peer *peer)
{
	if (peer == &own_peer)
		return;
	pthread_mutex_lock(&peers_lock);
	peer->refs--;
	pthread_mutex_unlock(&peers_lock);
}

void peers_round_ends(void)
{
	pthread_mutex_lock(&peers_lock);
	rounds++;
	collect_locked();
	pthread_mutex_unlock(&peers_lock);
}

static void ring_fd(int fd)
{
	const uint64_t one = 1;

	raw_write(fd, &one, sizeof(one));
}

void peer_ring(struct peer *peer, uint32_t which)
{
	int fd;

	if (peer == &own_peer) {
		bell_ring_own(which);
		return;
	}
	fd = ownfd_number(atomic_load_explicit(&peer->bell[which], memory_order_acquire));
	if (fd >= 0) {
		ring_fd(fd);
		return;
	}
	/* Release: the thread that sees the bit rings after our message. */
	atomic_fetch_or_explicit(&peer->ring, 1u << which, memory_order_release);
	participant_kick();
}

void peer_expect_ring(struct peer *peer, uint32_t which)
{
	/* Relaxed, both: a request that is seen late is seen in the next round. */
	if (peer != &own_peer &&
	    atomic_load_explicit(&peer->bell[which], memory_order_relaxed) == OWNFD_NONE)
		atomic_fetch_or_explicit(&peer->fetch, 1u << which, memory_order_relaxed);
}

/* Its number, or -1: the next round tries again. peers_lock is held. */
static int open_bell(struct peer *peer, uint32_t which)
{
	struct agnocast_bell args = { .session = peer->session, .bell = which,
				      .fd_in = -1, .fd_out = -1 };
	int handle;

	if (registry_client_call(&registry, AGNOCAST_OPEN_BELL_CMD, &args) ||
	    args.fd_out < 0)
		return -1;
	handle = ownfd_adopt(args.fd_out);
	atomic_store_explicit(&peer->bell[which], handle, memory_order_release);
	return ownfd_number(handle);
}

/* peers_lock is held. */
static void see_to_bell(struct peer *peer, uint32_t which)
{
	uint32_t bit = 1u << which, asked;
	int fd;

	asked = atomic_load_explicit(&peer->ring, memory_order_relaxed) |
		atomic_fetch_and_explicit(&peer->fetch, ~bit, memory_order_relaxed);
	if (!(asked & bit))
		return;
	fd = ownfd_number(atomic_load_explicit(&peer->bell[which], memory_order_relaxed));
	if (fd < 0)
		fd = open_bell(peer, which);
	/*
	 * The bit goes after the descriptor is there: who set it before that is
	 * rung for now, who comes later rings itself.
	 */
	if (fd >= 0 && atomic_fetch_and_explicit(&peer->ring, ~bit, memory_order_seq_cst) & bit)
		ring_fd(fd);
}

void peers_ring(void)
{
	pthread_mutex_lock(&peers_lock);
	for (struct peer *peer = peers; peer; peer = peer->next)
		for (uint32_t which = 0; which < AGNOCAST_BELLS; which++)
			see_to_bell(peer, which);
	pthread_mutex_unlock(&peers_lock);
}

const void *peer_control(const struct peer *peer, uint64_t offset, uint64_t len)
{
	if (offset < 4096 || offset % AGNOCAST_LINE ||
	    offset > AGNOCAST_CONTROL_SIZE || len > AGNOCAST_CONTROL_SIZE - offset)
		return NULL;
	return (const void *)(peer->base + offset);
}
