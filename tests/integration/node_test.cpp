// SPDX-License-Identifier: BSD-2-Clause
/*
 * node_test.cpp - nodes, callbacks, timers and executors, in one process
 *
 * node_test [NAME] runs all tests or one.
 */
#include "node_check.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<int> alive{0};	/* of type counted */

struct counted {
	counted() { alive++; }
	~counted() { alive--; }
};

template <class Error>
std::string error_of(const std::function<void()> &call)
{
	try {
		call();
	} catch (const Error &e) {
		return e.what();
	}
	return "";
}

bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

void each_message_is_called_back_once_and_in_place()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("numbers", 10);
	std::vector<const sample *> sent;
	std::vector<uint64_t> got;
	bool in_place = true;
	auto sub = node->create_subscription<sample>("numbers", 10, [&](const ipc_shared_ptr<const sample> &m) {
		got.push_back(m->number);
		in_place = in_place && sent[m->number] == m.get() && m->data.back() == m->number;
	});
	agnocast::SingleThreadedExecutor executor;

	CHECK(sub->get_topic_name() == "/ns/numbers");
	CHECK(pub->get_subscription_count() == 1);
	executor.add_node(node);
	for (uint64_t i = 0; i < 1000; i++) {
		auto m = pub->borrow_loaned_message();

		m->number = i;
		m->data.assign(10, i);
		sent.push_back(m.get());
		pub->publish(std::move(m));
		if (i % 10 == 9)
			executor.spin_some();
	}
	CHECK(in_place);
	CHECK(got.size() == 1000);
	for (uint64_t i = 0; i < got.size(); i++)
		CHECK(got[i] == i);
	CHECK(sub->stats().held == 0);
}

void callbacks_may_take_the_message_in_any_way()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("~/any", 10);
	int calls = 0;
	std::vector<ipc_shared_ptr<const sample>> kept;
	auto a = node->create_subscription<sample>("~/any", 10, [&](const ipc_shared_ptr<const sample> &) { calls++; });
	auto b = node->create_subscription<sample>("~/any", 10, [&](ipc_shared_ptr<const sample> &&m) { calls++; kept.push_back(std::move(m)); });
	auto c = node->create_subscription<sample>("~/any", 10, [&](ipc_shared_ptr<const sample>) { calls++; });
	auto d = node->create_subscription<sample>("~/any", 10, [&](const ipc_shared_ptr<sample> &) { calls++; });
	auto e = agnocast::create_subscription<sample>(node.get(), "~/any", 10, [&](ipc_shared_ptr<sample> &&) { calls++; });
	auto f = node->create_subscription<sample>("~/any", 10, [&](auto &&m) { calls += m->number == 7; });
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	CHECK(pub->get_topic_name() == "/ns/tester/any");
	send(pub, 7);
	executor.spin_some();
	CHECK(calls == 6);
	CHECK(kept.size() == 1 && kept[0]->number == 7);
	CHECK(b->stats().held == 1);
	kept.clear();
	CHECK(b->stats().held == 0);
}

void loans_are_destroyed_once_and_only_here()
{
	{
		auto node = make_node();
		auto pub = node->create_publisher<counted>("counted", 1);

		{
			auto unpublished = pub->borrow_loaned_message();
			auto copy = unpublished;

			CHECK(alive == 1);
			unpublished.reset();
			CHECK(alive == 1 && copy);
		}
		CHECK(alive == 0);
		auto m = pub->borrow_loaned_message();
		auto copy = m;
		pub->publish(std::move(m));
		CHECK(!m && !copy);
		CHECK(alive == 1);
		for (int i = 0; i < 10; i++) {
			pub->publish(pub->borrow_loaned_message());
			CHECK(alive == 1);
		}
	}
	eventually([] { return alive == 0; }, "the last one is destroyed");
	auto node = make_node();
	auto deep = node->create_publisher<counted>("deep", 10);
	for (int i = 0; i < 50; i++) {
		deep->publish(deep->borrow_loaned_message());
		CHECK(alive <= 15);
	}
	eventually([] { return alive == 10; }, "no more than the depth are kept");
}

