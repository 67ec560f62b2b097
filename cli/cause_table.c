// SPDX-License-Identifier: BSD-2-Clause
/*
 * cause_table.c - the known causes, one row each
 *
 * Rows of one call and errno stand in the order in which the kernel checks
 * (for mmap that of do_mmap()); the first that applies is the cause. A row
 * without a test is the last resort of its errno.
 */

#include "cause.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define MAP_SHARED_OR_PRIVATE	0x03
#define MAP_LOCKED_FLAG		0x2000
#define PROT_WRITE_BIT		0x2
#define PROT_EXEC_BIT		0x4
#define READABLE		0x1
#define WRITABLE		0x2
#define BUS_HARDWARE		4	/* BUS_MCEERR_AR, _AO: 4, 5 */
#define SEGV_NOT_MAPPED		1	/* SEGV_MAPERR */

/* Where AddressSanitizer keeps its shadow. */
#ifdef __aarch64__
#define ASAN_START		UINT64_C(0x001000000000)
#define ASAN_END		UINT64_C(0x201000000000)
#else
#define ASAN_START		UINT64_C(0x00007fff7000)
#define ASAN_END		UINT64_C(0x10007fff8000)
#endif

static const struct agnocast_event *event_of(const struct cause_case *failed)
{
	return &failed->failure->event;
}

/* shm_open */

static bool creates(const struct cause_case *failed)
{
	return event_of(failed)->flags & O_CREAT;
}

static bool owner_lives(const struct cause_case *failed)
{
	return failed->place.known && failed->place.owner_pid;
}

static bool is_another_ones(const struct cause_case *failed)
{
	return owner_lives(failed) && failed->place.owner_pid != event_of(failed)->pid;
}

/* mmap, in the order of do_mmap() */

static bool is_empty(const struct cause_case *failed)
{
	return !event_of(failed)->length;
}

static bool has_no_type(const struct cause_case *failed)
{
	return !(event_of(failed)->flags & MAP_SHARED_OR_PRIVATE);
}

static bool has_too_many_maps(const struct cause_case *failed)
{
	return failed->captured && failed->machine->max_map_count &&
	       failed->failure->map_count >= failed->machine->max_map_count;
}

static bool is_beyond_address_space(const struct cause_case *failed)
{
	const struct agnocast_event *event = event_of(failed);
	uint64_t size = failed->failure->task_size;

	return failed->captured && size &&
	       (event->length > size || event->address > size - event->length);
}

static bool is_at_zero(const struct cause_case *failed)
{
	return event_of(failed)->address < (failed->machine->mmap_min_addr
					    ? failed->machine->mmap_min_addr : 4096);
}

static bool is_asan(const struct cause_case *failed)
{
	const struct agnocast_failure *failure = failed->failure;

	return failure->vma_end && failure->vma_end <= ASAN_END &&
	       failure->vma_start >= ASAN_START && !failure->vma_name[0] &&
	       failure->vma_end - failure->vma_start >= UINT64_C(1) << 30;
}

static bool is_area(const struct cause_case *failed)
{
	return !strncmp(failed->failure->vma_name, "agnocast@", 9);
}

/* A mapping of nothing, as large as the whole window: the reservation itself. */
static bool is_reservation(const struct cause_case *failed)
{
	const struct agnocast_failure *failure = failed->failure;

	return failure->vma_end && !failure->vma_name[0] && !(failure->vma_flags & 7) &&
	       failed->machine->window_bytes &&
	       failure->vma_start >= failed->machine->window_base &&
	       failure->vma_end <= failed->machine->window_base + failed->machine->window_bytes;
}

static bool is_vma_known(const struct cause_case *failed)
{
	return failed->failure->vma_end;
}

static bool vma_has_file(const struct cause_case *failed)
{
	return failed->failure->vma_end && failed->failure->vma_name[0];
}

static bool wants_lock(const struct cause_case *failed)
{
	return event_of(failed)->flags & MAP_LOCKED_FLAG;
}

static bool will_be_locked(const struct cause_case *failed)
{
	return failed->captured && failed->failure->locks_future;
}

