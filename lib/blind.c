/* SPDX-License-Identifier: BSD-2-Clause */
/* blind.c - processes that cannot see what this one holds */

#include "blind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uapi/agnocast.h>

#include "area.h"
#include "log.h"
#include "start.h"

#define LIST_PAGE 64u	/* mappings asked for at once */

struct blind {
	uint64_t session;
	uint32_t pid;
	bool	acknowledged;
};

static struct blind *blinds;	/* the participant lock */
static uint32_t blinds_count;

static const struct blind *find(const struct blind *in, uint32_t count, uint64_t session)
{
	for (uint32_t i = 0; i < count; i++)
		if (in[i].session == session)
			return &in[i];
	return NULL;
}

bool blind_any(void)
{
	return blinds_count;
}

bool blind_is(uint64_t session)
{
	return find(blinds, blinds_count, session);
}

static int keep(struct blind **list, uint32_t *count, const struct agnocast_mapping_info *info)
{
	struct blind *more = realloc(*list, (*count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	more[(*count)++] = (struct blind){
		.session = info->reader, .pid = info->reader_pid,
		.acknowledged = info->acknowledged,
	};
	*list = more;
	if (!blind_is(info->reader))
		log_line(AGNOCAST_LOG_ERROR, "pid %u cannot map the memory of this process (%s): "
			 "nothing of what it publishes is received here; its own log says what "
			 "is in the way", info->reader_pid, strerrordesc_np((int)info->error));
	return 0;
}

static int list_blind(struct agnocast_mapping_info *page, struct blind **list, uint32_t *count)
{
	struct agnocast_list args = {
		.what = AGNOCAST_LIST_MAPPINGS, .buf = (uintptr_t)page,
		.buf_len = LIST_PAGE * sizeof(*page),
	};
	int ret;

	do {
		args.cursor = args.next;
		ret = registry_client_call(&registry, AGNOCAST_LIST_CMD, &args);
		for (uint32_t i = 0; !ret && i < args.count; i++)
			if (page[i].owner == own_area.session && page[i].blind)
				ret = keep(list, count, &page[i]);
	} while (!ret && args.count);
	return ret;
}

static void tell_who_sees_again(const struct blind *now, uint32_t count)
{
	for (uint32_t i = 0; i < blinds_count; i++)
		if (!find(now, count, blinds[i].session))
			log_line(AGNOCAST_LOG_INFO, "pid %u is gone, or maps the memory of this "
				 "process now", blinds[i].pid);
}

int blind_refresh(void)
{
	struct agnocast_mapping_info *page = malloc(LIST_PAGE * sizeof(*page));
	struct blind *now = NULL;
	uint32_t count = 0;
	int ret = page ? list_blind(page, &now, &count) : -ENOMEM;

	free(page);
	if (ret) {
		free(now);
		return ret;
	}
	tell_who_sees_again(now, count);
	free(blinds);
	blinds = now;
	blinds_count = count;
	return 0;
}

uint32_t blind_acknowledge(bool (*reads)(uint64_t session))
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < blinds_count; i++) {
		struct agnocast_acknowledge args = { .reader = blinds[i].session };

		if (blinds[i].acknowledged)
			continue;
		/*
		 * What was released before this call is released for whoever hears of
		 * it: the registry's lock orders the two.
		 */
		blinds[i].acknowledged = !reads(blinds[i].session) &&
			!registry_client_call(&registry, AGNOCAST_ACKNOWLEDGE_CMD, &args);
		left += !blinds[i].acknowledged;
	}
	return left;
}
