/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - the lines of one screen, before any terminal sees them
 *
 * Any size works: below 40 columns or 10 lines one line says so.
 */
#ifndef AGNOCAST_CLI_FRAME_H
#define AGNOCAST_CLI_FRAME_H

#include "screen.h"

enum frame_style {
	FRAME_PLAIN,
	FRAME_BOLD,
	FRAME_BAR,	/* the whole line stands out */
	FRAME_FAULT,	/* the mark says it as well: colour alone says nothing */
	FRAME_CHECK,
	FRAME_EXITED,
};

struct frame_line {
	char			text[ROWS_LINE];
	enum frame_style	style;
	bool			selected;
	int			column;		/* of the title that is sorted by; -1: none */
	size_t			column_width;
};

struct frame {
	struct frame_line	*line;
	size_t			lines, columns;
	int			cursor;		/* where typing goes on the last line; -1: nowhere */
};

/* Fills @frame; @screen's selection is put into its bounds. frame_free() it. */
void frame_make(struct frame *frame, struct screen *screen, const struct model *model,
		size_t lines, size_t columns);
void frame_free(struct frame *frame);

#endif /* AGNOCAST_CLI_FRAME_H */
