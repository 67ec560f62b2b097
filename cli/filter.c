// SPDX-License-Identifier: BSD-2-Clause
/* filter.c - which rows are shown */

#define _GNU_SOURCE
#include "filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define TOPICS_OF_ROW 64	/* of a mapping; more are not looked at */

typedef bool (*topic_test)(const struct topic_row *topic, const char *pattern);

static bool lacks_peer(const struct topic_row *topic, const char *pattern)
{
	(void)pattern;
	return !topic->publishers || !topic->subscriptions;
}

static bool is_named(const struct topic_row *topic, const char *pattern)
{
	if (strpbrk(pattern, "*?["))
		return !fnmatch(pattern, topic->name, 0);
	return strcasestr(topic->name, pattern) != NULL;
}

static bool any_of_session(const struct model *model, uint64_t session, topic_test test,
			   const char *pattern)
{
	size_t count;
	const uint32_t *index = model_of_session(model, session, &count);

	for (size_t i = 0; i < count; i++) {
		const struct topic_row *topic =
			model_topic(model, model->endpoints[index[i]].topic);

		if (topic && test(topic, pattern))
			return true;
	}
	return false;
}

static bool any_of_mapping(const struct model *model, const struct mapping_row *mapping,
			   topic_test test, const char *pattern)
{
	const struct topic_row *topics[TOPICS_OF_ROW];
	size_t count = model_mapping_topics(model, mapping, topics, TOPICS_OF_ROW);

	for (size_t i = 0; i < count && i < TOPICS_OF_ROW; i++)
		if (topics[i] && test(topics[i], pattern))
			return true;
	return false;
}

/* Does one of the topics that @row concerns pass @test? */
static bool any_topic(const struct model *model, enum view view, size_t row, topic_test test,
		      const char *pattern)
{
	const struct process_row *process;
	const struct topic_row *topic;

	switch (view) {
	case VIEW_TOPICS:
		return test(&model->topics[row], pattern);
	case VIEW_PROCS:
		return any_of_session(model, model->processes[row].session, test, pattern);
	case VIEW_MAPS:
		return any_of_mapping(model, &model->mappings[row], test, pattern);
	case VIEW_GRAPH:
		topic = graph_topic(model, row);
		process = topic ? NULL : graph_process(model, row);
		return topic ? test(topic, pattern) :
		       process && any_of_session(model, process->session, test, pattern);
	default:
		process = model_pid(model, model->failures[row].pid);
		return process && any_of_session(model, process->session, test, pattern);
	}
}

/* Is @pid one of "N[,N...]"? */
static bool is_listed(const char *pids, uint32_t pid)
{
	while (*pids) {
		char *end;
		unsigned long one = strtoul(pids, &end, 10);

		if (end != pids && one == pid)
			return true;
		pids = end + strcspn(end, ",");
		pids += *pids == ',';
	}
	return false;
}

static bool topic_has_pid(const struct model *model, uint64_t topic, const char *pids)
{
	size_t count;
	const uint32_t *index = model_of_topic(model, topic, &count);

	for (size_t i = 0; i < count; i++)
		if (is_listed(pids, model->endpoints[index[i]].pid))
			return true;
	return false;
}

static bool has_pid(const struct model *model, enum view view, size_t row, const char *pids)
{
	const struct process_row *process;

	switch (view) {
	case VIEW_TOPICS:
		return topic_has_pid(model, model->topics[row].topic, pids);
	case VIEW_PROCS:
		return is_listed(pids, model->processes[row].pid);
	case VIEW_MAPS:
		return is_listed(pids, model->mappings[row].owner_pid) ||
		       is_listed(pids, model->mappings[row].reader_pid);
	case VIEW_GRAPH:
		process = graph_process(model, row);
		return process && is_listed(pids, process->pid);
	default:
		return is_listed(pids, model->failures[row].pid);
	}
}

static bool contains(const struct model *model, enum view view, size_t row, const char *text)
{
	char shown[ROWS_LINE];

	rows_text(shown, model, view, row);
	return strcasestr(shown, text) != NULL;
}

static bool word_matches(const char *word, const struct model *model, enum view view, size_t row)
{
	if (!strcmp(word, "!ok"))
		return rows_mark(model, view, row) != ' ';
	if (!strcmp(word, "!peer"))
		return any_topic(model, view, row, lacks_peer, "");
	if (!strncmp(word, "pid:", 4))
		return has_pid(model, view, row, word + 4);
	if (!strncmp(word, "topic:", 6))
		return any_topic(model, view, row, is_named, word + 6);
	if (word[0] == '!')
		return !word[1] || !contains(model, view, row, word + 1);
	return contains(model, view, row, word);
}

bool filter_matches(const char *filter, const struct model *model, enum view view, size_t row)
{
	char words[FILTER_MAX], *rest = words, *word;

	if (!filter || !*filter)
		return true;
	snprintf(words, sizeof(words), "%s", filter);
	while ((word = strsep(&rest, " ")))
		if (*word && !word_matches(word, model, view, row))
			return false;
	return true;
}
