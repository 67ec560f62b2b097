// SPDX-License-Identifier: BSD-2-Clause
/* screen.c - what the live screen shows, and what each key does to it */

#define _GNU_SOURCE
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define ESCAPE 27
#define CTRL(letter) ((letter) & 0x1f)

void screen_select(struct selection *selection, const struct screen *screen,
		   const struct model *model)
{
	const struct query query = {
		.order = screen->order[screen->view], .filter = screen->filter,
		.by_process = screen->by_process, .folds = &screen->folds,
	};

	rows_select(selection, model, screen->view, &query);
}

void screen_clamp(struct screen *screen, size_t count)
{
	size_t *selected = &screen->selected[screen->view], *top = &screen->top[screen->view];

	if (*selected >= count)
		*selected = count ? count - 1 : 0;
	if (*top + screen->body > count)
		*top = count > screen->body ? count - screen->body : 0;
	if (*selected < *top)
		*top = *selected;
	if (screen->body && *selected >= *top + screen->body)
		*top = *selected - screen->body + 1;
}

/* The selected row, or false if there is none. */
static bool selected_row(struct screen *screen, const struct model *model, size_t *row)
{
	struct selection selection;
	bool any;

	screen_select(&selection, screen, model);
	screen_clamp(screen, selection.count);
	any = selection.count > 0;
	if (any)
		*row = selection.row[screen->selected[screen->view]];
	free(selection.row);
	return any;
}

static void show(struct screen *screen, int view)
{
	screen->view = (enum view)((view + VIEW_COUNT) % VIEW_COUNT);
	screen->skip = 0;
	screen->page.kind = PAGE_NONE;
}

/* @rows from where it is now; too far is the end. */
static void move_by(size_t *at, long rows)
{
	if (rows < 0 && *at < (size_t)-rows)
		*at = 0;
	else
		*at += (size_t)rows;
}

