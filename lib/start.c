/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start.c - whether and when this process joins
 *
 * Runs inside the first malloc, perhaps before libc has set environ: no
 * memory, no stdio but snprintf for what goes wrong. A join that fails leaves
 * nothing behind but its reason.
 */

#define _GNU_SOURCE 1
#include "start.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <uapi/agnocast.h>

#include "area.h"
#include "config.h"
#include "fork.h"
#include "heap_check.h"
#include "host.h"
#include "raw.h"
#include "text.h"
#include "window.h"

#define DUMP_MAPPED_SHARED	8	/* bit 3 of coredump_filter: core(5) */

extern void *__libc_stack_end;		/* ld.so's: argc, argv, NULL, environment */

struct registry_client registry = { .fd = -1 };
struct thread_sched start_thread_sched = { .policy = -1 };
enum start_state start_state;

static uint32_t gate;			/* 0 idle, 1 joining, 2 joining and awaited, 3 done */
static long joiner;			/* thread that joins */
static long member_pid;			/* a raw clone of us is not us */
static int status;			/* of START_ALONE */
static char reason[640];
static void (*hooks[4])(void);
static void (*caller_prepares)(void);	/* the joiner's; or NULL */
static unsigned long dump_filter = DUMP_MAPPED_SHARED;	/* as it was before the join */

static char *const *environment(void)
{
	long argc;

	if (environ || !__libc_stack_end)
		return environ;
	argc = *(long *)__libc_stack_end;
	return (char *const *)__libc_stack_end + argc + 2;
}

static int say(int err, const char *text)
{
	snprintf(reason, sizeof(reason), "%s", text);
	return err;
}

static int say_version(const struct agnocast_version *version)
{
	snprintf(reason, sizeof(reason), "the registry at %s is release %.31s with ABI %u, this "
		 "library needs ABI %u: install both from one release", registry.address,
		 version->version, version->abi, AGNOCAST_ABI_VERSION);
	return -EPROTO;
}

static void write_dump_filter(int fd, unsigned long filter)
{
	char text[32] = "0x";

	text_add_number(text, sizeof(text), filter, 16);
	raw_write(fd, text, strlen(text));
}

/*
 * A core dump without the heap would be useless; the kernel's default omits it.
 */
static void set_dump_filter(void)
{
	int fd = raw_open("/proc/self/coredump_filter", O_RDWR, 0);
	char text[32] = "";

	if (fd < 0)
		return;
	if (raw_read(fd, text, sizeof(text) - 1) > 0) {
		dump_filter = text_hex(text);
		if (!(dump_filter & DUMP_MAPPED_SHARED))
			write_dump_filter(fd, dump_filter | DUMP_MAPPED_SHARED);
	}
	raw_close(fd);
}

/* While the registry works on the join. */
static void meanwhile(void)
{
	if (registry.daemon)	/* the device has answered already */
		area_begin(registry.address);
	set_dump_filter();
	if (caller_prepares)
		caller_prepares();
}

/* A join that failed. */
static void restore_dump_filter(void)
{
	int fd = dump_filter & DUMP_MAPPED_SHARED ? -1 :
		 raw_open("/proc/self/coredump_filter", O_RDWR, 0);

	if (fd < 0)
		return;
	write_dump_filter(fd, dump_filter);
	raw_close(fd);
}

static int new_shm(const struct config *config, struct agnocast_version *version,
		   struct agnocast_new_shm *shm)
{
	int ret;

	*shm = (struct agnocast_new_shm){
		.abi = AGNOCAST_ABI_VERSION, .mempool_size = config->mempool_size,
	};
	ret = registry_client_join(&registry, version, shm, meanwhile);
	if (version->abi && version->abi != AGNOCAST_ABI_VERSION)
		return say_version(version);
	if (!version->abi)
		snprintf(reason, sizeof(reason), "the registry at %s does not answer: %s",
			 registry.address, strerrordesc_np(-ret));
	else if (ret == -ENOSPC)
		snprintf(reason, sizeof(reason), "all %u areas of the registry are taken: end "
			 "some processes, or start it with more areas",
			 version->sessions_max);
	else if (ret)
		snprintf(reason, sizeof(reason), "the registry at %s refused to let this "
			 "process join: %s", registry.address, strerrordesc_np(-ret));
	return ret;
}

