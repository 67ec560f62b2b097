// SPDX-License-Identifier: GPL-2.0-only
/*
 * agnocastd - the registry for machines on which no module may be loaded
 *
 * The same core as the kernel module, behind a Unix socket. Stays in the
 * foreground: whoever starts it supervises it.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"

bool (*agk_alloc_fails)(void);

struct daemon agnocastd = {
	.window = {
		.base = AGNOCAST_WINDOW_BASE,
		.area_size = AGNOCAST_AREA_SIZE,
		.areas = AGNOCAST_SESSIONS_MAX,
	},
};

void log_problem(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("agnocastd: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int watch_add(struct watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };

	return epoll_ctl(agnocastd.epoll, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

void watch_remove(struct watch *watch)
{
	epoll_ctl(agnocastd.epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	close(watch->fd);
	watch->fd = -1;
}

static void usage(FILE *to)
{
	fputs("usage: agnocastd [--socket PATH] [--window-base ADDRESS]\n"
	      "                 [--area-size BYTES] [--areas N]\n\n"
	      "Serves the Agnocast registry until SIGTERM or SIGINT.\n\n"
	      "  --socket PATH          where to listen (" AGNOCAST_SOCKET ")\n"
	      "  --window-base ADDRESS  first address of all areas (0x180000000000)\n"
	      "  --area-size BYTES      address space of one process (0x400000000)\n"
	      "  --areas N              how many processes (1024)\n"
	      "  --help, --version\n", to);
}

static u64 number_or_exit(const char *option, const char *text)
{
	char *end;
	u64 value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-') {
		log_problem("%s: '%s' is no number; give bytes, 0x... for hex",
			    option, text);
		exit(64);
	}
	return value;
}

static const char *parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "window-base", required_argument, NULL, 'b' },
		{ "area-size", required_argument, NULL, 'z' },
		{ "areas", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = AGNOCAST_SOCKET;
	int c;

	while ((c = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (c) {
		case 's': path = optarg; break;
		case 'b': agnocastd.window.base = number_or_exit("--window-base", optarg); break;
		case 'z': agnocastd.window.area_size = number_or_exit("--area-size", optarg); break;
		case 'n': agnocastd.window.areas = number_or_exit("--areas", optarg); break;
		case 'h': usage(stdout); exit(0);
		case 'V': puts("agnocastd " AGNOCAST_VERSION); exit(0);
		default: usage(stderr); exit(64);
		}
	}
	if (optind < argc) {
		log_problem("'%s' is not expected; see --help", argv[optind]);
		exit(64);
	}
	return path;
}

/* A socket file without a listener is a leftover; one with is a rival. */
static int remove_leftover(const struct sockaddr_un *addr)
{
	int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int ret = connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;

	close(probe);
	if (!ret)
		return -EADDRINUSE;
	return ret == -ECONNREFUSED && unlink(addr->sun_path) ? -errno : 0;
}

static void make_parent(const char *path)
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

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, ret, on = 1;

	if (strscpy(addr.sun_path, path, sizeof(addr.sun_path)) < 0)
		return -ENAMETOOLONG;
	make_parent(path);
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
	chmod(path, 0660);
	return fd;
}

static void on_signal(struct watch *watch, unsigned int events)
{
	(void)watch;
	(void)events;
	agnocastd.stop = true;
}

static int watch_signals(struct watch *watch)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	watch->ready = on_signal;
	watch->fd = signalfd(-1, &set, SFD_CLOEXEC);
	return watch->fd < 0 ? -errno : watch_add(watch);
}

/* Three descriptors per member. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int loop(void)
{
	struct epoll_event events[64];

	while (!agnocastd.stop) {
		int i, n = epoll_wait(agnocastd.epoll, events, 64, heirs_check());

		if (n < 0 && errno != EINTR)
			return -errno;
		for (i = 0; i < n; i++) {
			struct watch *watch = events[i].data.ptr;

			/* Ended earlier in this round. */
			if (watch->fd >= 0)
				watch->ready(watch, events[i].events);
		}
		clients_reap();
		members_reap();
		corpses_look();
		heirs_reap();
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = parse(argc, argv);
	struct watch listener = { .ready = client_accept };
	struct watch signals;
	struct world *world;
	int ret;

	agnocastd.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (agnocastd.epoll < 0 || watch_signals(&signals)) {
		log_problem("cannot start: %s", strerror(errno));
		return 70;
	}
	raise_limit();
	agnocastd.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* Wrong window options and a forbidden memfd show here, not at the first join. */
	world = world_of(getpid(), &ret);
	if (!world) {
		log_problem("cannot make a registry of %u areas of 0x%" PRIx64
			    " bytes at 0x%" PRIx64 ": %s", agnocastd.window.areas,
			    agnocastd.window.area_size, agnocastd.window.base,
			    ret == -EINVAL ? "areas are multiples of 1 GiB, at least 2 GiB, "
			    "and all below 0x800000000000" : strerror(-ret));
		return ret == -EINVAL ? 64 : 70;
	}
	listener.fd = listen_at(path);
	if (listener.fd < 0 || watch_add(&listener)) {
		log_problem("cannot listen at %s: %s%s", path, strerror(-listener.fd),
			    listener.fd == -EADDRINUSE ?
			    "; another agnocastd serves there" :
			    "; choose another place with --socket");
		return 69;
	}
	heirs_find(path, world);
	ret = loop();
	unlink(path);
	if (ret)
		log_problem("%s", strerror(-ret));
	return ret ? 70 : 0;
}
