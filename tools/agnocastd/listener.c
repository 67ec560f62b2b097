// SPDX-License-Identifier: GPL-2.0-only
/*
 * listener.c - the socket that we listen at: our own, or the service manager's
 *
 * A service manager hands its socket over as descriptor 3 and says so in
 * LISTEN_PID and LISTEN_FDS (sd_listen_fds(3)). Then the file is its, and is
 * neither made nor removed by us.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"

#define LISTEN_FDS_START 3

/* A socket file without a listener is a leftover; one with is a rival. */
static int remove_leftover(const struct sockaddr_un *addr)
{
	int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret = connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;

	close(probe);
	/* One whose queue is full is a listener, too. */
	if (!ret || ret == -EAGAIN)
		return -EADDRINUSE;
	return ret == -ECONNREFUSED && unlink(addr->sun_path) ? -errno : 0;
}

void listener_prepare(const char *path)
{
	char parent[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	strscpy(parent, path, sizeof(parent));
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = '\0';
		mkdir(parent, 0755);
	}
}

/* As the udev rule does for the device, where there is such a group. */
static void set_access(const char *path)
{
	struct group *group = geteuid() ? NULL : getgrnam("agnocast");

	if (group && chown(path, (uid_t)-1, group->gr_gid))
		log_problem("cannot give %s to the group agnocast: %s", path,
			    strerror(errno));
	chmod(path, 0660);
}

int listener_open(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, ret, on = 1;

	if (strscpy(addr.sun_path, path, sizeof(addr.sun_path)) < 0)
		return -ENAMETOOLONG;
	ret = remove_leftover(&addr);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Inherited by each connection: no packet comes without its sender's pid. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1024)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	set_access(path);
	return fd;
}

static int option_of(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

static int check_handed_over(int fd, char *path, size_t len)
{
	struct sockaddr_un addr = { 0 };
	socklen_t size = sizeof(addr);
	int on = 1;

	if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_SEQPACKET ||
	    option_of(fd, SO_ACCEPTCONN) != 1)
		return -EPROTOTYPE;
	/* An abstract name has no place for a ledger and no owner. */
	if (getsockname(fd, (struct sockaddr *)&addr, &size) || addr.sun_path[0] != '/')
		return -EADDRNOTAVAIL;
	/* What came without its sender's pid, nobody can be held to. */
	if (!option_of(fd, SO_PASSCRED))
		log_problem("%s was handed over without PassCredentials=yes: who asked "
			    "before now is refused", addr.sun_path);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))
		return -errno;
	return strscpy(path, addr.sun_path, len) < 0 ? -ENAMETOOLONG : fd;
}

int listener_handed_over(char *path, size_t len)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int ret = -ENOENT;

	/* They may be meant for an ancestor of ours. */
	if (pid && count && atoi(pid) == getpid())
		ret = strcmp(count, "1") ? -E2BIG :
		      check_handed_over(LISTEN_FDS_START, path, len);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return ret;
}
