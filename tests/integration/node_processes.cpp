// SPDX-License-Identifier: BSD-2-Clause
/*
 * node_processes.cpp - executors whose messages come from other processes
 *
 * node_processes [NAME] runs all tests or one; "--publish TOPIC PERIOD_US" and
 * "--relay FROM TO" are the other processes: this program again.
 */
#include "node_check.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>

namespace {

using clock = std::chrono::steady_clock;

struct tick {
	uint64_t number = 0;
	uint64_t pid = 0;
	clock::time_point sent;
	std::vector<uint64_t> data;	/* each is .number */
};

bool intact(const tick &m)
{
	for (const uint64_t word : m.data)
		if (word != m.number)
			return false;
	return m.data.size() == 64;
}

/* This program in another process, until it is killed or this goes. */
class child {
public:
	child(const std::string &role, const std::string &a, const std::string &b) : pid_(fork())
	{
		if (pid_)
			return;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/proc/self/exe", "node_processes", role.c_str(), a.c_str(), b.c_str(), nullptr);
		_exit(127);
	}
	child(const child &) = delete;
	child &operator=(const child &) = delete;
	~child() { kill(SIGKILL); }

	pid_t pid() const { return pid_; }
	/* The wait status; 0 if it has ended before. */
	int kill(int signal)
	{
		int status = 0;

		if (pid_ <= 0)
			return 0;
		::kill(pid_, signal);
		waitpid(pid_, &status, 0);
		pid_ = -1;
		return status;
	}

private:
	pid_t pid_;
};

/* An executor that spins on threads of its own; what comes out of spin() is thrown by stop(). */
class spinner {
public:
	spinner(const agnocast::Node::SharedPtr &node, size_t threads) : executor_(threads)
	{
		executor_.add_node(node);
		start();
	}
	~spinner()
	{
		if (thread_.joinable()) {
			executor_.cancel();
			thread_.join();
		}
	}
	void start()
	{
		thread_ = std::thread([this] {
			try {
				executor_.spin();
			} catch (...) {
				thrown_ = std::current_exception();
			}
			over_ = true;
		});
	}
	bool over() const { return over_; }
	void stop()
	{
		executor_.cancel();
		join();
	}
	void join()
	{
		thread_.join();
		over_ = false;
		if (std::exception_ptr thrown = std::exchange(thrown_, nullptr))
			std::rethrow_exception(thrown);
	}

private:
	agnocast::MultiThreadedExecutor executor_;
	std::thread thread_;
	std::exception_ptr thrown_;
	std::atomic<bool> over_{false};
};

agnocast::SubscriptionOptions in_group(const agnocast::Node::SharedPtr &node,
				       agnocast::CallbackGroupType type)
{
	agnocast::SubscriptionOptions options;

	options.callback_group = node->create_callback_group(type);
	return options;
}

void a_publisher_that_was_killed_is_heard_again()
{
	auto node = make_node();
	std::mutex mutex;
	std::map<uint64_t, uint64_t> heard;	/* by pid; the last number */
	std::vector<ipc_shared_ptr<const tick>> held;
	bool good = true;
	auto sub = node->create_subscription<tick>("killed", 10, [&](ipc_shared_ptr<const tick> &&m) {
		std::lock_guard<std::mutex> lock(mutex);
		const bool first = !heard.count(m->pid);

		good = good && intact(*m);
		heard[m->pid] = std::max(heard[m->pid], m->number);
		if (first)
			held.push_back(std::move(m));
	}, in_group(node, agnocast::CallbackGroupType::Reentrant));
	spinner spins(node, 3);

	for (size_t i = 0; i < 6; i++) {
		child publisher("--publish", "/ns/killed", "1000");
		const uint64_t pid = static_cast<uint64_t>(publisher.pid());

		eventually([&] {
			std::lock_guard<std::mutex> lock(mutex);
			return heard.count(pid) && heard[pid] >= 20;
		}, "the next one is heard");
		CHECK(publisher.kill(SIGKILL) == SIGKILL);
		/* What is held outlives its publisher. */
		std::lock_guard<std::mutex> lock(mutex);
		CHECK(held.size() == i + 1);
		for (const auto &m : held)
			CHECK(intact(*m));
	}
	spins.stop();
	CHECK(good);
	CHECK(sub->stats().held == 6);
	held.clear();
	CHECK(sub->stats().held == 0);
	eventually([&] { return sub->stats().publishers == 0; }, "the dead are let go");
}

void a_subscription_may_go_inside_its_own_callback()
{
	auto node = make_node();
	child publisher("--publish", "/ns/vanishing", "500");
	const auto options = in_group(node, agnocast::CallbackGroupType::Reentrant);

	for (const size_t threads : {1, 3}) {
		spinner spins(node, threads);

		for (int i = 0; i < 30; i++) {
			/* The callbacks share it: one may be about to run when its subscription goes. */
			struct vanishing {
				std::mutex mutex;
				agnocast::Subscription<tick>::SharedPtr sub;
				std::atomic<int> inside{0}, calls{0};
				std::atomic<bool> good{true}, reset{false};
			};
			const auto v = std::make_shared<vanishing>();
			std::weak_ptr<agnocast::Subscription<tick>> gone;
			{
				std::lock_guard<std::mutex> lock(v->mutex);
				v->sub = node->create_subscription<tick>("vanishing", 5, [v](ipc_shared_ptr<const tick> &&m) {
					v->inside++;
					{
						std::lock_guard<std::mutex> wait_for_sub(v->mutex);
						v->sub.reset();
					}
					/* Its message is still on loan. */
					v->good = v->good && intact(*m);
					m.reset();
					v->calls++;
					v->reset = true;
					v->inside--;
				}, options);
				gone = v->sub;
			}
			eventually([&] { return v->reset && !v->inside && gone.expired(); }, "it has gone");
			const int before = v->calls;
			CHECK(v->good);
			if (i % 10 == 0) {
				std::this_thread::sleep_for(5ms);
				/* At most what other threads had begun. */
				CHECK(v->calls - before < static_cast<int>(threads));
			}
		}
		spins.stop();
	}
}

void a_slow_callback_does_not_starve_a_rare_topic()
{
	auto node = make_node();
	std::vector<clock::time_point> slow;
	std::vector<size_t> between;	/* slow callbacks that began while a rare message waited */
	std::atomic<size_t> slow_calls{0}, rare_calls{0};
	uint64_t ticks = 0;
	bool good = true;
	auto fast_sub = node->create_subscription<tick>("often", 10, [&](auto &&m) {
		slow.push_back(clock::now());
		slow_calls++;
		good = good && intact(*m);
		std::this_thread::sleep_for(3ms);	/* three messages come meanwhile */
	});
	auto rare_sub = node->create_subscription<tick>("rarely", 10, [&](auto &&m) {
		size_t n = 0;

		while (n < slow.size() && slow[slow.size() - 1 - n] > m->sent)
			n++;
		between.push_back(n);
		rare_calls++;
	});
	auto timer = node->create_wall_timer(20ms, [&] { ticks++; });
	spinner spins(node, 1);
	child often("--publish", "/ns/often", "1000");
	child rarely("--publish", "/ns/rarely", "50000");

	eventually([&] { return slow_calls > 100 && rare_calls >= 10; }, "both call back");
	spins.stop();
	CHECK(good);
	CHECK(rare_sub->stats().dropped == 0);
	/* In its turn: behind the one that runs, and one that was ready before. */
	std::sort(between.begin(), between.end());
	CHECK(between[between.size() / 2] <= 2);
	/* And so the timer, which is due more often than the rare message. */
	CHECK(ticks >= between.size());
}

void timers_do_not_drift_while_messages_come()
{
	auto node = make_node();
	std::atomic<uint64_t> messages{0};
	auto sub = node->create_subscription<tick>("beside", 10, [&](auto &&) { messages++; },
						   in_group(node, agnocast::CallbackGroupType::Reentrant));
	std::atomic<int> calls{0};
	std::vector<clock::time_point> next;	/* as seen by each call */
	auto timer = node->create_wall_timer(10ms, [&](agnocast::TimerBase &self) {
		next.push_back(clock::now() + self.time_until_trigger());
		std::this_thread::sleep_for(2ms);
		calls++;
	});
	child publisher("--publish", "/ns/beside", "1000");
	spinner spins(node, 2);

	eventually([&] { return calls >= 60 && messages > 200; }, "60 ticks among messages");
	spins.stop();
	/* On the grid of the first one; the two looks at the clock are not at one time. */
	int off = 0;
	for (const auto at : next) {
		const auto phase = (at - next[0] + 5ms) % 10ms - 5ms;

		off += phase > 1ms || phase < -1ms;
	}
	CHECK(off <= 5);
}

void what_a_callback_throws_costs_no_other_message()
{
	auto node = make_node();
	auto pub = node->create_publisher<tick>("to_relay", 100);
	std::mutex mutex;
	std::map<uint64_t, int> calls;
	auto sub = node->create_subscription<tick>("from_relay", 100, [&](auto &&m) {
		std::lock_guard<std::mutex> lock(mutex);

		calls[m->number]++;
		if (m->number % 10 == 9)
			throw std::runtime_error("nine");
	}, in_group(node, agnocast::CallbackGroupType::Reentrant));
	child relay("--relay", "/ns/to_relay", "/ns/from_relay");
	spinner spins(node, 3);
	int thrown = 0;

	eventually([&] { return pub->get_subscription_count() == 1; }, "the relay is there");
	eventually([&] { return sub->stats().publishers == 1; }, "and heard");
	for (uint64_t i = 0; i < 50; i++) {
		auto m = pub->borrow_loaned_message();

		m->number = i;
		m->data.assign(64, i);
		pub->publish(std::move(m));
	}
	eventually([&] {
		if (spins.over()) {
			try {
				spins.join();
			} catch (const std::runtime_error &e) {
				thrown += !strcmp(e.what(), "nine");
			}
			spins.start();
		}
		std::lock_guard<std::mutex> lock(mutex);
		return calls.size() == 50;
	}, "all come, in spite of what is thrown");
	try {
		spins.stop();
	} catch (const std::runtime_error &) {
		thrown++;
	}
	/* Two callbacks that throw at the same time make one exception. */
	CHECK(thrown >= 1 && thrown <= 5);
	for (const auto &call : calls)
		CHECK(call.second == 1);
	CHECK(sub->stats().held == 0);
}

void a_chain_of_four_processes_loses_nothing()
{
	auto node = make_node();
	auto pub = node->create_publisher<tick>("chain0", 20);
	std::atomic<uint64_t> got{0};
	std::atomic<bool> good{true}, closed{false};
	constexpr uint64_t first_ones = UINT64_MAX;
	auto sub = node->create_subscription<tick>("chain3", 20, [&](auto &&m) {
		closed = true;
		if (m->number == first_ones)
			return;		/* may still come while the others do */
		good = good && intact(*m) && m->number == got;
		got++;
	});
	child a("--relay", "/ns/chain0", "/ns/chain1"), b("--relay", "/ns/chain1", "/ns/chain2"),
	      c("--relay", "/ns/chain2", "/ns/chain3");
	spinner spins(node, 2);

	/* Whole, as soon as a message comes out of its end. */
	eventually([&] {
		auto m = pub->borrow_loaned_message();

		if (closed)
			return true;
		m->number = first_ones;
		m->data.assign(64, first_ones);
		pub->publish(std::move(m));
		std::this_thread::sleep_for(50ms);
		return false;
	}, "the chain is closed");
	for (uint64_t i = 0; i < 2000; i++) {
		auto m = pub->borrow_loaned_message();

		m->number = i;
		m->data.assign(64, i);
		pub->publish(std::move(m));
		if (i % 10 == 9)
			eventually([&] { return got + 10 > i; }, "a message came through");
	}
	eventually([&] { return got == 2000; }, "all came through");
	CHECK(good);
}

/* ---- the other processes ---- */

int publish(const char *topic, const char *period_us)
{
	agnocast::init();
	auto node = make_node("publisher");
	auto pub = node->create_publisher<tick>(topic, 5);
	uint64_t number = 0;
	auto timer = node->create_wall_timer(std::chrono::microseconds(atol(period_us)), [&] {
		auto m = pub->borrow_loaned_message();

		m->number = ++number;
		m->pid = static_cast<uint64_t>(getpid());
		m->data.assign(64, number);
		m->sent = clock::now();
		/* A reader that was killed may hold us up for a moment. */
		if (pub->try_publish(m))
			number--;
	});

	agnocast::spin(node);
	return 0;
}

int relay(const char *from, const char *to)
{
	agnocast::init();
	auto node = make_node("relay");
	auto pub = node->create_publisher<tick>(to, 100);
	auto sub = node->create_subscription<tick>(from, 100, [&](auto &&m) {
		auto next = pub->borrow_loaned_message();

		*next = *m;
		pub->publish(std::move(next));
	});
	agnocast::MultiThreadedExecutor executor(2);

	executor.add_node(node);
	executor.spin();
	return 0;
}

#define TEST(name) {#name, name}
const node_test tests[] = {
	TEST(a_publisher_that_was_killed_is_heard_again),
	TEST(a_subscription_may_go_inside_its_own_callback),
	TEST(a_slow_callback_does_not_starve_a_rare_topic),
	TEST(timers_do_not_drift_while_messages_come),
	TEST(what_a_callback_throws_costs_no_other_message),
	TEST(a_chain_of_four_processes_loses_nothing),
};

} // namespace

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--publish"))
		return publish(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "--relay"))
		return relay(argv[2], argv[3]);
	alarm(100);
	return run_tests(tests, argc > 1 ? argv[1] : nullptr);
}
