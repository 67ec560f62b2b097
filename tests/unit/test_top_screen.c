// SPDX-License-Identifier: BSD-2-Clause
/* test_top_screen.c - keys, filters and sizes of agnocast-top's screen, without a terminal */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "format.h"
#include "frame.h"
#include "graph.h"
#include "top_models.h"

static struct screen screen;

static void setup(void)
{
	utf8();
	screen = (struct screen){ .delay_s = 1 };
	for (enum view view = 0; view < VIEW_COUNT; view++)
		screen.order[view].column = -1;
}

TestSuite(screen, .init = setup, .timeout = 60);
TestSuite(filter, .init = setup);
TestSuite(graph, .init = setup);

/* The screen at that size as text, each line ended by a newline. */
static const char *shown(size_t lines, size_t columns)
{
	static char text[256 * 1024];
	struct frame frame;
	size_t used = 0;

	frame_make(&frame, &screen, make_model(), lines, columns);
	for (size_t i = 0; i < lines; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n",
					 frame.line[i].text);
	frame_free(&frame);
	return text;
}

/* "a<Up>": '<' names no key here, so names stand in angle brackets. */
static unsigned int press(const char *keys)
{
	static const struct {
		const char *name;
		int key;
	} names[] = {
		{ "<Up>", SCREEN_UP }, { "<Down>", SCREEN_DOWN }, { "<End>", SCREEN_END },
		{ "<Home>", SCREEN_HOME }, { "<Enter>", '\r' }, { "<Esc>", 27 },
		{ "<Back>", SCREEN_BACKSPACE }, { "<F4>", SCREEN_F4 }, { "<F6>", SCREEN_F6 },
		{ "<PgDn>", SCREEN_PAGE_DOWN },
	};
	unsigned int wanted = 0;

	shown(24, 80);		/* sets how many lines there are */
	while (*keys) {
		int key = (unsigned char)*keys;
		size_t length = 1;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strncmp(keys, names[i].name, strlen(names[i].name))) {
				key = names[i].key;
				length = strlen(names[i].name);
			}
		wanted |= screen_key(&screen, make_model(), key);
		keys += length;
	}
	return wanted;
}

#define SHOWS(text) cr_expect(strstr(shown(24, 80), text), "no '%s' in:\n%s", text, shown(24, 80))
#define HIDES(text) cr_expect_null(strstr(shown(24, 80), text), "'%s' in:\n%s", text, shown(24, 80))

Test(screen, fits_every_size)
{
	static const char *const states[] = { "1", "2", "3", "4", "5", "1<Enter>", "2<Enter>", "h" };

	for (size_t state = 0; state < sizeof(states) / sizeof(states[0]); state++) {
		setup();
		press(states[state]);
		for (size_t lines = 1; lines <= 60; lines += 1 + lines / 20)
			for (size_t columns = 1; columns <= 220; columns += 1 + columns / 50) {
				const char *text = shown(lines, columns);
				size_t count = 0;

				for (; *text; text++)
					count += *text == '\n';
				cr_assert_eq(count, lines, "%s %zux%zu", states[state], columns, lines);
			}
	}
}

Test(screen, says_in_one_line_that_it_is_too_small)
{
	cr_expect_str_eq(shown(3, 39), "40x10 at least; here 39x3\n\n\n");
	cr_expect(strstr(shown(10, 40), "a_very_long_name"), "%s", shown(10, 40));
}

Test(screen, digits_and_tab_choose_the_view)
{
	SHOWS("[1]Topics");
	press("4");
	SHOWS("[4]Graph");
	press("\t");
	SHOWS("[5]Fails");
	press("\t");
	SHOWS("[1]Topics");
}

Test(screen, sorts_by_the_next_column_and_inverts)
{
	press(">>");
	SHOWS("sort: PUB v");
	press("I");
	SHOWS("sort: PUB ^");
	press("<<<");
	SHOWS("sort: DEPTH ^");
	press("I<F6>");
	HIDES("sort:");
}

Test(screen, a_filter_works_while_it_is_typed_and_esc_takes_it_back)
{
	press("\\vec");
	SHOWS("filter: vec 1/2");
	HIDES("/points_of");
	press("<Back><Back><Back>");
	SHOWS("/points_of");
	press("zz<Enter>");
	SHOWS("Nothing passes the filter");
	press("<F4>x<Esc>");
	SHOWS("filter: zz");
	press("<Esc>");
	HIDES("filter:");
}

Test(screen, search_goes_round_and_says_if_there_is_nothing)
{
	press("/VECTOR<Enter>");
	cr_expect_eq(screen.selected[VIEW_TOPICS], 1);
	press("n");
	cr_expect_eq(screen.selected[VIEW_TOPICS], 1);
	press("/points<Enter>");
	cr_expect_eq(screen.selected[VIEW_TOPICS], 0);
	press("N");
	cr_expect_eq(screen.selected[VIEW_TOPICS], 0);
	press("/nothing like it<Enter>");
	SHOWS("not found");
	press("k");
	HIDES("not found");
}

Test(screen, the_delay_is_asked_for_and_checked)
{
	cr_expect_eq(press("d0.5<Enter>") & SCREEN_DELAY, SCREEN_DELAY);
	cr_expect_eq(screen.delay_s, 0.5);
	cr_expect_eq(press("d1h<Enter>") & SCREEN_DELAY, 0);
	SHOWS("a number of seconds");
	cr_expect_eq(screen.delay_s, 0.5);
	cr_expect_eq(press("s7<Esc>") & SCREEN_DELAY, 0);
}

Test(screen, letters_in_a_prompt_are_no_keys)
{
	cr_expect_eq(press("/quit h\xc3\xbc<Back>") & SCREEN_QUIT, 0);
	SHOWS("search: quit h");
	cr_expect_not(screen.help);
	press("<Esc>");
	cr_expect_eq(press("q"), SCREEN_QUIT);
}

