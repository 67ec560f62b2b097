/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h - what the live screen shows, and what each key does to it
 *
 * No curses here: keys come in, flags go out; frame.h makes the lines.
 */
#ifndef AGNOCAST_CLI_SCREEN_H
#define AGNOCAST_CLI_SCREEN_H

#include "filter.h"
#include "page.h"
#include "rows.h"

/* Bytes come as they are; other keys are these, beyond all characters. */
enum screen_key {
	SCREEN_UP = 0x110000,
	SCREEN_DOWN,
	SCREEN_LEFT,
	SCREEN_RIGHT,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_BACKTAB,
	SCREEN_BACKSPACE,
	SCREEN_F1,
	SCREEN_F4,
	SCREEN_F6,
	SCREEN_F10,
	SCREEN_OTHER,		/* does nothing; a resize is one */
};

enum prompt_kind { PROMPT_NONE, PROMPT_SEARCH, PROMPT_FILTER, PROMPT_DELAY };

/* The line that is being typed at the bottom. */
struct prompt {
	enum prompt_kind	kind;
	char			text[FILTER_MAX];
	char			before[FILTER_MAX];	/* what Esc brings back */
};

struct screen {
	enum view	view;
	struct order	order[VIEW_COUNT];
	size_t		selected[VIEW_COUNT];	/* position among the rows shown */
	size_t		top[VIEW_COUNT];	/* first position shown */
	size_t		skip;			/* columns scrolled away */
	size_t		body;			/* lines for rows; set by frame_make() */
	bool		paused, help;
	size_t		help_top;
	bool		by_process;		/* the graph */
	struct folds	folds;
	char		filter[FILTER_MAX], search[FILTER_MAX];
	struct prompt	prompt;
	struct subject	page;			/* PAGE_NONE: the tables */
	size_t		page_top;
	const char	*note;			/* instead of the keys, until the next one */
	double		delay_s;
	size_t		step, steps;		/* replay: which one of how many, from 1; else 0 */
};

/* What a key asks of the program. */
#define SCREEN_REDRAW	(1U << 0)
#define SCREEN_QUIT	(1U << 1)
#define SCREEN_DELAY	(1U << 2)	/* screen->delay_s is another one */

unsigned int screen_key(struct screen *screen, const struct model *model, int key);

/* The rows of the view as they are shown now. */
void screen_select(struct selection *selection, const struct screen *screen,
		   const struct model *model);

/* The selection stays among the @count rows, and in sight. */
void screen_clamp(struct screen *screen, size_t count);

#endif /* AGNOCAST_CLI_SCREEN_H */
