/*
 * source.c
 *		Where WAL is read from.  See source.h.
 *
 * Each read asks the ring first, then the spool, and only then the connection of
 * our own, which is opened for that, and closed when one of the others has what
 * comes next.  What the upstream does not have, or cannot say while it is away,
 * wal_fetch_command may bring; then it is asked for the next segment first, and the
 * upstream for one that it does not have.
 *
 * Timelines.  What the upstream is on, and by which line of ancestors, is in the
 * facts; the reader publishes them before the ring goes on with a new timeline.
 * WAL of one of the ancestors is the same under its own name and under that of the
 * latest, up to where the ancestor ended.
 */
#include "base.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "shm/board.h"
#include "shm/facts.h"
#include "source/archive.h"
#include "source/ownconn.h"
#include "source/position.h"
#include "source/source.h"
#include "spool/spooldir.h"
#include "util/flap.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

/* Of this process, which reads from one source at a time. */
static Flap place_log;

struct Source
{
	ChildContext *ctx;
	TimeLineId tli;
	BoardSource place; /* of the last read */

	History line; /* of the facts of generation */
	uint64_t generation;
	uint32_t segment_size;

	SpoolReader *spool; /* NULL: there is none */
	Archive *archive;   /* NULL: nothing is known of the upstream yet */
	OwnConn *own;
	LogLimit limit; /* of what the archive says */

	/* SOURCE_END_OF_TIMELINE, SOURCE_BEYOND_TIMELINE */
	TimeLineId next_tli;
	Lsn next_start;
};

/* What the upstream is on may have changed. */
static void
refresh_line(Source *src)
{
	uint64_t generation = facts_generation();
	Facts facts;
	ErrInfo err;

	if (generation == src->generation || !facts_get(&facts))
		return;
	src->generation = generation;
	src->segment_size = facts.segment_size;
	/* the reader has taken it, so it can be read */
	if (!history_parse(
			&src->line, facts.tli, facts.history, facts.history_len, &err))
		log_err(LOG_WARNING, &err);
	if (src->spool == NULL && config_has_spool(src->ctx->config))
		src->spool = spoolreader_new(
			src->ctx->config->state_directory, src->segment_size);
	if (src->archive == NULL)
	{
		WalGeometry geometry = {
			.segment_size = facts.segment_size,
			.block_size = facts.block_size,
			.system_identifier = facts.system_identifier,
		};

		src->archive = archive_new(src->ctx, &geometry);
	}
}

Source *
source_new(ChildContext *ctx, TimeLineId tli)
{
	Source *src = mem_alloc0(sizeof(Source));

	src->ctx = ctx;
	src->tli = tli;
	src->own = ownconn_new(ctx);
	return src;
}

void
source_free(Source *src)
{
	if (src == NULL)
		return;
	ownconn_free(src->own);
	spoolreader_free(src->spool);
	archive_free(src->archive);
	free(src);
}

/* ---- where the timeline ends ---- */

static void
set_beyond(const Source *src, Lsn lsn, Lsn end, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"requested starting point " LSN_FORMAT
		" on timeline %u is not in the history of timeline %u",
		LSN_ARGS(lsn), src->tli, src->line.tli);
	errinfo_detail(err,
		"Timeline %u ended at " LSN_FORMAT
		", and the standby has WAL up to " LSN_FORMAT ".",
		src->tli, LSN_ARGS(end), LSN_ARGS(lsn));
	errinfo_hint(err, "Use pg_rewind on the standby, or rebuild it.");
}

/*
 * Where WAL of our timeline ends, as seen from lsn.  SOURCE_OK: behind lsn, *end
 * says where.
 */
static SourceStatus
check_line(Source *src, Lsn lsn, Lsn *end, ErrInfo *err)
{
	refresh_line(src);
	if (!history_end(&src->line, src->tli, end))
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"requested timeline %u is not in the history of timeline %u",
			src->tli, src->line.tli);
		errinfo_hint(err, "The upstream is on timeline %u.", src->line.tli);
		return SOURCE_FAILED;
	}
	if (lsn < *end)
		return SOURCE_OK;
	src->next_tli = history_next(&src->line, src->tli);
	src->next_start = *end;
	if (lsn == *end)
		return SOURCE_END_OF_TIMELINE;
	set_beyond(src, lsn, *end, err);
	return SOURCE_BEYOND_TIMELINE;
}

bool
source_is_beyond(Source *src, Lsn lsn, ErrInfo *err)
{
	Lsn end;

	return check_line(src, lsn, &end, err) == SOURCE_BEYOND_TIMELINE;
}

/* ---- the ring ---- */

