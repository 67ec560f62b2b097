/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c - what the environment asks of the library
 *
 * Every refusal is one sentence that names the variable, quotes the value and
 * says what to do. Values are foreign text: cut short, printable bytes only.
 */

#define _GNU_SOURCE 1
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define SHOWN	40	/* bytes of a value that a sentence quotes */
#define EXAMPLE	"set it to the memory that messages need, for example MEMPOOL_SIZE=64M"

struct shown {
	char	text[SHOWN + 4];
};

static struct shown show(const char *value)
{
	struct shown shown = { "" };
	size_t i;

	for (i = 0; i < SHOWN && value[i]; i++)
		shown.text[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '?';
	if (value[i])
		strcpy(shown.text + i, "...");
	return shown;
}

const char *config_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

/* How far a suffix shifts, or -1. */
static int suffix_shift(const char *suffix)
{
	static const char *const known[] = { "", "k", "M", "G" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(suffix, known[i]))
			return 10 * i;
	return strcmp(suffix, "K") ? -1 : 10;
}

/* The digits at *@text, which moves behind them; UINT64_MAX if too many. */
static uint64_t digits(const char **text)
{
	uint64_t number = 0;

	for (; **text >= '0' && **text <= '9'; ++*text)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, **text - '0', &number))
			number = UINT64_MAX;
	return number;
}

int config_size(const char *name, const char *value, uint64_t *bytes,
		char *why, size_t len)
{
	struct shown shown = show(value);
	const char *end = value;
	uint64_t number;
	int shift;

	if (value[0] == '-' && value[1] >= '0' && value[1] <= '9') {
		snprintf(why, len, "%s=%s is negative: give a size in bytes, more than 0",
			 name, shown.text);
		return -EINVAL;
	}
	if (value[0] < '0' || value[0] > '9') {
		snprintf(why, len, "%s=\"%s\" is not a number: give bytes, or a number "
			 "followed by k, M or G", name, shown.text);
		return -EINVAL;
	}
	number = digits(&end);
	shift = suffix_shift(end);
	if (shift < 0) {
		snprintf(why, len, "%s=\"%s\" ends in something unknown: give bytes, or "
			 "a number followed by k, M or G", name, shown.text);
		return -EINVAL;
	}
	if (!number) {
		snprintf(why, len, "%s=%s leaves no memory at all: give a size in bytes, "
			 "more than 0", name, shown.text);
		return -EINVAL;
	}
	*bytes = number > UINT64_MAX >> shift ? UINT64_MAX : number << shift;
	return 0;
}

int config_sched(const char *name, const char *value, int *policy, int *priority,
		 char *why, size_t len)
{
	struct shown shown = show(value);
	const char *at = value;
	uint64_t number = 0;

	if (!strcmp(value, "other")) {
		*policy = SCHED_OTHER;
		*priority = 0;
		return 0;
	}
	*policy = !strncmp(value, "fifo:", 5) ? SCHED_FIFO : SCHED_RR;
	at += *policy == SCHED_FIFO ? 5 : strncmp(value, "rr:", 3) ? 0 : 3;
	if (at != value)
		number = digits(&at);
	if (*at || number < 1 || number > 99) {
		snprintf(why, len, "%s=\"%s\" is no way to schedule a thread: give fifo:N or "
			 "rr:N with a priority N from 1 to 99, or other", name, shown.text);
		return -EINVAL;
	}
	*priority = (int)number;
	return 0;
}

static int read_switch(char *const *env, const char *name, bool *on,
		       char *why, size_t len)
{
	const char *value = config_get(env, name);
	struct shown shown;

	if (!value || !*value || !strcmp(value, "0"))
		return 0;
	if (!strcmp(value, "1")) {
		*on = true;
		return 0;
	}
	shown = show(value);
	snprintf(why, len, "%s=\"%s\" is neither 0 nor 1", name, shown.text);
	return -EINVAL;
}

static int read_mempool_size(struct config *config, char *const *env,
			     char *why, size_t len)
{
	const char *value = config_get(env, "MEMPOOL_SIZE");
	uint64_t bytes, rest;
	int ret;

	if (!value || !*value) {
		snprintf(why, len, "MEMPOOL_SIZE is %s: " EXAMPLE,
			 value ? "empty" : "not set");
		return -EINVAL;
	}
	ret = config_size("MEMPOOL_SIZE", value, &bytes, why, len);
	if (ret)
		return ret;
	rest = bytes % CONFIG_ROUND;
	if (rest && __builtin_add_overflow(bytes, CONFIG_ROUND - rest, &bytes))
		bytes = UINT64_MAX;
	config->mempool_size = bytes;
	return 0;
}

int config_read(struct config *config, char *const *env, char *why, size_t len)
{
	const char *value;
	int ret;

	memset(config, 0, sizeof(*config));
	config->thread_policy = -1;
	ret = read_switch(env, "AGNOCAST_STRICT", &config->strict, why, len);
	if (ret)
		return ret;
	ret = read_mempool_size(config, env, why, len);
	if (ret)
		return ret;
	ret = read_switch(env, "AGNOCAST_PREFAULT", &config->prefault, why, len);
	if (!ret)
		ret = read_switch(env, "AGNOCAST_HEAP_CHECK", &config->heap_check, why, len);
	if (!ret)
		ret = read_switch(env, "AGNOCAST_HUGEPAGES", &config->huge_pages, why, len);
	if (ret)
		return ret;
	value = config_get(env, "AGNOCAST_MEMPOOL_MAX");
	if (value && *value)
		ret = config_size("AGNOCAST_MEMPOOL_MAX", value, &config->mempool_max,
				  why, len);
	value = config_get(env, "AGNOCAST_THREAD_SCHED");
	if (!ret && value && *value)
		ret = config_sched("AGNOCAST_THREAD_SCHED", value, &config->thread_policy,
				   &config->thread_priority, why, len);
	value = config_get(env, "AGNOCAST_REGISTRY");
	if (value && *value)
		config->registry = value;
	return ret;
}

int config_fit(struct config *config, char *const *env, uint64_t heap,
	       char *why, size_t len)
{
	const char *size = config_get(env, "MEMPOOL_SIZE");
	const char *max = config_get(env, "AGNOCAST_MEMPOOL_MAX");
	struct shown shown = show(size ? size : ""), shown_max = show(max ? max : "");

	if (config->mempool_size > heap) {
		snprintf(why, len, "MEMPOOL_SIZE=%s is more than the %llu bytes of address "
			 "space that the registry gives each heap: lower it, or start the "
			 "registry with larger areas", shown.text, (unsigned long long)heap);
		return -EINVAL;
	}
	if (config->mempool_max && config->mempool_max < config->mempool_size) {
		snprintf(why, len, "AGNOCAST_MEMPOOL_MAX=%s is less than MEMPOOL_SIZE=%s: "
			 "raise it or unset it", shown_max.text, shown.text);
		return -EINVAL;
	}
	if (!config->mempool_max || config->mempool_max > heap)
		config->mempool_max = heap;
	return 0;
}
