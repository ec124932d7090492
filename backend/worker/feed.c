/*
 * feed.c
 *		WAL for one standby.  See feed.h.
 *
 * Where messages end.  A standby that has the header of a record takes the rest
 * of that page for received (XLogDecodeNextRecord in PostgreSQL 15's
 * xlogreader.c), since a walsender ends a message with a page, or where its WAL
 * ends, which is never within a page and a record that goes on behind it.  So do
 * we: a full message ends with a page, and a shorter one where the source's or
 * the filter's WAL ends, or before a commit that has to wait.
 *
 * Looking back.  A standby begins at the start of a segment, maybe in the middle
 * of a record.  What becomes of the rest of it is decided where it begins, so the
 * filter is started there: page by page further back until it says that it knows.
 * But first the ledger is asked: it has on record what went over each segment's
 * start, also when the upstream no longer has what came before.
 *
 * Holding back.  With a send_delay the WAL goes through a filter in any case, maybe
 * one that withholds nothing, which tells of the commits before they can leave.  It
 * pauses at the first one that is too young, and no more is read until that has gone
 * out: what waits is the source's to keep, and is decided by the rule as it is then.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq/replication.h"
#include "state/ledger.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "wal/delay.h"
#include "wal/filter.h"
#include "worker/feed.h"
#include "worker/scope.h"

/*
 * A source that is not the ring is left when WAL is held back for longer than this:
 * nobody would answer at its other end.
 */
#define LEAVE_SOURCE_MS 5000
/* The clock may be set while we wait by it. */
#define HOLD_WAIT_MAX_MS 10000

/*
 * How much further each attempt goes back for the start of a record.  Not more, as
 * the upstream may have no WAL that is much older.
 */
#define LOOKBACK_FACTOR 2

struct Feed
{
	Session *s;
	Source *source;
	TimeLineId tli;
	Lsn lsn; /* of the next byte to be given out */

	/* one of these holds the WAL on its way */
	uint8_t
		*plain; /* REPLICATION_WAL_MAX bytes; not used once there is a filter */
	WalFilter *filter; /* without a scope if commits are to wait, and no more */
	WalFilter *former; /* until what it gave out has been sent; or NULL */
	Ledger *ledger; /* of what the filter lets through; NULL without a scope */
	char rule[BOARD_NAME_SIZE]; /* that it is of */

	size_t given;      /* of the filter's ready bytes, by the last call */
	Lsn want;          /* the first byte that the filter is to give */
	uint64_t lookback; /* how far before that it has begun, in bytes */
	bool resuming; /* it has begun by the ledger, and may have to begin anew */
	bool halted;   /* it does not go on: err */
	ErrInfo err;
	bool stuck; /* that has been told, and another attempt cannot help */

	Delay delay;        /* the commits in what the filter has */
	int64_t hold_until; /* the first of them may not go out yet; 0: it may */
	int64_t left_until; /* the hold_until for which the source has been left */

	uint64_t mixed_warned;
};

/* Bytes at want come next; the scan begins as far back as lookback says. */
static void
start_scan(Feed *feed)
{
	Lsn page = lsn_floor(feed->want, feed->s->facts.block_size);
	/* the first segment is never used (xlog.c, BootStrapXLOG) */
	Lsn first = feed->s->facts.segment_size;
	Lsn room = page > first ? page - first : 0;

	delay_reset(&feed->delay);
	filter_start(feed->filter, page - Min(feed->lookback, room), feed->want);
}

/*
 * The filter has to begin otherwise: not by the ledger, of which the WAL knows
 * nothing; or earlier.  False if there is nothing earlier.
 */
static bool
look_back(Feed *feed, ErrInfo *err)
{
	uint64_t before = feed->lookback;

	if (feed->resuming)
	{
		feed->resuming = false;
		start_scan(feed);
		return true;
	}
	if (before >= feed->want)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"could not find the start of the WAL record at " LSN_FORMAT,
			LSN_ARGS(feed->want));
	feed->lookback =
		before == 0 ? feed->s->facts.block_size : before * LOOKBACK_FACTOR;
	start_scan(feed);
	return true;
}

