// SPDX-License-Identifier: GPL-2.0-only
/*
 * bell.c - waking subscribers that sleep in epoll_wait()
 *
 * A session hands over eventfds of its own. Their meaning is the home's: the
 * core keeps them, and says who may ring whose: the publishers of a topic those
 * of its subscriptions.
 */

#include <linux/errno.h>

#include <agk_trace.h>

#include "registry.h"

int agk_bell_set(struct agk_session *session, u32 which, void *bell, void **old)
{
	struct agk_world *world = session->world;
	int ret = 0;

	if (which >= AGNOCAST_BELLS_MAX)
		return -EINVAL;
	mutex_lock(&world->lock);
	if (session->ended) {
		ret = -ENOTCONN;
	} else {
		*old = session->bell[which];
		session->bell[which] = bell;
	}
	mutex_unlock(&world->lock);
	return ret;
}

static bool sleepers_are_valid(const struct agnocast_sleeper *sleepers, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (sleepers[i].bell >= AGNOCAST_BELLS_MAX || sleepers[i].pad)
			return false;
	return true;
}

int agk_wake(struct agk_session *session, struct agk_wake *wake,
	     void (*hold)(void *bell))
{
	struct agk_world *world = session->world;
	struct agk_endpoint *from, *to;
	u32 i;
	int ret = 0;

	wake->held = 0;
	if (!sleepers_are_valid(wake->sleepers, wake->count))
		return -EINVAL;
	mutex_lock(&world->lock);
	from = agk_endpoint_find(world, wake->publisher);
	if (session->ended)
		ret = -ENOTCONN;
	else if (!from || from->session != session || from->kind != AGNOCAST_PUBLISHER)
		ret = -EBADF;
	for (i = 0; !ret && i < wake->count; i++) {
		const struct agnocast_sleeper *sleeper = &wake->sleepers[i];

		to = agk_endpoint_find(world, sleeper->subscription);
		/* Gone meanwhile, or not ours to wake: nothing to be done for it. */
		if (to && to->topic == from->topic && to->kind == AGNOCAST_SUBSCRIPTION &&
		    to->session->bell[sleeper->bell]) {
			void *bell = to->session->bell[sleeper->bell];

			hold(bell);
			wake->bells[wake->held++] = bell;
		}
	}
	if (!ret)
		trace_agnocast_wake(wake->publisher, session->id, session->who.pid,
				    wake->count, wake->held);
	mutex_unlock(&world->lock);
	return ret;
}

static bool publishes_to(const struct agk_session *session, const struct agk_session *reader)
{
	struct agk_endpoint *from, *to;

	lockdep_assert_held(&session->world->lock);
	list_for_each_entry(from, &session->endpoints, of_session) {
		if (from->kind != AGNOCAST_PUBLISHER)
			continue;
		list_for_each_entry(to, &from->topic->endpoints, of_topic)
			if (to->session == reader && to->kind == AGNOCAST_SUBSCRIPTION)
				return true;
	}
	return false;
}

int agk_bell_get(struct agk_session *session, u64 owner, u32 which, void **bell)
{
	struct agk_world *world = session->world;
	struct agk_session *reader;
	int ret = 0;

	if (which >= AGNOCAST_BELLS_MAX)
		return -EINVAL;
	mutex_lock(&world->lock);
	reader = agk_session_find(world, owner);
	if (session->ended)
		ret = -ENOTCONN;
	else if (!reader || !reader->bell[which])
		ret = -ENOENT;
	else if (reader != session && !publishes_to(session, reader))
		ret = -EPERM;
	else
		*bell = reader->bell[which];
	mutex_unlock(&world->lock);
	return ret;
}
