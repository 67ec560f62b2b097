/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * area.c - this process's own shared memory
 *
 * Three marks: .control_top and .heap_top, up to where addresses were handed
 * out, and a bitmap of the heap's pages that are committed. The bitmap lies
 * in private memory. A page's bit is changed only under the lock, and asked
 * for without it by whoever owns the page.
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

#include "config.h"
#include "raw.h"
#include "shmfile.h"
#include "window.h"

#define KIB		((size_t)1024)
#define FIRST_STEP	(32 * KIB)	/* what a bystander commits beyond its need, at most */
#define LAST_STEP	(4096 * KIB)	/* 0.35 ms of fallocate */
#define DUMP_STEP	(2048 * KIB)
#define COPY_STEP	(1024 * KIB)	/* fits a cache */
#define BLOCKS_START	4096

struct area own_area;
uintptr_t area_heap_base;
size_t area_heap_size;

static pthread_mutex_t area_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	/* constant after the join */
	size_t		page;
	uint64_t	mempool_size;
	uint64_t	max;		/* bytes that may be committed to the heap */
	bool		prefault;
	/* area_lock */
	struct shmfile	file;
	uint64_t	control_top;	/* offset in the area */
	uint64_t	control_end;	/* committed up to here */
	size_t		heap_top;	/* offset in the heap */
	size_t		dumped;		/* offset in the heap; core dumps hold what is below */
	size_t		committed;	/* pages of the heap */
	uint64_t	*map;		/* bit: page of the heap is committed */
	int		lock;		/* MCL_ flags for what comes into use; 0: none */
	bool		private;	/* a forked child's copy: no file */
} area = { .file.fd = -1 };

static bool page_is_committed(size_t page)
{
	return __atomic_load_n(&area.map[page / 64], __ATOMIC_RELAXED) >> page % 64 & 1;
}

/* The first page of [page, end) that is not committed, or @end. */
static size_t next_hole(size_t page, size_t end)
{
	while (page < end) {
		if (page % 64 == 0 && !~__atomic_load_n(&area.map[page / 64], __ATOMIC_RELAXED))
			page += 64;
		else if (page_is_committed(page))
			page++;
		else
			return page;
	}
	return end;
}

static size_t count_holes(size_t page, size_t end)
{
	size_t holes = 0;

	while ((page = next_hole(page, end)) < end) {
		holes++;
		page++;
	}
	return holes;
}

/* area_lock. */
static void mark(size_t page, size_t end, bool committed)
{
	for (; page < end; page++) {
		uint64_t bit = UINT64_C(1) << page % 64;

		if (committed)
			__atomic_fetch_or(&area.map[page / 64], bit, __ATOMIC_RELAXED);
		else
			__atomic_fetch_and(&area.map[page / 64], ~bit, __ATOMIC_RELAXED);
	}
}

static void publish_counters(void)
{
	struct agnocast_area *header = own_area.header;

	atomic_store_explicit(&header->heap_committed, area.committed * area.page, memory_order_relaxed);
	atomic_store_explicit(&header->heap_used, area.heap_top, memory_order_relaxed);
	atomic_store_explicit(&header->control_committed, area.control_end, memory_order_relaxed);
}

static bool is_participant(void)
{
	return atomic_load_explicit(&own_area.header->participant, memory_order_relaxed);
}

/* Real time: no page fault later. A kernel before 5.14 touches page by page. */
static void populate(size_t offset, size_t len)
{
	char *p = (char *)area_heap_base + offset;

	if (!madvise(p, len, MADV_POPULATE_WRITE))
		return;
	for (size_t i = 0; i < len; i += area.page)
		__atomic_fetch_or(p + i, 0, __ATOMIC_RELAXED);
}

