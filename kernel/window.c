// SPDX-License-Identifier: GPL-2.0-only
/*
 * window.c - which part of the address window belongs to whom
 *
 * Slots are handed out round-robin, so that an area just freed rests as long
 * as possible: a stray pointer into it meets nothing rather than a stranger.
 */

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <uapi/agnocast.h>

#include "window.h"

#define AGK_GIB (1ULL << 30)
#define AGK_USER_ADDRESSES (1ULL << 47)

static bool params_are_usable(const struct agk_window_params *p)
{
	if (!p->areas || p->areas > AGNOCAST_SESSIONS_MAX)
		return false;
	if (p->area_size < 2 * AGK_GIB || p->area_size % AGK_GIB ||
	    p->area_size > AGK_USER_ADDRESSES / p->areas)
		return false;
	/* 2 MiB: so that huge pages stay possible. */
	return p->base && p->base % (2 << 20) == 0 &&
	       p->base < AGK_USER_ADDRESSES - p->areas * p->area_size;
}

int agk_window_init(struct agk_window *window,
		    const struct agk_window_params *params)
{
	if (!params_are_usable(params))
		return -EINVAL;
	window->slot = kvcalloc(params->areas, sizeof(*window->slot), GFP_KERNEL);
	if (!window->slot)
		return -ENOMEM;
	window->params = *params;
	window->taken = 0;
	window->hint = 0;
	return 0;
}

void agk_window_destroy(struct agk_window *window)
{
	kvfree(window->slot);
	window->slot = NULL;
}

static bool slot_is_free(const struct agk_slot *slot)
{
	return !slot->live && !slot->pins;
}

int agk_window_take(struct agk_window *window)
{
	u32 i, n = window->params.areas;

	for (i = 0; i < n; i++) {
		u32 at = (window->hint + i) % n;

		if (slot_is_free(&window->slot[at])) {
			window->slot[at].live = true;
			window->taken++;
			window->hint = (at + 1) % n;
			return at;
		}
	}
	return -ENOSPC;
}

int agk_window_take_at(struct agk_window *window, u32 slot)
{
	if (window->slot[slot].live)
		return -EBUSY;
	if (slot_is_free(&window->slot[slot]))
		window->taken++;
	window->slot[slot].live = true;
	return 0;
}

void agk_window_owner_gone(struct agk_window *window, u32 slot)
{
	window->slot[slot].live = false;
	if (slot_is_free(&window->slot[slot]))
		window->taken--;
}

void agk_window_pin(struct agk_window *window, u32 slot)
{
	if (slot_is_free(&window->slot[slot]))
		window->taken++;
	window->slot[slot].pins++;
}

void agk_window_unpin(struct agk_window *window, u32 slot)
{
	if (WARN_ON_ONCE(!window->slot[slot].pins))
		return;
	window->slot[slot].pins--;
	if (slot_is_free(&window->slot[slot]))
		window->taken--;
}
