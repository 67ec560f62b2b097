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

#define TABS_LINE	ROWS_SUMMARY
#define TITLE_LINE	(TABS_LINE + 1)
#define FIRST_LINE	(TITLE_LINE + 1)
#define DETAIL_LINES	3

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

int view_curses_open(void)
{
	const char *no_color = getenv("NO_COLOR");

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
	terminal.colour = has_colors() && !(no_color && *no_color);
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

/* One line, cut at the edge: nothing ever wraps. */
static void put(int line, int attributes, const char *text)
{
	char cut[ROWS_LINE];

	if (line < 0 || line >= LINES)
		return;
	attron(attributes);
	mvaddstr(line, 0, format_fit(cut, sizeof(cut), text, (size_t)COLS, 0));
	attroff(attributes);
}

/* Colour only ever doubles the mark in the first column. */
static int attributes_of(char mark)
{
	if (mark == 'x')
		return A_DIM;
	if (!terminal.colour)
		return A_NORMAL;
	return mark == '!' ? COLOR_PAIR(RED) : mark == '~' ? COLOR_PAIR(YELLOW) : A_NORMAL;
}

static void put_tabs(const struct screen *screen, const struct model *model)
{
	const struct order *order = &screen->order[screen->view];
	char line[ROWS_LINE] = "";
	size_t used = 0;

	for (enum view view = 0; view < VIEW_COUNT; view++) {
		bool here = view == screen->view;

		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%d%s%s%s ",
					 here ? " [" : "  ", (int)view + 1, here ? "]" : " ",
					 view_titles[view],
					 view == VIEW_FAILS && model->failures_count ? "!" : "");
	}
	snprintf(line + used, sizeof(line) - used, "   sort: %s%s%s",
		 order->column < 0 ? "none" : rows_title(screen->view, (size_t)order->column),
		 order->invert ? " inverted" : "", screen->paused ? "   PAUSED" : "");
	put(TABS_LINE, A_NORMAL, line);
}

static size_t body_lines(void)
{
	int lines = LINES - FIRST_LINE - DETAIL_LINES - 1;	/* 1: the keys */

	return lines > 0 ? (size_t)lines : 0;
}

/* The selection stays in the table, and in sight. */
static void clamp(struct screen *screen, const struct model *model)
{
	size_t count = rows_count(model, screen->view), body = body_lines();
	size_t *selected = &screen->selected[screen->view], *top = &screen->top[screen->view];

	if (*selected >= count)
		*selected = count ? count - 1 : 0;
	if (*top + body > count)
		*top = count > body ? count - body : 0;
	if (*selected < *top)
		*top = *selected;
	if (body && *selected >= *top + body)
		*top = *selected - body + 1;
}

static const char *emptiness(enum view view)
{
	switch (view) {
	case VIEW_TOPICS: return "  No topic yet: nobody publishes or subscribes.";
	case VIEW_PROCS: return "  No process has joined yet.";
	case VIEW_MAPS: return "  Nothing is mapped yet.";
	default: return "  No failure seen.";
	}
}

/* The end of the last word that fits; all of it where there is no blank. */
static size_t break_at(const char *text, size_t width)
{
	size_t fits = strlen(text);

	if (format_width(text) <= width)
		return fits;
	while (fits && (text[fits] != ' ' || fits > width))	/* bytes: cautious with UTF-8 */
		fits--;
	return fits ? fits : strlen(text);
}

/* Wrapped over the lines above the keys. */
static void put_detail(const char *line)
{
	char part[ROWS_LINE];

	for (int i = 0; i < DETAIL_LINES && *line; i++) {
		size_t end = i + 1 < DETAIL_LINES ? break_at(line, (size_t)COLS) : strlen(line);

		snprintf(part, sizeof(part), "%.*s", (int)end, line);
		put(LINES - 1 - DETAIL_LINES + i, A_NORMAL, part);
		line += end + (line[end] == ' ');
	}
}

static void put_table(struct screen *screen, const struct model *model)
{
	enum view view = screen->view;
	size_t *rows = rows_sorted(model, view, screen->order[view]);
	size_t count = rows_count(model, view), top = screen->top[view];
	struct layout layout;
	char line[ROWS_LINE];

	rows_layout(&layout, model, view, (size_t)COLS, screen->skip);
	rows_header(line, view, &layout);
	put(TITLE_LINE, A_REVERSE, line);
	for (size_t i = 0; i < body_lines() && top + i < count; i++) {
		bool selected = top + i == screen->selected[view];

		rows_line(line, model, view, rows[top + i], &layout);
		put(FIRST_LINE + (int)i, attributes_of(line[0]) | (selected ? A_BOLD : 0), line);
		if (selected)	/* a sign that needs no attributes */
			mvaddch(FIRST_LINE + (int)i, 1, '>');
	}
	if (!count) {
		put(FIRST_LINE, A_NORMAL, emptiness(view));
	} else {
		rows_detail(line, model, view, rows[screen->selected[view]]);
		put_detail(line);
	}
	free(rows);
}

