// SPDX-License-Identifier: BSD-2-Clause
/* trace_line.c - one event of `agnocast trace` as text or JSON */

#define _GNU_SOURCE
#include "trace_line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <uapi/agnocast.h>

#include "format.h"
#include "json.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

struct flag {
	uint32_t	bit;
	const char	*name;
};

static const struct flag open_flags[] = {
	{ O_CREAT, "CREAT" }, { O_EXCL, "EXCL" }, { O_TRUNC, "TRUNC" },
	{ O_NONBLOCK, "NONBLOCK" }, { O_NOFOLLOW, "NOFOLLOW" }, { O_CLOEXEC, "CLOEXEC" },
	{ 0, NULL },
};

static const struct flag map_flags[] = {
	{ MAP_SHARED, "SHARED" }, { MAP_PRIVATE, "PRIVATE" }, { MAP_FIXED, "FIXED" },
	{ MAP_FIXED_NOREPLACE, "FIXED_NOREPLACE" }, { MAP_ANONYMOUS, "ANONYMOUS" },
	{ MAP_NORESERVE, "NORESERVE" }, { MAP_POPULATE, "POPULATE" }, { MAP_LOCKED, "LOCKED" },
	{ 0, NULL },
};

static const struct flag allocate_flags[] = {
	{ FALLOC_FL_KEEP_SIZE, "KEEP_SIZE" }, { FALLOC_FL_PUNCH_HOLE, "PUNCH_HOLE" },
	{ 0, NULL },
};

static const struct {
	unsigned int	cmd;
	const char	*name;
} commands[] = {
	{ AGNOCAST_VERSION_CMD, "VERSION" },
	{ AGNOCAST_NEW_SHM_CMD, "NEW_SHM" },
	{ AGNOCAST_AREA_READY_CMD, "AREA_READY" },
	{ AGNOCAST_OPEN_AREA_CMD, "OPEN_AREA" },
	{ AGNOCAST_OPEN_ROSTERS_CMD, "OPEN_ROSTERS" },
	{ AGNOCAST_LEAVE_CMD, "LEAVE" },
	{ AGNOCAST_REJOIN_CMD, "REJOIN" },
	{ AGNOCAST_REJOINED_CMD, "REJOINED" },
	{ AGNOCAST_PUBLISHER_ADD_CMD, "PUBLISHER_ADD" },
	{ AGNOCAST_SUBSCRIBER_ADD_CMD, "SUBSCRIBER_ADD" },
	{ AGNOCAST_PUBLISHER_REMOVE_CMD, "PUBLISHER_REMOVE" },
	{ AGNOCAST_SUBSCRIBER_REMOVE_CMD, "SUBSCRIBER_REMOVE" },
	{ AGNOCAST_MAP_REPORT_CMD, "MAP_REPORT" },
	{ AGNOCAST_CLEANED_CMD, "CLEANED" },
	{ AGNOCAST_BELL_CMD, "BELL" },
	{ AGNOCAST_OPEN_BELL_CMD, "OPEN_BELL" },
	{ AGNOCAST_WAKE_CMD, "WAKE" },
	{ AGNOCAST_ACKNOWLEDGE_CMD, "ACKNOWLEDGE" },
	{ AGNOCAST_LIST_CMD, "LIST" },
};

static void put_flags(char *text, size_t len, uint32_t flags, const struct flag *known)
{
	size_t used = strlen(text);

	for (; known->name; known++) {
		if ((flags & known->bit) != known->bit)
			continue;
		used += (size_t)snprintf(text + used, used < len ? len - used : 0, "%s%s",
					 used ? "|" : "", known->name);
		flags &= ~known->bit;
		if (used >= len)
			return;
	}
}

static void open_text(char *text, size_t len, uint32_t flags)
{
	static const char *const modes[] = { "RDONLY", "WRONLY", "RDWR", "?" };

	snprintf(text, len, "%s", modes[flags & O_ACCMODE]);
	put_flags(text, len, flags, open_flags);
}

static const char *command_name(uint64_t cmd)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].cmd == cmd)
			return commands[i].name;
	return "unknown command";
}

