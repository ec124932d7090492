/*
 * spooltail.c
 *		How far a partial segment is good.  See spooltail.h.
 *
 * A process that is killed leaves what it has written.  A system that crashes may
 * leave a file that is longer than what reached the disk, with zeros in it: that is
 * what the checksums are for.
 *
 * A segment mostly begins within a record, whose checksum is in the segment before.
 * So the scan begins there, on the page in which that record does.
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

/* As many zeros may be what did not reach the disk: it is written in sectors. */
#define HOLE_SIZE 512

/* The scan, and the record that it is in. */
typedef struct TailScan
{
	Scanner scanner;
	uint8_t header[WAL_RECORD_HEADER_SIZE];
	uint32_t crc; /* of what follows the header */

	bool doubtful;  /* bytes that no checksum is known of are looked at */
	uint32_t zeros; /* at their end so far */
} TailScan;

static void
begin_scan(TailScan *t, const WalGeometry *geometry, Lsn lsn)
{
	*t = (TailScan){.crc = CRC32C_INIT};
	scanner_init(&t->scanner, geometry, lsn);
}

/* A record's checksum is over what follows its header, then over that. */
static void
take_bytes(TailScan *t, const ScanPiece *piece, const uint8_t *data)
{
	size_t n = 0;

	if (piece->offset == 0)
		t->crc = CRC32C_INIT;
	if (piece->offset < WAL_RECORD_HEADER_SIZE)
	{
		n = Min(piece->len, WAL_RECORD_HEADER_SIZE - piece->offset);
		memcpy(t->header + piece->offset, data, n);
	}
	t->crc = crc32c_update(t->crc, data + n, piece->len - n);
}

static bool
checksum_is_right(const TailScan *t)
{
	uint32_t crc =
		crc32c_final(crc32c_update(t->crc, t->header, WAL_RECORD_CRC_OFFSET));

	return crc == load_le32(t->header + WAL_RECORD_CRC_OFFSET);
}

static bool
has_hole(TailScan *t, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && t->zeros < HOLE_SIZE; i++)
		t->zeros = data[i] == 0 ? t->zeros + 1 : 0;
	return t->zeros >= HOLE_SIZE;
}

/* One portion.  False when the rest is of no interest. */
static bool
scan(TailScan *t, const uint8_t *data, size_t len, Lsn *end)
{
	while (len > 0)
	{
		ScanPiece piece;
		ErrInfo err;

		if (scanner_next(&t->scanner, data, len, &piece, &err) != SCAN_OK ||
			(piece.kind == SCAN_TAIL && t->doubtful &&
				has_hole(t, data, piece.len)))
			return false;
		if (piece.kind == SCAN_RECORD)
			take_bytes(t, &piece, data);
		if (piece.kind == SCAN_RECORD && piece.is_last)
		{
			if (!checksum_is_right(t))
				return false;
			*end = piece.lsn + piece.len;
		}
		else if (piece.kind == SCAN_FILL && t->scanner.seen_record)
			*end = piece.lsn + piece.len;
		data += piece.len;
		len -= piece.len;
	}
	return true;
}

/*
 * The size bytes of a file from offset on, as far as they are of interest.  False if
 * it cannot be read.
 */
static bool
scan_file(TailScan *t, int fd, int64_t offset, int64_t size, Lsn *end)
{
	uint8_t *data = mem_alloc(READ_SIZE);
	int64_t stop = offset + size;
	bool ok = true;

	while (offset < stop)
	{
		size_t want = (size_t) Min((int64_t) READ_SIZE, stop - offset);
		ssize_t n = pread(fd, data, want, (off_t) offset);

		if (n < 0 && errno == EINTR)
			continue;
		ok = n >= 0;
		if (n <= 0 || !scan(t, data, (size_t) n, end))
			break;
		offset += n;
	}
	free(data);
	return ok;
}

/*
 * Scan the end of the segment before start: more and more of it, until the record
 * that goes over start is seen from its beginning.
 */
static bool
lead_in(TailScan *t, int before_fd, Lsn start, const WalGeometry *geometry)
{
	int64_t segment_size = geometry->segment_size;

	for (int64_t back = geometry->block_size; back <= segment_size; back *= 2)
	{
		Lsn ignored;

		begin_scan(t, geometry, start - (Lsn) back);
		if (scan_file(t, before_fd, segment_size - back, back, &ignored) &&
			t->scanner.lsn == start && t->scanner.synced &&
			t->scanner.tail_left == 0)
			return true;
	}
	return false;
}

bool
spooltail_find(int fd, const char *path, Lsn start, int64_t size, int before_fd,
	const WalGeometry *geometry, Lsn *end, ErrInfo *err)
{
	TailScan t;

	if (before_fd < 0 || !lead_in(&t, before_fd, start, geometry))
	{
		begin_scan(&t, geometry, start);
		t.doubtful = true;
	}
	*end = start;
	return scan_file(&t, fd, 0, size, end) ||
		   durable_error("read file", path, err);
}
