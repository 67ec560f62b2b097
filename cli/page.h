/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h - all about one topic or one process
 *
 * Lines of text for a screen that scrolls them; made from the model alone.
 */
#ifndef AGNOCAST_CLI_PAGE_H
#define AGNOCAST_CLI_PAGE_H

#include "rows.h"

enum page_kind { PAGE_NONE, PAGE_TOPIC, PAGE_PROCESS };

/* What a page is about: ids, so that it follows its subject from sample to sample. */
struct subject {
	enum page_kind	kind;
	uint64_t	id;	/* topic, or session; 0: known to eBPF only, by its pid */
	uint32_t	pid;
};

struct page {
	char	(*line)[ROWS_LINE];	/* clean; the first column is the mark's */
	size_t	count;
};

/* What the row is about: Enter on it. PAGE_NONE if there is nothing more to say. */
struct subject page_subject(const struct model *model, enum view view, size_t row);

/* Fills @page for a screen of @width columns; page_free() it. */
void page_make(struct page *page, const struct model *model, const struct subject *subject,
	       size_t width);
void page_free(struct page *page);

#endif /* AGNOCAST_CLI_PAGE_H */
