/*
 * scanner.h
 *		Cut a stream of WAL into pages and records, however it arrives.
 *
 * The scanner is fed consecutive bytes in portions of any size and names what
 * they are, piece by piece.  It looks at page headers and at the first 24 bytes
 * of records, and copies nothing else.
 */
#ifndef WAL_SCANNER_H
#define WAL_SCANNER_H

#include "base.h"

#include "wal/page.h"

typedef enum ScanKind
{
	SCAN_PAGE_HEADER,
	SCAN_RECORD, /* bytes of a record that was seen from its start */
	SCAN_TAIL,   /* the rest of a record that began before the scan did */
	SCAN_FILL    /* alignment, or what follows a segment switch: zeros */
} ScanKind;

/* A run of bytes of one kind, never across the end of a page. */
typedef struct ScanPiece
{
	ScanKind kind;
	Lsn lsn;
	size_t len;
	uint32_t offset; /* SCAN_RECORD: of the piece in its record */
	/* SCAN_RECORD, SCAN_PAGE_HEADER: the record, the header ends with this piece */
	bool is_last;
	bool
		abandoned; /* SCAN_PAGE_HEADER, its last piece: the record in progress ends here, unfinished */
} ScanPiece;

typedef enum ScanStatus
{
	SCAN_OK,   /* *piece is set */
	SCAN_MORE, /* the bytes are used up */
	SCAN_BLIND, /* the scan began where nothing can be recognised: start earlier */
	SCAN_BAD    /* not WAL that we understand; err says why */
} ScanStatus;

typedef struct Scanner
{
	WalGeometry geometry;
	Lsn lsn;                   /* of the next byte */
	const WalVersion *version; /* NULL until the first page header */
	TimeLineId tli;            /* of the last page header */
	bool synced;               /* a page header has been seen */
	bool seen_record;          /* a record has been seen from start to end */

	/* the page header being read */
	uint8_t page_header[WAL_LONG_HEADER_SIZE];
	uint32_t page_header_have;

	/* the record being read; record_lsn is valid while record_have > 0 */
	Lsn record_lsn;
	uint8_t record_header[WAL_RECORD_HEADER_SIZE];
	uint32_t record_have;  /* bytes of it seen so far */
	uint32_t record_total; /* xl_tot_len; 0 while it is not complete */
	uint32_t tail_left;    /* of a record that began before the scan */
	Lsn fill_end;          /* > lsn: zeros up to there */
	bool fill_is_switch;   /* page headers in there are zeros too */
} Scanner;

/* Begin at lsn, which must be the start of a page. */
void scanner_init(Scanner *s, const WalGeometry *geometry, Lsn lsn);

/*
 * Name the first bytes of data, which are those at s->lsn; len > 0.  On SCAN_OK
 * the scanner has moved past piece->len (1..len) bytes.
 */
MUST_CHECK ScanStatus scanner_next(Scanner *s, const uint8_t *data, size_t len,
	ScanPiece *piece, ErrInfo *err);

/* Whether the next byte begins something new: no record is under way. */
static inline bool
scanner_at_boundary(const Scanner *s)
{
	return s->record_have == 0 && s->tail_left == 0;
}

#endif /* WAL_SCANNER_H */
