// SPDX-License-Identifier: BSD-2-Clause
/*
 * transport_floor.cpp - the least: one mapping, a ring of pointers, a futex
 *
 * Everything that the programs allocate lies in memory that all of them have
 * mapped at the same address, a part for each, freed blocks on lists by size and
 * warm. A publisher frees the cloud that it published so many clouds ago.
 * Nothing is checked, claimed or reclaimed, nobody may join late, die or lag:
 * what is left is what the computing costs, and waking up.
 */

#include "transport.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <new>
#include <stdexcept>

namespace {

using lidar::cloud;

constexpr uintptr_t base = 0x200000000000;
constexpr size_t part_bytes = size_t(1) << 30;	/* of each process */
constexpr unsigned int parts = 3;
constexpr uint64_t slots = 64, kept = 6, depth = 4;

struct topic {
	struct alignas(64) slot {
		std::atomic<uint64_t> seq;
		const cloud *message;
	} ring[slots];
	alignas(64) std::atomic<uint64_t> head;		/* seq of the last one */
	alignas(64) std::atomic<uint32_t> bell, asleep;	/* of all readers */
};

/* At the start of the mapping; zero at first. */
struct board {
	topic topics[2];
};

/* ---- memory ---- */

struct block {
	alignas(16) uint64_t size_class;
	block *next;			/* while it is free */
};

constexpr size_t block_head = 16;

pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;
char *heap_next, *heap_end;		/* none: before start() */
block *heap_free[64];

void *allocate(size_t bytes)
{
	const auto c = static_cast<unsigned int>(64 - __builtin_clzll(bytes + block_head - 1));
	block *b;

	if (!heap_end)
		return malloc(bytes);
	pthread_mutex_lock(&heap_lock);
	b = heap_free[c];
	if (b) {
		heap_free[c] = b->next;
	} else if (heap_next + (size_t(1) << c) <= heap_end) {
		b = reinterpret_cast<block *>(heap_next);
		heap_next += size_t(1) << c;
		b->size_class = c;
	}
	pthread_mutex_unlock(&heap_lock);
	return b ? reinterpret_cast<char *>(b) + block_head : nullptr;
}

void give_back(void *p)
{
	auto *b = reinterpret_cast<block *>(static_cast<char *>(p) - block_head);

	if (reinterpret_cast<uintptr_t>(p) - base >= parts * part_bytes)
		return free(p);
	pthread_mutex_lock(&heap_lock);
	b->next = heap_free[b->size_class];
	heap_free[b->size_class] = b;
	pthread_mutex_unlock(&heap_lock);
}

/* ---- sleeping ---- */

void futex_wait(std::atomic<uint32_t> &word, uint32_t seen)
{
	const timespec t = {0, 100000000};

	syscall(SYS_futex, &word, FUTEX_WAIT, seen, &t, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t> &word)
{
	syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

topic &topic_of(const std::string &name)
{
	return reinterpret_cast<board *>(base)->topics[name == "/lidar/points"];
}

} // namespace

void *operator new(size_t bytes)
{
	void *p = allocate(bytes ? bytes : 1);

	if (!p)
		throw std::bad_alloc();
	return p;
}

void operator delete(void *p) noexcept
{
	if (p)
		give_back(p);
}

void operator delete(void *p, size_t) noexcept
{
	operator delete(p);
}

namespace transport {

const char *const name = "floor";

void start(const std::string &role)
{
	const char *dir = getenv("BENCH_DIR");
	const unsigned int part = role == "driver" ? 0 : role == "filter" ? 1 : 2;
	const int fd = open((std::string(dir ? dir : "/dev/shm") + "/floor").c_str(), O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, parts * part_bytes) ||
	    mmap(reinterpret_cast<void *>(base), parts * part_bytes, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == MAP_FAILED)
		throw std::runtime_error("no memory at the same address");
	close(fd);
	heap_next = reinterpret_cast<char *>(base + part * part_bytes) + (part ? 0 : sizeof(board));
	heap_end = reinterpret_cast<char *>(base + (part + 1) * part_bytes);
}

struct publisher::impl {
	topic &t;
	uint64_t seq = 0;
	std::unique_ptr<cloud> alive[kept];
};

publisher::publisher(const std::string &topic) : impl_(new impl{topic_of(topic), 0, {}}) {}

publisher::~publisher() = default;

void publisher::publish(std::unique_ptr<cloud> &&c)
{
	const uint64_t seq = ++impl_->seq;
	topic &t = impl_->t;

	t.ring[seq % slots].message = c.get();
	impl_->alive[seq % kept] = std::move(c);
	t.ring[seq % slots].seq.store(seq, std::memory_order_release);
	t.head.store(seq, std::memory_order_release);
	/* The slot before the sleepers; a sleeper does it the other way. */
	std::atomic_thread_fence(std::memory_order_seq_cst);
	if (t.asleep.load(std::memory_order_relaxed)) {
		t.bell.fetch_add(1, std::memory_order_relaxed);
		futex_wake(t.bell);
	}
}

struct subscription::impl {
	topic &t;
	uint64_t next;

	bool look() const { return t.ring[next % slots].seq.load(std::memory_order_acquire) >= next; }
};

subscription::subscription(const std::string &topic)
	: impl_(new impl{topic_of(topic), topic_of(topic).head.load(std::memory_order_acquire) + 1})
{
}

subscription::~subscription() = default;

const cloud *subscription::take()
{
	topic &t = impl_->t;

	if (!impl_->look()) {
		const uint32_t bell = t.bell.load(std::memory_order_relaxed);

		t.asleep.fetch_add(1, std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_seq_cst);
		if (!impl_->look())
			futex_wait(t.bell, bell);
		t.asleep.fetch_sub(1, std::memory_order_relaxed);
		if (!impl_->look())
			return nullptr;
	}
	/* The last ones only, as in the others. */
	const uint64_t head = t.head.load(std::memory_order_acquire);

	if (head >= impl_->next + depth)
		impl_->next = head - depth + 1;
	return t.ring[impl_->next++ % slots].message;
}

} // namespace transport