/*
 * Whether to leave our own connection for the ring: not as soon as the ring has
 * the position, when its tail would soon be upon us again, but once we are a
 * quarter of its length ahead of that, or at its end.
 */
static bool
safe_on_ring(const Source *src, const RingState *state, Lsn lsn)
{
	return lsn >= state->tail &&
		   (lsn >= state->head ||
			   lsn - state->tail >= ring_size(src->ctx->ring) / 4);
}

/*
 * Whether the spooler has written up to lsn, and the ring goes on behind that.  What
 * is of an ancestor may be in the files of that, and not yet in those of its heir.
 */
static bool
at_end_of_spool(const Source *src, Lsn lsn)
{
	BoardView view;

	return lsn >= history_begin(&src->line, src->line.tli) &&
		   board_view(BOARD_SPOOLER, &view) && view.status.sent != 0 &&
		   lsn >= view.status.sent;
}

static RingStatus
read_ring(Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got)
{
	const Ring *ring = src->ctx->ring;
	RingState state = ring_state(ring);
	Lsn end;

	if (state.tli == 0)
		return at_end_of_spool(src, lsn) ? RING_WAIT : RING_LOST;
	if (!history_end(&src->line, state.tli, &end))
		return RING_LOST;
	if (lsn >= end)
		return RING_WAIT; /* it is about to go on with the next one */
	if (ownconn_is_open(src->own) && !safe_on_ring(src, &state, lsn))
		return RING_LOST;
	return ring_read(ring, state.tli, lsn, dst, Min(cap, end - lsn), got);
}

/* ---- all of them ---- */

static void
set_place(Source *src, BoardSource place)
{
	if (place == src->place)
		return;
	if (src->place == BOARD_SOURCE_ARCHIVE)
		archive_leave(src->archive);
	if (src->place == BOARD_SOURCE_SPOOL)
		spoolreader_leave(src->spool);
	src->place = place;
	if (place != BOARD_SOURCE_UPSTREAM)
		ownconn_close(src->own);
}

/*
 * The spool is asked where a file may begin; between, our own connection goes on.
 *
 * What a partial segment ends with may be what a crash of the system has left: the
 * spooler has to look first.
 */
static bool
read_spool(Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got)
{
	if (src->spool == NULL ||
		(ownconn_is_open(src->own) && lsn % src->segment_size != 0))
		return false;
	position_limit_spool(src->spool);
	*got = spoolreader_read(src->spool, &src->line, lsn, dst, cap);
	return *got > 0;
}

/* Nobody has it: what is the oldest that could be had? */
static void
add_oldest_hint(const Source *src, ErrInfo *err)
{
	RingState state = ring_state(src->ctx->ring);
	Lsn oldest = state.tli != 0 ? state.tail : InvalidLsn;
	SpoolList list;
	ErrInfo ignored;

	if (src->spool != NULL &&
		spooldir_list(&list, src->ctx->config->state_directory,
			src->segment_size, &ignored))
	{
		if (list.count > 0)
			oldest = list.files[0].start;
		spooldir_list_clear(&list);
	}
	if (oldest != InvalidLsn && err->hint[0] == '\0')
		errinfo_hint(err, "The oldest WAL at hand is at " LSN_FORMAT ".",
			LSN_ARGS(oldest));
}

static SourceStatus
own_status(Source *src, SourceStatus status, ErrInfo *err)
{
	if (status == SOURCE_END_OF_TIMELINE)
		ownconn_next_timeline(src->own, &src->next_tli, &src->next_start);
	if (status == SOURCE_FAILED)
		add_oldest_hint(src, err);
	return status;
}

/* Whether the upstream lacks it, or cannot be asked. */
static bool
upstream_lacks(const Source *src, SourceStatus status, const ErrInfo *err)
{
	if (status == SOURCE_FAILED)
		return strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) == 0;
	return status == SOURCE_WAIT && ownconn_failures(src->own) > 0;
}

/* From afar: our own connection, or what wal_fetch_command brings. */
static SourceStatus
read_afar(
	Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err)
{
	SourceStatus status;
	ErrInfo why;

	if (src->place == BOARD_SOURCE_ARCHIVE &&
		archive_may_have(src->archive, lsn))
	{
		status =
			archive_read(src->archive, &src->line, lsn, dst, cap, got, err);
		if (status != SOURCE_FAILED || err->sqlstate[0] != '\0')
			return status;
	}
	set_place(src, BOARD_SOURCE_UPSTREAM);
	status =
		ownconn_read(src->own, &src->line, src->tli, lsn, dst, cap, got, err);
	if (!upstream_lacks(src, status, err) ||
		!archive_may_have(src->archive, lsn))
		return own_status(src, status, err);
	switch (archive_read(src->archive, &src->line, lsn, dst, cap, got, &why))
	{
		case SOURCE_OK:
			set_place(src, BOARD_SOURCE_ARCHIVE);
			return SOURCE_OK;
		case SOURCE_WAIT:
			set_place(src, BOARD_SOURCE_ARCHIVE);
			return SOURCE_WAIT;
		default:
			if (why.sqlstate[0] != '\0')
				log_err_limited(&src->limit, LOG_WARNING, &why);
			return own_status(src, status, err);
	}
}

