/* SPDX-License-Identifier: BSD-2-Clause */
/* compare.c - is what the core holds and shows what the model says? */

#include "compare.h"

#include <stdlib.h>

#define PAGES (AGNOCAST_ROSTERS_SIZE / AGNOCAST_ROSTER_PAGE)
#define PER_PAGE (AGNOCAST_ROSTER_PAGE / sizeof(struct agnocast_roster_entry))

static char *pages[PAGES];

/* A roster as a reader found it the last time. */
static struct view {
	u64	topic;
	u32	generation, count;
	char	name[AGNOCAST_TOPIC_MAX];
	struct agnocast_roster_entry entry[AGNOCAST_ENDPOINTS_MAX]; /* .count of them */
} last_view[AGNOCAST_TOPICS_MAX];

void *rosters_page(void *home, u64 index)
{
	(void)home;
	if (index >= PAGES)
		disagree("page %llu asked for, the file has %llu",
			 (unsigned long long)index, (unsigned long long)PAGES);
	if (agk_alloc_fails && agk_alloc_fails())
		return NULL;
	if (!pages[index])
		pages[index] = calloc(1, AGNOCAST_ROSTER_PAGE);
	return pages[index];
}

void rosters_free(void)
{
	for (u32 i = 0; i < PAGES; i++) {
		free(pages[i]);
		pages[i] = NULL;
	}
	for (u32 i = 0; i < AGNOCAST_TOPICS_MAX; i++)
		memset(&last_view[i], 0, offsetof(struct view, entry));
}

static const struct agnocast_roster *head_at(u64 offset)
{
	if (offset % AGNOCAST_ROSTER_PAGE || offset >= AGNOCAST_ROSTERS_SIZE)
		return NULL;
	return (const void *)pages[offset / AGNOCAST_ROSTER_PAGE];
}

u64 rosters_topic_at(u64 offset)
{
	const struct agnocast_roster *head = head_at(offset);

	return head ? head->topic : 0;
}

/* One copy of a list. Entries in pages that are not there read as zeros. */
static void read_copy(u64 offset, u32 copy, u32 count, struct agnocast_roster_entry *to)
{
	u64 first = (offset + AGNOCAST_ROSTER_PAGE + copy * AGNOCAST_ROSTER_COPY) /
		    AGNOCAST_ROSTER_PAGE;

	for (u32 i = 0; i < count; i++) {
		const struct agnocast_roster_entry *page =
			(const void *)pages[first + i / PER_PAGE];

		memset(&to[i], 0, sizeof(to[i]));
		if (page)
			to[i] = page[i % PER_PAGE];
	}
}

static void read_roster(u64 offset, struct view *view)
{
	const struct agnocast_roster *head = head_at(offset);

	memset(view, 0, offsetof(struct view, entry));
	if (!head)
		return;
	view->topic = head->topic;
	view->generation = head->generation;
	view->count = head->count[head->generation & 1];
	memcpy(view->name, head->name, sizeof(view->name));
	if (view->count > AGNOCAST_ENDPOINTS_MAX)
		disagree("roster of %s: %u entries", view->name, view->count);
	read_copy(offset, head->generation & 1, view->count, view->entry);
}

static bool same_entries(const struct view *one, const struct view *two)
{
	return one->topic == two->topic && one->count == two->count &&
	       !memcmp(one->entry, two->entry, one->count * sizeof(one->entry[0]));
}

/*
 * A list that changed has a new generation, or its readers sleep on; one that
 * did not keeps it, or they wake for nothing. A reader that is still in the
 * list before this one finds it whole.
 */
static void compare_generations(u64 offset, const struct view *was, const struct view *is)
{
	struct agnocast_roster_entry entry[AGNOCAST_ENDPOINTS_MAX];

	if (same_entries(was, is) != (was->generation == is->generation))
		disagree("roster at %llu %s, its generation went from %u to %u",
			 (unsigned long long)offset,
			 same_entries(was, is) ? "did not change" : "changed",
			 was->generation, is->generation);
	if (is->generation != was->generation + 1)
		return;
	read_copy(offset, was->generation & 1, was->count, entry);
	if (memcmp(entry, was->entry, was->count * sizeof(entry[0])))
		disagree("roster at %llu: the list before was overwritten",
			 (unsigned long long)offset);
}

static const struct model_topic *topic_at(const struct model *m, u64 offset)
{
	for (size_t i = 0; i < m->topics; i++)
		if (m->topic[i].roster == offset)
			return &m->topic[i];
	return NULL;
}

