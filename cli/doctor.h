/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - what agnocast doctor checks, and how a check says what it found
 *
 * A check looks and reports; it changes nothing. It may report several things.
 */
#ifndef AGNOCAST_CLI_DOCTOR_H
#define AGNOCAST_CLI_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "cause.h"
#include "model.h"
#include "source_registry.h"

enum level { LEVEL_OK, LEVEL_SKIP, LEVEL_WARN, LEVEL_FAIL, LEVELS };

struct doctor {
	const char		*registry;	/* as asked for, or NULL */
	struct source_registry	source;
	bool			there;		/* the registry answers */
	struct model		model;		/* what it says; empty else */
	struct agnocast_version	version;	/* the registry's, else the defaults */
	struct cause_machine	machine;
	uint32_t		pid;		/* only this process; 0: the machine and all */
	/* output */
	bool			json, quiet, any;
	const char		*check;		/* that is running */
	unsigned int		count[LEVELS];
};

/* @remedy: NULL for none. Foreign names in the text must be cleaned. */
void doctor_say(struct doctor *doctor, enum level level, const char *remedy,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* check_machine.c */
void check_registry(struct doctor *doctor);
void check_window(struct doctor *doctor);
void check_shm(struct doctor *doctor);
void check_queues(struct doctor *doctor);
void check_memory(struct doctor *doctor);
void check_logind(struct doctor *doctor);
void check_ebpf(struct doctor *doctor);

/* check_cgroup.c */
void check_cgroup(struct doctor *doctor);

/* check_process.c */
void check_members(struct doctor *doctor);
void check_limits(struct doctor *doctor);
void check_namespaces(struct doctor *doctor);
void check_mappings(struct doctor *doctor);
void check_preload(struct doctor *doctor);

/* clean.c */
void check_stale(struct doctor *doctor);

/* Remove what the dead left; @ask: prompt on the terminal first. An exit status. */
int clean(struct doctor *doctor, bool ask);

#endif /* AGNOCAST_CLI_DOCTOR_H */
