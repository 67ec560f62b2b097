// SPDX-License-Identifier: BSD-2-Clause
/* cause.c - why a call failed: the sentences' words, and the search in the table */

#define _GNU_SOURCE
#include "cause.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

#define ERRNO_MAX	4095
#define UNLIMITED	UINT64_MAX

static const char *const call_names[AGNOCAST_CALLS_ALL] = {
	[AGNOCAST_CALL_SHM_OPEN] = "shm_open",
	[AGNOCAST_CALL_TRUNCATE] = "ftruncate",
	[AGNOCAST_CALL_FALLOCATE] = "fallocate",
	[AGNOCAST_CALL_MMAP] = "mmap",
	[AGNOCAST_CALL_MUNMAP] = "munmap",
	[AGNOCAST_CALL_MQ_OPEN] = "mq_open",
	[AGNOCAST_CALL_MQ_SEND] = "mq_send",
	[AGNOCAST_CALL_MQ_RECEIVE] = "mq_receive",
	[AGNOCAST_CALL_IOCTL] = "ioctl",
	[AGNOCAST_CALL_SIGNAL] = "(fault)",
	[AGNOCAST_CALL_REPORT] = "map",
};

const char *cause_call(uint32_t call)
{
	return call < AGNOCAST_CALLS_ALL ? call_names[call] : "?";
}

int cause_errno(const struct agnocast_event *event)
{
	if (event->call == AGNOCAST_CALL_SIGNAL || event->result >= 0 ||
	    event->result < -ERRNO_MAX)
		return 0;
	return (int)-event->result;
}

bool cause_is_fault(const struct agnocast_event *event)
{
	int error = cause_errno(event);

	if (event->odd || event->call == AGNOCAST_CALL_SIGNAL)
		return true;
	switch (event->call) {
	case AGNOCAST_CALL_MQ_SEND:
	case AGNOCAST_CALL_MQ_RECEIVE:
		return error && error != EAGAIN;
	case AGNOCAST_CALL_FALLOCATE:
		return error && error != EINTR;	/* it ends, or tries again */
	default:
		return error;
	}
}

void cause_error(char *out, size_t len, const struct agnocast_event *event)
{
	const char *name = event->call == AGNOCAST_CALL_SIGNAL
			   ? sigabbrev_np((int)event->result) : NULL;

	if (name)
		snprintf(out, len, "SIG%s", name);
	else if (event->call == AGNOCAST_CALL_SIGNAL)
		snprintf(out, len, "signal %d", (int)event->result);
	else if (event->odd & AGNOCAST_MOVED)
		snprintf(out, len, "MOVED");
	else if (event->odd & AGNOCAST_OVERWROTE)
		snprintf(out, len, "OVERWRITTEN");
	else
		format_errno(out, len, cause_errno(event));
}

/* The words in braces. */

struct text {
	char	*out;
	size_t	len;
};

static void put(const struct text *text, const char *words)
{
	snprintf(text->out, text->len, "%s", words);
}

static void put_count(const struct text *text, uint64_t number)
{
	if (number == UNLIMITED)
		put(text, "unlimited");
	else
		snprintf(text->out, text->len, "%" PRIu64, number);
}

static void put_bytes(const struct text *text, uint64_t bytes)
{
	if (bytes == UNLIMITED)
		put(text, "unlimited");
	else
		format_bytes(text->out, text->len, (double)bytes);
}

static void word_range(const struct text *text, const struct cause_case *failed)
{
	const struct agnocast_event *event = &failed->failure->event;
	char length[16];

	snprintf(text->out, text->len, "%" PRIx64 "+%s", (uint64_t)event->address,
		 format_bytes(length, sizeof(length), (double)event->length));
}

static void word_length(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->event.length);
}

static void word_address(const struct text *text, const struct cause_case *failed)
{
	snprintf(text->out, text->len, "%" PRIx64, (uint64_t)failed->failure->event.address);
}

static void word_result(const struct text *text, const struct cause_case *failed)
{
	snprintf(text->out, text->len, "%" PRIx64, (uint64_t)failed->failure->event.result);
}

