// SPDX-License-Identifier: BSD-2-Clause
/* page.c - all about one topic or one process */

#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "cells.h"
#include "format.h"
#include "graph.h"

#define NAME 96		/* bytes of a name that was made to fit */

/* A page that is being made. */
struct making {
	struct page		*page;
	const struct model	*model;
	size_t			width;
};

static void trim(char *line)
{
	size_t length = strlen(line);

	while (length > 1 && line[length - 1] == ' ')
		line[--length] = '\0';
}

static void __attribute__((format(printf, 3, 4)))
put(struct making *making, char mark, const char *format, ...)
{
	struct page *page = making->page;
	va_list args;

	page->line = model_array(page->line, page->count, sizeof(*page->line));
	page->line[page->count][0] = mark;
	va_start(args, format);
	vsnprintf(page->line[page->count] + 1, ROWS_LINE - 1, format, args);
	va_end(args);
	trim(page->line[page->count]);
	page->count++;
}

static void put_wrapped(struct making *making, char mark, const char *indent, const char *text)
{
	size_t room = making->width > strlen(indent) + 20 ? making->width - strlen(indent) - 2 : 20;

	while (*text) {
		size_t end = format_break(text, room);

		put(making, mark, "%s%.*s", indent, (int)end, text);
		text += end;
		text += strspn(text, " ");
	}
}

/* @name in exactly @width columns, of a topic its end; @out has NAME bytes. */
static const char *fit(char *out, const char *name, size_t width)
{
	char clean[ROWS_LINE];

	format_clean(clean, sizeof(clean), name);
	return format_fit(out, NAME, clean, width, clean[0] == '/' ? FORMAT_TAIL : 0);
}

static const char *process_name(char *out, const struct model *model, uint64_t session)
{
	const struct process_row *process = model_session(model, session);

	return format_clean(out, AGNOCAST_COMM_MAX, process ? process->comm : "");
}

/* "10.0" or what stands for it. */
static const char *rate_text(char *out, size_t len, const struct endpoint_row *endpoint)
{
	if (!endpoint->known || !endpoint->rates_known)
		snprintf(out, len, endpoint->known ? "-" : "?");
	else
		format_rate(out, len, endpoint->hz);
	return out;
}

static const char *count_text(char *out, size_t len, bool known, uint64_t count)
{
	if (known)
		format_count(out, len, count);
	else
		snprintf(out, len, "?");
	return out;
}

static const char *ns_text(char *out, size_t len, bool known, double ns)
{
	if (known)
		format_ns(out, len, ns);
	else
		snprintf(out, len, "-");
	return out;
}

/* "5 volatile"; the whole words are in the help and the manual. */
static const char *qos_text(char *out, size_t len, const struct endpoint_row *endpoint)
{
	snprintf(out, len, "%u %s%s", endpoint->depth,
		 endpoint->flags & AGNOCAST_TRANSIENT_LOCAL ? "transient" : "volatile",
		 endpoint->flags & AGNOCAST_IGNORE_LOCAL ? " -local" : "");
	return out;
}

/* How wide a name may be beside @columns of numbers. */
static size_t name_width(const struct making *making, size_t columns)
{
	size_t least = 8, most = 60;
	size_t room = making->width > columns ? making->width - columns : 0;

	return room < least ? least : room > most ? most : room;
}

#define PUBLISHER_COLUMNS 56

static void put_publisher(struct making *making, const struct endpoint_row *endpoint,
			  const char *what)
{
	char name[NAME], rate[8], bytes[8] = "-", alive[8], wakes[8], refused[8], qos[32];
	bool bad = endpoint->known && endpoint->refused;

	if (endpoint->known && endpoint->rates_known)
		format_bytes(bytes, sizeof(bytes), endpoint->bytes_per_s);
	put(making, bad ? '!' : ' ', "  %s %6s %5s %5s %6s %7s  %s",
	    fit(name, what, name_width(making, PUBLISHER_COLUMNS)),
	    rate_text(rate, sizeof(rate), endpoint), bytes,
	    count_text(alive, sizeof(alive), endpoint->known, endpoint->retained),
	    count_text(wakes, sizeof(wakes), endpoint->known, endpoint->wakes),
	    count_text(refused, sizeof(refused), endpoint->known, endpoint->refused),
	    qos_text(qos, sizeof(qos), endpoint));
}

