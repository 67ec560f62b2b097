// SPDX-License-Identifier: BSD-2-Clause
/* cells.c - what the columns of all views share */

#include "cells.h"

#include <stdio.h>

#include "format.h"

void cell_none(struct cell *cell)
{
	snprintf(cell->text, sizeof(cell->text), "-");
	cell->number = -1;
}

void cell_unknown(struct cell *cell)
{
	snprintf(cell->text, sizeof(cell->text), "?");
	cell->number = -1;
}

void cell_number(struct cell *cell, uint64_t number)
{
	snprintf(cell->text, sizeof(cell->text), "%llu", (unsigned long long)number);
	cell->number = (double)number;
}

void cell_count(struct cell *cell, uint64_t number)
{
	format_count(cell->text, sizeof(cell->text), number);
	cell->number = (double)number;
}

void cell_bytes(struct cell *cell, double bytes)
{
	format_bytes(cell->text, sizeof(cell->text), bytes);
	cell->number = bytes;
}

void cell_rate(struct cell *cell, double per_second)
{
	format_rate(cell->text, sizeof(cell->text), per_second);
	cell->number = per_second;
}

void cell_ns(struct cell *cell, double ns)
{
	format_ns(cell->text, sizeof(cell->text), ns);
	cell->number = ns;
}

void cell_name(struct cell *cell, const char *name)
{
	format_clean(cell->text, sizeof(cell->text), name);
}
