// SPDX-License-Identifier: BSD-2-Clause
/* frame.c - the lines of one screen */

#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "format.h"
#include "summary.h"

#define LEAST_LINES	10
#define LEAST_COLUMNS	40
#define ROOMY_LINES	16	/* from here on all of the summary */
#define DETAIL_MOST	3

static const char *const help_text[] = {
	"1..5 Tab      topics, processes, mappings, graph, failures",
	"Up Down j k PgUp PgDn Home End g G   move;  Left Right  other columns",
	"Enter  all about the topic or process of the line;  Esc  back",
	"< > F6  sort by another column;  I R  invert the order",
	"/  search, then n N;  \\ F4  filter: words that all must match:",
	"       !ok  marked rows   !peer  a side is missing   pid:N   topic:GLOB   !WORD",
	"t  as a tree, by topic or by process;  + -  unfold, fold;  *  all",
	"Space  pause;  d s  other delay;  [ ]  step in a replay;  q F10  quit",
	"",
	"!  fault   ~  worth a look: a side is missing, drops   x  ended, stays for 5 s",
	"?  could not be read (permissions, no eBPF)   -  nothing to say",
	"HZ B/S  published;  P50 P99  publish to take;  HELD  on loan now;  DEPTH  QoS",
	"LAG  messages published but not taken yet;  DROP  overwritten before taken",
	"USED  heap handed out  COMMT  memory promised  MPOOL  MEMPOOL_SIZE  IN  areas",
	"of others mapped;  GROW  growths beyond MPOOL.  Calls since this program runs:",
	"SHM shm_open  MMAP  MQO mq_open  MQS mq_send;  ERR  failed;  MEAN  time in one",
	"PERM  as found in /proc: rw-s for the owner, r--s for any other",
	"ROLE  own;  read: a publisher's messages;  ctl: a subscription's counters",
	"volatile: sees what comes after it;  transient: also what is kept;  -local: not",
	"from its own process",
};

#define HELP_LINES (sizeof(help_text) / sizeof(help_text[0]))

static const char keys_text[] =
	" h Help  Enter Detail  / Search  \\ Filter  < > Sort  t Tree  Space Pause  q Quit";

static void put(struct frame *frame, size_t line, enum frame_style style, const char *text)
{
	if (line >= frame->lines)
		return;
	snprintf(frame->line[line].text, ROWS_LINE, "%s", text);
	frame->line[line].style = style;
}

/* The last line. */
static void put_bar(struct frame *frame, const char *text)
{
	put(frame, frame->lines - 1, FRAME_BAR, text);
}

static enum frame_style style_of(char mark)
{
	switch (mark) {
	case '!': return FRAME_FAULT;
	case '~': return FRAME_CHECK;
	case 'x': return FRAME_EXITED;
	default: return FRAME_PLAIN;
	}
}

/* Returns the first line after it. */
static size_t put_summary(struct frame *frame, const struct model *model)
{
	char lines[SUMMARY_LINES][ROWS_LINE];

	summary_lines(lines, model);
	if (frame->lines < ROOMY_LINES) {
		put(frame, 0, FRAME_PLAIN, lines[model->registry_there ? 1 : 0]);
		return 1;
	}
	for (size_t i = 0; i < SUMMARY_LINES; i++)
		put(frame, i, FRAME_PLAIN, lines[i]);
	return SUMMARY_LINES;
}

/* How many need somebody, else how many are worth a look. */
static void put_failures(char *count, size_t len, const struct model *model)
{
	size_t faults = 0;

	for (size_t i = 0; i < model->failures_count; i++)
		faults += failure_mark(model, i) == '!';
	if (model->failures_count)
		snprintf(count, len, " %zu%c", faults ? faults : model->failures_count,
			 faults ? '!' : '~');
}

/* " [1]Topics  2 Procs ...", or only the one that is shown where there is little room. */
static size_t tabs(char *line, const struct frame *frame, const struct screen *screen,
		   const struct model *model)
{
	size_t used = 0;

	line[0] = '\0';
	for (enum view view = 0; view < VIEW_COUNT; view++) {
		bool here = view == screen->view;
		char count[24] = "";

		if (!here && frame->columns < 60)
			continue;
		if (view == VIEW_FAILS)
			put_failures(count, sizeof(count), model);
		used += (size_t)snprintf(line + used, ROWS_LINE - used, " %s%d%s%s%s",
					 here ? "[" : "", (int)view + 1, here ? "]" : " ",
					 view_titles[view], count);
	}
	return used;
}

