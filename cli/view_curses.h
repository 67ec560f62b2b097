/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_curses.h - the live screen
 *
 * Owns the terminal from open to close; every way out of the program, fatal
 * signals included, gives it back as it was. Nothing is printed meanwhile.
 */
#ifndef AGNOCAST_CLI_VIEW_CURSES_H
#define AGNOCAST_CLI_VIEW_CURSES_H

#include "rows.h"

struct screen {
	enum view	view;
	struct order	order[VIEW_COUNT];
	size_t		selected[VIEW_COUNT];	/* position in the sorted table */
	size_t		top[VIEW_COUNT];	/* first position shown */
	size_t		skip;			/* columns scrolled away */
	bool		paused, help;
};

/* What a key asks for. */
#define SCREEN_REDRAW	(1U << 0)
#define SCREEN_QUIT	(1U << 1)

/* 0, or -1 if $TERM is not known. */
int view_curses_open(void);
void view_curses_close(void);

void view_curses_draw(struct screen *screen, const struct model *model);

/* Handle all keys that wait: SCREEN_... . A resize is one of them. */
unsigned int view_curses_keys(struct screen *screen, const struct model *model);

#endif /* AGNOCAST_CLI_VIEW_CURSES_H */