static const char *fault_name(const struct agnocast_event *event)
{
	if (event->result == SIGSEGV)
		return event->flags == SEGV_MAPERR ? "not mapped" :
		       event->flags == SEGV_ACCERR ? "no permission" : "";
	return event->flags == BUS_ADRERR ? "no memory there" :
	       event->flags >= BUS_MCEERR_AR ? "hardware error" : "";
}

/* "180000000000+16G" */
static void range(char *text, size_t len, const struct agnocast_event *event)
{
	char bytes[16];

	snprintf(text, len, "%" PRIx64 "+%s", (uint64_t)event->address,
		 format_bytes(bytes, sizeof(bytes), (double)event->length));
}

static void name_of(char *name, size_t len, const struct agnocast_event *event)
{
	char raw[AGNOCAST_NAME_LEN + 1];

	snprintf(raw, sizeof(raw), "%.*s", AGNOCAST_NAME_LEN, event->name);
	format_clean(name, len, raw);
}

void trace_line_arguments(char *text, size_t len, const struct agnocast_event *event)
{
	char name[AGNOCAST_NAME_LEN + 1], flags[128] = "", bytes[32];

	name_of(name, sizeof(name), event);
	switch (event->call) {
	case AGNOCAST_CALL_SHM_OPEN:
	case AGNOCAST_CALL_MQ_OPEN:
		open_text(flags, sizeof(flags), event->flags);
		snprintf(text, len, "/%s %s", name, flags);
		break;
	case AGNOCAST_CALL_TRUNCATE:
		snprintf(text, len, "/%s %s", name,
			 format_bytes(bytes, sizeof(bytes), (double)event->length));
		break;
	case AGNOCAST_CALL_FALLOCATE:
		range(bytes, sizeof(bytes), event);
		put_flags(flags, sizeof(flags), event->flags, allocate_flags);
		snprintf(text, len, "/%s %s%s%s", name, bytes, flags[0] ? " " : "", flags);
		break;
	case AGNOCAST_CALL_MMAP:
		range(bytes, sizeof(bytes), event);
		put_flags(flags, sizeof(flags), event->flags, map_flags);
		snprintf(text, len, "%s%s%s%c%c%c %s %s", name[0] ? "/" : "", name,
			 name[0] ? " " : "", event->prot & PROT_READ ? 'r' : '-',
			 event->prot & PROT_WRITE ? 'w' : '-',
			 event->prot & PROT_EXEC ? 'x' : '-', bytes, flags);
		break;
	case AGNOCAST_CALL_MUNMAP:
		range(text, len, event);
		break;
	case AGNOCAST_CALL_MQ_SEND:
	case AGNOCAST_CALL_MQ_RECEIVE:
		snprintf(text, len, "/%s %" PRIu64 " bytes", name, (uint64_t)event->length);
		break;
	case AGNOCAST_CALL_IOCTL:
		snprintf(text, len, "/dev/%s %s", name, command_name(event->length));
		break;
	default:
		snprintf(text, len, "at %" PRIx64 " (%s)", (uint64_t)event->address,
			 fault_name(event));
	}
}

void trace_line_result(char *text, size_t len, const struct agnocast_event *event)
{
	int error = cause_errno(event);

	if (event->odd || event->call == AGNOCAST_CALL_SIGNAL) {
		cause_error(text, len, event);
	} else if (error == EAGAIN && event->call == AGNOCAST_CALL_MQ_SEND) {
		snprintf(text, len, "coalesced");
	} else if (error == EAGAIN && event->call == AGNOCAST_CALL_MQ_RECEIVE) {
		snprintf(text, len, "empty");
	} else if (error == EINTR && event->call == AGNOCAST_CALL_FALLOCATE) {
		snprintf(text, len, "interrupted");
	} else if (error) {
		char name[32];

		format_errno(name, sizeof(name), error);
		snprintf(text, len, "%s %s", name, strerror(error));
	} else if (event->call == AGNOCAST_CALL_SHM_OPEN ||
		   event->call == AGNOCAST_CALL_MQ_OPEN) {
		snprintf(text, len, "fd %" PRId64, (int64_t)event->result);
	} else {
		snprintf(text, len, "ok");
	}
}

