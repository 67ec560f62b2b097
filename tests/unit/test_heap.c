/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_heap.c - the area and the window, without a registry
 *
 * The process's own malloc stays libc's: only the pieces below it are used.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uapi/agnocast.h>

#include "area.h"
#include "config.h"
#include "pages.h"
#include "window.h"

#define BASE	UINT64_C(0x180000000000)
#define SIZE	(UINT64_C(2) << 30)	/* 1 GiB of heap */
#define AREAS	8
#define PAGE	4096

static char why[1024];
static char path[64];

static void make_area(uint64_t mempool_size, uint64_t max)
{
	struct agnocast_new_shm shm = { .session = 7, .base = BASE + SIZE, .slot = 1,
					.pid = (uint32_t)getpid() };
	struct config config = { .mempool_size = mempool_size, .mempool_max = max };

	snprintf(shm.shm_name, sizeof(shm.shm_name), "/agnocast@t%d", getpid());
	snprintf(path, sizeof(path), "/dev/shm%s", shm.shm_name);
	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(area_create(&shm, &config, "/dev/null", why, sizeof(why)), 0, "%s", why);
}

static void setup(void)
{
	make_area(8 << 20, SIZE - AGNOCAST_CONTROL_SIZE);
}

static void drop(void)
{
	if (own_area.header)
		area_destroy();
	window_unreserve();
}

TestSuite(area, .init = setup, .fini = drop, .timeout = 30);
TestSuite(new_area, .fini = drop, .timeout = 30);