Test(screen, space_pauses_and_help_comes_and_goes)
{
	press(" ");
	SHOWS("PAUSED");
	press("h");
	SHOWS("search, then n N");
	press("x");
	HIDES("search, then n N");
	cr_expect_eq(screen.view, VIEW_TOPICS);
}

Test(screen, movement_stays_in_the_table)
{
	press("<Up><Up>kk");
	cr_expect_eq(screen.selected[VIEW_TOPICS], 0);
	press("<End><Down><Down>");
	shown(24, 80);
	cr_expect_eq(screen.selected[VIEW_TOPICS], 1);
	press("g");
	cr_expect_eq(screen.selected[VIEW_TOPICS], 0);
	press("<PgDn><PgDn>");
	shown(24, 80);
	cr_expect_eq(screen.selected[VIEW_TOPICS], 1);
}

Test(screen, enter_opens_a_page_and_esc_comes_back)
{
	press("<Enter>");
	SHOWS("Topic /sensing/lidar/top/points_of_a_very_long_name");
	SHOWS("Esc Back");
	press("<Esc>2<Enter>");
	SHOWS("Process 14671 lidar_driver");
	press("<Esc>5<Enter>");
	SHOWS("Process 4194304 b?ad");
	press("3");
	SHOWS("[3]Maps");
}

Test(screen, replay_steps_within_its_bounds)
{
	screen.step = 1;
	screen.steps = 3;
	press("[");
	cr_expect_eq(screen.step, 1);
	press("]]]]");
	cr_expect_eq(screen.step, 3);
	cr_expect(screen.paused);
	SHOWS("  replay 3/3 PAUSED\n");
}

Test(screen, nothing_hostile_reaches_the_terminal)
{
	static const char *const states[] = { "1", "2", "3", "4", "5", "1<Enter>", "2<Down><Enter>",
					      "4tt<Enter>", "/\033[2J", "\\\x9b" };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		setup();
		press(states[i]);
		cr_expect_null(strchr(shown(60, 200), '\033'), "%s", states[i]);
		cr_expect_null(strchr(shown(60, 200), '\x9b'), "%s", states[i]);
	}
}

/* graph */

Test(graph, shows_who_publishes_what_to_whom)
{
	press("4");
	SHOWS(" |- pub   14671 lidar_driver");
	SHOWS(" `- sub 4194304 b?ad");
	press("t");
	SHOWS(" 14671 lidar_driver ");
	SHOWS(" `- pub /sensing/lidar");
}

Test(graph, folds_and_unfolds)
{
	press("4<Down>-");
	cr_expect_eq(screen.selected[VIEW_GRAPH], 0);
	HIDES("pub   14671");
	SHOWS("+ /sensing/lidar");
	SHOWS(" `- sub 4194304");
	press("+");
	SHOWS("pub   14671");
	press("*");
	HIDES(" `- sub 4194304");
	press("+");
	SHOWS("pub   14671");
	press("*");
	SHOWS(" `- sub 4194304");
}

Test(graph, tree_key_goes_from_each_side)
{
	press("2t");
	SHOWS("[4]Graph");
	SHOWS(" 14671 lidar_driver ");
	press("1t");
	SHOWS(" |- pub   14671 lidar_driver");
}

Test(graph, is_filtered_by_whole_groups)
{
	press("4\\lidar_driver<Enter>");
	SHOWS("sub 4194304");
	HIDES("vector_map");
}

/* filter */

Test(filter, words_mean_what_they_say)
{
	static const struct {
		enum view view;
		const char *filter, *rows;	/* which pass */
	} rows[] = {
		{ VIEW_TOPICS, "", "01" },
		{ VIEW_TOPICS, "!ok", "1" },
		{ VIEW_TOPICS, "!peer", "1" },
		{ VIEW_TOPICS, "pid:14671", "0" },
		{ VIEW_TOPICS, "pid:4194304", "01" },
		{ VIEW_TOPICS, "pid:1,14671", "0" },
		{ VIEW_TOPICS, "pid:", "" },
		{ VIEW_TOPICS, "topic:/map/*", "1" },
		{ VIEW_TOPICS, "topic:lidar", "0" },
		{ VIEW_TOPICS, "LIDAR", "0" },
		{ VIEW_TOPICS, "!LIDAR", "1" },
		{ VIEW_TOPICS, "  lidar   points ", "0" },
		{ VIEW_TOPICS, "lidar !ok", "" },
		{ VIEW_PROCS, "!peer", "1" },
		{ VIEW_PROCS, "topic:lidar", "01" },
		{ VIEW_PROCS, "topic:/map/*", "1" },
		{ VIEW_PROCS, "!ok", "02" },
		{ VIEW_MAPS, "!ok", "1" },
		{ VIEW_MAPS, "topic:lidar", "01" },
		{ VIEW_MAPS, "topic:/map/*", "" },
		{ VIEW_MAPS, "pid:4194304", "1" },
		{ VIEW_FAILS, "mmap", "0" },
		{ VIEW_FAILS, "window base", "0" },
		{ VIEW_FAILS, "pid:14671", "" },
		{ VIEW_FAILS, "!mmap", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct query query = { .order.column = -1, .filter = rows[i].filter };
		struct selection selection;
		char got[16] = "";

		rows_select(&selection, make_model(), rows[i].view, &query);
		for (size_t k = 0; k < selection.count; k++)
			got[k] = (char)('0' + selection.row[k]);
		free(selection.row);
		cr_expect_str_eq(got, rows[i].rows, "row %zu, '%s': got %s, wanted %s", i,
				 rows[i].filter, got, rows[i].rows);
	}
}