void what_cannot_be_published_stays_the_callers()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("wrong", 1);
	ipc_shared_ptr<sample> empty;
	ipc_shared_ptr<sample> received;
	auto sub = node->create_subscription<sample>("wrong", 1, [&](ipc_shared_ptr<sample> &&m) { received = std::move(m); });
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	CHECK(contains(error_of<std::invalid_argument>([&] { pub->publish(std::move(empty)); }), "/ns/wrong"));
	send(pub, 1);
	executor.spin_some();
	CHECK(received && received->number == 1);
	CHECK(contains(error_of<std::invalid_argument>([&] { pub->publish(std::move(received)); }), "borrow_loaned_message"));
	CHECK(received && received->number == 1);
}

void wrong_names_and_depths_are_named()
{
	CHECK(contains(error_of<std::invalid_argument>([] { agnocast::Node node("a/b"); }), "a/b"));
	CHECK(contains(error_of<std::invalid_argument>([] { agnocast::Node node(""); }), "1 to 63 bytes"));
	CHECK(contains(error_of<std::invalid_argument>([] { agnocast::Node node("n", "ns"); }), "\"ns\""));
	CHECK(contains(error_of<std::invalid_argument>([] { agnocast::QoS qos(0); }), "QoS depth 0"));
	CHECK(contains(error_of<std::invalid_argument>([] { make_node()->create_wall_timer(0ms, [] {}); }), "period"));
	CHECK(contains(error_of<std::system_error>([] { make_node()->create_publisher<sample>("", 1); }), "topic"));
	CHECK(agnocast::Node("n").get_fully_qualified_name() == "/n");
	CHECK(agnocast::Node("n", "/a/b").get_fully_qualified_name() == "/a/b/n");
}

void a_busy_topic_starves_nobody()
{
	auto node = make_node();
	auto busy = node->create_publisher<sample>("busy", 10);
	auto quiet = node->create_publisher<sample>("quiet", 10);
	int busy_calls = 0, between = -1;
	bool timer_ran = false;
	auto a = node->create_subscription<sample>("busy", 10, [&](auto &&m) {
		if (++busy_calls == 100)
			send(quiet, 1);
		if (busy_calls < 100000)
			send(busy, m->number + 1);
	});
	auto b = node->create_subscription<sample>("quiet", 10, [&](auto &&) { between = busy_calls - 100; });
	auto timer = node->create_wall_timer(1ms, [&] { timer_ran = true; });
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	for (int i = 0; i < 5; i++)
		send(busy, 0);
	while (between < 0 || !timer_ran)
		executor.spin_once();
	CHECK(between <= 2);
	CHECK(busy_calls < 100000);
}

void spin_some_ends_though_more_comes()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("endless", 10);
	auto other = node->create_publisher<sample>("other", 10);
	int calls = 0, others = 0, ticks = 0;
	auto a = node->create_subscription<sample>("endless", 10, [&](auto &&m) {
		calls++;
		send(pub, m->number + 1);
	});
	auto b = node->create_subscription<sample>("other", 10, [&](auto &&) { others++; });
	/* Longer than its period: due again whenever it ends. */
	auto timer = node->create_wall_timer(1ms, [&] { ticks++; std::this_thread::sleep_for(2ms); });
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	for (uint64_t i = 0; i < 5; i++) {
		send(pub, i);
		send(other, i);
	}
	std::this_thread::sleep_for(2ms);
	executor.spin_some();
	/* All that was there; of what came, one at most. */
	CHECK(others == 5);
	CHECK(calls >= 5 && calls <= 6);
	CHECK(ticks >= 1 && ticks <= 2);
	executor.spin_some();
	CHECK(calls > 9);
}

