/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon_life.c AGNOCASTD - starts, ends and starts again, and who is who after it
 *
 * Runs daemons of its own in a directory of its own. Members are processes
 * that speak the protocol themselves, so that they can claim what they like.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_talk.h"

#define NOBODY 65534
#define SOME_GROUP 54321

static const char *program;		/* agnocastd */
static char directory[64], socket_path[100], log_path[100];
static pid_t daemon_pid;
static int passed, failed, skipped;

static void result(const char *name, const char *problem)
{
	printf("%s %s%s%s\n", problem ? "not ok" : "ok", name, problem ? ": " : "",
	       problem ? problem : "");
	fflush(stdout);
	*(problem ? &failed : &passed) += 1;
}

static void skip(const char *name, const char *why)
{
	printf("skip %s: %s\n", name, why);
	skipped++;
}

/* NULL if @got is @wanted, else a sentence. */
static const char *expect(const char *what, int wanted, int got)
{
	static char text[200];

	if (got == wanted)
		return NULL;
	snprintf(text, sizeof(text), "%s: got %d, wanted %d", what, got, wanted);
	return text;
}

/* ---- daemons ---- */

static void redirect_log(void)
{
	int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(log, STDERR_FILENO);
	close(log);
}

static bool answers(void)
{
	struct agnocast_version version = { 0 };
	int conn = dial(), ret = conn < 0 ? conn : call(conn, AGNOCAST_VERSION_CMD, &version, -1, 0);

	if (conn >= 0)
		close(conn);
	return !ret;
}

static pid_t launch(void)
{
	pid_t pid = fork();

	if (!pid) {
		redirect_log();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--socket", socket_path, NULL);
		_exit(127);
	}
	return pid;
}

static void start_daemon(void)
{
	int64_t deadline = now_ms() + 5000;

	daemon_pid = launch();
	while (!answers() && now_ms() < deadline)
		usleep(2000);
}

static int end_daemon(pid_t pid, int sig)
{
	int status = -1;

	kill(pid, sig);
	waitpid(pid, &status, 0);
	return status;
}

static bool log_says(const char *words)
{
	char text[4096];
	int fd = open(log_path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, words);
}

/* ---- a member in a process of its own, which goes on when it is told to ---- */

struct other {
	pid_t	pid;
	int	to, from;
};

static int other_in = -1, other_out = -1;	/* in the other process */

/* In the other process: says @value, waits for the word to go on. */
static void say(int64_t value)
{
	char go;

	if (write(other_out, &value, sizeof(value)) != sizeof(value) ||
	    read(other_in, &go, 1) != 1)
		_exit(0);
}

static struct other start_other(void (*life)(void))
{
	struct other other;
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		abort();
	other.pid = fork();
	if (!other.pid) {
		close(to[1]);
		close(from[0]);
		other_in = to[0];
		other_out = from[1];
		life();
		unlink_area();
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	other.to = to[1];
	other.from = from[0];
	return other;
}

/* What it says next; -1000000 if nothing for 5 s or ever. */
static int64_t hear(struct other *other)
{
	int64_t value = -1000000;

	if (read(other->from, &value, sizeof(value)) != sizeof(value))
		value = -1000000;
	return value;
}

static void go_on(struct other *other)
{
	(void)!write(other->to, "", 1);
}

static bool leave_names;		/* for the daemon to remove */

static void end_other(struct other *other)
{
	char name[AGNOCAST_SHM_NAME_MAX];

	kill(other->pid, SIGKILL);
	waitpid(other->pid, NULL, 0);
	/* The daemon may be killed before it gets there. */
	snprintf(name, sizeof(name), "/agnocast@%d", other->pid);
	if (!leave_names)
		shm_unlink(name);
	close(other->to);
	close(other->from);
}

/* ---- who comes back as whom ---- */

/* What the victim was, for the impostor to claim. */
static struct shared {
	struct agnocast_new_shm shm;
	uint64_t generation;
} *victim;

static int rejoin(int conn, uint64_t session, uint64_t base, uint32_t slot)
{
	struct agnocast_rejoin args = { .session = session, .base = base, .slot = slot,
					.abi = AGNOCAST_ABI_VERSION };

	return call(conn, AGNOCAST_REJOIN_CMD, &args, -1, 0);
}

static int ready_again(int conn)
{
	struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 };
	char name[AGNOCAST_SHM_NAME_MAX];
	int fd, ret;

