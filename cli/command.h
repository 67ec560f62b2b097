/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h - the subcommands of `agnocast`
 *
 * One table in agnocast.c; each subcommand is a file cmd_NAME.c with one
 * function, that returns the exit status (sysexits.h beyond 2).
 */
#ifndef AGNOCAST_CLI_COMMAND_H
#define AGNOCAST_CLI_COMMAND_H

#include <stdint.h>

#define COMMAND_MEMPOOL	"64M"	/* what `agnocast run` sets where there is no MEMPOOL_SIZE */

int cmd_trace(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_ls(int argc, char **argv);

/* "agnocast NAME: SENTENCE; see --help" on stderr, and exit with EX_USAGE. */
void command_wrong(const char *name, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* --version of all of them: prints and exits. */
void command_version(void) __attribute__((noreturn));

/* $AGNOCAST_REGISTRY, or NULL for the default places. */
const char *command_registry(void);

/*
 * A list "PID[,PID]" of option @option of command @name: how many, at most
 * @max; wrong input ends the program.
 */
unsigned int command_pids(const char *name, const char *text, uint32_t *pids, unsigned int max);

#endif /* AGNOCAST_CLI_COMMAND_H */
