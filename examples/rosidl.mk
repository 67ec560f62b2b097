# SPDX-License-Identifier: BSD-2-Clause
#
# rosidl.mk - C++ structs from .msg files, by ROS 2's own generator
#
# Makes $(MSG_STAMP); the headers appear under $(MSG_DIR), for MSG_CPPFLAGS.
# The generator is Debian's, and so must be its Python: hence the PATH.

MSG_DIR		:= $(BUILD)/examples/msg
MSG_STAMP	:= $(MSG_DIR)/stamp
MSG_SOURCES	:= $(wildcard msg/*/msg/*.msg)
MSG_CPPFLAGS	:= -isystem $(MSG_DIR) \
		   -isystem /usr/include/rosidl_runtime_cpp \
		   -isystem /usr/include/rosidl_runtime_c

ROSIDL		:= /usr/bin/rosidl

$(MSG_STAMP): $(MSG_SOURCES) rosidl.mk
	$(call msg,GEN,$(notdir $(MSG_DIR)))
	$(Q)test -x $(ROSIDL) || { \
		echo "$(ROSIDL) is missing: run tools/deps.sh demo" >&2; exit 1; }
	$(Q)rm -rf $(MSG_DIR) && mkdir -p $(MSG_DIR)
	$(Q)for package in msg/*; do \
		(cd $$package && PATH=/usr/bin:/bin AMENT_PREFIX_PATH=/usr PYTHONDONTWRITEBYTECODE=1 \
			$(ROSIDL) generate -o $(MSG_DIR)/$${package#msg/} -t cpp -I .. \
			$${package#msg/} msg/*.msg) >$(MSG_DIR)/log 2>&1 || \
			{ cat $(MSG_DIR)/log >&2; exit 1; }; \
	done
	$(Q)touch $@