static uint64_t blocks_on_disk(void)
{
	struct stat st;

	cr_assert_eq(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

Test(area, header_says_who_and_where)
{
	struct agnocast_area *header = own_area.header;

	cr_assert_eq((uintptr_t)header, BASE + SIZE);
	cr_expect_eq(header->magic, AGNOCAST_AREA_MAGIC);
	cr_expect_eq(header->version, AGNOCAST_LAYOUT_VERSION);
	cr_expect_eq(header->session, 7);
	cr_expect_eq(header->base, BASE + SIZE);
	cr_expect_eq(header->size, SIZE);
	cr_expect_eq(header->heap, AGNOCAST_CONTROL_SIZE);
	cr_expect_eq(header->mempool_size, 8 << 20);
	cr_expect_eq(header->participant, 0);
}

Test(area, file_is_readable_by_user_and_group_only)
{
	struct stat st;

	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0640);
	cr_expect_eq(st.st_uid, geteuid());
}

Test(area, bystander_pays_for_a_few_pages)
{
	cr_expect_leq(blocks_on_disk(), 64 << 10);
}

Test(area, committed_heap_is_zero_and_writable)
{
	char *p = area_heap_grow(3 << 20, 1);

	cr_assert_not_null(p);
	cr_expect(area_owns_heap(p, 3 << 20));
	cr_assert_eq(pages_commit(p, 3 << 20), 0);
	for (size_t i = 0; i < 3 << 20; i += PAGE)
		cr_assert_eq(p[i], 0);
	memset(p, 0xa5, 3 << 20);
	cr_expect_geq(blocks_on_disk(), 3 << 20);
	cr_expect_geq(own_area.header->heap_committed, 3 << 20);
	cr_expect_geq(own_area.header->heap_used, 3 << 20);
}

Test(area, addresses_alone_cost_nothing)
{
	uint64_t before = blocks_on_disk();

	cr_assert_not_null(area_heap_grow(512 << 20, 1));
	cr_expect_eq(blocks_on_disk(), before);
}

Test(area, grow_aligns)
{
	for (size_t align = 1; align <= 64 << 20; align *= 4) {
		char *p = area_heap_grow(PAGE, align);

		cr_assert_not_null(p);
		cr_expect_eq((uintptr_t)p % align, 0, "%zu", align);
		cr_expect_eq((uintptr_t)p % PAGE, 0, "%zu", align);
	}
}

Test(area, exhausted_addresses_are_null_and_change_nothing)
{
	char *p = area_heap_grow(1000 << 20, 1);
	uint64_t used = own_area.header->heap_used;

	cr_assert_not_null(p);
	cr_expect_null(area_heap_grow(100 << 20, 1));
	cr_expect_null(area_heap_grow(SIZE_MAX, 1));
	cr_expect_null(area_heap_grow(SIZE_MAX - PAGE, 1 << 20));
	cr_expect_eq(own_area.header->heap_used, used);
	cr_expect_not_null(area_heap_grow(1 << 20, 1));
}

Test(area, shrink_takes_back_the_last_only)
{
	char *a = area_heap_grow(1 << 20, 1), *b = area_heap_grow(1 << 20, 1);

	area_heap_shrink(a, 1 << 20);
	cr_expect_neq(area_heap_grow(PAGE, 1), a);
	area_heap_shrink(b + (1 << 20), PAGE);
	area_heap_shrink(b, 1 << 20);
	cr_expect_eq(area_heap_grow(PAGE, 1), b);
}

Test(area, decommitted_memory_goes_back_and_comes_again_as_zero)
{
	char *p = area_heap_grow(4 << 20, 1);
	uint64_t committed;

	cr_assert_eq(pages_commit(p, 4 << 20), 0);
	memset(p, 1, 4 << 20);
	committed = own_area.header->heap_committed;
	cr_assert_eq(pages_decommit(p + (1 << 20), 2 << 20), 0);
	cr_expect_eq(own_area.header->heap_committed, committed - (2 << 20));
	cr_expect_lt(blocks_on_disk(), committed);
	cr_assert_eq(pages_commit(p + (1 << 20), 2 << 20), 0);
	cr_expect_eq(own_area.header->heap_committed, committed);
	cr_expect_eq(p[(1 << 20) - 1], 1);
	cr_expect_eq(p[1 << 20], 0);
	cr_expect_eq(p[(3 << 20) - 1], 0);
	cr_expect_eq(p[3 << 20], 1);
}

Test(area, participant_has_all_it_was_promised)
{
	cr_assert_eq(area_participate(why, sizeof(why)), 0, "%s", why);
	cr_expect_geq(blocks_on_disk(), 8 << 20);
	cr_expect_eq(own_area.header->participant, 1);
	cr_expect_eq(area_participate(why, sizeof(why)), 0, "idempotent");
}

Test(area, participant_keeps_what_it_was_promised)
{
	char *p = area_heap_grow(16 << 20, 1);

	cr_assert_eq(area_participate(why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(pages_commit(p, 16 << 20), 0);
	cr_expect_eq(pages_decommit(p, 1 << 20), -EPERM);
	cr_expect_eq(pages_decommit(p + (10 << 20), 1 << 20), 0);
}

/* Real time: no page fault in what a participant was promised, nor where it grows. */
Test(new_area, prefault_leaves_no_fault)
{
	struct agnocast_new_shm shm = { .session = 7, .base = BASE + SIZE, .slot = 1, .pid = 1 };
	struct config config = { .mempool_size = 8 << 20, .prefault = true,
				 .mempool_max = SIZE - AGNOCAST_CONTROL_SIZE };
	struct rusage before, after;
	char *p;

	snprintf(shm.shm_name, sizeof(shm.shm_name), "/agnocast@t%d", getpid());
	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(area_create(&shm, &config, "/dev/null", why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(area_participate(why, sizeof(why)), 0, "%s", why);
	p = area_heap_grow(16 << 20, 1);
	cr_assert_eq(pages_commit(p, 16 << 20), 0);
	getrusage(RUSAGE_SELF, &before);
	memset(p, 1, 16 << 20);
	getrusage(RUSAGE_SELF, &after);
	cr_expect_lt(after.ru_minflt - before.ru_minflt, 1024);	/* of 4,096 pages */
}

Test(area, growth_is_seen_through_an_old_mapping)
{
	int fd = open(path, O_RDONLY);
	char *old = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0), *p;

	cr_assert_neq(old, MAP_FAILED);
	p = area_heap_grow(64 << 20, 1);
	cr_assert_eq(pages_commit(p, 64 << 20), 0);
	p[(64 << 20) - 1] = 'z';
	cr_expect_eq(old[p - (char *)own_area.base + (64 << 20) - 1], 'z');
	cr_expect_gt(own_area.header->grows, 0);
}

/* Closing or replacing our descriptor must neither break growth nor hit the other file. */
Test(area, host_may_take_the_descriptor)
{
	char *p = area_heap_grow(8 << 20, 1);
	int fd = area_fd(), other;
	struct stat st;

	cr_expect_geq(fd, 200, "kept high");
	cr_assert_eq(close(fd), 0);
	cr_expect_eq(pages_commit(p, 1 << 20), 0);

	fd = area_fd();
	other = memfd_create("other", 0);
	cr_assert_eq(dup2(other, fd), fd);
	cr_expect_eq(pages_commit(p + (4 << 20), 1 << 20), 0);
	cr_assert_eq(fstat(other, &st), 0);
	cr_expect_eq(st.st_size, 0, "the host's file grew");
	cr_expect_neq(fcntl(fd, F_GETFD), -1, "the host's descriptor was closed");
}

Test(area, file_size_limit_is_an_error_and_no_signal)
{
	struct rlimit limit = { AGNOCAST_CONTROL_SIZE + (1 << 20), RLIM_INFINITY };
	char *p = area_heap_grow(8 << 20, 1);

	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_expect_eq(pages_commit(p, 8 << 20), -ENOMEM);
	cr_expect_eq(own_area.header->grow_failures, 1);
	cr_expect_eq(area_participate(why, sizeof(why)), -EFBIG);
	cr_expect(strstr(why, "ulimit -f"), "%s", why);
	cr_expect_eq(own_area.header->participant, 0);
	cr_expect_eq(pages_commit(p, 256 << 10), 0, "what fits still works");
}

Test(new_area, commit_stops_at_the_maximum)
{
	char *p;

	make_area(1 << 20, 2 << 20);
	p = area_heap_grow(64 << 20, 1);
	cr_expect_eq(pages_commit(p, 1 << 20), 0);
	cr_expect_eq(pages_commit(p, 3 << 20), -ENOMEM);
	cr_expect_eq(pages_commit(p, 2 << 20), 0, "up to the last byte");
	cr_expect_eq(pages_commit(p + (2 << 20), PAGE), -ENOMEM);
	cr_assert_eq(pages_decommit(p, 1 << 20), 0);
	cr_expect_eq(pages_commit(p + (2 << 20), PAGE), 0);
}

Test(area, blocks_are_apart_committed_and_zero)
{
	uint64_t last = 0;
	int err;

	for (size_t size = 1; size <= 4 << 20; size *= 7) {
		uint64_t block = area_block_alloc(size, &err);
		char *p = (char *)own_area.base + block;

		cr_assert_neq(block, 0, "%zu: %d", size, err);
		cr_expect_geq(block, 4096);
		cr_expect_eq(block % 4096, 0);
		cr_expect_gt(block, last);
		last = block;
		for (size_t i = 0; i < size; i++)
			cr_assert_eq(p[i], 0);
		memset(p, 1, size);
	}
}

Test(area, freed_block_comes_back_with_its_content)
{
	int err;
	uint64_t a = area_block_alloc(5000, &err), b = area_block_alloc(5000, &err);

	strcpy((char *)own_area.base + a, "seq");
	area_block_free(a, 5000);
	cr_expect_neq(area_block_alloc(4096, &err), a, "another size");
	cr_expect_eq(area_block_alloc(8192, &err), a, "the same power of two");
	cr_expect_str_eq((char *)own_area.base + a, "seq");
	cr_expect_neq(a, b);
}

Test(area, churn_of_blocks_needs_no_more_memory)
{
	uint64_t committed;
	int err;

	area_block_free(area_block_alloc(20000, &err), 20000);
	committed = own_area.header->control_committed;
	for (int i = 0; i < 100000; i++)
		area_block_free(area_block_alloc(20000, &err), 20000);
	cr_expect_eq(own_area.header->control_committed, committed);
}

Test(area, control_part_runs_out_in_good_order)
{
	uint64_t committed = own_area.header->control_committed;
	int err = 0;

	cr_expect_eq(area_block_alloc((size_t)1 << 30, &err), 0);
	cr_expect_eq(err, -ENOMEM);
	cr_expect_eq(area_block_alloc(SIZE_MAX, &err), 0);
	cr_expect_eq(err, -ENOMEM);
	cr_expect_eq(own_area.header->control_committed, committed);
	cr_expect_neq(area_block_alloc(4096, &err), 0);
	area_block_free(0, 4096);
	area_block_free(UINT64_MAX, 4096);
}

Test(area, is_not_inherited)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*(volatile char *)own_area.header);
	}
	waitpid(pid, &status, 0);
	cr_expect(WIFSIGNALED(status));
	cr_expect_eq(WTERMSIG(status), SIGSEGV);
}

Test(new_area, replaces_what_a_dead_process_left)
{
	char stale[64];
	struct stat before, after;
	int fd;

	snprintf(stale, sizeof(stale), "/dev/shm/agnocast@t%d", getpid());
	fd = open(stale, O_CREAT | O_RDWR, 0640);
	cr_assert_geq(fd, 0);
	fstat(fd, &before);
	setup();
	cr_assert_eq(stat(stale, &after), 0);
	cr_expect_neq(before.st_ino, after.st_ino);
	fstat(fd, &before);
	cr_expect_eq(before.st_nlink, 0);
}

Test(area, destroy_leaves_nothing)
{
	area_destroy();
	cr_expect_neq(access(path, F_OK), 0);
	cr_expect_null(own_area.header);
	cr_expect_not(area_owns_heap((void *)(BASE + SIZE + AGNOCAST_CONTROL_SIZE), 1));
}

TestSuite(window, .fini = drop, .timeout = 30);

Test(window, names_what_is_in_the_way)
{
	char *p = mmap((void *)(BASE + SIZE), PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	cr_assert_eq((uintptr_t)p, BASE + SIZE);
	cr_expect_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), -EEXIST);
	cr_expect(strstr(why, "anonymous memory lies at 0x180080000000-0x180080001000"),
		  "%s", why);
	cr_expect(strstr(why, "window_base"), "no remedy: %s", why);
	munmap(p, PAGE);
}

