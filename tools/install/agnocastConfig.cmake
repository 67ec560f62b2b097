# SPDX-License-Identifier: BSD-2-Clause
#
# find_package(agnocast), then target_link_libraries(mine agnocast::agnocast)
#
# Found relative to this file, so that a copy or a sysroot works too.

get_filename_component(_agnocast_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
get_filename_component(_agnocast_include
	"${CMAKE_CURRENT_LIST_DIR}/@INCLUDEDIR_FROM_CMAKE@" ABSOLUTE)

if(NOT TARGET agnocast::agnocast)
	add_library(agnocast::agnocast SHARED IMPORTED)
	set_target_properties(agnocast::agnocast PROPERTIES
		IMPORTED_LOCATION "${_agnocast_lib}/libagnocast.so"
		IMPORTED_SONAME libagnocast.so
		INTERFACE_INCLUDE_DIRECTORIES "${_agnocast_include}")
endif()

unset(_agnocast_lib)
unset(_agnocast_include)
