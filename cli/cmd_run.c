// SPDX-License-Identifier: BSD-2-Clause
/*
 * cmd_run.c - agnocast run: a command with its heap in shared memory
 *
 * Sets LD_PRELOAD and MEMPOOL_SIZE, and becomes the command. Where there is no
 * registry it starts an agnocastd for the command, waits, and stops it again.
 */

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../lib/config.h"
#include "../lib/registry_client.h"
#include "command.h"
#include "model.h"

#define NOT_FOUND	127
#define NOT_RUN		126
#define LIBRARY		"libagnocast.so"
#define START_MS	5000

static const char usage_text[] =
"usage: agnocast run [-m SIZE] [-M SIZE] [--strict] [--prefault]\n"
"                    [--registry WHERE] [--] COMMAND [ARGUMENT...]\n"
"\n"
"Runs COMMAND with libagnocast preloaded, so that its heap is shared memory. If\n"
"there is no registry, an agnocastd is started for it and stopped afterwards.\n"
"\n"
"  -m, --mempool SIZE   MEMPOOL_SIZE: bytes, or with k, M, G ($MEMPOOL_SIZE, else " COMMAND_MEMPOOL ")\n"
"  -M, --max SIZE       AGNOCAST_MEMPOOL_MAX: how far the heap may grow\n"
"      --strict         AGNOCAST_STRICT=1: end at the start if it can't take part\n"
"      --prefault       AGNOCAST_PREFAULT=1: touch the memory at the start\n"
"      --registry WHERE as in agnocast-top(8); it must be there\n"
"      --lib PATH       libagnocast.so ($AGNOCAST_LIB, else beside this program)\n"
"  -h, --help           this;  -V, --version\n"
"\n"
"Exit status: COMMAND's; 128 + N if signal N ended it; 64 wrong usage; 69 no\n"
"registry or no library; 77 the registry may not be opened; 126, 127 COMMAND\n"
"can't be run or found.\n";

struct run {
	const char	*registry, *library;
	char		library_path[PATH_MAX], socket[64], dir[48];
	pid_t		daemon, command;
};

static struct run run;

static int complain(int status, const char *what, int error)
{
	fprintf(stderr, "agnocast run: %s%s%s\n", what, error ? ": " : "",
		error ? strerror(error) : "");
	return status;
}

/* @name in one of @places relative to this program: installed, or in a build tree. */
static bool find_beside(char *path, const char *const *places, const char *name)
{
	char exe[PATH_MAX], *slash;
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (length <= 0)
		return false;
	exe[length] = '\0';
	slash = strrchr(exe, '/');
	*slash = '\0';
	for (; *places; places++) {
		int written = snprintf(path, PATH_MAX, "%s/%s/%s", exe, *places, name);

		if (written > 0 && written < PATH_MAX && !access(path, R_OK))
			return true;
	}
	return false;
}

static bool find_library(void)
{
	static const char *const places[] = {
		"../lib", "../lib/" MULTIARCH, "../lib64", "../../lib", NULL,
	};

	if (!run.library)
		run.library = getenv("AGNOCAST_LIB");
	if (!run.library && find_beside(run.library_path, places, LIBRARY))
		run.library = realpath(run.library_path, NULL);
	return run.library && !access(run.library, R_OK);
}

/* LD_PRELOAD splits at blanks and colons: such a path can't be said in it. */
static int preload(void)
{
	const char *before = getenv("LD_PRELOAD");
	char *value;

	if (strpbrk(run.library, " :"))
		return complain(EX_UNAVAILABLE, "the path of libagnocast.so has a blank or a "
				"colon, which LD_PRELOAD can't hold: install it elsewhere", 0);
	if (asprintf(&value, "%s%s%s", run.library, before && *before ? ":" : "",
		     before ? before : "") < 0)
		return complain(EX_OSERR, "environment", ENOMEM);
	setenv("LD_PRELOAD", value, 1);
	free(value);
	return 0;
}

