// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_cause.c - one captured state for each row of the table of causes
 *
 * Pure: the states are made up here. That the kernel really produces them is
 * shown by tests/integration/trace.sh.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cause.h"

#define WINDOW		UINT64_C(0x180000000000)
#define GIB		(UINT64_C(1) << 30)
#define NOREPLACE	0x100001	/* MAP_SHARED | MAP_FIXED_NOREPLACE */

/* What differs from a healthy process on a healthy machine. */
struct state {
	const char	*id;
	const char	*says;		/* in .why */
	uint32_t	call;
	int		error;
	uint64_t	address, length, result;
	uint32_t	prot, flags, odd;
	uint64_t	map_count, total_pages, limit_as, locks_future, next_fd, limit_fsize;
	uint64_t	file_mode;	/* 0: both */
	uint64_t	vma_start, vma_end, vma_flags;
	const char	*vma_name;
	uint64_t	overcommit;
	bool		shm_full, no_inodes;
	struct cause_place place;
};

#define LIDAR .known = true, .owner_pid = 14671, .owner_comm = "lidar_driver"

static const struct state states[] = {
	{ "same-pid", "lidar_driver (pid 14671)", AGNOCAST_CALL_SHM_OPEN, EEXIST,
	  .place = { LIDAR } },
	{ "stale-area", "agnocast@77", AGNOCAST_CALL_SHM_OPEN, EEXIST },
	{ "other-shm", "lidar_driver (pid 14671)", AGNOCAST_CALL_SHM_OPEN, ENOENT,
	  .place = { LIDAR } },
	{ "owner-gone", "its owner has ended", AGNOCAST_CALL_SHM_OPEN, ENOENT,
	  .place = { .known = true } },
	{ "foreign-file", "protected_regular", AGNOCAST_CALL_SHM_OPEN, EACCES, .flags = O_CREAT },
	{ "no-right-to-read", "0640", AGNOCAST_CALL_SHM_OPEN, EACCES },
	{ "link-in-the-way", "symbolic link", AGNOCAST_CALL_SHM_OPEN, ELOOP },
	{ "no-descriptor", "left of 1024", AGNOCAST_CALL_SHM_OPEN, EMFILE, .next_fd = 1024 },
	{ "no-file-in-system", "fs.file-max", AGNOCAST_CALL_SHM_OPEN, ENFILE },
	{ "no-inode", "no inode", AGNOCAST_CALL_SHM_OPEN, ENOSPC, .no_inodes = true },
	{ "shm-full-at-open", "full", AGNOCAST_CALL_SHM_OPEN, ENOSPC, .shm_full = true },
	{ "read-only-shm", "read-only", AGNOCAST_CALL_SHM_OPEN, EROFS },

	{ "file-limit", "more than 64K", AGNOCAST_CALL_TRUNCATE, EFBIG, .limit_fsize = 65536 },
	{ "truncate-read-only", "descriptor 9", AGNOCAST_CALL_TRUNCATE, EINVAL, .file_mode = 1 },
	{ "sealed", "sealed", AGNOCAST_CALL_TRUNCATE, EPERM },
	{ "shm-full", "/dev/shm (64M) has no room for 8G", AGNOCAST_CALL_FALLOCATE, ENOSPC,
	  .length = 8 * GIB },
	{ "file-limit-grow", "more than 64K", AGNOCAST_CALL_FALLOCATE, EFBIG, .limit_fsize = 65536 },
	{ "memory-limit", "cgroup", AGNOCAST_CALL_FALLOCATE, ENOMEM },
	{ "no-tmpfs-fallocate", "no tmpfs", AGNOCAST_CALL_FALLOCATE, EOPNOTSUPP },
	{ "interrupted", "signal", AGNOCAST_CALL_FALLOCATE, EINTR },
	{ "lost-descriptor", "descriptor 9", AGNOCAST_CALL_FALLOCATE, EBADF },

	{ "closed-descriptor", "descriptor 9", AGNOCAST_CALL_MMAP, EBADF },
	{ "empty", "size is 0", AGNOCAST_CALL_MMAP, EINVAL, .length = UINT64_MAX },
	{ "no-type", "MAP_SHARED", AGNOCAST_CALL_MMAP, EINVAL, .flags = 0x100000 },
	{ "too-many-maps", "65530 mappings of 65530", AGNOCAST_CALL_MMAP, ENOMEM,
	  .map_count = 65530 },
	{ "beyond-address-space", "ends beyond 8000000000", AGNOCAST_CALL_MMAP, ENOMEM,
	  .address = UINT64_C(0x7fffffffffff) & ~UINT64_C(4095), .length = 8 * GIB },
	{ "misaligned", "180000000001", AGNOCAST_CALL_MMAP, EINVAL, .address = WINDOW + 1 },
	{ "at-zero", "sanitizer", AGNOCAST_CALL_MMAP, EPERM, .address = UINT64_MAX },
	{ "asan", "2008fff7000-10007fff8000 rw-p", AGNOCAST_CALL_MMAP, EEXIST,
	  .vma_start = 0x2008fff7000, .vma_end = 0x10007fff8000, .vma_flags = 3 },
	{ "mapped-twice", "agnocast@14671", AGNOCAST_CALL_MMAP, EEXIST, .vma_start = WINDOW,
	  .vma_end = WINDOW + 16 * GIB, .vma_flags = 9, .vma_name = "agnocast@14671" },
	{ "reserved-twice", "---p", AGNOCAST_CALL_MMAP, EEXIST, .vma_start = WINDOW,
	  .vma_end = WINDOW + 16 * GIB },
	{ "file-in-the-way", "libgreedy.so", AGNOCAST_CALL_MMAP, EEXIST, .vma_start = WINDOW,
	  .vma_end = WINDOW + 4096, .vma_flags = 5, .vma_name = "libgreedy.so" },
	{ "memory-in-the-way", "fixed addresses", AGNOCAST_CALL_MMAP, EEXIST, .vma_start = WINDOW,
	  .vma_end = WINDOW + 4096, .vma_flags = 3 },
	{ "in-the-way", "before it could be named", AGNOCAST_CALL_MMAP, EEXIST },
	{ "may-not-lock", "MAP_LOCKED", AGNOCAST_CALL_MMAP, EPERM, .flags = 0x2000 | NOREPLACE },
	{ "mlockall", "RLIMIT_MEMLOCK (8M)", AGNOCAST_CALL_MMAP, EAGAIN, .locks_future = 1 },
	{ "lock-limit", "8M (RLIMIT_MEMLOCK)", AGNOCAST_CALL_MMAP, EAGAIN },
	{ "read-only-file", "reading only", AGNOCAST_CALL_MMAP, EACCES, .prot = 3, .file_mode = 1 },
	{ "write-only-file", "not open for reading", AGNOCAST_CALL_MMAP, EACCES, .prot = 1,
	  .file_mode = 2 },
	{ "noexec", "noexec", AGNOCAST_CALL_MMAP, EPERM, .prot = 4 },
	{ "no-mmap", "has no mmap", AGNOCAST_CALL_MMAP, ENODEV },
	{ "reservation-limit", "over RLIMIT_AS (1G)", AGNOCAST_CALL_MMAP, ENOMEM,
	  .length = 16384 * GIB, .limit_as = GIB },
	{ "address-limit", "over RLIMIT_AS (1G)", AGNOCAST_CALL_MMAP, ENOMEM, .prot = 3,
	  .limit_as = GIB, .total_pages = 262144 },
	{ "overcommit", "overcommit_memory=2", AGNOCAST_CALL_MMAP, ENOMEM, .overcommit = 2 },
	{ "no-kernel-memory", "page tables", AGNOCAST_CALL_MMAP, ENOMEM },
	{ "forbidden", "security module", AGNOCAST_CALL_MMAP, EPERM },
	{ "forbidden-access", "security module", AGNOCAST_CALL_MMAP, EACCES, .prot = 1 },
	{ "moved", "got 7f0000000000", AGNOCAST_CALL_MMAP, 0, .odd = AGNOCAST_MOVED,
	  .result = 0x7f0000000000 },
	{ "overwritten", "180000000000+16G", AGNOCAST_CALL_MMAP, 0, .odd = AGNOCAST_OVERWROTE },

	{ "unmap-misaligned", "page size", AGNOCAST_CALL_MUNMAP, EINVAL },
	{ "unmap-splits", "65530 mappings", AGNOCAST_CALL_MUNMAP, ENOMEM, .map_count = 65530 },

	{ "no-queue-left", "all 256", AGNOCAST_CALL_MQ_OPEN, ENOSPC },
	{ "queue-bytes", "800K", AGNOCAST_CALL_MQ_OPEN, EMFILE },
	{ "no-descriptor-queue", "1024", AGNOCAST_CALL_MQ_OPEN, EMFILE, .next_fd = 1024 },
	{ "no-file-in-system-queue", "fs.file-max", AGNOCAST_CALL_MQ_OPEN, ENFILE },
	{ "queue-size", "10 messages or 8192 bytes", AGNOCAST_CALL_MQ_OPEN, EINVAL },
	{ "peer-without-queue", "no queue", AGNOCAST_CALL_MQ_OPEN, ENOENT },
	{ "queue-of-other-user", "another user's", AGNOCAST_CALL_MQ_OPEN, EACCES },
	{ "queue-left", "killed process", AGNOCAST_CALL_MQ_OPEN, EEXIST },
	{ "long-hint", "shorter messages", AGNOCAST_CALL_MQ_SEND, EMSGSIZE },
	{ "queue-closed", "descriptor 9", AGNOCAST_CALL_MQ_SEND, EBADF },
	{ "short-buffer", "longer messages", AGNOCAST_CALL_MQ_RECEIVE, EMSGSIZE },
	{ "queue-closed-reader", "descriptor 9", AGNOCAST_CALL_MQ_RECEIVE, EBADF },

	{ "other-abi", "does not know", AGNOCAST_CALL_IOCTL, ENOTTY },
	{ "other-abi-join", "different versions", AGNOCAST_CALL_IOCTL, EPROTO },
	{ "child-of-member", "forked child", AGNOCAST_CALL_IOCTL, EPERM },
	{ "window-full", "all areas", AGNOCAST_CALL_IOCTL, ENOSPC },

	{ "bad-memory", "hardware", AGNOCAST_CALL_SIGNAL, SIGBUS, .flags = 4 },
	{ "wild-own", "its own area", AGNOCAST_CALL_SIGNAL, SIGBUS, .flags = 2,
	  .place = { LIDAR, .own = true, .offset = GIB, .file_size = 4096 } },
	{ "file-cut", "1G into the area of lidar_driver (pid 14671), whose file ends at 4K",
	  AGNOCAST_CALL_SIGNAL, SIGBUS, .flags = 2,
	  .place = { LIDAR, .offset = GIB, .file_size = 4096 } },
	{ "shm-full-fault", "/dev/shm (64M) is full", AGNOCAST_CALL_SIGNAL, SIGBUS, .flags = 2,
	  .shm_full = true },
	{ "overcommit-fault", "overcommit", AGNOCAST_CALL_SIGNAL, SIGBUS, .flags = 2,
	  .overcommit = 2 },
	{ "no-page", "no memory", AGNOCAST_CALL_SIGNAL, SIGBUS, .flags = 2 },
	{ "nothing-there", "nothing is mapped", AGNOCAST_CALL_SIGNAL, SIGSEGV, .flags = 1 },
	{ "wrote-own", "its own area", AGNOCAST_CALL_SIGNAL, SIGSEGV, .flags = 2,
	  .place = { LIDAR, .own = true } },
	{ "wrote-message", "pid 14733 wrote into lidar_driver's message on /points",
	  AGNOCAST_CALL_SIGNAL, SIGSEGV, .flags = 2,
	  .place = { LIDAR, .mapped = true, .in_heap = true, .topic = "/points" } },
	{ "peer-not-mapped", "lidar_driver's control part", AGNOCAST_CALL_SIGNAL, SIGSEGV, .flags = 2,
	  .place = { LIDAR } },
	{ "released", "has ended", AGNOCAST_CALL_SIGNAL, SIGSEGV, .flags = 2,
	  .vma_start = WINDOW, .vma_end = WINDOW + 16384 * GIB,
	  .place = { .known = true } },
	{ "segv", "180000000000", AGNOCAST_CALL_SIGNAL, SIGSEGV, .flags = 2 },

	{ "refused-in-the-way", "180000000000+16G", AGNOCAST_CALL_REPORT, EEXIST },
	{ "refused-address-limit", "RLIMIT_AS (1G)", AGNOCAST_CALL_REPORT, ENOMEM,
	  .limit_as = GIB, .total_pages = 262144 },
	{ "refused-maps", "65530 mappings of 65530", AGNOCAST_CALL_REPORT, ENOMEM,
	  .map_count = 65530 },
	{ "refused-limit", "RLIMIT_AS", AGNOCAST_CALL_REPORT, ENOMEM },
	{ "refused-access", "other user", AGNOCAST_CALL_REPORT, EACCES },
	{ "refused-descriptor", "RLIMIT_NOFILE", AGNOCAST_CALL_REPORT, EMFILE },
	{ "refused-lock", "mlockall", AGNOCAST_CALL_REPORT, EAGAIN },
	{ "refused-late", "another process's", AGNOCAST_CALL_REPORT, ESTALE },
	{ "refused-elsewhere", "another container", AGNOCAST_CALL_REPORT, ENOENT },
};

