/* SPDX-License-Identifier: BSD-2-Clause */
/* messages.c - what users count on from publish, take and release */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "harness.h"

#define TL 1u		/* AGNOCAST_QOS_TRANSIENT_LOCAL */
#define LOCAL 2u	/* AGNOCAST_QOS_IGNORE_LOCAL */

static void one_message_by_pointer(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(pub, "publish 0 7 1"), "0");
	/* The agent checks that the pointer is the one that was published. */
	EXPECT(ask(sub, "take 0 5000 0"), "7 1");
	EXPECT(ask(sub, "release"), "0 -22");
	EXPECT(ask(sub, "take 0 0 0"), "-11");
}

static void in_order_and_once(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(sub, "sub 0 /a 100 0"), "0");
	EXPECT(ask(pub, "pub 0 /a 100 0"), "0");
	EVENTUALLY(sub, "stats 0", "0 0 0 0 0 1");
	for (unsigned int i = 0; i < 20; i++) {
		EXPECT(ask(pub, "publish 0 %u 50", 1 + i * 50), "0");
		EXPECT(ask(sub, "drain 0"), text("50 %u %u 1", 1 + i * 50, 50 + i * 50));
	}
	EXPECT(ask(sub, "stats 0"), "0 1000 0 0 0 1");
}

/* One row of the matrix: 150 messages, nobody reads meanwhile. */
static void matrix_row(unsigned int pub_depth, unsigned int sub_depth, bool before,
		       bool tl, bool latest)
{
	struct agent *pub = agent_start(), *sub = agent_start();
	unsigned int least = pub_depth < sub_depth ? pub_depth : sub_depth;
	unsigned int expected = before && !tl ? 0 : least;

	EXPECT(ask(pub, "pub 0 /m %u %u", pub_depth, tl ? TL : 0), "0");
	if (before)
		EXPECT(ask(pub, "publish 0 1 150"), "0");
	EXPECT(ask(sub, "sub 0 /m %u %u", sub_depth, tl ? TL : 0), "0");
	if (!before)
		EXPECT(ask(pub, "publish 0 1 150"), "0");
	if (latest) {
		if (expected)
			EXPECT(ask(sub, "take 0 5000 1"), "150 150");
		EXPECT(ask(sub, "take 0 0 1"), "-11");
		EXPECT(ask(sub, "take 0 0 0"), "-11");
	} else if (expected) {
		EXPECT(ask(sub, "drain 0"), text("%u %u 150 1", expected, 151 - expected));
	} else {
		EXPECT(ask(sub, "drain 0"), "0 0 0 1");
	}
	if (!before && !latest)
		EXPECT(ask(sub, "stats 0"),
		       text("0 %u %u 0 0 1", expected, 150 - expected));
	agent_quit(sub);
	agent_quit(pub);
}

static void keep_last_matrix(void)
{
	static const unsigned int depths[] = { 1, 10, 100 };

	/* An emulated machine takes a second for each row: a quarter of them there. */
	bool emulated = getenv("AGNOCAST_VM");

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			for (int k = 0; k < 8; k++)
				if (!emulated || (i + j + k) % 4 == 0)
					matrix_row(depths[i], depths[j], k & 1, k & 2, k & 4);
}

static void destroyed_once_and_bounded(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 5 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 5 0"), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	CHECK(reached(pub, 1, 0));
	EXPECT(ask(pub, "publish 0 2 99"), "0");
	/* 1 to 95 are gone, once each; 96 to 100 are kept. */
	EVENTUALLY(pub, "destroyed", "95 4560");
	EXPECT(ask(sub, "drain 0"), "5 96 100 1");
}

static void held_messages_stay(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 4 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 4 0"), "0");
	for (unsigned int i = 1; i <= 8; i++) {
		EXPECT(ask(pub, "publish 0 %u 1", i), "0");
		EXPECT(ask(sub, "take 0 5000 0"), text("%u %u", i, i));
	}
	CHECK(reached(pub, 1, 0));
	EXPECT(ask(pub, "publish 0 9 1000"), "0");
	EXPECT(ask(sub, "hold_check"), "8 of 8");
	/* Published 1008, 4 in the ring, 8 held. */
	EVENTUALLY(pub, "destroyed", text("%u %lu", 996, 1008ul * 1009 / 2 - 36 -
					  (1005 + 1006 + 1007 + 1008)));
	EXPECT(ask(sub, "release_all"), "0");
	EXPECT(ask(pub, "publish 0 1009 1"), "0");
	EVENTUALLY(pub, "destroyed", text("%u %lu", 1005, 1005ul * 1006 / 2));
}