	snprintf(name, sizeof(name), "/agnocast@%d", getpid());
	fd = shm_open(name, O_RDWR, 0);
	ret = call(conn, AGNOCAST_AREA_READY_CMD, &args, fd, 1);
	close(fd);
	return ret;
}

static int add_again(int conn, uint64_t generation)
{
	struct agnocast_endpoint_add add = { .topic = "/heirs", .block = 4096, .depth = 1,
					     .again = generation };

	return call(conn, AGNOCAST_PUBLISHER_ADD_CMD, &add, -1, 0);
}

static void live_and_come_back(void)
{
	int conn = dial();

	say(join(conn, &victim->shm) ? -1 : add_publisher(conn, "/heirs", &victim->generation));
	close(conn);
	conn = dial();
	say(rejoin(conn, victim->shm.session, victim->shm.base, victim->shm.slot));
	say(ready_again(conn));
	say(add_again(conn, victim->generation));
	say(add_again(conn, victim->generation));
	say(add_again(conn, victim->generation + 1));
	say(0);
}

static void claim_to_be_the_victim(void)
{
	struct agnocast_new_shm own;
	int conn = dial();

	say(rejoin(conn, victim->shm.session, victim->shm.base, victim->shm.slot));
	say(rejoin(conn, victim->shm.session, victim->shm.base + victim->shm.base,
		   victim->shm.slot + 1));
	say(rejoin(conn, victim->shm.session - 1, victim->shm.base, victim->shm.slot));
	say(join(conn, &own));
	say(own.slot == victim->shm.slot);
	say(add_again(conn, victim->generation));
	say(0);
}

static const char *hear_all(struct other *other, const char *const what[], const int wanted[],
			    unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const char *problem = expect(what[i], wanted[i], (int)hear(other));

		if (problem)
			return problem;
		go_on(other);
	}
	return NULL;
}

static const char *impostor_is_refused(void)
{
	static const char *const what[] = {
		"another's session", "another's session at a free slot", "a free id",
		"a join", "at another's slot", "another's endpoint",
	};
	static const int wanted[] = { -EPERM, -EPERM, -EPERM, 0, 0, -EPERM };
	struct other impostor = start_other(claim_to_be_the_victim);
	const char *problem = hear_all(&impostor, what, wanted, 6);

	end_other(&impostor);
	return problem;
}

static const char *true_one_is_taken_back(struct other *true_one)
{
	static const char *const what[] = {
		"rejoin", "its area", "its endpoint", "its endpoint twice",
		"an endpoint it never had",
	};
	static const int wanted[] = { 0, 0, 0, -EEXIST, -EPERM };

	return hear_all(true_one, what, wanted, 5);
}

static void heirs(void)
{
	struct other true_one;
	const char *problem;
	int kill_twice;

	for (kill_twice = 0; kill_twice < 2; kill_twice++) {
		start_daemon();
		true_one = start_other(live_and_come_back);
		problem = expect("a member", 0, (int)hear(&true_one));
		end_daemon(daemon_pid, SIGKILL);
		start_daemon();
		result("an_impostor_is_refused", problem ? problem : impostor_is_refused());
		/* Even one who did not come back in between is remembered. */
		if (kill_twice) {
			end_daemon(daemon_pid, SIGTERM);
			start_daemon();
			result("an_impostor_is_refused_again", impostor_is_refused());
		}
		go_on(&true_one);
		result("the_true_one_is_taken_back", true_one_is_taken_back(&true_one));
		end_other(&true_one);
		end_daemon(daemon_pid, SIGKILL);
	}
}

static bool name_is_there(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/agnocast@%d", pid);
	return !access(path, F_OK);
}

static void be_a_member(void)
{
	struct agnocast_new_shm own;

	say(join(dial(), &own));
}

