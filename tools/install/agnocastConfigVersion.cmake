# SPDX-License-Identifier: BSD-2-Clause
#
# Before 1.0 a new minor version may change anything; a new patch version may not.

set(PACKAGE_VERSION "@VERSION@")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _agnocast_series "${PACKAGE_VERSION}")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _agnocast_wanted "${PACKAGE_FIND_VERSION}")

if(PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
	set(PACKAGE_VERSION_COMPATIBLE FALSE)
elseif(PACKAGE_FIND_VERSION MATCHES "\\." AND NOT _agnocast_wanted STREQUAL _agnocast_series)
	set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
	set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
	set(PACKAGE_VERSION_EXACT TRUE)
endif()

unset(_agnocast_series)
unset(_agnocast_wanted)
if(CMAKE_SIZEOF_VOID_P AND NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
	set(PACKAGE_VERSION_UNSUITABLE TRUE)
endif()
