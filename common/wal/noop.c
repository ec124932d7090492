/*
 * noop.c
 *		The record that stands in for another.  See noop.h.
 *
 *		24 bytes		header alone
 *		26..281			DATA_SHORT, one byte of length, zeros
 *		282 and up		DATA_LONG, four bytes of length, zeros
 */
#include "base.h"

#include <string.h>

#include "util/buf.h"
#include "wal/crc32c.h"
#include "wal/noop.h"

size_t
noop_encode(
	uint8_t prefix[NOOP_PREFIX_MAX], uint32_t total, uint32_t xid, Lsn prev)
{
	uint8_t *payload = prefix + WAL_RECORD_HEADER_SIZE;
	uint32_t rest = total - WAL_RECORD_HEADER_SIZE; /* behind the header */
	uint32_t payload_header;
	uint32_t crc;

	if (total < WAL_RECORD_HEADER_SIZE || rest == 1)
		return 0;
	if (rest == 0)
		payload_header = 0;
	else if (rest - 2 <= UINT8_MAX)
	{
		payload_header = 2;
		payload[0] = WAL_BLOCK_ID_DATA_SHORT;
		payload[1] = (uint8_t) (rest - 2);
	}
	else
	{
		payload_header = 5;
		payload[0] = WAL_BLOCK_ID_DATA_LONG;
		store_le32(payload + 1, rest - 5);
	}
	memset(prefix, 0, WAL_RECORD_HEADER_SIZE);
	store_le32(prefix, total);
	store_le32(prefix + WAL_RECORD_XID_OFFSET, xid);
	store_le32(prefix + WAL_RECORD_PREV_OFFSET, (uint32_t) prev);
	store_le32(prefix + WAL_RECORD_PREV_OFFSET + 4, (uint32_t) (prev >> 32));
	prefix[WAL_RECORD_INFO_OFFSET] = XLOG_OP_NOOP;
	prefix[WAL_RECORD_RMID_OFFSET] = RM_XLOG;

	/* xlogrecord.h: the CRC covers what follows the header, then the header up to it. */
	crc = crc32c_update(CRC32C_INIT, payload, payload_header);
	crc = crc32c_update_zeros(crc, rest - payload_header);
	crc = crc32c_update(crc, prefix, WAL_RECORD_CRC_OFFSET);
	store_le32(prefix + WAL_RECORD_CRC_OFFSET, crc32c_final(crc));
	return WAL_RECORD_HEADER_SIZE + payload_header;
}
