/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims.pml - one subscription's claims, used by several threads and on the
 * messages of two publishers, over explicit store buffers
 *
 * Processes 0 and 1 publish, 2 and 3 are threads of the subscription's process:
 * each takes (lib/take.c, under the lock) and releases what either has taken
 * (under none, into slots that the other is about to use). The library's thread
 * drops publisher 0 (subscription.c, drop_drained()) once it was killed. One
 * table holds the claims on the messages of both. README.md says what
 * corresponds to what; the fences are ring.pml's matter.
 *
 *	LAST OTHERS		messages of publishers 0 and 1
 *	SLOTS			places in the table
 *	KILLED			publisher 0 may die, at any store
 *	TWICE			how often a message that was released is released again
 *	ARM			as in ring.pml
 *	M_...			one mutation
 */

#ifndef LAST
#define LAST 2
#endif
#ifndef OTHERS
#define OTHERS 1
#endif
#ifndef TWICE
#define TWICE 0
#endif
#ifndef SLOTS
#define SLOTS 2
#endif

#define NSUB 3		/* buffers.pml: that many processes beside publisher 0 */
#define BUFFER 4
#define CAP 2		/* depth 1: one entry more */
#define NONE 255

#define CLAIMED		0			/* sub->claimed, a bit per slot */
#define CLAIM(k)	(1 + (k))		/* sub->claim[k] */
#define TAIL(p)		(1 + SLOTS + (p))
#define SEQ(p, n)	(3 + SLOTS + (p) * CAP + (n) % CAP)
#define WORDS		(3 + SLOTS + 2 * CAP)

#define BIT(n)		(1 << (n))
#define ID(p, n)	((p) * 4 + (n))		/* a message; n from 1 to 3 */
#define OWNER(id)	((id) / 4)
/* AGNOCAST_CLAIM() */
#ifdef M_CLAIM_IS_SEQ
#define CLAIM_OF(id)	((id) % 4)
#define is_mine(word)	true
#else
#define CLAIM_OF(id)	(id)
#define is_mine(word)	(OWNER(word) == p)
#endif
#define goes_with_next(word)	false

#include "buffers.pml"

bit mutex;		/* sub->lock */
byte cursor[2] = 1;	/* source->cursor: under the lock */
bit dropped;		/* publisher 0, its memory with it: under the lock */
byte destroyed;		/* messages by their ID, a bit each */
byte taken;		/* the same */
byte loan[SLOTS];	/* what users hold: the ID, by its slot */
#if TWICE
byte before[SLOTS];	/* what was released from there last */
byte twice = TWICE;
#endif
bit gone;		/* publisher 0, which was killed */
byte finished;		/* threads */

#define unread(p)	(!(dropped && (p) == 0) && mem[SEQ(p, cursor[p])] >= cursor[p])

/* ---- a publisher ---- */

/* Collects the claims, destroys what is retired and not claimed. */
inline reclaim()
{
	atomic {
		fence(p);
		load(p, CLAIMED, bits)
	}
	do
	:: atomic { k < SLOTS && (bits & BIT(k)) ->
		load(p, CLAIM(k), word);
		if
		:: word && is_mine(word) -> held = held | BIT(ID(p, word % 4))
		:: else
		fi;
		word = 0;
		k++
	   }
	:: atomic { k < SLOTS && !(bits & BIT(k)) -> k++ }
	:: atomic { k == SLOTS -> k = 0; break }
	od;
	atomic {
		destroyed = destroyed | (retired & ~held);
		retired = retired & held;
		held = 0;
		bits = 0
	}
}

inline may_be_killed()
{
#ifdef KILLED
	if
	:: p == 0 -> goto killed
	:: skip
	fi
#else
	skip
#endif
}

proctype publisher(byte p; byte end)
{
	byte head = 1, tail = 1, retired, held, word, bits, k;

	do
	:: head <= end ->
		/* ring_put(), ring_retire() */
		atomic {
			push(p, SEQ(p, head), head, 1);
			head++;
			if
			:: head - tail > 1 ->
				retired = retired | BIT(ID(p, tail));
				tail++;
				push(p, TAIL(p), tail, 0)
			:: else
			fi;
			may_be_killed()
		}
		reclaim();
		may_be_killed()
	:: else -> break
	od;
	/* Nobody holds anything any more: nothing may be left. */
	(finished == 2);
	reclaim();
	assert(!retired);
	goto done;
#ifdef KILLED
killed:	lose_some(0);
	d_step { head = 0; tail = 0; retired = 0 }
	d_step { drained(0) -> gone = 1 }
#endif
done:	skip
}

/*
 * ---- threads of the subscription's process ----
 *
 * What the lock guards may be in the same step as one look at memory.
 */

#ifdef M_NO_LOCK
#define is_free(lock)	true
#define set(lock, value)	skip
#else
#define is_free(lock)	(!(lock))
#define set(lock, value)	lock = value
#endif

/* Whoever gets a mutex sees all that was stored before it was given up. */
inline unlock()
{
	set(mutex, 0);
	p = 0; next = 0; k = 0
}

/*
 * claim_end(), of claim @id in slot k. An atomic read-modify-write with release:
 * all stores before it are seen, then it changes memory itself.
 */
