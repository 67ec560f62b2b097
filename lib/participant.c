/* SPDX-License-Identifier: BSD-2-Clause */
/* participant.c - a process with endpoints: its library thread and its lists */

#include "participant.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "area.h"
#include "blind.h"
#include "clock.h"
#include "heap.h"
#include "bell.h"
#include "log.h"
#include "ownfd.h"
#include "pages.h"
#include "peer.h"
#include "publisher.h"
#include "queue.h"
#include "raw.h"
#include "rejoin.h"
#include "roster.h"
#include "stale.h"
#include "start.h"
#include "subscription.h"

#define TICK_MS 500		/* a hint may be lost: look anyway */
#define BUSY_TICK_MS 10		/* while something is to be finished */
#define REJOIN_TICK_MS 100	/* while the registry is away */
#define THREAD_STACK (256u << 10)

static struct {
	pthread_mutex_t lock;
	bool	entered;		/* lock */
	bool	queue_is_mine;		/* lock */
	int	queue;			/* a handle; once there is a thread, the thread's */
	_Atomic int event;		/* a handle */
	uint32_t stale_seen;		/* the thread's */
	struct agnocast_publisher *publishers;	/* lock */
	struct agnocast_subscription *subscriptions;	/* lock */
} self = { .lock = PTHREAD_MUTEX_INITIALIZER, .queue = OWNFD_NONE, .event = OWNFD_NONE };

static atomic_bool alive = true;

bool participant_is_alive(void)
{
	return atomic_load_explicit(&alive, memory_order_relaxed);
}

void participant_lock(void)
{
	pthread_mutex_lock(&self.lock);
}

void participant_unlock(void)
{
	pthread_mutex_unlock(&self.lock);
}

void participant_kick(void)
{
	/* Acquire: the descriptor is there before its handle. */
	int fd = ownfd_number(atomic_load_explicit(&self.event, memory_order_acquire));
	uint64_t one = 1;

	/* Full: kicked enough. Closed by the host: the tick serves. */
	if (fd >= 0)
		raw_write(fd, &one, sizeof(one));
}

void participant_add_publisher(struct agnocast_publisher *pub)
{
	pub->next = self.publishers;
	self.publishers = pub;
}

void participant_add_subscription(struct agnocast_subscription *sub)
{
	sub->next = self.subscriptions;
	self.subscriptions = sub;
}

void participant_remove_publisher(struct agnocast_publisher *pub)
{
	struct agnocast_publisher **at = &self.publishers;

	while (*at != pub)
		at = &(*at)->next;
	*at = pub->next;
}

void participant_remove_subscription(struct agnocast_subscription *sub)
{
	struct agnocast_subscription **at = &self.subscriptions;

	while (*at != sub)
		at = &(*at)->next;
	*at = sub->next;
}

/* Owners that the restarted registry did not know yet; the thread's. */
static uint32_t peers_unannounced;

/* The registry is a new one: registers everything again. */
static void rejoin(void)
{
	struct agnocast_publisher *pub;
	struct agnocast_subscription *sub;
	int ret;

	pthread_mutex_lock(&self.lock);
	ret = rejoin_try();
	for (sub = self.subscriptions; sub && !ret; sub = sub->next)
		ret = subscription_rejoin(sub);
	for (pub = self.publishers; pub && !ret; pub = pub->next)
		ret = publisher_rejoin(pub);
	if (!ret) {
		peers_unannounced = peers_announce_again();
		rejoin_done();
	} else if (ret < 0) {
		rejoin_refused(ret);
	}
	pthread_mutex_unlock(&self.lock);
}

static bool reads(uint64_t session)
{
	for (struct agnocast_subscription *sub = self.subscriptions; sub; sub = sub->next)
		if (subscription_reads(sub, session))
			return true;
	return false;
}

/* One round over everything. Returns whether something is unfinished. */
static bool housekeeping(void)
{
	struct agnocast_publisher *pub, *finished = NULL, *next;
	struct agnocast_subscription *sub;
	uint32_t stale = rosters_stale();
	bool busy = false;

	pthread_mutex_lock(&self.lock);
	for (sub = self.subscriptions; sub; sub = sub->next)
		busy |= subscription_refresh(sub, NULL);
	busy |= blind_acknowledge(reads) > 0;
	for (pub = self.publishers; pub; pub = next) {
		next = pub->next;
		busy |= publisher_refresh(pub);
		if (publisher_is_finished(pub)) {
			participant_remove_publisher(pub);
			pub->next = finished;
			finished = pub;
		}
	}
	peers_ring();
	peers_round_ends();
	if (rosters_awaited() || peers_unannounced)
		peers_unannounced = peers_announce_again();
	pthread_mutex_unlock(&self.lock);
	for (; finished; finished = next) {
		next = finished->next;
		publisher_free(finished);
	}
	if (stale != self.stale_seen) {
		self.stale_seen = stale;
		stale_clean();
	}
	return busy;
}

