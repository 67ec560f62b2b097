/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.pml - memory behind explicit store buffers, x86 or (ARM) weaker
 *
 * Promela alone is sequentially consistent. Here a store is pushed into its
 * process's buffer, and reaches memory when the hardware likes; a load looks
 * into the own buffer first; a fence waits until that is empty. The includer
 * defines WORDS, BUFFER, NSUB and goes_with_next().
 */

byte mem[WORDS];

/* 0 is the publisher, 1 + s a subscription. */
typedef buffer {
	byte n;
	byte at[BUFFER];
	byte value[BUFFER];
	bit release[BUFFER]
};
buffer buf[NSUB + 1];
#ifdef KILLED
byte made[NSUB + 1];	/* so many from the front were made for sure: a later one was seen */
#endif

/* Scratch, 0 between steps. */
byte i;

/* Seen by nobody until it is flushed: part of the step that calls it. */
inline push(p, a, v, r)
{
	assert(buf[p].n < BUFFER);
	buf[p].at[buf[p].n] = a;
	buf[p].value[buf[p].n] = v;
	buf[p].release[buf[p].n] = r;
	buf[p].n++
}

inline store(p, a, v)
{
	d_step { push(p, a, v, 0) }
}

/* The newest in the own buffer, else memory. */
inline load(p, a, to)
{
	d_step {
		to = mem[a];
		i = 0;
		do
		:: i < buf[p].n ->
			if
			:: buf[p].at[i] == a -> to = buf[p].value[i]
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

#define drained(p)	(buf[p].n == 0)
#define has_room(p, more)	(buf[p].n + (more) <= BUFFER)

inline fence(p)
{
	drained(p)
}

/* Entry k reaches memory. */
inline flush(p, k)
{
#ifdef KILLED
	made[p] = (k >= made[p] -> k : made[p] - 1);
#endif
	mem[buf[p].at[k]] = buf[p].value[k];
	i = k;
	do
	:: i + 1 < buf[p].n ->
		buf[p].at[i] = buf[p].at[i + 1];
		buf[p].value[i] = buf[p].value[i + 1];
		buf[p].release[i] = buf[p].release[i + 1];
		i++
	:: else -> break
	od;
	buf[p].n--;
	buf[p].at[i] = 0;
	buf[p].value[i] = 0;
	buf[p].release[i] = 0;
	i = 0
}

#ifdef KILLED
/*
 * Killed: the stores behind some point of its program were never made. Those
 * before it reach memory as ever.
 */
inline lose_some(p)
{
	atomic {
		do
		:: buf[p].n > made[p] -> d_step {
			buf[p].n--;
			i = buf[p].n;
			buf[p].at[i] = 0;
			buf[p].value[i] = 0;
			buf[p].release[i] = 0;
			i = 0
		   }
		:: drained(p) || !goes_with_next(buf[p].at[buf[p].n - 1]) ->
			made[p] = 0;
			break
		od
	}
}
#endif

/*
 * On ARM any entry, but a release only after all before it, and none before
 * one to the same word; a choice that may not go is taken as the oldest. On x86
 * the oldest.
 */
inline flush_one(p)
{
	atomic {
		!drained(p);
#ifdef ARM
		do
		:: k + 1 < buf[p].n -> k++
		:: break
		od;
		d_step {
			i = k;
			do
			:: i > 0 && buf[p].release[k] -> k = 0; i = 0
			:: i > 0 && !buf[p].release[k] ->
				i--;
				if
				:: buf[p].at[i] == buf[p].at[k] -> k = 0; i = 0
				:: else
				fi
			:: else -> break
			od;
			flush(p, k);
			k = 0
		}
#else
		d_step {
			k = buf[p].at[0];
			flush(p, 0);
			if
			:: goes_with_next(k) -> flush(p, 0)
			:: else
			fi;
			k = 0
		}
#endif
	}
}

proctype hardware()
{
	byte k;

end:	do
	:: flush_one(0)
	:: flush_one(1)
#if NSUB > 1
	:: flush_one(2)
#endif
#if NSUB > 2
	:: flush_one(3)
#endif
	od
}