#define STATES (sizeof(states) / sizeof(states[0]))

static uint64_t or(uint64_t value, uint64_t healthy)
{
	return value == UINT64_MAX ? 0 : value ? value : healthy;
}

static void fill(struct agnocast_failure *failure, const struct state *state)
{
	*failure = (struct agnocast_failure){
		.event = {
			.address = or(state->address, WINDOW),
			.length = or(state->length, 16 * GIB),
			.result = state->call == AGNOCAST_CALL_SIGNAL ? state->error :
				  state->result ? (int64_t)state->result : -state->error,
			.pid = 14733, .call = state->call, .prot = state->prot,
			.flags = state->call == AGNOCAST_CALL_MMAP ? or(state->flags, NOREPLACE)
								   : state->flags,
			.fd = 9, .odd = state->odd, .captured = 1, .comm = "victim",
			.name = "agnocast@77",
		},
		.process_known = 1, .task_size = state->address >> 40 == 0x7f ? GIB * 512 : UINT64_C(0x7ffffffff000),
		.map_count = or(state->map_count, 39), .total_pages = or(state->total_pages, 771),
		.locks_future = state->locks_future, .next_fd = or(state->next_fd, 10),
		.limit_as = or(state->limit_as, 0) ? state->limit_as : UINT64_MAX,
		.limit_memlock = 8 << 20, .limit_nofile = 1024, .limit_msgqueue = 819200,
		.limit_fsize = state->limit_fsize ? state->limit_fsize : UINT64_MAX,
		.file_known = 1, .file_mode = or(state->file_mode, 3),
		.vma_start = state->vma_start, .vma_end = state->vma_end,
		.vma_flags = state->vma_flags,
	};
	if (state->vma_name)
		snprintf(failure->vma_name, sizeof(failure->vma_name), "%s", state->vma_name);
}