static int open_event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	/* Release: pairs with participant_kick(). */
	atomic_store_explicit(&self.event, ownfd_keep(fd), memory_order_release);
	return 0;
}

static void open_queue(void)
{
	int fd = queue_create(own_area.pid);

	self.queue = OWNFD_NONE;
	if (fd < 0) {
		log_line(AGNOCAST_LOG_WARNING, "no message queue /new_publisher@%u: %s; "
			 "new publishers are noticed up to %d ms later",
			 own_area.pid, strerrordesc_np(-fd), TICK_MS);
		return;
	}
	self.queue = ownfd_keep(fd);
	self.queue_is_mine = true;
}

/* Makes anew what the host closed. Without: hints are lost, the tick is not. */
static void look_after_descriptors(void)
{
	if (ownfd_number(atomic_load_explicit(&self.event, memory_order_relaxed)) < 0)
		open_event();
	if (self.queue != OWNFD_NONE && ownfd_number(self.queue) < 0)
		open_queue();
	for (uint32_t which = 0; which < AGNOCAST_BELLS; which++)
		if (bell_handle_of(which) != OWNFD_NONE)
			bell_open(which);
	if (rejoin_watch() == -EBADF)
		rejoin_hung_up();
}

/* Until something is to be done, or @timeout_ms are over. */
static void sleep_for(int timeout_ms)
{
	struct pollfd fds[3] = {
		{ .fd = ownfd_number(atomic_load_explicit(&self.event, memory_order_relaxed)),
		  .events = POLLIN },
		{ .fd = ownfd_number(self.queue), .events = POLLIN },
		{ .fd = rejoin_watch() },	/* hang-ups only */
	};
	uint64_t drained;

	/* What is there after the poll may be the host's: looks again. */
	if (poll(fds, 3, timeout_ms) < 0 && errno != EINTR)
		usleep(TICK_MS * 1000);
	if (fds[0].revents & POLLIN) {
		int fd = ownfd_number(atomic_load_explicit(&self.event, memory_order_relaxed));

		if (fd < 0 || raw_read(fd, &drained, sizeof(drained)) < 0)
			usleep(BUSY_TICK_MS * 1000);
	}
	if (fds[1].revents & POLLIN && ownfd_number(self.queue) >= 0)
		queue_drain(ownfd_number(self.queue));
	else if (fds[1].revents)
		usleep(BUSY_TICK_MS * 1000);
	if (fds[2].revents)
		rejoin_hung_up();
}

static void *thread_main(void *arg)
{
	int timeout = 0;

	(void)arg;
	prctl(PR_SET_NAME, "agnocast");
	for (;;) {
		sleep_for(timeout);
		look_after_descriptors();
		if (rejoin_pending())
			rejoin();
		timeout = housekeeping() ? BUSY_TICK_MS : TICK_MS;
		heap_thread_check();
		pages_keep();
		if (rejoin_pending())
			timeout = REJOIN_TICK_MS;
	}
	return NULL;
}

