// SPDX-License-Identifier: BSD-2-Clause
/* live.c - samples of the registry that is there, until the end */

#define _GNU_SOURCE
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "output.h"
#include "sampler.h"
#include "stop.h"

static struct sampler sampler;		/* 130 kB of failures: too much for a stack */
static FILE *recording;

static uint64_t after(double delay_s, uint64_t from)
{
	return from + (uint64_t)(delay_s * 1e9);
}

/* Until the deadline or a stop; other signals (a stop and continue) are slept through. */
static void sleep_until(uint64_t when)
{
	while (!stopped && sampler_clock() < when)
		sampler_wait(&sampler, -1, when);
}

static int complain_gone(void)
{
	fprintf(stderr, "agnocast-top: %s\n", sampler.now->registry_why);
	return EX_UNAVAILABLE;
}

static int complain_recording(const struct options *options, int ret)
{
	fprintf(stderr, "agnocast-top: can't write to %s: %s\n", options->record, strerror(-ret));
	return EX_SOFTWARE;
}

/* Counters need no interval, so one sample does. */
static int run_prom(const struct options *options)
{
	if (sampler_refresh(&sampler))
		return complain_gone();
	output_print(options, sampler.now);
	return EX_OK;
}

static int run_batch(const struct options *options)
{
	uint64_t next = after(options->delay_s, sampler_clock());

	if (sampler_refresh(&sampler))
		return complain_gone();
	for (unsigned long i = 0; !options->refreshes || i < options->refreshes; i++) {
		int ret;

		sleep_until(next);
		next = after(options->delay_s, next);
		if (next < sampler_clock())	/* late: no two samples at once */
			next = after(options->delay_s, sampler_clock());
		if (stopped)
			break;
		if (sampler_refresh(&sampler))
			return complain_gone();
		ret = output_record(recording, sampler.now);
		if (ret)
			return complain_recording(options, ret);
		if (!output_print(options, sampler.now))
			break;
	}
	return EX_OK;
}

/* Draws at each key and each refresh; a registry that went away is shown, and looked for. */
static int run_screen(const struct options *options, struct screen *screen)
{
	unsigned int wanted = 0;
	unsigned long shown = 0;
	uint64_t next = 0;

	while (!stopped && !(wanted & SCREEN_QUIT)) {
		if (sampler_clock() >= next) {
			int ret = 0;

			if (!screen->paused || !sampler.now->time_ns) {
				sampler_refresh(&sampler);
				ret = output_record(recording, sampler.now);
			}
			if (ret)
				return ret;
			next = after(screen->delay_s, sampler_clock());
			if (options->refreshes && shown++ == options->refreshes)
				break;
		}
		view_curses_draw(screen, sampler.now);
		if (!sampler_wait(&sampler, STDIN_FILENO, next))
			break;
		wanted = view_curses_keys(screen, sampler.now);
		if (!(wanted & SCREEN_DELAY))
			continue;
		sampler.delay_s = screen->delay_s;
		next = sampler_clock();
	}
	return 0;
}

static int on_screen(const struct options *options)
{
	struct screen screen;
	int ret;

	if (view_curses_open(options->colour)) {
		fputs("agnocast-top: $TERM names no known terminal: use -b or -j\n", stderr);
		return EX_USAGE;
	}
	options_screen(options, &screen);
	ret = run_screen(options, &screen);
	view_curses_close();
	return ret ? complain_recording(options, ret) : EX_OK;
}

static int run(const struct options *options)
{
	if (options->record) {
		recording = output_create(options->record);
		if (!recording) {
			fprintf(stderr, "agnocast-top: can't write to %s: %s\n", options->record,
				strerror(errno));
			return EX_USAGE;
		}
	}
	switch (options->mode) {
	case MODE_SCREEN: return on_screen(options);
	case MODE_PROM: return run_prom(options);
	default: return run_batch(options);
	}
}

int live(const struct options *options)
{
	char why[MODEL_SENTENCE];
	int ret;

	stop_catch(&sampler.wait_mask);
	sampler.delay_s = options->delay_s;
	sampler.btf = options->btf;
	ret = sampler_open(&sampler, options->registry, options->no_bpf ? SAMPLER_NO_BPF : 0,
			   why, sizeof(why));
	if (ret) {
		fprintf(stderr, "agnocast-top: %s\n", why);
		return ret == -EACCES || ret == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	}
	ret = run(options);
	if (recording && fclose(recording) && ret == EX_OK)
		ret = complain_recording(options, -errno);
	sampler_close(&sampler);
	return ret;
}