/* True if @key moves; @at is moved then. */
static bool move_key(size_t *at, size_t page, int key)
{
	switch (key) {
	case SCREEN_UP: case 'k': move_by(at, -1); break;
	case SCREEN_DOWN: case 'j': move_by(at, 1); break;
	case SCREEN_PAGE_UP: move_by(at, -(long)page); break;
	case SCREEN_PAGE_DOWN: move_by(at, (long)page); break;
	case SCREEN_HOME: case 'g': *at = 0; break;
	case SCREEN_END: case 'G': *at = SIZE_MAX / 2; break;
	default: return false;
	}
	return true;
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

/* To the next row that shows the text, from the selected one in the direction of @step. */
static void find(struct screen *screen, const struct model *model, int step)
{
	size_t *selected = &screen->selected[screen->view];
	struct selection selection;
	char text[ROWS_LINE];
	size_t at;

	screen_select(&selection, screen, model);
	screen_clamp(screen, selection.count);
	at = *selected;
	screen->note = " not found";
	for (size_t i = 0; i < selection.count && *screen->search; i++) {
		at = (at + selection.count + (size_t)step) % selection.count;
		rows_text(text, model, screen->view, selection.row[at]);
		if (!strcasestr(text, screen->search))
			continue;
		*selected = at;
		screen->note = NULL;
		break;
	}
	free(selection.row);
}

static void open_prompt(struct screen *screen, enum prompt_kind kind)
{
	struct prompt *prompt = &screen->prompt;

	*prompt = (struct prompt){ .kind = kind };
	if (kind == PROMPT_FILTER)
		memcpy(prompt->text, screen->filter, sizeof(prompt->text));
	memcpy(prompt->before, prompt->text, sizeof(prompt->before));
}

/* A filter works while it is typed. */
static void prompt_changed(struct screen *screen)
{
	if (screen->prompt.kind == PROMPT_FILTER)
		memcpy(screen->filter, screen->prompt.text, sizeof(screen->filter));
}

static unsigned int set_delay(struct screen *screen)
{
	char *end;
	double delay = strtod(screen->prompt.text, &end);

	if (end == screen->prompt.text || *end || !(delay >= 0.1 && delay <= 3600)) {
		screen->note = " a delay is a number of seconds from 0.1 to 3600";
		return SCREEN_REDRAW;
	}
	screen->delay_s = delay;
	return SCREEN_REDRAW | SCREEN_DELAY;
}

static unsigned int accept_prompt(struct screen *screen, const struct model *model)
{
	enum prompt_kind kind = screen->prompt.kind;

	screen->prompt.kind = PROMPT_NONE;
	if (kind == PROMPT_DELAY)
		return set_delay(screen);
	if (kind == PROMPT_SEARCH) {
		memcpy(screen->search, screen->prompt.text, sizeof(screen->search));
		find(screen, model, 1);
	}
	return SCREEN_REDRAW;
}

/* One character, which may be several bytes. */
static void erase_last(char *text)
{
	size_t length = strlen(text);

	while (length && ((unsigned char)text[--length] & 0xc0) == 0x80)
		;
	text[length] = '\0';
}

static unsigned int prompt_key(struct screen *screen, const struct model *model, int key)
{
	struct prompt *prompt = &screen->prompt;
	size_t length = strlen(prompt->text);

	switch (key) {
	case '\r': case '\n':
		return accept_prompt(screen, model);
	case ESCAPE:
		memcpy(prompt->text, prompt->before, sizeof(prompt->text));
		prompt_changed(screen);
		prompt->kind = PROMPT_NONE;
		return SCREEN_REDRAW;
	case SCREEN_BACKSPACE: case '\b': case 127:
		erase_last(prompt->text);
		break;
	case CTRL('U'):
		prompt->text[0] = '\0';
		break;
	default:
		if (key < ' ' || key > 255 || length + 1 >= sizeof(prompt->text))
			return SCREEN_REDRAW;
		prompt->text[length] = (char)key;
		prompt->text[length + 1] = '\0';
	}
	prompt_changed(screen);
	return SCREEN_REDRAW;
}

/* From the tables of topics and of processes to the graph, in the graph to its other side. */
static void tree_key(struct screen *screen)
{
	screen->by_process = screen->view == VIEW_GRAPH ? !screen->by_process
							: screen->view == VIEW_PROCS;
	screen->folds = (struct folds){ .all = false };
	show(screen, VIEW_GRAPH);
	screen->selected[VIEW_GRAPH] = 0;
}

/* Selects the first line of the group with that id. */
static void select_group(struct screen *screen, const struct model *model, uint64_t id)
{
	struct selection selection;

	screen_select(&selection, screen, model);
	for (size_t i = 0; i < selection.count; i++) {
		if (graph_fold_id(model, selection.row[i]) != id)
			continue;
		screen->selected[VIEW_GRAPH] = i;
		break;
	}
	free(selection.row);
}

static void fold_key(struct screen *screen, const struct model *model, int key)
{
	uint64_t id;
	size_t row;

	if (screen->view != VIEW_GRAPH || !selected_row(screen, model, &row))
		return;
	id = graph_fold_id(model, row);
	if (key == '*')
		screen->folds = (struct folds){ .all = !screen->folds.all };
	else
		folds_set(&screen->folds, id, key == '-');
	if (key != '+')		/* the selected line may have gone */
		select_group(screen, model, id);
}

static void enter_key(struct screen *screen, const struct model *model)
{
	size_t row;

	if (!selected_row(screen, model, &row))
		return;
	screen->page = page_subject(model, screen->view, row);
	screen->page_top = 0;
}

static void escape_key(struct screen *screen)
{
	if (screen->page.kind != PAGE_NONE)
		screen->page.kind = PAGE_NONE;
	else
		screen->filter[0] = '\0';
}

/* Keys that mean the same on tables and pages. True if it was one. */
static bool common_key(struct screen *screen, int key)
{
	switch (key) {
	case '1': case '2': case '3': case '4': case '5': show(screen, key - '1'); break;
	case '\t': show(screen, (int)screen->view + 1); break;
	case SCREEN_BACKTAB: show(screen, (int)screen->view - 1); break;
	case ' ': screen->paused ^= true; break;
	case 'd': case 's': open_prompt(screen, PROMPT_DELAY); break;
	case 'h': case '?': case SCREEN_F1: screen->help = true; screen->help_top = 0; break;
	case ESCAPE: escape_key(screen); break;
	default: return false;
	}
	return true;
}

static void table_key(struct screen *screen, const struct model *model, int key)
{
	if (move_key(&screen->selected[screen->view], screen->body, key))
		return;
	switch (key) {
	case SCREEN_LEFT: screen->skip -= screen->skip > 0; break;
	case SCREEN_RIGHT: screen->skip += screen->skip + 3 < rows_columns(screen->view); break;
	case '<': sort_by(screen, -1); break;
	case '>': case SCREEN_F6: sort_by(screen, 1); break;
	case 'r': case 'R': case 'I': screen->order[screen->view].invert ^= true; break;
	case '/': open_prompt(screen, PROMPT_SEARCH); break;
	case 'n': find(screen, model, 1); break;
	case 'N': find(screen, model, -1); break;
	case '\\': case SCREEN_F4: open_prompt(screen, PROMPT_FILTER); break;
	case 't': tree_key(screen); break;
	case '+': case '-': case '*': fold_key(screen, model, key); break;
	case '\r': case '\n': enter_key(screen, model); break;
	}
}

static void help_key(struct screen *screen, int key)
{
	if (!move_key(&screen->help_top, screen->body, key) && key != SCREEN_OTHER)
		screen->help = false;
}

static unsigned int step_key(struct screen *screen, int key)
{
	screen->paused = true;
	if (key == '[')
		screen->step -= screen->step > 1;
	else
		screen->step += screen->step < screen->steps;
	return SCREEN_REDRAW;
}

unsigned int screen_key(struct screen *screen, const struct model *model, int key)
{
	if (key != SCREEN_OTHER)
		screen->note = NULL;
	if (screen->prompt.kind != PROMPT_NONE)
		return prompt_key(screen, model, key);
	if (key == 'q' || key == SCREEN_F10 || key == CTRL('C'))
		return SCREEN_QUIT;
	if (screen->steps && (key == '[' || key == ']'))
		return step_key(screen, key);
	if (screen->help)
		help_key(screen, key);
	else if (common_key(screen, key))
		;
	else if (screen->page.kind != PAGE_NONE)
		move_key(&screen->page_top, screen->body, key);
	else
		table_key(screen, model, key);
	return SCREEN_REDRAW;
}
