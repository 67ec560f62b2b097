# SPDX-License-Identifier: BSD-2-Clause
# The table of causes: pure, no BPF.
TESTS += test_cause
SRC_test_cause := test_cause.c $(addprefix ../../cli/,cause.c cause_table.c format.c)
INC_test_cause := -U_GNU_SOURCE -Wno-missing-field-initializers -I../../cli
LIB_test_cause := -lm