static void claims_are_bounded(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 100 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 100 0"), "0");
	EXPECT(ask(pub, "publish 0 1 70"), "0");
	for (unsigned int i = 1; i <= 64; i++)
		EXPECT(ask(sub, "take 0 5000 0"), text("%u %u", i, i));
	EXPECT(ask(sub, "take 0 0 0"), text("%d", -EMFILE));
	EXPECT(ask(sub, "release"), "0 -22");
	EXPECT(ask(sub, "take 0 0 0"), "65 65");
	EXPECT(ask(sub, "unsub 0"), text("%d", -EBUSY));
}

static void foreign_memory_is_refused(void)
{
	struct agent *pub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 1 0"), "0");
	EXPECT(ask(pub, "publish_foreign 0"), text("%d %d %d", -EFAULT, -EFAULT, -EFAULT));
	EXPECT(ask(pub, "pub_stats 0"), "0 0 0 0 0 0");
}

static void subscriber_cannot_write(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();
	int status;

	EXPECT(ask(pub, "pub 0 /a 1 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 1 0"), "0");
	EXPECT(ask(pub, "publish 0 7 1"), "0");
	EXPECT(ask(sub, "take 0 5000 0"), "7 1");
	tell(sub, "scribble");
	CHECK(waitpid(sub->pid, &status, 0) == sub->pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	sub->pid = 0;
	fclose(sub->to);
	fclose(sub->from);
	EXPECT(ask(pub, "publish 0 8 1"), "0");
}

static void two_and_two_in_every_layout(void)
{
	/* Which process each of pub 0, pub 1, sub 0, sub 1 lives in. */
	static const int layouts[][4] = {
		{ 0, 0, 0, 0 }, { 0, 0, 0, 1 }, { 0, 0, 1, 0 }, { 0, 0, 1, 1 },
		{ 0, 1, 0, 0 }, { 0, 1, 0, 1 }, { 0, 1, 1, 0 }, { 0, 1, 1, 1 },
		{ 0, 0, 1, 2 }, { 0, 1, 0, 2 }, { 0, 1, 2, 0 }, { 0, 1, 1, 2 },
		{ 0, 1, 2, 1 }, { 0, 1, 2, 2 }, { 0, 1, 2, 3 },
	};

	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		struct agent *agents[4] = { agent_start(), agent_start(), agent_start(),
					    agent_start() };
		struct agent *pub0 = agents[layouts[i][0]], *pub1 = agents[layouts[i][1]];
		struct agent *sub0 = agents[layouts[i][2]], *sub1 = agents[layouts[i][3]];

		EXPECT(ask(pub0, "pub 0 /a 100 0"), "0");
		EXPECT(ask(sub0, "sub 2 /a 100 0"), "0");
		EXPECT(ask(pub1, "pub 1 /a 100 0"), "0");
		EXPECT(ask(sub1, "sub 3 /a 100 0"), "0");
		EVENTUALLY(sub0, "stats 2", "0 0 0 0 0 2");
		EVENTUALLY(sub1, "stats 3", "0 0 0 0 0 2");
		EXPECT(ask(pub0, "publish 0 1 30"), "0");
		EXPECT(ask(pub1, "publish 1 31 30"), "0");
		/* The oldest visible first: all of one, then all of the other. */
		EXPECT(ask(sub0, "drain 2"), "60 1 60 1");
		EXPECT(ask(sub1, "drain 3"), "60 1 60 1");
		for (int j = 0; j < 4; j++)
			agent_quit(agents[j]);
	}
}

