// SPDX-License-Identifier: BSD-2-Clause
/* tracefs.c - the numbers of tracepoints */

#define _GNU_SOURCE
#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* fsopen(2) and friends by number: older C libraries lack the functions. */
static int mount_detached(void)
{
	int context = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	int mount = -1, err;

	if (context < 0)
		return -errno;
	if (!syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	err = errno;
	close(context);
	return mount < 0 ? -err : mount;
}

int tracefs_open(void)
{
	static const char *const paths[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	struct stat st;
	int err = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (!fstatat(fd, "events/syscalls", &st, 0))	/* access() would ignore capabilities */
			return fd;
		if (errno == EACCES)
			err = -EACCES;	/* mounted, but not for us */
		close(fd);
	}
	return err ? err : mount_detached();
}

int tracefs_id(int tracefs, const char *tracepoint)
{
	char path[128], text[16];
	ssize_t length;
	int fd, err;

	snprintf(path, sizeof(path), "events/%s/id", tracepoint);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text) - 1);
	err = errno;
	close(fd);
	if (length <= 0)
		return length ? -err : -EIO;
	text[length] = '\0';
	return atoi(text);
}
