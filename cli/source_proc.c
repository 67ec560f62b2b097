// SPDX-License-Identifier: BSD-2-Clause
/* source_proc.c - what /proc tells: who lives, and what is really mapped */

#define _GNU_SOURCE
#include "source_proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A zombie has no memory any more: it counts as gone. "PID (COMM) STATE ..." */
bool source_proc_is_alive(uint32_t pid)
{
	char path[48], text[128];
	const char *end;
	size_t length;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	stat = fopen(path, "re");
	if (!stat)
		return errno != ENOENT && errno != ESRCH;
	length = fread(text, 1, sizeof(text) - 1, stat);
	fclose(stat);
	text[length] = '\0';
	end = strrchr(text, ')');
	return end && end[1] && end[2] != 'Z' && end[2] != 'X';
}

static FILE *open_maps(uint32_t pid)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	return fopen(path, "re");
}

/* "START-END PERM OFFSET DEV INODE    NAME" */
static bool parse(const char *line, struct vma *vma)
{
	int name = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n",
		   &vma->start, &vma->end, vma->perm, &name) < 3)
		return false;
	snprintf(vma->name, sizeof(vma->name), "%.*s", (int)strcspn(line + name, "\n"),
		 line + name);
	return true;
}

static bool next_vma(FILE *maps, char **line, size_t *room, struct vma *vma)
{
	while (getline(line, room, maps) > 0)
		if (parse(*line, vma))
			return true;
	return false;
}

/* "/dev/shm/agnocast@PID", perhaps followed by " (deleted)". */
static bool is_area_of(const char *name, uint32_t pid)
{
	const char *at = strstr(name, "/agnocast@");
	char *end;

	return at && strtoul(at + strlen("/agnocast@"), &end, 10) == pid &&
	       (*end == '\0' || *end == ' ');
}

/* An area counts as mapped where its file is; the bare reservation does not. */
static void note(struct mapping_row *mapping, const struct vma *vma)
{
	if (vma->end <= mapping->base || vma->start >= mapping->base + mapping->size)
		return;
	if (!is_area_of(vma->name, mapping->owner_pid))
		return;
	if (mapping->perm_state != PERM_FOUND)
		snprintf(mapping->perm, sizeof(mapping->perm), "%s", vma->perm);
	else if (strcmp(mapping->perm, vma->perm))
		snprintf(mapping->perm, sizeof(mapping->perm), "mixed");
	mapping->perm_state = PERM_FOUND;
}

/* All rows of one reader: @rows..@end. */
static void read_maps(struct mapping_row **rows, struct mapping_row **end)
{
	FILE *maps = open_maps(rows[0]->reader_pid);
	char *line = NULL;
	size_t room = 0;
	struct vma vma;
	bool any = false;

	while (maps && next_vma(maps, &line, &room, &vma)) {
		any = true;
		for (struct mapping_row **row = rows; row < end; row++)
			note(*row, &vma);
	}
	for (struct mapping_row **row = rows; row < end; row++)
		if ((*row)->perm_state != PERM_FOUND)
			(*row)->perm_state = any ? PERM_NONE : PERM_UNREADABLE;
	free(line);
	if (maps)
		fclose(maps);
}

static int by_reader(const void *a, const void *b)
{
	const struct mapping_row *left = *(struct mapping_row *const *)a;
	const struct mapping_row *right = *(struct mapping_row *const *)b;

	return (left->reader_pid > right->reader_pid) - (left->reader_pid < right->reader_pid);
}

void source_proc_permissions(struct model *model)
{
	size_t count = model->mappings_count, first = 0;
	struct mapping_row **rows = calloc(count + 1, sizeof(struct mapping_row *));

	if (!rows)
		return;		/* they stay PERM_NOT_READ, which shows as unknown */
	for (size_t i = 0; i < count; i++)
		rows[i] = &model->mappings[i];
	qsort(rows, count, sizeof(*rows), by_reader);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && rows[i]->reader_pid == rows[first]->reader_pid)
			continue;
		read_maps(rows + first, rows + i);
		first = i;
	}
	free(rows);
}

bool source_proc_in_the_way(uint32_t pid, uint64_t address, uint64_t length, struct vma *vma)
{
	FILE *maps = open_maps(pid);
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (!found && maps && next_vma(maps, &line, &room, vma))
		found = vma->end > address && vma->start < address + length;
	free(line);
	if (maps)
		fclose(maps);
	return found;
}
