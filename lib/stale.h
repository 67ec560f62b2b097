/* SPDX-License-Identifier: BSD-2-Clause */
/* stale.h - removing the names that killed processes left behind */
#ifndef AGNOCAST_STALE_H
#define AGNOCAST_STALE_H

/* Removes those that the registry lists and this user may remove. Never fails. */
void stale_clean(void);

#endif /* AGNOCAST_STALE_H */
