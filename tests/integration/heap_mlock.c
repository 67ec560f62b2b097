/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_mlock.c - a process that locks its memory, as real-time ones do
 *
 * It must work as without the library, under the same limit, and fill nobody's
 * holes: each area is 1 GiB of nearly nothing, then the heap. "publish" is a
 * publisher that waits for the end of its stdin; "early MIB" locks under that limit,
 * before the join, in a way that the library cannot see.
 */

#include <agnocast/agnocast.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "heap_test.h"

#define MIB ((size_t)1 << 20)
#define LIMIT (1024 * MIB)	/* more than this program is, less than its addresses */

struct publisher {
	pid_t	pid;
	int	in, out;
};

static uint64_t blocks_of(pid_t pid)
{
	struct stat st = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", pid);
	stat(name, &st);
	return (uint64_t)st.st_blocks * 512;
}

static size_t status_kib(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t kib = 0, len = strlen(field);
	char line[200];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len))
			kib = strtoul(line + len, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

static int publish(void)
{
	struct agnocast_publisher_options options = { .size = sizeof(options),
		.flags = AGNOCAST_QOS_TRANSIENT_LOCAL };
	struct agnocast_publisher *pub;
	int *value = malloc(sizeof(*value));
	char byte;

	*value = 42;
	if (agnocast_publisher_create("/mlock", &options, &pub) ||
	    agnocast_publisher_publish(pub, value, sizeof(*value)))
		return 1;
	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

static struct publisher start_publisher(void)
{
	struct publisher pub = { 0 };
	int in[2], out[2];
	char line[16] = "";

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		exit(2);
	pub.pid = vfork();
	if (!pub.pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl("/proc/self/exe", "heap_mlock", "publish", (char *)NULL);
		_exit(2);
	}
	close(in[0]);
	close(out[1]);
	pub.in = in[1];
	pub.out = out[0];
	check("publisher_starts", read(pub.out, line, sizeof(line)) == 6, "%s", line);
	return pub;
}

static void end_publisher(const char *name, struct publisher *pub)
{
	close(pub->in);
	check(name, wait_status(pub->pid) == 0, "status");
	close(pub->out);
}

static void read_from(const char *name, struct publisher *pub)
{
	struct agnocast_subscription_options options = { .size = sizeof(options),
		.flags = AGNOCAST_QOS_TRANSIENT_LOCAL };
	struct agnocast_subscription *sub = NULL;
	struct agnocast_message message = { 0 };
	int ret = agnocast_subscription_create("/mlock", &options, &sub);

	if (!ret)
		ret = agnocast_subscription_take(sub, 20000, &message);
	check(name, !ret && *(const int *)message.data == 42 && message.pid == (uint32_t)pub->pid,
	      "%d", ret);
	agnocast_message_release(&message);
	agnocast_subscription_destroy(sub);
}

/* From here on this process may not lock more; false: that is more than it may anyway. */
static bool limit_to(size_t bytes)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	struct rlimit limit = { bytes, bytes };

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return false;
	if (!syscall(SYS_capget, &head, caps)) {
		caps[0].effective &= ~(1U << CAP_IPC_LOCK);
		caps[0].permitted &= ~(1U << CAP_IPC_LOCK);
		syscall(SYS_capset, &head, caps);
	}
	return true;
}

static bool is_resident(void *p, size_t len)
{
	unsigned char pages[1024];

	if (mincore(p, len, pages))
		return false;
	for (size_t i = 0; i < len / 4096; i++)
		if (!(pages[i] & 1))
			return false;
	return true;
}

static void grow_locked(void)
{
	size_t before = status_kib("VmLck:");
	char *p;

	/* The library's thread may be mapping a peer, which counts for that moment. */
	for (int i = 0; i < 1000 && before > LIMIT / 1024; i++) {
		usleep(10000);
		before = status_kib("VmLck:");
	}
	p = aligned_alloc(4096, 24 * MIB);
	check("growth_is_locked", p && is_resident(p, 4 * MIB) &&
	      status_kib("VmLck:") >= before + 4096, "%zu KiB, then %zu", before,
	      status_kib("VmLck:"));
	free(p);
}

static size_t committed_and_locked(size_t bytes)
{
	size_t before = status_kib("VmLck:");
	char *p = malloc(bytes);

	if (p)
		memset(p, 1, bytes);
	return status_kib("VmLck:") - before;
}

/* A daemon forks, and locks its memory then. */
static void child_locks(void)
{
	pid_t pid = fork();

	if (!pid) {
		if (mlockall(MCL_CURRENT | MCL_FUTURE))
			_exit(1);
		_exit(committed_and_locked(8 * MIB) >= 8 << 10 ? 0 : 2);
	}
	check("child_locks_its_memory", !wait_status(pid), "it does not");
}

static int early(const char *mib)
{
	char *end;
	int status;

	limit_to(strtoul(mib, &end, 10) * MIB);
	syscall(SYS_mlockall, MCL_FUTURE);
	status = agnocast_status();
	munlockall();
	printf("%d %s\n", status, agnocast_reason());
	return 0;
}

int main(int argc, char **argv)
{
	struct publisher pub;
	uint64_t mine, its;
	int ret;

	if (argc > 1)
		return !strcmp(argv[1], "publish") ? publish() : early(argv[argc - 1]);
	free(malloc(1));
	find_area();
	if (!area.from)
		return !check("has_an_area", false, "%s", api_reason());
	child_locks();
	pub = start_publisher();
	read_from("reads_before", &pub);
	mine = blocks_of(getpid());
	its = blocks_of(pub.pid);
	if (!limit_to(LIMIT))
		printf("skip mlockall_under_a_limit: may not set the limit to 1 GiB here\n");
	ret = mlockall(MCL_CURRENT | MCL_FUTURE);
	check("mlockall_works", !ret, "%s", strerror(errno));
	check("own_holes_stay", blocks_of(getpid()) < mine + 16 * MIB, "%llu, then %llu",
	      (unsigned long long)mine, (unsigned long long)blocks_of(getpid()));
	grow_locked();
	read_from("reads_a_locked_process", &pub);
	check("holes_of_others_stay", blocks_of(pub.pid) < its + 16 * MIB, "%llu, then %llu",
	      (unsigned long long)its, (unsigned long long)blocks_of(pub.pid));
	end_publisher("publisher_ends", &pub);

	/* Mapped while MCL_FUTURE is in force, and larger than the limit. */
	pub = start_publisher();
	its = blocks_of(pub.pid);
	check("an_area_is_larger_than_the_limit", area.to - area.from > LIMIT, "it is not");
	read_from("reads_a_new_peer", &pub);
	check("holes_of_a_new_peer_stay", blocks_of(pub.pid) < its + 16 * MIB, "%llu, then %llu",
	      (unsigned long long)its, (unsigned long long)blocks_of(pub.pid));
	end_publisher("second_publisher_ends", &pub);
	return failures != 0;
}
