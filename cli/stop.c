// SPDX-License-Identifier: BSD-2-Clause
/* stop.c - signals that end the program in good order, or resize its screen */

#include "stop.h"

#include <stddef.h>

volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

void stop_catch(sigset_t *mask)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGWINCH);	/* curses has a handler for it */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&blocked, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, mask);
	signal(SIGPIPE, SIG_IGN);	/* "| head" is a fine way to end: output_print() */
}