void times_may_be_as_long_as_they_can()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("long", 10);
	int calls = 0;
	auto sub = node->create_subscription<sample>("long", 10, [&](auto &&) { calls++; });
	auto timer = node->create_wall_timer(std::chrono::nanoseconds::max(), [&] { calls += 100; });
	agnocast::SingleThreadedExecutor executor;
	std::thread later([&] { std::this_thread::sleep_for(20ms); send(pub, 1); });

	executor.add_node(node);
	CHECK(!timer->is_canceled());
	executor.spin_once(std::chrono::nanoseconds::max());
	later.join();
	CHECK(calls == 1);
	send(pub, 2);
	executor.spin_some(std::chrono::nanoseconds::max());
	CHECK(calls == 2);
	agnocast::subscription<sample> plain("/long/plain");
	CHECK(!plain.take(std::chrono::nanoseconds(1)));
	agnocast::publisher<sample> plain_pub("/long/plain");
	std::thread soon([&] { std::this_thread::sleep_for(20ms); plain_pub.publish(plain_pub.loan()); });
	CHECK(plain.take(std::chrono::hours::max()));
	soon.join();
}

void callbacks_of_an_exclusive_group_never_meet()
{
	auto node = make_node();
	auto group = node->create_callback_group(agnocast::CallbackGroupType::MutuallyExclusive);
	auto pub = node->create_publisher<sample>("exclusive", 100);
	std::atomic<int> inside{0}, most{0}, calls{0};
	std::set<std::thread::id> threads;
	auto work = [&](auto &&) {
		most = std::max(most.load(), ++inside);
		threads.insert(std::this_thread::get_id());	/* exclusive: needs no lock */
		std::this_thread::sleep_for(100us);
		inside--;
		calls++;
	};
	agnocast::SubscriptionOptions options;
	options.callback_group = group;
	auto a = node->create_subscription<sample>("exclusive", 100, work, options);
	auto b = node->create_subscription<sample>("exclusive", 100, work, options);
	agnocast::MultiThreadedExecutor executor(4);
	std::thread spinner([&] { executor.add_node(node); executor.spin(); });

	for (uint64_t i = 0; i < 100; i++)
		send(pub, i);
	eventually([&] { return calls == 200; }, "200 calls");
	executor.cancel();
	spinner.join();
	CHECK(most == 1);
}

void callbacks_of_a_reentrant_group_meet()
{
	auto node = make_node();
	auto group = node->create_callback_group(agnocast::CallbackGroupType::Reentrant);
	auto pub = node->create_publisher<sample>("reentrant", 100);
	std::atomic<int> inside{0};
	std::atomic<bool> met{false};
	agnocast::SubscriptionOptions options;
	options.callback_group = group;
	auto sub = node->create_subscription<sample>("reentrant", 100, [&](auto &&) {
		inside++;
		eventually([&] { return inside >= 3 || met; }, "three at once");
		met = true;
		inside--;
	}, options);
	agnocast::MultiThreadedExecutor executor(3);
	std::thread spinner([&] { executor.add_node(node); executor.spin(); });

	for (uint64_t i = 0; i < 3; i++)
		send(pub, i);
	eventually([&] { return met.load(); }, "they meet");
	executor.cancel();
	spinner.join();
}

