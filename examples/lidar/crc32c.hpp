// SPDX-License-Identifier: BSD-2-Clause
/* crc32c.hpp - CRC-32C (Castagnoli), by the CPU's own instruction where it has one */
#ifndef LIDAR_CRC32C_HPP
#define LIDAR_CRC32C_HPP

#include <cstddef>
#include <cstdint>

namespace lidar {

/* Continue @crc, 0 at the start, over @bytes bytes. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

/* The same without the CPU's instruction; the test compares the two. */
uint32_t crc32c_software(uint32_t crc, const void *data, size_t bytes);

} // namespace lidar

#endif