static void ignore_local(void)
{
	struct agent *both = agent_start(), *other = agent_start();

	EXPECT(ask(both, "pub 0 /a 10 0"), "0");
	EXPECT(ask(both, "sub 0 /a 10 %u", LOCAL), "0");
	EXPECT(ask(both, "sub 1 /a 10 0"), "0");
	EXPECT(ask(other, "pub 0 /a 10 0"), "0");
	EVENTUALLY(both, "stats 0", "0 0 0 0 0 1");
	EVENTUALLY(both, "stats 1", "0 0 0 0 0 2");
	EXPECT(ask(both, "publish 0 1 3"), "0");
	EXPECT(ask(other, "publish 0 4 2"), "0");
	EXPECT(ask(both, "drain 0"), "2 4 5 1");
	EXPECT(ask(both, "drain 1"), "5 1 5 1");
}

static void unread_messages_survive_the_publisher(void)
{
	struct agent *pub, *sub = agent_start();

	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	for (int round = 0; round < 2; round++) {
		pub = agent_start();
		EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
		EVENTUALLY(sub, "stats 0", text("0 %d 0 0 0 1", round * 5));
		EXPECT(ask(pub, "publish 0 1 5"), "0");
		EXPECT(ask(sub, "take 0 5000 0"), "1 1");
		if (round)
			agent_kill(pub, SIGKILL);
		else
			agent_quit(pub);
		EXPECT(ask(sub, "hold_check"), "1 of 1");
		EXPECT(ask(sub, "drain 0"), "4 2 5 1");
		EXPECT(ask(sub, "hold_check"), "1 of 1");
		EXPECT(ask(sub, "release_all"), "0");
		/* Drained, nothing held: unmapped. */
		EVENTUALLY(sub, "stats 0", text("0 %d 0 0 0 0", round * 5 + 5));
	}
}

static void a_withdrawn_publisher_is_drained_then_destroyed(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 10 0"), "0");
	EXPECT(ask(pub, "publish 0 1 5"), "0");
	EXPECT(ask(sub, "take 0 5000 0"), "1 1");
	EXPECT(ask(pub, "unpub 0"), "0");
	EXPECT(ask(pub, "destroyed"), "0 0");
	EXPECT(ask(sub, "drain 0"), "4 2 5 1");
	EVENTUALLY(pub, "destroyed", "4 14");
	EXPECT(ask(sub, "hold_check"), "1 of 1");
	EXPECT(ask(sub, "release_all"), "0");
	EVENTUALLY(pub, "destroyed", "5 15");
}

static void a_dead_holder_is_reclaimed(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 1 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 1 0"), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	EXPECT(ask(sub, "take 0 5000 0"), "1 1");
	CHECK(reached(pub, 1, 0));
	EXPECT(ask(pub, "publish 0 2 1"), "0");
	EXPECT(ask(pub, "destroyed"), "0 0");
	agent_kill(sub, SIGKILL);
	EVENTUALLY(pub, "destroyed", "1 1");
}

static bool no_names(void *pid)
{
	return !names_left(*(pid_t *)pid);
}

static void killed_and_restarted_ten_times(void)
{
	struct agent *pub = agent_start(), *other = agent_start();

	EXPECT(ask(pub, "pub 0 /a 4 0"), "0");
	EXPECT(ask(other, "sub 0 /a 4 0"), "0");
	for (unsigned int i = 0; i < 10; i++) {
		struct agent *sub = agent_start();
		pid_t pid = sub->pid;

		EXPECT(ask(sub, "sub 0 /a 4 0"), "0");
		EXPECT(ask(pub, "publish 0 %u 1", i + 1), "0");
		EXPECT(ask(sub, "take 0 5000 0"), text("%u %u", i + 1, i + 1));
		agent_kill(sub, SIGKILL);
		EXPECT(ask(other, "take 0 5000 0"), text("%u %u", i + 1, i + 1));
		EXPECT(ask(other, "release"), "0 -22");
		CHECK(wait_until(no_names, &pid));
	}
	CHECK(reached(pub, 1, 0));
}