static void put_publishers_title(struct making *making, const char *what)
{
	char name[NAME];

	put(making, ' ', "%s %6s %5s %5s %6s %7s  %s",
	    fit(name, what, name_width(making, PUBLISHER_COLUMNS) + 2),
	    "HZ", "B/S", "ALIVE", "WAKES", "REFUSED", "DEPTH");
}

#define SUBSCRIPTION_COLUMNS 64

static void put_subscription(struct making *making, const struct endpoint_row *endpoint,
			     const char *what)
{
	char name[NAME], rate[8], lag[8] = "-", drop[8], held[8], p50[8], p99[8], max[8], qos[32];
	bool late = endpoint->known && endpoint->late.samples;
	char mark = ' ';

	if (endpoint->known && endpoint->refused)
		mark = '!';
	else if (endpoint->dropped_now)
		mark = '~';
	if (endpoint->lag_known)
		format_count(lag, sizeof(lag), endpoint->lag);
	put(making, mark, "  %s %6s %4s %5s %4s %5s %5s %5s  %s",
	    fit(name, what, name_width(making, SUBSCRIPTION_COLUMNS)),
	    rate_text(rate, sizeof(rate), endpoint), lag,
	    count_text(drop, sizeof(drop), endpoint->known, endpoint->dropped),
	    count_text(held, sizeof(held), endpoint->known, endpoint->held),
	    ns_text(p50, sizeof(p50), late, endpoint->late.p50_ns),
	    ns_text(p99, sizeof(p99), late, endpoint->late.p99_ns),
	    ns_text(max, sizeof(max), late, endpoint->late.max_ns),
	    qos_text(qos, sizeof(qos), endpoint));
}

static void put_subscriptions_title(struct making *making, const char *what)
{
	char name[NAME];

	put(making, ' ', "%s %6s %4s %5s %4s %5s %5s %5s  %s",
	    fit(name, what, name_width(making, SUBSCRIPTION_COLUMNS) + 2),
	    "HZ", "LAG", "DROP", "HELD", "P50", "P99", "MAX", "DEPTH");
}

/* Endpoints of @kind among @index: by process on a topic's page, by topic on a process's. */
static void put_endpoints(struct making *making, const uint32_t *index, size_t count,
			  uint32_t kind, enum page_kind page)
{
	for (size_t i = 0; i < count; i++) {
		const struct endpoint_row *endpoint = &making->model->endpoints[index[i]];
		const struct topic_row *topic = model_topic(making->model, endpoint->topic);
		char comm[AGNOCAST_COMM_MAX], what[ROWS_LINE];

		if (endpoint->kind != kind)
			continue;
		process_name(comm, making->model, endpoint->session);
		if (page == PAGE_TOPIC)
			snprintf(what, sizeof(what), "%u %s %s", endpoint->pid, comm,
				 endpoint->node);
		else
			snprintf(what, sizeof(what), "%s", topic ? topic->name : "?");
		if (kind == AGNOCAST_PUBLISHER)
			put_publisher(making, endpoint, what);
		else
			put_subscription(making, endpoint, what);
	}
}

#define CLAIM_COLUMNS 46

/* One line for each message on loan: for how long, which one, whose, to whom or of what topic. */
static void put_claims(struct making *making, const struct endpoint_row *endpoint,
		       enum page_kind page)
{
	const struct model *model = making->model;
	const struct topic_row *topic = model_topic(model, endpoint->topic);
	char comm[AGNOCAST_COMM_MAX], from[AGNOCAST_COMM_MAX], age[16], name[NAME];
	char what[ROWS_LINE];
	size_t count;
	const struct claim_row *claim = model_claims(model, endpoint->generation, &count);

	if (page == PAGE_TOPIC)
		snprintf(what, sizeof(what), "%7u %s", endpoint->pid,
			 process_name(comm, model, endpoint->session));
	else
		snprintf(what, sizeof(what), "%s", topic ? topic->name : "?");
	for (size_t i = 0; i < count; i++) {
		const struct endpoint_row *publisher = model_claimed(model, &claim[i]);

		ns_text(age, sizeof(age), claim[i].since_ns <= model->mono_ns,
			(double)(model->mono_ns - claim[i].since_ns));
		put(making, ' ', "  %s %5s %10u  %7u %s",
		    fit(name, what, name_width(making, CLAIM_COLUMNS)), age, claim[i].seq,
		    publisher ? publisher->pid : 0,
		    publisher ? process_name(from, model, publisher->session) : "(gone)");
	}
}

