/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_list.c - what the registry lists in this IPC namespace, one record a line
 *
 * For scripts: "session PID NAME READY ENDPOINTS", "topic NAME PUBLISHERS
 * SUBSCRIPTIONS", "mapping OWNER_PID READER_PID STATE PARTS ERROR OWNER_ALIVE",
 * "stale PID NAME".
 */

#include <stdio.h>
#include <stdlib.h>

#include "registry_member.h"

static void print_sessions(struct registry_client *client)
{
	struct records all = list_all(client, AGNOCAST_LIST_SESSIONS, 100);
	const struct agnocast_session_info *s = (void *)all.at;

	for (size_t i = 0; i < all.count; i++)
		printf("session %u %s %u %u\n", s[i].pid, s[i].shm_name, s[i].ready,
		       s[i].endpoints);
}

static void print_topics(struct registry_client *client)
{
	struct records all = list_all(client, AGNOCAST_LIST_TOPICS, 100);
	const struct agnocast_topic_info *t = (void *)all.at;

	for (size_t i = 0; i < all.count; i++)
		printf("topic %s %u %u\n", t[i].name, t[i].publishers, t[i].subscriptions);
}

static void print_mappings(struct registry_client *client)
{
	struct records all = list_all(client, AGNOCAST_LIST_MAPPINGS, 100);
	const struct agnocast_mapping_info *m = (void *)all.at;

	for (size_t i = 0; i < all.count; i++)
		printf("mapping %u %u %u %u %u %u\n", m[i].owner_pid, m[i].reader_pid,
		       m[i].state, m[i].parts, m[i].error, m[i].owner_alive);
}

static void print_stale(struct registry_client *client)
{
	struct records all = list_all(client, AGNOCAST_LIST_STALE, 100);
	const struct agnocast_stale_info *s = (void *)all.at;

	for (size_t i = 0; i < all.count; i++)
		printf("stale %u %s\n", s[i].pid, s[i].shm_name);
}

int main(void)
{
	struct registry_client client;

	observer_open(&client);
	print_sessions(&client);
	print_topics(&client);
	print_mappings(&client);
	print_stale(&client);
	return 0;
}