static void put_tabs(struct frame *frame, size_t at, const struct screen *screen,
		     const struct model *model, const struct selection *selection)
{
	const struct order *order = &screen->order[screen->view];
	char line[ROWS_LINE], filter[FILTER_MAX];
	size_t used = tabs(line, frame, screen, model);

	if (screen->paused)
		used += (size_t)snprintf(line + used, ROWS_LINE - used, "  PAUSED");
	if (order->column >= 0 || order->invert)
		used += (size_t)snprintf(line + used, ROWS_LINE - used, "  sort: %s %c",
					 order->column < 0 ? "none"
					 : rows_title(screen->view, (size_t)order->column),
					 rows_is_descending(screen->view, *order) ? 'v' : '^');
	if (*screen->filter)
		snprintf(line + used, ROWS_LINE - used, "  filter: %s %zu/%zu",
			 format_clean(filter, sizeof(filter), screen->filter),
			 selection->count, selection->all);
	put(frame, at, FRAME_PLAIN, line);
}

static const char *emptiness(const struct screen *screen)
{
	if (*screen->filter)
		return "  Nothing passes the filter; Esc clears it.";
	switch (screen->view) {
	case VIEW_TOPICS: return "  No topic yet: nobody publishes or subscribes.";
	case VIEW_PROCS: return "  No process has joined yet.";
	case VIEW_MAPS: return "  Nothing is mapped yet.";
	case VIEW_GRAPH: return "  Nobody publishes or subscribes yet.";
	default: return "  No failure seen.";
	}
}

static size_t detail_lines(const struct frame *frame)
{
	return frame->lines >= 20 ? DETAIL_MOST : frame->lines >= 14 ? 1 : 0;
}

/* Wrapped over the lines above the last one. */
static void put_detail(struct frame *frame, const char *text)
{
	size_t lines = detail_lines(frame), first = frame->lines - 1 - lines;
	char part[ROWS_LINE];

	for (size_t i = 0; i < lines && *text; i++) {
		size_t end = i + 1 < lines ? format_break(text, frame->columns - 1) : strlen(text);

		snprintf(part, sizeof(part), " %.*s", (int)end, text);
		put(frame, first + i, FRAME_PLAIN, part);
		text += end;
		text += strspn(text, " ");
	}
}

static void put_titles(struct frame *frame, size_t at, const struct screen *screen,
		       const struct layout *layout)
{
	char line[ROWS_LINE];

	rows_header(line, screen->view, layout);
	put(frame, at, FRAME_BOLD, line);
	frame->line[at].column = rows_title_at(layout, screen->order[screen->view].column,
					       &frame->line[at].column_width);
}

static void put_rows(struct frame *frame, size_t at, struct screen *screen,
		     const struct model *model, const struct selection *selection)
{
	size_t top = screen->top[screen->view], selected = screen->selected[screen->view];
	struct layout layout;
	char line[ROWS_LINE];

	rows_layout(&layout, model, screen->view, selection, frame->columns, screen->skip);
	put_titles(frame, at++, screen, &layout);
	for (size_t i = 0; i < screen->body && top + i < selection->count; i++) {
		rows_line(line, model, screen->view, selection->row[top + i], &layout);
		if (top + i == selected)	/* a sign that needs no attributes */
			line[1] = '>';
		put(frame, at + i, style_of(line[0]), line);
		frame->line[at + i].selected = top + i == selected;
	}
	if (!selection->count) {
		put(frame, at, FRAME_PLAIN, emptiness(screen));
		return;
	}
	rows_detail(line, model, screen->view, selection->row[selected]);
	put_detail(frame, line);
}

static void put_table(struct frame *frame, struct screen *screen, const struct model *model)
{
	size_t at = put_summary(frame, model);
	struct selection selection;

	screen->body = frame->lines - at - 3 - detail_lines(frame);	/* tabs, titles, keys */
	screen_select(&selection, screen, model);
	screen_clamp(screen, selection.count);
	put_tabs(frame, at, screen, model, &selection);
	put_rows(frame, at + 1, screen, model, &selection);
	put_bar(frame, keys_text);
	free(selection.row);
}

/* @top stays where a screen of @body lines of @count still is full. */
static void clamp_top(size_t *top, size_t body, size_t count)
{
	if (*top + body > count)
		*top = count > body ? count - body : 0;
}

