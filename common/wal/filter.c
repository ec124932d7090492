/*
 * filter.c
 *		Replace the records of what is out of scope.  See filter.h.
 *
 * For each record: collect its front until it says what it is about, decide,
 * and from then on keep or blank its bytes as they come.  The CRC runs over the
 * bytes as they came, before they are blanked.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/mem.h"
#include "wal/catalog.h"
#include "wal/crc32c.h"
#include "wal/filter.h"
#include "wal/noop.h"
#include "wal/record.h"
#include "wal/rmgr.h"
#include "wal/scanner.h"
#include "wal/verdict.h"
#include "wal/walbuf.h"

/*
 * A record up to this size leaves when its CRC has been checked.  The largest
 * that names relations, 33 pages of 8 kB in one record, is well below.
 */
#define HOLD_MAX (512 * 1024)

/*
 * The rest of a record that is longer than this is not that of a segment switch, whose
 * first 8 bytes at least stand on the page before.
 */
#define SWITCH_TAIL_MAX (WAL_RECORD_HEADER_SIZE - 8)

typedef enum Fate
{
	FATE_UNDECIDED,
	FATE_KEEP,
	FATE_BLANK,
	FATE_HALTED /* it was not understood, or does not go on as it should */
} Fate;

struct WalFilter
{
	WalScope *scope;      /* NULL: nothing is withheld */
	WalScope *next_scope; /* takes over at the next record; NULL if none */
	Scanner scanner;
	Lsn want; /* bytes before it are not for sending */

	/*
	 * The scan began in the middle of this record: resuming until its end.  trusted
	 * says that the WAL does go on with it, and that we need not look back.
	 */
	Straddle resumed;
	bool resuming;
	bool trusted;

	FilterBoundary boundary;
	void *boundary_arg;
	Lsn told; /* the last segment that somebody has been told of */
	FilterTrace trace;
	void *trace_arg;
	FilterFront front_hook;
	void *front_arg;
	bool paused;

	WalBuf buf;

	/* the record under way */
	Fate fate;
	Lsn record_lsn;
	uint32_t crc;                /* of its bytes behind the header */
	uint8_t front[WAL_HEAD_MAX]; /* its first bytes, until it is decided */
	uint32_t front_len;
	RecordHead head;       /* what they say, once it is decided */
	RmgrSubjects subjects; /* what it is about */
	bool is_catalog;       /* it may say something of names: read all of it */

	Lsn last_record; /* the last complete record; InvalidLsn before the first */

	/* once it is not FILTER_OK it stays so until filter_start; why it halted */
	FilterStatus status;
	ErrInfo err;

	FilterStats stats;
	Tally tally;
};

WalFilter *
filter_new(const WalGeometry *geometry, WalScope *scope)
{
	WalFilter *f = mem_alloc0(sizeof(WalFilter));

	f->scope = scope;
	f->scanner.geometry = *geometry;
	return f;
}

void
filter_free(WalFilter *filter)
{
	if (filter == NULL)
		return;
	walscope_free(filter->scope);
	walscope_free(filter->next_scope);
	tally_clear(&filter->tally);
	walbuf_clear(&filter->buf);
	free(filter);
}

void
filter_start(WalFilter *f, Lsn scan_from, Lsn want)
{
	WalGeometry geometry = f->scanner.geometry;

	scanner_init(&f->scanner, &geometry, scan_from);
	f->want = want;
	walbuf_start(&f->buf, scan_from);
	f->fate = FATE_UNDECIDED;
	f->record_lsn = InvalidLsn;
	f->front_len = 0;
	f->last_record = InvalidLsn;
	f->status = FILTER_OK;
	f->resuming = f->trusted = f->paused = false;
	f->told = InvalidLsn;
	tally_reset(&f->tally);
}

void
filter_resume(WalFilter *f, Lsn want, const Straddle *straddle)
{
	filter_start(f, want, want);
	f->resumed = *straddle;
	f->resuming = true;
}

void
filter_on_boundary(WalFilter *f, FilterBoundary boundary, void *arg)
{
	f->boundary = boundary;
	f->boundary_arg = arg;
}

void
filter_on_record(WalFilter *f, FilterTrace trace, void *arg)
{
	f->trace = trace;
	f->trace_arg = arg;
}

void
filter_on_front(WalFilter *f, FilterFront front, void *arg)
{
	f->front_hook = front;
	f->front_arg = arg;
}

Tally *
filter_tally(WalFilter *f)
{
	return &f->tally;
}

