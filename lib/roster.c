/* SPDX-License-Identifier: BSD-2-Clause */
/* roster.c - reading the registry's lists of endpoints */

#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "start.h"

#define TRIES 4

static const struct agnocast_rosters *rosters;

int rosters_open(void)
{
	return rosters ? 0 : rosters_reopen();
}

int rosters_reopen(void)
{
	struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 };
	void *map;
	int ret;

	ret = registry_client_call(&registry, AGNOCAST_OPEN_ROSTERS_CMD, &args);
	if (ret)
		return ret;
	if (args.size < AGNOCAST_ROSTERS_SIZE) {
		close(args.fd_out);
		return -EPROTO;
	}
	map = mmap(NULL, AGNOCAST_ROSTERS_SIZE, PROT_READ, MAP_SHARED, args.fd_out, 0);
	ret = map == MAP_FAILED ? -errno : 0;
	close(args.fd_out);
	if (ret)
		return ret;
	madvise(map, AGNOCAST_ROSTERS_SIZE, MADV_DONTFORK);
	madvise(map, AGNOCAST_ROSTERS_SIZE, MADV_DONTDUMP);
	rosters = map;
	return 0;
}

const struct agnocast_roster *roster_at(uint64_t offset)
{
	if (!rosters || offset < AGNOCAST_ROSTER_PAGE ||
	    (offset - AGNOCAST_ROSTER_PAGE) % AGNOCAST_ROSTER_STRIDE ||
	    offset > AGNOCAST_ROSTERS_SIZE - AGNOCAST_ROSTER_STRIDE)
		return NULL;
	return (const void *)((const char *)rosters + offset);
}

uint32_t rosters_stale(void)
{
	return rosters ? __atomic_load_n(&rosters->stale, __ATOMIC_RELAXED) : 0;
}

uint32_t rosters_awaited(void)
{
	/* Acquire: who sees none awaited sees what the last one registered. */
	return rosters ? __atomic_load_n(&rosters->awaited, __ATOMIC_ACQUIRE) : 0;
}

static const struct agnocast_roster_entry *copy_of(const struct agnocast_roster *roster,
						   uint32_t generation)
{
	return (const void *)((const char *)roster + AGNOCAST_ROSTER_PAGE +
			      (generation & 1) * AGNOCAST_ROSTER_COPY);
}

/* Word by word: the registry may rewrite it meanwhile, which the caller notices. */
static void load_entry(struct agnocast_roster_entry *to,
		       const struct agnocast_roster_entry *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t words[sizeof(*to) / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		words[i] = __atomic_load_n(&in[i], __ATOMIC_RELAXED);
	memcpy(to, words, sizeof(*to));
}

static bool try_read(const struct agnocast_roster *roster, uint64_t topic, uint32_t kind,
		     struct agnocast_roster_entry *to, uint32_t *count, uint32_t *generation)
{
	uint32_t seen = roster_generation(roster);
	const struct agnocast_roster_entry *from = copy_of(roster, seen);
	uint32_t n = __atomic_load_n(&roster->count[seen & 1], __ATOMIC_RELAXED);

	*count = 0;
	*generation = seen;
	if (n > AGNOCAST_ENDPOINTS_MAX)
		n = AGNOCAST_ENDPOINTS_MAX;
	for (uint32_t i = 0; i < n; i++) {
		struct agnocast_roster_entry entry;

		load_entry(&entry, &from[i]);
		if (entry.kind == kind)
			to[(*count)++] = entry;
	}
	if (roster_topic(roster) != topic)
		*count = 0;
	/*
	 * Orders the loads above before the second look. Pairs with the write
	 * barrier after the registry's store of the generation: whoever saw a
	 * rewritten word sees that the generation moved.
	 */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&roster->generation, __ATOMIC_RELAXED) == seen;
}

int roster_read(const struct agnocast_roster *roster, uint64_t topic, uint32_t kind,
		struct agnocast_roster_entry **entries, uint32_t *count, uint32_t *generation)
{
	struct agnocast_roster_entry *to =
		malloc(AGNOCAST_ENDPOINTS_MAX * sizeof(*to));

	if (!to)
		return -ENOMEM;
	for (int i = 0; i < TRIES; i++) {
		if (try_read(roster, topic, kind, to, count, generation)) {
			*entries = to;
			return 0;
		}
	}
	free(to);
	return -EAGAIN;
}

int roster_blind(const struct agnocast_roster *roster, uint64_t topic, uint32_t kind,
		 uint64_t generation, uint32_t *blind)
{
	struct agnocast_roster_entry *entries;
	uint32_t count, seen;
	int ret = roster_read(roster, topic, kind, &entries, &count, &seen);

	if (ret)
		return ret;
	*blind = 0;
	for (uint32_t i = 0; i < count; i++)
		if (entries[i].generation == generation)
			*blind = entries[i].blind;
	free(entries);
	return 0;
}

#define FIND_PAGE 64	/* topics asked for at once */

static const struct agnocast_topic_info *named(const struct agnocast_topic_info *info,
					       uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strncmp(info[i].name, name, sizeof(info->name)))
			return &info[i];
	return NULL;
}

int roster_find(const char *name, const struct agnocast_roster **roster, uint64_t *topic)
{
	struct agnocast_topic_info *info = calloc(FIND_PAGE, sizeof(*info));
	const struct agnocast_topic_info *found = NULL;
	uint64_t cursor = 0;
	int ret = info ? 0 : -ENOMEM;

	while (!ret && !found) {
		struct agnocast_list list = {
			.what = AGNOCAST_LIST_TOPICS, .cursor = cursor,
			.buf = (uintptr_t)info, .buf_len = FIND_PAGE * sizeof(*info),
		};

		ret = registry_client_call(&registry, AGNOCAST_LIST_CMD, &list);
		if (!ret && !list.count)
			ret = -ENOENT;
		if (!ret)
			found = named(info, list.count, name);
		cursor = list.next;
	}
	if (found) {
		*roster = roster_at(found->roster);
		*topic = found->topic;
		ret = *roster ? 0 : -EPROTO;
	}
	free(info);
	return ret;
}
