// SPDX-License-Identifier: BSD-2-Clause
/* play.c - samples of a recording */

#define _GNU_SOURCE
#include "play.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "output.h"
#include "replay.h"
#include "stop.h"

static struct replay replay;
static struct model model;
static sigset_t wait_mask;

static int complain(const char *why)
{
	fprintf(stderr, "agnocast-top: %s\n", why);
	return EX_USAGE;
}

/* All of it at once; Prometheus gets the last one. */
static int run_batch(const struct options *options)
{
	size_t first = options->mode == MODE_PROM ? replay.lines - 1 : 0;
	char why[MODEL_SENTENCE];

	for (size_t i = first; i < replay.lines && !stopped; i++) {
		if (options->refreshes && i - first == options->refreshes)
			break;
		if (replay_load(&replay, i, &model, why, sizeof(why)))
			return complain(why);
		if (!output_print(options, &model))
			break;
	}
	return EX_OK;
}

/* Until input, a signal or @deadline_ns. False: nobody looks on any more. */
static bool wait_for_key(uint64_t deadline_ns)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now = clock_ns(CLOCK_MONOTONIC), left = deadline_ns > now ? deadline_ns - now : 0;
	const struct timespec timeout = {
		.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000),
	};

	if (ppoll(&input, 1, &timeout, &wait_mask) <= 0)
		return true;
	return !(input.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* One step each delay, then it stands still at the end. */
static int run_screen(const struct options *options, struct screen *screen, char *why, size_t len)
{
	unsigned int wanted = 0;
	unsigned long shown = 1;
	uint64_t next = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(screen->delay_s * 1e9);
	size_t loaded = 0;

	while (!stopped && !(wanted & SCREEN_QUIT)) {
		if (clock_ns(CLOCK_MONOTONIC) >= next) {
			if (options->refreshes && shown++ == options->refreshes)
				break;
			if (!screen->paused && screen->step < screen->steps)
				screen->step++;
			next = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(screen->delay_s * 1e9);
		}
		if (loaded != screen->step &&
		    replay_load(&replay, screen->step - 1, &model, why, len))
			return -EINVAL;
		loaded = screen->step;
		view_curses_draw(screen, &model);
		if (!wait_for_key(next))
			break;
		wanted = view_curses_keys(screen, &model);
		if (wanted & SCREEN_DELAY)
			next = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(screen->delay_s * 1e9);
	}
	return 0;
}

static int on_screen(const struct options *options)
{
	char why[MODEL_SENTENCE];
	struct screen screen;
	int ret;

	if (view_curses_open(options->colour))
		return complain("$TERM names no known terminal: use -b or -j");
	options_screen(options, &screen);
	screen.step = 1;
	screen.steps = replay.lines;
	ret = run_screen(options, &screen, why, sizeof(why));
	view_curses_close();
	return ret ? complain(why) : EX_OK;
}

int play(const struct options *options)
{
	char why[MODEL_SENTENCE];
	int ret;

	stop_catch(&wait_mask);
	if (replay_open(&replay, options->replay, why, sizeof(why)))
		return complain(why);
	ret = options->mode == MODE_SCREEN ? on_screen(options) : run_batch(options);
	model_clear(&model);
	replay_close(&replay);
	return ret;
}
