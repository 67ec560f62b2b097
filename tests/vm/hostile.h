/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile.h - the tests of hostile*.c, and what they share */
#ifndef AGNOCAST_TEST_HOSTILE_H
#define AGNOCAST_TEST_HOSTILE_H

#include "../integration/registry_member.h"

#define PAGE 4096
#define PUB AGNOCAST_PUBLISHER_ADD_CMD
#define SUB AGNOCAST_SUBSCRIBER_ADD_CMD
#define UNPUB AGNOCAST_PUBLISHER_REMOVE_CMD
#define UNSUB AGNOCAST_SUBSCRIBER_REMOVE_CMD
#define REFUSED(call, err) CHECK((call) == -1 && errno == (err))

int open_device(int flags);
/* A count of records, at most 4, or -errno. */
int list_with(int fd);
/* NEW_SHM: 0 or -errno. */
int join_with(int fd, struct agnocast_new_shm *args);
/* In the caller's IPC namespace. */
size_t sessions(void);

/* With SIGKILL; it must not have ended by itself. */
void kill_one(pid_t pid);
void insert_module(const char *path);
/* Takes the names off the list that crashes leave. */
void clean_up(struct registry_client *observer);

/* hostile_stall.c */
void a_session_may_end_inside_its_own_commands(void);
void a_descriptor_may_be_closed_inside_its_own_commands(void);
void who_holds_an_inode_lock_delays_nobody_else(void);
void a_process_may_die_inside_its_commands(void);

/* hostile_race.c */
void threads_race_on_one_session(void);
void joiners_killed_at_random(void);
void rmmod_while_others_list(void);

#endif /* AGNOCAST_TEST_HOSTILE_H */