void a_busy_group_does_not_hold_up_others_nor_spin()
{
	auto node = make_node();
	auto slow_pub = node->create_publisher<sample>("slow", 10);
	auto fast_pub = node->create_publisher<sample>("fast", 10);
	agnocast::SubscriptionOptions own;
	own.callback_group = node->create_callback_group(agnocast::CallbackGroupType::MutuallyExclusive);
	std::atomic<bool> go{false};
	std::atomic<int> fast{0}, slow{0};
	auto a = node->create_subscription<sample>("slow", 10, [&](auto &&) {
		eventually([&] { return go.load(); }, "go");
		slow++;
	});
	auto b = node->create_subscription<sample>("fast", 10, [&](auto &&) { fast++; }, own);
	agnocast::MultiThreadedExecutor executor(2);
	std::thread spinner([&] { executor.add_node(node); executor.spin(); });
	timespec before, after;

	/* Two of them: the second is ready while its group is busy. */
	send(slow_pub, 1);
	send(slow_pub, 2);
	for (int i = 1; i <= 10; i++) {
		send(fast_pub, 1);
		eventually([&] { return fast == i; }, "the other group goes on");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	std::this_thread::sleep_for(300ms);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	go = true;
	eventually([&] { return slow == 2; }, "both slow ones");
	executor.cancel();
	spinner.join();
	const auto cpu = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	/* eventually() itself looks a thousand times a second. */
	CHECK(cpu < 100);
}

void timers_keep_their_period_and_leave_out_what_was_missed()
{
	auto node = make_node();
	std::vector<std::chrono::steady_clock::time_point> at;
	const auto start = std::chrono::steady_clock::now();
	auto timer = node->create_wall_timer(20ms, [&] {
		at.push_back(std::chrono::steady_clock::now());
		if (at.size() == 3)
			std::this_thread::sleep_for(70ms);	/* misses three */
	});
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	while (at.size() < 6)
		executor.spin_once();
	for (size_t i = 0; i < at.size(); i++)
		CHECK(at[i] >= start + 20ms * (i + 1));		/* never early */
	/* Not in a burst: each after its own point of the grid. */
	CHECK((at[5] - start) / 20ms > (at[4] - start) / 20ms);
	CHECK(at[5] - start >= 160ms);
}

void timers_can_be_cancelled_reset_and_dropped()
{
	auto node = make_node();
	int calls = 0;
	auto timer = node->create_wall_timer(1ms, [&](agnocast::TimerBase &self) {
		if (++calls == 3)
			self.cancel();
	});
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	while (!timer->is_canceled())
		executor.spin_once();
	CHECK(calls == 3);
	executor.spin_once(20ms);
	CHECK(calls == 3);
	CHECK(timer->time_until_trigger() == std::chrono::nanoseconds::max());
	/* From another thread, while the executor sleeps without any timer. */
	std::thread other([&] { std::this_thread::sleep_for(20ms); timer->reset(); });
	executor.spin_once(20s);
	other.join();
	CHECK(calls == 4);
	timer.reset();
	executor.spin_once(20ms);
	CHECK(calls == 4);
}

void cancel_ends_spin_from_a_thread_and_from_a_callback()
{
	auto node = make_node();
	agnocast::MultiThreadedExecutor executor(3);
	std::thread other([&] { std::this_thread::sleep_for(20ms); executor.cancel(); });

	executor.add_node(node);
	executor.spin();
	other.join();
	auto timer = node->create_wall_timer(1ms, [&] { executor.cancel(); });
	executor.spin();
	executor.spin();
}

void what_a_callback_throws_comes_out_of_spin()
{
	auto node = make_node();
	int calls = 0;
	auto timer = node->create_wall_timer(1ms, [&] {
		if (++calls == 1)
			throw std::runtime_error("from the callback");
	});
	agnocast::SingleThreadedExecutor single;
	agnocast::MultiThreadedExecutor several(3);

	single.add_node(node);
	CHECK(error_of<std::runtime_error>([&] { single.spin(); }) == "from the callback");
	single.spin_once();
	CHECK(calls == 2);
	single.remove_node(node);
	calls = 0;
	several.add_node(node);
	CHECK(error_of<std::runtime_error>([&] { several.spin(); }) == "from the callback");
}

void who_holds_too_much_hears_of_it_and_goes_on_later()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("hoard", 100);
	std::vector<ipc_shared_ptr<const sample>> hoard;
	auto sub = node->create_subscription<sample>("hoard", 100, [&](ipc_shared_ptr<const sample> &&m) {
		hoard.push_back(std::move(m));
	});
	agnocast::SingleThreadedExecutor executor;

	executor.add_node(node);
	for (uint64_t i = 0; i < 70; i++)
		send(pub, i);
	CHECK(contains(error_of<std::system_error>([&] { executor.spin_some(); }), "release one"));
	CHECK(hoard.size() == 64);
	for (uint64_t i = 0; i < 64; i++)
		CHECK(hoard[i]->number == i && hoard[i]->data.back() == i);
	hoard.clear();
	executor.spin_some();
	CHECK(hoard.size() == 6 && hoard.back()->number == 69);
}

