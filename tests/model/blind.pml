/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blind.pml - a publisher that cannot map its subscription, over explicit store
 * buffers
 *
 * Process 0 publishes (lib/publisher.c, reclaim.c), 1 is the library's thread
 * of the same process (peer.c), 2 the subscription's process (blind.c, take.c):
 * its lock makes one of its threads. The registry is two words behind a lock,
 * written in the caller's buffer. README.md says what corresponds to what.
 *
 *	LAST ATTEMPTS		messages; how often mapping is tried
 *	ARM			as in ring.pml
 *	M_...			one mutation
 */

#ifndef LAST
#define LAST 3
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif

#define NSUB 2		/* buffers.pml: that many processes beside the publisher */
#define BUFFER 6
#define CAP 2		/* depth 1: one entry more */

#define TAIL		0
#define CLAIM		1	/* sub->claim[0] */
#define KNOWS		2	/* peer->acknowledged */
#define LOCK		3	/* the registry's */
#define BLIND		4	/* agk_mapping.blind */
#define ACKNOWLEDGED	5	/* agk_mapping.acknowledged */
#define SEQ(n)		(6 + (n) % CAP)
#define WORDS		(6 + CAP)

#define BIT(n)		(1 << (n))
#define goes_with_next(word)	false

#include "buffers.pml"

bit sees;		/* link->sub: set and read under the publisher's lock */
byte destroyed;		/* messages, a bit each */
bit published, settled;

inline lock()
{
	d_step { !mem[LOCK] -> mem[LOCK] = 1 }
}

proctype publisher()
{
	byte head = 1, tail = 1, retired, knows, claim;
	byte acted;

	do
	:: head <= LAST || retired ->
		/* ring_put(), ring_retire(); without a message the thread's visit */
		d_step {
			if
			:: head <= LAST ->
				push(0, SEQ(head), head, 1);
				head++;
				if
				:: head - tail > 1 ->
					retired = retired | BIT(tail);
					tail++;
					push(0, TAIL, tail, 0)
				:: else
				fi
			:: else
			fi
		}
		/* links_unreached(); reclaim() */
		atomic {
#ifndef M_NO_PUBLISHER_FENCE
			fence(0);
#endif
			load(0, KNOWS, knows);
			acted = sees
		}
		if
		:: acted ->
			load(0, CLAIM, claim);
			d_step {
				destroyed = destroyed | (retired & ~BIT(claim));
				retired = retired & BIT(claim)
			}
		:: !acted && knows ->
			d_step { destroyed = destroyed | retired; retired = 0 }
		:: else ->
			/* Nothing to do before something changes. */
			if
			:: head > LAST -> atomic { (sees || mem[KNOWS]) -> skip }
			:: else
			fi
		fi;
		d_step { knows = 0; claim = 0; acted = 0 }
	:: else -> break
	od;
	published = 1
}

/* peer_map(): told what the outcome is */
inline attempt(seen)
{
#ifndef M_KEEP_WHAT_WAS_HEARD
	store(1, KNOWS, 0);
#endif
	atomic {
		fence(1);
		lock()
	}
	if
	:: seen ->
		d_step {
			push(1, BLIND, 0, 0);
			push(1, ACKNOWLEDGED, 0, 0);
			push(1, LOCK, 0, 1)
		}
	:: else ->
		atomic {
			load(1, ACKNOWLEDGED, heard);
			d_step {
				push(1, BLIND, 1, 0);
				push(1, LOCK, 0, 1);
				push(1, KNOWS, heard, 1);
				heard = 0
			}
		}
	fi
}

proctype library()
{
	byte tries = ATTEMPTS;
	byte heard;

	/* The first one fails: that is what this is about. */
	attempt(0);
	do
	:: tries ->
		/* Asks again, or tries again. */
		atomic { (drained(1)) -> tries-- }
		attempt(0)
	:: attempt(1); break
	/* Blind for ever: asks until the other side has answered. */
	:: atomic { mem[ACKNOWLEDGED] && drained(1) -> skip }
		attempt(0);
		goto done
	od;
	/* map_link(): after the report, under the publisher's lock */
	atomic { drained(1); sees = 1 }
done:	skip
}

/* The registry's list, as of now. */
inline look()
{
	lock();
	atomic {
		load(2, BLIND, blind);
		d_step { push(2, LOCK, 0, 1) }
	}
}

proctype subscription()
{
	byte cursor = 1, tail, seq, blind, holds;
	bit attached = 1;

	do
	/* subscription_refresh(): cut_blind(), attach_new(), blind_acknowledge() */
	:: look();
		if
		:: blind ->
#ifndef M_ACKNOWLEDGE_BEFORE_CUT
			attached = 0;
#endif
			if
#ifdef M_ACKNOWLEDGE_WHILE_HOLDING
			:: true ->
#else
			:: !holds ->
#endif
				lock();
				atomic {
					load(2, BLIND, blind);
					d_step {
						if
						:: blind -> push(2, ACKNOWLEDGED, 1, 0)
						:: else
						fi;
						push(2, LOCK, 0, 1)
					}
				}
			:: else
			fi
		:: else ->
			if
			:: !attached ->
				atomic {
					load(2, TAIL, tail);
					d_step {
						cursor = (tail > cursor -> tail : cursor);
						tail = 0;
						attached = 1
					}
				}
			:: else
			fi
		fi;
		blind = 0
#ifdef M_ATTACH_WHILE_BLIND
	:: !attached -> attached = 1
#endif
	/* take_from() */
	:: attached && !holds && cursor <= LAST && mem[SEQ(cursor)] >= cursor ->
		store(2, CLAIM, cursor);
		atomic { fence(2); load(2, SEQ(cursor), seq) }
		load(2, TAIL, tail);
		d_step {
			if
			:: seq == cursor && tail <= cursor -> holds = cursor; cursor++
			:: tail > cursor -> cursor = tail
			:: else -> cursor++	/* overwritten: later than the tail that was seen */
			fi;
			seq = 0;
			tail = 0
		}
		if
		:: !holds -> d_step { push(2, CLAIM, 0, 1) }
		:: else
		fi
	/* Reads it, and gives it back. */
	:: holds ->
		d_step { assert(!(destroyed & BIT(holds))) }
		d_step { holds = 0; push(2, CLAIM, 0, 1) }
	:: published && !holds -> break
	od
}

init {
	atomic {
		mem[TAIL] = 1;
		run publisher();
		run library();
		run subscription();
		run hardware()
	}
}
