// SPDX-License-Identifier: BSD-2-Clause
/* source_proc.c - what /proc tells: who lives, and what is really mapped */

#define _GNU_SOURCE
#include "source_proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#define BUDGET_NS UINT64_C(2000000)	/* of a refresh, for what did not change */
#define LOOKS		4	/* at what seems wrong, of 2 ms each, in a refresh */

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

static const char *hex(const char *text, uint64_t *value)
{
	*value = 0;
	for (;; text++) {
		if (*text >= '0' && *text <= '9')
			*value = *value << 4 | (uint64_t)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			*value = *value << 4 | (uint64_t)(*text - 'a' + 10);
		else
			return text;
	}
}

static const char *skip_word(const char *text)
{
	text += strcspn(text, " \n");
	return text + strspn(text, " ");
}

/* "START-END PERM OFFSET DEV INODE    NAME"; by hand, since there are thousands of lines */
static bool parse(const char *line, struct vma *vma)
{
	const char *at = hex(line, &vma->start);
	size_t length;

	if (*at != '-')
		return false;
	at = hex(at + 1, &vma->end);
	if (*at != ' ' || strlen(at) < 6)
		return false;
	memcpy(vma->perm, at + 1, 4);
	vma->perm[4] = '\0';
	at += 6;
	for (int i = 0; i < 3; i++)
		at = skip_word(at);
	length = strcspn(at, "\n");
	if (length >= sizeof(vma->name))
		length = sizeof(vma->name) - 1;
	memcpy(vma->name, at, length);
	vma->name[length] = '\0';
	return true;
}

static bool next_vma(FILE *maps, char **line, size_t *room, struct vma *vma)
{
	while (getline(line, room, maps) > 0)
		if (parse(*line, vma))
			return true;
	return false;
}

/* "/dev/shm/agnocast@PID", perhaps followed by " (deleted)"; 0: no such name. */
static uint32_t area_owner(const struct vma *vma)
{
	const char *at = vma->name[0] == '/' ? strstr(vma->name, "/agnocast@") : NULL;
	unsigned long pid;
	char *end;

	if (!at)
		return 0;
	pid = strtoul(at + strlen("/agnocast@"), &end, 10);
	return *end == ' ' || !*end ? (uint32_t)pid : 0;
}

/* An area counts as mapped where its file is; the bare reservation does not. */
static void note(struct mapping_row *mapping, const struct vma *vma, uint32_t owner)
{
	if (vma->end <= mapping->base || vma->start >= mapping->base + mapping->size ||
	    owner != mapping->owner_pid)
		return;
	if (mapping->perm_state != PERM_FOUND)
		snprintf(mapping->perm, sizeof(mapping->perm), "%s", vma->perm);
	else if (strcmp(mapping->perm, vma->perm))
		snprintf(mapping->perm, sizeof(mapping->perm), "mixed");
	mapping->perm_state = PERM_FOUND;
}

/* The rows of one reader. */
struct reader {
	struct mapping_row	**rows;
	size_t			count;
	uint64_t		read_ns;	/* the oldest of them; 0: one is new or changed */
};

static void read_maps(const struct reader *reader, uint64_t now_ns)
{
	FILE *maps = open_maps(reader->rows[0]->reader_pid);
	char *line = NULL;
	size_t room = 0;
	struct vma vma;
	bool any = false;

	for (size_t i = 0; i < reader->count; i++) {
		reader->rows[i]->perm_state = PERM_NOT_READ;
		reader->rows[i]->perm_ns = now_ns;
	}
	while (maps && next_vma(maps, &line, &room, &vma)) {
		uint32_t owner = area_owner(&vma);

		any = true;
		for (size_t i = 0; owner && i < reader->count; i++)
			note(reader->rows[i], &vma, owner);
	}
	for (size_t i = 0; i < reader->count; i++)
		if (reader->rows[i]->perm_state != PERM_FOUND)
			reader->rows[i]->perm_state = any ? PERM_NONE : PERM_UNREADABLE;
	free(line);
	if (maps)
		fclose(maps);
}