static void find(struct cause *cause, const struct state *state)
{
	struct agnocast_failure failure;
	const struct cause_machine machine = {
		.page_size = 4096, .max_map_count = 65530, .mmap_min_addr = 65536,
		.msg_max = 10, .msgsize_max = 8192, .queues_max = 256,
		.overcommit = state->overcommit, .shm_known = true, .shm_bytes = 64 << 20,
		.shm_free_bytes = state->shm_full ? 0 : 32 << 20,
		.shm_free_inodes = state->no_inodes ? 0 : 1000,
		.window_base = WINDOW, .window_bytes = 16384 * GIB,
	};

	fill(&failure, state);
	cause_find(cause, &(struct cause_case){
		.failure = &failure, .captured = true, .machine = &machine, .place = state->place,
	});
}

Test(cause, each_state_has_its_cause)
{
	for (size_t i = 0; i < STATES; i++) {
		struct cause cause;

		find(&cause, &states[i]);
		cr_expect_str_eq(cause.id, states[i].id, "%s: found as %s", states[i].id, cause.id);
		cr_expect(strstr(cause.why, states[i].says), "%s: '%s' lacks '%s'", states[i].id,
			  cause.why, states[i].says);
		cr_expect_not(strchr(cause.why, '{') || strchr(cause.remedy, '{'),
			      "%s: unknown word: %s; %s", states[i].id, cause.why, cause.remedy);
		cr_expect_not(cause.remedy[0] == '\0', "%s has no remedy", states[i].id);
	}
}