/* area_lock. Commit the pages [first, end), of which some may be committed. */
static int commit_pages(size_t first, size_t end)
{
	size_t holes = count_holes(first, end);
	int ret;

	if (!holes)
		return 0;
	if ((area.committed + holes) * area.page > area.max)
		return -ENOMEM;
	ret = shmfile_commit(&area.file, AGNOCAST_CONTROL_SIZE + first * area.page,
			     (end - first) * area.page);
	if (ret)
		return ret;
	mark(first, end, true);
	area.committed += holes;
	return 0;
}

/*
 * area_lock. Commit ahead of [first, end) too, in steps that grow with the
 * heap: a bystander pays for a few pages, a large heap makes few calls.
 */
static int commit_ahead(size_t first, size_t end)
{
	size_t step = area.committed * area.page / 4, ahead;
	size_t last = area_heap_size / area.page;
	int ret;

	if (step < FIRST_STEP)
		step = FIRST_STEP;
	if (step > LAST_STEP)
		step = LAST_STEP;
	ahead = first + step / area.page;
	if (ahead > last)
		ahead = last;
	if (ahead > end && !commit_pages(first, ahead)) {
		end = ahead;
		ret = 0;
	} else {
		ret = commit_pages(first, end);
	}
	if (!ret && ((area.prefault && is_participant()) || area.lock & MCL_CURRENT))
		populate(first * area.page, (end - first) * area.page);
	return ret;
}

int area_heap_commit(void *p, size_t len)
{
	size_t first = ((uintptr_t)p - area_heap_base) / area.page;
	size_t end = first + (len + area.page - 1) / area.page;
	struct agnocast_area *header = own_area.header;
	int ret = 0, saved = errno;

	if (area.private || next_hole(first, end) == end)
		return 0;
	pthread_mutex_lock(&area_lock);
	first = next_hole(first, end);
	if (first < end) {
		ret = commit_ahead(first, end);
		if (ret)
			atomic_fetch_add_explicit(&header->grow_failures, 1, memory_order_relaxed);
		else if (area.committed * area.page > area.mempool_size)
			atomic_fetch_add_explicit(&header->grows, 1, memory_order_relaxed);
		publish_counters();
	}
	pthread_mutex_unlock(&area_lock);
	errno = saved;
	return ret ? -ENOMEM : 0;
}

int area_heap_decommit(void *p, size_t len)
{
	size_t offset = (uintptr_t)p - area_heap_base, first = offset / area.page;
	size_t end = first + len / area.page;
	int ret = -EPERM;

	if (area.private)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&area_lock);
	if (offset >= area.mempool_size || !is_participant())
		ret = shmfile_punch(&area.file, AGNOCAST_CONTROL_SIZE + offset, len);
	if (!ret) {
		area.committed -= end - first - count_holes(first, end);
		mark(first, end, false);
		publish_counters();
	}
	pthread_mutex_unlock(&area_lock);
	return ret;
}

/*
 * area_lock. New addresses may be used: let a core dump hold them. No more
 * than that: dumping fills holes, and seeks over what no file is behind.
 */
static int open_addresses(size_t top)
{
	char *heap = (char *)area_heap_base;
	size_t from = area.dumped;

	if (area.private)
		return mprotect(heap + area.heap_top, top - area.heap_top,
				PROT_READ | PROT_WRITE);
	if (top <= from)
		return 0;
	top = (top + DUMP_STEP - 1) / DUMP_STEP * DUMP_STEP;
	if (top > area_heap_size)
		top = area_heap_size;
	madvise(heap + from, top - from, MADV_DODUMP);
	area.dumped = top;
	return 0;
}

/* area_lock. Never filled by the lock itself: it may hold pages that are not committed. */
static int lock_new(uintptr_t from, size_t len)
{
	if (!area.lock || !len)
		return 0;
	return (int)raw_call(SYS_mlock2, from, len, MLOCK_ONFAULT);
}