void a_node_is_in_one_executor()
{
	auto node = make_node();
	agnocast::SingleThreadedExecutor a, b;

	a.add_node(node);
	CHECK(contains(error_of<std::runtime_error>([&] { b.add_node(node); }), "/ns/tester"));
	a.remove_node(node);
	b.add_node(node);
}

void subscriptions_come_and_go_while_others_spin()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("come_and_go", 10);
	std::atomic<uint64_t> calls{0};
	agnocast::MultiThreadedExecutor executor(2);
	std::thread spinner([&] { executor.add_node(node); executor.spin(); });

	for (int i = 0; i < 200; i++) {
		const uint64_t before = calls;
		auto sub = node->create_subscription<sample>("come_and_go", 10, [&](auto &&m) {
			calls += m->data.back() == m->number;
		});

		send(pub, static_cast<uint64_t>(i));
		if (i % 4 == 0)
			eventually([&] { return calls > before; }, "a callback");
	}
	executor.cancel();
	spinner.join();
	const uint64_t after = calls;
	send(pub, 1);
	agnocast::SingleThreadedExecutor rest;
	executor.remove_node(node);
	rest.add_node(node);
	rest.spin_some();
	CHECK(calls == after);
}

void polling_gives_the_latest_and_the_same_again()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("polled", 10);
	auto sub = node->create_subscription<sample>("polled", 10);

	CHECK(!sub->takeData());
	send(pub, 1);
	send(pub, 2);
	CHECK(sub->takeData()->number == 2);
	CHECK(sub->takeData()->number == 2);
	send(pub, 3);
	CHECK(sub->takeData()->number == 3);
}

void transient_local_comes_at_once()
{
	auto node = make_node();
	auto pub = node->create_publisher<sample>("kept", agnocast::QoS(3).transient_local());
	std::vector<uint64_t> got;

	for (uint64_t i = 0; i < 5; i++)
		send(pub, i);
	auto sub = node->create_subscription<sample>("kept", agnocast::QoS(2).transient_local(),
						     [&](auto &&m) { got.push_back(m->number); });
	agnocast::SingleThreadedExecutor executor;
	executor.add_node(node);
	executor.spin_some();
	CHECK((got == std::vector<uint64_t>{3, 4}));
}

void a_waitset_waits_for_subscriptions_descriptors_and_threads()
{
	agnocast::publisher<sample> pub("/waited");
	agnocast::subscription<sample> sub("/waited");
	agnocast::waitset set;
	const int fd = eventfd(0, EFD_CLOEXEC);
	agnocast::waitset_event ready[4];
	const uint64_t one = 1;

	set.add(sub, 5);
	set.add_fd(fd, EPOLLIN, 6);
	CHECK(set.wait(std::chrono::steady_clock::now(), ready, 4) == 0);
	pub.publish(pub.loan());
	CHECK(set.wait(std::chrono::steady_clock::time_point::max(), ready, 4) == 1 && ready[0].id == 5);
	CHECK(sub.take(0ms));
	CHECK(set.wait(std::chrono::steady_clock::now(), ready, 4) == 0);
	CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
	CHECK(set.wait(std::chrono::steady_clock::time_point::max(), ready, 4) == 1 && ready[0].id == 6 && ready[0].events == EPOLLIN);
	CHECK(set.remove_fd(fd));
	std::thread other([&] { std::this_thread::sleep_for(10ms); set.wake(); });
	CHECK(set.wait(std::chrono::steady_clock::time_point::max(), ready, 4) == 0);
	other.join();
	CHECK(set.remove(sub) && !set.remove(sub));
	close(fd);
}

