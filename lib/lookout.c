/* SPDX-License-Identifier: BSD-2-Clause */
/* lookout.c - which subscriptions of a wait-set have something, with one look at each */

#include "lookout.h"

#include <errno.h>
#include <stdlib.h>

#include "subscription.h"
#include "wait.h"

struct lookout_look {
	const _Atomic uint64_t *seq;	/* of the entry where the next message comes */
	uint64_t cursor;		/* what it will be then, or later */
};

/* Where a subscription without a publisher looks. */
static const _Atomic uint64_t nothing;

static int have_room(struct lookout *lookout, uint32_t count, uint32_t looks)
{
	struct lookout_look *more;
	uint32_t *first, *fresh;

	if (looks > lookout->looks_room) {
		more = realloc(lookout->looks, looks * sizeof(*more));
		if (!more)
			return -ENOMEM;
		lookout->looks = more;
		lookout->looks_room = looks;
	}
	if (lookout->first && count <= lookout->room)
		return 0;
	first = realloc(lookout->first, (count + 1) * sizeof(*first));
	if (first)
		lookout->first = first;
	fresh = realloc(lookout->fresh, (count + 1) * sizeof(*fresh));
	if (fresh)
		lookout->fresh = fresh;
	return first && fresh ? 0 : -ENOMEM;
}

/*
 * Tells the subscriptions where to say that something was taken. Those that are
 * not in the wait-set any more know already.
 */
static int show_watched(struct lookout *lookout, const struct lookout_entry *entries, uint32_t count)
{
	atomic_bool *before = lookout->watched;
	bool grow = count > lookout->room;

	if (grow) {
		lookout->watched = calloc(count, sizeof(*lookout->watched));
		if (!lookout->watched) {
			lookout->watched = before;
			return -ENOMEM;
		}
		lookout->room = count;
	}
	for (uint32_t i = 0; i < count; i++) {
		pthread_mutex_lock(&entries[i].sub->lock);
		entries[i].sub->watched = &lookout->watched[i];
		/* Relaxed: the lock that is held. */
		atomic_store_explicit(&lookout->watched[i], false, memory_order_relaxed);
		pthread_mutex_unlock(&entries[i].sub->lock);
	}
	if (grow)
		free(before);
	return 0;
}

/* Looks that do not fit into the one that each entry has. */
static uint32_t further(const struct agnocast_subscription *sub)
{
	return sub->sources_count > 1 ? sub->sources_count : 0;
}

int lookout_prepare(struct lookout *lookout, const struct lookout_entry *entries, uint32_t count)
{
	uint32_t looks = count, sources = 0;
	int ret;

	if (lookout->valid)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		sources += entries[i].sub->sources_count;
		looks += further(entries[i].sub);
	}
	ret = have_room(lookout, count, looks);
	if (!ret)
		ret = show_watched(lookout, entries, count);
	if (ret)
		return ret;
	looks = count;
	for (uint32_t i = 0; i < count; i++) {
		lookout->first[i] = looks;
		looks += further(entries[i].sub);
	}
	lookout->first[count] = looks;
	/* Not watched yet: see for yourself. */
	for (uint32_t i = 0; i < looks; i++)
		lookout->looks[i] = (struct lookout_look){ .seq = &nothing, .cursor = 0 };
	lookout->count = count;
	lookout->sources = sources;
	lookout->at = lookout->at < count ? lookout->at : 0;
	lookout->left = count;		/* nobody may sleep yet */
	lookout->valid = true;
	return 0;
}

void lookout_forget(struct lookout *lookout)
{
	lookout->valid = false;
}

void lookout_restart(struct lookout *lookout)
{
	lookout->left = lookout->count;
}

