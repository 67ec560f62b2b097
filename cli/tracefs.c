// SPDX-License-Identifier: BSD-2-Clause
/* tracefs.c - the numbers and formats of tracepoints */

#define _GNU_SOURCE
#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* A file of @tracepoint, as text that fits. 0 or -errno. */
static int read_file(int tracefs, const char *tracepoint, const char *file, char *text, size_t len)
{
	char path[128];
	ssize_t length;
	int fd, err;

	snprintf(path, sizeof(path), "events/%s/%s", tracepoint, file);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, len - 1);
	err = errno;
	close(fd);
	if (length <= 0)
		return length ? -err : -EIO;
	text[length] = '\0';
	return 0;
}

int tracefs_id(int tracefs, const char *tracepoint)
{
	char text[16];
	int ret = read_file(tracefs, tracepoint, "id", text, sizeof(text));

	return ret ? ret : atoi(text);
}

/* A line is "field:pid_t child_pid;	offset:44;	size:4;	signed:1;". */
int tracefs_offset(int tracefs, const char *tracepoint, const char *member)
{
	char text[4096], name[64];
	int ret = read_file(tracefs, tracepoint, "format", text, sizeof(text));
	const char *at;

	if (ret)
		return ret;
	snprintf(name, sizeof(name), " %s;", member);
	at = strstr(text, name);
	at = at ? strstr(at, "offset:") : NULL;
	return at ? atoi(at + strlen("offset:")) : -ENOENT;
}
