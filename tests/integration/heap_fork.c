/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_fork.c - a forked child has its own copy, and its parent never notices
 *
 * The parent compares its bytes before and after; the child reads and writes
 * all it could before. With other threads, the child uses only what the
 * forking thread knows, as POSIX has it. Argument "failing": no child is made.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "heap_test.h"

#define BLOCKS	400
#define KEYS	100

struct block {
	unsigned char *bytes;
	size_t	size;
};

static struct block blocks[BLOCKS];

static unsigned char pattern(int block, size_t i)
{
	return (unsigned char)(block * 31 + (int)(i * 7) + (int)(i >> 8));
}

static void fill(void)
{
	for (int b = 0; b < BLOCKS; b++) {
		blocks[b].size = b % 50 ? (size_t)(b * 97 % 9000) + 1 : (size_t)2 << 20;
		blocks[b].bytes = malloc(blocks[b].size);
		for (size_t i = 0; i < blocks[b].size; i++)
			blocks[b].bytes[i] = pattern(b, i);
	}
}

/* How many blocks are not as they were filled. */
static int changed(void)
{
	int bad = 0;

	for (int b = 0; b < BLOCKS; b++)
		for (size_t i = 0; i < blocks[b].size; i++)
			if (blocks[b].bytes[i] != pattern(b, i)) {
				bad++;
				break;
			}
	return bad;
}

/* What a child does: read, write, free, allocate. 0 if all went well. */
static int ravage(void)
{
	if (changed())
		return 1;
	for (int b = 0; b < BLOCKS; b++)
		memset(blocks[b].bytes, 0xee, blocks[b].size);
	for (int b = 0; b < BLOCKS; b += 2)
		free(blocks[b].bytes);
	for (int i = 0; i < 2000; i++) {
		char *p = malloc((size_t)i * 9 + 1);

		if (!p)
			return 2;
		memset(p, 0xdd, (size_t)i * 9 + 1);
		if (i % 3)
			free(p);
	}
	for (int b = 1; b < BLOCKS; b += 2) {
		blocks[b].bytes = realloc(blocks[b].bytes, blocks[b].size * 2);
		if (!blocks[b].bytes || blocks[b].bytes[0] != 0xee)
			return 3;
	}
	return 0;
}

/* @child's status must be 0 and our bytes the same. */
static void judge(const char *name, pid_t child)
{
	int status = wait_status(child), bad = changed();

	check(name, !status && !bad, "child %d, %d blocks of the parent changed", status, bad);
}

static void simple(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(ravage());
	judge("child_has_a_copy", pid);
	free(malloc(1000));
}

static void nested(void)
{
	pid_t pid = fork();

	if (!pid) {
		pid_t inner = fork();
		int status;

		if (!inner)
			_exit(ravage());
		status = wait_status(inner);
		_exit(status ? 10 + status : changed() ? 20 : ravage());
	}
	judge("grandchild_has_a_copy", pid);
}

static void child_status(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(api_status() != -ECHILD || !strstr(api_reason(), "exec"));
	judge("child_is_told_to_exec", pid);
}

/* The child runs its destructors: the parent's names are not its own. */
static void child_exits(void)
{
	char name[64];
	pid_t pid;

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
	pid = fork();
	if (!pid)
		exit(0);
	judge("child_exits_in_good_order", pid);
	check("parent_keeps_its_name", !access(name, F_OK), "%s", strerror(errno));
	check("parent_is_still_a_member", api_status() == 0, "%s", api_reason());
}

/* Its own memory may be larger than what the parent had. */
static void child_grows(void)
{
	pid_t pid = fork();

	if (!pid) {
		char *p = malloc(100 << 20);

		if (!p)
			_exit(1);
		memset(p, 1, 100 << 20);
		free(p);
		_exit(ravage());
	}
	judge("child_grows", pid);
}

static void parent_writes_meanwhile(void)
{
	unsigned char *word = malloc(1);
	int go[2];
	pid_t pid;

	*word = 1;
	if (pipe(go))
		return;
	pid = fork();
	if (!pid) {
		char byte;

		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(*word != 1);
	}
	*word = 2;
	check("pipe_works", write(go[1], "", 1) == 1, "%s", strerror(errno));
	judge("child_does_not_see_later_writes", pid);
	free(word);
	close(go[0]);
	close(go[1]);
}

/* No handler of ours runs: the child must crash rather than write our memory. */
static void raw_clone(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		memset(blocks[1].bytes, 0, blocks[1].size);
		syscall(SYS_exit_group, 0);
	}
	check("raw_clone_crashes", wait_status(pid) == 1000 + SIGSEGV, "it did not");
	check("raw_clone_changes_nothing", !changed(), "%d blocks", changed());
}

