/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blind.c - publishers and subscriptions that cannot map each other's memory
 *
 * A process that may open no more descriptors cannot map anybody new. A
 * publisher like that cannot see what a subscription holds: it must not destroy
 * what is held, must not keep everything for ever, and the subscription's user
 * must hear of it.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "harness.h"

#define TL 1u		/* AGNOCAST_QOS_TRANSIENT_LOCAL */
#define POLLABLE 4u	/* AGNOCAST_POLLABLE */
#define NO_MORE 3u	/* no descriptor can be made */
#define PLENTY 1024u
#define FEW_ADDRESSES (UINT64_C(40) << 30)	/* more than an area, less than the window */
#define IN_THE_WAY 40u	/* more than are tried in one round */

/* What "destroyed" answers if these values are gone, once each. */
static const char *sum_of(unsigned long first, unsigned long last)
{
	unsigned long count = last - first + 1;

	return text("%lu %lu", count, (first + last) * count / 2);
}

/* What take answers when it tells of a publisher that is not read. */
static const char *refused(void)
{
	static char buf[16];

	snprintf(buf, sizeof(buf), "%d", -ECONNREFUSED);
	return buf;
}

/* A publisher of /a with depth 10 that can map nobody. */
static struct agent *blind_publisher(void)
{
	struct agent *pub = agent_start();

	if (!answers_match(__FILE__, __LINE__, ask(pub, "pub 0 /a 10 %u", TL), "0") ||
	    !answers_match(__FILE__, __LINE__, ask(pub, "nofile %u", NO_MORE), "0"))
		return NULL;
	return pub;
}

static void its_user_hears_once_and_the_publisher_goes_on(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();

	CHECK(pub);
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "take 0 10000 0"), refused());
	EXPECT(ask(sub, "take 0 0 0"), "-11");
	EXPECT(ask(sub, "barred 0"), "1");
	EVENTUALLY(sub, "stats 0", "0 0 0 0 0 0");
	EXPECT(ask(pub, "publish 0 1 100"), "0");
	/* It has heard. */
	EVENTUALLY(pub, "destroyed", sum_of(1, 90));
	for (unsigned int i = 1; i < 30; i++)
		EXPECT(ask(pub, "publish 0 %u 100", 1 + i * 100), "0");
	/* 1 to 2990 are gone, once each. */
	EVENTUALLY(pub, "destroyed", sum_of(1, 2990));
	EXPECT(ask(sub, "take 0 0 0"), "-11");
}