static void nothing_is_left_behind(void)
{
	struct agent *quits = agent_start(), *execs = agent_start(), *stays = agent_start();
	pid_t quit_pid = quits->pid, exec_pid = execs->pid;

	EXPECT(ask(stays, "sub 0 /a 1 0"), "0");
	EXPECT(ask(quits, "pub 0 /a 1 0"), "0");
	EXPECT(ask(execs, "pub 0 /a 1 0"), "0");
	EVENTUALLY(stays, "stats 0", "0 0 0 0 0 2");
	agent_quit(quits);
	CHECK(!names_left(quit_pid));
	tell(execs, "exec");
	EVENTUALLY(stays, "stats 0", "0 0 0 0 0 0");
	CHECK(wait_until(no_names, &exec_pid));
	agent_kill(execs, SIGKILL);
}

static void a_sleeper_is_woken(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 1 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 1 0"), "0");
	for (unsigned int i = 1; i <= 200; i++) {
		tell(sub, "take 0 10000 0");
		EXPECT(ask(pub, "publish 0 %u 1", i), "0");
		EXPECT(answer_of(sub), text("%u %u", i, i));
		EXPECT(ask(sub, "release"), "0 -22");
	}
}

static void a_sleeper_hears_of_a_new_publisher(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(sub, "sub 0 /a 1 0"), "0");
	tell(sub, "take 0 10000 0");
	EXPECT(ask(pub, "pub 0 /a 1 0"), "0");
	EXPECT(ask(pub, "publish 0 5 1"), "0");
	EXPECT(answer_of(sub), "5 1");
}

static void timeouts_are_kept(void)
{
	struct agent *sub = agent_start();
	struct timespec before, after;
	double ms;

	EXPECT(ask(sub, "sub 0 /a 1 0"), "0");
	clock_gettime(CLOCK_MONOTONIC, &before);
	EXPECT(ask(sub, "take 0 200 0"), "-11");
	clock_gettime(CLOCK_MONOTONIC, &after);
	ms = (double)(after.tv_sec - before.tv_sec) * 1e3 +
	     (double)(after.tv_nsec - before.tv_nsec) / 1e6;
	CHECK(ms >= 199 && ms < 5000);
}

static void bad_topics_are_refused(void)
{
	struct agent *agent = agent_start();
	char name[260];

	EXPECT(ask(agent, "pub 0 a 1 0"), "-22");
	EXPECT(ask(agent, "pub 0 / 1 0"), "-22");
	EXPECT(ask(agent, "sub 0 chatter 1 0"), "-22");
	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[256] = '\0';
	EXPECT(ask(agent, "pub 0 %s 1 0", name), "-22");
	name[255] = '\0';
	EXPECT(ask(agent, "pub 0 %s 1 0", name), "0");
	EXPECT(ask(agent, "pub 1 /a 65537 0"), "-22");
	EXPECT(ask(agent, "pub 1 /a 1 128"), "-22");
}

static void a_prefix_is_another_topic(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(sub, "sub 0 /points 10 0"), "0");
	EXPECT(ask(sub, "sub 1 /point 10 0"), "0");
	EXPECT(ask(pub, "pub 0 /points/raw 1 0"), "0");
	EXPECT(ask(pub, "pub 1 /points 1 0"), "0");
	EVENTUALLY(sub, "stats 0", "0 0 0 0 0 1");
	EXPECT(ask(sub, "stats 1"), "0 0 0 0 0 0");
}

static void many_endpoints_in_one_process(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	for (unsigned int i = 0; i < 250; i++)
		EXPECT(ask(sub, "sub %u /t%u 1 0", i, i), "0");
	for (unsigned int i = 0; i < 250; i++)
		EXPECT(ask(pub, "pub %u /t%u 1 0", i, i), "0");
	for (unsigned int i = 0; i < 250; i++)
		EXPECT(ask(pub, "publish %u %u 1", i, i + 1), "0");
	for (unsigned int i = 0; i < 250; i++) {
		EXPECT(ask(sub, "take %u 10000 0", i), text("%u 1", i + 1));
		EXPECT(ask(sub, "release"), "0 -22");
	}
}