static size_t count_held(const struct model *model, const uint32_t *index, size_t count)
{
	size_t held = 0, claims;

	for (size_t i = 0; i < count; i++) {
		model_claims(model, model->endpoints[index[i]].generation, &claims);
		held += claims;
	}
	return held;
}

static void put_held(struct making *making, const uint32_t *index, size_t count,
		     enum page_kind page)
{
	char name[NAME];

	if (!count_held(making->model, index, count))
		return;
	put(making, ' ', "%s", "");
	put(making, ' ', "%s %5s %10s  OF PUBLISHER",
	    fit(name, page == PAGE_TOPIC ? "ON LOAN TO" : "ON LOAN",
		name_width(making, CLAIM_COLUMNS) + 2), "FOR", "MESSAGE");
	for (size_t i = 0; i < count; i++)
		put_claims(making, &making->model->endpoints[index[i]], page);
}

#define BAR 40

/* Publish to take, of all subscriptions among @index, since they exist. */
static void put_histogram(struct making *making, const uint32_t *index, size_t count)
{
	uint64_t sum[AGNOCAST_LATENCY_BUCKETS] = { 0 }, most = 0;
	size_t first = AGNOCAST_LATENCY_BUCKETS, last = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t bucket = 0; bucket < AGNOCAST_LATENCY_BUCKETS; bucket++)
			sum[bucket] += making->model->endpoints[index[i]].latency[bucket];
	for (size_t bucket = 0; bucket < AGNOCAST_LATENCY_BUCKETS; bucket++) {
		if (!sum[bucket])
			continue;
		first = bucket < first ? bucket : first;
		last = bucket;
		most = sum[bucket] > most ? sum[bucket] : most;
	}
	if (!most)
		return;
	put(making, ' ', "%s", "");
	put(making, ' ', "LATENCY from publish to take, since the subscriptions exist");
	for (size_t bucket = first; bucket <= last; bucket++) {
		size_t length = (size_t)((double)sum[bucket] * BAR / (double)most + 0.999);
		char bar[BAR + 2], from[16];

		if (length > BAR)
			length = BAR;
		memset(bar, '@', length);
		bar[length] = '\0';
		put(making, ' ', "  %6s |%-*s %llu",
		    format_ns(from, sizeof(from), bucket ? (double)(UINT64_C(1) << bucket) : 0),
		    BAR, bar, (unsigned long long)sum[bucket]);
	}
}

static void put_topic_sums(struct making *making, const struct topic_row *topic)
{
	char rate[16], bytes[16], total[16], age[16] = "-";

	if (!topic->known) {
		put(making, '~', "counters of some endpoints are not readable");
		return;
	}
	if (topic->oldest_claim_ns && topic->oldest_claim_ns <= making->model->mono_ns)
		format_ns(age, sizeof(age),
			  (double)(making->model->mono_ns - topic->oldest_claim_ns));
	if (topic->rates_known && topic->publishers)
		put(making, ' ', "%s Hz, %s/s; %llu published, %s; %llu alive",
		    format_rate(rate, sizeof(rate), topic->hz),
		    format_bytes(bytes, sizeof(bytes), topic->bytes_per_s),
		    (unsigned long long)topic->messages,
		    format_bytes(total, sizeof(total), (double)topic->bytes),
		    (unsigned long long)topic->retained);
	put(making, topic->refused ? '!' : topic->dropped_now ? '~' : ' ',
	    "%llu dropped, %llu of them in the last interval; %llu skipped, %llu refused",
	    (unsigned long long)topic->dropped, (unsigned long long)topic->dropped_now,
	    (unsigned long long)topic->skipped, (unsigned long long)topic->refused);
	put(making, ' ', "%llu on loan, the oldest for %s", (unsigned long long)topic->held, age);
}

