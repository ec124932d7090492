/*
 * filter.h
 *		WAL in, the same WAL out, with the records of what is out of scope
 *		replaced by no-ops of the same length.
 *
 * The filter owns one buffer.  The caller asks for room, puts the next bytes of
 * the stream there, has them filtered in place, and takes what is ready:
 *
 *		ready_lsn              scan position
 *		|------ ready --------|--- held back ---|---- room ----|
 *
 * Bytes are held back only within a record, with the header of the page that it
 * may begin; between two records nothing is.  A standby can do nothing with a
 * part of one, so that nobody waits.
 *
 * Every record's CRC is checked, and before it leaves.  Only a record of more
 * than 512 kB (a huge logical message, or the commit of very many files) is
 * passed on, or blanked, as it comes in, once it has said what it is about; if
 * its CRC turns out wrong at its end, that end is never delivered, and the
 * standby's own check refuses it.
 *
 * What is ready ends where a walsender would end a message: with a record, or with
 * a page.  A standby that has a record's header takes the rest of that page for
 * received (XLogDecodeNextRecord in PostgreSQL 15's xlogreader.c); who sends only
 * a part of what is ready cuts at the end of a page.
 *
 * Sources: design of the replacement, xlogreader.c and xlogrecovery.c (what
 * PostgreSQL 15 checks in a record and in the chain of records).
 */
#ifndef WAL_FILTER_H
#define WAL_FILTER_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/page.h"
#include "wal/record.h"
#include "wal/rmgr.h"
#include "wal/straddle.h"
#include "wal/tally.h"
#include "wal/walscope.h"

typedef struct WalFilter WalFilter;

typedef enum FilterStatus
{
	FILTER_OK,
	FILTER_LOOKBACK, /* what stands at want began before scan_from: start earlier */
	FILTER_HALT      /* err says why; no more than what is ready may be sent */
} FilterStatus; /* once it is not FILTER_OK it stays so until filter_start */

/* What went through since filter_new; bytes are those of records. */
typedef struct FilterStats
{
	uint64_t kept_records;
	uint64_t kept_bytes;
	uint64_t blanked_records;
	uint64_t blanked_bytes;
	uint64_t mixed_records; /* kept although a part of what they name is out */
	Lsn mixed_lsn;          /* the last of them */
} FilterStats;

/*
 * scope becomes the filter's.  NULL: nothing is withheld, and the WAL is only looked
 * at.  Such a filter keeps the rest of a record that began before the scan did, and
 * asks to start earlier only where it cannot tell where the next one begins; it is
 * never given another scope.
 */
WalFilter *filter_new(const WalGeometry *geometry, WalScope *scope);
void filter_free(WalFilter *filter);

/*
 * Begin: the next bytes in are those at scan_from, the start of a page; the
 * first byte out is that at want >= scan_from.  What lies between is only looked
 * at, to know the record that want may be in the middle of.
 */
void filter_start(WalFilter *filter, Lsn scan_from, Lsn want);

/*
 * Begin at want, the start of a segment, in the middle of a record of which it is
 * known what became of it.  FILTER_LOOKBACK follows if the WAL there does not go
 * on with that record; then nothing has become ready.
 */
void filter_resume(WalFilter *filter, Lsn want, const Straddle *straddle);

/*
 * Told of each segment behind want, before any byte of it is ready, and in order.
 * straddle is the record that goes on in it; it is told when the record is decided,
 * before any byte of that is ready, since a standby may get its first part and come
 * back for the rest.  NULL: none goes on, or it is not known how to go on with it (a
 * segment switch).  The fates of all records that begin before boundary are in the
 * tally by then, and of no other.  False, with err, stops the filter.
 */
typedef bool (*FilterBoundary)(
	void *arg, Lsn boundary, const Straddle *straddle, ErrInfo *err);
void filter_on_boundary(WalFilter *filter, FilterBoundary boundary, void *arg);

/*
 * Told of each record that begins at or behind want, when it is complete and has
 * been decided: by its front, with what it is about.  For tools; may be NULL.
 */
typedef void (*FilterTrace)(void *arg, Lsn lsn, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked);
void filter_on_record(WalFilter *filter, FilterTrace trace, void *arg);

/*
 * Told of each record that begins at or behind want, before any byte of it is ready:
 * by its front.  False: the filter pauses behind that, and decides about no record
 * more until the next filter_push.  May be NULL.
 */
typedef bool (*FilterFront)(void *arg, Lsn lsn, const RecordHead *head);
void filter_on_front(WalFilter *filter, FilterFront front, void *arg);

/*
 * Use another scope, which becomes the filter's, from the next record on that
 * begins at or behind the want of filter_start.
 */
void filter_set_scope(WalFilter *filter, WalScope *scope);

/* The scope that has been set last, whether it is in use yet or not; or NULL. */
const WalScope *filter_scope(const WalFilter *filter);

/* Where the next bytes go: at least n bytes of room.  *lsn is theirs. */
uint8_t *filter_room(WalFilter *filter, size_t n, Lsn *lsn);

/* n bytes have been put there; 0, to go on after a pause. */
MUST_CHECK FilterStatus filter_push(WalFilter *filter, size_t n, ErrInfo *err);

/* Whether bytes that were put there wait, after a pause. */
bool filter_paused(const WalFilter *filter);

/* What may be sent: *n bytes (maybe 0) that begin at *lsn. */
const uint8_t *filter_ready(const WalFilter *filter, size_t *n, Lsn *lsn);

/* The first n of them have been. */
void filter_consume(WalFilter *filter, size_t n);

const FilterStats *filter_stats(const WalFilter *filter);

/*
 * By database: the records that begin at or behind want and have been decided.  A
 * record that names two databases counts for both.  The caller may reset it.
 */
Tally *filter_tally(WalFilter *filter);

/* All records that begin before this are in the tally, and none behind it. */
Lsn filter_decided(const WalFilter *filter);

#endif /* WAL_FILTER_H */