static void compare_roster(const struct model *m, u32 index)
{
	u64 offset = AGNOCAST_ROSTER_PAGE + (u64)index * AGNOCAST_ROSTER_STRIDE;
	const struct model_topic *topic = topic_at(m, offset);
	static struct view is, want;

	read_roster(offset, &is);
	memset(&want, 0, offsetof(struct view, entry));
	if (topic) {
		want.topic = topic->id;
		want.count = model_roster(m, topic->id, want.entry);
		if (memcmp(is.name, topic->name, sizeof(is.name)))
			disagree("roster of %s is called %s", topic->name, is.name);
	}
	if (!same_entries(&is, &want))
		disagree("roster at %llu (%s): %u entries of topic %llu, not these %u of %llu",
			 (unsigned long long)offset, topic ? topic->name : "unused",
			 is.count, (unsigned long long)is.topic,
			 want.count, (unsigned long long)want.topic);
	compare_generations(offset, &last_view[index], &is);
	memcpy(&last_view[index], &is, offsetof(struct view, entry) +
	       is.count * sizeof(is.entry[0]));
}

static void compare_first_page(const struct model *m)
{
	const struct agnocast_rosters *first = (const void *)pages[0];

	if (first->magic != AGNOCAST_ROSTERS_MAGIC || first->abi != AGNOCAST_ABI_VERSION ||
	    first->topics_max != AGNOCAST_TOPICS_MAX || first->stride != AGNOCAST_ROSTER_STRIDE)
		disagree("first page of the rosters is damaged");
	if (first->sessions != m->joins_and_ends || first->stale != m->stale_ever)
		disagree("%u joins and ends, %u stale; the rosters say %u, %u",
			 m->joins_and_ends, m->stale_ever, first->sessions, first->stale);
	if (first->awaited != m->awaited)
		disagree("%u awaited, must be %u", first->awaited, m->awaited);
}

static void compare_window(const struct agk_world *world, const struct model *m)
{
	u32 taken = 0;

	for (u32 i = 0; i < m->areas; i++) {
		const struct agk_slot *slot = &world->window.slot[i];
		u32 pins = model_pins(m, i);
		bool live = model_slot_is_live(m, i);

		if (slot->live != live || slot->pins != pins)
			disagree("slot %u: live %d, %u pins; must be %d, %u",
				 i, slot->live, slot->pins, live, pins);
		taken += live || pins;
	}
	if (world->window.taken != taken)
		disagree("%u slots taken, must be %u", world->window.taken, taken);
}

static void compare_counters(const struct agk_world *world, const struct model *m)
{
	if (world->sessions_count != m->sessions || world->topics_count != m->topics ||
	    world->stale_count != m->stales)
		disagree("counts %u sessions %u topics %u stale, must be %zu %zu %zu",
			 world->sessions_count, world->topics_count, world->stale_count,
			 m->sessions, m->topics, m->stales);
	if (world->free_rosters != AGNOCAST_TOPICS_MAX - m->topics)
		disagree("%u rosters free with %zu topics", world->free_rosters, m->topics);
}

static void compare_list(struct agk_world *world, const struct model *m, u32 what, size_t count)
{
	/* Room for one more than there must be. */
	u64 len = (count + 1) * agk_list_record_size(what);
	struct agnocast_list is = { .what = what, .buf_len = len }, want = is;
	char *got = malloc(len), *expected = calloc(1, len);

	if (agk_list(world, &is, got) || model_list(m, &want, expected))
		disagree("list %u fails", what);
	if (is.count != want.count || is.next != want.next ||
	    memcmp(got, expected, is.count * is.record_size))
		disagree("list %u: %u records up to %llu, must be others (%u up to %llu)",
			 what, is.count, (unsigned long long)is.next,
			 want.count, (unsigned long long)want.next);
	free(got);
	free(expected);
}

void compare_all(struct agk_world *world, const struct model *m)
{
	compare_list(world, m, AGNOCAST_LIST_SESSIONS, m->sessions);
	compare_list(world, m, AGNOCAST_LIST_TOPICS, m->topics);
	compare_list(world, m, AGNOCAST_LIST_ENDPOINTS, m->endpoints);
	compare_list(world, m, AGNOCAST_LIST_MAPPINGS, m->mappings);
	compare_list(world, m, AGNOCAST_LIST_STALE, m->stales);
	for (u32 i = 0; i < AGNOCAST_TOPICS_MAX; i++)
		compare_roster(m, i);
	compare_first_page(m);
	compare_window(world, m);
	compare_counters(world, m);
}
