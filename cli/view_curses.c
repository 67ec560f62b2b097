// SPDX-License-Identifier: BSD-2-Clause
/* view_curses.c - the live screen */

#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include "view_curses.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "format.h"
#include "frame.h"

enum { PLAIN, RED, YELLOW };

static struct {
	bool		open, colour;
	struct termios	saved;
	char		leave[128];	/* what a dying program writes to the terminal */
	size_t		leave_len;
} terminal;

/* curses is not safe in a signal handler: write what it would have written. */
static void on_fatal(int signal)
{
	if (terminal.open) {
		ssize_t ignored = write(STDOUT_FILENO, terminal.leave, terminal.leave_len);

		(void)ignored;
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.saved);
	}
	raise(signal);	/* SA_RESETHAND: this time the default action */
}

static void add_leave(const char *capability)
{
	const char *text = tigetstr(capability);
	size_t room = sizeof(terminal.leave) - terminal.leave_len;

	if (!text || text == (const char *)-1 || strlen(text) >= room)
		return;
	memcpy(terminal.leave + terminal.leave_len, text, strlen(text));
	terminal.leave_len += strlen(text);
}

static void catch_fatal(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	struct sigaction action = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

int view_curses_open(enum colour colour)
{
	tcgetattr(STDIN_FILENO, &terminal.saved);
	if (!newterm(NULL, stdout, stdin))
		return -1;
	add_leave("sgr0");
	add_leave("cnorm");
	add_leave("rmkx");
	add_leave("rmcup");
	terminal.open = true;
	atexit(view_curses_close);
	catch_fatal();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	set_escdelay(50);
	terminal.colour = colour != COLOUR_NEVER && has_colors();
	if (terminal.colour) {
		start_color();
		use_default_colors();
		init_pair(RED, COLOR_RED, -1);
		init_pair(YELLOW, COLOR_YELLOW, -1);
	}
	return 0;
}

void view_curses_close(void)
{
	if (terminal.open)
		endwin();
	terminal.open = false;
}

static attr_t attributes_of(const struct frame_line *line)
{
	attr_t selected = line->selected ? A_BOLD : A_NORMAL;

	switch (line->style) {
	case FRAME_BOLD: return A_BOLD;
	case FRAME_BAR: return A_REVERSE;
	case FRAME_EXITED: return A_DIM;
	case FRAME_FAULT: return selected | (terminal.colour ? COLOR_PAIR(RED) : A_NORMAL);
	case FRAME_CHECK: return selected | (terminal.colour ? COLOR_PAIR(YELLOW) : A_NORMAL);
	default: return selected;
	}
}

/* One line, cut at the edge: nothing ever wraps. */
static void paint(int at, const struct frame_line *line)
{
	char cut[ROWS_LINE];
	attr_t attributes = attributes_of(line);

	attrset(attributes);
	mvaddstr(at, 0, format_fit(cut, sizeof(cut), line->text, (size_t)COLS, 0));
	if (line->column >= 0)
		mvchgat(at, line->column, (int)line->column_width, A_REVERSE, 0, NULL);
	attrset(A_NORMAL);
}

void view_curses_draw(struct screen *screen, const struct model *model)
{
	struct frame frame;

	frame_make(&frame, screen, model, (size_t)LINES, (size_t)COLS);
	erase();
	for (size_t i = 0; i < frame.lines; i++)
		paint((int)i, &frame.line[i]);
	curs_set(frame.cursor >= 0);
	if (frame.cursor >= 0)
		move(LINES - 1, frame.cursor);
	refresh();
	frame_free(&frame);
}

static int translate(int key)
{
	static const struct {
		int curses, ours;
	} keys[] = {
		{ KEY_UP, SCREEN_UP }, { KEY_DOWN, SCREEN_DOWN },
		{ KEY_LEFT, SCREEN_LEFT }, { KEY_RIGHT, SCREEN_RIGHT },
		{ KEY_PPAGE, SCREEN_PAGE_UP }, { KEY_NPAGE, SCREEN_PAGE_DOWN },
		{ KEY_HOME, SCREEN_HOME }, { KEY_END, SCREEN_END },
		{ KEY_BTAB, SCREEN_BACKTAB }, { KEY_BACKSPACE, SCREEN_BACKSPACE },
		{ KEY_ENTER, '\r' }, { KEY_F(1), SCREEN_F1 }, { KEY_F(4), SCREEN_F4 },
		{ KEY_F(6), SCREEN_F6 }, { KEY_F(10), SCREEN_F10 },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].curses == key)
			return keys[i].ours;
	return key < KEY_MIN ? key : SCREEN_OTHER;	/* KEY_RESIZE: to draw is all it takes */
}

unsigned int view_curses_keys(struct screen *screen, const struct model *model)
{
	unsigned int wanted = 0;
	int key;

	while ((key = getch()) != ERR)
		wanted |= screen_key(screen, model, translate(key));
	return wanted;
}