/* Ends before main() without dynamic linking: nothing would be preloaded. */
static bool is_static(const char *path)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool elf = fd >= 0 && read(fd, &header, sizeof(header)) == sizeof(header) &&
		   !memcmp(header.e_ident, ELFMAG, SELFMAG) &&
		   header.e_ident[EI_CLASS] == ELFCLASS64;
	bool dynamic = !elf;

	for (unsigned int i = 0; elf && i < header.e_phnum; i++)
		if (pread(fd, &segment, sizeof(segment), (off_t)(header.e_phoff +
			  (uint64_t)i * header.e_phentsize)) == sizeof(segment))
			dynamic |= segment.p_type == PT_INTERP;
	if (fd >= 0)
		close(fd);
	return !dynamic;
}

/* Where execvp() would find it. */
static bool find_command(const char *name, char *path)
{
	const char *at = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return true;
	}
	for (at = at ? at : "/usr/bin:/bin"; *at; at += strcspn(at, ":"), at += *at == ':') {
		snprintf(path, PATH_MAX, "%.*s/%s", (int)strcspn(at, ":"), at, name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void warn_of_command(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (!find_command(name, path) || stat(path, &st))
		return;		/* execvp() will say so */
	if ((st.st_mode & (S_ISUID | S_ISGID)) && geteuid())
		fprintf(stderr, "agnocast run: %s is setuid or setgid: the loader ignores "
			"LD_PRELOAD for it\n", path);
	else if (is_static(path))
		fprintf(stderr, "agnocast run: %s is statically linked: nothing can be "
			"preloaded into it\n", path);
}

static int exec_command(char **command)
{
	int err;

	execvp(command[0], command);
	err = errno;
	return complain(err == ENOENT ? NOT_FOUND : NOT_RUN, command[0], err);
}

static bool answers(const char *where)
{
	struct registry_client client = { .fd = -1 };
	char why[MODEL_SENTENCE];

	if (registry_client_open(&client, where, why, sizeof(why)))
		return false;
	registry_client_close(&client);
	return true;
}

static void exec_daemon(const char *path)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0);			/* a Ctrl-C is the command's */
	execl(path, path, "--socket", run.socket, (char *)NULL);
	_exit(NOT_RUN);
}

static bool wait_for_daemon(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < START_MS / 10; i++) {
		if (!access(run.socket, F_OK) && answers(run.socket))
			return true;
		if (waitpid(run.daemon, NULL, WNOHANG) == run.daemon) {
			run.daemon = 0;
			return false;
		}
		nanosleep(&pause, NULL);
	}
	return false;
}

static void stop_daemon(void)
{
	if (run.daemon > 0) {
		kill(run.daemon, SIGTERM);
		waitpid(run.daemon, NULL, 0);
	}
	if (run.dir[0]) {
		unlink(run.socket);
		rmdir(run.dir);
	}
}

/* A registry of our own, in a directory that nobody else can write to. */
static int start_daemon(void)
{
	static const char *const places[] = {
		".", "../sbin", "../libexec/agnocast", "../tools", NULL,
	};
	char path[PATH_MAX];

	if (!find_beside(path, places, "agnocastd"))
		return complain(EX_UNAVAILABLE, "there is no registry, and no agnocastd beside "
				"this program to start one", 0);
	strcpy(run.dir, "/tmp/agnocast-run.XXXXXX");
	if (!mkdtemp(run.dir)) {
		run.dir[0] = '\0';
		return complain(EX_OSERR, "/tmp", errno);
	}
	snprintf(run.socket, sizeof(run.socket), "%s/socket", run.dir);
	run.daemon = fork();
	if (!run.daemon)
		exec_daemon(path);
	if (run.daemon > 0 && wait_for_daemon()) {
		setenv("AGNOCAST_REGISTRY", run.socket, 1);
		return 0;
	}
	stop_daemon();
	return complain(EX_UNAVAILABLE, "agnocastd does not start; see what it said", 0);
}