static void a_sleeper_hears(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 1 /other 1 0"), "0");
	EXPECT(ask(pub, "nofile %u", NO_MORE), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	tell(sub, "take 0 -1 0");
	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(answer_of(sub), refused());
	EXPECT(ask(sub, "take 0 100 0"), "-11");
}

static void a_wait_set_hears(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 1 /other 1 0"), "0");
	EXPECT(ask(pub, "nofile %u", NO_MORE), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	tell(sub, "ready 0 10000");
	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(answer_of(sub), "1");
	EXPECT(ask(sub, "take 0 0 0"), refused());
	EXPECT(ask(sub, "ready 0 0"), "0");
}

static void an_event_loop_hears(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 1 /other 1 0"), "0");
	EXPECT(ask(pub, "nofile %u", NO_MORE), "0");
	EXPECT(ask(sub, "sub 0 /a 10 %u", POLLABLE), "0");
	EXPECT(ask(sub, "take 0 0 0"), "-11");
	EXPECT(ask(sub, "poll 0"), "0");
	tell(sub, "poll 10000");
	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(answer_of(sub), "1");
	/* It may be readable for nothing, but not for ever. */
	for (unsigned int i = 0; i < 100; i++) {
		if (strcmp(ask(sub, "take 0 0 0"), refused()) == 0)
			break;
		EXPECT(ask(sub, "poll 10000"), "1");
	}
	EXPECT(ask(sub, "take 0 0 0"), "-11");
	EVENTUALLY(sub, "poll 0", "0");
}

static void what_is_held_stays(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();

	CHECK(pub);
	EXPECT(ask(pub, "publish 0 1 3"), "0");
	/* It reads before the publisher can say anything. */
	CHECK(agent_stop(pub));
	EXPECT(ask(sub, "sub 0 /a 10 %u", TL), "0");
	EXPECT(ask(sub, "take 0 5000 0"), "1 1");
	EXPECT(ask(sub, "take 0 0 0"), "2 2");
	agent_continue(pub);
	EVENTUALLY(sub, "barred 0", "1");
	EXPECT(ask(sub, "take 0 0 0"), refused());
	EXPECT(ask(sub, "take 0 0 0"), "-11");
	EXPECT(ask(pub, "publish 0 4 500"), "0");
	EXPECT(ask(sub, "hold_check"), "2 of 2");
	EXPECT(ask(pub, "destroyed"), "0 0");
	EXPECT(ask(sub, "release"), "0 -22");
	EXPECT(ask(pub, "destroyed"), "0 0");
	EXPECT(ask(sub, "hold_check"), "1 of 1");
	EXPECT(ask(sub, "release"), "0 -22");
	EVENTUALLY(pub, "destroyed", sum_of(1, 493));
}

static void it_is_read_again_once_it_can_see(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();

	CHECK(pub);
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	for (unsigned int round = 1; round <= 3; round++) {
		EXPECT(ask(sub, "take 0 10000 0"), refused());
		EXPECT(ask(pub, "publish 0 1000 100"), "0");
		EXPECT(ask(pub, "nofile %u", PLENTY), "0");
		EVENTUALLY(sub, "barred 0", "0");
		CHECK(reached(pub, 1, 0));
		/* What is retained, perhaps; then what comes. */
		ask(sub, "drain 0");
		EXPECT(ask(pub, "publish 0 %u 1", round), "0");
		EXPECT(ask(sub, "take 0 5000 0"), text("%u %u", round, round * 101));
		EXPECT(ask(sub, "release"), "0 -22");
		EXPECT(ask(sub, "take 0 0 0"), "-11");
		if (round == 3)
			break;
		/* Blind once more: to a new process. */
		agent_quit(sub);
		EXPECT(ask(pub, "nofile %u", NO_MORE), "0");
		sub = agent_start();
		EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	}
}

static void others_are_read_as_before(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start(), *other = agent_start();

	CHECK(pub);
	EXPECT(ask(other, "pub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "take 0 10000 0"), refused());
	EXPECT(ask(other, "publish 0 7 3"), "0");
	EXPECT(ask(pub, "publish 0 100 100"), "0");
	EXPECT(ask(sub, "drain 0"), "3 7 9 1");
	EXPECT(ask(sub, "take 0 0 0"), "-11");
	EVENTUALLY(sub, "stats 0", "0 3 0 0 0 1");
}

static void each_subscription_hears(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();

	CHECK(pub);
	EXPECT(ask(pub, "pub 1 /b 10 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "take 0 10000 0"), refused());
	EXPECT(ask(sub, "sub 1 /b 10 0"), "0");
	EXPECT(ask(sub, "sub 2 /a 10 0"), "0");
	/* The publisher's process is known to be blind: they hear at once. */
	EXPECT(ask(sub, "take 1 0 0"), refused());
	EXPECT(ask(sub, "take 2 0 0"), refused());
	/* The publishers hear of the new ones when the library's thread has looked. */
	EXPECT(ask(pub, "publish 1 1 100"), "0");
	EVENTUALLY(pub, "destroyed", sum_of(1, 90));
	EXPECT(ask(pub, "publish 0 91 100"), "0");
	EVENTUALLY(pub, "destroyed", sum_of(1, 180));
	EXPECT(ask(pub, "publish 1 1 2000"), "0");
	EXPECT(ask(pub, "publish 0 1 2000"), "0");
	for (unsigned int i = 0; i < 3; i++)
		EXPECT(ask(sub, "take %u 0 0", i), "-11");
}

/* Who says nothing may hold anything. */
static void without_an_answer_messages_are_kept(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();
	unsigned long kept = 0;
	int ret = 0;

	CHECK(pub);
	CHECK(agent_stop(pub));
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	CHECK(agent_stop(sub));
	agent_continue(pub);
	CHECK(sscanf(ask(pub, "publish 0 1 5000"), "%d after %lu", &ret, &kept) == 2);
	/* 1,024 and a batch beyond the ring, which holds a few more than 10. */
	CHECK(ret == -ENOBUFS && kept >= 1066 && kept <= 1080);
	EXPECT(ask(pub, "destroyed"), "0 0");
	agent_continue(sub);
	EVENTUALLY(sub, "barred 0", "1");
	EXPECT(ask(sub, "take 0 0 0"), refused());
	EVENTUALLY(pub, "destroyed", sum_of(1, kept - 10));
	EXPECT(ask(pub, "publish 0 5000 2000"), "0");
}

static void its_death_is_enough(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();

	CHECK(pub);
	CHECK(agent_stop(pub));
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	CHECK(agent_stop(sub));
	agent_continue(pub);
	EXPECT(ask(pub, "publish 0 1 500"), "0");
	EXPECT(ask(pub, "destroyed"), "0 0");
	agent_kill(sub, SIGKILL);
	EVENTUALLY(pub, "destroyed", sum_of(1, 490));
}

static void a_withdrawn_one_destroys_all(void)
{
	struct agent *pub = blind_publisher(), *sub = agent_start();

	CHECK(pub);
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "take 0 10000 0"), refused());
	EXPECT(ask(pub, "publish 0 1 10"), "0");
	EXPECT(ask(pub, "unpub 0"), "0");
	EVENTUALLY(pub, "destroyed", "10 55");
	EVENTUALLY(sub, "barred 0", "0");
}

/* The other way round: the subscription cannot map the publisher. */
static void who_cannot_map_a_publisher_hears_too(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "nofile %u", NO_MORE), "0");
	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "take 0 10000 0"), refused());
	EXPECT(ask(sub, "take 0 0 0"), "-11");
	EXPECT(ask(sub, "barred 0"), "1");
	EXPECT(ask(pub, "publish 0 1 2000"), "0");
	EXPECT(ask(sub, "nofile %u", PLENTY), "0");
	EVENTUALLY(sub, "barred 0", "0");
	EXPECT(ask(sub, "drain 0"), "10 1991 2000 1");
	EXPECT(ask(pub, "publish 0 2001 1"), "0");
	EXPECT(ask(sub, "take 0 5000 0"), "2001 2001");
}