static void *fork_here(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	*(int *)arg = wait_status(pid);
	return NULL;
}

/* On a stack from malloc, parent and child would share it: the child crashes instead. */
static void on_a_stack_in_the_heap(void)
{
	size_t size = 256 << 10;
	void *stack = aligned_alloc(4096, size);
	pthread_attr_t attr;
	pthread_t thread;
	int status = -1;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, size);
	if (!pthread_create(&thread, &attr, fork_here, &status))
		pthread_join(thread, NULL);
	check("child_on_a_stack_in_the_heap_crashes", status == 1000 + SIGSEGV, "%d", status);
	check("parent_on_a_stack_in_the_heap_lives", !changed(), "%d blocks", changed());
	pthread_attr_destroy(&attr);
	free(stack);
}

static void without_descriptors(void)
{
	pid_t pid;

	close_range(3, ~0U, 0);
	pid = fork();
	if (!pid)
		_exit(ravage());
	judge("child_has_a_copy_after_close_range", pid);
}

/* No pipe can be had for the parent to wait on. */
static void at_the_descriptor_limit(void)
{
	struct rlimit old, limit;
	pid_t pid;

	getrlimit(RLIMIT_NOFILE, &old);
	limit = (struct rlimit){ 3, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &limit);
	pid = fork();
	if (!pid)
		_exit(ravage());
	setrlimit(RLIMIT_NOFILE, &old);
	judge("child_has_a_copy_at_the_descriptor_limit", pid);
}

/* Neither descriptor nor name: the copy is made from the mapping. Last, since it stays so. */
static void without_file(void)
{
	char name[64];
	pid_t pid;

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
	unlink(name);
	close_range(3, ~0U, 0);
	pid = fork();
	if (!pid)
		_exit(ravage());
	judge("child_has_a_copy_without_the_file", pid);
}

/* As a server that forks for each request, many of them alive at once. */
static void storm(void)
{
	enum { ALIVE = 20 };
	int forks = scaled(150), alive = 0, bad = 0, status;

	for (int i = 0; i < forks; i++) {
		pid_t pid = fork();

		if (!pid) {
			free(blocks[i % BLOCKS].bytes);
			blocks[i % BLOCKS].bytes = malloc(blocks[i % BLOCKS].size);
			for (size_t k = 0; k < blocks[i % BLOCKS].size; k++)
				blocks[i % BLOCKS].bytes[k] = pattern(i % BLOCKS, k);
			_exit(changed() != 0);
		}
		bad += pid < 0;
		alive++;
		while (alive >= ALIVE || (alive && i == forks - 1)) {
			bad += wait(&status) < 0 || status;
			alive--;
		}
	}
	check("storm_of_forks", !bad && !changed(), "%d children bad, %d blocks", bad, changed());
}

/* fork, setsid, fork, and nothing open but what it reports through. */
static void daemonize(void)
{
	char result = 'x';
	int report[2];
	pid_t pid;

	if (pipe(report))
		return;
	pid = fork();
	if (!pid) {
		setsid();
		if (fork())
			_exit(0);
		dup2(report[1], 0);
		close_range(1, ~0U, 0);
		result = ravage() ? 'b' : 'g';
		_exit(write(0, &result, 1) != 1);
	}
	close(report[1]);
	check("daemon_has_a_copy", read(report[0], &result, 1) == 1 && result == 'g', "%c", result);
	close(report[0]);
	judge("parent_of_a_daemon", pid);
}

