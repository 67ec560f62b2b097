# SPDX-License-Identifier: BSD-2-Clause
# What test_top*.c test of cli/: neither libbpf nor curses nor a registry.
TOP_TESTS := test_top test_top_page test_top_replay test_top_screen test_top_views
TESTS += $(TOP_TESTS)
TOP_MODEL := top_models.c $(addprefix ../../cli/,cause.c cause_table.c cells.c failure_cells.c \
	failures.c filter.c format.c frame.c graph.c json.c mapping_cells.c model.c page.c \
	process_cells.c rates.c replay.c rows.c screen.c summary.c topic_cells.c view_json.c \
	view_prom.c view_text.c)

define TOP_TEST
SRC_$(1) := $(1).c $$(TOP_MODEL)
INC_$(1) := -U_GNU_SOURCE -I../../cli	# those files say it themselves
LIB_$(1) := -ljansson -lm
endef
$(foreach t,$(TOP_TESTS),$(eval $(call TOP_TEST,$(t))))
