/*
 * spooltail.c
 *		How far a partial segment is good.  See spooltail.h.
 *
 * A process that is killed leaves what it has written.  A system that crashes may
 * leave a file that is longer than what reached the disk, with zeros in it: that is
 * what the checksums are for.
 */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/spooltail.h"
#include "util/buf.h"
#include "util/durable.h"
#include "util/mem.h"
#include "wal/crc32c.h"
#include "wal/scanner.h"
#include "wal/walformat.h"

#define READ_SIZE ((size_t) 256 * 1024)

/* The record that the scan is in. */
typedef struct RecordCheck
{
	uint8_t header[WAL_RECORD_HEADER_SIZE];
	uint32_t crc; /* of what follows the header */
} RecordCheck;

/* A record's checksum is over what follows its header, then over that. */
static void
take_bytes(RecordCheck *check, const ScanPiece *piece, const uint8_t *data)
{
	size_t n = 0;

	if (piece->offset == 0)
		check->crc = CRC32C_INIT;
	if (piece->offset < WAL_RECORD_HEADER_SIZE)
	{
		n = Min(piece->len, WAL_RECORD_HEADER_SIZE - piece->offset);
		memcpy(check->header + piece->offset, data, n);
	}
	check->crc = crc32c_update(check->crc, data + n, piece->len - n);
}

static bool
checksum_is_right(const RecordCheck *check)
{
	uint32_t crc = crc32c_final(
		crc32c_update(check->crc, check->header, WAL_RECORD_CRC_OFFSET));

	return crc == load_le32(check->header + WAL_RECORD_CRC_OFFSET);
}

/* One portion.  False when the rest is of no interest. */
static bool
scan(Scanner *scanner, RecordCheck *check, const uint8_t *data, size_t len,
	Lsn *end)
{
	while (len > 0)
	{
		ScanPiece piece;
		ErrInfo err;

		if (scanner_next(scanner, data, len, &piece, &err) != SCAN_OK)
			return false;
		if (piece.kind == SCAN_RECORD)
			take_bytes(check, &piece, data);
		if (piece.kind == SCAN_RECORD && piece.is_last)
		{
			if (!checksum_is_right(check))
				return false;
			*end = piece.lsn + piece.len;
		}
		else if (piece.kind == SCAN_FILL && scanner->seen_record)
			*end = piece.lsn + piece.len;
		data += piece.len;
		len -= piece.len;
	}
	return true;
}

bool
spooltail_find(int fd, const char *path, Lsn start, int64_t size,
	const WalGeometry *geometry, Lsn *end, ErrInfo *err)
{
	uint8_t *data = mem_alloc(READ_SIZE);
	RecordCheck check = {.crc = CRC32C_INIT};
	int64_t at = 0;
	bool ok = true;
	Scanner scanner;

	*end = start;
	scanner_init(&scanner, geometry, start);
	while (at < size)
	{
		ssize_t n =
			pread(fd, data, (size_t) Min((int64_t) READ_SIZE, size - at), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ok = durable_error("read file", path, err);
		if (n <= 0 || !scan(&scanner, &check, data, (size_t) n, end))
			break;
		at += n;
	}
	free(data);
	return ok;
}
