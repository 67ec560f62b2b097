// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - agnocast-top: who publishes what to whom, how fast, and what fails
 *
 * A loop around sampler.h (what is known) and one of three views (how it is
 * shown). Only looks: it joins nothing, locks nothing and writes nowhere.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "options.h"
#include "sampler.h"
#include "view_curses.h"
#include "view_json.h"
#include "view_text.h"

static struct sampler sampler;		/* 130 kB of failures: too much for a stack */
static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Blocked except while waiting, so that none comes between look and sleep. */
static void catch_stops(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t stops;

	sigemptyset(&stops);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&stops, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &stops, &sampler.wait_mask);
	signal(SIGPIPE, SIG_IGN);	/* "| head" is a fine way to end: see flushed() */
}

static uint64_t deadline(const struct options *options, uint64_t from)
{
	return from + (uint64_t)(options->delay_s * 1e9);
}

/* Until the deadline or a stop; other signals (a resize, a stop and continue) are slept through. */
static void sleep_until(uint64_t when)
{
	while (!stopped && sampler_clock() < when)
		sampler_wait(&sampler, -1, when);
}

/* $COLUMNS, else the terminal, else as wide as it takes. */
static size_t text_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (columns && atoi(columns) > 0)
		return (size_t)atoi(columns);
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return size.ws_col;
	return 0;
}

static void print(const struct options *options)
{
	struct order orders[VIEW_COUNT];

	if (options->json) {
		view_json(stdout, sampler.now, options->views ? options->views : VIEW_ALL);
		return;
	}
	for (enum view view = 0; view < VIEW_COUNT; view++)
		orders[view] = options_order(options, view);
	view_text(stdout, sampler.now,
		  options->views ? options->views : VIEW_BIT(VIEW_TOPICS), orders, text_width());
}

/* False: nobody reads on. */
static bool flushed(void)
{
	return !fflush(stdout) && !ferror(stdout);
}

static int complain_gone(void)
{
	fprintf(stderr, "agnocast-top: %s\n", sampler.now->registry_why);
	return EX_UNAVAILABLE;
}

static int run_batch(const struct options *options)
{
	uint64_t next = deadline(options, sampler_clock());

	if (sampler_refresh(&sampler))
		return complain_gone();
	for (unsigned long i = 0; !options->refreshes || i < options->refreshes; i++) {
		sleep_until(next);
		next = deadline(options, next);
		if (stopped)
			break;
		if (sampler_refresh(&sampler))
			return complain_gone();
		if (i && !options->json)
			putchar('\n');
		print(options);
		if (!flushed())
			break;
	}
	return EX_OK;
}

/* Draws at each key and each refresh; a registry that went away is shown, and looked for. */
static int run_screen(const struct options *options)
{
	struct screen screen = { 0 };
	unsigned int wanted = 0;
	unsigned long shown = 0;
	uint64_t next = 0;

	for (enum view view = VIEW_COUNT; view-- > 0;) {
		screen.order[view] = options_order(options, view);
		if (options->views & VIEW_BIT(view))
			screen.view = view;
	}
	while (!stopped && !(wanted & SCREEN_QUIT)) {
		if (sampler_clock() >= next) {
			if (!screen.paused || !sampler.now->time_ns)
				sampler_refresh(&sampler);
			next = deadline(options, sampler_clock());
			if (options->refreshes && shown++ == options->refreshes)
				break;
		}
		view_curses_draw(&screen, sampler.now);
		if (!sampler_wait(&sampler, STDIN_FILENO, next))
			break;
		wanted = view_curses_keys(&screen, sampler.now);
	}
	return EX_OK;
}

static int run(const struct options *options)
{
	int status;

	if (options->batch || options->json)
		return run_batch(options);
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
		fputs("agnocast-top: no terminal: use -b (text) or -j (JSON)\n", stderr);
		return EX_USAGE;
	}
	if (view_curses_open()) {
		fputs("agnocast-top: $TERM names no known terminal: use -b or -j\n", stderr);
		return EX_USAGE;
	}
	status = run_screen(options);
	view_curses_close();
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	char why[MODEL_SENTENCE];
	int ret;

	setlocale(LC_CTYPE, "");
	options_parse(&options, argc, argv);
	catch_stops();
	sampler.delay_s = options.delay_s;
	ret = sampler_open(&sampler, options.registry, options.no_bpf ? SAMPLER_NO_BPF : 0,
			   why, sizeof(why));
	if (ret) {
		fprintf(stderr, "agnocast-top: %s\n", why);
		return ret == -EACCES || ret == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	}
	ret = run(&options);
	sampler_close(&sampler);
	return ret;
}