/* @sched NULL: as the caller is scheduled, as every new thread. */
static int create_thread(const struct thread_sched *sched)
{
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	if (sched) {
		struct sched_param param = { .sched_priority = sched->priority };

		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, sched->policy);
		pthread_attr_setschedparam(&attr, &param);
	}
	ret = pthread_create(&thread, &attr, thread_main, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

static int start_thread(void)
{
	const struct thread_sched *sched =
		start_thread_sched.policy < 0 ? NULL : &start_thread_sched;
	sigset_t all, before;
	int ret;

	/* The host's signals are for the host's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = create_thread(sched);
	if (ret == -EPERM && sched) {
		log_line(AGNOCAST_LOG_WARNING, "the library's thread may not run as "
			 "AGNOCAST_THREAD_SCHED says: give this process CAP_SYS_NICE, or "
			 "RLIMIT_RTPRIO of %d; it runs as the thread that made it",
			 sched->priority);
		ret = create_thread(NULL);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static void at_exit(void)
{
	if (self.queue_is_mine)
		queue_unlink(own_area.pid);
}

/* No other thread exists here, and no lock is known to be free. */
static void in_child(void)
{
	atomic_store(&alive, false);
	self.queue_is_mine = false;
}

/* The lock is held. */
static int enter_first(void)
{
	char why[512] = "";
	int ret = area_participate(why, sizeof(why));

	if (ret) {
		log_line(AGNOCAST_LOG_ERROR, "%s", why);
		return ret;
	}
	ret = rosters_open();
	if (ret) {
		log_line(AGNOCAST_LOG_ERROR, "cannot read the registry's rosters: %s",
			 strerrordesc_np(-ret));
		return ret;
	}
	if (self.event == OWNFD_NONE)
		ret = open_event();
	if (ret)
		return ret;
	if (self.queue == OWNFD_NONE)
		open_queue();
	start_hooks(at_exit, NULL, NULL, in_child);
	ret = heap_thread_start();
	if (!ret)
		ret = start_thread();
	if (!ret)
		pages_keep_with(participant_kick);
	return ret;
}

int participant_enter(void)
{
	int saved = errno, ret;

	log_enable();
	ret = start_status();
	if (ret || !participant_is_alive()) {
		log_line(AGNOCAST_LOG_ERROR, "%s", start_reason());
		return ret ? ret : -ECHILD;
	}
	pthread_mutex_lock(&self.lock);
	ret = self.entered ? 0 : enter_first();
	self.entered = !ret;
	pthread_mutex_unlock(&self.lock);
	errno = saved;
	return ret;
}

int participant_name(struct agnocast_endpoint_add *add, const char *topic,
		     const char *node)
{
	if (!topic || topic[0] != '/' || !topic[1] ||
	    strnlen(topic, sizeof(add->topic)) == sizeof(add->topic)) {
		log_line(AGNOCAST_LOG_ERROR, "topic '%.40s%s' is not valid: a topic is "
			 "'/' and 1 to 254 more bytes", topic ? topic : "(null)",
			 topic && strlen(topic) > 40 ? "..." : "");
		return -EINVAL;
	}
	if (node && strnlen(node, sizeof(add->node)) == sizeof(add->node)) {
		log_line(AGNOCAST_LOG_ERROR, "node name '%.40s...' is longer than %zu bytes",
			 node, sizeof(add->node) - 1);
		return -EINVAL;
	}
	strcpy(add->topic, topic);
	if (node)
		strcpy(add->node, node);
	return 0;
}

void participant_tell(uint32_t pid)
{
	struct queue_note note = {
		.session = own_area.session, .address = own_area.base,
		.size = own_area.size, .pid = own_area.pid,
	};

	queue_notify(pid, &note);
}

static void tell_peers(const struct agnocast_peer *peers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (peers[i].session != own_area.session)
			participant_tell(peers[i].pid);
}

int participant_register(unsigned int cmd, struct agnocast_endpoint_add *add)
{
	const size_t len = AGNOCAST_ENDPOINTS_MAX * sizeof(struct agnocast_peer);
	struct agnocast_peer *peers = malloc(len);
	int ret;

	if (!peers)
		return -ENOMEM;
	add->peers = (uintptr_t)peers;
	add->peers_len = len;
	ret = registry_client_call(&registry, cmd, add);
	if (!ret)
		tell_peers(peers, add->peers_count);
	else if (!add->again)
		log_line(AGNOCAST_LOG_ERROR, "topic %s: %s", add->topic,
			 ret == -ENOTCONN ? "the registry is gone; start it again, then "
			 "this process" :
			 ret == -ENOSPC ? "the topic or the registry is full" :
			 strerrordesc_np(-ret));
	free(peers);
	return ret;
}

int participant_register_again(unsigned int cmd, struct agnocast_endpoint_add *add,
			       const struct agnocast_roster **roster, uint64_t *topic)
{
	int ret = participant_register(cmd, add);

	/* Registered, but the connection broke before we heard of it. */
	if (ret == -EEXIST)
		return roster_find(add->topic, roster, topic);
	if (ret)
		return ret;
	if (!roster_at(add->roster))
		return -EPROTO;
	*roster = roster_at(add->roster);
	*topic = roster_topic(*roster);
	return 0;
}
