// SPDX-License-Identifier: BSD-2-Clause
/* sampler.c - one refresh: all sources into a model */

#define _GNU_SOURCE
#include "sampler.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "clock.h"
#include "source_proc.h"

uint64_t sampler_clock(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int sampler_open(struct sampler *sampler, const char *where, unsigned int flags,
		 char *why, size_t len)
{
	int ret = source_registry_open(&sampler->registry, where, why, len);

	if (ret)
		return ret;
	if (flags & SAMPLER_NO_BPF)
		snprintf(sampler->bpf_why, sizeof(sampler->bpf_why), "--no-bpf was given");
	else
		sampler->bpf = source_bpf_open(&sampler->registry.version, sampler->btf,
					       sampler->bpf_why, sizeof(sampler->bpf_why));
	sampler->now = &sampler->models[0];
	return 0;
}

void sampler_close(struct sampler *sampler)
{
	source_bpf_close(sampler->bpf);
	source_registry_close(&sampler->registry);
	model_clear(&sampler->models[0]);
	model_clear(&sampler->models[1]);
}

/* The older model becomes the new one, emptied. */
static void turn(struct sampler *sampler)
{
	struct model *oldest = sampler->now == &sampler->models[0] ? &sampler->models[1]
								    : &sampler->models[0];

	if (sampler->now->time_ns)
		sampler->before = sampler->now;
	else
		oldest = sampler->now;
	model_clear(oldest);
	sampler->now = oldest;
}

static void read_shm(struct model *now)
{
	struct statvfs st;

	if (statvfs("/dev/shm", &st))
		return;
	now->shm_known = true;
	now->shm_bytes = (uint64_t)st.f_blocks * st.f_frsize;
	now->shm_used = (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
}

int sampler_refresh(struct sampler *sampler)
{
	struct model *now;
	int ret;

	turn(sampler);
	now = sampler->now;
	now->time_ns = clock_ns(CLOCK_REALTIME);
	now->mono_ns = sampler_clock();
	now->delay_s = sampler->delay_s;
	now->bpf_on = sampler->bpf;
	memcpy(now->bpf_why, sampler->bpf_why, sizeof(now->bpf_why));
	ret = source_registry_fill(&sampler->registry, now);
	model_carry_exited(now, sampler->before);
	source_bpf_fill(sampler->bpf, now, sampler->before);
	model_sum_up(now, sampler->before);
	source_proc_permissions(now, sampler->before);
	read_shm(now);
	source_bpf_collect(sampler->bpf, sampler->now, &sampler->failures);
	failures_fill(&sampler->failures, now);
	return ret;
}

/* ppoll() takes signals only if no descriptor is ready: a flood of events would keep them out. */
static bool let_signals_in(const struct sampler *sampler)
{
	sigset_t pending, blocked;

	if (sigpending(&pending) || sigisemptyset(&pending))
		return false;
	sigprocmask(SIG_SETMASK, &sampler->wait_mask, &blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	return true;
}

bool sampler_wait(struct sampler *sampler, int input, uint64_t deadline_ns)
{
	struct pollfd fds[2] = {
		{ .fd = input, .events = POLLIN },
		{ .fd = source_bpf_fd(sampler->bpf), .events = POLLIN },
	};
	uint64_t now = sampler_clock();

	while (now < deadline_ns) {
		struct timespec left = {
			.tv_sec = (time_t)((deadline_ns - now) / 1000000000),
			.tv_nsec = (long)((deadline_ns - now) % 1000000000),
		};

		if (ppoll(fds, 2, &left, &sampler->wait_mask) < 0)
			return true;	/* a signal: the caller looks at its flags */
		if (let_signals_in(sampler))
			return true;
		if (fds[1].revents)
			source_bpf_collect(sampler->bpf, sampler->now, &sampler->failures);
		if (fds[0].revents)
			return !(fds[0].revents & (POLLHUP | POLLERR | POLLNVAL));
		now = sampler_clock();
	}
	return true;
}