/* Who died while no daemon ran is forgotten, and so is the ledger in the end. */
static void dead_heirs(void)
{
	char ledger[120];
	struct other dead;
	const char *problem;

	start_daemon();
	dead = start_other(be_a_member);
	problem = expect("a member", 0, (int)hear(&dead));
	end_daemon(daemon_pid, SIGKILL);
	leave_names = true;
	end_other(&dead);
	leave_names = false;
	if (!problem && !name_is_there(dead.pid))
		problem = "nothing was left of the dead to begin with";
	start_daemon();
	if (!problem && name_is_there(dead.pid))
		problem = "its name is still there";
	result("names_of_dead_heirs_are_removed", problem);
	end_daemon(daemon_pid, SIGTERM);
	snprintf(ledger, sizeof(ledger), "%s.ledger", socket_path);
	result("an_empty_ledger_is_removed", access(ledger, F_OK) ? NULL : "it is there");
}

/* A ledger that others could have written is not read. */
static void forged_ledger(void)
{
	char ledger[120];

	snprintf(ledger, sizeof(ledger), "%s.ledger", socket_path);
	close(open(ledger, O_WRONLY | O_CREAT, 0600));
	chmod(ledger, 0666);
	start_daemon();
	result("a_ledger_that_others_may_write_is_refused",
	       !answers() ? "no answer" : log_says("come back") ? NULL : "not a word of it");
	end_daemon(daemon_pid, SIGTERM);
	unlink(ledger);
}

static void damaged_ledger(void)
{
	char ledger[120], noise[1000];
	int fd;

	snprintf(ledger, sizeof(ledger), "%s.ledger", socket_path);
	for (int round = 0; round < 2; round++) {
		struct { uint64_t words[4]; } first = { { 0x7265676465744341ULL, 32, 0, 0 } };

		fill_random(noise, sizeof(noise));
		fd = open(ledger, O_RDWR | O_CREAT | O_TRUNC, 0600);
		/* A good first line and noise behind it; then noise all over. */
		if (!round)
			(void)!write(fd, &first, sizeof(first));
		(void)!write(fd, noise, sizeof(noise));
		close(fd);
		start_daemon();
		result("a_damaged_ledger_does_no_harm", answers() ? NULL : "no answer");
		end_daemon(daemon_pid, SIGTERM);
	}
}

/* ---- rivals ---- */

static void rival(void)
{
	int status;
	pid_t second;

	start_daemon();
	second = launch();
	waitpid(second, &status, 0);
	result("a_second_daemon_gives_way",
	       !WIFEXITED(status) || WEXITSTATUS(status) != 69 ? "it did not exit with 69" :
	       !log_says("another agnocastd serves there") ? "it did not say why" :
	       answers() ? NULL : "the first one does not answer any more");
	/* The file is gone, the first one is not. */
	unlink(socket_path);
	second = launch();
	waitpid(second, &status, 0);
	result("even_if_the_socket_file_is_gone",
	       WIFEXITED(status) && WEXITSTATUS(status) == 69 ? NULL : "it did not exit with 69");
	end_daemon(daemon_pid, SIGTERM);
}

/* ---- half a session ---- */

static int sessions_now(void)
{
	struct agnocast_session_info info[8];
	int conn = dial(), n = list_of(conn, AGNOCAST_LIST_SESSIONS, info, sizeof(info));

	close(conn);
	return n;
}

static bool sessions_become(int wanted)
{
	int64_t deadline = now_ms() + 3000;

	while (sessions_now() != wanted && now_ms() < deadline)
		usleep(2000);
	return sessions_now() == wanted;
}