Lsn
filter_decided(const WalFilter *f)
{
	if (f->scanner.record_have > 0 && f->fate == FATE_UNDECIDED)
		return Max(f->record_lsn, f->want);
	return Max(f->buf.base_lsn + f->buf.scanned, f->want);
}

void
filter_set_scope(WalFilter *f, WalScope *scope)
{
	walscope_free(f->next_scope);
	f->next_scope = scope;
}

const WalScope *
filter_scope(const WalFilter *f)
{
	return f->next_scope != NULL ? f->next_scope : f->scope;
}

const FilterStats *
filter_stats(const WalFilter *f)
{
	return &f->stats;
}

uint8_t *
filter_room(WalFilter *f, size_t n, Lsn *lsn)
{
	return walbuf_room(&f->buf, n, lsn);
}

bool
filter_paused(const WalFilter *f)
{
	return f->paused && f->buf.scanned < f->buf.len;
}

const uint8_t *
filter_ready(const WalFilter *f, size_t *n, Lsn *lsn)
{
	*n = f->buf.ready;
	*lsn = f->buf.base_lsn;
	return f->buf.data;
}

void
filter_consume(WalFilter *f, size_t n)
{
	walbuf_drop(&f->buf, n);
}

/*
 * The record under way has ended, and may be about names.  All of it is in the
 * buffer, up to its last piece, as it is held back until here.
 */
static bool
follow_catalog(WalFilter *f, ErrInfo *err)
{
	CatalogChange change;
	uint8_t *record;
	bool ok;

	if (f->head.total > HOLD_MAX)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL record at " LSN_FORMAT " of %u bytes is too long for one of a "
			"catalog",
			LSN_ARGS(f->record_lsn), f->head.total);
	record = mem_alloc(f->head.total);
	walbuf_copy(
		&f->buf, &f->scanner.geometry, f->record_lsn, f->head.total, record);
	ok = catalog_decode(record, &f->head, f->record_lsn, f->scanner.version,
			 f->scope, &change, err) &&
		 catalog_follow(&change, f->scope, f->record_lsn, err) &&
		 (f->next_scope == NULL ||
			 catalog_follow(&change, f->next_scope, f->record_lsn, err));
	free(record);
	return ok;
}

/* Turn what is there of the record under way into the start of a no-op. */
static FilterStatus
blank_record(WalFilter *f, ErrInfo *err)
{
	const uint8_t *header = f->scanner.record_header;
	uint8_t prefix[NOOP_PREFIX_MAX];
	size_t prefix_len;

	prefix_len = noop_encode(prefix, load_le32(header),
		load_le32(header + WAL_RECORD_XID_OFFSET),
		load_le64(header + WAL_RECORD_PREV_OFFSET));
	if (prefix_len == 0)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"cannot blank WAL record at " LSN_FORMAT " of %u bytes",
			LSN_ARGS(f->record_lsn), load_le32(header));
		return FILTER_HALT;
	}
	walbuf_overwrite(&f->buf, &f->scanner.geometry, f->record_lsn, f->front_len,
		prefix, Min(prefix_len, f->front_len));
	f->fate = FATE_BLANK;
	return FILTER_OK;
}

/* straddle may be NULL; its boundary and its timeline are filled in here. */
static FilterStatus
tell_boundary(WalFilter *f, Lsn boundary, Straddle *straddle, ErrInfo *err)
{
	f->told = boundary;
	if (f->boundary == NULL)
		return FILTER_OK;
	if (straddle != NULL)
	{
		straddle->boundary = boundary;
		straddle->tli = f->scanner.tli;
	}
	return f->boundary(f->boundary_arg, boundary, straddle, err) ? FILTER_OK
																 : FILTER_HALT;
}

/* The record under way has been decided: tell of the segments that it goes on in. */
static FilterStatus
tell_straddle(WalFilter *f, ErrInfo *err)
{
	const WalGeometry *geometry = &f->scanner.geometry;
	FilterStatus status = FILTER_OK;
	Straddle straddle = {
		.record = f->record_lsn,
		.total = f->head.total,
		.xid = f->head.xid,
		.prev = f->head.prev,
		.blanked = f->fate == FATE_BLANK,
	};
	/* what follows a switch is not told by the length of its record */
	bool is_switch = f->head.rmid == RM_XLOG &&
					 (f->head.info & WAL_INFO_RMGR_MASK) == XLOG_OP_SWITCH;
	uint64_t left = f->head.total;
	Lsn lsn = f->record_lsn;

	for (;;)
	{
		uint64_t room = page_segment_room(geometry, lsn);

		if (left <= room || status != FILTER_OK)
			return status;
		left -= room;
		lsn = lsn_floor(lsn, geometry->segment_size) + geometry->segment_size;
		if (lsn > f->want)
			status = tell_boundary(f, lsn, is_switch ? NULL : &straddle, err);
	}
}