static int say_ready(int ret)
{
	if (ret)
		snprintf(reason, sizeof(reason), "the registry at %s did not accept %s: %s",
			 registry.address, own_area.shm_name, strerrordesc_np(-ret));
	return ret;
}

/* Nobody waits: a refusal is heard at the first API call, since it is not for the heap. */
static int area_ready(void)
{
	struct agnocast_fd args = { .fd_in = area_fd(), .fd_out = -1 };

	if (args.fd_in < 0)
		return say_ready(args.fd_in);
	registry_client_post(&registry, AGNOCAST_AREA_READY_CMD, &args);
	return 0;
}

/* The host may have closed the descriptor before the reply was read: asked again, then. */
static int area_settle(void)
{
	int ret = registry_client_settle(&registry);

	if (ret == -ENOTCONN && !area_ready())
		ret = registry_client_settle(&registry);
	return ret == -EALREADY ? 0 : ret;
}

static void leave(void)
{
	struct agnocast_leave args = { 0 };

	registry_client_call(&registry, AGNOCAST_LEAVE_CMD, &args);
}

/* The window is reserved, the registry gave us a place in it. */
static int take_area(const struct config *config, const struct agnocast_new_shm *shm)
{
	int ret = area_create(shm, config, registry.address, reason, sizeof(reason));

	if (ret)
		return ret;
	text_add(own_area.header->registry, sizeof(own_area.header->registry), registry.address);
	ret = area_ready();
	if (ret)
		area_destroy();
	return ret;
}

static int join_registry(struct config *config, char *const *env)
{
	struct agnocast_version version = { 0 };
	struct agnocast_new_shm shm;
	int ret;

	ret = registry_client_open(&registry, config->registry, reason, sizeof(reason));
	if (ret)
		return ret;
	ret = new_shm(config, &version, &shm);
	if (ret)
		goto err_close;
	ret = window_reserve(version.window_base, version.area_size, version.sessions_max,
			     reason, sizeof(reason));
	if (ret)
		goto err_leave;
	ret = config_fit(config, env, version.area_size - AGNOCAST_CONTROL_SIZE,
			 reason, sizeof(reason));
	if (!ret)
		ret = take_area(config, &shm);
	if (!ret)
		return 0;

	window_unreserve();
err_leave:
	leave();
err_close:
	registry_client_close(&registry);
	area_destroy();
	restore_dump_filter();
	return ret;
}

static enum start_state join(void)
{
	char *const *env = environment();
	struct config config;
	int ret = config_read(&config, env, reason, sizeof(reason));

	if (getauxval(AT_SECURE)) {	/* not what an unprivileged caller says */
		config.registry = NULL;
		config.thread_policy = -1;
	}
	if (!ret)
		ret = host_check(env, reason, sizeof(reason));
	if (!ret)
		ret = join_registry(&config, env);
	if (!ret) {
		member_pid = raw_call(SYS_getpid);
		start_thread_sched = (struct thread_sched){
			.policy = config.thread_policy, .priority = config.thread_priority,
		};
		if (host_heap_is_ours()) {
			heap_checked = config.heap_check;
			reason[0] = 0;
			return START_MEMBER;
		}
		say(0, host_heap_reason());
		return START_GUEST;
	}
	status = ret;
	if (config.strict) {
		raw_write(STDERR_FILENO, "agnocast: ", 10);
		raw_write(STDERR_FILENO, reason, strlen(reason));
		raw_write(STDERR_FILENO, "\n", 1);
		raw_call(SYS_exit_group, 1);
	}
	return START_ALONE;
}

