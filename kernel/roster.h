/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * roster.h - the lists of endpoints that participants read without a call
 *
 * Knows the layout of the roster file, not where its pages come from: that is
 * the home's business. Pages are got when endpoints are added, never when
 * they go: a death can't fail. All functions want the world's lock.
 */
#ifndef AGK_ROSTER_H
#define AGK_ROSTER_H

#include <linux/kernel.h>
#include <uapi/agnocast.h>

#define AGK_ROSTER_PAGES (AGNOCAST_ROSTER_STRIDE / AGNOCAST_ROSTER_PAGE)

/*
 * The page at @index of the roster file, made if it is not there; stays valid
 * and in memory as long as the world. May sleep. NULL: no memory.
 */
typedef void *(*agk_roster_page_fn)(void *home, u64 index);

struct agk_roster {
	u32	index;			/* which of AGNOCAST_TOPICS_MAX */
	void	*page[AGK_ROSTER_PAGES]; /* NULL: not got yet; owned by the home */
};

u64 agk_roster_offset(u32 index);

/* Makes room for @entries in both copies. -ENOMEM. */
int __must_check agk_roster_reserve(struct agk_roster *roster, u32 entries,
				    agk_roster_page_fn get_page, void *home);

/* Names the topic of an empty roster; @topic is its id. */
void agk_roster_open(struct agk_roster *roster, u64 topic, const char *name);

/* Publishes an empty list and forgets the topic. Its generation goes on. */
void agk_roster_close(struct agk_roster *roster);

/* A new list: put entry 0.., then publish. Nothing is seen before publish. */
void agk_roster_put(struct agk_roster *roster, u32 at,
		    const struct agnocast_roster_entry *entry);
void agk_roster_publish(struct agk_roster *roster, u32 entries);

#endif /* AGK_ROSTER_H */
