// SPDX-License-Identifier: BSD-2-Clause
//
// heap_places.cpp - whoever allocates, and wherever, gets memory of the area
//
// Constructors before main, each form of new, libraries that dlopen() brings,
// thread-local objects, threads that end before their memory, and a signal
// handler that does what libc's malloc also survives: it interrupts code that
// is not in malloc.

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace
{

int failures;

void check(const char *name, bool good, const char *why = "not in the area")
{
	if (good)
		std::printf("ok %s\n", name);
	else
		std::printf("not ok %s: %s\n", name, why);
	failures += !good;
}

// The area as the kernel has it mapped.
struct Area {
	uintptr_t from = 0, to = 0;

	Area()
	{
		char line[512], name[64];
		std::FILE *maps = std::fopen("/proc/self/maps", "r");
		unsigned long a, b;

		std::snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
		while (maps && std::fgets(line, sizeof(line), maps))
			if (std::strstr(line, name) && std::sscanf(line, "%lx-%lx", &a, &b) == 2) {
				from = from ? from : a;
				to = b;
			}
		if (maps)
			std::fclose(maps);
	}

	bool holds(const volatile void *p) const
	{
		return (uintptr_t)p >= from && (uintptr_t)p < to;
	}
};

// Before main(), in the order of the linker.
std::string *early_string = new std::string(200, 'x');
void *early_block = std::malloc(100000);

__attribute__((constructor(101))) void very_early()
{
	void *volatile p = std::malloc(300);

	std::free(p);
}

thread_local std::vector<int> of_thread(1000, 1);

struct alignas(256) Wide {
	char bytes[256];
};

struct Counted {
	static int alive;
	std::string text = "a string that is too long for the object itself";

	Counted() { alive++; }
	~Counted() { alive--; }
};
int Counted::alive;

template <class T>
bool good(const Area &area, T *p, size_t align)
{
	return area.holds(p) && (uintptr_t)p % align == 0;
}

void forms_of_new(const Area &area)
{
	int *one = new int(1), *many = new int[1000], *quiet = new (std::nothrow) int(2);
	int *quiet_many = new (std::nothrow) int[10];
	Wide *wide = new Wide, *wide_many = new Wide[3];
	Wide *wide_quiet = new (std::nothrow) Wide;
	Counted *counted = new Counted[7];

	check("new", good(area, one, 16) && good(area, many, 16));
	check("new_nothrow", good(area, quiet, 16) && good(area, quiet_many, 16));
	check("new_aligned", good(area, wide, 256) && good(area, wide_many, 256) &&
	      good(area, wide_quiet, 256));
	check("new_array_of_objects", good(area, counted, 8) && area.holds(&counted[6].text[0]));
	delete one;
	delete[] many;
	delete quiet;
	delete[] quiet_many;
	delete wide;
	delete[] wide_many;
	delete wide_quiet;
	delete[] counted;
	check("delete_destroys", Counted::alive == 0, "some are alive");
	::operator delete(::operator new(40), (size_t)40);
	::operator delete[](::operator new[](40), (size_t)40);
	::operator delete(::operator new(600, std::align_val_t(64)), (size_t)600,
			  std::align_val_t(64));
	check("delete_sized", true);
}

void new_fails()
{
	volatile size_t huge = SIZE_MAX / 2 - 4096;
	bool thrown = false;
	static int handled;

	try {
		::operator delete(::operator new(huge));
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	check("new_throws", thrown, "it did not");
	check("new_nothrow_is_null", !::operator new(huge, std::nothrow), "it is not");
	std::set_new_handler([] {
		if (++handled == 3)
			std::set_new_handler(nullptr);
	});
	check("new_calls_the_handler", !::operator new(huge, std::nothrow) && handled == 3,
	      "it did not");
}

void containers(const Area &area)
{
	std::map<std::string, std::vector<double>> map;
	auto shared = std::make_shared<std::array<char, 5000>>();
	bool inside = area.holds(shared.get());

	for (int i = 0; i < 300; i++)
		map["a key that is too long for the object itself " + std::to_string(i)]
			.resize((size_t)i * 50 + 1);
	for (auto &[key, values] : map)
		inside &= area.holds(key.data()) && area.holds(values.data());
	check("containers", inside);
}

// A library whose constructor allocates, and whose memory outlives it.
void opened_libraries(const Area &area, const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW);
	void *(*make)(size_t) = plugin ? (void *(*)(size_t))dlsym(plugin, "plugin_make") : nullptr;
	void **first = plugin ? (void **)dlsym(plugin, "plugin_first") : nullptr;
	void *p;

	if (!make || !first) {
		check("dlopen", false, dlerror());
		return;
	}
	p = make(1234);
	check("dlopen", good(area, p, 16));
	check("dlopen_constructor", good(area, *first, 16));
	std::free(*first);
	dlclose(plugin);
	std::memset(p, 1, 1234);
	std::free(p);
}

void threads_that_end(const Area &area)
{
	std::vector<std::vector<char> *> left(64);
	std::atomic<int> outside{0};

	for (size_t round = 0; round < 4; round++) {
		std::vector<std::thread> threads;

		for (size_t i = 0; i < 16; i++)
			threads.emplace_back([&, slot = round * 16 + i] {
				outside += !area.holds(of_thread.data());
				left[slot] = new std::vector<char>(slot * 1000 + 1, (char)slot);
				outside += !area.holds(left[slot]->data());
			});
		for (auto &thread : threads)
			thread.join();
	}
	check("thread_local", !outside);
	for (size_t i = 0; i < left.size(); i++) {
		outside += left[i]->back() != (char)i;
		delete left[i];
	}
	check("memory_outlives_its_thread", !outside, "it changed");
}

// Runs after the destructors of thread-local objects, when the heap's own are gone.
std::atomic<int> late_outside{-1};
const Area *late_area;

void late(void *block)
{
	void *p = std::malloc(500);

	late_outside = !late_area->holds(p) + !late_area->holds(block);
	std::free(p);
	std::free(block);
}

void destructors_of_threads(const Area &area)
{
	pthread_key_t key;

	late_area = &area;
	pthread_key_create(&key, late);
	std::thread([&] { pthread_setspecific(key, std::malloc(77)); }).join();
	check("malloc_in_a_thread_destructor", late_outside == 0);
}

std::atomic<int> handled, handled_outside;

void on_signal(int)
{
	void *p = std::malloc(200);

	handled_outside += !late_area->holds(p);
	std::free(p);
	handled++;
}

void signal_handlers()
{
	static volatile unsigned long sum;

	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 1000; i++) {
		for (unsigned long j = 0; j < 1000; j++)
			sum += j;
		raise(SIGUSR1);
	}
	check("signal_handler", handled == 1000 && !handled_outside);
}

}  // namespace

int main(int argc, char **argv)
{
	const Area area;

	(void)argc;
	if (!area.from) {
		check("has_an_area", false, "it has none");
		return 1;
	}
	check("before_main", area.holds(early_string) && area.holds(early_string->data()) &&
	      area.holds(early_block));
	delete early_string;
	std::free(early_block);
	forms_of_new(area);
	new_fails();
	containers(area);
	opened_libraries(area, (std::string(argv[0]) + ".so").c_str());
	threads_that_end(area);
	destructors_of_threads(area);
	signal_handlers();
	return failures != 0;
}