/* What has been decided since the last time is on record from here on. */
static bool
record_range(Feed *feed, Lsn to, const Straddle *straddle, ErrInfo *err)
{
	Tally *tally = filter_tally(feed->filter);

	if (!ledger_range(feed->ledger, to, tally, straddle, err))
		return false;
	tally_reset(tally);
	return true;
}

static bool
on_boundary(void *arg, Lsn boundary, const Straddle *straddle, ErrInfo *err)
{
	return record_range(arg, boundary, straddle, err);
}

static bool
open_ledger(Feed *feed, ErrInfo *err)
{
	LedgerKey key = scope_ledger_key(feed->s);

	snprintf(feed->rule, sizeof(feed->rule), "%s", key.rule);
	feed->ledger = ledger_open(&key, err);
	return feed->ledger != NULL;
}

/* From here on by the filter of the rule as it is now. */
static bool
begin_ledger(Feed *feed, Lsn lsn, ErrInfo *err)
{
	return ledger_begin(feed->ledger, lsn, feed->tli,
		rule_filter_digest(&feed->s->rule->filter), err);
}

static WalGeometry
feed_geometry(const Feed *feed)
{
	const Facts *facts = &feed->s->facts;

	return (WalGeometry){
		.segment_size = facts->segment_size,
		.block_size = facts->block_size,
		.system_identifier = facts->system_identifier,
	};
}

/* FilterFront: nothing is decided yet about what a commit holds back. */
static bool
on_front(void *arg, Lsn lsn, const RecordHead *head)
{
	Feed *feed = arg;
	int delay_ms = feed->s->rule->send_delay_ms;
	int64_t time;

	if (!delay_commit_time(head, &time))
		return true;
	delay_note(&feed->delay, lsn, time);
	return delay_ms == 0 ||
		   delay_due(time, delay_ms) <= monotime_pg_timestamp();
}

/* A filter that is to begin with the next byte; scope, or NULL, becomes its own. */
static void
set_filter(Feed *feed, WalScope *scope)
{
	WalGeometry geometry = feed_geometry(feed);

	feed->former = feed->filter;
	feed->filter = filter_new(&geometry, scope);
	filter_on_front(feed->filter, on_front, feed);
	delay_reset(&feed->delay);
	feed->want = feed->lsn;
	feed->lookback = 0;
	feed->given = 0;
	feed->halted = false;
	feed->hold_until = 0;
}

/* What came of the record at want under the rule before is on record under this. */
static bool
carry_straddle(Feed *feed, const Carryover *carry, ErrInfo *err)
{
	LedgerKey key = scope_ledger_key(feed->s);
	Tally none = {0};
	Straddle straddle;

	return !carryover_find_straddle(
			   carry, &key, feed->want, feed->tli, &straddle) ||
		   ledger_range(feed->ledger, feed->want, &none, &straddle, err);
}

/*
 * From the next byte on, WAL goes through a filter, which begins with scope; it
 * belongs to the feed in any case.
 */
static bool
begin_filter(Feed *feed, WalScope *scope, const Carryover *carry, ErrInfo *err)
{
	Straddle straddle;

	set_filter(feed, scope);
	filter_on_boundary(feed->filter, on_boundary, feed);
	if (!open_ledger(feed, err) || !begin_ledger(feed, feed->lsn, err) ||
		!carry_straddle(feed, carry, err))
		return false;
	if (feed->want % feed->s->facts.segment_size == 0 &&
		ledger_find_straddle(feed->ledger, feed->want, feed->tli, &straddle))
	{
		feed->resuming = true;
		filter_resume(feed->filter, feed->want, &straddle);
	}
	else
		start_scan(feed);
	return true;
}

Feed *
feed_new(Session *s, TimeLineId tli, Lsn start, WalScope *scope,
	const Carryover *carry, ErrInfo *err)
{
	Feed *feed = mem_alloc0(sizeof(Feed));

	feed->s = s;
	feed->source = source_new(s->ctx, tli);
	feed->tli = tli;
	feed->lsn = start;
	if (scope == NULL)
		feed->plain = mem_alloc(REPLICATION_WAL_MAX);
	else if (!begin_filter(feed, scope, carry, err))
	{
		feed_free(feed);
		return NULL;
	}
	return feed;
}

