/* SPDX-License-Identifier: BSD-2-Clause */
/* queue.c - /new_publisher@<pid>, by which a process hears of new peers */

#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>

#define QUEUE_NAME_MAX 32
#define QUEUE_LENGTH 4		/* small: RLIMIT_MSGQUEUE counts every slot */

static const char *queue_name(char name[QUEUE_NAME_MAX], uint32_t pid)
{
	snprintf(name, QUEUE_NAME_MAX, "/new_publisher@%u", pid);
	return name;
}

int queue_create(uint32_t pid)
{
	struct mq_attr attr = { .mq_maxmsg = QUEUE_LENGTH,
				.mq_msgsize = sizeof(struct queue_note) };
	const int flags = O_RDONLY | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC;
	char name[QUEUE_NAME_MAX];
	mqd_t fd = mq_open(queue_name(name, pid), flags, 0620, &attr);

	/* Left by a killed process whose pid is ours now. */
	if (fd < 0 && errno == EEXIST && !mq_unlink(name))
		fd = mq_open(name, flags, 0620, &attr);
	return fd < 0 ? -errno : (int)fd;
}

void queue_drain(int fd)
{
	struct queue_note note;

	while (mq_receive(fd, (char *)&note, sizeof(note), NULL) >= 0)
		;
}

void queue_unlink(uint32_t pid)
{
	char name[QUEUE_NAME_MAX];

	mq_unlink(queue_name(name, pid));
}

void queue_notify(uint32_t pid, const struct queue_note *note)
{
	char name[QUEUE_NAME_MAX];
	mqd_t fd = mq_open(queue_name(name, pid), O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Full: the reader is awake, and will look at everything. */
	mq_send(fd, (const char *)note, sizeof(*note), 0);
	mq_close(fd);
}
