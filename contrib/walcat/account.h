/*
 * account.h
 *		A ledger in memory: its streams, what they delivered, and what they may
 *		have delivered without a word in the ledger.
 */
#ifndef WALCAT_ACCOUNT_H
#define WALCAT_ACCOUNT_H

#include "base.h"

#include "decisions.h"
#include "state/ledger.h"
#include "util/errinfo.h"
#include "wal/tally.h"

typedef enum StreamState
{
	STREAM_OPEN,    /* it runs, or was cut off */
	STREAM_CHANGED, /* another one of its session followed, by another filter */
	STREAM_ENDED
} StreamState;

/* From a "begin" on. */
typedef struct Stream
{
	char session[LEDGER_SESSION_SIZE];
	size_t line; /* of the "begin": for what came earlier, and what later */
	Lsn from;
	Lsn to;  /* where its last range ends */
	Lsn end; /* unless it is open: where it says that it ended */
	TimeLineId tli;
	uint64_t digest;
	char time[MONOTIME_STAMP_SIZE];
	StreamState state;
} Stream;

typedef struct Range
{
	size_t stream;
	size_t line;
	Lsn from;
	Lsn to;
	/* of the database that is asked about */
	uint64_t kept_records;
	uint64_t kept_bytes;
	uint64_t blanked_records;
} Range;

/* Records that begin in from..to; from is included, to is not. */
typedef struct Span
{
	Lsn from;
	Lsn to;
} Span;

typedef struct Rescope
{
	size_t line;
	char time[MONOTIME_STAMP_SIZE];
} Rescope;

typedef struct Account
{
	uint64_t system_identifier;
	Oid database;               /* that is asked about, or InvalidOid */
	const Decisions *decisions; /* of the rule */
	size_t line_count;
	Stream *streams;
	size_t stream_count;
	Range *ranges;
	size_t range_count;
	Rescope *rescopes;
	size_t rescope_count;
	/* what the ranges cover, ascending, apart from each other */
	Span *spans;
	size_t span_count;
	Tally total;
	/* as it must be, or 1 GB: segments are never larger */
	uint32_t segment_size;
} Account;

/*
 * Of the ledger at path; decisions are those of its rule, and have to outlive the
 * account.  segment_size is 0 if it is not known.
 */
MUST_CHECK bool account_read(Account *account, const char *path,
	const Decisions *decisions, Oid database, uint32_t segment_size,
	ErrInfo *err);
void account_clear(Account *account);

/*
 * What a stream may have delivered behind its last range: if it is open, up to the
 * end of the segment there.
 */
Span account_unwritten(const Account *account, const Stream *stream);

/*
 * The first part of span of which it is not known whether the stream has delivered
 * records of the database there; false if there is none.  It is known where
 *
 *		the database was out when it was first decided about, and so ever since,
 *		another stream found that no record of it is there, or
 *		another stream delivered the same again by the same lists, and these have
 *		never changed, so that the first one did what the second one says.
 *
 * Without a database in question: not delivered again by the same lists.
 */
bool account_open_part(
	const Account *account, const Stream *stream, Span span, Span *part);

/* The first part of span that no range covers; false if there is none. */
bool account_gap(const Account *account, Span span, Span *gap);

#endif /* WALCAT_ACCOUNT_H */