void
feed_finish(Feed *feed)
{
	ErrInfo err;

	if (feed->ledger == NULL)
		return;
	if (!record_range(feed, filter_decided(feed->filter), NULL, &err) ||
		!ledger_end(feed->ledger, feed->lsn, &err))
		log_err(LOG_WARNING, &err);
}

void
feed_free(Feed *feed)
{
	filter_free(feed->filter);
	filter_free(feed->former);
	delay_clear(&feed->delay);
	if (feed->ledger != NULL)
		ledger_close(feed->ledger);
	source_free(feed->source);
	free(feed->plain);
	free(feed);
}

Source *
feed_source(Feed *feed)
{
	return feed->source;
}

void
feed_rest(Feed *feed)
{
	if (source_on_ring(feed->source))
		return;
	source_free(feed->source);
	feed->source = source_new(feed->s->ctx, feed->tli);
}

bool
feed_is_stuck(const Feed *feed)
{
	return feed->stuck;
}

uint64_t
feed_blanked_bytes(const Feed *feed)
{
	return feed->filter != NULL ? filter_stats(feed->filter)->blanked_bytes : 0;
}

const char *
feed_ledger_rule(const Feed *feed)
{
	return feed->ledger != NULL ? feed->rule : NULL;
}

/* The session has another rule: what it is given is on record under that. */
static bool
change_ledger(Feed *feed, Lsn lsn, ErrInfo *err)
{
	if (strcmp(feed->rule, feed->s->rule->name) == 0)
		return true;
	if (!ledger_end(feed->ledger, lsn, err))
		return false;
	ledger_close(feed->ledger);
	return open_ledger(feed, err);
}

/* The records that have been decided were so by the filter before. */
static bool
turn_ledger(Feed *feed, ErrInfo *err)
{
	Lsn lsn = filter_decided(feed->filter);

	return record_range(feed, lsn, NULL, err) &&
		   change_ledger(feed, lsn, err) && begin_ledger(feed, lsn, err);
}

bool
feed_narrow(Feed *feed, WalScope *scope, const Carryover *carry, ErrInfo *err)
{
	if (scope == NULL)
	{
		if (feed->ledger != NULL)
			log_msg(LOG_WARNING,
				"rule \"%s\" withholds nothing, but this standby lacks data "
				"already: it keeps its scope until it is rebuilt",
				feed->s->status.rule);
		feed->s->status.scope_kept |= feed->ledger != NULL;
		return true;
	}
	/* What commits wait in is read again: it has not been sent. */
	if (feed->ledger != NULL ? !turn_ledger(feed, err)
							 : !begin_filter(feed, walscope_new(), carry, err))
	{
		walscope_free(scope);
		return false;
	}
	walscope_narrow(scope, filter_scope(feed->filter));
	filter_set_scope(feed->filter, scope);
	return true;
}

/* How much WAL from lsn on goes into one message. */
static size_t
message_room(const Feed *feed, Lsn lsn)
{
	return REPLICATION_WAL_MAX - (size_t) (lsn % feed->s->facts.block_size);
}

static void
warn_of_mixed(Feed *feed)
{
	const FilterStats *stats = filter_stats(feed->filter);

	if (stats->mixed_records == feed->mixed_warned)
		return;
	log_msg(LOG_WARNING,
		"%" PRIu64 " WAL records, the last at " LSN_FORMAT
		", concern what is withheld and what is not; they were kept",
		stats->mixed_records - feed->mixed_warned, LSN_ARGS(stats->mixed_lsn));
	feed->mixed_warned = stats->mixed_records;
}

/* Of len bytes at lsn, which are ready: how many do not have to wait. */
static size_t
hold_commits(Feed *feed, Lsn lsn, size_t len)
{
	WalGeometry geometry = feed_geometry(feed);
	int64_t until;
	Lsn limit = delay_limit(&feed->delay, &geometry, lsn,
		feed->s->rule->send_delay_ms, monotime_pg_timestamp(), &until);

	if (limit == lsn)
		feed->hold_until = until;
	return limit < lsn + len ? (size_t) (limit - lsn) : len;
}