/* The sum of what lines of that name say in a file of /proc/self, in KiB. */
static size_t proc_kib(const char *file, const char *name)
{
	char line[512];
	size_t kib = 0, len = strlen(name);
	FILE *f = fopen(file, "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len))
			kib += strtoul(line + len, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

/* Bytes of this process's private memory in the area that may be written: what may count. */
static size_t opened(void)
{
	unsigned long from, to;
	char line[512], mode[8];
	size_t bytes = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && from >= area.from &&
		    to <= area.to && !strcmp(mode, "rw-p"))
			bytes += to - from;
	if (f)
		fclose(f);
	return bytes;
}

/* What was given back is no memory of the child's either, nor is it promised to it. */
static void holes(void)
{
	size_t size = (size_t)256 << 20;
	char *p = malloc(size);
	pid_t pid;

	memset(p, 1, size);
	free(p);
	malloc_trim(0);
	pid = fork();
	if (!pid) {
		size_t kib = proc_kib("/proc/self/status", "RssAnon:");

		_exit(!kib || kib > size / 1024 / 2 ? 1 : opened() > size / 2 ? 2 : 0);
	}
	judge("holes_are_not_copied", pid);
}

/* Nor is what is free and was not given back. */
static void free_memory(void)
{
	size_t size = (size_t)256 << 20;
	char *p = malloc(size);
	pid_t pid;

	memset(p, 1, size);
	free(p);
	pid = fork();
	if (!pid) {
		if (proc_kib("/proc/self/status", "RssAnon:") > size / 1024 / 2)
			_exit(1);
		p = calloc(1, size);
		for (size_t i = 0; i < size; i++)
			if (p[i])
				_exit(2);
		free(p);
		_exit(ravage());
	}
	judge("free_memory_is_not_copied", pid);
	malloc_trim(0);
}

/* As many mappings would be too many. */
static void many_holes(void)
{
	enum { PAGES = 6000 };
	static char *pages[PAGES];
	size_t size = 16 << 10;		/* a run of its own, whatever lies beside it */
	int bad = 0;
	pid_t pid;

	for (int i = 0; i < PAGES; i++) {
		pages[i] = malloc(size);
		*pages[i] = (char)i;
	}
	for (int i = 0; i < PAGES; i += 2)
		free(pages[i]);
	malloc_trim(0);
	pid = fork();
	if (!pid) {
		for (int i = 1; i < PAGES; i += 2)
			bad += *pages[i] != (char)i;
		for (int i = 0; i < PAGES && !bad; i += 2) {
			pages[i] = malloc(size);
			if (!pages[i])
				_exit(2);
			memset(pages[i], i, size);
		}
		_exit(bad ? 1 : ravage());
	}
	for (int i = 1; i < PAGES; i += 2)
		bad += *pages[i] != (char)i;
	check("parent_keeps_what_lies_between_holes", !bad, "%d bad", bad);
	judge("child_has_what_lies_between_holes", pid);
	for (int i = 1; i < PAGES; i += 2)
		free(pages[i]);
}

/* The child's memory is its own to give back. */
static void child_trims(void)
{
	size_t size = (size_t)64 << 20, before, after;
	pid_t pid = fork();

	if (!pid) {
		char *p = malloc(size);

		memset(p, 1, size);
		before = proc_kib("/proc/self/status", "RssAnon:");
		free(p);
		if (malloc_trim(0) != 1)
			_exit(1);
		after = proc_kib("/proc/self/status", "RssAnon:");
		if (after + (60 << 10) > before)
			_exit(2);
		p = calloc(1, size);
		for (size_t i = 0; i < size; i++)
			if (p[i])
				_exit(3);
		_exit(ravage());
	}
	judge("child_trims", pid);
}

/* Large enough that its memory is opened and closed each time. */
static void *trimming(void *arg)
{
	atomic_bool *done = arg;

	while (!*done) {
		char *p = malloc(1 << 20);

		memset(p, 1, 1 << 20);
		free(p);
		malloc_trim(0);
	}
	return arg;
}

/* A child that has threads of its own, and forks. */
static void nested_among_threads(void)
{
	static atomic_bool done;
	pid_t pid = fork();

	if (!pid) {
		pthread_t threads[2];
		int bad = 0;

		alarm(60);
		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, trimming, &done);
		for (int i = 0; i < scaled(50); i++) {
			pid_t inner = fork();

			if (!inner) {
				alarm(20);
				free(malloc(3 << 20));
				_exit(malloc_trim(0) < 0);
			}
			bad += wait_status(inner) != 0;
		}
		done = true;
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		_exit(bad ? 1 : ravage());
	}
	judge("grandchildren_of_a_child_with_threads", pid);
}

static atomic_bool stop;
static atomic_int hurt;
static pthread_key_t keys[KEYS];
static FILE *common;	/* all threads write to it: its lock is nearly always held */

static bool keys_are(uintptr_t owner)
{
	for (uintptr_t k = 0; k < KEYS; k++)
		if (pthread_getspecific(keys[k]) != (void *)(owner * 1000 + k))
			return false;
	return true;
}

/* Allocates, logs to a FILE of its own and to a common one, uses many keys. */
static void *busy(void *arg)
{
	FILE *own = fopen("/dev/null", "w");
	uintptr_t owner = (uintptr_t)arg;

	for (uintptr_t k = 0; k < KEYS; k++)
		pthread_setspecific(keys[k], (void *)(owner * 1000 + k));
	for (unsigned int i = 0; !stop; i++) {
		size_t size = i * 37 % 5000 + 1;
		unsigned char *p = malloc(size);

		memset(p, (int)i, size);
		fprintf(own, "%u %p\n", i, (void *)p);
		fprintf(common, "%u\n", i);
		for (size_t k = 0; k < size; k++)
			if (p[k] != (unsigned char)i) {
				hurt++;
				break;
			}
		free(p);
		if (!keys_are(owner))
			hurt++;
		if (i % 64 == 0)
			fclose(fopen("/dev/null", "r"));
	}
	fclose(own);
	return NULL;
}

static void *forker(void *arg)
{
	for (int i = 0; i < scaled(8); i++) {
		pid_t pid = fork();
		FILE *f;

		if (!pid) {
			f = fopen("/dev/null", "w");
			fprintf(f, "child %d\n", i);
			fclose(f);
			_exit(ravage());
		}
		if (wait_status(pid)) {
			hurt++;
			break;
		}
	}
	return arg;
}

static void among_threads(void)
{
	pthread_t threads[4], other;
	int bad;

	common = fopen("/dev/null", "w");
	for (int k = 0; k < KEYS; k++)
		pthread_key_create(&keys[k], NULL);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, busy, (void *)(i + 1));
	pthread_create(&other, NULL, forker, NULL);
	forker(NULL);
	pthread_join(other, NULL);
	stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	fclose(common);
	bad = changed();
	check("forks_among_busy_threads", !hurt && !bad, "%d hurt, %d blocks changed", hurt, bad);
}