static void half_joined(void)
{
	struct agnocast_new_shm shm = { .abi = AGNOCAST_ABI_VERSION };
	const char *problem;
	int conn, other;

	start_daemon();
	conn = dial();
	problem = expect("NEW_SHM", 0, call(conn, AGNOCAST_NEW_SHM_CMD, &shm, -1, 0));
	for (int i = 0; i < 20 && !problem; i++) {
		other = dial();
		problem = expect("a look", 1, list_of(other, AGNOCAST_LIST_SESSIONS, NULL, 0) < 0);
		close(other);
	}
	/* Served in order: when this one is answered, the hang-ups have been seen. */
	if (!problem)
		problem = expect("sessions", 1, sessions_now());
	result("another_connection_does_not_end_a_half_joined_session", problem);
	problem = expect("NEW_SHM twice", -EEXIST, call(conn, AGNOCAST_NEW_SHM_CMD, &shm, -1, 0));
	result("a_second_join_is_refused_before_the_area_is_ready", problem);
	close(conn);
	result("its_own_connection_does", sessions_become(0) ? NULL : "the session is still there");
	end_daemon(daemon_pid, SIGTERM);
}

static void die_before_the_header(void)
{
	struct agnocast_new_shm shm = { .abi = AGNOCAST_ABI_VERSION };
	int ret = call(dial(), AGNOCAST_NEW_SHM_CMD, &shm, -1, 0);

	if (!ret && shm_open(shm.shm_name, O_RDWR | O_CREAT | O_EXCL, 0600) < 0)
		ret = -errno;
	say(ret);
}

static void died_early(void)
{
	int64_t deadline = now_ms() + 3000;
	const char *problem;
	struct other other;

	start_daemon();
	other = start_other(die_before_the_header);
	problem = expect("NEW_SHM and a name", 0, (int)hear(&other));
	leave_names = true;
	end_other(&other);
	leave_names = false;
	while (name_is_there(other.pid) && now_ms() < deadline)
		usleep(2000);
	result("an_empty_file_of_the_dead_is_removed",
	       problem ? problem : name_is_there(other.pid) ? "it is there" : NULL);
	end_daemon(daemon_pid, SIGTERM);
}

/* ---- who may read an area ---- */

static uint64_t open_session;

/* As NOBODY, with the one group. */
static void be_a_stranger(void)
{
	const gid_t group = SOME_GROUP;
	struct agnocast_new_shm own;
	int conn, ret;

	if (setgroups(1, &group) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		_exit(1);
	conn = dial();
	ret = join(conn, &own);
	unlink_area();
	say(ret);
	for (;;) {
		struct agnocast_fd args = { .session = open_session, .fd_in = -1 };

		say(call(conn, AGNOCAST_OPEN_AREA_CMD, &args, -1, 0));
	}
}

static void who_may_read(void)
{
	static const struct {
		const char *name;
		gid_t	group;
		mode_t	mode;
		int	wanted;
	} rows[] = {
		{ "another_user_may_not_read", 0, 0640, -EACCES },
		{ "nor_write_only", 0, 0642, -EACCES },
		{ "unless_everybody_may", 0, 0644, 0 },
		{ "or_a_group_of_its_own_may", SOME_GROUP, 0640, 0 },
		{ "unless_just_that_group_may_not", SOME_GROUP, 0604, -EACCES },
		{ "its_first_group_counts_too", NOBODY, 0640, 0 },
	};
	struct agnocast_new_shm shm;
	struct other stranger;
	char path[64];
	int ret;

	if (geteuid()) {
		skip("who_may_read_an_area", "only root can be somebody else");
		return;
	}
	start_daemon();
	chmod(directory, 0711);
	chmod(socket_path, 0666);
	ret = join(dial(), &shm);
	open_session = shm.session;
	snprintf(path, sizeof(path), "/dev/shm%s", shm.shm_name);
	stranger = start_other(be_a_stranger);
	result("a_stranger_may_join", expect("join", 0, ret ? ret : (int)hear(&stranger)));
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (chown(path, 0, rows[i].group) || chmod(path, rows[i].mode))
			break;
		go_on(&stranger);
		result(rows[i].name, expect("OPEN_AREA", rows[i].wanted, (int)hear(&stranger)));
	}
	end_other(&stranger);
	munmap((void *)(uintptr_t)shm.base, 4096);
	unlink_area();
	end_daemon(daemon_pid, SIGTERM);
}

/* ---- socket activation ---- */

static int listening(int type, int passcred, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	unlink(path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &passcred, sizeof(passcred));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 8))
		abort();
	return fd;
}

