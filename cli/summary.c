// SPDX-License-Identifier: BSD-2-Clause
/* summary.c - the lines above every table */

#include "summary.h"

#include <stdio.h>

#include "cause.h"
#include "format.h"

struct sums {
	size_t	processes, publishers, subscriptions, mapped, mappings;
	double	used, committed;
	bool	all_known;
};

static struct sums sum_up(const struct model *model)
{
	struct sums sums = { .all_known = true };

	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		if (process->exited || !process->session)
			continue;
		sums.processes++;
		sums.all_known &= process->area_known || !process->ready;
		sums.used += process->area_known ? (double)process->heap_used : 0;
		sums.committed += process->area_known ? (double)process->heap_committed : 0;
	}
	for (size_t i = 0; i < model->topics_count; i++) {
		sums.publishers += model->topics[i].publishers;
		sums.subscriptions += model->topics[i].subscriptions;
	}
	for (size_t i = 0; i < model->mappings_count; i++) {
		if (model->mappings[i].own || model->mappings[i].state == AGNOCAST_UNMAPPED)
			continue;
		sums.mappings++;
		sums.mapped += !model_mapping_is_wrong(&model->mappings[i]) &&
			       model->mappings[i].state == AGNOCAST_MAPPED;
	}
	return sums;
}

static void registry_line(char *line, const struct model *model)
{
	char where[sizeof(model->where)], version[16], home[16];

	if (!model->registry_there) {
		snprintf(line, ROWS_LINE, "agnocast-top " AGNOCAST_VERSION "  registry gone: %s",
			 model->registry_why);
		return;
	}
	snprintf(line, ROWS_LINE, "agnocast-top " AGNOCAST_VERSION
		 "  every %.4gs  %s %s at %s", model->delay_s,
		 format_clean(home, sizeof(home), model->version.home),
		 format_clean(version, sizeof(version), model->version.version),
		 format_clean(where, sizeof(where), model->where));
}

/* What eBPF saw in all, of the processes that are still shown. */
static void bpf_line(char *line, const struct model *model)
{
	uint64_t calls[MODEL_CALLS] = { 0 }, errors = 0;
	size_t used;

	for (size_t i = 0; i < model->processes_count; i++)
		for (size_t call = 0; call < MODEL_CALLS; call++) {
			calls[call] += model->processes[i].calls[call].calls;
			errors += model->processes[i].calls[call].errors;
		}
	used = (size_t)snprintf(line, ROWS_LINE, "eBPF on: lost %llu  errors %llu%s%s",
				(unsigned long long)model->lost, (unsigned long long)errors,
				model->bpf_why[0] ? "  " : "", model->bpf_why);
	for (size_t call = 0; call < MODEL_CALLS && used < ROWS_LINE; call++)
		if (calls[call])
			used += (size_t)snprintf(line + used, ROWS_LINE - used, "  %s %llu",
						 cause_call((uint32_t)call),
						 (unsigned long long)calls[call]);
}

static void sums_line(char *line, const struct model *model)
{
	const struct sums sums = sum_up(model);
	char used[16], committed[16], shm[24] = "";

	if (model->shm_known && model->shm_bytes)
		snprintf(shm, sizeof(shm), "  shm %.0f%%",
			 100 * (double)model->shm_used / (double)model->shm_bytes);
	snprintf(line, ROWS_LINE, "Procs %zu  Topics %zu  Pub %zu  Sub %zu  Maps %zu/%zu ok  "
		 "Heap %s of %s%s%s", sums.processes, model->topics_count,
		 sums.publishers, sums.subscriptions, sums.mapped, sums.mappings,
		 format_bytes(used, sizeof(used), sums.used),
		 format_bytes(committed, sizeof(committed), sums.committed),
		 sums.all_known ? "" : " (partly)", shm);
}

void summary_lines(char lines[SUMMARY_LINES][ROWS_LINE], const struct model *model)
{
	registry_line(lines[0], model);
	sums_line(lines[1], model);
	if (model->bpf_on)
		bpf_line(lines[2], model);
	else
		snprintf(lines[2], ROWS_LINE, "eBPF off: %s", model->bpf_why);
}
