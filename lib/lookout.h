/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookout.h - which subscriptions of a wait-set have something, with one look at each
 *
 * For wait-sets that sleep on a bell. What a look needs is copied side by side:
 * of each source the next entry, and the seq that it must have. So a scan reads
 * one line of each source, and no subscription.
 *
 * A copy is good, and the bell asked for, as long as nothing was taken: who
 * takes says so (.watched). Before anybody sleeps, those are asked for and
 * looked at again, behind a fence. The others were asked for before they were
 * looked at, and looked at after the bell was heard last: for whatever came
 * since it rings, or has rung again.
 *
 * The wait-set's lock is held in all of these.
 */
#ifndef AGNOCAST_LOOKOUT_H
#define AGNOCAST_LOOKOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct agnocast_subscription;

/* What a wait-set waits for. */
struct lookout_entry {
	struct agnocast_subscription *sub;
	void	*arg;
};

struct lookout_look;

struct lookout {
	struct lookout_look *looks;	/* one of each entry, then those of who has several */
	uint32_t *first;		/* of these, for each entry, and the end */
	uint32_t *fresh;		/* entries to be looked at behind the fence */
	atomic_bool *watched;		/* of each entry: see subscription.h */
	uint32_t count, room;		/* entries */
	uint32_t looks_room;
	uint32_t sources;
	uint32_t at;			/* the next entry to look at */
	uint32_t left;			/* how many are still to be looked at */
	bool	valid;
};

/* Copies what changed since lookout_forget(). 0 or -ENOMEM. */
int lookout_prepare(struct lookout *lookout, const struct lookout_entry *entries, uint32_t count);
/* The entries, or the sources of one, are not what they were. */
void lookout_forget(struct lookout *lookout);
/* Of all entries, after each call that may have used up what the bell was rung for. */
void lookout_restart(struct lookout *lookout);
/*
 * The index of the next entry that has something; or -1. It may have been taken
 * since; it is found again unless it is taken.
 */
int lookout_next(struct lookout *lookout, const struct lookout_entry *entries);
/* The same among those that are left, and of them the next @most. */
int lookout_next_left(struct lookout *lookout, const struct lookout_entry *entries,
		      uint32_t most);
/* After lookout_next() said -1: will the bell ring for all that comes? */
static inline bool lookout_is_quiet(const struct lookout *lookout)
{
	return lookout->valid && !lookout->left;
}
/* No entry's subscription is in the wait-set any more. */
void lookout_free(struct lookout *lookout);

#endif /* AGNOCAST_LOOKOUT_H */