/* Copies where it stands, and asks for the bell. A fence must follow. */
static void watch(struct lookout *lookout, uint32_t i, struct agnocast_subscription *sub)
{
	struct lookout_look *look = &lookout->looks[i];

	pthread_mutex_lock(&sub->lock);
	*look = (struct lookout_look){ .seq = &nothing, .cursor = 1 };
	for (uint32_t j = 0; j < sub->sources_count; j++) {
		const struct source *source = &sub->sources[j];

		if (further(sub))
			look = &lookout->looks[lookout->first[i] + j];
		look->seq = ring_seq_at(&source->view, source->cursor);
		look->cursor = source->cursor;
	}
	/* Found whatever the entry says: see the others, or to be told without a message. */
	if (further(sub) || atomic_load_explicit(&sub->trouble, memory_order_relaxed))
		lookout->looks[i] = (struct lookout_look){ .seq = &nothing, .cursor = 0 };
	wait_arm(sub, AGNOCAST_BELL_EDGE);
	/* Relaxed: the lock that is held. */
	atomic_store_explicit(&lookout->watched[i], true, memory_order_relaxed);
	pthread_mutex_unlock(&sub->lock);
}

/*
 * Watches those that are not watched. True: one of them has something. Relaxed:
 * who takes from one at this moment may come after us, too. What it takes came
 * before our last look, which found it; or after, and the bell rings for it.
 */
static bool settle(struct lookout *lookout, const struct lookout_entry *entries)
{
	uint32_t fresh = 0;
	bool found = false;

	for (uint32_t i = 0; i < lookout->count; i++) {
		if (atomic_load_explicit(&lookout->watched[i], memory_order_relaxed))
			continue;
		watch(lookout, i, entries[i].sub);
		lookout->fresh[fresh++] = i;
	}
	if (!fresh)
		return false;
	/* The bells before the rings: see wait.h. */
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < fresh; i++)
		found = wait_visible(entries[lookout->fresh[i]].sub) || found;
	return found;
}

static inline bool has_come(const struct lookout_look *look)
{
	/* Acquire: as any look at a ring. */
	return atomic_load_explicit(look->seq, memory_order_acquire) >= look->cursor;
}

/* Those of an entry that has several, one of which may be told without a message. */
static bool stirs(const struct lookout *lookout, uint32_t i, const struct lookout_entry *entries)
{
	bool visible = !further(entries[i].sub) ||
		       atomic_load_explicit(&entries[i].sub->trouble, memory_order_relaxed);

	for (uint32_t j = lookout->first[i]; j < lookout->first[i + 1]; j++)
		visible |= has_come(&lookout->looks[j]);
	return visible;
}

/* Of the next @n entries, none of which is beyond the end; -1: none of these. */
static int next_in_row(struct lookout *lookout, uint32_t n)
{
	const struct lookout_look *look = &lookout->looks[lookout->at], *end = look + n;

	while (look < end && !has_come(look))
		look++;
	return look < end ? (int)(look - lookout->looks) : -1;
}

int lookout_next_left(struct lookout *lookout, const struct lookout_entry *entries,
		      uint32_t most)
{
	if (most > lookout->left)
		most = lookout->left;
	while (most) {
		uint32_t row = lookout->count - lookout->at;
		int i = next_in_row(lookout, row < most ? row : most);
		uint32_t looked = i >= 0 ? (uint32_t)i + 1 - lookout->at : row < most ? row : most;

		lookout->at = lookout->at + looked < lookout->count ? lookout->at + looked : 0;
		lookout->left -= looked;
		most -= looked;
		if (i < 0 || !stirs(lookout, (uint32_t)i, entries))
			continue;
		/* To be looked at again, whether it is taken or not. */
		atomic_store_explicit(&lookout->watched[i], false, memory_order_relaxed);
		if (wait_visible(entries[i].sub))
			return i;
	}
	return -1;
}

int lookout_next(struct lookout *lookout, const struct lookout_entry *entries)
{
	int found = lookout_next_left(lookout, entries, UINT32_MAX);

	/* In turn: not the one that was found, but the next one behind the last. */
	while (found < 0 && settle(lookout, entries)) {
		lookout_restart(lookout);
		found = lookout_next_left(lookout, entries, UINT32_MAX);
	}
	return found;
}

void lookout_free(struct lookout *lookout)
{
	free(lookout->looks);
	free(lookout->first);
	free(lookout->fresh);
	free(lookout->watched);
}