void *area_heap_grow(size_t size, size_t align)
{
	int saved = errno;
	void *got = NULL;
	size_t start, top;

	if (align < area.page)
		align = area.page;
	pthread_mutex_lock(&area_lock);
	start = ((area_heap_base + area.heap_top + align - 1) & ~(align - 1)) - area_heap_base;
	if (!__builtin_add_overflow(start, size, &top) && top <= area_heap_size &&
	    start >= area.heap_top && !open_addresses(top) &&
	    !lock_new(area_heap_base + area.heap_top, top - area.heap_top)) {
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

	pthread_mutex_lock(&area_lock);
	if (!area.private && offset + size == area.heap_top)
		area.heap_top = offset;
	pthread_mutex_unlock(&area_lock);
}

uint64_t area_control_grow(size_t len, int *err)
{
	uint64_t block, end;

	pthread_mutex_lock(&area_lock);
	block = area.control_top;
	end = block + len;
	*err = 0;
	if (area.private)
		*err = -ECHILD;
	else if (end > AGNOCAST_CONTROL_SIZE)
		*err = -ENOMEM;
	else if (end > area.control_end)
		*err = shmfile_commit(&area.file, area.control_end, end - area.control_end);
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

size_t area_bytes_in_use(void)
{
	size_t bytes;

	pthread_mutex_lock(&area_lock);
	bytes = area.control_end + area.heap_top;
	pthread_mutex_unlock(&area_lock);
	return bytes;
}

/* The first page of [page, end) that is committed, or @end. */
static size_t next_committed(size_t page, size_t end)
{
	while (page < end) {
		if (page % 64 == 0 && !__atomic_load_n(&area.map[page / 64], __ATOMIC_RELAXED))
			page += 64;
		else if (!page_is_committed(page))
			page++;
		else
			return page;
	}
	return end;
}

/* area_lock. What is committed ahead of use, too: its commit will not come here again. */
static void populate_committed(void)
{
	size_t end = area_heap_size / area.page, page = 0, hole;

	while ((page = next_committed(page, end)) < end) {
		hole = next_hole(page, end);
		populate(page * area.page, (hole - page) * area.page);
		page = hole;
	}
}

int area_lock_memory(int mcl_flags)
{
	uintptr_t base = own_area.base;
	int ret;

	pthread_mutex_lock(&area_lock);
	area.lock = 0;
	ret = (int)raw_call(SYS_mlock2, base, area.control_end, MLOCK_ONFAULT);
	if (!ret)
		ret = (int)raw_call(SYS_mlock2, area_heap_base, area.heap_top, MLOCK_ONFAULT);
	if (!ret && !(mcl_flags & MCL_ONFAULT))
		populate_committed();
	/* MCL_CURRENT kept: also filled as it comes into use. */
	if (!ret && mcl_flags & MCL_FUTURE)
		area.lock = mcl_flags & MCL_ONFAULT ? MCL_FUTURE : MCL_FUTURE | MCL_CURRENT;
	pthread_mutex_unlock(&area_lock);
	return ret;
}

void area_unlock_memory(void)
{
	pthread_mutex_lock(&area_lock);
	area.lock = 0;
	pthread_mutex_unlock(&area_lock);
}

int area_fd(void)
{
	int fd;

	pthread_mutex_lock(&area_lock);
	fd = area.private ? -ECHILD : shmfile_fd(&area.file);
	pthread_mutex_unlock(&area_lock);
	return fd;
}

static int say_no_room(int err, char *why, size_t len)
{
	unsigned long long want = area.mempool_size, left = shmfile_free_space(&area.file);

	if (err == -EFBIG)
		snprintf(why, len, "MEMPOOL_SIZE is %llu bytes, but the limit on file size "
			 "forbids them: raise RLIMIT_FSIZE (ulimit -f)", want);
	else
		snprintf(why, len, "MEMPOOL_SIZE is %llu bytes, but /dev/shm has only %llu "
			 "bytes free (%s): lower MEMPOOL_SIZE or enlarge /dev/shm", want,
			 left, strerrordesc_np(-err));
	return err == -EFBIG ? err : -ENOSPC;
}

int area_participate(char *why, size_t len)
{
	size_t pages, need;
	int ret = 0;

	if (!own_area.header || area.private)
		return -ECHILD;
	pages = (area.mempool_size + area.page - 1) / area.page;
	pthread_mutex_lock(&area_lock);
	need = count_holes(0, pages);
	if (need * area.page > shmfile_free_space(&area.file))
		ret = -ENOSPC;
	else
		ret = commit_pages(0, pages);
	if (ret) {
		ret = say_no_room(ret, why, len);
	} else {
		atomic_store_explicit(&own_area.header->participant, 1, memory_order_relaxed);
		publish_counters();
	}
	pthread_mutex_unlock(&area_lock);
	if (!ret && area.prefault)
		populate(0, pages * area.page);
	return ret;
}

/* The bitmap, in private memory: one bit for each page of the heap. */
static size_t map_bytes(void)
{
	return area_heap_size / area.page / 8;
}

static int make_map(void)
{
	void *map = mmap(NULL, map_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area.map = map == MAP_FAILED ? NULL : map;
	return area.map ? 0 : -ENOMEM;
}

/* Header page and the first step of the heap: what a bystander needs to live. */
static int first_commits(char *why, size_t len)
{
	size_t control = area.page > BLOCKS_START ? area.page : BLOCKS_START;
	uint64_t need = AGNOCAST_CONTROL_SIZE + FIRST_STEP;
	int ret = shmfile_commit(&area.file, 0, control);

	area.control_top = BLOCKS_START;
	area.control_end = control;
	if (!ret)
		ret = commit_pages(0, FIRST_STEP / area.page);
	if (ret == -EFBIG)
		snprintf(why, len, "the limit on file size is below %llu bytes, where the "
			 "heap starts: raise RLIMIT_FSIZE (ulimit -f)",
			 (unsigned long long)need);
	else if (ret)
		snprintf(why, len, "no memory for %s (%s; %llu bytes free): enlarge /dev/shm",
			 area.file.path, strerrordesc_np(-ret),
			 (unsigned long long)shmfile_free_space(&area.file));
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
	area.prefault = config->prefault;
	area_heap_base = shm->base + AGNOCAST_CONTROL_SIZE;
	area_heap_size = window.area_size - AGNOCAST_CONTROL_SIZE;
}

int area_create(const struct agnocast_new_shm *shm, const struct config *config,
		const char *group_of, char *why, size_t len)
{
	int ret;

	describe(shm, config);
	if (own_area.shm_name[0] != '/' || strchr(own_area.shm_name + 1, '/')) {
		snprintf(why, len, "the registry gave a shared memory a bad name");
		area_destroy();
		return -EINVAL;
	}
	ret = shmfile_create(&area.file, own_area.shm_name, shm->pid, group_of, why, len);
	if (ret) {
		area.file.path[0] = 0;
		area_destroy();
		return ret;
	}
	ret = make_map();
	if (ret)
		snprintf(why, len, "no memory for the heap's bitmap");
	else
		ret = first_commits(why, len);
	if (!ret)
		ret = window_map_own(own_area.base, area.file.fd, why, len);
	if (ret)
		area_destroy();
	else
		fill_header(shm);
	return ret;
}

void area_destroy(void)
{
	if (area.file.path[0])
		shmfile_unlink(&area.file);
	shmfile_close(&area.file);
	if (own_area.header)
		munmap(own_area.header, own_area.size);
	if (area.map)
		munmap(area.map, map_bytes());
	memset(&own_area, 0, sizeof(own_area));
	memset(&area, 0, sizeof(area));
	area.file.fd = -1;
	area_heap_base = 0;
	area_heap_size = 0;
}

void area_unlink(void)
{
	pthread_mutex_lock(&area_lock);
	if (!area.private)
		shmfile_unlink(&area.file);
	pthread_mutex_unlock(&area_lock);
}

void area_fork_prepare(void)
{
	block_fork_prepare();
	pthread_mutex_lock(&area_lock);
}

void area_fork_share(void)
{
	atomic_fetch_add_explicit(&own_area.header->forks, 1, memory_order_relaxed);
	madvise((void *)own_area.base, own_area.size, MADV_DOFORK);
}

void area_fork_parent(void)
{
	madvise((void *)own_area.base, own_area.size, MADV_DONTFORK);
	pthread_mutex_unlock(&area_lock);
	block_fork_release();
}

/* Nothing of the shared mapping is left, and what was handed out is writable. */
static int replace_mapping(void)
{
	void *base = (void *)own_area.base, *got;

	got = mmap(base, own_area.size, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (got != base ||
	    mprotect(base, area.control_end, PROT_READ | PROT_WRITE) ||
	    mprotect((void *)area_heap_base, area.heap_top, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	return 0;
}

static int read_range(int fd, off_t from, off_t to)
{
	while (from < to) {
		size_t len = (size_t)(to - from) < COPY_STEP ? (size_t)(to - from) : COPY_STEP;
		uintptr_t at = own_area.base + (uintptr_t)from;
		long got;

		/* All pages of a step at once: a fifth faster than one fault for each. */
		raw_call(SYS_madvise, at, len, MADV_POPULATE_WRITE);
		got = raw_call(SYS_pread64, fd, at, len, from);
		if (got <= 0)
			return got ? (int)got : -EIO;
		from += got;
	}
	return 0;
}

/* Copy what the file holds; the holes are zero here too. */
static int copy_from_file(int fd)
{
	off_t end = (off_t)(AGNOCAST_CONTROL_SIZE + area.heap_top), from = 0, to;
	int ret = replace_mapping();

	while (!ret && from < end) {
		from = raw_call(SYS_lseek, fd, from, SEEK_DATA);
		if (from == -ENXIO || from >= end)
			break;
		to = from < 0 ? from : raw_call(SYS_lseek, fd, from, SEEK_HOLE);
		if (to < 0)
			return (int)to;
		if (to > end)
			to = end;
		ret = read_range(fd, from, to);
		from = to;
	}
	return ret;
}

static void *private_memory(size_t len)
{
	return mmap(NULL, len ? len : area.page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* The file cannot be opened any more: copy from the mapping, then swap. */
static int copy_from_mapping(void)
{
	size_t control_len = area.control_end, pages = area.heap_top / area.page, page, end;
	char *control = private_memory(control_len), *heap = private_memory(area.heap_top);

	if (control == MAP_FAILED || heap == MAP_FAILED)
		return -ENOMEM;
	memcpy(control, (void *)own_area.base, control_len);
	for (page = 0; page < pages; page = end) {
		for (end = page; end < pages && page_is_committed(end); end++)
			;
		memcpy(heap + page * area.page, (char *)area_heap_base + page * area.page,
		       (end - page) * area.page);
		end += end == page;
	}
	if (replace_mapping() ||
	    mremap(control, control_len, control_len, MREMAP_MAYMOVE | MREMAP_FIXED,
		   (void *)own_area.base) == MAP_FAILED ||
	    (area.heap_top && mremap(heap, area.heap_top, area.heap_top,
				     MREMAP_MAYMOVE | MREMAP_FIXED,
				     (void *)area_heap_base) == MAP_FAILED))
		return -ENOMEM;
	return 0;
}

int area_fork_child(void)
{
	int fd = shmfile_fd(&area.file);
	int ret = fd < 0 ? copy_from_mapping() : copy_from_file(fd);

	if (ret)
		return ret;
	shmfile_close(&area.file);
	area.file.path[0] = 0;
	area.private = true;
	area.lock = 0;		/* a child inherits no locks */
	pthread_mutex_unlock(&area_lock);
	block_fork_release();
	return 0;
}
