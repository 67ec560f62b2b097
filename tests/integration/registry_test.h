/* SPDX-License-Identifier: BSD-2-Clause */
/* registry_test.h - the tests of registry.c and registry_churn.c */
#ifndef AGNOCAST_TEST_REGISTRY_TEST_H
#define AGNOCAST_TEST_REGISTRY_TEST_H

#include "registry_member.h"

/* Under emulation everything takes ten times as long. */
unsigned int scaled(unsigned int native, unsigned int vm);
extern struct agnocast_version version;

/* registry_churn.c */
void adds_and_removes_leave_nothing(void);
void joins_and_exits_leave_nothing(void);
void exits_at_once_leave_an_exact_list(void);
void lists_are_complete_under_churn(void);
void rosters_are_never_torn(void);

#endif /* AGNOCAST_TEST_REGISTRY_TEST_H */
