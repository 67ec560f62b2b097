// SPDX-License-Identifier: BSD-2-Clause
/* check_machine.c - the registry, and what the machine grants everybody */

#define _GNU_SOURCE
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "format.h"
#include "machine.h"
#include "tracer.h"

#define TMPFS		0x01021994
#define FULL_PERCENT	90
#define QUEUES_PERCENT	80
#define SMALL_SHM	(UINT64_C(64) << 20)	/* what containers get by default */
#define QUEUE_BYTES	1024			/* RLIMIT_MSGQUEUE counts that for a queue, or less */

static const char raise_shm[] =
	"mount -o remount,size=8G /dev/shm (container: --shm-size=8g, or --ipc=host)";

void check_registry(struct doctor *doctor)
{
	const struct agnocast_version *version = &doctor->version;
	char why[MODEL_SENTENCE], place[128];
	int ret = source_registry_open(&doctor->source, doctor->registry, why, sizeof(why));

	if (ret == -EACCES || ret == -EPERM) {
		doctor_say(doctor, LEVEL_FAIL, "join its group: adduser $USER agnocast, then log "
			   "in again", "%s", why);
		return;
	}
	if (ret) {
		doctor_say(doctor, LEVEL_FAIL, ret == -ENODEV
			   ? "modprobe agnocast, or start agnocastd"
			   : "start agnocastd there, or unset AGNOCAST_REGISTRY", "%s", why);
		return;
	}
	doctor->there = true;
	doctor->version = doctor->source.version;
	source_registry_fill(&doctor->source, &doctor->model);
	model_finish(&doctor->model, NULL);
	format_clean(place, sizeof(place), doctor->source.client.address);
	if (strncmp(version->version, AGNOCAST_VERSION, sizeof(version->version)))
		doctor_say(doctor, LEVEL_WARN, "install library, tools and registry of one version",
			   "%s %.15s at %s, tools " AGNOCAST_VERSION, version->home,
			   version->version, place);
	else
		doctor_say(doctor, LEVEL_OK, NULL, "%s %.15s at %s, the same version as the tools; "
			   "%zu processes, %zu topics", version->home, version->version, place,
			   doctor->model.processes_count, doctor->model.topics_count);
}

/* A reservation as the library makes it, in this process, which has none yet. */
void check_window(struct doctor *doctor)
{
	uint64_t base = doctor->version.window_base;
	uint64_t bytes = doctor->version.area_size * doctor->version.sessions_max;
	char size[16];
	void *got;

	format_bytes(size, sizeof(size), (double)bytes);
	if (doctor->machine.page_size &&
	    (base % doctor->machine.page_size || doctor->version.area_size % doctor->machine.page_size)) {
		doctor_say(doctor, LEVEL_FAIL, "choose --window-base and --area-size so",
			   "%llx+%s is no multiple of the page size %llu",
			   (unsigned long long)base, size,
			   (unsigned long long)doctor->machine.page_size);
		return;
	}
	got = mmap((void *)base, bytes, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (got == (void *)base)
		doctor_say(doctor, LEVEL_OK, NULL, "%llx+%s is free in a new process",
			   (unsigned long long)base, size);
	else if (got != MAP_FAILED || errno == EEXIST)
		doctor_say(doctor, LEVEL_FAIL, "give the registry another window (--window-base)",
			   "%llx+%s is taken even in a new process", (unsigned long long)base, size);
	else
		doctor_say(doctor, errno == ENOMEM ? LEVEL_WARN : LEVEL_FAIL,
			   "ulimit -v unlimited; or a lower window (--window-base, --area-size)",
			   "%llx+%s can't be had here (%s): areas are mapped one by one",
			   (unsigned long long)base, size, strerror(errno));
	if (got != MAP_FAILED)
		munmap(got, bytes);
}

static void say_shm_use(struct doctor *doctor)
{
	const struct cause_machine *machine = &doctor->machine;
	uint64_t used = machine->shm_bytes - machine->shm_free_bytes;
	char total[16], part[16], mempools[16];
	uint64_t wanted = 0;

	for (size_t i = 0; i < doctor->model.processes_count; i++)
		wanted += doctor->model.processes[i].mempool_size;
	format_bytes(total, sizeof(total), (double)machine->shm_bytes);
	format_bytes(part, sizeof(part), (double)used);
	format_bytes(mempools, sizeof(mempools), (double)wanted);
	if (used >= machine->shm_bytes / 100 * FULL_PERCENT)
		doctor_say(doctor, machine->shm_free_bytes < machine->page_size
			   ? LEVEL_FAIL : LEVEL_WARN, raise_shm, "%s of %s are used", part, total);
	else if (wanted > machine->shm_bytes || machine->shm_bytes <= SMALL_SHM)
		doctor_say(doctor, LEVEL_WARN, raise_shm, "%s in all, the MEMPOOL_SIZEs of those "
			   "that run are %s", total, mempools);
	else
		doctor_say(doctor, LEVEL_OK, NULL, "%s of %s are used", part, total);
}

void check_shm(struct doctor *doctor)
{
	struct statfs fs;
	struct statvfs flags;

	if (statfs("/dev/shm", &fs)) {
		doctor_say(doctor, LEVEL_FAIL, "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
			   "/dev/shm: %s", strerror(errno));
		return;
	}
	if (fs.f_type != TMPFS)
		doctor_say(doctor, LEVEL_FAIL, "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
			   "/dev/shm is no tmpfs");
	if (!statvfs("/dev/shm", &flags) && flags.f_flag & ST_RDONLY)
		doctor_say(doctor, LEVEL_FAIL, "mount -o remount,rw /dev/shm",
			   "/dev/shm is read-only");
	if (fs.f_files && !fs.f_ffree)
		doctor_say(doctor, LEVEL_FAIL, "mount -o remount,nr_inodes=1M /dev/shm",
			   "/dev/shm has no inode left");
	if (doctor->machine.shm_bytes)
		say_shm_use(doctor);
	else
		doctor_say(doctor, LEVEL_OK, NULL, "/dev/shm has no limit");
}

/* -1: not mounted, so nobody counts. */
static long count_queues(void)
{
	DIR *dir = opendir("/dev/mqueue");
	struct dirent *entry;
	struct statfs fs;
	long count = 0;

	if (!dir || statfs("/dev/mqueue", &fs) || fs.f_type != 0x19800202) {
		if (dir)
			closedir(dir);
		return -1;
	}
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

void check_queues(struct doctor *doctor)
{
	uint64_t max = doctor->machine.queues_max;
	long count = count_queues();
	struct rlimit limit;

	if (!max) {
		doctor_say(doctor, LEVEL_WARN, NULL, "this kernel has no POSIX message queues: new "
			   "peers are seen a little later");
		return;
	}
	if (!getrlimit(RLIMIT_MSGQUEUE, &limit) && limit.rlim_cur < QUEUE_BYTES)
		doctor_say(doctor, LEVEL_WARN, "ulimit -q unlimited, or LimitMSGQUEUE=infinity",
			   "RLIMIT_MSGQUEUE is %llu bytes: no queue fits, new peers are seen later",
			   (unsigned long long)limit.rlim_cur);
	if (count < 0)
		doctor_say(doctor, LEVEL_SKIP, "mount -t mqueue none /dev/mqueue",
			   "/dev/mqueue is not mounted, so queues can't be counted; %llu may be",
			   (unsigned long long)max);
	else if ((uint64_t)count * 100 >= max * QUEUES_PERCENT)
		doctor_say(doctor, LEVEL_WARN, "sysctl -w fs.mqueue.queues_max=1024; ls /dev/mqueue "
			   "shows whose they are", "%ld of %llu queues are in use", count,
			   (unsigned long long)max);
	else
		doctor_say(doctor, LEVEL_OK, NULL, "%ld of %llu queues are in use", count,
			   (unsigned long long)max);
}

void check_memory(struct doctor *doctor)
{
	if (doctor->machine.overcommit == 2)
		doctor_say(doctor, LEVEL_WARN, "sysctl -w vm.overcommit_memory=0, or raise "
			   "vm.overcommit_ratio", "vm.overcommit_memory=2: memory promised to the "
			   "heap may be refused later");
	else
		doctor_say(doctor, LEVEL_OK, NULL, "vm.overcommit_memory=%llu, vm.max_map_count=%llu",
			   (unsigned long long)doctor->machine.overcommit,
			   (unsigned long long)doctor->machine.max_map_count);
}

/* "RemoveIPC=no" in the file; the last word counts, and yes is the default. */
static bool removes_ipc(const char *path, bool before)
{
	FILE *file = fopen(path, "re");
	char line[256], value[16];
	bool removes = before;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " RemoveIPC = %15s", value) == 1 ||
		    sscanf(line, " RemoveIPC=%15s", value) == 1)
			removes = strcasecmp(value, "no") && strcasecmp(value, "false") &&
				  strcmp(value, "0");
	if (file)
		fclose(file);
	return removes;
}