/* Try to decide the record under way by the bytes of it that are here. */
static FilterStatus
decide(WalFilter *f, ErrInfo *err)
{
	FilterStatus status = FILTER_OK;
	Verdict verdict;

	switch (record_decode(f->front, f->front_len, f->record_lsn,
		f->scanner.version, &f->head, err))
	{
		case RECORD_MORE:
			return FILTER_OK;
		case RECORD_BAD:
			return FILTER_HALT;
		case RECORD_OK:
			break;
	}
	if (f->last_record != InvalidLsn && f->head.prev != f->last_record)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL record at " LSN_FORMAT " has incorrect prev-link " LSN_FORMAT
			", expected " LSN_FORMAT,
			LSN_ARGS(f->record_lsn), LSN_ARGS(f->head.prev),
			LSN_ARGS(f->last_record));
		return FILTER_HALT;
	}
	if (f->front_hook != NULL && f->record_lsn >= f->want &&
		!f->front_hook(f->front_arg, f->record_lsn, &f->head))
		f->paused = true;
	if (f->scope == NULL)
	{
		f->fate = FATE_KEEP;
		return FILTER_OK;
	}
	if (!rmgr_subjects(
			&f->head, f->record_lsn, f->scanner.version, &f->subjects, err) ||
		!verdict_reach(
			f->scope, &f->subjects, f->head.xid, f->record_lsn, &verdict, err))
		return FILTER_HALT;
	if (verdict == VERDICT_BLANK)
	{
		f->stats.blanked_records++;
		f->stats.blanked_bytes += f->head.total;
		status = blank_record(f, err);
	}
	else
	{
		if (verdict == VERDICT_MIXED)
		{
			f->stats.mixed_records++;
			f->stats.mixed_lsn = f->record_lsn;
		}
		f->stats.kept_records++;
		f->stats.kept_bytes += f->head.total;
		f->fate = FATE_KEEP;
	}
	if (status != FILTER_OK)
		return status;
	if (f->record_lsn >= f->want)
		tally_record(
			&f->tally, &f->subjects, f->head.total, f->fate == FATE_BLANK);
	f->is_catalog = f->fate == FATE_KEEP && catalog_wants(&f->head, f->scope);
	return tell_straddle(f, err);
}

static void
begin_record(WalFilter *f, Lsn lsn)
{
	if (f->next_scope != NULL && lsn >= f->want)
	{
		walscope_free(f->scope);
		f->scope = f->next_scope;
		f->next_scope = NULL;
	}
	f->record_lsn = lsn;
	f->fate = FATE_UNDECIDED;
	f->crc = CRC32C_INIT;
	f->front_len = 0;
	f->is_catalog = false;
}

static FilterStatus
end_record(WalFilter *f, ErrInfo *err)
{
	const uint8_t *header = f->scanner.record_header;
	uint32_t expected = load_le32(header + WAL_RECORD_CRC_OFFSET);
	uint32_t crc = crc32c_update(f->crc, header, WAL_RECORD_CRC_OFFSET);

	if (crc32c_final(crc) != expected)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"incorrect resource manager data checksum in WAL record "
			"at " LSN_FORMAT,
			LSN_ARGS(f->record_lsn));
		return FILTER_HALT;
	}
	f->last_record = f->record_lsn;
	if (f->is_catalog && !follow_catalog(f, err))
		return FILTER_HALT;
	if (f->trace != NULL && f->record_lsn >= f->want)
		f->trace(f->trace_arg, f->record_lsn, &f->head, &f->subjects,
			f->fate == FATE_BLANK);
	return FILTER_OK;
}

