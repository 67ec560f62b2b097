/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * area.c - this process's own shared memory
 *
 * Two marks: .control_top and .heap_top, up to where addresses were handed
 * out. The control part is committed up to .control_end, the heap page by page
 * (pages.c).
 */

#define _GNU_SOURCE 1
#include "area.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <uapi/agnocast.h>

#include "cgroup.h"
#include "config.h"
#include "copy.h"
#include "pages.h"
#include "pi_mutex.h"
#include "raw.h"
#include "shmfile.h"
#include "text.h"
#include "window.h"

#define KIB		((size_t)1024)
#define FIRST_NEED	(64 * KIB)	/* of the heap: what the smallest program takes */
#define DUMP_STEP	(2048 * KIB)
#define BLOCKS_START	4096

struct area own_area;
uintptr_t area_heap_base;
size_t area_heap_size;

static pthread_mutex_t area_lock;

static struct {
	/* constant after the join */
	size_t		page;
	uint64_t	mempool_size;
	uint64_t	max;		/* bytes that may be committed to the heap */
	bool		huge_pages;
	int		lock;		/* mlockall()'s flags, while they hold for what comes; or 0 */
	/* area_lock */
	struct shmfile	file;
	uint64_t	control_top;	/* offset in the area */
	uint64_t	control_end;	/* committed up to here */
	size_t		heap_top;	/* offset in the heap */
	size_t		dumped;		/* offset in the heap; core dumps hold what is below */
	bool		private;	/* a forked child's: no file */
	bool		copied;		/* and the copy is made */
} area = { .file.fd = -1 };

static void publish_counters(void)
{
	struct agnocast_area *header = own_area.header;

	atomic_store_explicit(&header->heap_used, area.heap_top, memory_order_relaxed);
	atomic_store_explicit(&header->control_committed, area.control_end, memory_order_relaxed);
}

/*
 * Not under the lock, which others need while the kernel works: the host may
 * close the descriptor in between, but hardly twice.
 */
static int on_file(int (*call)(int, uint64_t, uint64_t), size_t offset, size_t len)
{
	int ret = -EBADF;

	for (int i = 0; i < 2 && ret == -EBADF; i++) {
		int fd = area_fd();

		ret = fd < 0 ? fd : call(fd, AGNOCAST_CONTROL_SIZE + offset, len);
	}
	return ret;
}

/* What is committed is locked, if the host locked its memory; not filled by that. */
static int lock_new(uintptr_t from, size_t len)
{
	if (!__atomic_load_n(&area.lock, __ATOMIC_RELAXED))
		return 0;
	return (int)raw_call(SYS_mlock2, from, len, MLOCK_ONFAULT);
}

static int lock_run(size_t from, size_t to)
{
	return lock_new(area_heap_base + from, to - from);
}

/* What a forked child has instead of the file: addresses with and without memory. */
static int open_private(uintptr_t from, size_t len)
{
	return (int)raw_call(SYS_mprotect, from, len, PROT_READ | PROT_WRITE);
}

