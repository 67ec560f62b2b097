// SPDX-License-Identifier: BSD-2-Clause
/* explain.c - what a failed call means here, and what to do about it */

#include "explain.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct {
	const char	*call;
	int		error;
	const char	*text;
} rows[] = {
	{ "shm_open", EEXIST, "left by a killed process whose pid came again; agnocast doctor --clean" },
	{ "shm_open", ENOENT, "its owner has ended, or /dev/shm differs (container without --ipc=host)" },
	{ "shm_open", EACCES, "other user or group: run as the same user or in the group agnocast" },
	{ "shm_open", EMFILE, "out of descriptors: raise RLIMIT_NOFILE (ulimit -n)" },
	{ "shm_open", ENFILE, "the system is out of descriptors: raise fs.file-max" },
	{ "shm_open", ENOSPC, "/dev/shm has no inode left: remount it with more nr_inodes" },
	{ "mmap", EEXIST, "the addresses are taken in this process; another window base avoids it" },
	{ "mmap", EPERM, "a sanitizer (TSan, MSan) replaced the address; build without it" },
	{ "mmap", ENOMEM, "over RLIMIT_AS, vm.max_map_count or the CPU's address space" },
	{ "mmap", EAGAIN, "mlockall(MCL_FUTURE) meets RLIMIT_MEMLOCK: raise it (ulimit -l)" },
	{ "mmap", EINVAL, "address or size is no multiple of the page size" },
	{ "mmap", EACCES, "a writable mapping of a file opened for reading: two versions mixed?" },
	{ "mmap", ENODEV, "/dev/shm is no tmpfs" },
	{ "map", EEXIST, "the addresses are taken in the reader; another window base avoids it" },
	{ "map", ENOMEM, "the reader is over RLIMIT_AS or vm.max_map_count" },
	{ "map", EACCES, "the reader may not open that memory: other user or group" },
	{ "map", EAGAIN, "mlockall(MCL_FUTURE) meets RLIMIT_MEMLOCK in the reader" },
	{ "map", ESTALE, "the memory there is another process's by now; the reader will try again" },
	{ "map", ENOENT, "the memory is not in the reader's /dev/shm (container without --ipc=host)" },
	{ "mq_open", ENOENT, "the peer has no queue (yet): it will hear from the registry instead" },
	{ "mq_open", ENOSPC, "no queue left: raise fs.mqueue.queues_max; only delays new peers" },
	{ "mq_open", EMFILE, "over RLIMIT_MSGQUEUE or RLIMIT_NOFILE; only delays new peers" },
	{ "mq_open", EACCES, "the queue is another user's; only delays new peers" },
	{ "mq_send", EMSGSIZE, "the queue takes shorter messages: two versions mixed?" },
	{ "mq_send", EBADF, "the host program closed the library's descriptor" },
};

static const char *explain_signal(int number)
{
	if (number == SIGBUS)
		return "memory that is not there: /dev/shm is full, or the file was cut";
	if (number == SIGSEGV)
		return "wrote to another process's memory, or read what it had released";
	return "";
}

const char *explain(const struct failure_row *failure)
{
	if (failure->is_signal)
		return explain_signal(failure->error);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == failure->error && !strcmp(rows[i].call, failure->call))
			return rows[i].text;
	return "";
}