void a_signal_ends_spin()
{
	int ready[2], status = 0;
	char byte;

	CHECK(!pipe(ready));
	const pid_t pid = fork();
	if (!pid) {
		dup2(ready[1], STDOUT_FILENO);
		execl("/proc/self/exe", "node_test", "--spin", nullptr);
		_exit(127);
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	kill(pid, SIGINT);
	eventually([&] { return waitpid(pid, &status, WNOHANG) == pid; }, "the child ends");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void a_signal_writes_into_no_file_of_the_hosts()
{
	int status = 0;
	const pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "node_test", "--spin-closed", nullptr);
		_exit(127);
	}
	eventually([&] { return waitpid(pid, &status, WNOHANG) == pid; }, "the child ends");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void shutdown_ends_spin_and_all_to_come()
{
	auto node = make_node();
	std::thread other([] { std::this_thread::sleep_for(10ms); agnocast::shutdown(); });

	CHECK(agnocast::ok());
	agnocast::spin(node);
	other.join();
	CHECK(!agnocast::ok());
	agnocast::spin(node);
}

#define TEST(name) {#name, name}
const node_test tests[] = {
	TEST(each_message_is_called_back_once_and_in_place),
	TEST(callbacks_may_take_the_message_in_any_way),
	TEST(loans_are_destroyed_once_and_only_here),
	TEST(what_cannot_be_published_stays_the_callers),
	TEST(wrong_names_and_depths_are_named),
	TEST(a_busy_topic_starves_nobody),
	TEST(spin_some_ends_though_more_comes),
	TEST(times_may_be_as_long_as_they_can),
	TEST(callbacks_of_an_exclusive_group_never_meet),
	TEST(callbacks_of_a_reentrant_group_meet),
	TEST(a_busy_group_does_not_hold_up_others_nor_spin),
	TEST(timers_keep_their_period_and_leave_out_what_was_missed),
	TEST(timers_can_be_cancelled_reset_and_dropped),
	TEST(cancel_ends_spin_from_a_thread_and_from_a_callback),
	TEST(what_a_callback_throws_comes_out_of_spin),
	TEST(who_holds_too_much_hears_of_it_and_goes_on_later),
	TEST(a_node_is_in_one_executor),
	TEST(subscriptions_come_and_go_while_others_spin),
	TEST(polling_gives_the_latest_and_the_same_again),
	TEST(transient_local_comes_at_once),
	TEST(a_waitset_waits_for_subscriptions_descriptors_and_threads),
	TEST(a_signal_ends_spin),
	TEST(a_signal_writes_into_no_file_of_the_hosts),
	TEST(shutdown_ends_spin_and_all_to_come),
};

/* Says so once it spins. */
int spin_until_signal()
{
	agnocast::init();
	auto node = make_node();
	auto timer = node->create_wall_timer(1ms, [](agnocast::TimerBase &self) {
		self.cancel();
		if (write(STDOUT_FILENO, "s", 1) != 1)
			_exit(1);
	});

	agnocast::spin(node);
	return 0;
}

/* Closes all descriptors, has files of its own there, goes on, and ends by a signal. */
int spin_with_files()
{
	agnocast::init();
	auto node = make_node();
	int calls = 0, file = -1;
	auto timer = node->create_wall_timer(5ms, [&] {
		if (++calls == 1) {
			close_range(3, ~0U, 0);
			file = memfd_create("the host's", 0);
			for (int fd = file + 1; fd < 200; fd++)
				dup2(file, fd);
		} else if (calls == 3) {
			raise(SIGTERM);
		}
	});

	agnocast::spin(node);
	return calls >= 3 && lseek(file, 0, SEEK_END) == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
	alarm(100);
	if (argc > 1 && !strcmp(argv[1], "--spin"))
		return spin_until_signal();
	if (argc > 1 && !strcmp(argv[1], "--spin-closed"))
		return spin_with_files();
	return run_tests(tests, argc > 1 ? argv[1] : nullptr);
}
