// SPDX-License-Identifier: GPL-2.0-only
/*
 * roster.c - the lists of endpoints that participants read without a call
 *
 * Two copies; the generation's lowest bit says which one is published. Readers
 * copy the list and then look at the generation again, so the writer must not
 * touch a copy before every reader of it can see that it is no longer the
 * published one: hence the barrier in agk_roster_publish().
 */

#include <linux/errno.h>
#include <linux/string.h>

#include "roster.h"

#define ENTRIES_PER_PAGE \
	((u32)(AGNOCAST_ROSTER_PAGE / sizeof(struct agnocast_roster_entry)))
#define COPY_PAGES (AGNOCAST_ROSTER_COPY / AGNOCAST_ROSTER_PAGE)

u64 agk_roster_offset(u32 index)
{
	return AGNOCAST_ROSTER_PAGE + (u64)index * AGNOCAST_ROSTER_STRIDE;
}

static int get_page(struct agk_roster *roster, u32 page,
		    agk_roster_page_fn get, void *home)
{
	if (!roster->page[page])
		roster->page[page] = get(home, agk_roster_offset(roster->index) /
						AGNOCAST_ROSTER_PAGE + page);
	return roster->page[page] ? 0 : -ENOMEM;
}

int agk_roster_reserve(struct agk_roster *roster, u32 entries,
		       agk_roster_page_fn get, void *home)
{
	u32 pages = (entries + ENTRIES_PER_PAGE - 1) / ENTRIES_PER_PAGE;
	u32 i;
	int ret = get_page(roster, 0, get, home);

	for (i = 0; !ret && i < pages; i++) {
		ret = get_page(roster, 1 + i, get, home);
		if (!ret)
			ret = get_page(roster, 1 + COPY_PAGES + i, get, home);
	}
	return ret;
}

static struct agnocast_roster *head_of(struct agk_roster *roster)
{
	return roster->page[0];
}

void agk_roster_open(struct agk_roster *roster, u64 topic, const char *name)
{
	struct agnocast_roster *head = head_of(roster);

	memset(head->name, 0, sizeof(head->name));
	strscpy(head->name, name, sizeof(head->name));
	smp_wmb();	/* observers that see the id see the name */
	WRITE_ONCE(head->topic, topic);
}

void agk_roster_close(struct agk_roster *roster)
{
	WRITE_ONCE(head_of(roster)->topic, 0);
	agk_roster_publish(roster, 0);
}

static u32 next_copy(struct agk_roster *roster)
{
	return (head_of(roster)->generation + 1) & 1;
}

void agk_roster_put(struct agk_roster *roster, u32 at,
		    const struct agnocast_roster_entry *entry)
{
	u32 page = 1 + next_copy(roster) * COPY_PAGES + at / ENTRIES_PER_PAGE;
	struct agnocast_roster_entry *to = roster->page[page];
	const u64 *from = (const u64 *)entry;
	u64 *words = (u64 *)&to[at % ENTRIES_PER_PAGE];
	u32 i;

	/* Word by word: a reader that is late may look at the same time. */
	for (i = 0; i < sizeof(*entry) / sizeof(u64); i++)
		WRITE_ONCE(words[i], from[i]);
}

void agk_roster_publish(struct agk_roster *roster, u32 entries)
{
	struct agnocast_roster *head = head_of(roster);

	WRITE_ONCE(head->count[next_copy(roster)], entries);
	/* Pairs with the reader's acquire load of the generation. */
	smp_store_release(&head->generation, head->generation + 1);
	/*
	 * The next list overwrites the copy that was published until now: only
	 * after every reader of it can see that it is no longer. Pairs with the
	 * acquire fence before a reader's second look at the generation.
	 */
	smp_wmb();
}