static void word_pid(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->failure->event.pid);
}

static void word_fd(const struct text *text, const struct cause_case *failed)
{
	snprintf(text->out, text->len, "%d", failed->failure->event.fd);
}

static void word_name(const struct text *text, const struct cause_case *failed)
{
	char name[AGNOCAST_NAME_LEN + 1];

	snprintf(name, sizeof(name), "%.*s", AGNOCAST_NAME_LEN, failed->failure->event.name);
	format_clean(text->out, text->len, name);
	if (!name[0])
		put(text, "the file");
}

static void word_vma(const struct text *text, const struct cause_case *failed)
{
	const struct agnocast_failure *failure = failed->failure;
	const char *raw = failure->vma_name[0] ? failure->vma_name : "no file";
	char name[AGNOCAST_NAME_LEN + 1], clean[AGNOCAST_NAME_LEN + 1];
	uint64_t flags = failure->vma_flags;

	if (!failure->vma_end) {
		put(text, "another mapping");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", AGNOCAST_NAME_LEN, raw);
	snprintf(text->out, text->len, "%" PRIx64 "-%" PRIx64 " %c%c%c%c (%s)",
		 (uint64_t)failure->vma_start, (uint64_t)failure->vma_end,
		 flags & 1 ? 'r' : '-', flags & 2 ? 'w' : '-', flags & 4 ? 'x' : '-',
		 flags & 8 ? 's' : 'p', format_clean(clean, sizeof(clean), name));
}

static void word_task_size(const struct text *text, const struct cause_case *failed)
{
	snprintf(text->out, text->len, "%" PRIx64, (uint64_t)failed->failure->task_size);
}

static void word_maps(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->failure->map_count);
}

static void word_max_maps(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->machine->max_map_count);
}

static void word_as(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->limit_as);
}

static void word_mapped(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->total_pages * failed->machine->page_size);
}

static void word_memlock(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->limit_memlock);
}

static void word_locked(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->locked_pages * failed->machine->page_size);
}

static void word_nofile(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->failure->limit_nofile);
}

static void word_msgqueue(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->limit_msgqueue);
}

static void word_fsize(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->failure->limit_fsize);
}

static void word_file_size(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->place.file_size);
}

static void word_offset(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->place.offset);
}

static void word_page(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->machine->page_size);
}

static void word_shm_bytes(const struct text *text, const struct cause_case *failed)
{
	put_bytes(text, failed->machine->shm_bytes);
}

static void word_queues_max(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->machine->queues_max);
}

static void word_msg_max(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->machine->msg_max);
}

static void word_msgsize_max(const struct text *text, const struct cause_case *failed)
{
	put_count(text, failed->machine->msgsize_max);
}

static void word_owner(const struct text *text, const struct cause_case *failed)
{
	if (failed->place.owner_pid)
		snprintf(text->out, text->len, "%s (pid %u)", failed->place.owner_comm,
			 failed->place.owner_pid);
	else
		put(text, "another process");
}

/* What lies at a fault: "lidar_driver's message on /points". */
static void word_memory(const struct text *text, const struct cause_case *failed)
{
	const struct cause_place *place = &failed->place;

	if (!place->owner_pid)
		put(text, "another process's memory");
	else if (place->topic)
		snprintf(text->out, text->len, "%s's message on %s", place->owner_comm,
			 place->topic);
	else
		snprintf(text->out, text->len, "%s's %s", place->owner_comm,
			 place->in_heap ? "memory" : "control part");
}

/* What must be known for a word to be said exactly. */
enum source { ALWAYS, EVENT, PROCESS };

