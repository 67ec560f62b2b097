// SPDX-License-Identifier: BSD-2-Clause
/*
 * crc32c.cpp - CRC-32C (Castagnoli)
 *
 * Eight bytes a step: with SSE4.2 by one instruction, else by eight tables.
 */
#include "crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the tables are for little-endian machines"
#endif

namespace lidar {
namespace {

constexpr uint32_t polynomial = 0x82f63b78;	/* reflected */

using tables_t = std::array<std::array<uint32_t, 256>, 8>;

constexpr tables_t make_tables()
{
	tables_t t{};

	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
		t[0][byte] = crc;
	}
	for (size_t k = 1; k < t.size(); k++)
		for (uint32_t byte = 0; byte < 256; byte++)
			t[k][byte] = (t[k - 1][byte] >> 8) ^ t[0][t[k - 1][byte] & 0xff];
	return t;
}

constexpr tables_t tables = make_tables();

uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#ifdef __x86_64__
__attribute__((target("sse4.2")))
uint32_t crc32c_sse42(uint32_t start, const uint8_t *p, size_t bytes)
{
	uint64_t crc = static_cast<uint32_t>(~start);

	for (; bytes >= 8; bytes -= 8, p += 8)
		crc = __builtin_ia32_crc32di(crc, load64(p));
	for (; bytes; bytes--, p++)
		crc = __builtin_ia32_crc32qi(static_cast<uint32_t>(crc), *p);
	return ~static_cast<uint32_t>(crc);
}
#endif

} // namespace

uint32_t crc32c_software(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = static_cast<const uint8_t *>(data);

	crc = ~crc;
	for (; bytes >= 8; bytes -= 8, p += 8) {
		const uint64_t v = load64(p) ^ crc;

		crc = 0;
		for (size_t k = 0; k < 8; k++)
			crc ^= tables[7 - k][(v >> (8 * k)) & 0xff];
	}
	for (; bytes; bytes--, p++)
		crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
#ifdef __x86_64__
	static const bool sse42 = __builtin_cpu_supports("sse4.2");

	if (sse42)
		return crc32c_sse42(crc, static_cast<const uint8_t *>(data), bytes);
#endif
	return crc32c_software(crc, data, bytes);
}

} // namespace lidar