Test(window, names_a_file_that_is_in_the_way)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	mmap((void *)BASE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
	cr_expect_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), -EEXIST);
	cr_expect(strstr(why, "test_heap"), "%s", why);
	munmap((void *)BASE, PAGE);
}

Test(window, nothing_lands_in_it)
{
	void *p;

	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	p = mmap((void *)(BASE + SIZE), PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	cr_expect_eq(p, MAP_FAILED);
	cr_expect_eq(errno, EEXIST);
}

static int make_peer_file(void)
{
	int fd = memfd_create("peer", MFD_CLOEXEC);

	cr_assert_eq(ftruncate(fd, 3 * PAGE), 0);
	cr_assert_eq(pwrite(fd, "peer", 4, 2 * PAGE), 4);
	return fd;
}

/* Reserved or not: the same, but for what keeps the place free. */
static void map_and_unmap(void)
{
	uintptr_t at = BASE + 3 * SIZE;
	int fd = make_peer_file();

	cr_assert_eq(window_map_peer(at, PAGE, fd, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(window_map_peer(at, 3 * PAGE, fd, why, sizeof(why)), 0, "wider: %s", why);
	cr_expect_eq(memcmp((void *)(at + 2 * PAGE), "peer", 4), 0);
	cr_assert_eq(window_map_peer(at, PAGE, fd, why, sizeof(why)), 0, "again: %s", why);
	window_unmap_peer(at, 3 * PAGE);
	window_unmap_peer(at, 3 * PAGE);
	cr_assert_eq(window_map_peer(at, SIZE, fd, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(memcmp((void *)(at + 2 * PAGE), "peer", 4), 0);
	close(fd);
}

Test(window, maps_and_unmaps_peers)
{
	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	map_and_unmap();
}

Test(window, maps_on_demand_under_a_limit_on_address_space)
{
	struct rlimit old, limit;
	uintptr_t at = BASE + 3 * SIZE;
	int fd = make_peer_file();

#ifdef __SANITIZE_ADDRESS__
	cr_skip("the sanitizer itself needs the addresses");
#endif
	getrlimit(RLIMIT_AS, &old);
	limit = (struct rlimit){ UINT64_C(12) << 30, old.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	cr_expect_not(window.reserved);
	map_and_unmap();
	window_unmap_peer(at, SIZE);

	mmap((void *)(at + PAGE), PAGE, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	cr_expect_eq(window_map_peer(at, 2 * PAGE, fd, why, sizeof(why)), -EEXIST);
	cr_expect(strstr(why, "anonymous memory"), "%s", why);
	munmap((void *)(at + PAGE), PAGE);
	setrlimit(RLIMIT_AS, &old);
}

Test(window, peers_are_read_only_and_stay_behind_at_fork)
{
	uintptr_t at = BASE + 3 * SIZE;
	int fd = make_peer_file(), status;
	pid_t pid;

	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(window_map_peer(at, 3 * PAGE, fd, why, sizeof(why)), 0, "%s", why);
	window_fork_prepare();
	pid = fork();
	if (!pid) {
		void *p;

		window_fork_child();
		p = mmap((void *)at, PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		_exit(p != MAP_FAILED);		/* the hole is reserved again */
	}
	window_fork_parent();
	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0);

	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		window_map_peer(at, 3 * PAGE, fd, why, sizeof(why));
		*(volatile char *)at = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	cr_expect(WIFSIGNALED(status), "written");
}

Test(window, refuses_areas_outside_of_it)
{
	int fd = make_peer_file();

	cr_assert_eq(window_reserve(BASE, SIZE, AREAS, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(window_map_peer(BASE - SIZE, PAGE, fd, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_map_peer(BASE + AREAS * SIZE, PAGE, fd, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_map_peer(BASE + PAGE, PAGE, fd, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_map_peer(BASE, SIZE + PAGE, fd, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_map_peer(BASE, 0, fd, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_map_peer(UINTPTR_MAX - PAGE + 1, PAGE, fd, why, sizeof(why)), -EINVAL);
}

Test(window, refuses_a_window_that_cannot_be)
{
	cr_expect_eq(window_reserve(0, SIZE, AREAS, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_reserve(BASE + 1, SIZE, AREAS, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_reserve(BASE, PAGE, AREAS, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_reserve(BASE, SIZE, 0, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_reserve(BASE, SIZE, UINT32_MAX, why, sizeof(why)), -EINVAL);
	cr_expect_eq(window_reserve(BASE, UINTPTR_MAX & ~(uintptr_t)4095, 8, why, sizeof(why)),
		     -EINVAL);
}
