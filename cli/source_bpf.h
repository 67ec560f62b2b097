/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source_bpf.h - what eBPF counts: calls, errors and time of each process
 *
 * Where it may not run, agnocast-top shows the rest and one sentence why.
 */
#ifndef AGNOCAST_CLI_SOURCE_BPF_H
#define AGNOCAST_CLI_SOURCE_BPF_H

#include "failures.h"
#include "model.h"

struct source_bpf;

/*
 * Load and attach for the window of @version; @btf as of tracer_open(). NULL, and a sentence in @why, if
 * that can't be; a sentence as well if a part is missing, else "".
 */
struct source_bpf *source_bpf_open(const struct agnocast_version *version, const char *btf,
				   char *why, size_t len);
void source_bpf_close(struct source_bpf *source);	/* NULL is allowed */

/* Readable when failures wait; -1 for NULL. */
int source_bpf_fd(const struct source_bpf *source);

/* Take the failures that wait; @model tells whose memory a fault is in. */
void source_bpf_collect(struct source_bpf *source, const struct model *model,
			struct failures *failures);

/*
 * Add the counts to the processes of @model, after model_carry_exited(); for
 * callers that the registry does not know, add rows. @before: the sample before.
 */
void source_bpf_fill(struct source_bpf *source, struct model *model,
		     const struct model *before);

#endif /* AGNOCAST_CLI_SOURCE_BPF_H */
