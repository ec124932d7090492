/*
 * crc32c.h
 *		CRC-32C (Castagnoli), as WAL records carry it: reflected polynomial
 *		0x82F63B78, started with all ones, inverted at the end.
 */
#ifndef WAL_CRC32C_H
#define WAL_CRC32C_H

#include "base.h"

#define CRC32C_INIT UINT32_C(0xffffffff)

/* Go on with crc over len bytes; the fastest way that this machine has. */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

/* The same without special instructions: for other machines, and for the test. */
uint32_t crc32c_update_portable(uint32_t crc, const void *data, size_t len);

/* Go on with crc over len zero bytes, in a number of steps that grows with log(len). */
uint32_t crc32c_update_zeros(uint32_t crc, uint64_t len);

static inline uint32_t
crc32c_final(uint32_t crc)
{
	return crc ^ UINT32_C(0xffffffff);
}

#endif /* WAL_CRC32C_H */