Test(cause, each_row_has_its_state)
{
	const struct cause_row *rows;
	size_t count = cause_rows(&rows);

	for (size_t i = 0; i < count; i++) {
		size_t tested = 0, same = 0;

		for (size_t j = 0; j < STATES; j++)
			tested += !strcmp(states[j].id, rows[i].id);
		for (size_t j = 0; j < count; j++)
			same += !strcmp(rows[j].id, rows[i].id);
		cr_expect_eq(tested, 1, "%s is tested %zu times", rows[i].id, tested);
		cr_expect_eq(same, 1, "%s names %zu rows", rows[i].id, same);
	}
}

Test(cause, each_row_can_be_described_without_a_case)
{
	const struct cause_row *rows;
	size_t count = cause_rows(&rows);

	for (size_t i = 0; i < count; i++) {
		struct cause cause;

		cause_describe(&cause, &rows[i]);
		cr_expect(cause.why[0] && cause.remedy[0], "%s", rows[i].id);
		cr_expect_not(strchr(cause.why, '{') || strchr(cause.remedy, '{'), "%s", cause.why);
		cr_expect_not(strstr(cause.why, "(null)"), "%s", cause.why);
		cr_expect(strlen(cause.why) < CAUSE_TEXT - 1, "%s is cut", rows[i].id);
		cr_expect(strlen(cause.remedy) < CAUSE_TEXT - 1, "%s is cut", rows[i].id);
	}
}

