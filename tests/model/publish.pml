/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.pml - the publisher of ring.pml: lib/publisher.c, links.c, reclaim.c
 *
 * A step is at most one look at memory, what follows from it, and the stores
 * pushed then. A fence is part of the step behind it.
 */

/* ring_put() */
inline put()
{
	push(0, MESSAGE(head), WRITTEN, 0);
	push(0, ADDRESS(head), head, 0);
#ifdef M_SEQ_STORE_RELAXED
	push(0, SEQ(head), head, 0);
#else
	push(0, SEQ(head), head, 1);
#endif
	head++;
	push(0, HEAD, head, 1)
}

/* ring_retire() down to @keep of those before @end, if the ring is crammed */
inline retire(end, keep)
{
	if
	:: crammed && end - tail > keep ->
		do
		:: end - tail > keep -> retired = retired | BIT(tail); tail++
		:: else -> break
		od
#ifndef M_TAIL_AFTER_SCAN
		;
		push(0, TAIL, tail, 0)
#endif
	:: else
	fi
}

inline put_and_retire(keep)
{
	d_step {
		crammed = !keep || head - tail >= DEPTH + SLACK;
#ifdef M_RETIRE_BEFORE_PUT
		retire(head + 1, keep);
#endif
		if
		:: keep -> put()
		:: else
		fi;
#ifndef M_RETIRE_BEFORE_PUT
		retire(head, keep);
#endif
		skip
	}
}

#ifdef KILLED
/* Where it makes a difference: others see stores, wake-ups, and what was destroyed. */
inline may_be_killed()
{
	if
	:: goto killed
	:: skip
	fi
}

#ifdef ALONE
/* news_stir(): by the word that those who sleep alone sleep on */
inline stir(s)
{
	d_step { !(locked & BIT(s)) ->
		stirred = (stirred & ~BIT(s)) | (alone & BIT(s));
		asleep = asleep & ~(alone & BIT(s))
	}
}
#endif

/* mark_gone() and news_tell(), by the library's thread of the reader's process */
inline tell_news(s)
{
#ifdef ALONE
	d_step { !(locked & BIT(s)) -> gone = gone | BIT(s) }
#else
	gone = gone | BIT(s);
#endif
#ifndef M_NO_NEWS
	news = news | BIT(s);
	d_step {
		asleep = (is_alone(s) -> asleep : asleep & ~BIT(s));
		rung = rung | BIT(s)
	}
#ifdef ALONE
	stir(s);
#endif
#if defined(ALONE) && !defined(M_STIR_ONCE)
	/* news_tell_rest() */
	do
	:: (stirred & BIT(s)) -> stir(s)
	:: else -> break
	od
#endif
#endif
}
#endif

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
#ifdef KILLED
	may_be_killed();
#endif
#ifdef ARM
	if
	:: !scanned -> collect()
	:: else
	fi;
	scanned = 0;
#else
	collect();
#endif
	destroy();
#ifdef KILLED
	may_be_killed()
#endif
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
		put_and_retire(DEPTH);
#ifdef KILLED
		may_be_killed()
#endif
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
	assert(!retired && destroyed == BIT(tail) - BIT(1));
#ifdef KILLED
	goto finished;

killed:	lose_some(0);
	d_step {
		head = 0; tail = 0; instance = 0; seen = 0; links = 0; mapped = 0;
		retired = 0; held = 0; word = 0; g = 0; list = 0; again = 0; bells = 0;
		wanted = 0; refreshes = 0; current = 0; publishing = 0; scanned = 0;
		crammed = 0
	}
	/* Its area stays as it was, for as long as somebody maps it. */
	d_step { drained(0) ->
		do
		:: i < CAP ->
			last = (mem[SEQ(i)] > last -> mem[SEQ(i)] : last);
			i++
		:: else -> break
		od;
		i = 0;
		off_roster = 1
	}
	tell_news(0);
#if NSUB > 1
	tell_news(1);
#endif
finished:
#endif
	skip
}
