// SPDX-License-Identifier: BSD-2-Clause
/* seen.c - a failure that eBPF saw, with what else there is to know of it */

#include "seen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "process_state.h"
#include "source_proc.h"

static void find_vma(struct agnocast_failure *failure)
{
	const struct agnocast_event *event = &failure->event;
	const char *slash;
	struct vma vma;

	if (!source_proc_in_the_way(event->pid, event->address, event->length, &vma))
		return;
	slash = strrchr(vma.name, '/');
	failure->vma_start = vma.start;
	failure->vma_end = vma.end;
	failure->vma_flags = (vma.perm[0] == 'r') | (vma.perm[1] == 'w') << 1 |
			     (vma.perm[2] == 'x') << 2 | (vma.perm[3] == 's') << 3;
	snprintf(failure->vma_name, sizeof(failure->vma_name), "%.*s",
		 AGNOCAST_NAME_LEN - 1, slash ? slash + 1 : vma.name);
}

void seen_complete(struct seen *seen, const struct agnocast_failure *failure,
		   const struct agnocast_version *version, const struct model *model)
{
	const struct agnocast_event *event = &failure->event;

	seen->failure = *failure;
	if (event->captured && !failure->process_known)
		process_capture(&seen->failure);
	if (event->call == AGNOCAST_CALL_MMAP && cause_errno(event) == EEXIST &&
	    !failure->vma_end)
		find_vma(&seen->failure);
	machine_read(&seen->machine, version);
	place_find(&seen->place, model, failure);
	seen->is = (struct cause_case){
		.failure = &seen->failure, .captured = seen->failure.process_known,
		.machine = &seen->machine, .place = seen->place.is,
	};
}