/* Somebody who ends us means the command. */
static void pass_on(int signal)
{
	if (run.command > 0)
		kill(run.command, signal);
}

static int wait_for_command(char **command)
{
	const struct sigaction pass = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	int status = 0;

	run.command = fork();
	if (!run.command)
		_exit(exec_command(command));
	if (run.command < 0)
		return complain(EX_OSERR, "fork", errno);
	sigaction(SIGTERM, &pass, NULL);
	sigaction(SIGHUP, &pass, NULL);
	sigaction(SIGINT, &ignore, NULL);	/* the terminal sends it to both */
	sigaction(SIGQUIT, &ignore, NULL);
	while (waitpid(run.command, &status, 0) < 0 && errno == EINTR)
		;
	run.command = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_with_daemon(char **command)
{
	int status = start_daemon();

	if (status)
		return status;
	status = wait_for_command(command);
	stop_daemon();
	return status;
}

/* With a registry there is nothing to wait for: become the command. */
static int run_command(char **command)
{
	struct registry_client client = { .fd = -1 };
	char why[MODEL_SENTENCE];
	int ret = registry_client_open(&client, run.registry, why, sizeof(why));

	warn_of_command(command[0]);
	if (!ret) {
		registry_client_close(&client);
		if (run.registry)
			setenv("AGNOCAST_REGISTRY", run.registry, 1);
		return exec_command(command);
	}
	if (ret == -ENODEV && !run.registry)
		return run_with_daemon(command);
	return complain(ret == -EACCES || ret == -EPERM ? EX_NOPERM : EX_UNAVAILABLE, why, 0);
}

static void set_size(const char *option, const char *variable, const char *value)
{
	char why[MODEL_SENTENCE];
	uint64_t ignored;

	if (config_size(variable, value, &ignored, why, sizeof(why)))
		command_wrong("run", "%s: %s", option, why);
	setenv(variable, value, 1);
}

static void parse(int argc, char **argv)
{
	enum { OPTION_STRICT = 256, OPTION_PREFAULT, OPTION_REGISTRY, OPTION_LIB };
	static const struct option table[] = {
		{ "mempool", required_argument, NULL, 'm' },
		{ "max", required_argument, NULL, 'M' },
		{ "strict", no_argument, NULL, OPTION_STRICT },
		{ "prefault", no_argument, NULL, OPTION_PREFAULT },
		{ "registry", required_argument, NULL, OPTION_REGISTRY },
		{ "lib", required_argument, NULL, OPTION_LIB },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *size = getenv("MEMPOOL_SIZE");
	int c;

	run.registry = command_registry();
	if (!size || !*size)
		setenv("MEMPOOL_SIZE", COMMAND_MEMPOOL, 1);
	while ((c = getopt_long(argc, argv, "+m:M:hV", table, NULL)) != -1) {
		switch (c) {
		case 'm': set_size("-m", "MEMPOOL_SIZE", optarg); break;
		case 'M': set_size("-M", "AGNOCAST_MEMPOOL_MAX", optarg); break;
		case OPTION_STRICT: setenv("AGNOCAST_STRICT", "1", 1); break;
		case OPTION_PREFAULT: setenv("AGNOCAST_PREFAULT", "1", 1); break;
		case OPTION_REGISTRY: run.registry = optarg; break;
		case OPTION_LIB: run.library = optarg; break;
		case 'h': fputs(usage_text, stdout); exit(EX_OK);
		case 'V': command_version();
		default: exit(EX_USAGE);
		}
	}
	if (optind == argc)
		command_wrong("run", "which command?");
}

int cmd_run(int argc, char **argv)
{
	int status;

	parse(argc, argv);
	if (!find_library())
		return complain(EX_UNAVAILABLE, "libagnocast.so is not where it should be: "
				"install it, or say where with --lib", 0);
	status = preload();
	return status ? status : run_command(argv + optind);
}