/* As a service manager does it: descriptor 3, LISTEN_PID, LISTEN_FDS. */
static pid_t activate(int fd, const char *count, bool for_it, const char *at)
{
	pid_t pid = fork();
	char number[16];

	if (pid)
		return pid;
	redirect_log();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd == 3)
		fcntl(3, F_SETFD, 0);
	else
		dup2(fd, 3);
	snprintf(number, sizeof(number), "%d", for_it ? getpid() : getppid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", count, 1);
	execl(program, program, at ? "--socket" : NULL, at, NULL);
	_exit(127);
}

static void activation(void)
{
	int fd = listening(SOCK_SEQPACKET, 1, socket_path), conn, status;
	struct agnocast_version version = { 0 };
	struct agnocast_new_shm shm;
	uint64_t generation;
	const char *problem;

	/* Somebody comes before there is a daemon, and asks. */
	conn = dial();
	daemon_pid = activate(fd, "1", true, NULL);
	close(fd);
	problem = expect("VERSION", 0, call(conn, AGNOCAST_VERSION_CMD, &version, -1, 0));
	result("an_activated_daemon_serves_who_came_before_it", problem);
	problem = expect("join", 0, join(conn, &shm));
	if (!problem)
		problem = expect("add", 0, add_publisher(conn, "/activated", &generation));
	result("and_takes_members", problem);
	munmap((void *)(uintptr_t)shm.base, 4096);
	close(conn);
	status = end_daemon(daemon_pid, SIGTERM);
	result("and_leaves_the_socket_where_it_is",
	       status ? "it failed" : access(socket_path, F_OK) ? "it is gone" : NULL);
	unlink_area();
	unlink(socket_path);
}

static void bad_activation(void)
{
	const struct {
		const char *name, *count, *says;
		int	type;
	} rows[] = {
		{ "a_stream_socket_is_refused", "1", "SOCK_SEQPACKET", SOCK_STREAM },
		{ "two_sockets_are_refused", "2", "more than one", SOCK_SEQPACKET },
	};
	int fd, status;

	for (unsigned int i = 0; i < 2; i++) {
		fd = listening(rows[i].type, 1, socket_path);
		waitpid(activate(fd, rows[i].count, true, NULL), &status, 0);
		close(fd);
		result(rows[i].name, !WIFEXITED(status) || WEXITSTATUS(status) != 69 ?
		       "it did not exit with 69" : log_says(rows[i].says) ? NULL :
		       "it did not say why");
	}
	unlink(socket_path);
	fd = listening(SOCK_SEQPACKET, 0, socket_path);
	daemon_pid = activate(fd, "1", true, NULL);
	close(fd);
	for (int i = 0; i < 1000 && !log_says("PassCredentials"); i++)
		usleep(5000);
	result("a_socket_without_credentials_is_mended",
	       !log_says("PassCredentials") ? "not a word of it" : answers() ? NULL : "no answer");
	end_daemon(daemon_pid, SIGTERM);
	unlink(socket_path);
	/* Meant for another process: it listens where it is told. */
	fd = open("/dev/null", O_RDONLY);
	daemon_pid = activate(fd, "1", false, socket_path);
	close(fd);
	for (int i = 0; i < 1000 && !answers(); i++)
		usleep(5000);
	result("what_is_meant_for_another_is_left_alone", answers() ? NULL : "no answer");
	end_daemon(daemon_pid, SIGTERM);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: daemon_life AGNOCASTD\n", stderr);
		return 64;
	}
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	strcpy(directory, "/tmp/agnocast-life.XXXXXX");
	if (!mkdtemp(directory))
		return 70;
	snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
	snprintf(log_path, sizeof(log_path), "%s/log", directory);
	daemon_socket = socket_path;
	victim = mmap(NULL, sizeof(*victim), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	heirs();
	dead_heirs();
	forged_ledger();
	damaged_ledger();
	rival();
	half_joined();
	died_early();
	who_may_read();
	activation();
	bad_activation();
	unlink(log_path);
	rmdir(directory);
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}