static int close_private(uintptr_t from, size_t len)
{
	long got = raw_call(SYS_mmap, from, len, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return (uintptr_t)got == from ? 0 : (int)got;
}

int area_file_commit(size_t offset, size_t len)
{
	int ret = area.private ? open_private(area_heap_base + offset, len)
			       : on_file(shmfile_commit, offset, len);

	return ret ? ret : lock_run(offset, offset + len);
}

int area_file_punch(size_t offset, size_t len)
{
	if (area.private)
		return area.copied ? close_private(area_heap_base + offset, len) : 0;
	return on_file(shmfile_punch, offset, len);
}

/*
 * area_lock. New addresses may be used: let a core dump hold them. No more
 * than that: dumping fills holes, and seeks over what no file is behind.
 */
static void dump_addresses(size_t top)
{
	char *heap = (char *)area_heap_base;
	size_t from = area.dumped;

	if (area.private || top <= from)
		return;
	top = (top + DUMP_STEP - 1) / DUMP_STEP * DUMP_STEP;
	if (top > area_heap_size)
		top = area_heap_size;
	madvise(heap + from, top - from, MADV_DODUMP);
	area.dumped = top;
}

void *area_heap_grow(size_t size, size_t align)
{
	int saved = errno;
	void *got = NULL;
	size_t start, top;

	if (align < area.page)
		align = area.page;
	pi_mutex_lock(&area_lock);
	start = ((area_heap_base + area.heap_top + align - 1) & ~(align - 1)) - area_heap_base;
	if (!__builtin_add_overflow(start, size, &top) && top <= area_heap_size &&
	    start >= area.heap_top) {
		dump_addresses(top);
		area.heap_top = top;
		got = (void *)(area_heap_base + start);
		publish_counters();
	}
	pthread_mutex_unlock(&area_lock);
	errno = saved;
	return got;
}

void area_heap_shrink(void *p, size_t size)
{
	size_t offset = (uintptr_t)p - area_heap_base;

	pi_mutex_lock(&area_lock);
	if (offset + size == area.heap_top)
		area.heap_top = offset;
	pthread_mutex_unlock(&area_lock);
}

uint64_t area_control_grow(size_t len, int *err)
{
	uint64_t block, end;

	pi_mutex_lock(&area_lock);
	block = area.control_top;
	end = block + len;
	*err = 0;
	if (area.private)
		*err = -ECHILD;
	else if (end > AGNOCAST_CONTROL_SIZE)
		*err = -ENOMEM;
	else if (end > area.control_end)
		*err = shmfile_commit(shmfile_fd(&area.file), area.control_end,
				      end - area.control_end);
	if (!*err && end > area.control_end)
		*err = lock_new(own_area.base + area.control_end, end - area.control_end);
	if (!*err) {
		area.control_top = end;
		if (end > area.control_end)
			area.control_end = end;
		publish_counters();
	}
	pthread_mutex_unlock(&area_lock);
	return *err ? 0 : block;
}

bool area_owns_heap(const void *p, size_t len)
{
	uintptr_t offset = (uintptr_t)p - area_heap_base;

	return offset < area_heap_size && len <= area_heap_size - offset;
}

size_t area_bytes_committed(void)
{
	return atomic_load_explicit(&own_area.header->control_committed, memory_order_relaxed) +
	       atomic_load_explicit(&own_area.header->heap_committed, memory_order_relaxed);
}

static void set_lock(int mcl_flags)
{
	__atomic_store_n(&area.lock, mcl_flags, __ATOMIC_RELAXED);
}

int area_lock_memory(int mcl_flags)
{
	bool later = mcl_flags & MCL_FUTURE;
	int ret;

	set_lock(mcl_flags);
	ret = lock_new(own_area.base, area.control_end);
	if (!ret)
		ret = pages_each_run(lock_run);
	if (ret || !later)
		set_lock(0);
	if (!ret && !(mcl_flags & MCL_ONFAULT))
		pages_populate(later);
	return ret;
}

void area_unlock_memory(void)
{
	set_lock(0);
	pages_populate_no_more();
}

int area_fd(void)
{
	int fd;

	pi_mutex_lock(&area_lock);
	fd = area.private ? -ECHILD : shmfile_fd(&area.file);
	pthread_mutex_unlock(&area_lock);
	return fd;
}

static int say_no_room(int err, char *why, size_t len)
{
	unsigned long long want = area.mempool_size, left = shmfile_free_space(area_fd());

	if (err == -EFBIG)
		snprintf(why, len, "MEMPOOL_SIZE is %llu bytes, but the limit on file size "
			 "forbids them: raise RLIMIT_FSIZE (ulimit -f)", want);
	else
		snprintf(why, len, "MEMPOOL_SIZE is %llu bytes, but /dev/shm has only %llu "
			 "bytes free (%s): lower MEMPOOL_SIZE or enlarge /dev/shm", want,
			 left, strerrordesc_np(-err));
	return err == -EFBIG ? err : -ENOSPC;
}

/* The kernel would not refuse the memory, but kill for it. */
static int check_cgroup(uint64_t need, char *why, size_t len)
{
	char file[256] = "";
	uint64_t room = cgroup_room("", 0, file, sizeof(file));

	if (need <= room)
		return 0;
	snprintf(why, len, "MEMPOOL_SIZE is %llu bytes, of which %llu are still to be had, but "
		 "%s leaves only %llu: lower MEMPOOL_SIZE, or raise that limit (systemd: "
		 "MemoryMax=, docker: --memory)", (unsigned long long)area.mempool_size,
		 (unsigned long long)need, file, (unsigned long long)room);
	return -ENOMEM;
}

int area_participate(char *why, size_t len)
{
	uint64_t need;
	int ret;

	if (!own_area.header || area.private)
		return -ECHILD;
	need = pages_promise_needs();
	ret = check_cgroup(need, why, len);
	if (ret)
		return ret;
	ret = need <= shmfile_free_space(area_fd()) ? pages_promise() : -ENOSPC;
	if (ret)
		return say_no_room(ret, why, len);
	atomic_store_explicit(&own_area.header->participant, 1, memory_order_relaxed);
	return 0;
}

static size_t control_start(void)
{
	size_t page = getauxval(AT_PAGESZ);

	return page > BLOCKS_START ? page : BLOCKS_START;
}

/*
 * The header page. The heap commits when it starts; a process whose heap would
 * find no memory then had better not join.
 */
static int first_commits(const struct config *config, char *why, size_t len)
{
	uint64_t need = AGNOCAST_CONTROL_SIZE + FIRST_NEED;
	int ret = shmfile_may_reach(need);
	const struct pages_setup setup = {
		.base = area_heap_base, .size = area_heap_size, .page = area.page,
		.mempool_size = config->mempool_size, .max = config->mempool_max,
		.prefault = config->prefault, .huge = config->huge_pages,
	};

	area.control_top = BLOCKS_START;
	if (!ret && !area.control_end)
		ret = shmfile_commit(area.file.fd, 0, control_start());
	area.control_end = control_start();
	if (!ret && shmfile_free_space(area.file.fd) < FIRST_NEED)
		ret = -ENOSPC;
	if (!ret)
		ret = pages_create(&setup);
	if (ret == -EFBIG)
		snprintf(why, len, "the limit on file size is below %llu bytes, where the "
			 "heap starts: raise RLIMIT_FSIZE (ulimit -f)",
			 (unsigned long long)need);
	else if (ret)
		snprintf(why, len, "no memory for %s (%s; %llu bytes free): enlarge /dev/shm",
			 area.file.path, strerrordesc_np(-ret),
			 (unsigned long long)shmfile_free_space(area.file.fd));
	return ret;
}

static void fill_header(const struct agnocast_new_shm *shm)
{
	struct agnocast_area *header = (struct agnocast_area *)own_area.base;

	header->version = AGNOCAST_LAYOUT_VERSION;
	header->pid = shm->pid;
	header->session = shm->session;
	header->base = own_area.base;
	header->size = own_area.size;
	header->heap = AGNOCAST_CONTROL_SIZE;
	header->mempool_size = area.mempool_size;
	header->max = AGNOCAST_CONTROL_SIZE + area.max;
	header->slot = shm->slot;
	own_area.header = header;
	publish_counters();
	pages_show();
	__atomic_store_n(&header->magic, AGNOCAST_AREA_MAGIC, __ATOMIC_RELEASE);
}

static void describe(const struct agnocast_new_shm *shm, const struct config *config)
{
	own_area.base = shm->base;
	own_area.size = window.area_size;
	own_area.session = shm->session;
	own_area.slot = shm->slot;
	own_area.pid = shm->pid;
	memcpy(own_area.shm_name, shm->shm_name, sizeof(own_area.shm_name));
	own_area.shm_name[sizeof(own_area.shm_name) - 1] = 0;
	area.page = getauxval(AT_PAGESZ);
	area.mempool_size = config->mempool_size;
	area.max = config->mempool_max;
	area.huge_pages = config->huge_pages;
	area_heap_base = shm->base + AGNOCAST_CONTROL_SIZE;
	area_heap_size = window.area_size - AGNOCAST_CONTROL_SIZE;
}

static void drop_file(void)
{
	if (area.file.path[0])
		shmfile_unlink(&area.file);
	shmfile_close(&area.file);
	area.file.path[0] = 0;
}

/* In a container the registry may know us by another pid: then this name goes again. */
void area_begin(const char *group_of)
{
	char name[AGNOCAST_SHM_NAME_MAX] = "/agnocast@";

	text_add_number(name, sizeof(name), (uint64_t)raw_call(SYS_getpid), 10);
	if (shmfile_create_early(&area.file, name, group_of))
		area.file.path[0] = 0;
	else if (shmfile_commit(area.file.fd, 0, control_start()))
		drop_file();
	else
		area.control_end = control_start();
}

static int create_file(const struct agnocast_new_shm *shm, const char *group_of,
		       char *why, size_t len)
{
	/* Who cleans up after a dead process with our pid may have taken it for its. */
	if (shmfile_is_named(&area.file, own_area.shm_name))
		return 0;
	drop_file();
	area.control_end = 0;
	return shmfile_create(&area.file, own_area.shm_name, shm->pid, group_of, why, len);
}

int area_create(const struct agnocast_new_shm *shm, const struct config *config,
		const char *group_of, char *why, size_t len)
{
	int ret;

	pi_mutex_init(&area_lock);
	describe(shm, config);
	if (own_area.shm_name[0] != '/' || strchr(own_area.shm_name + 1, '/')) {
		snprintf(why, len, "the registry gave a shared memory a bad name");
		area_destroy();
		return -EINVAL;
	}
	ret = create_file(shm, group_of, why, len);
	if (ret) {
		area.file.path[0] = 0;
		area_destroy();
		return ret;
	}
	ret = first_commits(config, why, len);
	if (!ret)
		ret = window_map_own(own_area.base, area.file.fd, why, len);
	if (!ret && area.huge_pages)
		madvise((void *)area_heap_base, area_heap_size, MADV_HUGEPAGE);
	if (ret)
		area_destroy();
	else
		fill_header(shm);
	return ret;
}

void area_destroy(void)
{
	drop_file();
	if (own_area.header)
		munmap(own_area.header, own_area.size);
	pages_destroy();
	memset(&own_area, 0, sizeof(own_area));
	memset(&area, 0, sizeof(area));
	area.file.fd = -1;
	area_heap_base = 0;
	area_heap_size = 0;
}

void area_unlink(void)
{
	pi_mutex_lock(&area_lock);
	if (!area.private)
		shmfile_unlink(&area.file);
	pthread_mutex_unlock(&area_lock);
}

void area_fork_prepare(void)
{
	block_fork_prepare();
	pages_fork_prepare();
	pi_mutex_lock(&area_lock);
}

void area_fork_share(void)
{
	atomic_fetch_add_explicit(&own_area.header->forks, 1, memory_order_relaxed);
	madvise((void *)own_area.base, own_area.size, MADV_DOFORK);
}

void area_fork_unshare(void)
{
	madvise((void *)own_area.base, own_area.size, MADV_DONTFORK);
}

void area_fork_release(void)
{
	pthread_mutex_unlock(&area_lock);
	pages_fork_release();
	block_fork_release();
}

/*
 * In offsets of the area, the control part and the runs of the heap that
 * @next_run knows. The first part at or after *@from; false: that was all.
 */
static bool next_part(size_t *from, size_t *to, bool (*next_run)(size_t *, size_t *))
{
	size_t heap = *from > AGNOCAST_CONTROL_SIZE ? *from - AGNOCAST_CONTROL_SIZE : 0, end;

	if (*from < area.control_end) {
		*to = area.control_end;
		return true;
	}
	if (!next_run(&heap, &end))
		return false;
	*from = AGNOCAST_CONTROL_SIZE + heap;
	*to = AGNOCAST_CONTROL_SIZE + end;
	return true;
}

/* What the child's memory is, and what of it has a content. */
static bool next_open(size_t *from, size_t *to)
{
	return next_part(from, to, pages_next_run);
}

static bool next_used(size_t *from, size_t *to)
{
	return next_part(from, to, pages_next_used);
}

static int copy_from_file(int fd)
{
	size_t from = 0, to;
	int ret = 0;

	for (; !ret && next_open(&from, &to); from = to)
		ret = open_private(own_area.base + from, to - from);
	return ret ? ret : copy_file(fd, own_area.base, next_used);
}

/* [from, to) of the mapping becomes private memory. */
static int copy_in_place(size_t from, size_t to)
{
	char *at = (char *)own_area.base, *copy;
	size_t len = to - from, begin = from, end;

	copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return -ENOMEM;
	for (; next_used(&begin, &end) && begin < to; begin = end)
		memcpy(copy + begin - from, at + begin, (end < to ? end : to) - begin);
	if (mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at + from) == MAP_FAILED)
		return -ENOMEM;
	return 0;
}

