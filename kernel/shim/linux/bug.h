/* SPDX-License-Identifier: GPL-2.0-only */
/* All of it is in the shim's kernel.h. */
#include <linux/kernel.h>
