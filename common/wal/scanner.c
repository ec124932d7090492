/*
 * scanner.c
 *		Cut a stream of WAL into pages and records.  See scanner.h.
 *
 * At any byte the scanner is in one of five places, tested in this order:
 *
 *		in the fill behind a segment switch   until the segment ends
 *		in a page header                      at a page boundary
 *		in the tail of an unseen record       tail_left > 0
 *		in the fill behind a record           until the next multiple of 8
 *		in a record                           record_have > 0, or at its start
 */
#include "base.h"

#include <string.h>

#include "util/buf.h"
#include "wal/scanner.h"

void
scanner_init(Scanner *s, const WalGeometry *geometry, Lsn lsn)
{
	*s = (Scanner){.geometry = *geometry, .lsn = lsn};
}

static uint32_t
page_left(const Scanner *s)
{
	return s->geometry.block_size -
		   (uint32_t) (s->lsn & (s->geometry.block_size - 1));
}

/* The record ends at s->lsn: what follows is fill. */
static void
end_record(Scanner *s)
{
	s->fill_end = MaxAlign(s->lsn);
	s->fill_is_switch = false;
	if (s->record_header[WAL_RECORD_RMID_OFFSET] == RM_XLOG &&
		(s->record_header[WAL_RECORD_INFO_OFFSET] & WAL_INFO_RMGR_MASK) ==
			XLOG_OP_SWITCH)
	{
		/* xlogreader.c: "Special processing if it's an XLOG_SWITCH record" */
		uint32_t segment_size = s->geometry.segment_size;

		s->fill_end = lsn_floor(s->fill_end + segment_size - 1, segment_size);
		s->fill_is_switch = true;
	}
	s->record_have = 0;
	s->record_total = 0;
	s->seen_record = true;
}

/* A complete page header: does it go on with what came before? */
static ScanStatus
accept_page_header(Scanner *s, Lsn page_lsn, ScanPiece *piece, ErrInfo *err)
{
	PageHeader header;

	if (!s->synced && load_le16(s->page_header) == 0)
		return SCAN_BLIND; /* behind a segment switch, or never written */
	if (!page_header_decode(
			s->page_header, page_lsn, &s->geometry, &header, err))
		return SCAN_BAD;
	if (s->version != NULL && s->version != header.version)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL page magic changes at " LSN_FORMAT, LSN_ARGS(page_lsn));
		return SCAN_BAD;
	}
	s->version = header.version;
	s->tli = header.tli;
	if (!s->synced)
	{
		s->synced = true;
		s->tail_left = header.rem_len;
		return SCAN_OK;
	}
	if (header.is_overwrite_contrecord && !scanner_at_boundary(s))
	{
		/* The primary crashed before the record was complete. */
		s->record_have = 0;
		s->record_total = 0;
		s->tail_left = 0;
		piece->abandoned = true;
		return SCAN_OK;
	}
	if (header.rem_len !=
		(s->tail_left > 0 ? s->tail_left : s->record_total - s->record_have))
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL page at " LSN_FORMAT " continues a record with %u bytes, "
			"expected %u",
			LSN_ARGS(page_lsn), header.rem_len,
			s->tail_left > 0 ? s->tail_left : s->record_total - s->record_have);
		return SCAN_BAD;
	}
	return SCAN_OK;
}

static ScanStatus
next_page_header(
	Scanner *s, const uint8_t *data, size_t len, ScanPiece *piece, ErrInfo *err)
{
	Lsn page_lsn = s->lsn - s->page_header_have;
	uint32_t size = page_header_size(&s->geometry, page_lsn);
	ScanStatus status = SCAN_OK;

	piece->kind = SCAN_PAGE_HEADER;
	piece->len = Min(len, size - s->page_header_have);
	memcpy(s->page_header + s->page_header_have, data, piece->len);
	s->page_header_have += (uint32_t) piece->len;
	if (s->page_header_have == size)
	{
		s->page_header_have = 0;
		piece->is_last = true;
		status = accept_page_header(s, page_lsn, piece, err);
	}
	return status;
}

/* The length field is complete: is it possible? */
static ScanStatus
accept_record_length(Scanner *s, ErrInfo *err)
{
	uint32_t total = load_le32(s->record_header);

	/* The tail that the scan began in was that of a segment switch. */
	if (total == 0 && !s->seen_record)
		return SCAN_BLIND;
	if (total < WAL_RECORD_HEADER_SIZE || total > WAL_RECORD_SIZE_MAX)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"invalid record length at " LSN_FORMAT ": %u",
			LSN_ARGS(s->record_lsn), total);
		return SCAN_BAD;
	}
	s->record_total = total;
	return SCAN_OK;
}

static ScanStatus
next_record(
	Scanner *s, const uint8_t *data, size_t len, ScanPiece *piece, ErrInfo *err)
{
	uint32_t offset = s->record_have;
	size_t n = Min(len, page_left(s));
	ScanStatus status;

	if (offset == 0)
		s->record_lsn = s->lsn;
	if (offset < WAL_RECORD_HEADER_SIZE)
		memcpy(s->record_header + offset, data,
			Min(n, WAL_RECORD_HEADER_SIZE - offset));
	if (s->record_total == 0)
	{
		/* A record starts at a multiple of 8: its length is on one page. */
		if (offset + n < 4)
			goto out;
		status = accept_record_length(s, err);
		if (status != SCAN_OK)
			return status;
	}
	n = Min(n, s->record_total - offset);
out:
	piece->kind = SCAN_RECORD;
	piece->len = n;
	piece->offset = offset;
	s->record_have = offset + (uint32_t) n;
	piece->is_last = s->record_total != 0 && s->record_have == s->record_total;
	return SCAN_OK;
}

ScanStatus
scanner_next(
	Scanner *s, const uint8_t *data, size_t len, ScanPiece *piece, ErrInfo *err)
{
	ScanStatus status = SCAN_OK;
	bool at_page =
		s->page_header_have > 0 || (s->lsn & (s->geometry.block_size - 1)) == 0;
	bool in_fill = s->fill_end > s->lsn;

	if (len == 0)
		return SCAN_MORE;
	*piece = (ScanPiece){.lsn = s->lsn};
	if (in_fill && (s->fill_is_switch || !at_page))
	{
		piece->kind = SCAN_FILL;
		piece->len = Min(len, Min(s->fill_end - s->lsn, page_left(s)));
	}
	else if (at_page)
		status = next_page_header(s, data, len, piece, err);
	else if (s->tail_left > 0)
	{
		piece->kind = SCAN_TAIL;
		piece->len = Min(len, Min(s->tail_left, page_left(s)));
		s->tail_left -= (uint32_t) piece->len;
		if (s->tail_left == 0)
		{
			s->fill_end = MaxAlign(s->lsn + piece->len);
			s->fill_is_switch = false;
		}
	}
	else
		status = next_record(s, data, len, piece, err);
	if (status != SCAN_OK)
		return status;
	s->lsn += piece->len;
	if (piece->kind == SCAN_RECORD && piece->is_last)
		end_record(s);
	return SCAN_OK;
}