static void a_hundred_subscriptions_of_one_topic(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 10 0"), "0");
	for (unsigned int i = 0; i < 100; i++)
		EXPECT(ask(sub, "sub %u /a 10 0", i), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	CHECK(reached(pub, 100, 0));
	EXPECT(ask(pub, "publish 0 2 9"), "0");
	for (unsigned int i = 0; i < 100; i++)
		EXPECT(ask(sub, "drain %u", i), "10 1 10 1");
}

static void endpoints_can_be_made_again_and_again(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(sub, "sub 0 /a 1 0"), "0");
	for (unsigned int i = 0; i < 200; i++) {
		EXPECT(ask(pub, "pub 0 /a 4 0"), "0");
		EXPECT(ask(pub, "unpub 0"), "0");
		EXPECT(ask(sub, "sub 1 /a 4 0"), "0");
		EXPECT(ask(sub, "unsub 1"), "0");
	}
	EXPECT(ask(pub, "pub 0 /a 4 0"), "0");
	EXPECT(ask(pub, "publish 0 9 1"), "0");
	/* However long it takes to attach: a newcomer is read from its first message. */
	EXPECT(ask(sub, "take 0 10000 0"), "9 1");
	EXPECT(ask(sub, "release"), "0 -22");
	EVENTUALLY(sub, "stats 0", "0 1 0 0 0 1");
}

/* The next publisher gets the block of the last one, and its sequence. */
static void a_new_publisher_in_an_old_block_is_heard(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /other 4 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 4 0"), "0");
	for (unsigned int i = 1; i <= 20; i++) {
		EXPECT(ask(pub, "pub 1 /a 4 0"), "0");
		EXPECT(ask(pub, "publish 1 %u 1", i), "0");
		EXPECT(ask(sub, "take 0 5000 0"), text("%u %u", i, i));
		EXPECT(ask(sub, "release"), "0 -22");
		EXPECT(ask(pub, "unpub 1"), "0");
		EVENTUALLY(pub, "destroyed", text("%u %u", i, i * (i + 1) / 2));
	}
	EVENTUALLY(sub, "stats 0", "0 20 0 0 0 0");
}

static void a_forked_child_is_no_participant(void)
{
	struct agent *pub = agent_start(), *sub = agent_start();

	EXPECT(ask(pub, "pub 0 /a 4 0"), "0");
	EXPECT(ask(sub, "sub 0 /a 4 0"), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	EXPECT(ask(pub, "fork"), "0 1");
	EXPECT(ask(pub, "publish 0 2 1"), "0");
	EXPECT(ask(sub, "drain 0"), "2 1 2 1");
}

static const struct test tests[] = {
	{ "one_message_by_pointer", one_message_by_pointer },
	{ "in_order_and_once", in_order_and_once },
	{ "keep_last_matrix", keep_last_matrix },
	{ "destroyed_once_and_bounded", destroyed_once_and_bounded },
	{ "held_messages_stay", held_messages_stay },
	{ "claims_are_bounded", claims_are_bounded },
	{ "foreign_memory_is_refused", foreign_memory_is_refused },
	{ "subscriber_cannot_write", subscriber_cannot_write },
	{ "two_and_two_in_every_layout", two_and_two_in_every_layout },
	{ "ignore_local", ignore_local },
	{ "unread_messages_survive_the_publisher", unread_messages_survive_the_publisher },
	{ "a_withdrawn_publisher_is_drained_then_destroyed",
	  a_withdrawn_publisher_is_drained_then_destroyed },
	{ "a_dead_holder_is_reclaimed", a_dead_holder_is_reclaimed },
	{ "killed_and_restarted_ten_times", killed_and_restarted_ten_times },
	{ "nothing_is_left_behind", nothing_is_left_behind },
	{ "a_sleeper_is_woken", a_sleeper_is_woken },
	{ "a_sleeper_hears_of_a_new_publisher", a_sleeper_hears_of_a_new_publisher },
	{ "timeouts_are_kept", timeouts_are_kept },
	{ "bad_topics_are_refused", bad_topics_are_refused },
	{ "a_prefix_is_another_topic", a_prefix_is_another_topic },
	{ "many_endpoints_in_one_process", many_endpoints_in_one_process },
	{ "a_hundred_subscriptions_of_one_topic", a_hundred_subscriptions_of_one_topic },
	{ "endpoints_can_be_made_again_and_again", endpoints_can_be_made_again_and_again },
	{ "a_new_publisher_in_an_old_block_is_heard", a_new_publisher_in_an_old_block_is_heard },
	{ "a_forked_child_is_no_participant", a_forked_child_is_no_participant },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