static void put_page(struct frame *frame, struct screen *screen, const struct model *model)
{
	size_t at = frame->lines < ROOMY_LINES ? 0 : 1;
	char lines[SUMMARY_LINES][ROWS_LINE], bar[ROWS_LINE];
	struct page page;

	page_make(&page, model, &screen->page, frame->columns);
	if (at) {
		summary_lines(lines, model);
		put(frame, 0, FRAME_PLAIN, lines[0]);
	}
	screen->body = frame->lines - at - 1;
	clamp_top(&screen->page_top, screen->body, page.count);
	for (size_t i = 0; i < screen->body && screen->page_top + i < page.count; i++) {
		const char *line = page.line[screen->page_top + i];

		put(frame, at + i, style_of(line[0]), line);
	}
	snprintf(bar, sizeof(bar), " Esc Back  Up/Down Scroll  Space %s  h Help  q Quit   "
		 "line %zu of %zu", screen->paused ? "Go on" : "Pause", screen->page_top + 1,
		 page.count);
	put_bar(frame, bar);
	page_free(&page);
}

static void put_help(struct frame *frame, struct screen *screen)
{
	char line[ROWS_LINE];

	put(frame, 0, FRAME_BOLD, " agnocast-top " AGNOCAST_VERSION ": keys and words; "
	    "all of it in agnocast-top(8)");
	screen->body = frame->lines - 2;
	clamp_top(&screen->help_top, screen->body, HELP_LINES);
	for (size_t i = 0; i < screen->body && screen->help_top + i < HELP_LINES; i++) {
		snprintf(line, sizeof(line), " %s", help_text[screen->help_top + i]);
		put(frame, 1 + i, FRAME_PLAIN, line);
	}
	put_bar(frame, screen->body < HELP_LINES ? " Up/Down scroll, any other key: back"
						 : " any key: back");
}

/* What is typed, or a message, in the place of the keys. */
static void put_prompt(struct frame *frame, const struct screen *screen)
{
	static const char *const titles[] = {
		[PROMPT_SEARCH] = "search: ",
		[PROMPT_FILTER] = "filter (!ok !peer pid:N topic:GLOB WORD !WORD): ",
		[PROMPT_DELAY] = "delay in seconds: ",
	};
	char line[ROWS_LINE], text[FILTER_MAX], fit[ROWS_LINE];

	if (screen->prompt.kind != PROMPT_NONE) {
		const char *title = titles[screen->prompt.kind];

		format_clean(text, sizeof(text), screen->prompt.text);
		if (strlen(title) + format_width(text) + 2 > frame->columns)
			title = title[0] == 'f' ? "filter: " : title;
		snprintf(line, sizeof(line), " %s%s", title, text);
		if (format_width(line) + 1 > frame->columns)	/* its end is what is typed */
			snprintf(line, sizeof(line), "%s", format_fit(fit, sizeof(fit), line,
				 frame->columns - 1, FORMAT_TAIL));
		put_bar(frame, line);
		frame->cursor = (int)format_width(line);
	} else if (screen->note) {
		put_bar(frame, screen->note);
	}
}

/* At the right of the first line. */
static void put_replay(struct frame *frame, const struct screen *screen)
{
	char place[64], line[ROWS_LINE];
	size_t width = (size_t)snprintf(place, sizeof(place), "  replay %zu/%zu%s", screen->step,
					screen->steps, screen->paused ? " PAUSED" : "");

	if (width >= frame->columns)
		return;
	format_fit(line, sizeof(line) - width, frame->line[0].text, frame->columns - width, 0);
	strcat(line, place);
	put(frame, 0, frame->line[0].style, line);
}

static void put_too_small(struct frame *frame)
{
	char line[ROWS_LINE];

	snprintf(line, sizeof(line), "%dx%d at least; here %zux%zu", LEAST_COLUMNS, LEAST_LINES,
		 frame->columns, frame->lines);
	put(frame, 0, FRAME_PLAIN, line);
}

void frame_make(struct frame *frame, struct screen *screen, const struct model *model,
		size_t lines, size_t columns)
{
	*frame = (struct frame){ .lines = lines, .columns = columns, .cursor = -1 };
	frame->line = calloc(lines + 1, sizeof(*frame->line));
	if (!frame->line)
		model_out_of_memory();
	for (size_t i = 0; i < lines; i++)
		frame->line[i].column = -1;
	if (lines < LEAST_LINES || columns < LEAST_COLUMNS) {
		put_too_small(frame);
		return;
	}
	if (screen->help)
		put_help(frame, screen);
	else if (screen->page.kind != PAGE_NONE)
		put_page(frame, screen, model);
	else
		put_table(frame, screen, model);
	if (screen->steps)
		put_replay(frame, screen);
	put_prompt(frame, screen);
}

void frame_free(struct frame *frame)
{
	free(frame->line);
	*frame = (struct frame){ NULL, 0, 0, -1 };
}