static bool lingers(const char *user)
{
	char path[300];

	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%.200s", user);
	return !access(path, F_OK);
}

/* logind removes shared memory and queues of users (not of the system's) at their logout. */
void check_logind(struct doctor *doctor)
{
	bool removes = removes_ipc("/etc/systemd/logind.conf",
				   removes_ipc("/usr/lib/systemd/logind.conf", true));
	unsigned int warned = 0;

	if (access("/run/systemd/seats", F_OK)) {
		doctor_say(doctor, LEVEL_OK, NULL, "systemd-logind does not run here");
		return;
	}
	for (size_t i = 0; removes && i < doctor->model.processes_count && !warned; i++) {
		const struct process_row *process = &doctor->model.processes[i];
		struct passwd *user = process->uid >= 1000 ? getpwuid(process->uid) : NULL;

		if (!user || lingers(user->pw_name))
			continue;
		warned++;
		doctor_say(doctor, LEVEL_WARN, "loginctl enable-linger for that user, or RemoveIPC=no "
			   "in /etc/systemd/logind.conf", "RemoveIPC=yes and user %u has no linger: "
			   "shared memory is deleted at logout", process->uid);
	}
	if (!warned)
		doctor_say(doctor, LEVEL_OK, NULL, "%s", removes
			   ? "RemoveIPC=yes, but it concerns nobody who runs" : "RemoveIPC=no");
}

void check_ebpf(struct doctor *doctor)
{
	static const char *const levels[] = {
		[TRACER_ARGUMENTS] = "without BTF: causes are less exact (AGNOCAST_BTF may name a "
				     "file with this kernel's)",
		[TRACER_PLAIN] = "mappings in the way are read from /proc",
		[TRACER_FIND] = "mappings at both ends of a range are named",
		[TRACER_WALK] = "all mappings in the way are named",
	};
	char why[MODEL_SENTENCE] = "";
	struct tracer *tracer = tracer_open(&doctor->version, TRACER_WANTED, tracer_btf(), why,
					    sizeof(why));

	if (!tracer) {
		doctor_say(doctor, LEVEL_SKIP, NULL, "off: %s", why);
		return;
	}
	doctor_say(doctor, LEVEL_OK, NULL, "calls%s are traced; %s",
		   tracer_sees_faults(tracer) ? " and faults" : "", levels[tracer_level(tracer)]);
	tracer_close(tracer);
}
