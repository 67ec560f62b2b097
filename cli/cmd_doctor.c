// SPDX-License-Identifier: BSD-2-Clause
/* cmd_doctor.c - agnocast doctor: a list of checks, an explanation, a broom */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "doctor.h"
#include "format.h"
#include "json.h"
#include "machine.h"

static const char usage_text[] =
"usage: agnocast doctor [-jq] [-p PID] [--registry WHERE]\n"
"       agnocast doctor --explain ERROR|CALL [-j]\n"
"       agnocast doctor --clean [-y] [-j]\n"
"\n"
"Checks the machine, the registry and the processes that run; changes nothing.\n"
"\n"
"  -p, --pid PID        only what concerns this process\n"
"  -q, --quiet          warnings and failures only\n"
"  -j, --json           one JSON object\n"
"      --explain WHAT   causes and remedies of ENOMEM, SIGBUS, mmap, mq_open, ...\n"
"      --clean          remove what dead processes left, after a question\n"
"  -y, --yes            without the question\n"
"      --registry WHERE as in agnocast-top(8)\n"
"  -h, --help           this;  -V, --version\n"
"\n"
"Exit status: 0 fine; 1 warnings (--clean: something is left); 2 failures; 64\n"
"wrong usage; 70 internal error.\n";

static const struct {
	const char	*name;
	void		(*run)(struct doctor *doctor);
	bool		for_pid;	/* makes sense for one process */
} checks[] = {
	{ "registry", check_registry, true },
	{ "address window", check_window, false },
	{ "/dev/shm", check_shm, true },
	{ "message queues", check_queues, false },
	{ "memory", check_memory, false },
	{ "memory cgroup", check_cgroup, true },
	{ "logind", check_logind, false },
	{ "processes", check_members, true },
	{ "limits", check_limits, true },
	{ "namespaces", check_namespaces, true },
	{ "mappings", check_mappings, true },
	{ "preload", check_preload, true },
	{ "left objects", check_stale, false },
	{ "eBPF", check_ebpf, false },
};

static const char *const level_names[LEVELS] = {
	[LEVEL_OK] = "ok", [LEVEL_SKIP] = "skip", [LEVEL_WARN] = "warn", [LEVEL_FAIL] = "FAIL",
};

static void say_json(struct doctor *doctor, enum level level, const char *remedy,
		     const char *text)
{
	struct json json = { .out = stdout, .first = !doctor->any };

	doctor->any = true;
	json_open(&json);
	json_string(&json, "check", doctor->check);
	json_string(&json, "level", level == LEVEL_FAIL ? "fail" : level_names[level]);
	json_string(&json, "text", text);
	json_string(&json, "do", remedy ? remedy : "");
	json_close(&json);
}

void doctor_say(struct doctor *doctor, enum level level, const char *remedy,
		const char *format, ...)
{
	char text[512], mark[8];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	doctor->count[level]++;
	if (doctor->json) {
		say_json(doctor, level, remedy, text);
		return;
	}
	if (doctor->quiet && level < LEVEL_WARN)
		return;
	snprintf(mark, sizeof(mark), "[%s]", level_names[level]);
	printf("%-6s %-15s %s\n", mark, doctor->check, text);
	if (remedy)
		printf("       %15s do: %s\n", "", remedy);
}

static void check_all(struct doctor *doctor)
{
	if (doctor->json)
		printf("{\"schema\":1,\"tool\":\"agnocast-doctor\",\"version\":\"" AGNOCAST_VERSION
		       "\",\"time\":%llu,\"checks\":[", (unsigned long long)clock_ns(CLOCK_REALTIME));
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (doctor->pid && !checks[i].for_pid)
			continue;
		doctor->check = checks[i].name;
		checks[i].run(doctor);
		fflush(stdout);
	}
	if (doctor->json)
		printf("],\"failures\":%u,\"warnings\":%u,\"ok\":%u,\"skipped\":%u}\n",
		       doctor->count[LEVEL_FAIL], doctor->count[LEVEL_WARN],
		       doctor->count[LEVEL_OK], doctor->count[LEVEL_SKIP]);
	else
		printf("%u failures, %u warnings, %u ok, %u skipped\n", doctor->count[LEVEL_FAIL],
		       doctor->count[LEVEL_WARN], doctor->count[LEVEL_OK],
		       doctor->count[LEVEL_SKIP]);
}

static int verdict(const struct doctor *doctor)
{
	if (doctor->count[LEVEL_FAIL])
		return 2;
	return doctor->count[LEVEL_WARN] ? 1 : 0;
}