inline claim_end(id)
{
#ifdef M_CLEAR_BIT_FIRST
	d_step { drained(me) -> mem[CLAIMED] = mem[CLAIMED] & ~BIT(k) }
	d_step { drained(me) -> mem[CLAIM(k)] = 0 }
#else
	d_step { drained(me) ->
#ifdef M_RELEASE_UNCHECKED
		mem[CLAIM(k)] = 0;
		mine = 1
#else
		if
		:: mem[CLAIM(k)] == CLAIM_OF(id) -> mem[CLAIM(k)] = 0; mine = 1
		:: else
		fi
#endif
	}
	if
#ifdef M_BITMAP_NOT_ATOMIC
	:: mine ->
		load(me, CLAIMED, bits);
		d_step { push(me, CLAIMED, bits & ~BIT(k), 1); bits = 0; mine = 0 }
#else
	:: d_step { mine && drained(me) -> mem[CLAIMED] = mem[CLAIMED] & ~BIT(k); mine = 0 }
#endif
	:: else
	fi
#endif
}

/* oldest() finds one, take_from() looks with ring_next() */
inline choose()
{
	atomic {
		if
		:: unread(0) -> p = 0
		:: unread(1) -> p = 1
		:: !unread(0) && !unread(1) -> next = NONE
		fi;
		if
		:: next == NONE
		:: else -> next = cursor[p]
		fi
	}
	if
	:: atomic { next != NONE && mem[SEQ(p, next + 1)] > next ->
		load(me, TAIL(p), q);
		next = (q > next -> q : next);
		q = 0
	   }
	:: else
	fi
}

/* claim_begin(), ring_read_claimed(), and what take_from() makes of it */
inline take_from()
{
	atomic {
		load(me, CLAIMED, bits);
		k = ((bits & 1) -> 1 : 0);
		push(me, CLAIM(k), CLAIM_OF(ID(p, next)), 0)
	}
	d_step { drained(me) -> mem[CLAIMED] = mem[CLAIMED] | BIT(k); bits = 0 }
	atomic {
		load(me, SEQ(p, next), q);
		valid = (q == next)
	}
	atomic {
		load(me, TAIL(p), q);
		valid = valid && q <= next;
		q = 0
	}
	if
	:: d_step { valid && drained(me) ->
		valid = 0;
		q = ID(p, next);
		assert(!(taken & BIT(q)));
		taken = taken | BIT(q);
		cursor[p] = next + 1;
		/* To the user, who may hand it to the other thread. */
		loan[k] = q;
		q = 0;
		unlock()
	   }
	:: !valid ->
		claim_end(ID(p, next));
		d_step { drained(me) -> unlock() }
	fi
}

#define is_read(p, end)	(cursor[p] > (end) || (dropped && (p) == 0))

proctype thread(byte me)
{
	byte p, next, k, q, bits;
	bit valid, mine;

	do
	:: d_step { (unread(0) || unread(1)) && mem[CLAIMED] != BIT(SLOTS) - 1 && is_free(mutex) ->
		set(mutex, 1)
	   }
		choose();
		if
		:: next != NONE && mem[CLAIMED] != BIT(SLOTS) - 1 -> take_from()
		:: d_step { else -> unlock() }	/* the other thread has it, or EMFILE */
		fi
	/* agnocast_message_release(), by whoever has it; it was read up to now. */
	:: atomic { loan[0] || loan[SLOTS - 1] ->
		if
		:: loan[0] -> k = 0
		:: loan[SLOTS - 1] -> k = SLOTS - 1
		fi;
		q = loan[k];
		loan[k] = 0
	   }
		d_step {
			assert(!(destroyed & BIT(q)));
			assert(!dropped || OWNER(q) == 1);
#if TWICE
			before[k] = q
#endif
		}
		claim_end(q);
		d_step { k = 0; q = 0 }
#if TWICE
	/* Once more, which is EINVAL. */
	:: atomic { twice && (before[0] || before[SLOTS - 1]) ->
		twice--;
		if
		:: before[0] -> k = 0
		:: before[SLOTS - 1] -> k = SLOTS - 1
		fi;
		q = before[k]
	   }
		claim_end(q);
		d_step { k = 0; q = 0 }
#endif
	:: atomic { is_read(0, LAST) && is_read(1, OTHERS) && !loan[0] && !loan[SLOTS - 1] &&
		    drained(me) -> finished++; break
	   }
	od
}

#ifdef KILLED
/* drop_drained(): nothing to read, no claims; both seen under the lock. */
proctype library()
{
	byte bits, k;
	bit claims;

	do
	:: gone && !dropped ->
		d_step { is_free(mutex) -> set(mutex, 1) }
		if
		:: mem[SEQ(0, cursor[0])] < cursor[0] ->
			bits = mem[CLAIMED];
			do
			:: atomic { k < SLOTS && (bits & BIT(k)) ->
				claims = claims || (mem[CLAIM(k)] && OWNER(mem[CLAIM(k)]) == 0);
				k++
			   }
			:: atomic { k < SLOTS && !(bits & BIT(k)) -> k++ }
			:: k == SLOTS -> break
			od;
			if
#ifdef M_DROP_CLAIMED
			:: true -> dropped = 1
#else
			:: !claims -> dropped = 1
			:: claims
#endif
			fi
		:: else
		fi;
		d_step { bits = 0; k = 0; claims = 0; set(mutex, 0) }
	:: finished == 2 -> break
	od
}
#endif

init {
	atomic {
		mem[TAIL(0)] = 1;
		mem[TAIL(1)] = 1;
		run publisher(0, LAST);
		run publisher(1, OTHERS);
		run thread(2);
		run thread(3);
#ifdef KILLED
		run library();
#endif
		run hardware()
	}
}
