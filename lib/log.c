/* SPDX-License-Identifier: BSD-2-Clause */
/* log.c - the one way the library speaks */

#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void (*log_fn)(enum agnocast_level, const char *, void *);

static _Atomic(log_fn) callback;
static _Atomic(void *) callback_arg;
static atomic_bool enabled;

void agnocast_log_set(log_fn log, void *arg)
{
	/* The argument first: a line in between may get the new one too early,
	 * which a caller avoids by setting its callback before it starts threads. */
	atomic_store(&callback_arg, arg);
	atomic_store(&callback, log);
}

void log_enable(void)
{
	atomic_store_explicit(&enabled, true, memory_order_relaxed);
}

/*
 * stderr may be a pipe that nobody reads any more, or a file that may not grow:
 * that ends a process by a signal, but not one whose library wanted to say
 * something.
 */
static void write_unharmed(const char *out, size_t len)
{
	const struct timespec now = { 0 };
	sigset_t ours, old, pending;

	sigemptyset(&ours);
	sigpending(&pending);
	if (!sigismember(&pending, SIGPIPE))
		sigaddset(&ours, SIGPIPE);
	if (!sigismember(&pending, SIGXFSZ))
		sigaddset(&ours, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &ours, &old);
	if (write(STDERR_FILENO, out, len) < 0 && (errno == EPIPE || errno == EFBIG))
		sigtimedwait(&ours, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void to_stderr(enum agnocast_level level, const char *line)
{
	char out[1100];
	int n;

	if (level == AGNOCAST_LOG_INFO)
		return;
	n = snprintf(out, sizeof(out), "agnocast: %s%s\n",
		     level == AGNOCAST_LOG_WARNING ? "warning: " : "", line);
	if (n > 0)
		write_unharmed(out, (size_t)n);
}

void log_line(enum agnocast_level level, const char *format, ...)
{
	log_fn log = atomic_load(&callback);
	int saved = errno;
	char line[1024];
	va_list args;

	if (!atomic_load_explicit(&enabled, memory_order_relaxed))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (log)
		log(level, line, atomic_load(&callback_arg));
	else
		to_stderr(level, line);
	errno = saved;
}
