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
#include <time.h>
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

u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
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
	const char *path = NULL;
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

/* Of two times to wait, ms; -1 is for ever. */
static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int loop(void)
{
	struct epoll_event events[64];

	while (!agnocastd.stop) {
		int i, n = epoll_wait(agnocastd.epoll, events, 64,
				      sooner(heirs_check(), members_check()));

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

static const char *why_not_taken(int err)
{
	switch (err) {
	case -E2BIG:
		return "more than one (LISTEN_FDS is not 1)";
	case -EPROTOTYPE:
		return "not a listening Unix socket of type SOCK_SEQPACKET "
		       "(ListenSequentialPacket= in the unit)";
	case -EADDRNOTAVAIL:
		return "one without a path in the file system";
	default:
		return strerror(-err);
	}
}

/* Locks the place, then listens there. Exits if that cannot be. */
static int listen_or_exit(const char *wanted, char *path, size_t len)
{
	int fd = listener_handed_over(path, len), ret;

	if (fd < 0 && fd != -ENOENT) {
		log_problem("the service manager's socket is %s", why_not_taken(fd));
		exit(69);
	}
	if (fd < 0 && strscpy(path, wanted ? wanted : AGNOCAST_SOCKET, len) < 0) {
		log_problem("--socket: the path is longer than %zu bytes", len - 1);
		exit(64);
	}
	listener_prepare(path);
	ret = ledger_open(path);
	if (ret && ret != -EADDRINUSE)
		log_problem("cannot use %s.ledger: %s; members will not be able to come "
			    "back if agnocastd is restarted", path, strerror(-ret));
	agnocastd.own_socket = fd < 0;
	if (fd < 0 && ret != -EADDRINUSE)
		fd = ret = listener_open(path);
	if (ret == -EADDRINUSE || fd < 0) {
		log_problem("cannot listen at %s: %s%s", path, strerror(-ret),
			    ret == -EADDRINUSE ? "; another agnocastd serves there" :
			    "; choose another place with --socket");
		exit(69);
	}
	return fd;
}

/* Wrong window options and a forbidden memfd show here, not at the first join. */
static struct world *world_or_exit(void)
{
	struct world *world;
	int ret;

	world = world_of(getpid(), &ret);
	if (world)
		return world;
	log_problem("cannot make a registry of %u areas of 0x%" PRIx64
		    " bytes at 0x%" PRIx64 ": %s", agnocastd.window.areas,
		    agnocastd.window.area_size, agnocastd.window.base,
		    ret == -EINVAL ? "areas are multiples of 1 GiB, at least 2 GiB, "
		    "and all below 0x800000000000" : strerror(-ret));
	exit(ret == -EINVAL ? 64 : 70);
}

int main(int argc, char **argv)
{
	const char *wanted = parse(argc, argv);
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
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
	world = world_or_exit();
	listener.fd = listen_or_exit(wanted, path, sizeof(path));
	heirs_find(path, world);
	ret = watch_add(&listener);
	if (!ret)
		ret = loop();
	if (agnocastd.own_socket)
		unlink(path);
	ledger_close();
	if (ret)
		log_problem("%s", strerror(-ret));
	return ret ? 70 : 0;
}
