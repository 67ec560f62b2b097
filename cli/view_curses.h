/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_curses.h - the live screen
 *
 * Owns the terminal from open to close; every way out of the program, fatal
 * signals included, gives it back as it was. Nothing is printed meanwhile.
 */
#ifndef AGNOCAST_CLI_VIEW_CURSES_H
#define AGNOCAST_CLI_VIEW_CURSES_H

#include "screen.h"

enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* 0, or -1 if $TERM is not known or can't place text. */
int view_curses_open(enum colour colour);
void view_curses_close(void);

void view_curses_draw(struct screen *screen, const struct model *model);

/* Handle all keys that wait: SCREEN_... . A resize is one of them. */
unsigned int view_curses_keys(struct screen *screen, const struct model *model);

#endif /* AGNOCAST_CLI_VIEW_CURSES_H */