static bool is_write_of_read_only(const struct cause_case *failed)
{
	return failed->failure->file_known &&
	       (event_of(failed)->prot & PROT_WRITE_BIT) &&
	       !(failed->failure->file_mode & WRITABLE);
}

static bool is_not_writable(const struct cause_case *failed)
{
	return failed->failure->file_known &&
	       !(failed->failure->file_mode & WRITABLE);
}

static bool is_write_only(const struct cause_case *failed)
{
	return failed->failure->file_known &&
	       !(failed->failure->file_mode & READABLE);
}

static bool wants_exec(const struct cause_case *failed)
{
	return event_of(failed)->prot & PROT_EXEC_BIT;
}

static bool is_over_limit_as(const struct cause_case *failed)
{
	const struct agnocast_failure *failure = failed->failure;
	uint64_t page = failed->machine->page_size ? failed->machine->page_size : 4096;

	return failed->captured && failure->limit_as != UINT64_MAX &&
	       failure->total_pages * page + failure->event.length > failure->limit_as;
}

static bool is_reserving_over_limit_as(const struct cause_case *failed)
{
	return is_over_limit_as(failed) && !event_of(failed)->prot &&
	       event_of(failed)->length == failed->machine->window_bytes;
}

static bool is_overcommit_strict(const struct cause_case *failed)
{
	return failed->machine->overcommit == 2;
}

/* a page size, and what is no multiple of it */
static bool is_misaligned(const struct cause_case *failed)
{
	uint64_t page = failed->machine->page_size ? failed->machine->page_size : 4096;

	return event_of(failed)->address % page;
}

/* file size */

static bool is_over_limit_fsize(const struct cause_case *failed)
{
	return !failed->captured || failed->failure->limit_fsize != UINT64_MAX;
}

static bool shm_is_full(const struct cause_case *failed)
{
	return failed->machine->shm_known &&
	       failed->machine->shm_free_bytes < failed->machine->page_size;
}

static bool shm_has_no_inodes(const struct cause_case *failed)
{
	return !failed->machine->shm_known || !failed->machine->shm_free_inodes;
}

/* queues */

static bool has_descriptors_left(const struct cause_case *failed)
{
	return failed->captured && failed->failure->next_fd < failed->failure->limit_nofile;
}

/* faults */

static bool is_hardware(const struct cause_case *failed)
{
	return event_of(failed)->flags >= BUS_HARDWARE;
}

static bool is_beyond_file(const struct cause_case *failed)
{
	return failed->place.file_size && failed->place.offset >= failed->place.file_size;
}

static bool is_beyond_own_file(const struct cause_case *failed)
{
	return is_beyond_file(failed) && failed->place.own;
}

static bool is_not_mapped(const struct cause_case *failed)
{
	return event_of(failed)->flags == SEGV_NOT_MAPPED;
}

/*
 * In the reservation, where the registry knows of nobody's area (any more). Where
 * the kernel was too busy to look, what may not even be read is the reservation.
 */
static bool is_of_nobody(const struct cause_case *failed)
{
	const struct agnocast_failure *failure = failed->failure;

	if (!failed->place.known || failed->place.owner_pid)
		return false;
	return failure->vma_end ? !failure->vma_name[0] : failure->access == AGNOCAST_READS;
}

static bool is_own(const struct cause_case *failed)
{
	return failed->place.known && failed->place.own;
}

/*
 * The mapping at the address, if the kernel told (a second observer keeps it too
 * busy for that); else a write is one, whatever was mapped; else by the registry.
 */
static bool is_peer_mapped(const struct cause_case *failed)
{
	const struct agnocast_failure *failure = failed->failure;

	if (!failed->place.owner_pid)
		return false;
	if (failure->vma_end)
		return (failure->vma_flags & 3) == READABLE;
	return failure->access == AGNOCAST_WRITES || failed->place.mapped;
}

static bool is_peer_not_mapped(const struct cause_case *failed)
{
	return failed->place.owner_pid && !is_peer_mapped(failed);
}