static void make_topic(struct making *making, const struct subject *subject)
{
	const struct topic_row *topic = model_topic(making->model, subject->id);
	char name[AGNOCAST_TOPIC_MAX];
	const uint32_t *index;
	size_t count;

	if (!topic) {
		put(making, 'x', "This topic has gone: nobody publishes or subscribes any more.");
		return;
	}
	put(making, ' ', "Topic %s", format_clean(name, sizeof(name), topic->name));
	put_topic_sums(making, topic);
	index = model_of_topic(making->model, topic->topic, &count);
	put(making, ' ', "%s", "");
	put_publishers_title(making, "PUBLISHERS");
	put_endpoints(making, index, count, AGNOCAST_PUBLISHER, PAGE_TOPIC);
	if (!topic->publishers)
		put(making, '~', "  none");
	put(making, ' ', "%s", "");
	put_subscriptions_title(making, "SUBSCRIPTIONS");
	put_endpoints(making, index, count, AGNOCAST_SUBSCRIPTION, PAGE_TOPIC);
	if (!topic->subscriptions)
		put(making, '~', "  none");
	put_held(making, index, count, PAGE_TOPIC);
	put_histogram(making, index, count);
}

/* Its own area first, then those that it maps, then who maps its. */
static void put_mappings(struct making *making, const struct process_row *process)
{
	const struct model *model = making->model;

	put(making, ' ', "%s", "");
	put(making, ' ', "MAPS  OWNER  IN PROCESS               PERM  ROLE STATE");
	for (size_t i = 0; i < model->mappings_count; i++) {
		const struct mapping_row *mapping = &model->mappings[i];
		char comm[AGNOCAST_COMM_MAX], state[32];

		if (mapping->reader != process->session && mapping->owner != process->session)
			continue;
		mapping_state(state, sizeof(state), mapping);
		put(making, mapping_mark(model, i), "  %9u  %7u %-15s  %-5s %-4s %s",
		    mapping->owner_pid, mapping->reader_pid,
		    format_clean(comm, sizeof(comm), mapping->comm),
		    mapping->perm_state == PERM_FOUND ? mapping->perm :
		    mapping->perm_state == PERM_NONE ? "-" : "?", mapping_role(mapping), state);
	}
}

static void put_calls(struct making *making, const struct process_row *process)
{
	bool any = false;

	for (size_t i = 0; process->calls_known && i < MODEL_CALLS; i++) {
		const struct call_row *call = &process->calls[i];
		char mean[16], max[16];

		if (!call->calls)
			continue;
		if (!any) {
			put(making, ' ', "%s", "");
			put(making, ' ', "CALLS         calls errors  again  mean   max");
		}
		any = true;
		put(making, call->errors ? '~' : ' ', "  %-10s %6llu %6llu %6llu %5s %5s",
		    cause_call((uint32_t)i), (unsigned long long)call->calls,
		    (unsigned long long)call->errors, (unsigned long long)call->again,
		    format_ns(mean, sizeof(mean), (double)call->sum_ns / (double)call->calls),
		    format_ns(max, sizeof(max), (double)call->max_ns));
	}
}

static void put_failures(struct making *making, uint32_t pid)
{
	const struct model *model = making->model;
	bool any = false;

	for (size_t i = model->failures_count; i-- > 0;) {
		const struct failure_row *failure = &model->failures[i];
		char error[32], name[sizeof(failure->name)], detail[ROWS_LINE];

		if (failure->pid != pid)
			continue;
		if (!any) {
			put(making, ' ', "%s", "");
			put(making, ' ', "FAILURES");
		}
		any = true;
		failure_error(error, sizeof(error), failure);
		put(making, failure_mark(model, i), "  %s %s %s, %llu times", failure->call, error,
		    format_clean(name, sizeof(name), failure->name),
		    (unsigned long long)failure->count);
		failure_detail(detail, model, i);
		put_wrapped(making, ' ', "      ", detail);
	}
}

static void put_area(struct making *making, const struct process_row *process)
{
	char used[16], committed[16], mempool[16], resident[16];

	if (!process->session) {
		put(making, '~', "not in the registry: known by its calls only");
		return;
	}
	put(making, ' ', "area %llx-%llx, MEMPOOL_SIZE %s", (unsigned long long)process->base,
	    (unsigned long long)(process->base + process->size),
	    format_bytes(mempool, sizeof(mempool), (double)process->mempool_size));
	if (!process->ready)
		put(making, '~', "its area is not ready yet");
	else if (!process->area_known)
		put(making, '~', "its counters are not readable: %s", process->area_why);
	if (!process->area_known)
		return;
	put(making, process->grow_failures ? '!' : ' ',
	    "heap %s used of %s, %s resident; grew %llu times, %llu failed; forked %u times",
	    format_bytes(used, sizeof(used), (double)process->heap_used),
	    format_bytes(committed, sizeof(committed), (double)process->heap_committed),
	    format_bytes(resident, sizeof(resident), (double)process->resident),
	    (unsigned long long)process->grows, (unsigned long long)process->grow_failures,
	    process->forks);
	put(making, process->map_failures || process->maps_refused ? '!' : ' ',
	    "%s; %u areas of others mapped, %u refused, %llu could not be mapped",
	    process->participant ? "has endpoints" : "bystander", process->maps_in,
	    process->maps_refused, (unsigned long long)process->map_failures);
}