/* Is one of its rows wrong, and not only because an owner died after the list was made? */
static bool seems_wrong(const struct reader *reader)
{
	bool wrong = false;

	for (size_t i = 0; i < reader->count; i++) {
		struct mapping_row *row = reader->rows[i];

		if (row->perm_state == PERM_NONE && !row->own && row->owner_alive)
			row->owner_alive = source_proc_is_alive(row->owner_pid);
		wrong |= row->state != AGNOCAST_REFUSED && model_mapping_is_wrong(row);
	}
	return wrong;
}

/*
 * The registry's list is a moment older than the maps, and a mapping is made without
 * access before it is opened: what seems wrong is looked at again. @looks is how often
 * that may be done in all.
 */
static void read_twice(const struct reader *reader, uint64_t now_ns, unsigned int *looks)
{
	const struct timespec pause = { .tv_nsec = 2000000 };

	read_maps(reader, now_ns);
	while (seems_wrong(reader) && *looks) {
		(*looks)--;
		nanosleep(&pause, NULL);
		read_maps(reader, now_ns);
	}
}

static int compare_u64(uint64_t left, uint64_t right)
{
	return (left > right) - (left < right);
}

/* By reader, then one by one. */
static int by_reader(const void *a, const void *b)
{
	const struct mapping_row *left = *(struct mapping_row *const *)a;
	const struct mapping_row *right = *(struct mapping_row *const *)b;
	int order = compare_u64(left->reader, right->reader);

	return order ? order : compare_u64(left->serial, right->serial);
}

static int by_age(const void *a, const void *b)
{
	const struct reader *left = a, *right = b;

	return compare_u64(left->read_ns, right->read_ns);
}

/* Pointers to the mappings of @model in the order of by_reader(), to be freed. */
static struct mapping_row **sorted_mappings(const struct model *model)
{
	size_t count = model->mappings_count;
	struct mapping_row **rows = calloc(count + 1, sizeof(struct mapping_row *));

	if (!rows)
		model_out_of_memory();
	for (size_t i = 0; i < count; i++)
		rows[i] = &model->mappings[i];
	qsort(rows, count, sizeof(*rows), by_reader);
	return rows;
}

static bool is_unchanged(const struct mapping_row *now, const struct mapping_row *then)
{
	return now->state == then->state && now->parts == then->parts &&
	       now->ready == then->ready && now->owner_alive == then->owner_alive &&
	       then->perm_state != PERM_NOT_READ;
}

/* What was known of those that have not changed. */
static void carry_over(struct mapping_row **rows, size_t count, const struct model *before)
{
	struct mapping_row **old = sorted_mappings(before);
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		while (at < before->mappings_count && by_reader(&old[at], &rows[i]) < 0)
			at++;
		if (at == before->mappings_count || by_reader(&old[at], &rows[i]) ||
		    !is_unchanged(rows[i], old[at]))
			continue;
		rows[i]->perm_state = old[at]->perm_state;
		rows[i]->perm_ns = old[at]->perm_ns;
		memcpy(rows[i]->perm, old[at]->perm, sizeof(rows[i]->perm));
	}
	free(old);
}

static size_t group(struct mapping_row **rows, size_t count, struct reader *readers)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (!i || rows[i]->reader != rows[i - 1]->reader)
			readers[used++] = (struct reader){
				.rows = rows + i, .read_ns = rows[i]->perm_ns,
			};
		readers[used - 1].count++;
		if (rows[i]->perm_ns < readers[used - 1].read_ns)
			readers[used - 1].read_ns = rows[i]->perm_ns;
	}
	return used;
}

void source_proc_permissions(struct model *model, const struct model *before)
{
	struct mapping_row **rows = sorted_mappings(model);
	struct reader *readers = calloc(model->mappings_count + 1, sizeof(*readers));
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	unsigned int looks = LOOKS;
	size_t count;

	if (!readers)
		model_out_of_memory();
	if (before)
		carry_over(rows, model->mappings_count, before);
	count = group(rows, model->mappings_count, readers);
	qsort(readers, count, sizeof(*readers), by_age);
	for (size_t i = 0; i < count; i++)
		if (!readers[i].read_ns || clock_ns(CLOCK_MONOTONIC) - start < BUDGET_NS)
			read_twice(&readers[i], model->mono_ns, &looks);
	free(readers);
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
