/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sampler.h - one refresh: all sources into a model
 *
 * Keeps two models, this one and the one before, since rates need both.
 */
#ifndef AGNOCAST_CLI_SAMPLER_H
#define AGNOCAST_CLI_SAMPLER_H

#include <signal.h>

#include "failures.h"
#include "model.h"
#include "source_bpf.h"
#include "source_registry.h"

struct sampler {
	struct source_registry	registry;
	struct source_bpf	*bpf;
	const char		*btf;		/* set before sampler_open(); or NULL */
	char			bpf_why[MODEL_SENTENCE];
	double			delay_s;
	sigset_t		wait_mask;	/* signals blocked only outside sampler_wait() */
	struct failures		failures;
	struct model		models[2];
	struct model		*now, *before;	/* before: NULL until the second sample */
};

#define SAMPLER_NO_BPF	(1U << 0)

/* 0 or -errno of the registry, and a sentence in @why. eBPF never makes it fail. */
int sampler_open(struct sampler *sampler, const char *where, unsigned int flags,
		 char *why, size_t len);
void sampler_close(struct sampler *sampler);

/* 0, or -errno if the registry is gone: sampler->now then says so. */
int sampler_refresh(struct sampler *sampler);

/*
 * Take failures as they come until @deadline_ns (CLOCK_MONOTONIC), a signal,
 * or input on @input (-1: none). False: @input was hung up, nobody looks on.
 */
bool sampler_wait(struct sampler *sampler, int input, uint64_t deadline_ns);

uint64_t sampler_clock(void);	/* CLOCK_MONOTONIC, ns */

#endif /* AGNOCAST_CLI_SAMPLER_H */
