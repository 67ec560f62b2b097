/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.pml - the message protocol of lib/ring.c, over explicit store buffers
 *
 * One publisher, NSUB subscriptions, LAST messages. Every store goes through
 * its process's buffer, also those that are locked instructions on x86: what
 * holds here needs only the fences that the C code spells out. README.md says
 * what corresponds to what. What can be chosen with -D:
 *
 *	NSUB LAST REFRESHES SLACK	sizes
 *	JOINS DEATHS		subscriptions (bit mask) that join late, that may die
 *	SLEEP			readers sleep on the head, otherwise they poll
 *	BELL			they sleep in epoll_wait() on a bell: EDGE (a wait-set)
 *				or LEVEL (agnocast_fd())
 *	TIMEOUTS		how often a sleeper of SLEEP may wake by itself
 *	LATEST			readers take the newest only
 *	TL			transient local: those that join start at the tail
 *	KILLED			the publisher may die, at any store
 *	ALONE			with SLEEP and KILLED: they sleep on nothing but the head
 *	REUSE			the block is closed and opened again at message REUSE
 *	ARM			stores and loads leave in any order that C11 allows
 *	M_...			one mutation
 */

#ifndef NSUB
#define NSUB 2
#endif
#ifndef LAST
#define LAST 3
#endif
#ifndef REFRESHES
#define REFRESHES 1
#endif
#ifndef JOINS
#define JOINS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#ifndef TIMEOUTS
#define TIMEOUTS 0
#endif
#define EDGE 1
#define LEVEL 2

#define DEPTH 1
#ifndef SLACK
#define SLACK 1
#endif
#ifdef M_CAPACITY_IS_DEPTH
#define CAP (DEPTH + SLACK)
#else
#define CAP (DEPTH + SLACK + 1)
#endif

/* ---- words of memory, one byte each ---- */

#define HEAD		0
#define TAIL		1
#define INSTANCE	2
#define FIRST		3
#define GENERATION	4
#define LIST(g)		(5 + ((g) & 1))		/* roster: a bit per subscription */
#define LOCK		7			/* the registry's */
#define WAITING(s)	(8 + (s))
#define ASKED(s)	(10 + (s))		/* sub->bell */
#define CLAIMED(s)	(12 + (s))		/* sub->claimed, one bit */
#define CLAIM(s)	(14 + (s))		/* sub->claim[0] */
#define SEQ(n)		(16 + (n) % CAP)	/* entry[n].seq */
#define ADDRESS(n)	(16 + CAP + (n) % CAP)	/* entry[n].address */
#define MESSAGE(n)	(15 + 2 * CAP + (n))	/* what address n points to; n from 1 */
#define WORDS		(16 + 2 * CAP + LAST)

#define WRITTEN		1	/* a message's content; 0: not yet */

#define BIT(n)		(1 << (n))
#define WORD_OF(instance, n)	((instance) * 16 + (n))	/* AGNOCAST_CLAIM() */

/* Stores of a process that may be on their way at the same time. */
#if defined(REUSE) || defined(M_NO_PUBLISHER_FENCE)
#define BUFFER 9
#else
#define BUFFER 6
#endif

/* x86: a message's content is not to be seen before its entry is, so both go together. */
#define goes_with_next(word)	((word) > MESSAGE(0))

#include "buffers.pml"

/* ---- the kernel, and what the properties are about ---- */

byte asleep;		/* who sleeps on the head; a bit per subscription */
byte rung;		/* the eventfds of bells; a bit per subscription */
byte seen_by[NSUB], woken[NSUB];	/* the publisher's links: .slept or .armed, .woken or .rung */
byte destroyed;		/* messages, a bit each: poisoned at once, for everybody */
byte done;		/* how many are finished, or dead and off the roster */
#ifdef KILLED
bit off_roster;		/* the publisher, which was killed */
byte last;		/* then: the last message that readers can see */
byte gone, news;	/* source->gone, sub->news; a bit per subscription */
#ifdef ALONE
byte alone, stirred;	/* of the subscription: the same */
byte locked;		/* sub->lock, while somebody is about to sleep */
#endif
#endif

#ifdef KILLED
#ifdef ALONE
#define is_alone(s)	(alone & BIT(s))
#else
#define is_alone(s)	0
#endif
#define no_news(s)	(is_alone(s) || ((news >> (s)) & 1) == heard)
/* drop_drained(): then the reader may sleep for ever; if it is alone, it is woken (held_up). */
#define is_drained(s)	((gone & BIT(s)) && mem[SEQ(cursor)] < cursor)
#else
#define no_news(s)	1
#endif

/* Compares and queues in one step; no fence for anybody. */
inline futex_wait(s, seen)
{
	d_step {
		if
		:: mem[HEAD] == seen && no_news(s) -> asleep = asleep | BIT(s)
		:: else
		fi;
		seen = 0
	}
	if
	:: !(asleep & BIT(s))
#ifdef KILLED
	:: d_step { (asleep & BIT(s)) && is_drained(s) -> asleep = asleep & ~BIT(s) }
#endif
#if TIMEOUTS
	:: d_step { timeouts && (asleep & BIT(s)) ->
#ifdef M_TIMEOUT_SAME_VALUE
		same = 1;
#endif
		timeouts--;
		asleep = asleep & ~BIT(s)
	   }
#endif
	fi
}

/* Adds or removes: agk_roster_put(), agk_roster_publish(), on the caller's CPU. */
inline registry_set(p, bits, g, list)
{
	d_step { !mem[LOCK] -> mem[LOCK] = 1 }
	atomic {
		load(p, GENERATION, g);
		load(p, LIST(g), list);
		d_step {
			push(p, LIST(g + 1), (list ^ (bits)), 0);
			push(p, GENERATION, g + 1, 1);
			push(p, LOCK, 0, 1);
			g = 0;
			list = 0
		}
	}
}

#include "publish.pml"
#include "take.pml"

init
{
	atomic {
		mem[HEAD] = 1;
		mem[TAIL] = 1;
		mem[FIRST] = 1;
		mem[INSTANCE] = 1;
		mem[GENERATION] = 1;
		mem[LIST(1)] = JOINS ^ (BIT(NSUB) - 1);
		run hardware();
		run publisher();
		run subscription(0);
#if NSUB > 1
		run subscription(1)
#endif
	}
}
