/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * window.h - which part of the address window belongs to whom
 *
 * A slot is free, live (its owner's session runs) or draining (the owner is
 * gone, readers still have it mapped). Only a free one is handed out. All
 * functions want the world's lock.
 */
#ifndef AGK_WINDOW_H
#define AGK_WINDOW_H

#include <linux/kernel.h>

struct agk_window_params {
	u64	base;		/* first address, page-aligned */
	u64	area_size;	/* bytes of one area, a multiple of 1 GiB, >= 2 GiB */
	u32	areas;		/* 1..AGNOCAST_SESSIONS_MAX */
};

struct agk_slot {
	bool	live;
	u32	pins;		/* readers that announced a mapping */
};

struct agk_window {
	struct agk_window_params params;
	u32	taken;		/* slots that are not free */
	u32	hint;		/* where to look first */
	struct agk_slot *slot;	/* params.areas of them; owned */
};

/* -EINVAL: unusable parameters; -ENOMEM. */
int __must_check agk_window_init(struct agk_window *window,
				 const struct agk_window_params *params);
void agk_window_destroy(struct agk_window *window);

/* Returns the slot, or -ENOSPC. Round-robin: a freed one rests for a while. */
int __must_check agk_window_take(struct agk_window *window);
/* This very slot: -EBUSY if it has an owner; pins do not matter. */
int __must_check agk_window_take_at(struct agk_window *window, u32 slot);
void agk_window_owner_gone(struct agk_window *window, u32 slot);
void agk_window_pin(struct agk_window *window, u32 slot);
void agk_window_unpin(struct agk_window *window, u32 slot);

static inline u64 agk_window_base(const struct agk_window *window, u32 slot)
{
	return window->params.base + slot * window->params.area_size;
}

#endif /* AGK_WINDOW_H */
