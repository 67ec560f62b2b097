/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.c - what a file holds, copied to memory as fast as the machine can
 *
 * Half of the time goes into zeroing new pages and most of the rest into the
 * copy itself, so a second core nearly halves it. The second thread is a bare
 * clone: in a child that was just forked there is no other thread and libc has
 * none to give. It shares the first one's TLS, so nothing here may use errno
 * for more than to say that something failed.
 */

#define _GNU_SOURCE 1
#include "copy.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "raw.h"

#define STEP		((size_t)1 << 20)	/* fits a cache */
#define ALONE		((size_t)8 << 20)	/* so little is not worth a thread */
#define LITTLE		((size_t)32 << 10)	/* not worth a call to find holes in it */
#define STACK		((size_t)64 << 10)

struct copy {
	int		fd;
	uintptr_t	base;
	copy_parts	next_part;
	uint32_t	lock;		/* of the next three */
	size_t		next;		/* copied or taken up to here */
	size_t		data;		/* the data at .next goes on to here */
	size_t		part;		/* the part at .next goes on to here */
	int		failed;		/* -errno */
	uint32_t	tid;		/* of the helper; the kernel clears it */
};

static void lock(struct copy *copy)
{
	while (__atomic_exchange_n(&copy->lock, 1, __ATOMIC_ACQUIRE))
		raw_call(SYS_sched_yield);
}

static void unlock(struct copy *copy)
{
	__atomic_store_n(&copy->lock, 0, __ATOMIC_RELEASE);
}

/*
 * The lock is held. In what is left of the part at .next, move .next to data:
 * 0 if there is some, 1 if not, -errno.
 */
static int find_data(struct copy *copy)
{
	off_t data, hole;

	if (copy->part - copy->next <= LITTLE) {
		copy->data = copy->part;
		return 0;
	}
	data = raw_call(SYS_lseek, copy->fd, copy->next, SEEK_DATA);
	if (data == -ENXIO || data >= (off_t)copy->part) {
		copy->next = copy->part;
		return 1;
	}
	hole = data < 0 ? data : raw_call(SYS_lseek, copy->fd, data, SEEK_HOLE);
	if (hole < 0)
		return (int)hole;
	copy->next = (size_t)data;
	copy->data = hole < (off_t)copy->part ? (size_t)hole : copy->part;
	return 0;
}

/* The lock is held. Move .next to data of any part. */
static int find(struct copy *copy)
{
	int ret = copy->next < copy->data ? 0 : 1;

	while (ret > 0 && (copy->next < copy->part ||
			   copy->next_part(&copy->next, &copy->part)))
		ret = find_data(copy);
	return ret;
}

/* The next piece is the caller's: 0, or as find(). */
static int take(struct copy *copy, size_t *from, size_t *to)
{
	int ret;

	lock(copy);
	ret = copy->failed ? copy->failed : find(copy);
	if (!ret) {
		*from = copy->next;
		*to = copy->data - *from > STEP ? *from + STEP : copy->data;
		copy->next = *to;
	} else if (ret < 0) {
		copy->failed = ret;
	}
	unlock(copy);
	return ret;
}

static int read_piece(const struct copy *copy, size_t from, size_t to)
{
	long got;

	/* All pages of a piece at once: a fifth faster than one fault for each. */
	if (to - from > LITTLE)
		raw_call(SYS_madvise, copy->base + from, to - from, MADV_POPULATE_WRITE);
	for (; from < to; from += (size_t)got) {
		got = raw_call(SYS_pread64, copy->fd, copy->base + from, to - from, from);
		if (got <= 0)
			return -EIO;
	}
	return 0;
}

static int work(void *arg)
{
	struct copy *copy = arg;
	size_t from, to;
	int ret;

	while (!(ret = take(copy, &from, &to))) {
		ret = read_piece(copy, from, to);
		if (ret)
			break;
	}
	if (ret < 0)
		__atomic_store_n(&copy->failed, ret, __ATOMIC_RELEASE);
	return 0;
}

/* Without a helper the copy takes longer, that is all. */
static bool start_helper(struct copy *copy, char *stack)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;

	return clone(work, stack + STACK, flags, copy, &copy->tid, NULL, &copy->tid) > 0;
}

static void wait_for_helper(struct copy *copy)
{
	uint32_t tid;

	while ((tid = __atomic_load_n(&copy->tid, __ATOMIC_ACQUIRE)))
		raw_call(SYS_futex, &copy->tid, FUTEX_WAIT, tid, NULL);
}

static size_t count_bytes(copy_parts next_part)
{
	size_t from = 0, to, bytes = 0;

	for (; next_part(&from, &to); from = to)
		bytes += to - from;
	return bytes;
}

int copy_file(int fd, uintptr_t base, copy_parts next_part)
{
	struct copy copy = { .fd = fd, .base = base, .next_part = next_part };
	char *stack = MAP_FAILED;
	bool helped = false;
	int saved = errno;

	if (count_bytes(next_part) > ALONE)
		stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack != MAP_FAILED)
		helped = start_helper(&copy, stack);
	work(&copy);
	if (helped)
		wait_for_helper(&copy);
	if (stack != MAP_FAILED)
		munmap(stack, STACK);
	errno = saved;
	return copy.failed;
}
