/* SPDX-License-Identifier: GPL-2.0-only */
/* kvzalloc() lives in linux/mm.h on older kernels. */
#include <linux/slab.h>
