# SPDX-License-Identifier: BSD-2-Clause
#
# heap.mk - unit tests of the environment and of the area

TESTS += test_bitmap test_cgroup test_config test_heap test_pagemap test_text

SRC_test_bitmap := test_bitmap.c ../../lib/bitmap.c
INC_test_bitmap := -I../../lib
SRC_test_cgroup := test_cgroup.c ../../lib/cgroup.c
INC_test_cgroup := -I../../lib
SRC_test_config := test_config.c ../../lib/config.c
INC_test_config := -I../../lib
SRC_test_heap := test_heap.c $(addprefix ../../lib/,area.c bitmap.c block.c cgroup.c config.c copy.c pagemap.c pages.c pi_mutex.c probes.c shmfile.c maps.c window.c)
INC_test_heap := -I../../lib
SRC_test_pagemap := test_pagemap.c $(addprefix ../../lib/,bitmap.c pagemap.c)
INC_test_pagemap := -I../../lib
SRC_test_text := test_text.c
INC_test_text := -I../../lib