static FilterStatus
push_record(WalFilter *f, uint8_t *data, const ScanPiece *piece, ErrInfo *err)
{
	uint32_t skip; /* bytes of the piece that belong to the record header */

	if (piece->offset == 0)
		begin_record(f, piece->lsn);
	skip =
		piece->offset < WAL_RECORD_HEADER_SIZE
			? Min((uint32_t) piece->len, WAL_RECORD_HEADER_SIZE - piece->offset)
			: 0;
	f->crc = crc32c_update(f->crc, data + skip, piece->len - skip);
	if (f->fate == FATE_BLANK)
		memset(data, 0, piece->len);
	else if (f->fate == FATE_UNDECIDED)
	{
		size_t room = sizeof(f->front) - f->front_len;
		size_t front_before = f->front_len;
		FilterStatus status;

		memcpy(f->front + f->front_len, data, Min(piece->len, room));
		f->front_len += (uint32_t) Min(piece->len, room);
		status = decide(f, err);
		if (status != FILTER_OK)
			return status;
		if (f->fate == FATE_BLANK)
		{
			size_t done = f->front_len - front_before;

			memset(data + done, 0, piece->len - done);
		}
		else if (f->fate == FATE_UNDECIDED &&
				 (piece->is_last || f->front_len == sizeof(f->front)))
		{
			errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
				"invalid WAL record at " LSN_FORMAT ": ends within its headers",
				LSN_ARGS(f->record_lsn));
			return FILTER_HALT;
		}
	}
	return piece->is_last ? end_record(f, err) : FILTER_OK;
}

/*
 * The record under way will never be complete, and the standby drops it as we
 * do.  Its payload is not sent all the same, unless it was kept.
 */
static FilterStatus
abandon_record(WalFilter *f, ErrInfo *err)
{
	FilterStatus status = FILTER_OK;

	if (f->scope != NULL && f->fate == FATE_UNDECIDED &&
		f->front_len > WAL_RECORD_HEADER_SIZE)
		status = blank_record(f, err);
	f->fate = FATE_UNDECIDED;
	f->front_len = 0;
	return status;
}

/* Does the WAL go on with the record that we are to resume? */
static FilterStatus
check_resumed(WalFilter *f)
{
	const Scanner *s = &f->scanner;

	if (s->tail_left == 0 || s->tail_left >= f->resumed.total ||
		s->tli != f->resumed.tli)
		return FILTER_LOOKBACK;
	f->trusted = true;
	return FILTER_OK;
}

/* A piece of a page's header has been scanned, with is_last its last one. */
static FilterStatus
push_page_header(WalFilter *f, const ScanPiece *piece, ErrInfo *err)
{
	const Scanner *s = &f->scanner;
	Lsn page = lsn_floor(piece->lsn, s->geometry.block_size);
	FilterStatus status = FILTER_OK;

	if (piece->abandoned)
	{
		f->resuming = false;
		status = abandon_record(f, err);
	}
	if (status != FILTER_OK || !piece->is_last)
		return status;
	if (f->resuming && !f->trusted)
		return check_resumed(f);
	/* of one with a record going on in it, it is told when that is decided */
	if (page > Max(f->want, f->told) && page % s->geometry.segment_size == 0 &&
		s->record_have == 0)
		return tell_boundary(f, page, f->resuming ? &f->resumed : NULL, err);
	return FILTER_OK;
}

/* The rest of a record that began before the scan did. */
static FilterStatus
push_tail(WalFilter *f, uint8_t *data, const ScanPiece *piece)
{
	uint32_t left = f->scanner.tail_left; /* behind this piece */
	uint8_t prefix[NOOP_PREFIX_MAX];
	size_t prefix_len;
	size_t offset;

	if (f->scope == NULL)
	{
		/* As it is.  Behind a long one there is a record for certain. */
		if (left + piece->len > SWITCH_TAIL_MAX)
			f->trusted = true;
		return FILTER_OK;
	}
	/* Nobody knows what this is: it may be looked past, never sent. */
	if (!f->resuming)
		return piece->lsn + piece->len > f->want ? FILTER_LOOKBACK : FILTER_OK;
	offset = f->resumed.total - left - piece->len;
	if (f->resumed.blanked)
	{
		prefix_len = noop_encode(
			prefix, f->resumed.total, f->resumed.xid, f->resumed.prev);
		memset(data, 0, piece->len);
		if (offset < prefix_len)
			memcpy(data, prefix + offset, Min(prefix_len - offset, piece->len));
	}
	if (left == 0)
	{
		f->last_record = f->resumed.record;
		f->resuming = false;
	}
	return FILTER_OK;
}