void trace_line_header(FILE *out)
{
	fprintf(out, "%-15s %7s %-15s %-10s %-45s %s\n", "TIME", "PID", "COMM", "CALL",
		"NAME, PLACE", "RESULT");
}

void trace_line_text(FILE *out, const struct trace_line *line)
{
	const struct agnocast_event *event = &line->failure->event;
	char comm[AGNOCAST_COMM_LEN + 1], arguments[256], result[96], spent[16] = "";

	format_clean(comm, sizeof(comm), event->comm);
	trace_line_arguments(arguments, sizeof(arguments), event);
	trace_line_result(result, sizeof(result), event);
	if (event->duration_ns)
		format_ns(spent, sizeof(spent), (double)event->duration_ns);
	fprintf(out, "%-15s %7u %-15s %-10s %-45s %s%s%s\n", line->time, event->pid, comm,
		cause_call(event->call), arguments, result, spent[0] ? " " : "", spent);
	if (!line->cause)
		return;
	if (line->cause->why[0])
		fprintf(out, "  why: %s\n", line->cause->why);
	if (line->cause->remedy[0])
		fprintf(out, "  do:  %s\n", line->cause->remedy);
}

static void put_process(struct json *json, const struct agnocast_failure *failure)
{
	const struct {
		const char	*name;
		uint64_t	value;
	} numbers[] = {
		{ "map_count", failure->map_count }, { "limit_as", failure->limit_as },
		{ "limit_memlock", failure->limit_memlock },
		{ "limit_nofile", failure->limit_nofile },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (failure->process_known)
			json_number(json, numbers[i].name, numbers[i].value);
		else
			json_null(json, numbers[i].name);
	if (failure->task_size)
		json_address(json, "task_size", failure->task_size);
	else
		json_null(json, "task_size");
}

static void put_captured(struct json *json, const struct agnocast_failure *failure)
{
	char name[AGNOCAST_NAME_LEN + 1];

	put_process(json, failure);
	if (!failure->vma_end) {
		json_null(json, "in_the_way");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", AGNOCAST_NAME_LEN, failure->vma_name);
	json_object(json, "in_the_way");
	json_address(json, "start", failure->vma_start);
	json_address(json, "end", failure->vma_end);
	json_string(json, "name", name);
	json_close(json);
}

static void put_place(struct json *json, const struct cause_place *place)
{
	json_known(json, "owner_pid", place && place->owner_pid, place ? place->owner_pid : 0);
	if (place && place->owner_pid)
		json_string(json, "owner", place->owner_comm);
	else
		json_null(json, "owner");
	if (place && place->topic)
		json_string(json, "topic", place->topic);
	else
		json_null(json, "topic");
}

void trace_line_json(FILE *out, const struct trace_line *line)
{
	const struct agnocast_event *event = &line->failure->event;
	struct json json = { .out = out, .first = true };
	char text[256];

	json_open(&json);
	json_number(&json, "schema", 1);
	json_string(&json, "tool", "agnocast-trace");
	json_number(&json, "time", line->time_ns);
	json_number(&json, "pid", event->pid);
	json_number(&json, "tid", event->tid);
	json_string(&json, "comm", event->comm);
	json_string(&json, "call", cause_call(event->call));
	json_string(&json, "name", event->name);
	trace_line_arguments(text, sizeof(text), event);
	json_string(&json, "arguments", text);
	json_address(&json, "address", event->address);
	json_number(&json, "length", event->length);
	json_bool(&json, "fault", cause_is_fault(event));
	cause_error(text, sizeof(text), event);
	if (cause_errno(event) || event->odd || event->call == AGNOCAST_CALL_SIGNAL)
		json_string(&json, "error", text);
	else
		json_null(&json, "error");
	json_signed(&json, "result", event->result);
	json_number(&json, "duration_ns", event->duration_ns);
	if (event->captured)
		put_captured(&json, line->failure);
	put_place(&json, line->place);
	json_string(&json, "cause", line->cause ? line->cause->id : "");
	json_string(&json, "why", line->cause ? line->cause->why : "");
	json_string(&json, "do", line->cause ? line->cause->remedy : "");
	json_close(&json);
	fputc('\n', out);
}
