/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.c - the address range of all areas, reserved in this process
 *
 * The reservation is one PROT_NONE mapping, which costs no memory. Nothing
 * here ever maps over addresses that are not known to be ours.
 */

#define _GNU_SOURCE 1
#include "window.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <agnocast/layout.h>
#include <uapi/agnocast.h>

#include "maps.h"
#include "raw.h"

#define PIECE		((size_t)2 << 20)
#define RESERVE_FLAGS	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static pthread_mutex_t window_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t mapped[AGNOCAST_SESSIONS_MAX];	/* window_lock; bytes of each peer's area */

/* Behind the table: so the compiler puts it in front, with what each start writes. */
struct window window;

static int map_piece(uintptr_t address, size_t len, int flags, int fd, off_t offset)
{
	/* Not libc's: sanitizers make shadow for what goes through that. */
	long got = raw_call(SYS_mmap, address, len, PROT_NONE, flags, fd, offset);

	if (got < 0 && got > -4096)
		return (int)got;
	/* A kernel before 4.17 takes MAP_FIXED_NOREPLACE for a mere hint. */
	if ((uintptr_t)got != address) {
		raw_call(SYS_munmap, got, len);
		return -EEXIST;
	}
	raw_call(SYS_munlock, address, len);
	return 0;
}

/* Put back what was there before map_at(). */
static void unmap(uintptr_t address, size_t len, int flags)
{
	if (flags & MAP_FIXED)
		raw_call(SYS_mmap, address, len, PROT_NONE, RESERVE_FLAGS | MAP_FIXED, -1, 0);
	else
		raw_call(SYS_munmap, address, len);
}

/*
 * After mlockall(MCL_FUTURE) a mapping is locked and filled as it is made: that
 * would fill the holes of the file, another process's perhaps. What cannot be
 * accessed is not filled, so it is opened only after it was unlocked. And it
 * counts as locked for that moment: where the limit does not allow for the
 * whole (EAGAIN), it is made of pieces.
 */
static int map_at(uintptr_t address, size_t len, int prot, int flags, int fd, off_t offset)
{
	size_t done = 0, step = len;
	int ret = 0;

	while (!ret && done < len) {
		if (step > len - done)
			step = len - done;
		ret = map_piece(address + done, step, flags, fd, offset + (off_t)done);
		if (!ret) {
			done += step;
		} else if (ret == -EAGAIN && step > PIECE && len <= window.area_size) {
			step = (step / 2 + PIECE - 1) / PIECE * PIECE;
			ret = 0;
		}
	}
	if (!ret && prot != PROT_NONE)
		ret = (int)raw_call(SYS_mprotect, address, len, prot);
	if (ret && done)
		unmap(address, done, flags);
	return ret;
}

/* Never dumped: there is nothing in it, and the kernel knows. */
static int map_nothing(uintptr_t address, size_t len, int how)
{
	return map_at(address, len, PROT_NONE, RESERVE_FLAGS | how, -1, 0);
}

/* Name the first mapping in [from, to). */
static void describe_obstacle(uintptr_t from, uintptr_t to, char *why, size_t len)
{
	struct mapping found = { .name = "something" };

	maps_find(from, to, &found);
	snprintf(why, len, "addresses 0x%" PRIxPTR "-0x%" PRIxPTR " are needed, but %s lies "
		 "at 0x%" PRIxPTR "-0x%" PRIxPTR ": give the registry another window, the same "
		 "for the whole host (agnocastd --window-base, or the module's parameter "
		 "window_base)", from, to, found.name, found.from, found.to);
}

/* The kernel's word for "after mlockall(MCL_FUTURE), that is more than may be locked". */
static void describe_lock_limit(size_t bytes, char *why, size_t len)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_MEMLOCK, &limit);
	snprintf(why, len, "%zu bytes of addresses cannot be mapped: this process called "
		 "mlockall(MCL_FUTURE) and may lock only %llu bytes: raise RLIMIT_MEMLOCK "
		 "(ulimit -l)", bytes, (unsigned long long)limit.rlim_cur);
}

static bool address_space_is_limited(void)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY;
}

int window_reserve(uintptr_t base, size_t area_size, uint32_t areas,
		   char *why, size_t len)
{
	size_t bytes;
	int ret;

	if (!base || base % 4096 || area_size % 4096 || !areas ||
	    areas > AGNOCAST_SESSIONS_MAX ||
	    area_size <= AGNOCAST_CONTROL_SIZE ||
	    __builtin_mul_overflow(area_size, areas, &bytes) || base + bytes < base) {
		snprintf(why, len, "the registry speaks of a window that cannot be: "
			 "%u areas of %zu bytes at 0x%" PRIxPTR, areas, area_size, base);
		return -EINVAL;
	}
	window = (struct window){ .base = base, .area_size = area_size, .areas = areas };
	ret = map_nothing(base, bytes, MAP_FIXED_NOREPLACE);
	window.reserved = !ret;
	if (ret == -EEXIST) {
		describe_obstacle(base, base + bytes, why, len);
	} else if (ret == -EAGAIN || (ret == -ENOMEM && address_space_is_limited())) {
		ret = 0;		/* each mapping on its own, then */
	} else if (ret) {
		snprintf(why, len, "addresses 0x%" PRIxPTR "-0x%" PRIxPTR " cannot be had "
			 "here (%s): give the registry another window (agnocastd "
			 "--window-base, or the module's parameter window_base)",
			 base, base + bytes, strerrordesc_np(-ret));
	}
	return ret;
}