/* Its addresses are limited: it has not reserved the window, so that others may lie there. */
static struct agent *start_with_few_addresses(void)
{
	struct rlimit before, few = { .rlim_cur = FEW_ADDRESSES };
	struct agent *agent;

	getrlimit(RLIMIT_AS, &before);
	few.rlim_max = before.rlim_max;
	if (setrlimit(RLIMIT_AS, &few))
		return NULL;
	agent = agent_start();
	setrlimit(RLIMIT_AS, &before);
	return agent;
}

/* Subscriptions that can never be mapped, more than one round tries, and one that can. */
static void those_in_the_way_do_not_keep_others_waiting(void)
{
	struct agent *pub = start_with_few_addresses(), *blind = agent_start();
	struct agent *sub = agent_start();

	CHECK(pub);
	EXPECT(ask(blind, "hold_check"), "0 of 0");	/* it is there */
	EXPECT(ask(pub, "obstruct %d", blind->pid), "0");
	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	for (unsigned int i = 0; i < IN_THE_WAY; i++)
		EXPECT(ask(blind, "sub %u /a 10 0", i), "0");
	for (unsigned int i = 0; i < IN_THE_WAY; i++)
		EXPECT(ask(blind, "take %u 10000 0", i), refused());
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	CHECK(reached(pub, IN_THE_WAY + 1, IN_THE_WAY));
	/* Its claims are seen, and those of nobody else are waited for. */
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	EXPECT(ask(sub, "take 0 5000 0"), "1 1");
	EXPECT(ask(pub, "publish 0 2 100"), "0");
	EVENTUALLY(pub, "destroyed", sum_of(2, 91));
	EXPECT(ask(pub, "publish 0 102 1900"), "0");
	EVENTUALLY(pub, "destroyed", sum_of(2, 1991));
	EXPECT(ask(sub, "hold_check"), "1 of 1");
	EXPECT(ask(sub, "release"), "0 -22");
	EXPECT(ask(sub, "drain 0"), "10 1992 2001 1");
	EVENTUALLY(pub, "destroyed", sum_of(1, 1991));
	for (unsigned int i = 0; i < IN_THE_WAY; i++)
		EXPECT(ask(blind, "take %u 0 0", i), "-11");
}

static const struct test tests[] = {
	{ "its_user_hears_once_and_the_publisher_goes_on",
	  its_user_hears_once_and_the_publisher_goes_on },
	{ "a_sleeper_hears", a_sleeper_hears },
	{ "a_wait_set_hears", a_wait_set_hears },
	{ "an_event_loop_hears", an_event_loop_hears },
	{ "what_is_held_stays", what_is_held_stays },
	{ "it_is_read_again_once_it_can_see", it_is_read_again_once_it_can_see },
	{ "others_are_read_as_before", others_are_read_as_before },
	{ "each_subscription_hears", each_subscription_hears },
	{ "without_an_answer_messages_are_kept", without_an_answer_messages_are_kept },
	{ "its_death_is_enough", its_death_is_enough },
	{ "a_withdrawn_one_destroys_all", a_withdrawn_one_destroys_all },
	{ "who_cannot_map_a_publisher_hears_too", who_cannot_map_a_publisher_hears_too },
	{ "those_in_the_way_do_not_keep_others_waiting",
	  those_in_the_way_do_not_keep_others_waiting },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