static void row_error(char *out, size_t len, const struct cause_row *row)
{
	const struct agnocast_event event = {
		.call = row->call, .odd = row->odd,
		.result = row->call == AGNOCAST_CALL_SIGNAL ? row->error : -row->error,
	};

	cause_error(out, len, &event);
}

static void explain_row(struct json *json, const struct cause_row *row, const char *error)
{
	struct cause cause;

	cause_describe(&cause, row);
	if (!json) {
		printf("%s %s: %s\n  do: %s\n", cause_call(row->call), error, cause.why,
		       cause.remedy);
		return;
	}
	json_open(json);
	json_string(json, "cause", cause.id);
	json_string(json, "call", cause_call(row->call));
	json_string(json, "error", error);
	json_string(json, "why", cause.why);
	json_string(json, "do", cause.remedy);
	json_close(json);
}

/* All rows of an errno, a signal or a call; its number does as well. */
static int explain(const char *what, bool as_json)
{
	struct json json = { .out = stdout, .first = true };
	const struct cause_row *rows;
	size_t count = cause_rows(&rows), found = 0;
	char *end;
	long number = strtol(what, &end, 10);
	bool is_number = end != what && !*end;

	if (as_json) {
		json_open(&json);
		json_number(&json, "schema", 1);
		json_string(&json, "tool", "agnocast-doctor");
		json_open_list(&json, "causes");
	}
	for (size_t i = 0; i < count; i++) {
		char error[32];

		row_error(error, sizeof(error), &rows[i]);
		if (strcasecmp(what, error) && strcasecmp(what, cause_call(rows[i].call)) &&
		    strcasecmp(what, rows[i].id) &&
		    !(is_number && rows[i].call != AGNOCAST_CALL_SIGNAL && rows[i].error == number))
			continue;
		found++;
		explain_row(as_json ? &json : NULL, &rows[i], error);
	}
	if (as_json) {
		json_close_list(&json);
		json_close(&json);
		putchar('\n');
	}
	if (!found)
		command_wrong("doctor", "nothing is known of '%s'; try EEXIST, ENOMEM, EAGAIN, "
			      "SIGBUS, SIGSEGV, or a call: shm_open, mmap, mq_open", what);
	return EX_OK;
}

static int diagnose(struct doctor *doctor, bool cleaning, bool ask)
{
	int status;

	doctor->version = (struct agnocast_version){
		.sessions_max = AGNOCAST_SESSIONS_MAX, .window_base = AGNOCAST_WINDOW_BASE,
		.area_size = AGNOCAST_AREA_SIZE,
	};
	machine_read(&doctor->machine, &doctor->version);
	if (cleaning) {
		char why[MODEL_SENTENCE];

		doctor->there = !source_registry_open(&doctor->source, doctor->registry, why,
						      sizeof(why)) &&
				!source_registry_fill(&doctor->source, &doctor->model);
		if (!doctor->there)
			fprintf(stderr, "agnocast doctor: %s; only what nobody has open is "
				"removed\n", why);
		status = clean(doctor, ask);
	} else {
		check_all(doctor);
		status = verdict(doctor);
	}
	source_registry_close(&doctor->source);
	model_clear(&doctor->model);
	return status;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option table[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		{ "yes", no_argument, NULL, 'y' },
		{ "explain", required_argument, NULL, 'E' },
		{ "clean", no_argument, NULL, 'C' },
		{ "registry", required_argument, NULL, 'R' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	static struct doctor doctor;
	const char *what = NULL;
	bool cleaning = false, ask = true;
	int c;

	doctor.registry = command_registry();
	while ((c = getopt_long(argc, argv, "p:qjyhV", table, NULL)) != -1) {
		switch (c) {
		case 'p': command_pids("doctor", optarg, &doctor.pid, 1); break;
		case 'q': doctor.quiet = true; break;
		case 'j': doctor.json = true; break;
		case 'y': ask = false; break;
		case 'E': what = optarg; break;
		case 'C': cleaning = true; break;
		case 'R': doctor.registry = optarg; break;
		case 'h': fputs(usage_text, stdout); return EX_OK;
		case 'V': command_version();
		default: return EX_USAGE;
		}
	}
	if (optind < argc)
		command_wrong("doctor", "'%s' is not expected", argv[optind]);
	return what ? explain(what, doctor.json) : diagnose(&doctor, cleaning, ask);
}