/* What the filter has ready; 0 bytes if that is nothing. */
static size_t
take_ready(Feed *feed, const uint8_t **wal)
{
	size_t len;
	Lsn lsn;

	*wal = filter_ready(feed->filter, &len, &lsn);
	if (lsn < feed->want)
		return 0; /* still looking back */
	feed->given = hold_commits(feed, lsn, Min(len, message_room(feed, lsn)));
	return feed->given;
}

/* More WAL into the filter. */
static SourceStatus
fill_filter(Feed *feed, ErrInfo *err)
{
	SourceStatus status;
	size_t got = 0;

	if (!filter_paused(feed->filter))
	{
		Lsn lsn;
		uint8_t *room = filter_room(feed->filter, REPLICATION_WAL_MAX, &lsn);

		status = source_read(
			feed->source, lsn, room, message_room(feed, lsn), &got, err);
		if (status != SOURCE_OK)
			return status;
	}
	switch (filter_push(feed->filter, got, &feed->err))
	{
		case FILTER_OK:
			warn_of_mixed(feed);
			break;
		case FILTER_LOOKBACK:
			feed->stuck = !look_back(feed, err);
			return feed->stuck ? SOURCE_FAILED : SOURCE_OK;
		case FILTER_HALT:
			/* What came before the trouble is good, and goes first. */
			feed->halted = true;
			break;
	}
	return SOURCE_OK;
}

/* What is held back will be read on from wherever it can be had then. */
static void
leave_source(Feed *feed)
{
	if (feed->hold_until == feed->left_until ||
		feed_hold_ms(feed) < LEAVE_SOURCE_MS)
		return;
	feed->left_until = feed->hold_until;
	feed_rest(feed);
}

/*
 * Whether the WAL is not as it must be, or not as we know it (or what we have on
 * record about it is not): and not just something that could not be found out now.
 */
static bool
is_of_the_wal(const ErrInfo *err)
{
	return strcmp(err->sqlstate, SQLSTATE_DATA_CORRUPTED) == 0 ||
		   strcmp(err->sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) == 0;
}

static SourceStatus
next_filtered(Feed *feed, const uint8_t **wal, size_t *len, ErrInfo *err)
{
	SourceStatus status;

	filter_consume(feed->filter, feed->given);
	feed->given = 0;
	feed->hold_until = 0;
	*len = take_ready(feed, wal);
	if (*len > 0)
		return SOURCE_OK;
	if (feed->hold_until != 0)
	{
		leave_source(feed);
		return SOURCE_WAIT;
	}
	if (feed->halted)
	{
		*err = feed->err;
		feed->stuck = is_of_the_wal(err);
		return SOURCE_FAILED;
	}
	status = fill_filter(feed, err);
	if (status == SOURCE_OK)
		*len = take_ready(feed, wal);
	return status;
}

SourceStatus
feed_next(Feed *feed, const uint8_t **wal, size_t *len, ErrInfo *err)
{
	SourceStatus status;

	*len = 0;
	filter_free(feed->former);
	feed->former = NULL;
	if (feed->filter == NULL && feed->s->rule->send_delay_ms > 0)
	{
		set_filter(feed, NULL);
		start_scan(feed);
	}
	if (feed->filter != NULL)
		status = next_filtered(feed, wal, len, err);
	else
	{
		*wal = feed->plain;
		status = source_read(feed->source, feed->lsn, feed->plain,
			message_room(feed, feed->lsn), len, err);
	}
	if (status == SOURCE_OK)
		feed->lsn += *len;
	return status;
}

int
feed_hold_ms(const Feed *feed)
{
	int64_t left_us;

	if (feed->hold_until == 0)
		return -1;
	left_us = feed->hold_until - monotime_pg_timestamp();
	if (left_us <= 0)
		return 0;
	return (int) Min(left_us / 1000 + 1, HOLD_WAIT_MAX_MS);
}
