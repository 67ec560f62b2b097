# SPDX-License-Identifier: BSD-2-Clause
# What test_top*.c test of cli/: neither libbpf nor curses nor a registry.
TESTS += test_top test_top_views
TOP_MODEL := $(addprefix ../../cli/,cause.c cause_table.c cells.c failure_cells.c failures.c format.c json.c \
	mapping_cells.c model.c process_cells.c rows.c topic_cells.c view_json.c view_text.c)
SRC_test_top := test_top.c $(TOP_MODEL)
SRC_test_top_views := test_top_views.c $(TOP_MODEL)
INC_test_top := -U_GNU_SOURCE -I../../cli	# those files say it themselves
INC_test_top_views := $(INC_test_top)
LIB_test_top := -lm
LIB_test_top_views := -lm