static const struct {
	const char	*word;
	const char	*general;	/* else, as in a synopsis */
	enum source	source;
	void		(*put)(const struct text *text, const struct cause_case *failed);
} words[] = {
	{ "address", "ADDRESS", EVENT, word_address },
	{ "as", "LIMIT", PROCESS, word_as },
	{ "fd", "FD", EVENT, word_fd },
	{ "file_size", "SIZE", EVENT, word_file_size },
	{ "fsize", "LIMIT", PROCESS, word_fsize },
	{ "length", "SIZE", EVENT, word_length },
	{ "locked", "SIZE", PROCESS, word_locked },
	{ "mapped", "SIZE", PROCESS, word_mapped },
	{ "maps", "COUNT", PROCESS, word_maps },
	{ "max_maps", "LIMIT", EVENT, word_max_maps },
	{ "memlock", "LIMIT", PROCESS, word_memlock },
	{ "memory", NULL, ALWAYS, word_memory },
	{ "msg_max", "LIMIT", EVENT, word_msg_max },
	{ "msgqueue", "LIMIT", PROCESS, word_msgqueue },
	{ "msgsize_max", "LIMIT", EVENT, word_msgsize_max },
	{ "name", NULL, ALWAYS, word_name },
	{ "nofile", "LIMIT", PROCESS, word_nofile },
	{ "offset", "OFFSET", EVENT, word_offset },
	{ "owner", NULL, ALWAYS, word_owner },
	{ "page", "SIZE", EVENT, word_page },
	{ "pid", "PID", EVENT, word_pid },
	{ "queues_max", "LIMIT", EVENT, word_queues_max },
	{ "range", "START+SIZE", EVENT, word_range },
	{ "result", "ADDRESS", EVENT, word_result },
	{ "shm_bytes", "SIZE", EVENT, word_shm_bytes },
	{ "task_size", "END", PROCESS, word_task_size },
	{ "vma", NULL, ALWAYS, word_vma },
};

static bool is_known(enum source source, const struct cause_case *failed)
{
	return source == ALWAYS || (source == EVENT && failed->failure->event.pid) ||
	       failed->captured;
}

static void put_word(const struct text *text, const char *word, size_t len,
		     const struct cause_case *failed)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) != len || memcmp(words[i].word, word, len))
			continue;
		if (is_known(words[i].source, failed))
			words[i].put(text, failed);
		else
			put(text, words[i].general);
		return;
	}
	snprintf(text->out, text->len, "{%.*s}", (int)len, word);	/* a test looks for braces */
}

static void fill_in(char *out, size_t len, const char *sentence,
		    const struct cause_case *failed)
{
	size_t used = 0;

	out[0] = '\0';
	while (*sentence && used + 1 < len) {
		const char *close = *sentence == '{' ? strchr(sentence, '}') : NULL;

		if (close) {
			const struct text text = { out + used, len - used };

			put_word(&text, sentence + 1, (size_t)(close - sentence - 1), failed);
			used += strlen(out + used);
			sentence = close + 1;
		} else {
			out[used++] = *sentence++;
			out[used] = '\0';
		}
	}
}

static bool matches(const struct cause_row *row, const struct cause_case *failed)
{
	const struct agnocast_event *event = &failed->failure->event;
	int error = event->call == AGNOCAST_CALL_SIGNAL ? (int)event->result
							: cause_errno(event);

	if (row->call != event->call || row->error != error ||
	    (row->odd && !(row->odd & event->odd)) || (!row->odd && event->odd && !error))
		return false;
	return !row->applies || row->applies(failed);
}

void cause_find(struct cause *cause, const struct cause_case *failed)
{
	const struct cause_row *rows;
	size_t count = cause_rows(&rows);

	*cause = (struct cause){ .id = "" };
	for (size_t i = 0; i < count; i++) {
		if (!matches(&rows[i], failed))
			continue;
		cause->id = rows[i].id;
		fill_in(cause->why, sizeof(cause->why), rows[i].why, failed);
		fill_in(cause->remedy, sizeof(cause->remedy), rows[i].remedy, failed);
		return;
	}
}

void cause_describe(struct cause *cause, const struct cause_row *row)
{
	static const struct agnocast_failure nothing;
	static const struct cause_machine nowhere;
	const struct cause_case failed = { .failure = &nothing, .machine = &nowhere };

	cause->id = row->id;
	fill_in(cause->why, sizeof(cause->why), row->why, &failed);
	fill_in(cause->remedy, sizeof(cause->remedy), row->remedy, &failed);
}