static bool gate_enter(void)
{
	uint32_t idle = 0;

	if (!__atomic_compare_exchange_n(&gate, &idle, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&joiner, raw_call(SYS_gettid), __ATOMIC_RELAXED);
	return true;
}

static void gate_open(void)
{
	if (__atomic_exchange_n(&gate, 3, __ATOMIC_RELEASE) == 2)
		raw_call(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

/* Until the thread that joins is through. */
static void gate_wait(void)
{
	uint32_t seen = __atomic_load_n(&gate, __ATOMIC_ACQUIRE);

	while (seen == 1 || seen == 2) {
		if (seen == 2 || __atomic_compare_exchange_n(&gate, &seen, 2, false,
							     __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			raw_call(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 2, NULL);
		seen = __atomic_load_n(&gate, __ATOMIC_ACQUIRE);
	}
}

enum start_state start_with(void (*prepare)(void))
{
	enum start_state state = __atomic_load_n(&start_state, __ATOMIC_ACQUIRE);
	int saved = errno;

	if (state != START_NOT_YET)
		return state;
	if (gate_enter()) {
		caller_prepares = prepare;
		__atomic_store_n(&start_state, join(), __ATOMIC_RELEASE);
		gate_open();
	} else if (__atomic_load_n(&joiner, __ATOMIC_RELAXED) == raw_call(SYS_gettid)) {
		errno = saved;
		return START_NOT_YET;		/* the join itself allocates: from libc */
	} else {
		gate_wait();
	}
	errno = saved;
	return __atomic_load_n(&start_state, __ATOMIC_ACQUIRE);
}

void start_settle(void)
{
	if (__atomic_load_n(&joiner, __ATOMIC_RELAXED) != raw_call(SYS_gettid))
		gate_wait();
}

bool start_is_member(void)
{
	enum start_state state = __atomic_load_n(&start_state, __ATOMIC_ACQUIRE);

	return state == START_MEMBER || state == START_GUEST;
}

int start_status(void)
{
	switch (start_once()) {
	case START_GUEST:
	case START_MEMBER:
		return say_ready(area_settle());
	case START_GUEST_CHILD:
	case START_CHILD:
		return -ECHILD;
	default:
		return status;
	}
}

const char *start_reason(void)
{
	start_once();
	return reason;
}

void start_hooks(void (*at_exit)(void), void (*prepare)(void),
		 void (*in_parent)(void), void (*in_child)(void))
{
	hooks[HOOK_EXIT] = at_exit;
	hooks[HOOK_PREPARE] = prepare;
	hooks[HOOK_PARENT] = in_parent;
	hooks[HOOK_CHILD] = in_child;
}

void start_run_hook(enum start_hook which)
{
	if (hooks[which])
		hooks[which]();
}

void start_become_child(void)
{
	registry_client_forget(&registry);
	say(-ECHILD, "this process was forked from a member of Agnocast and has a private "
	    "copy of its heap: exec a program, which joins anew");
	__atomic_store_n(&start_state, start_state == START_GUEST ? START_GUEST_CHILD :
			 START_CHILD, __ATOMIC_RELEASE);
}

/* First of all constructors (-z initfirst), so that our fork handlers are innermost. */
__attribute__((constructor)) static void begin(void)
{
	const char *strict = config_get(environment(), "AGNOCAST_STRICT");

	fork_register();
	if (strict && *strict && strcmp(strict, "0"))
		start_once();
}

/* Last of all destructors. The heap stays usable: others may still free. */
__attribute__((destructor)) static void end(void)
{
	struct agnocast_leave nothing = { 0 };

	if (!start_is_member() || raw_call(SYS_getpid) != member_pid)
		return;
	start_run_hook(HOOK_EXIT);
	if (heap_checked)
		heap_check_all();
	area_unlink();
	if (own_area.header->participant)
		leave();
	else	/* nobody waits for a bystander to be gone, nor should it wait */
		registry_client_post(&registry, AGNOCAST_LEAVE_CMD, &nothing);
}