static FilterStatus
push_piece(WalFilter *f, uint8_t *data, const ScanPiece *piece, ErrInfo *err)
{
	switch (piece->kind)
	{
		case SCAN_PAGE_HEADER:
			return push_page_header(f, piece, err);
		case SCAN_TAIL:
			return push_tail(f, data, piece);
		case SCAN_FILL:
			memset(data, 0, piece->len); /* as it is, or it hides something */
			return FILTER_OK;
		case SCAN_RECORD:
			return push_record(f, data, piece, err);
	}
	return FILTER_OK;
}

/*
 * A page's header goes with what follows it.  A standby that has nothing but the
 * header takes the header of the record behind it for received, too: it reads
 * zeros, asks for the same again, and never gets further (XLogDecodeNextRecord
 * in PostgreSQL 15's xlogreader.c, for a record that begins a page).
 */
static void
hold_page_header(WalFilter *f)
{
	const WalGeometry *geometry = &f->scanner.geometry;
	Lsn end = f->buf.base_lsn + f->buf.ready;
	Lsn page = lsn_floor(end, geometry->block_size);

	if (page >= f->buf.base_lsn &&
		end <= page + page_header_size(geometry, page))
		f->buf.ready = (size_t) (page - f->buf.base_lsn);
}

/*
 * Where sending may go on to: not into a record that is not decided, or may
 * still turn out to be damaged, its decision with it; nor into one that made us
 * halt, in so far as it is still here.
 */
static void
update_ready(WalFilter *f)
{
	const Scanner *s = &f->scanner;
	bool open = s->record_have > 0 &&
				(f->fate == FATE_UNDECIDED || s->record_total <= HOLD_MAX);

	if (!f->trusted && !s->seen_record && s->record_total == 0)
	{
		/* It may still be that we have to start earlier: nothing has left then. */
		f->buf.ready =
			f->buf.base_lsn < f->want
				? Min(f->buf.scanned, (size_t) (f->want - f->buf.base_lsn))
				: 0;
	}
	else if (open || f->fate == FATE_HALTED)
		f->buf.ready =
			(size_t) (Max(f->record_lsn, f->buf.base_lsn) - f->buf.base_lsn);
	else
		f->buf.ready = f->buf.scanned;
	if ((s->record_have > 0 || s->tail_left > 0 || f->resuming) &&
		f->buf.ready == f->buf.scanned)
	{
		/* In the middle of a long one: to the end of a page. */
		Lsn page =
			lsn_floor(f->buf.base_lsn + f->buf.ready, s->geometry.block_size);

		if (s->record_have > 0)
			page = Max(page, f->record_lsn);
		f->buf.ready =
			page > f->buf.base_lsn ? (size_t) (page - f->buf.base_lsn) : 0;
	}
	hold_page_header(f);
	if (f->buf.base_lsn < f->want)
	{
		size_t drop = Min(f->buf.ready, (size_t) (f->want - f->buf.base_lsn));

		walbuf_drop(&f->buf, drop);
	}
}

/* One piece of what has not been scanned yet. */
static FilterStatus
step(WalFilter *f, ErrInfo *err)
{
	uint8_t *data = f->buf.data + f->buf.scanned;
	FilterStatus status = FILTER_OK;
	ScanPiece piece;

	switch (scanner_next(
		&f->scanner, data, f->buf.len - f->buf.scanned, &piece, err))
	{
		case SCAN_OK:
			status = push_piece(f, data, &piece, err);
			f->buf.scanned += piece.len;
			if (status == FILTER_HALT)
				f->fate = FATE_HALTED;
			break;
		case SCAN_MORE:
			break;
		case SCAN_BLIND:
			status = FILTER_LOOKBACK;
			if (f->trusted)
			{
				/* Too late to look back: the rest of the record may have left. */
				errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
					"WAL at " LSN_FORMAT
					" does not go on behind the record before it",
					LSN_ARGS(f->scanner.lsn));
				status = FILTER_HALT;
			}
			break;
		case SCAN_BAD:
			status = FILTER_HALT;
			if (f->scanner.record_have > 0)
				f->fate = FATE_HALTED;
			break;
	}
	return status;
}

FilterStatus
filter_push(WalFilter *f, size_t n, ErrInfo *err)
{
	f->buf.len += n;
	f->paused = false;
	if (f->status != FILTER_OK)
	{
		/* Whatever comes behind what was not understood is not looked at. */
		*err = f->err;
		return f->status;
	}
	while (f->status == FILTER_OK && !f->paused && f->buf.scanned < f->buf.len)
		f->status = step(f, err);
	if (f->status == FILTER_HALT)
		f->err = *err;
	if (f->status != FILTER_LOOKBACK)
		update_ready(f);
	return f->status;
}