static atomic_int signals;

static void on_signal(int number)
{
	blocks[0].bytes[0] ^= 1;	/* twice: as before */
	blocks[0].bytes[0] ^= 1;
	signals += number > 0;
}

static void in_a_storm_of_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	timer_t timer;
	struct itimerspec often = { { 0, 200000 }, { 0, 200000 } };
	int bad = 0;

	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, NULL, &timer))
		return;
	timer_settime(timer, 0, &often, NULL);
	for (int i = 0; i < scaled(8); i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(ravage());
		bad += wait_status(pid) != 0;
	}
	timer_delete(timer);
	check("forks_in_a_storm_of_signals", !bad && !changed() && signals > 0,
	      "%d children bad, %d blocks changed, %d signals", bad, changed(), signals);
}

/* From now on the kernel has no memory for children. */
static bool forbid_children(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_fork
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 2, 0),
#else
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Is the area again what no child inherits? */
static bool is_not_inherited(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false, not_copied = false;
	unsigned long from, to;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from == area.from;
		else if (here && !strncmp(line, "VmFlags:", 8))
			not_copied = strstr(line, " dc");
	}
	fclose(f);
	return not_copied;
}

static void no_child(const char *name)
{
	struct timespec before, after;
	pid_t pid;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &before);
	errno = 0;
	pid = fork();
	err = errno;
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (!pid)
		_exit(1);
	check(name, pid < 0 && err == ENOMEM && after.tv_sec - before.tv_sec < 4 && !changed(),
	      "pid %d, %s, %ld s, %d blocks changed", pid, strerror(err),
	      (long)(after.tv_sec - before.tv_sec), changed());
}

/* fork() that fails has changed nothing. */
static void failing(void)
{
	struct rlimit old, limit;
	atomic_bool done = false;
	pthread_t thread;
	int parents;

	pthread_create(&thread, NULL, trimming, &done);
	if (!check("forbids_children", forbid_children(), "%s", strerror(errno)))
		return;
	no_child("fork_fails");
	getrlimit(RLIMIT_NOFILE, &old);
	limit = (struct rlimit){ 3, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &limit);
	no_child("fork_fails_at_the_descriptor_limit");
	setrlimit(RLIMIT_NOFILE, &old);
	check("the_area_is_not_inherited_then", is_not_inherited(), "it is");
	check("is_a_member_then", api_status() == 0, "%s", api_reason());
	done = true;
	pthread_join(thread, NULL);
	parents = ravage();
	check("uses_its_heap_then", !parents, "%d", parents);
}

int main(int argc, char **argv)
{
	alarm(180);	/* a lock that was lost at a fork is a failure, not a hang */
	fill();
	find_area();
	if (!area.from)
		return !check("has_an_area", false, "%s", api_reason());
	if (argc > 1 && !strcmp(argv[1], "failing")) {
		failing();
		return failures != 0;
	}
	simple();
	nested();
	child_status();
	child_exits();
	child_grows();
	parent_writes_meanwhile();
	storm();
	daemonize();
	holes();
	free_memory();
	many_holes();
	child_trims();
	raw_clone();
	on_a_stack_in_the_heap();
	in_a_storm_of_signals();
	among_threads();
	nested_among_threads();
	at_the_descriptor_limit();
	without_descriptors();
	without_file();
	return failures != 0;
}
