/*
 * page.h
 *		The header that starts every WAL page.
 */
#ifndef WAL_PAGE_H
#define WAL_PAGE_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/version.h"
#include "wal/walformat.h"

/* How one cluster lays out its WAL.  Both sizes are powers of two. */
typedef struct WalGeometry
{
	uint32_t segment_size;      /* bytes, 1 MB to 1 GB */
	uint32_t block_size;        /* bytes, 1 kB to 64 kB: XLOG_BLCKSZ */
	uint64_t system_identifier; /* 0: not checked */
} WalGeometry;

/* Whether the sizes are ones that PostgreSQL can have. */
MUST_CHECK bool page_geometry_valid(const WalGeometry *geometry);

/* Bytes of header at the start of the page at lsn (a page boundary). */
static inline uint32_t
page_header_size(const WalGeometry *geometry, Lsn lsn)
{
	return (lsn & (geometry->segment_size - 1)) == 0 ? WAL_LONG_HEADER_SIZE
													 : WAL_SHORT_HEADER_SIZE;
}

typedef struct PageHeader
{
	const WalVersion *version;
	TimeLineId tli;
	uint32_t rem_len; /* bytes of an earlier record from here on */
	bool is_contrecord;
	bool is_overwrite_contrecord;
} PageHeader;

/*
 * Read and check the header of the page at lsn; bytes has page_header_size()
 * of them.  False, and err says what is wrong, for an unknown magic (0A000) and
 * for anything that PostgreSQL's own reader would refuse (XX001; xlogreader.c,
 * XLogReaderValidatePageHeader).
 */
MUST_CHECK bool page_header_decode(const uint8_t *bytes, Lsn lsn,
	const WalGeometry *geometry, PageHeader *header, ErrInfo *err);

/*
 * Whether bytes, WAL_LONG_HEADER_SIZE of them, begin the segment at lsn in a file
 * that goes by the name of timeline tli, in any major: of that address, system and
 * sizes.  The timeline in it may be an earlier one, which went on to there.
 */
MUST_CHECK bool page_begins_segment(const uint8_t *bytes, TimeLineId tli,
	Lsn lsn, const WalGeometry *geometry, ErrInfo *err);

/* How many bytes of records have room from lsn to the end of its segment. */
uint64_t page_segment_room(const WalGeometry *geometry, Lsn lsn);

#endif /* WAL_PAGE_H */