void window_unreserve(void)
{
	if (window.reserved)
		munmap((void *)window.base, window.area_size * window.areas);
	memset(&window, 0, sizeof(window));
}

/* The slot of the area that starts at @address and holds @len bytes, or -1. */
static long slot_of(uintptr_t address, size_t len)
{
	uintptr_t offset = address - window.base;

	if (!window.area_size || address < window.base || offset % window.area_size ||
	    offset / window.area_size >= window.areas || !len || len > window.area_size)
		return -1;
	return (long)(offset / window.area_size);
}

static int say_why(int ret, uintptr_t address, size_t len, char *why, size_t why_len)
{
	if (ret == -EEXIST)
		describe_obstacle(address, address + len, why, why_len);
	else if (ret == -EAGAIN)
		describe_lock_limit(len, why, why_len);
	else if (ret == -ENOMEM && address_space_is_limited())
		snprintf(why, why_len, "%zu bytes of addresses are more than the limit on "
			 "address space leaves: raise RLIMIT_AS (ulimit -v)", len);
	else if (ret)
		snprintf(why, why_len, "mapping %zu bytes at 0x%" PRIxPTR ": %s", len,
			 address, strerrordesc_np(-ret));
	return ret;
}

int window_map_own(uintptr_t address, int fd, char *why, size_t why_len)
{
	int how = window.reserved ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	size_t len = window.area_size;
	int ret;

	if (slot_of(address, len) < 0) {
		snprintf(why, why_len, "the registry gave an area outside its window");
		return -EINVAL;
	}
	ret = map_at(address, len, PROT_READ | PROT_WRITE, MAP_SHARED | how, fd, 0);
	if (ret)
		return say_why(ret, address, len, why, why_len);
	madvise((void *)address, len, MADV_DONTFORK);
	/* The heap is made dumpable as it grows: a core must not hold the holes. */
	madvise((void *)address, len, MADV_DONTDUMP);
	return 0;
}

/* What is mapped already stays as it is: somebody may be reading there. */
static int map_rest(uintptr_t address, size_t len, size_t old, int fd)
{
	int how = window.reserved ? MAP_FIXED : MAP_FIXED_NOREPLACE;

	if (len <= old)
		return 0;
	return map_at(address + old, len - old, PROT_READ, MAP_SHARED | how, fd, (off_t)old);
}

int window_map_peer(uintptr_t address, size_t len, int fd, char *why, size_t why_len)
{
	long slot = slot_of(address, len);
	int ret;

	len = (len + 4095) & ~(size_t)4095;
	if (slot < 0) {
		snprintf(why, why_len, "the registry gave an area outside its window");
		return -EINVAL;
	}
	pthread_mutex_lock(&window_lock);
	ret = map_rest(address, len, mapped[slot], fd);
	if (!ret) {
		madvise((void *)address, len, MADV_DONTFORK);
		madvise((void *)address, len, MADV_DONTDUMP);
		if (len > mapped[slot])
			mapped[slot] = len;
	}
	pthread_mutex_unlock(&window_lock);
	return say_why(ret, address, len, why, why_len);
}

void window_unmap_peer(uintptr_t address, size_t len)
{
	long slot = slot_of(address, len);

	if (slot < 0)
		return;
	pthread_mutex_lock(&window_lock);
	len = mapped[slot];
	mapped[slot] = 0;
	if (len && window.reserved)
		map_nothing(address, len, MAP_FIXED);
	else if (len)
		munmap((void *)address, len);
	pthread_mutex_unlock(&window_lock);
}

void window_fork_prepare(void)
{
	pthread_mutex_lock(&window_lock);
}

void window_fork_parent(void)
{
	pthread_mutex_unlock(&window_lock);
}

/* Peers are not inherited: what they left is reserved again. */
void window_fork_child(void)
{
	for (uint32_t slot = 0; slot < window.areas; slot++) {
		if (mapped[slot] && window.reserved)
			map_nothing(window.base + slot * window.area_size, mapped[slot],
				    MAP_FIXED_NOREPLACE);
		mapped[slot] = 0;
	}
	pthread_mutex_unlock(&window_lock);
}
