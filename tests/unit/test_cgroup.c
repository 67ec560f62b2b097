/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cgroup.c - what the memory cgroups allow, in trees of files that look like theirs */

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "cgroup.h"

#define MIB	(UINT64_C(1) << 20)
#define V2	"31 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1	"34 24 0:29 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"

static char root[] = "/tmp/agnocast-test-cgroup.XXXXXX";
static char file[512];

static void make_tree(void)
{
	cr_assert(mkdtemp(root));
}

static void remove_tree(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	cr_assert_eq(system(command), 0);
}

TestSuite(cgroup, .init = make_tree, .fini = remove_tree);

/* A file of the tree, and the directories on the way to it. */
__attribute__((format(printf, 2, 3)))
static void put(const char *path, const char *format, ...)
{
	char name[1024];
	va_list args;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", root, path);
	for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		mkdir(name, 0755);
	}
	f = fopen(name, "w");
	cr_assert(f, "%s", name);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

/* One group of version 2; @max 0: "max". Swap is not to be had. */
static void group(const char *dir, uint64_t max, uint64_t current, uint64_t cache)
{
	char path[512];

	snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.max", dir);
	if (max)
		put(path, "%" PRIu64 "\n", max);
	else
		put(path, "max\n");
	snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.current", dir);
	put(path, "%" PRIu64 "\n", current);
	snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.stat", dir);
	put(path, "anon 77\nfile 99\nshmem 5\ninactive_anon 3\ninactive_file %" PRIu64
	    "\nactive_file %" PRIu64 "\nunevictable 0\nslab_reclaimable 0\n", cache, cache);
	snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.swap.max", dir);
	put(path, "0\n");
	snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.swap.current", dir);
	put(path, "0\n");
}

static uint64_t room(void)
{
	file[0] = 0;
	return cgroup_room(root, 0, file, sizeof(file));
}

static void expect_room(uint64_t bytes, const char *where)
{
	uint64_t got = room();
	char name[512];

	snprintf(name, sizeof(name), "%s%s", root, where);
	cr_expect_eq(got, bytes, "%" PRIu64, got);
	cr_expect_str_eq(file, name);
}

static void expect_no_limit(void)
{
	uint64_t got = room();

	cr_expect_eq(got, UINT64_MAX, "%" PRIu64 " by %s", got, file);
}

Test(cgroup, nothing_to_be_seen_is_no_limit)
{
	expect_no_limit();
	put("proc/self/cgroup", "0::/a\n");
	expect_no_limit();
	put("proc/self/mountinfo", V2);
	expect_no_limit();
	put("proc/self/cgroup", "garbage\n:\n::\n\n");
	put("proc/self/mountinfo", "garbage - \n - cgroup2\n");
	expect_no_limit();
}

Test(cgroup, the_smallest_room_on_the_way_up_counts)
{
	put("proc/self/cgroup", "3:cpuset:/\n1:name=systemd:/x\n0::/robot.slice/node.service\n");
	put("proc/self/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n" V2);
	group("/robot.slice/node.service", 0, 50 * MIB, 0);
	group("/robot.slice", 0, 60 * MIB, 0);
	expect_no_limit();
	group("/robot.slice", 100 * MIB, 60 * MIB, 0);
	expect_room(40 * MIB, "/sys/fs/cgroup/robot.slice/memory.max");
	group("/robot.slice/node.service", 200 * MIB, 50 * MIB, 0);
	expect_room(40 * MIB, "/sys/fs/cgroup/robot.slice/memory.max");
	group("/robot.slice/node.service", 70 * MIB, 50 * MIB, 0);
	expect_room(20 * MIB, "/sys/fs/cgroup/robot.slice/node.service/memory.max");
}

Test(cgroup, what_can_be_dropped_is_room)
{
	put("proc/self/cgroup", "0::/a\n");
	put("proc/self/mountinfo", V2);
	group("/a", 100 * MIB, 100 * MIB, 10 * MIB);
	expect_room(20 * MIB, "/sys/fs/cgroup/a/memory.max");
	group("/a", 100 * MIB, 130 * MIB, 0);
	expect_room(0, "/sys/fs/cgroup/a/memory.max");
}

Test(cgroup, another_process_may_be_in_another_group)
{
	put("proc/self/cgroup", "0::/a\n");
	put("proc/77/cgroup", "0::/b\n");
	put("proc/self/mountinfo", V2);
	group("/a", 100 * MIB, 30 * MIB, 0);
	group("/b", 100 * MIB, 60 * MIB, 0);
	expect_room(70 * MIB, "/sys/fs/cgroup/a/memory.max");
	cr_expect_eq(cgroup_room(root, 77, file, sizeof(file)), 40 * MIB);
	cr_expect(strstr(file, "/b/memory.max"), "%s", file);
	cr_expect_eq(cgroup_room(root, 78, file, sizeof(file)), UINT64_MAX);
}

/* In a container: a name space of its own, or the host's names and a part of the tree. */
Test(cgroup, a_container_has_the_limit_at_the_mount_point)
{
	put("proc/self/cgroup", "0::/\n");
	put("proc/self/mountinfo", V2);
	group("", 100 * MIB, 30 * MIB, 0);
	expect_room(70 * MIB, "/sys/fs/cgroup/memory.max");
	put("proc/self/cgroup", "0::/docker/0123\n");
	put("proc/self/mountinfo",
	    "31 24 0:26 /docker/0123 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
	expect_room(70 * MIB, "/sys/fs/cgroup/memory.max");
	group("/sub", 100 * MIB, 50 * MIB, 0);
	put("proc/self/cgroup", "0::/docker/0123/sub\n");
	expect_room(50 * MIB, "/sys/fs/cgroup/sub/memory.max");
	put("proc/self/cgroup", "0::/docker/01234\n");
	expect_room(70 * MIB, "/sys/fs/cgroup/memory.max");
	put("proc/self/cgroup", "0::/../../elsewhere\n");
	expect_room(70 * MIB, "/sys/fs/cgroup/memory.max");
}

Test(cgroup, version_1_has_other_names)
{
	struct sysinfo info;

	put("proc/self/cgroup", "6:name=memory:/no\n4:cpu,memory:/a\n0::/b\n");
	put("proc/self/mountinfo", V2 V1);
	put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "%" PRIu64 "\n", 100 * MIB);
	put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "%" PRIu64 "\n", 80 * MIB);
	put("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 7\ntotal_inactive_file %" PRIu64
	    "\ntotal_active_file %" PRIu64 "\n", 5 * MIB, 6 * MIB);
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("sys/fs/cgroup/memory/memory.usage_in_bytes", "%" PRIu64 "\n", 90 * MIB);
	put("proc/78/cgroup", "4:cpu,memory:/\n");
	cr_expect_eq(cgroup_room(root, 78, file, sizeof(file)), UINT64_MAX);
	put("sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes", "%" PRIu64 "\n", 100 * MIB);
	put("sys/fs/cgroup/memory/a/memory.memsw.usage_in_bytes", "%" PRIu64 "\n", 85 * MIB);
	sysinfo(&info);
	expect_room((info.freeswap ? 26 : 31) * MIB,
		    "/sys/fs/cgroup/memory/a/memory.limit_in_bytes");
}
