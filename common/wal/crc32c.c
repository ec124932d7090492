/*
 * crc32c.c
 *		CRC-32C.  See crc32c.h.
 *
 * A CRC is the remainder of a polynomial over GF(2).  Appending n zero bytes
 * multiplies it by x^(8n), so the CRC of a long run of zeros needs a handful of
 * multiplications modulo the polynomial in place of a walk over the bytes.
 */
#include "base.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "wal/crc32c.h"

#define POLYNOMIAL UINT32_C(0x82f63b78)

static uint32_t tables[8][256];
/* x^8, x^16, x^32, ...: what appending 1, 2, 4, ... zero bytes multiplies by */
static uint32_t zero_powers[64];

/* a * b modulo the polynomial; the highest bit is the coefficient of x^0. */
static uint32_t
multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = UINT32_C(1) << 31; bit != 0; bit >>= 1)
	{
		if (a & bit)
			product ^= b;
		b = b & 1 ? b >> 1 ^ POLYNOMIAL : b >> 1;
	}
	return product;
}

/* Filled before main(), so that no caller has to remember. */
static void __attribute__((constructor)) fill_tables(void)
{
	for (uint32_t i = 0; i < 256; i++)
	{
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
		tables[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
	{
		for (int t = 1; t < 8; t++)
			tables[t][i] =
				tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
	}
	zero_powers[0] = UINT32_C(1) << 23;
	for (size_t i = 1; i < lengthof(zero_powers); i++)
		zero_powers[i] = multiply(zero_powers[i - 1], zero_powers[i - 1]);
}

uint32_t
crc32c_update_portable(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; p += 8, len -= 8)
	{
		uint32_t low = crc ^ ((uint32_t) p[0] | (uint32_t) p[1] << 8 |
								 (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24);

		crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
			  tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
			  tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
			  tables[0][p[7]];
	}
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
	return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
update_sse42(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t crc64 = crc;

	for (; len >= 8; p += 8, len -= 8)
	{
		uint64_t word;

		memcpy(&word, p, 8);
		crc64 = _mm_crc32_u64(crc64, word);
	}
	crc = (uint32_t) crc64;
	for (; len > 0; p++, len--)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}

uint32_t
crc32c_update(uint32_t crc, const void *data, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return update_sse42(crc, data, len);
	return crc32c_update_portable(crc, data, len);
}

#else

uint32_t
crc32c_update(uint32_t crc, const void *data, size_t len)
{
	return crc32c_update_portable(crc, data, len);
}

#endif

uint32_t
crc32c_update_zeros(uint32_t crc, uint64_t len)
{
	static const uint8_t zeros[1024];

	/* Most records are small, and walking is the faster way for those. */
	if (len <= sizeof(zeros))
		return crc32c_update(crc, zeros, (size_t) len);
	for (const uint32_t *power = zero_powers; len != 0; len >>= 1, power++)
	{
		if (len & 1)
			crc = multiply(*power, crc);
	}
	return crc;
}
