/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork.c - a forked child gets a private copy of the heap
 *
 * The area is not inherited by default. Around fork() it is, and the first
 * thing that the child does is to replace it by a copy of what is allocated,
 * while the forking thread of the parent waits. Two things of libc run in the child even before
 * that and would write the parent's memory: it resets the locks of all FILEs,
 * which lie in the heap (hidden from it here), and it clears thread-specific
 * data (heap.c keeps that elsewhere).
 *
 * Order: participant's hook, stdio's list, jemalloc, area, window. stdio comes
 * before jemalloc, since fflush(NULL) allocates under the list's lock.
 */

#define _GNU_SOURCE 1
#include "fork.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "area.h"
#include "heap.h"
#include "pages.h"
#include "raw.h"
#include "start.h"
#include "window.h"

#define NO_PIPE_TRIES	6000	/* 10 ms each: then the child is taken for dead */
#define SMALL		((size_t)2 << 20)	/* copied before it is known what of it is free */
#define NO_HEAP		"agnocast: no memory for the heap of a forked child: it is killed\n"

/* libc's list of all FILEs; exported, if not in a header. */
extern struct _IO_FILE_plus *_IO_list_all;
extern struct _IO_FILE_plus _IO_2_1_stderr_;
extern void _IO_list_lock(void);
extern void _IO_list_unlock(void);
extern void _IO_list_resetlock(void);

struct stdio_lock {		/* _IO_lock_t */
	int	lock;
	int	count;
	void	*owner;
};

#define STDIO_USER_LOCK	0x8000	/* _IO_USER_LOCK: no lock of its own */

static pthread_mutex_t fork_lock = PTHREAD_MUTEX_INITIALIZER;

/* One fork at a time: fork_lock, from prepare until parent() or child() ends. */
static struct {
	bool		member;		/* the child needs a copy */
	bool		area;		/* there is one, perhaps a child's own */
	sigset_t	signals;	/* as the caller had them */
	int		saved_errno;
	int		done[2];	/* pipe: the child writes a byte, or dies */
	uint32_t	*word;		/* instead of the pipe, shared memory */
	struct _IO_FILE_plus *files;
} now;

static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	raw_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, old, _NSIG / 8);
}

static void restore_signals(const sigset_t *old)
{
	raw_call(SYS_rt_sigprocmask, SIG_SETMASK, old, NULL, _NSIG / 8);
}

/* How the parent hears that the copy is made: a pipe, since that also tells of death. */
static void open_signal(void)
{
	void *word;

	now.word = NULL;
	if (!raw_call(SYS_pipe2, now.done, O_CLOEXEC))
		return;
	now.done[0] = now.done[1] = -1;
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (word != MAP_FAILED)
		now.word = word;
}

static void close_signal(void)
{
	if (now.done[0] >= 0)
		raw_close(now.done[0]);
	if (now.word)
		munmap(now.word, 4096);
}

/* Was no child made? fork() leaves errno alone otherwise, which was 0. */
static bool fork_failed(void)
{
	return errno == EAGAIN || errno == ENOMEM;
}

static void wait_for_child(void)
{
	const struct timespec step = { .tv_nsec = 10000000 };
	char byte;

	if (now.done[0] >= 0) {
		raw_close(now.done[1]);
		while (raw_read(now.done[0], &byte, 1) == -EINTR)
			;
	}
	for (int i = 0; now.word && !fork_failed() && i < NO_PIPE_TRIES; i++) {
		if (__atomic_load_n(now.word, __ATOMIC_ACQUIRE))
			break;
		raw_call(SYS_futex, now.word, FUTEX_WAIT, 0, &step);
	}
	close_signal();
}

static void tell_parent(void)
{
	/* Not the close alone: a bystanding raw clone may hold the other copy. */
	if (now.done[1] >= 0) {
		raw_write(now.done[1], "", 1);
		raw_close(now.done[1]);
	}
	if (now.word) {
		__atomic_store_n(now.word, 1, __ATOMIC_RELEASE);
		raw_call(SYS_futex, now.word, FUTEX_WAKE, INT32_MAX);
	}
	close_signal();
}

/* libc then sees the three static FILEs only, which the child has for itself. */
static void hide_files(void)
{
	_IO_list_lock();
	now.files = _IO_list_all;
	_IO_list_all = &_IO_2_1_stderr_;
}

/* What libc would have done: no thread of the child holds any of these. */
static void reset_files(void)
{
	FILE *end = (FILE *)&_IO_2_1_stderr_;

	_IO_list_all = now.files;
	for (FILE *f = (FILE *)now.files; f && f != end; f = f->_chain)
		if (!(f->_flags & STDIO_USER_LOCK) && f->_lock)
			memset(f->_lock, 0, sizeof(struct stdio_lock));
	_IO_list_resetlock();
}

static void prepare(void)
{
	int saved = errno;
	sigset_t old;

	start_settle();
	start_run_hook(HOOK_PREPARE);
	pthread_mutex_lock(&fork_lock);
	block_signals(&old);
	now.signals = old;
	now.member = start_is_member();
	now.area = own_area.header;
	if (now.member)
		hide_files();
	heap_fork_prepare();
	if (now.area)
		area_fork_prepare();
	if (now.member) {
		open_signal();
		window_fork_prepare();
		/*
		 * On a stack that lies in the heap, the child would run on its
		 * parent's until it has its own: then it has to crash.
		 */
		if (!area_owns_heap(__builtin_frame_address(0), 1))
			area_fork_share();
	}
	now.saved_errno = saved;
	errno = 0;
}

static void parent(void)
{
	sigset_t old = now.signals;
	int saved = now.saved_errno;

	if (now.member) {
		area_fork_unshare();
		window_fork_parent();
	}
	if (now.area)
		area_fork_release();
	heap_fork_parent();
	if (now.member) {
		wait_for_child();
		_IO_list_all = now.files;
		_IO_list_unlock();
	}
	pthread_mutex_unlock(&fork_lock);
	restore_signals(&old);
	start_run_hook(HOOK_PARENT);
	errno = saved;		/* where fork() failed, libc sets it once more */
}

static void die(void)
{
	raw_write(STDERR_FILENO, NO_HEAP, sizeof(NO_HEAP) - 1);
	raw_call(SYS_kill, raw_call(SYS_getpid), SIGKILL);
}

static void child(void)
{
	sigset_t old = now.signals;
	int saved = now.saved_errno;

	if (now.member && now.done[0] >= 0) {
		raw_close(now.done[0]);
		now.done[0] = -1;
	}
	if (now.area && area_fork_child())
		die();
	heap_fork_child();
	if (now.member) {
		if (pages_bytes_used() > SMALL)
			heap_fork_drop_free();
		if (area_fork_copy())
			die();
		window_fork_child();
		tell_parent();
		reset_files();
		start_become_child();
	}
	pthread_mutex_unlock(&fork_lock);
	restore_signals(&old);
	if (now.member)
		start_run_hook(HOOK_CHILD);
	errno = saved;
}

void fork_register(void)
{
	pthread_atfork(prepare, parent, child);
}