#define SHM_OPEN	AGNOCAST_CALL_SHM_OPEN
#define TRUNCATE	AGNOCAST_CALL_TRUNCATE
#define FALLOCATE	AGNOCAST_CALL_FALLOCATE
#define MMAP		AGNOCAST_CALL_MMAP
#define MUNMAP		AGNOCAST_CALL_MUNMAP
#define MQ_OPEN		AGNOCAST_CALL_MQ_OPEN
#define MQ_SEND		AGNOCAST_CALL_MQ_SEND
#define MQ_RECEIVE	AGNOCAST_CALL_MQ_RECEIVE
#define IOCTL		AGNOCAST_CALL_IOCTL
#define FAULT		AGNOCAST_CALL_SIGNAL
#define REPORT		AGNOCAST_CALL_REPORT

#define OTHER_BASE \
	"give the registry another window, the same for the whole host " \
	"(agnocastd --window-base, or agnocast.ko window_base=)"
#define RAISE_SHM \
	"make it larger: mount -o remount,size=8G /dev/shm (container: --shm-size or --ipc=host)"

static const struct cause_row table[] = {
	{ "same-pid", SHM_OPEN, EEXIST, 0, is_another_ones,
	  "{name} is that of {owner}: this process has the same pid, in its container",
	  "nothing: the library takes the name that the registry gives" },
	{ "stale-area", SHM_OPEN, EEXIST, 0, NULL,
	  "{name} was left by a killed process that had the same pid",
	  "the library removes it by itself; if it can't: agnocast doctor --clean" },
	{ "other-shm", SHM_OPEN, ENOENT, 0, owner_lives,
	  "{owner} lives, but its {name} is not in this process's /dev/shm: another container",
	  "share it: --ipc=host, or mount the same /dev/shm into both containers" },
	{ "owner-gone", SHM_OPEN, ENOENT, 0, NULL,
	  "{name} is not there: its owner has ended, or /dev/shm differs (container), or logind "
	  "removed it at logout",
	  "containers: --ipc=host; logout: loginctl enable-linger USER, or RemoveIPC=no" },
	{ "foreign-file", SHM_OPEN, EACCES, 0, creates,
	  "{name} is another user's: its mode forbids it, or fs.protected_regular does",
	  "run as the same user, or remove what was left: agnocast doctor --clean" },
	{ "no-right-to-read", SHM_OPEN, EACCES, 0, NULL,
	  "{name} may not be read by this user: its mode is 0640",
	  "run as the same user, or put both users into the group agnocast" },
	{ "link-in-the-way", SHM_OPEN, ELOOP, 0, NULL,
	  "/dev/shm/{name} is a symbolic link, which Agnocast never makes",
	  "find out who made it, and remove it" },
	{ "no-descriptor", SHM_OPEN, EMFILE, 0, NULL,
	  "the process has no descriptor left of {nofile} (RLIMIT_NOFILE)",
	  "raise it (ulimit -n, LimitNOFILE=), or look for a leak: ls /proc/{pid}/fd" },
	{ "no-file-in-system", SHM_OPEN, ENFILE, 0, NULL,
	  "the system has no open file left (fs.file-max)",
	  "raise it: sysctl -w fs.file-max=2000000" },
	{ "no-inode", SHM_OPEN, ENOSPC, 0, shm_has_no_inodes,
	  "/dev/shm has no inode left",
	  "mount -o remount,nr_inodes=1M /dev/shm" },
	{ "shm-full-at-open", SHM_OPEN, ENOSPC, 0, NULL,
	  "/dev/shm is full", RAISE_SHM },
	{ "read-only-shm", SHM_OPEN, EROFS, 0, NULL,
	  "/dev/shm is mounted read-only here",
	  "mount -o remount,rw /dev/shm" },

	{ "file-limit", TRUNCATE, EFBIG, 0, is_over_limit_fsize,
	  "more than {fsize}, the largest file that this process may make (RLIMIT_FSIZE)",
	  "ulimit -f unlimited, or LimitFSIZE=infinity" },
	{ "truncate-read-only", TRUNCATE, EINVAL, 0, is_not_writable,
	  "descriptor {fd} of {name} is not open for writing: host and library use the same number",
	  "look for the code that closes descriptors that are not its own" },
	{ "sealed", TRUNCATE, EPERM, 0, NULL,
	  "{name} is sealed against this",
	  "only the registry seals; report it if this was no test" },
	{ "shm-full", FALLOCATE, ENOSPC, 0, NULL,
	  "/dev/shm ({shm_bytes}) has no room for {length} more", RAISE_SHM },
	{ "file-limit-grow", FALLOCATE, EFBIG, 0, NULL,
	  "more than {fsize}, the largest file that this process may make (RLIMIT_FSIZE)",
	  "ulimit -f unlimited, or LimitFSIZE=infinity" },
	{ "memory-limit", FALLOCATE, ENOMEM, 0, NULL,
	  "the kernel has no memory for {length} more, or the cgroup's limit is reached",
	  "raise memory.max of the cgroup, or lower MEMPOOL_SIZE" },
	{ "no-tmpfs-fallocate", FALLOCATE, EOPNOTSUPP, 0, NULL,
	  "/dev/shm is no tmpfs", "mount -t tmpfs tmpfs /dev/shm" },
	{ "interrupted", FALLOCATE, EINTR, 0, NULL,
	  "a signal came in between", "nothing: the library tries again" },
	{ "lost-descriptor", FALLOCATE, EBADF, 0, NULL,
	  "descriptor {fd} is closed or read-only: the host program took the library's",
	  "look for the code that closes descriptors that are not its own" },

	/* do_mmap() from here on */
	{ "closed-descriptor", MMAP, EBADF, 0, NULL,
	  "descriptor {fd} is not open",
	  "look for the code that closes descriptors that are not its own" },
	{ "empty", MMAP, EINVAL, 0, is_empty,
	  "the size is 0", "report it: the library never asks for this" },
	{ "no-type", MMAP, EINVAL, 0, has_no_type,
	  "neither MAP_SHARED nor MAP_PRIVATE is asked for",
	  "report it: the library always says which" },
	{ "too-many-maps", MMAP, ENOMEM, 0, has_too_many_maps,
	  "the process has {maps} mappings of {max_maps} (vm.max_map_count)",
	  "sysctl -w vm.max_map_count=262144, or find what maps so much: /proc/{pid}/maps" },
	{ "beyond-address-space", MMAP, ENOMEM, 0, is_beyond_address_space,
	  "{range} ends beyond {task_size}, where this process's addresses end",
	  "give the registry a lower window (agnocastd --window-base --area-size), or a kernel "
	  "with 48-bit addresses" },
	{ "misaligned", MMAP, EINVAL, 0, is_misaligned,
	  "{address} is no multiple of the page size {page}",
	  "window base and area size must be multiples of it: set --window-base" },
	{ "at-zero", MMAP, EPERM, 0, is_at_zero,
	  "address {address}: a sanitizer (TSan, MSan) replaced the one that was asked for",
	  "build without TSan and MSan; ASan and UBSan work" },
	{ "asan", MMAP, EEXIST, 0, is_asan,
	  "{vma}: AddressSanitizer's shadow covers {range}",
	  "run without ASan, or " OTHER_BASE },
	{ "mapped-twice", MMAP, EEXIST, 0, is_area,
	  "{vma} lies there already: the area is mapped twice in this process",
	  "is the library loaded twice (two versions, dlmopen)? else report it" },
	{ "reserved-twice", MMAP, EEXIST, 0, is_reservation,
	  "{vma}: a reservation of the window lies there already",
	  "is the library loaded twice (two versions, dlmopen), or statically as well?" },
	{ "file-in-the-way", MMAP, EEXIST, 0, vma_has_file,
	  "{vma} is in the way of {range}", OTHER_BASE },
	{ "memory-in-the-way", MMAP, EEXIST, 0, is_vma_known,
	  "{vma} is in the way of {range}: a library with fixed addresses (JIT, GPU)",
	  OTHER_BASE },
	{ "in-the-way", MMAP, EEXIST, 0, NULL,
	  "another mapping is in the way of {range}; the process ended before it could be named",
	  "strace -e trace=mmap shows who made it; or " OTHER_BASE },
	{ "may-not-lock", MMAP, EPERM, 0, wants_lock,
	  "MAP_LOCKED without the right to lock memory (RLIMIT_MEMLOCK is 0)",
	  "ulimit -l unlimited, or LimitMEMLOCK=infinity" },
	{ "mlockall", MMAP, EAGAIN, 0, will_be_locked,
	  "after mlockall(MCL_FUTURE) {length} more would be locked, and {locked} are: over "
	  "RLIMIT_MEMLOCK ({memlock})",
	  "LimitMEMLOCK=infinity and mlockall(MCL_CURRENT), or MCL_FUTURE with MCL_ONFAULT; else "
	  "all of the window is filled" },
	{ "lock-limit", MMAP, EAGAIN, 0, NULL,
	  "more locked memory than {memlock} (RLIMIT_MEMLOCK)",
	  "ulimit -l unlimited, or LimitMEMLOCK=infinity" },
	{ "read-only-file", MMAP, EACCES, 0, is_write_of_read_only,
	  "a writable mapping of {name}, which is open for reading only",
	  "a reader never maps for writing: use one version of the library everywhere" },
	{ "write-only-file", MMAP, EACCES, 0, is_write_only,
	  "{name} is not open for reading, which every mapping needs",
	  "report it: the library opens for both" },
	{ "noexec", MMAP, EPERM, 0, wants_exec,
	  "an executable mapping of a file on a noexec mount: READ_IMPLIES_EXEC is set",
	  "check `execstack -q` of the program and its `personality`" },
	{ "no-mmap", MMAP, ENODEV, 0, NULL,
	  "the file system of {name} has no mmap: /dev/shm is no tmpfs",
	  "mount -t tmpfs tmpfs /dev/shm" },
	{ "reservation-limit", MMAP, ENOMEM, 0, is_reserving_over_limit_as,
	  "the window's {length} are over RLIMIT_AS ({as}); areas are mapped one by one instead",
	  "nothing, unless those fail too: then ulimit -v unlimited (LimitAS=infinity)" },
	{ "address-limit", MMAP, ENOMEM, 0, is_over_limit_as,
	  "{mapped} mapped and {length} more are over RLIMIT_AS ({as})",
	  "ulimit -v unlimited, or LimitAS=infinity: addresses cost no memory" },
	{ "overcommit", MMAP, ENOMEM, 0, is_overcommit_strict,
	  "vm.overcommit_memory=2 and the commit limit is reached",
	  "raise vm.overcommit_ratio, or sysctl -w vm.overcommit_memory=0" },
	{ "no-kernel-memory", MMAP, ENOMEM, 0, NULL,
	  "the kernel has no memory for page tables or mappings (or a limit that was not captured)",
	  "look at `ulimit -v`, vm.max_map_count and the cgroup's memory.max" },
	{ "forbidden", MMAP, EPERM, 0, NULL,
	  "a security module or a seal forbids it", "look into the audit log (AppArmor, SELinux)" },
	{ "forbidden-access", MMAP, EACCES, 0, NULL,
	  "a security module forbids it", "look into the audit log (AppArmor, SELinux)" },
	{ "moved", MMAP, 0, AGNOCAST_MOVED, NULL,
	  "asked for {address}, got {result}: a sanitizer or an emulator moved it",
	  "run natively, without TSan and MSan" },
	{ "overwritten", MMAP, 0, AGNOCAST_OVERWROTE, NULL,
	  "MAP_FIXED replaced {range} of Agnocast's window by other memory",
	  "find the caller: agnocast trace --hold -p {pid}, then gdb -p {pid}; or " OTHER_BASE },

	{ "unmap-misaligned", MUNMAP, EINVAL, 0, NULL,
	  "{range} is no multiple of the page size", "report it if the library did it" },
	{ "unmap-splits", MUNMAP, ENOMEM, 0, NULL,
	  "the process has {maps} mappings of {max_maps}: it can't split one",
	  "sysctl -w vm.max_map_count=262144" },

	{ "no-queue-left", MQ_OPEN, ENOSPC, 0, NULL,
	  "all {queues_max} message queues of this IPC namespace are in use",
	  "sysctl -w fs.mqueue.queues_max=1024; only delays new peers" },
	{ "queue-bytes", MQ_OPEN, EMFILE, 0, has_descriptors_left,
	  "this user's queues would be over RLIMIT_MSGQUEUE ({msgqueue})",
	  "ulimit -q unlimited, or LimitMSGQUEUE=infinity; only delays new peers" },
	{ "no-descriptor-queue", MQ_OPEN, EMFILE, 0, NULL,
	  "the process has no descriptor left of {nofile} (RLIMIT_NOFILE)",
	  "raise it (ulimit -n, LimitNOFILE=), or look for a leak: ls /proc/{pid}/fd" },
	{ "no-file-in-system-queue", MQ_OPEN, ENFILE, 0, NULL,
	  "the system has no open file left (fs.file-max)",
	  "raise it: sysctl -w fs.file-max=2000000" },
	{ "queue-size", MQ_OPEN, EINVAL, 0, NULL,
	  "the queue is larger than {msg_max} messages or {msgsize_max} bytes each",
	  "sysctl -w fs.mqueue.msg_max=10 fs.mqueue.msgsize_max=8192, the kernel's own values" },
	{ "peer-without-queue", MQ_OPEN, ENOENT, 0, NULL,
	  "the peer has no queue {name} (yet), or lives in another IPC namespace",
	  "nothing: it hears from the registry instead, a little later" },
	{ "queue-of-other-user", MQ_OPEN, EACCES, 0, NULL,
	  "{name} is another user's",
	  "nothing: only delays new peers; run both as the same user to avoid it" },
	{ "queue-left", MQ_OPEN, EEXIST, 0, NULL,
	  "{name} was left by a killed process that had the same pid",
	  "the library removes it by itself; if it can't: agnocast doctor --clean" },
	{ "long-hint", MQ_SEND, EMSGSIZE, 0, NULL,
	  "{name} takes shorter messages than {length}",
	  "two versions of the library meet: install matching ones" },
	{ "queue-closed", MQ_SEND, EBADF, 0, NULL,
	  "descriptor {fd} is no queue open for writing: the host program took it",
	  "look for the code that closes descriptors that are not its own" },
	{ "short-buffer", MQ_RECEIVE, EMSGSIZE, 0, NULL,
	  "{name} holds longer messages than {length}",
	  "two versions of the library meet: install matching ones" },
	{ "queue-closed-reader", MQ_RECEIVE, EBADF, 0, NULL,
	  "descriptor {fd} is no queue open for reading: the host program took it",
	  "look for the code that closes descriptors that are not its own" },

	{ "other-abi", IOCTL, ENOTTY, 0, NULL,
	  "the module does not know this command: library and agnocast.ko differ",
	  "load the module of the same version: agnocast doctor shows both" },
	{ "other-abi-join", IOCTL, EPROTO, 0, NULL,
	  "library and agnocast.ko speak different versions",
	  "load the module of the same version: agnocast doctor shows both" },
	{ "child-of-member", IOCTL, EPERM, 0, NULL,
	  "a forked child used its parent's session",
	  "let the child exec first: a session belongs to one address space" },
	{ "window-full", IOCTL, ENOSPC, 0, NULL,
	  "all areas of the window are taken, or the topic has its most endpoints",
	  "agnocast ls shows who has them; more areas: agnocast.ko areas=" },

	{ "bad-memory", FAULT, SIGBUS, 0, is_hardware,
	  "the memory at {address} is broken: a hardware error", "replace the RAM; see dmesg" },
	{ "wild-own", FAULT, SIGBUS, 0, is_beyond_own_file,
	  "{address} lies {offset} into its own area, of which only {file_size} were handed out",
	  "a wild pointer: run the program under a debugger" },
	{ "file-cut", FAULT, SIGBUS, 0, is_beyond_file,
	  "{address} lies {offset} into the area of {owner}, whose file ends at {file_size}",
	  "a wild pointer, or the file was cut: use one version of the library everywhere" },
	{ "shm-full-fault", FAULT, SIGBUS, 0, shm_is_full,
	  "/dev/shm ({shm_bytes}) is full and {address} has no page yet", RAISE_SHM },
	{ "overcommit-fault", FAULT, SIGBUS, 0, is_overcommit_strict,
	  "vm.overcommit_memory=2 and the commit limit is reached",
	  "raise vm.overcommit_ratio, or sysctl -w vm.overcommit_memory=0" },
	{ "no-page", FAULT, SIGBUS, 0, NULL,
	  "there is no memory at {address}: the file was cut, or a cgroup's limit is reached",
	  "agnocast doctor shows /dev/shm; do not touch files of /dev/shm by hand" },
	{ "nothing-there", FAULT, SIGSEGV, 0, is_not_mapped,
	  "nothing is mapped at {address}: the process uses {memory} without having joined",
	  "is LD_PRELOAD set for it? A raw pointer can't be handed to another process" },
	{ "wrote-own", FAULT, SIGSEGV, 0, is_own,
	  "{address} lies in its own area, in a part without memory",
	  "a wild pointer: run the program under a debugger" },
	{ "wrote-message", FAULT, SIGSEGV, 0, is_peer_mapped,
	  "pid {pid} wrote into {memory}, which is read-only for it",
	  "copy the message before changing it: what is taken is shared and constant" },
	{ "peer-not-mapped", FAULT, SIGSEGV, 0, is_peer_not_mapped,
	  "pid {pid} used {memory}, which it has not mapped",
	  "a raw pointer can't be handed over: publish the data, or subscribe to the topic" },
	{ "released", FAULT, SIGSEGV, 0, is_of_nobody,
	  "{address} was memory of a process that has ended and whose messages were released",
	  "hold the message (its handle) for as long as its data is used" },
	{ "segv", FAULT, SIGSEGV, 0, NULL,
	  "{address} lies in the window: a write to another's message, or a use after release",
	  "copy a message before changing it; hold it while it is used" },

	/* what a process told the registry: a reader, or a publisher that can't see a reader's claims */
	{ "refused-in-the-way", REPORT, EEXIST, 0, NULL,
	  "the addresses {range} are taken in pid {pid}",
	  "agnocast doctor -p {pid} names what is there; " OTHER_BASE },
	{ "refused-address-limit", REPORT, ENOMEM, 0, is_over_limit_as,
	  "{mapped} mapped in pid {pid} and {length} more are over its RLIMIT_AS ({as})",
	  "ulimit -v unlimited, or LimitAS=infinity: addresses cost no memory" },
	{ "refused-maps", REPORT, ENOMEM, 0, has_too_many_maps,
	  "pid {pid} has {maps} mappings of {max_maps} (vm.max_map_count)",
	  "sysctl -w vm.max_map_count=262144, or find what maps so much: /proc/{pid}/maps" },
	{ "refused-limit", REPORT, ENOMEM, 0, NULL,
	  "pid {pid} is over RLIMIT_AS or vm.max_map_count",
	  "agnocast doctor -p {pid} shows both; raise the one that is reached" },
	{ "refused-access", REPORT, EACCES, 0, NULL,
	  "pid {pid} may not open that memory: other user or group",
	  "run both as the same user, or in the group agnocast" },
	{ "refused-descriptor", REPORT, EMFILE, 0, NULL,
	  "pid {pid} has no descriptor left to open that memory (RLIMIT_NOFILE)",
	  "raise it (ulimit -n, LimitNOFILE=), or look for a leak: ls /proc/{pid}/fd" },
	{ "refused-lock", REPORT, EAGAIN, 0, NULL,
	  "mlockall(MCL_FUTURE) meets RLIMIT_MEMLOCK in pid {pid}",
	  "LimitMEMLOCK=infinity, and MCL_ONFAULT" },
	{ "refused-late", REPORT, ESTALE, 0, NULL,
	  "the memory there is another process's by now",
	  "nothing: pid {pid} tries again" },
	{ "refused-elsewhere", REPORT, ENOENT, 0, NULL,
	  "the memory is not in the /dev/shm of pid {pid}: another container",
	  "share it: --ipc=host, or mount the same /dev/shm into both containers" },
};

size_t cause_rows(const struct cause_row **rows)
{
	*rows = table;
	return sizeof(table) / sizeof(table[0]);
}

/* They come and go with processes and cost time at most. */
static const char *const minor[] = {
	"interrupted", "owner-gone", "peer-without-queue", "queue-of-other-user", "refused-late",
};

bool cause_is_minor(const char *id)
{
	for (size_t i = 0; id && i < sizeof(minor) / sizeof(minor[0]); i++)
		if (!strcmp(minor[i], id))
			return true;
	return false;
}
