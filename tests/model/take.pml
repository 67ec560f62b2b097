/* SPDX-License-Identifier: BSD-2-Clause */
/* take.pml - a subscription of ring.pml: lib/take.c, wait.c, the reader's side of ring.c */

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
	:: atomic { !valid ->
#ifdef KILLED
		assert(!sure);		/* nothing moves any more: it would fail for ever */
#endif
		claim_end()
	   }
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
#ifdef KILLED
	(rung & BIT(s)) || is_drained(s)
#else
	(rung & BIT(s))
#endif
#else
	if
	:: atomic { valid -> valid = 0 }
	:: d_step { !valid && (rung & BIT(s)) -> rung = rung & ~BIT(s) }
#ifdef KILLED
	:: !valid && is_drained(s)
#endif
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
#ifdef ALONE
		locked = locked | BIT(s);
		hears = (stirred >> s) & 1;	/* the own word too */
#endif
		may_die()
	}
	atomic {
#ifndef M_NO_SLEEPER_FENCE
		fence(ME);
#endif
#ifdef KILLED
		heard = (news >> s) & 1;
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
	:: atomic { valid -> valid = 0; next = 0
#ifdef ALONE
		;
		locked = locked & ~BIT(s)
#endif
	   }
	:: else ->
#ifdef ALONE
		d_step {
			alone = (hears -> alone : alone | BIT(s));
			locked = locked & ~BIT(s)
		}
#endif
		futex_wait(s, next);
#ifdef ALONE
		d_step { hears = 0; alone = alone & ~BIT(s) }
#endif
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
#ifdef KILLED
	bit heard, sure;
#endif
#ifdef ALONE
	bit hears;
#endif
#ifdef M_LOOK_BEFORE_GONE
	bit looked;
#endif
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
#ifdef KILLED
	/* Not listed any more, nothing to attach. */
	if
	:: off_roster && JOINS & BIT(s) -> goto leave
	:: else
	fi;
#endif
#ifndef M_CLAIM_BEFORE_ROSTER
	if
	:: JOINS & BIT(s) -> attach()
	:: else
	fi;
#endif
	do
	:: atomic { cursor > LAST -> break }
#ifdef KILLED
#ifdef M_LOOK_BEFORE_GONE
	:: atomic { !looked && mem[SEQ(cursor)] < cursor -> looked = 1 }
	:: atomic { looked && (gone & BIT(s)) -> assert(cursor > last); break }
#else
	:: atomic { is_drained(s) -> assert(cursor > last); break }
#endif
#endif
	:: atomic { else ->
#ifdef KILLED
		sure = (gone >> s) & 1;
		heard = 0;
#endif
		may_die()
	   }
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
	assert(counted == cursor - start);	/* taken, or counted as dropped */
#endif
leave:	atomic { drained(ME) -> done++; goto finished }

dead:	atomic {
		drained(ME) ->
		cursor = 0; start = 0; counted = 0; next = 0; address = 0; q = 0;
		todo = 0; valid = 0; instance = 0; sleeps = 0; armings = 0; timeouts = 0;
		armed = 0
#ifdef ALONE
		;
		hears = 0;
		locked = locked & ~BIT(s)
#endif
	}
#ifndef M_KEEP_DEAD
	registry_set(ME, BIT(s), q, next);
#endif
	d_step { drained(ME) -> done++ }
finished:
	skip
}
