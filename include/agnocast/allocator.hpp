// SPDX-License-Identifier: BSD-2-Clause
/*
 * allocator.hpp - objects in the shared heap where malloc is not libagnocast's
 */
#ifndef AGNOCAST_ALLOCATOR_HPP
#define AGNOCAST_ALLOCATOR_HPP

#include <agnocast/agnocast.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace agnocast {

/**
 * allocator<T> - puts the memory of a container into the shared heap
 *
 * Only needed where malloc is not libagnocast's (agnocast_reason() says so):
 * in programs with a malloc of their own, and under AddressSanitizer.
 * Elsewhere std::allocator does the same. Throws std::bad_alloc.
 */
template <class T>
struct allocator {
	using value_type = T;

	allocator() noexcept = default;
	template <class U>
	allocator(const allocator<U> &) noexcept {}

	[[nodiscard]] T *allocate(std::size_t n)
	{
		if (n > static_cast<std::size_t>(PTRDIFF_MAX) / sizeof(T))
			throw std::bad_array_new_length();
		void *p = agnocast_alloc_aligned(alignof(T), n * sizeof(T));
		if (!p)
			throw std::bad_alloc();
		return static_cast<T *>(p);
	}
	void deallocate(T *p, std::size_t) noexcept { agnocast_free(p); }

	template <class U>
	bool operator==(const allocator<U> &) const noexcept { return true; }
	template <class U>
	bool operator!=(const allocator<U> &) const noexcept { return false; }
};

/** Ends an object that make_message() made. */
template <class T>
struct deleter {
	void operator()(T *object) const noexcept
	{
		object->~T();
		agnocast_free(object);
	}
};

/** An object in the shared heap, by agnocast_alloc(). Throws std::bad_alloc. */
template <class T, class... Args>
std::unique_ptr<T, deleter<T>> make_message(Args &&...args)
{
	struct give_back {
		void operator()(void *p) const noexcept { agnocast_free(p); }
	};
	std::unique_ptr<void, give_back> memory(agnocast_alloc_aligned(alignof(T), sizeof(T)));

	if (!memory)
		throw std::bad_alloc();
	T *object = ::new (memory.get()) T(std::forward<Args>(args)...);
	(void)memory.release();
	return std::unique_ptr<T, deleter<T>>(object);
}

} // namespace agnocast

#endif // AGNOCAST_ALLOCATOR_HPP
