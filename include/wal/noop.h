/*
 * noop.h
 *		The record that stands in for one that a standby must not have.
 */
#ifndef WAL_NOOP_H
#define WAL_NOOP_H

#include "base.h"

#include "util/lsn.h"
#include "wal/walformat.h"

/* Header and payload header; what follows is zeros. */
#define NOOP_PREFIX_MAX (WAL_RECORD_HEADER_SIZE + 5)

/*
 * Write the first bytes of an XLOG NOOP of total bytes, with its CRC.  xid and
 * prev are those of the record that it replaces: recovery counts transaction ids
 * by record headers and follows the links (xlogrecovery.c, xlogreader.c).
 *
 * Returns how many bytes were written, the rest up to total being zeros; 0 if
 * there is no such record: total is below 24, or 25.
 */
size_t noop_encode(
	uint8_t prefix[NOOP_PREFIX_MAX], uint32_t total, uint32_t xid, Lsn prev);

#endif /* WAL_NOOP_H */
