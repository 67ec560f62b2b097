/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon_attacks.h - what daemon_garbage.c lets loose
 *
 * Each runs in a process of its own, which ends with it: 0, or a sentence
 * about what the daemon did not do. What the daemon must survive, not how it
 * answers, is judged by the caller.
 */
#ifndef DAEMON_ATTACKS_H
#define DAEMON_ATTACKS_H

/* A sentence that begins so says why it was not tried. */
#define DAEMON_SKIP "skip: "

struct attack {
	const char *name;
	const char *(*run)(void);
};

extern const struct attack daemon_attacks[];
extern const unsigned int daemon_attacks_count;

#endif /* DAEMON_ATTACKS_H */
