/* SPDX-License-Identifier: BSD-2-Clause */
/* names.c - topics and address spaces that inputs choose from */

#include "names.h"

u64 keys[KEYS];
char names[NAMES][AGNOCAST_TOPIC_MAX];
u32 names_count;

static u32 bucket_of_name(const char *name)
{
	/* The core's hash; should it change, the names below just no longer collide. */
	u64 hash = 0xcbf29ce484222325ULL;

	while (*name)
		hash = (hash ^ (u8)*name++) * 0x100000001b3ULL;
	return (hash * 0x9E3779B97F4A7C15ULL >> 32) % AGK_BUCKETS;
}

static void choose_names(void)
{
	static const char *const given[] = {
		"/a", "/ab", "/a/b", "/\xff\x01", "", "/", "a",
	};
	char name[AGNOCAST_TOPIC_MAX];

	for (u32 i = 0; i < ARRAY_SIZE(given); i++)
		strcpy(names[names_count++], given[i]);
	/* Three that share a bucket with "/a". */
	for (u32 i = 0; names_count < ARRAY_SIZE(given) + 3; i++) {
		sprintf(name, "/%u", i);
		if (bucket_of_name(name) == bucket_of_name("/a"))
			strcpy(names[names_count++], name);
	}
	names[names_count][0] = '/';		/* as long as they get */
	memset(names[names_count++] + 1, 'x', AGNOCAST_TOPIC_MAX - 2);
	names[names_count][0] = '/';		/* and one longer: no end */
	memset(names[names_count++] + 1, 'x', AGNOCAST_TOPIC_MAX - 1);
}

static void choose_keys(void)
{
	static struct list_head buckets[AGK_BUCKETS];
	u32 n = 0;

	keys[n++] = 7;
	for (u64 key = 8; n < 3; key++)
		if (agk_bucket(buckets, key) == agk_bucket(buckets, 7))
			keys[n++] = key;
	keys[n++] = 0;
	keys[n++] = ~0ULL;
	keys[n++] = 0xffff888000000040ULL;
}

void names_choose(void)
{
	choose_names();
	choose_keys();
}
