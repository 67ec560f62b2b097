/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile.h - the tests of hostile.c and hostile_race.c, and what both use */
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

/* hostile_race.c */
void a_session_may_end_inside_its_own_commands(void);
void a_process_may_die_inside_its_commands(void);
void threads_race_on_one_session(void);
void joiners_killed_at_random(void);
void rmmod_while_others_list(void);

#endif /* AGNOCAST_TEST_HOSTILE_H */