static SourceStatus
read_anywhere(
	Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err)
{
	switch (read_ring(src, lsn, dst, cap, got))
	{
		case RING_OK:
			set_place(src, BOARD_SOURCE_RING);
			return SOURCE_OK;
		case RING_WAIT:
			set_place(src, BOARD_SOURCE_RING);
			return SOURCE_WAIT;
		case RING_LOST:
			break;
	}
	if (read_spool(src, lsn, dst, cap, got))
	{
		set_place(src, BOARD_SOURCE_SPOOL);
		return SOURCE_OK;
	}
	return read_afar(src, lsn, dst, cap, got, err);
}

/* Tell the log where WAL comes from now, if that is not where it came from. */
static void
note_place(const Source *src, Lsn lsn)
{
	static const char *const names[] = {
		[BOARD_SOURCE_RING] = "the ring",
		[BOARD_SOURCE_SPOOL] = "the spool",
		[BOARD_SOURCE_UPSTREAM] = "upstream",
		[BOARD_SOURCE_ARCHIVE] = "wal_fetch_command",
	};
	/* the ring, 0, is where everybody begins who can */
	int place = (int) src->place - (int) BOARD_SOURCE_RING;
	bool left_ring = place_log.told == 0;
	uint64_t untold;
	ErrInfo what;

	if (flap_is_quiet(&place_log, place) ||
		!flap_look(&place_log, place, monotime_ms(), &untold))
		return;
	errinfo_set(&what, SQLSTATE_INTERNAL_ERROR,
		"%sreading WAL from " LSN_FORMAT " on from %s",
		left_ring ? "not in the ring: " : "", LSN_ARGS(lsn), names[src->place]);
	if (left_ring)
		errinfo_detail(&what, "The ring begins at " LSN_FORMAT ".",
			LSN_ARGS(ring_state(src->ctx->ring).tail));
	if (untold > 0)
		errinfo_detail(&what,
			"This has changed %" PRIu64 " times since the last line about it.",
			untold);
	log_err(LOG_LOG, &what);
}

SourceStatus
source_read(
	Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err)
{
	Lsn end;
	SourceStatus status = check_line(src, lsn, &end, err);

	if (status != SOURCE_OK)
		return status;
	status = read_anywhere(src, lsn, dst, Min(cap, end - lsn), got, err);
	if (status == SOURCE_OK || status == SOURCE_WAIT)
		note_place(src, lsn);
	return status;
}

SourceStatus
source_probe(Source *src, Lsn lsn, ErrInfo *err)
{
	uint8_t byte;
	size_t got;
	Lsn end;
	SourceStatus status = check_line(src, lsn, &end, err);

	if (status != SOURCE_OK)
		return status;
	/* what the ring does not have is found out on the way, as a walsender does */
	if (src->tli == src->line.tli ||
		read_ring(src, lsn, &byte, 1, &got) != RING_LOST ||
		read_spool(src, lsn, &byte, 1, &got))
		return SOURCE_OK;
	status = ownconn_prepare(src->own, &src->line, src->tli, lsn, err);
	/* where the timeline ends is known without the upstream */
	if (upstream_lacks(src, status, err) && archive_may_have(src->archive, lsn))
		return SOURCE_OK;
	return own_status(src, status, err);
}

void
source_next_timeline(const Source *src, TimeLineId *tli, Lsn *start)
{
	*tli = src->next_tli;
	*start = src->next_start;
}

bool
source_on_ring(const Source *src)
{
	return src->place == BOARD_SOURCE_RING || src->place == BOARD_SOURCE_NONE;
}

BoardSource
source_place(const Source *src)
{
	return src->place;
}

int
source_fd(const Source *src, short *events)
{
	if (src->place == BOARD_SOURCE_ARCHIVE)
	{
		*events = POLLIN;
		return archive_fd(src->archive);
	}
	return ownconn_fd(src->own, events);
}

int
source_timeout_ms(const Source *src)
{
	return src->place == BOARD_SOURCE_UPSTREAM ? ownconn_timeout_ms(src->own)
											   : -1;
}