static const struct process_row *find_process(const struct model *model,
					      const struct subject *subject)
{
	for (size_t i = 0; i < model->processes_count; i++)
		if (model->processes[i].session == subject->id &&
		    model->processes[i].pid == subject->pid)
			return &model->processes[i];
	return NULL;
}

static void make_process(struct making *making, const struct subject *subject)
{
	const struct process_row *process = find_process(making->model, subject);
	char comm[AGNOCAST_COMM_MAX], uid[24] = "";
	const uint32_t *index;
	size_t count;

	if (!process) {
		put(making, 'x', "Process %u has ended.", subject->pid);
		put_failures(making, subject->pid);
		return;
	}
	if (process->session)
		snprintf(uid, sizeof(uid), ", uid %u", process->uid);
	put(making, process->exited ? 'x' : ' ', "Process %u %s%s%s", process->pid,
	    format_clean(comm, sizeof(comm), process->comm), uid,
	    process->exited ? ", has ended" : "");
	put_area(making, process);
	if (process->session) {
		index = model_of_session(making->model, process->session, &count);
		put(making, ' ', "%s", "");
		put_publishers_title(making, "PUBLISHES");
		put_endpoints(making, index, count, AGNOCAST_PUBLISHER, PAGE_PROCESS);
		put(making, ' ', "%s", "");
		put_subscriptions_title(making, "SUBSCRIBES");
		put_endpoints(making, index, count, AGNOCAST_SUBSCRIPTION, PAGE_PROCESS);
		put_held(making, index, count, PAGE_PROCESS);
		put_histogram(making, index, count);
		put_mappings(making, process);
	}
	put_calls(making, process);
	put_failures(making, process->pid);
}

static struct subject of_process(const struct process_row *process)
{
	if (!process)
		return (struct subject){ .kind = PAGE_NONE };
	return (struct subject){
		.kind = PAGE_PROCESS, .id = process->session, .pid = process->pid,
	};
}

static struct subject of_topic(const struct topic_row *topic)
{
	if (!topic)
		return (struct subject){ .kind = PAGE_NONE };
	return (struct subject){ .kind = PAGE_TOPIC, .id = topic->topic };
}

/* Under a topic stand processes, under a process topics: Enter goes to what the line names. */
static struct subject of_graph(const struct model *model, size_t row)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (!endpoint)
		return graph_topic(model, row) ? of_topic(graph_topic(model, row))
					       : of_process(graph_process(model, row));
	return graph_is_under_topic(row) ? of_process(graph_process(model, row))
					 : of_topic(graph_topic(model, row));
}

struct subject page_subject(const struct model *model, enum view view, size_t row)
{
	const struct failure_row *failure;

	switch (view) {
	case VIEW_TOPICS: return of_topic(&model->topics[row]);
	case VIEW_PROCS: return of_process(&model->processes[row]);
	case VIEW_MAPS: return of_process(model_session(model, model->mappings[row].reader));
	case VIEW_GRAPH: return of_graph(model, row);
	default: break;
	}
	failure = &model->failures[row];
	if (model_pid(model, failure->pid))
		return of_process(model_pid(model, failure->pid));
	return (struct subject){ .kind = PAGE_PROCESS, .pid = failure->pid };
}

void page_make(struct page *page, const struct model *model, const struct subject *subject,
	       size_t width)
{
	struct making making = { .page = page, .model = model, .width = width };

	*page = (struct page){ NULL, 0 };
	if (subject->kind == PAGE_TOPIC)
		make_topic(&making, subject);
	else if (subject->kind == PAGE_PROCESS)
		make_process(&making, subject);
}

void page_free(struct page *page)
{
	free(page->line);
	*page = (struct page){ NULL, 0 };
}