/* Neither a mapping was found nor does the registry know: the processor said that it wrote. */
Test(cause, a_write_is_known_without_its_mapping)
{
	struct agnocast_failure failure = {
		.event = { .call = AGNOCAST_CALL_SIGNAL, .result = SIGSEGV, .flags = 2,
			   .address = WINDOW, .pid = 14733 },
		.access = AGNOCAST_WRITES,
	};
	const struct cause_machine machine = { .page_size = 4096 };
	const struct cause_case failed = {
		.failure = &failure, .captured = true, .machine = &machine, .place = { LIDAR },
	};
	struct cause cause;

	cause_find(&cause, &failed);
	cr_expect_str_eq(cause.id, "wrote-message");
	failure.access = AGNOCAST_READS;
	cause_find(&cause, &failed);
	cr_expect_str_eq(cause.id, "peer-not-mapped");
	cause_find(&cause, &(struct cause_case){ .failure = &failure, .captured = true,
						 .machine = &machine, .place.known = true });
	cr_expect_str_eq(cause.id, "released");
}

Test(cause, what_comes_and_goes_with_processes_is_minor)
{
	cr_expect(cause_is_minor("peer-without-queue"));
	cr_expect_not(cause_is_minor("asan"));
	cr_expect_not(cause_is_minor(""));
	cr_expect_not(cause_is_minor(NULL));
}

Test(cause, an_errno_nobody_knows_has_none)
{
	const struct state state = { .call = AGNOCAST_CALL_MMAP, .error = EXDEV };
	struct cause cause;

	find(&cause, &state);
	cr_expect_str_empty(cause.id);
	cr_expect_str_empty(cause.why);
	cr_expect_str_empty(cause.remedy);
}

Test(cause, a_name_from_outside_is_cleaned)
{
	struct state state = states[0];
	struct agnocast_failure failure;
	const struct cause_machine machine = { .page_size = 4096 };
	struct cause cause;

	fill(&failure, &state);
	strcpy(failure.event.name, "agnocast@\033[2J");
	cause_find(&cause, &(struct cause_case){ .failure = &failure, .captured = true,
						 .machine = &machine });
	cr_expect_not(strchr(cause.why, '\033'));
	cr_expect(strstr(cause.why, "agnocast@?[2J"));
}

Test(cause, what_would_only_block_is_no_fault)
{
	struct agnocast_event event = { .call = AGNOCAST_CALL_MQ_SEND, .result = -EAGAIN };

	cr_expect_not(cause_is_fault(&event));
	event.call = AGNOCAST_CALL_MQ_RECEIVE;
	cr_expect_not(cause_is_fault(&event));
	event.call = AGNOCAST_CALL_MMAP;
	cr_expect(cause_is_fault(&event));
	event.result = 0x180000000000;
	cr_expect_not(cause_is_fault(&event));
	event.odd = AGNOCAST_MOVED;
	cr_expect(cause_is_fault(&event));
}
