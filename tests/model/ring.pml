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

/* Compares and queues in one step; no fence for anybody. */
inline futex_wait(s, seen)
{
	d_step {
		if
		:: mem[HEAD] == seen -> asleep = asleep | BIT(s)
		:: else
		fi;
		seen = 0
	}
	if
	:: !(asleep & BIT(s))
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

/*
 * ---- the publisher ----
 *
 * A step is at most one look at memory, what follows from it, and the stores
 * pushed then. A fence is part of the step behind it.
 */

/* ring_put(); ring_retire() down to @keep, if the ring is crammed */
inline put_and_retire(keep)
{
	d_step {
		crammed = !keep || head - tail >= DEPTH + SLACK;
		if
		:: keep ->
			push(0, MESSAGE(head), WRITTEN, 0);
			push(0, ADDRESS(head), head, 0);
#ifdef M_SEQ_STORE_RELAXED
			push(0, SEQ(head), head, 0);
#else
			push(0, SEQ(head), head, 1);
#endif
			head++;
			push(0, HEAD, head, 1)
		:: else
		fi;
		if
		:: crammed && head - tail > keep ->
			do
			:: head - tail > keep -> retired = retired | BIT(tail); tail++
			:: else -> break
			od
#ifndef M_TAIL_AFTER_SCAN
			;
			push(0, TAIL, tail, 0)
#endif
		:: else
		fi
	}
}

/* links_refresh(): is the list that of the generation? */
inline links_refresh()
{
	atomic {
#ifndef M_NO_PUBLISHER_FENCE
		fence(0);
#endif
		load(0, GENERATION, g);
		current = (g == seen);
		crammed = crammed || !current || !publishing
	}
	if
	:: atomic { current -> g = 0 }
	:: atomic { else -> load(0, LIST(g), list) }
		atomic {
			load(0, GENERATION, again);
			d_step {
				if
				:: g != again
				:: else ->
					current = 1;
					links = list;
					mapped = mapped & links;
					seen = g
				fi;
				g = 0; list = 0; again = 0
			}
		}
	fi
}

#define looks_at(s)	(publishing && (mapped & BIT(s)))

#ifdef BELL
#define asked(s)	ASKED(s)
#define value_of(word)	(word)
#define asks(word)	(word)
#else
/* The lowest bit says that somebody sleeps. */
#define asked(s)	WAITING(s)
#define value_of(word)	((word) / 2)
#define asks(word)	((word) & 1)
#endif

/* wake_is_due() */
inline decide_wake_of(s)
{
	if
	:: atomic { looks_at(s) -> load(0, asked(s), word);
		d_step {
			if
			:: asks(word) && value_of(word) != woken[s] ->
#ifdef BELL
				bells = bells | BIT(s);
#else
				wanted = 1;
#endif
#ifndef M_WAKE_ONCE
				if
				:: value_of(word) == seen_by[s] -> woken[s] = value_of(word)
				:: else
				fi;
				seen_by[s] = value_of(word)
#else
				woken[s] = value_of(word)
#endif
			:: else
			fi;
			word = 0
		}
	   }
	:: else
	fi
}

/* links_wake(), its first half */
inline decide_wake()
{
	wanted = (!current || links != mapped);
	decide_wake_of(0);
#if NSUB > 1
	decide_wake_of(1)
#endif
}

/* its second half */
inline futex_wake()
{
	if
	:: d_step { publishing && wanted -> wanted = 0; asleep = 0
#ifdef M_PUBLISHER_LOWERS_WAITING
		;
		push(0, WAITING(0), 0, 0)
#if NSUB > 1
		;
		push(0, WAITING(1), 0, 0)
#endif
#endif
	   }
	:: else
	fi;
#ifdef BELL
	d_step { rung = rung | bells; bells = 0 }
#endif
}

/* links_map(), ring_newcomer(): by the library's thread, whenever the lock is free. */
inline map_of(s)
{
#if defined(BELL) && !defined(M_NEWCOMER_NOT_RUNG)
	if
	:: (links & ~mapped) & BIT(s) ->
		load(0, ASKED(s), word);
		if
		:: word -> rung = rung | BIT(s)
		:: else
		fi;
		word = 0
	:: else
	fi
#else
	skip
#endif
}

inline map_all()
{
	map_of(0);
#if NSUB > 1
	map_of(1);
#endif
	mapped = links
}

/* Claims are looked at when the ring was crammed, or the roster has moved. */
#ifdef M_IGNORE_UNMAPPED
#define may_reclaim	(crammed && retired && current)
#else
#define may_reclaim	(crammed && retired && current && links == mapped)
#endif
#ifdef M_IGNORE_CLAIMS
#define collects(s)	0
#else
#define collects(s)	(may_reclaim && (mapped & BIT(s)))
#endif

inline hold()
{
	d_step {
		if
		:: word / 16 == instance -> held = held | BIT(word % 16)
		:: else
		fi;
		word = 0
	}
}

/* claims_collect() */
inline collect_of(s)
{
	if
#ifdef BITMAP
	:: atomic { collects(s) -> load(0, CLAIMED(s), word) }
		if
		:: atomic { word -> load(0, CLAIM(s), word); hold() }
		:: else
		fi
#else
	:: atomic { collects(s) -> load(0, CLAIM(s), word); hold() }
#endif
	:: else
	fi
}

inline collect()
{
	collect_of(0);
#if NSUB > 1
	collect_of(1)
#endif
}

/* reclaim() and destroy_batch() */
inline destroy()
{
	d_step {
		i = 1;
		do
		:: may_reclaim && i <= LAST ->
			if
			:: (retired & BIT(i)) && !(held & BIT(i)) ->
				assert(!(destroyed & BIT(i)));
				destroyed = destroyed | BIT(i);
#ifndef M_DESTROY_TWICE
				retired = retired & ~BIT(i)
#endif
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		held = 0;
		crammed = 0;
		current = 0
#ifdef M_TAIL_AFTER_SCAN
		;
		push(0, TAIL, tail, 0)
#endif
	}
}

/* publish_locked(), or publisher_refresh(), from the fence on */
inline from_the_fence()
{
#ifdef M_WAKE_BEFORE_FENCE
	current = 1;
	decide_wake();
	links_refresh();
#else
#ifdef M_WAKE_BEFORE_ROSTER
	fence(0);
	current = 1;
	decide_wake();
	links_refresh();
#else
	links_refresh();
#ifdef ARM
	/* waiting is loaded relaxed: maybe later than the claims. */
	if
	:: collect(); scanned = 1
	:: skip
	fi;
#endif
	decide_wake();
#endif
#endif
	futex_wake();
	wanted = 0;
#ifdef ARM
	if
	:: !scanned -> collect()
	:: else
	fi;
	scanned = 0;
#else
	collect();
#endif
	destroy()
}

/* finish(), publisher_free(), and the block's next user */
inline reopen()
{
	do
	:: head > tail -> put_and_retire(0)
	:: else -> break
	od;
	do
	:: retired -> mapped = links; from_the_fence()
	:: atomic { else ->
		instance = 2;
		d_step {
			push(0, INSTANCE, 0, 1);
			push(0, FIRST, head, 0);
			push(0, TAIL, tail, 0);
			push(0, INSTANCE, instance, 1)
		}
		break
	   }
	od
}

proctype publisher()
{
	byte head = 1, tail = 1, instance = 1;
	byte seen = 1, links = JOINS ^ (BIT(NSUB) - 1), mapped = JOINS ^ (BIT(NSUB) - 1);
	byte retired, held, word, g, list, again;
	byte bells;
	bit wanted;
	byte refreshes = REFRESHES;
	bit current, publishing, scanned, crammed;

	do
	:: atomic { head <= LAST && has_room(0, 5) ->
		/* The library's thread maps whenever the lock is free. */
		if
		:: map_all()
		:: mapped != links
		fi;
		publishing = 1;
		put_and_retire(DEPTH)
	   }
		from_the_fence();
		publishing = 0
	:: atomic { refreshes && (retired || mapped != links) ->
		refreshes--;
		map_all()
	   }
		from_the_fence()
#ifdef REUSE
	:: head == REUSE && instance == 1 -> reopen()
#endif
	:: atomic { head > LAST -> refreshes = 0; break }
	od;

	/*
	 * links_map(): a publish that could not read the roster, or has not mapped
	 * what is listed, leaves that to the library's thread, which it kicks.
	 */
	do
	:: links_refresh();
		if
		:: atomic { current -> map_all(); crammed = 0; current = 0; break }
		:: else
		fi
	od;

	/* Whoever still lives holds nothing: nothing may be left. */
	atomic { done == NSUB -> refreshes = 2 }
	do
	:: atomic { refreshes ->
		refreshes--;
		mapped = links
	   }
		from_the_fence()
	:: else -> break
	od;
	assert(!retired && destroyed == BIT(tail) - BIT(1))
}

/* ---- a subscription ---- */

#define ME (1 + s)

/* What ring_read_claimed() has still to look at. */
#define A_ADDRESS	1
#define A_TAIL		2
#define A_SEQ		4
#ifdef REUSE
#define A_INSTANCE	8
#else
#define A_INSTANCE	0	/* it cannot change */
#endif
#define A_ALL		(A_ADDRESS | A_TAIL | A_SEQ | A_INSTANCE)

#ifdef M_NO_ACQUIRE_FENCE
#define behind_the_copy	1
#else
#define behind_the_copy	!(todo & A_ADDRESS)
#endif
#ifdef ARM
#define after(what)	1
#else
#define after(what)	!(todo & (what))
#endif
#ifdef M_NO_TAIL_CHECK
#define tail_is_fine	1
#else
#define tail_is_fine	(q <= next)
#endif
#ifdef M_NO_INSTANCE_CHECK
#define instance_is_fine	1
#else
#define instance_is_fine	(q == instance)
#endif

inline check(what, condition)
{
	valid = condition;
	todo = (valid -> todo & ~(what) : 0);
	q = 0
}

/* ring_read_claimed(): the copy, a fence, then the checks, on ARM in any order. */
inline read_claimed()
{
#ifdef M_SEQ_LOAD_RELAXED
	if
	:: atomic { fence(ME); load(ME, ADDRESS(next), address); todo = A_ALL & ~A_ADDRESS }
	:: atomic { fence(ME); todo = A_ALL }
	fi;
#endif
	atomic {
#ifndef M_NO_READER_FENCE
		fence(ME);
#endif
#ifndef M_SEQ_LOAD_RELAXED
		todo = A_ALL;
#endif
		load(ME, SEQ(next), q);
		check(0, (q == next))
	}
	do
	:: atomic { (todo & A_ADDRESS) ->
		load(ME, ADDRESS(next), address);
		todo = todo & ~A_ADDRESS
	   }
	:: atomic { (todo & A_TAIL) && behind_the_copy ->
		load(ME, TAIL, q);
		check(A_TAIL, tail_is_fine)
	   }
	:: atomic { (todo & A_SEQ) && behind_the_copy && after(A_TAIL) ->
		load(ME, SEQ(next), q);
		check(A_SEQ, (q == next))
	   }
#ifdef REUSE
	:: atomic { (todo & A_INSTANCE) && behind_the_copy && after(A_TAIL | A_SEQ) ->
		load(ME, INSTANCE, q);
		check(A_INSTANCE, instance_is_fine)
	   }
#endif
	:: atomic { !todo -> break }
	od
}

/* ring_peek() */
inline peek()
{
	atomic {
		load(ME, SEQ(cursor), q);
		valid = (q >= cursor);
		q = 0
	}
#ifdef REUSE
	if
	:: atomic { valid ->
		load(ME, INSTANCE, q);
		valid = (q == instance);
		q = 0
	   }
#ifdef ARM
	:: valid	/* Relaxed: may be late, then ring_read_claimed() looks again. */
#endif
	:: else
	fi
#endif
}

inline claim_begin()
{
	d_step {
		push(ME, CLAIM(s), WORD_OF(instance, next), 0);
#ifdef BITMAP
		push(ME, CLAIMED(s), 1, 1);
#endif
		valid = 0;
		q = 0
	}
}

inline claim_end()
{
	d_step {
		push(ME, CLAIM(s), 0, 1);
#ifdef BITMAP
		push(ME, CLAIMED(s), 0, 1);
#endif
		next = 0;
		address = 0;
		valid = 0
	}
}

inline read_message()
{
	load(ME, MESSAGE(address), q);
	assert(address == next);
	assert(q == WRITTEN && !(destroyed & BIT(address)));
	q = 0
}

/*
 * A kill is seen by others in what was stored before it alone: so it is enough
 * to die behind a store. Nobody dies asleep, which would hide a lost wake-up.
 */
inline may_die()
{
	if
	:: DEATHS & BIT(s) -> goto dead
	:: skip
	fi
}

/* ring_next(): only one that lags looks at the head */
inline ring_next()
{
	load(ME, SEQ(cursor + DEPTH), q);
	if
	:: q >= cursor + DEPTH ->
		load(ME, HEAD, q);
		atomic {
			load(ME, TAIL, next);
			d_step {
				if
				:: next < cursor -> next = cursor
				:: else
				fi;
				if
				:: q > DEPTH && next < q - DEPTH -> next = q - DEPTH
				:: else
				fi;
				q = 0
			}
		}
	:: d_step { else -> next = cursor; q = 0 }
	fi
}

/* take_from() */
inline take_from()
{
	ring_next();
	atomic {
		claim_begin();
		may_die()
	}
#ifdef M_CLAIM_THEN_PASS_OVER
	load(ME, HEAD, q);
	d_step { next = (q > next -> q - 1 : next); q = 0 };
#endif
	read_claimed();
	if
	:: atomic { !valid -> claim_end() }
	:: atomic { else ->
		assert(next >= cursor);		/* in order, none twice */
		counted = counted + 1 + (next - cursor);
		cursor = next + 1;
		read_message();
		claim_end()
	   }
#ifdef M_RELEASE_RELAXED
	/* The clearing may be seen before the message was read. */
	:: atomic { valid ->
		counted = counted + 1 + (next - cursor);
		cursor = next + 1;
		push(ME, CLAIM(s), 0, 0)
	   }
		atomic { read_message(); next = 0; address = 0; valid = 0 }
#endif
	fi
}

/*
 * In the code a value never comes twice. Here there are few, so that there are
 * fewer states: it is neither the one before, which may still be under way,
 * nor one that the publisher remembers.
 */
inline next_value(value)
{
	d_step {
		i = 1;
		do
		:: i == value || i == woken[s] || i == seen_by[s] -> i++
		:: else -> break
		od;
		value = i;
		i = 0
	}
}

#ifdef BELL
/* wait_arm() */
inline arm()
{
	atomic {
		if
		:: !armed ->
			armed = 1;
			next_value(armings);
			store(ME, ASKED(s), armings)
		:: else
		fi;
		may_die()
	}
}

/* sleep_on_bell(), twice: the event is used up, the eventfd is never read; reset(): it is. */
inline wait_for_news()
{
#if BELL == LEVEL && !defined(M_RESET_AFTER_ARM)
	d_step { rung = rung & ~BIT(s) };
#endif
	if
#if BELL == EDGE
	/*
	 * A wait-set, settle(): asked for before the look that found nothing, which
	 * came after the bell was heard.
	 */
#ifdef M_HEARD_AFTER_LOOK
	:: d_step { armed -> rung = rung & ~BIT(s) }
#else
	:: armed
#endif
#endif
	:: skip;
#ifdef M_ARM_AFTER_LOOK
		peek();
		arm()
#else
		arm();
#ifndef M_NO_ARM_FENCE
		fence(ME);
#endif
		peek()
#endif
	fi;
#if BELL == LEVEL
#ifdef M_RESET_AFTER_ARM
	d_step { rung = rung & ~BIT(s) };
#endif
	d_step {
		if
		:: valid -> rung = rung | BIT(s)
		:: else
		fi;
		valid = 0
	}
	(rung & BIT(s))
#else
	if
	:: atomic { valid -> valid = 0 }
	:: d_step { !valid && (rung & BIT(s)) -> rung = rung & ~BIT(s) }
	fi
#endif
}
#else
/* sleep_on_heads() */
inline wait_for_news()
{
	atomic {
#if defined(M_SAME_VALUE)
		sleeps = 1;
#elif defined(M_TIMEOUT_SAME_VALUE)
		if
		:: same -> same = 0
		:: else -> next_value(sleeps)
		fi;
#else
		next_value(sleeps);
#endif
		store(ME, WAITING(s), sleeps * 2 + 1);
		may_die()
	}
	atomic {
#ifndef M_NO_SLEEPER_FENCE
		fence(ME);
#endif
#ifndef M_HEAD_AFTER_LOOK
		load(ME, HEAD, next)
#endif
	}
	peek();
#ifdef M_HEAD_AFTER_LOOK
	load(ME, HEAD, next);
#endif
	if
	:: atomic { valid -> valid = 0; next = 0 }
	:: else -> futex_wait(s, next)
	fi;
#ifndef M_PUBLISHER_LOWERS_WAITING
	store(ME, WAITING(s), sleeps * 2)
#endif
}
#endif

/* first_cursor() */
inline attach()
{
#ifdef TL
	/* ring_oldest(), then the head again */
#ifdef M_HEAD_BEFORE_OLDEST
	load(ME, HEAD, q);
#endif
	load(ME, HEAD, next);
	atomic {
		load(ME, TAIL, cursor);
		d_step {
			if
			:: next > DEPTH && cursor < next - DEPTH -> cursor = next - DEPTH
			:: else
			fi;
			start = cursor;
			next = 0
		}
	}
	atomic {
#ifndef M_HEAD_BEFORE_OLDEST
		load(ME, HEAD, q);
#endif
		assert(q >= cursor);
		q = 0
	}
#else
	atomic {
		load(ME, HEAD, cursor);
		start = cursor
	}
#endif
}

/* newest(): passes over all but the last, before it is claimed. */
inline pass_over()
{
	ring_next();
	d_step {
		counted = counted + (next - cursor);
		cursor = next;
		next = 0
	}
}

proctype subscription(byte s)
{
	byte cursor = 1, start = 1, counted, next, address, q, todo, instance = 1;
	byte sleeps, armings, timeouts = TIMEOUTS;
	bit valid, armed;
#ifdef M_TIMEOUT_SAME_VALUE
	bit same;
#endif

#ifdef M_CLAIM_BEFORE_ROSTER
	if
	:: JOINS & BIT(s) ->
		attach();
		peek();
		if
		:: valid -> take_from()
		:: else
		fi
	:: else
	fi;
#endif
	if
	:: JOINS & BIT(s) -> registry_set(ME, BIT(s), q, next)
	:: else
	fi;
#ifndef M_CLAIM_BEFORE_ROSTER
	if
	:: JOINS & BIT(s) -> attach()
	:: else
	fi;
#endif
	do
	:: atomic { cursor > LAST -> break }
	:: atomic { else -> may_die() }
#ifdef REUSE
		/* Drops the source, follows the block's next user, or goes on. */
		if
		:: goto leave
		:: atomic { instance == 1 ->
			load(ME, INSTANCE, q);
			if
			:: q == 2 -> instance = 2; load(ME, FIRST, cursor)
			:: else
			fi;
			q = 0
		   }
		:: skip
		fi;
#endif
		peek();
		if
		:: valid ->
#ifdef LATEST
			valid = 0;
			pass_over();
#endif
			take_from();
#ifndef M_ARM_ONCE
			armed = 0
#endif
		:: else ->
#if defined(SLEEP) || defined(BELL)
			wait_for_news()
#endif
		fi
	od;
#ifndef REUSE
	assert(counted == LAST + 1 - start);	/* taken, or counted as dropped */
#endif
leave:	atomic { drained(ME) -> done++; goto finished }

dead:	atomic {
		drained(ME) ->
		cursor = 0; start = 0; counted = 0; next = 0; address = 0; q = 0;
		todo = 0; valid = 0; instance = 0; sleeps = 0; armings = 0; timeouts = 0;
		armed = 0
	}
#ifndef M_KEEP_DEAD
	registry_set(ME, BIT(s), q, next);
#endif
	d_step { drained(ME) -> done++ }
finished:
	skip
}

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