/* The file cannot be opened any more. */
static int copy_from_mapping(void)
{
	size_t from = 0, to, done = 0;
	int ret = 0;

	for (; !ret && next_open(&from, &to); from = to) {
		ret = copy_in_place(from, to);
		if (!ret && from > done)
			ret = close_private(own_area.base + done, from - done);
		done = to;
	}
	return ret ? ret : close_private(own_area.base + done, own_area.size - done);
}

/* Nothing of this process can write its parent's memory any more. */
static int let_go(void)
{
	area.private = true;
	area.lock = 0;		/* a child inherits no locks */
	own_area.header = NULL;
	if (shmfile_fd(&area.file) >= 0)
		return close_private(own_area.base, own_area.size);
	return (int)raw_call(SYS_mprotect, own_area.base, own_area.size, PROT_READ);
}

int area_fork_child(void)
{
	int ret = area.private ? 0 : let_go();

	pi_mutex_init(&area_lock);
	pages_fork_child();
	block_fork_release();
	return ret;
}

int area_fork_copy(void)
{
	int ret;

	pages_keep_used();
	ret = area.file.fd < 0 ? copy_from_mapping() : copy_from_file(area.file.fd);
	if (ret)
		return ret;
	shmfile_close(&area.file);
	area.file.path[0] = 0;
	area.copied = true;
	own_area.header = (struct agnocast_area *)own_area.base;
	pages_show();
	return 0;
}
