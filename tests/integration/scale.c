/* SPDX-License-Identifier: BSD-2-Clause */
/* scale.c - many topics, many endpoints, and what is mapped for them */

#include <stdlib.h>
#include <string.h>

#include "harness.h"

static unsigned int many(unsigned int natively, unsigned int emulated)
{
	return getenv("AGNOCAST_VM") ? emulated : natively;
}

static void a_thousand_topics_in_one_process(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();
	unsigned int n = many(1000, 60);
	char expected[64];

	for (unsigned int i = 0; i < n; i++) {
		EXPECT(ask(sub, "sub %u /topic/%u 4 0", i, i), "0");
		EXPECT(ask(pub, "pub %u /topic/%u 4 0", i, i), "0");
	}
	for (unsigned int i = 0; i < n; i++)
		EXPECT(ask(pub, "publish %u %u 1", i, i + 1), "0");
	for (unsigned int i = 0; i < n; i++) {
		snprintf(expected, sizeof(expected), "%u 1", i + 1);
		EXPECT(ask(sub, "take %u 20000 0", i), expected);
		EXPECT(ask(sub, "release"), "0 -22");
	}
}

static void two_hundred_and_fifty_endpoints_on_one_topic(void)
{
	unsigned int each = many(25, 5), processes = 5;
	struct agent *pubs[5], *subs[5];
	char expected[64];

	for (unsigned int p = 0; p < processes; p++) {
		pubs[p] = agent_start();
		subs[p] = agent_start();
		for (unsigned int i = 0; i < each; i++) {
			EXPECT(ask(subs[p], "sub %u /all 1000 0", i), "0");
			EXPECT(ask(pubs[p], "pub %u /all 1000 0", i), "0");
		}
	}
	snprintf(expected, sizeof(expected), "0 0 0 0 0 %u", each * processes);
	for (unsigned int p = 0; p < processes; p++)
		for (unsigned int i = 0; i < each; i++) {
			char command[32];

			snprintf(command, sizeof(command), "stats %u", i);
			EVENTUALLY(subs[p], command, expected);
		}
	for (unsigned int p = 0; p < processes; p++)
		for (unsigned int i = 0; i < each; i++)
			EXPECT(ask(pubs[p], "publish %u %u 1", i, 1 + p * each + i), "0");
	/* The oldest first, whoever published it. */
	snprintf(expected, sizeof(expected), "%u 1 %u 1", each * processes, each * processes);
	for (unsigned int p = 0; p < processes; p++)
		for (unsigned int i = 0; i < each; i++)
			EXPECT(ask(subs[p], "drain %u", i), expected);
}

/* How many mappings of @owner's area @reader has. */
static int mappings(pid_t reader, pid_t owner)
{
	char path[64], line[512], name[64];
	int n = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", reader);
	snprintf(name, sizeof(name), "/agnocast@%d", owner);
	maps = fopen(path, "r");
	while (maps && fgets(line, sizeof(line), maps))
		n += strstr(line, name) != NULL;
	if (maps)
		fclose(maps);
	return n;
}

static void two_subscriptions_of_a_process_map_the_publisher_once(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	CHECK(mappings(sub->pid, pub->pid) == 1);
	EXPECT(ask(sub, "sub 1 /a 10 0"), "0");
	EXPECT(ask(pub, "pub 1 /b 10 0"), "0");
	EXPECT(ask(sub, "sub 2 /b 10 0"), "0");
	CHECK(mappings(sub->pid, pub->pid) == 1);
	EXPECT(ask(pub, "publish 0 1 3"), "0");
	EXPECT(ask(sub, "drain 0"), "3 1 3 1");
	EXPECT(ask(sub, "drain 1"), "3 1 3 1");
	EXPECT(ask(sub, "unsub 0"), "0");
	EXPECT(ask(sub, "unsub 1"), "0");
	CHECK(mappings(sub->pid, pub->pid) == 1);
}

static void late_joiners_get_what_is_kept_oldest_first(void)
{
	static const unsigned int depths[] = { 1, 10, 100 };
	struct agent *pub = agent_start(), *sub = agent_start();
	unsigned int at = 0;
	char expected[64];

	for (int i = 0; i < 3; i++) {
		EXPECT(ask(pub, "pub %d /tl/%d %u 1", i, i, depths[i]), "0");
		EXPECT(ask(pub, "publish %d 1 250", i), "0");
		for (int j = 0; j < 3; j++, at++) {
			unsigned int n = depths[i] < depths[j] ? depths[i] : depths[j];

			EXPECT(ask(sub, "sub %u /tl/%d %u 1", at, i, depths[j]), "0");
			snprintf(expected, sizeof(expected), "%u %u 250 1", n, 251 - n);
			/* At once: no waiting for anything. */
			EXPECT(ask(sub, "drain %u", at), expected);
		}
	}
}

/* What waits for a newcomer to be mapped may be more than a publisher keeps otherwise. */
static void a_newcomer_costs_no_message(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /burst 1 0"), "0");
	for (unsigned int i = 0; i < many(40, 5); i++) {
		EXPECT(ask(sub, "sub %u /burst 1 0", i), "0");
		EXPECT(ask(pub, "publish 0 %u 900", i * 900 + 1), "0");
	}
}

static const struct test tests[] = {
	{ "a_thousand_topics_in_one_process", a_thousand_topics_in_one_process },
	{ "two_hundred_and_fifty_endpoints_on_one_topic",
	  two_hundred_and_fifty_endpoints_on_one_topic },
	{ "two_subscriptions_of_a_process_map_the_publisher_once",
	  two_subscriptions_of_a_process_map_the_publisher_once },
	{ "late_joiners_get_what_is_kept_oldest_first",
	  late_joiners_get_what_is_kept_oldest_first },
	{ "a_newcomer_costs_no_message", a_newcomer_costs_no_message },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