static void put_help(void)
{
	static const char *const text[] = {
		"1..4 Tab       topics, processes, mappings, failures",
		"Up Down j k    move; PgUp PgDn Home End g G as well",
		"Left Right     scroll the columns",
		"< >            sort by another column;  r  inverts the order",
		"Space          pause;  h ?  this help;  q F10 Ctrl-C  quit",
		"",
		"!  fault   ~  worth a look (a side is missing, drops)   x  exited",
		"?  could not be read (permissions, eBPF off)   -  nothing to say",
		"HZ B/S  published;  P50 P99  from publish to take;  HELD  on loan now",
		"USED  heap handed out  COMMT  memory promised  MPOOL  MEMPOOL_SIZE",
		"SHM MMAP MQO MQS  shm_open, mmap, mq_open, mq_send since the start of",
		"this program;  ERR  of these failed;  MEAN  time in such a call",
		"PERM  as found in /proc: rw-s for the owner, r--s for any other",
		"ROLE  own; read: a publisher's memory; ctl: a subscription's counters",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		char line[ROWS_LINE];

		snprintf(line, sizeof(line), "  %s", text[i]);
		put(TITLE_LINE + 1 + (int)i, A_NORMAL, line);
	}
}

void view_curses_draw(struct screen *screen, const struct model *model)
{
	char summary[ROWS_SUMMARY][ROWS_LINE];

	rows_summary(summary, model);
	erase();
	clamp(screen, model);
	for (int i = 0; i < ROWS_SUMMARY; i++)
		put(i, A_NORMAL, summary[i]);
	put_tabs(screen, model);
	if (screen->help)
		put_help();
	else
		put_table(screen, model);
	put(LINES - 1, A_REVERSE, screen->help ? " any key: back" :
	    " 1-4 Tab View  Up/Down Move  < > Sort  r Invert  Space Pause  h Help  q Quit");
	refresh();
}

static void sort_by(struct screen *screen, int step)
{
	int columns = (int)rows_columns(screen->view);
	int *column = &screen->order[screen->view].column;

	*column += step;
	if (*column < -1)
		*column = columns - 1;
	else if (*column >= columns)
		*column = -1;
}

static void move_by(struct screen *screen, const struct model *model, long step)
{
	size_t *selected = &screen->selected[screen->view];
	long wanted = (long)*selected + step;

	*selected = wanted < 0 ? 0 : (size_t)wanted;
	clamp(screen, model);
}

static void show(struct screen *screen, int view)
{
	screen->view = (enum view)((view + VIEW_COUNT) % VIEW_COUNT);
	screen->skip = 0;
}

static void move_key(struct screen *screen, const struct model *model, int key)
{
	long page = (long)body_lines();

	switch (key) {
	case KEY_UP: case 'k': move_by(screen, model, -1); break;
	case KEY_DOWN: case 'j': move_by(screen, model, 1); break;
	case KEY_PPAGE: move_by(screen, model, -page); break;
	case KEY_NPAGE: move_by(screen, model, page); break;
	case KEY_HOME: case 'g': screen->selected[screen->view] = 0; break;
	case KEY_END: case 'G': screen->selected[screen->view] = SIZE_MAX; break;
	case KEY_LEFT: screen->skip -= screen->skip > 0; break;
	case KEY_RIGHT:
		screen->skip += screen->skip + 3 < rows_columns(screen->view);
		break;
	}
}

static unsigned int handle(struct screen *screen, const struct model *model, int key)
{
	if (key == 'q' || key == KEY_F(10))
		return SCREEN_QUIT;
	if (screen->help && key != KEY_RESIZE) {
		screen->help = false;
		return SCREEN_REDRAW;
	}
	switch (key) {
	case '1': case '2': case '3': case '4': show(screen, key - '1'); break;
	case '\t': show(screen, (int)screen->view + 1); break;
	case KEY_BTAB: show(screen, (int)screen->view - 1); break;
	case '<': sort_by(screen, -1); break;
	case '>': sort_by(screen, 1); break;
	case 'r': case 'R': case 'I':
		screen->order[screen->view].invert ^= true;
		break;
	case ' ': screen->paused ^= true; break;
	case 'h': case '?': case KEY_F(1): screen->help = true; break;
	default: move_key(screen, model, key);	/* KEY_RESIZE: redraw is all it takes */
	}
	return SCREEN_REDRAW;
}

unsigned int view_curses_keys(struct screen *screen, const struct model *model)
{
	unsigned int wanted = 0;
	int key;

	while ((key = getch()) != ERR)
		wanted |= handle(screen, model, key);
	return wanted;
}
