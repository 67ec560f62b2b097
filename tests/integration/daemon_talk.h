/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon_talk.h - agnocastd's protocol, kept or broken at will
 *
 * Unlike lib/registry_client.c this can send what no client should.
 */
#ifndef DAEMON_TALK_H
#define DAEMON_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uapi/agnocast.h>

#define FDS_MAX 253		/* of one packet: the kernel's limit */
#define NO_REPLY (-1000)	/* hung up, or silent for 5 s */

extern const char *daemon_socket;
extern const uint32_t daemon_commands[19];

/* A connection, or -errno. */
int dial(void);
/* One packet, with the same descriptor attached @fds times. 0 or -errno. */
int send_packet(int conn, const void *packet, size_t len, int fd, int fds);
/* The result of the reply; *@body gets up to @len bytes behind it. */
int read_reply(int conn, void *body, size_t len);
/* A good request; @arg in and out, @len is the command's size. */
int call(int conn, uint32_t cmd, void *arg, int fd, int fds);

/* NEW_SHM, the area made and mapped, AREA_READY: a member in full. 0 or -errno. */
int join(int conn, struct agnocast_new_shm *shm);
/* Its names, which a process that is killed leaves to the daemon. */
void unlink_area(void);
int add_publisher(int conn, const char *topic, uint64_t *generation);
/* Records of a list, or -errno; *@buf gets up to @len bytes of them. */
int list_of(int conn, uint32_t what, void *buf, size_t len);

int64_t now_ms(void);
uint32_t any(uint32_t below);
void fill_random(void *buf, size_t len);

#endif /* DAEMON_TALK_H */
