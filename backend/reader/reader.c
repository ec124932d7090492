/*
 * reader.c
 *		The reader process.
 *
 * What for: it holds the one replication connection to the upstream, appends
 * what comes to the WAL ring, publishes what it learns about the upstream, and
 * tells the upstream one position and one xmin for all standbys.
 *
 * Started by the supervisor at its own start, and again whenever it is gone.
 *
 * Ends normally on TERM (and USR2, when the workers have ended): there is nothing
 * to tidy up, the ring stays as it is.
 *
 * Ends in an emergency on QUIT, at once.
 *
 * If it crashes the supervisor starts another, with back-off.  That one goes on
 * where the ring ends; workers do not notice, they just get no new WAL meanwhile.
 * After a restart of all, the ring is empty, and it goes on where the spool ends.
 *
 * Writes the ring, the facts about the upstream, in memory and in the spool, the
 * timeline histories there, and its own cell.
 *
 * Must never: wait for a worker, read a byte that came from a standby, or touch
 * the content of the WAL.
 */
#include "base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exitcode.h"
#include "process/signals.h"
#include "process/title.h"
#include "reader/factsfile.h"
#include "reader/reader.h"
#include "reader/receive.h"
#include "reader/upstream.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "util/log.h"
#include "util/monotime.h"

#define FIRST_PAUSE_MS 100

/* host:port on the board */
#define PEER_PORT_MAX 5
#define PEER_HOST_MAX (BOARD_NAME_SIZE - PEER_PORT_MAX - 2)

/* How long the spooler may take to find out where the spool ends. */
#define SPOOL_WAIT_MS 10000

static struct
{
	ChildContext *ctx;
	int pause_ms; /* before the next attempt; 0: none */
	bool anew;    /* the upstream no longer has what the ring goes on with */
	Upstream up;
	LogLimit limit;
	BoardStatus status;
} reader;

/* ---- what the board shows ---- */

/* Connected to reader.up. */
static void
tell_connected(void)
{
	BoardStatus *status = &reader.status;

	status->connects++;
	status->connected = monotime_pg_timestamp();
	status->message_time = status->connected;
	snprintf(status->peer, sizeof(status->peer), "%.*s:%.*s", PEER_HOST_MAX,
		reader.up.facts.host, PEER_PORT_MAX, reader.up.facts.port);
	board_publish(status);
}

static void
tell_streaming(TimeLineId tli)
{
	reader.status.tli = tli;
	reader.status.reason[0] = '\0';
	board_publish(&reader.status);
	board_set_state(CELL_STREAMING);
	title_set("reader streaming from %s port %s", reader.up.facts.host,
		reader.up.facts.port);
}

/*
 * What has gone wrong, for the log and the board; not that the upstream had not
 * answered yet when we were told to stop.
 */
static void
warn(const ErrInfo *err)
{
	if (signals_stop_requested())
		return;
	log_err_limited(&reader.limit, LOG_WARNING, err);
	snprintf(reader.status.reason, sizeof(reader.status.reason), "%.*s",
		BOARD_ALARM_SIZE - 1, err->message);
	board_publish(&reader.status);
}

static void
tell_disconnected(void)
{
	reader.status.connected = 0;
	reader.status.tli = 0;
	board_publish(&reader.status);
}

/* ---- the life of a connection ---- */

/* Between half and all of ms, so that many walbouncers do not come at once. */
static int
with_jitter(int ms)
{
	return ms / 2 + (int) (random() % (ms / 2 + 1));
}

/* Before the next attempt; cut short by a new configuration. */
static void
pause_before_retry(void)
{
	int64_t until = monotime_ms() + with_jitter(reader.pause_ms);
	int longest =
		Max(reader.ctx->config->wal_retrieve_retry_interval_ms, FIRST_PAUSE_MS);
	Config *previous;

	board_set_state(CELL_IDLE);
	reader.pause_ms = Min(reader.pause_ms * 2, longest);
	while (!signals_stop_requested())
	{
		struct pollfd fd = {.fd = board_wake_fd(), .events = POLLIN};
		int64_t left = until - monotime_ms();

		if (left <= 0)
			return;
		poll(&fd, 1, (int) left);
		board_sleep_end();
		if (child_refresh_config(reader.ctx, &previous))
		{
			config_free(previous);
			reader.pause_ms = FIRST_PAUSE_MS;
			reader.limit = (LogLimit){0};
			return;
		}
	}
}

/* What is on disk, at the end of a run, is where the next one goes on. */
static bool
find_spool_end(Position *position)
{
	int64_t until = monotime_ms() + SPOOL_WAIT_MS;
	BoardView view;

	while (!board_view(BOARD_SPOOLER, &view) || view.state != CELL_RUNNING)
	{
		struct pollfd fd = {.fd = board_wake_fd(), .events = POLLIN};
		int64_t left = until - monotime_ms();

		if (signals_stop_requested())
			return false;
		if (left <= 0)
		{
			log_msg(LOG_WARNING, "the spooler does not say where the spool "
								 "ends, going on without it");
			return false;
		}
		poll(&fd, 1, (int) Min(left, FIRST_PAUSE_MS));
		board_sleep_end();
	}
	*position = (Position){.tli = view.status.tli, .lsn = view.status.sent};
	return true;
}

/* Where the WAL that is here ends. */
static Position
find_position(void)
{
	RingState state = ring_state(reader.ctx->ring);
	Position position = {.tli = state.tli, .lsn = state.head};
	Facts facts;

	/* without facts there was no upstream yet, and there is no spool either */
	if (state.tli == 0 && config_has_spool(reader.ctx->config) &&
		facts_get(&facts))
		(void) find_spool_end(&position);
	return position;
}

/* Everybody may know what we know, in this run and in the next one. */
static void
publish_facts(void)
{
	const Config *config = reader.ctx->config;
	const Facts *facts = &reader.up.facts;
	ErrInfo err;

	/* the history first: what is in the facts is looked for in the spool */
	if (config_has_spool(config) &&
		(!upstream_keep_histories(config, &reader.up, &err) ||
			!factsfile_write(config->state_directory, facts, &err)))
		warn(&err);
	facts_publish(facts);
	board_wake_sleepers(); /* there may be another timeline to follow */
}

/*
 * Where the spool ends, if that has come to be known since the server was met: then it
 * is yet to be held to what is there.
 */
static bool
find_late_position(Position *position, ErrInfo *err)
{
	if (position->tli != 0)
		return true;
	*position = find_position();
	return position->tli == 0 ||
		   meet_position(
			   reader.ctx->config, reader.ctx->ring, position, &reader.up, err);
}

/* Connected, and streaming; false if that could not be. */
static bool
start(Position *position)
{
	bool has_facts = facts_generation() != 0;
	bool ok;
	ErrInfo err;

	/* the spooler may have been late, and has to know the facts first */
	ok = !has_facts || find_late_position(position, &err);
	if (ok)
	{
		publish_facts();
		ok = has_facts || find_late_position(position, &err);
	}
	if (!ok)
	{
		warn(&err);
		return false;
	}
	if (!upstream_start_streaming(&reader.up, reader.ctx->config,
			reader.ctx->ring, position, reader.anew, &err))
	{
		warn(&err);
		reader.anew = strcmp(err.sqlstate, SQLSTATE_UNDEFINED_FILE) == 0;
		return false;
	}
	reader.anew = false;
	board_wake_sleepers();
	tell_streaming(position->tli);
	return true;
}

/*
 * The configuration names another upstream.  The one that we have is not left
 * before that has been found good.
 */
static bool
move(Position *position)
{
	Upstream next = {0};
	ErrInfo err;

	log_msg(LOG_LOG, "upstream.conninfo or upstream.slot has changed, moving");
	*position = find_position();
	if (!meet_upstream(
			reader.ctx->config, reader.ctx->ring, position, &next, &err))
	{
		warn(&err);
		if (!signals_stop_requested())
			log_msg(LOG_WARNING, "staying with the upstream at %s port %s",
				reader.up.facts.host, reader.up.facts.port);
		return false;
	}
	PQfinish(reader.up.conn);
	reader.up = next;
	reader.anew = false; /* that was said of the other one */
	tell_connected();
	return true;
}

/* Whether all of a timeline is here, as far as its end is known. */
static bool
is_at_end(TimeLineId tli)
{
	Lsn end;

	return history_end(&reader.up.line, tli, &end) &&
		   ring_state(reader.ctx->ring).head >= end;
}

/* Until the stream ends for good. */
static void
receive(Position *position)
{
	ReceiveEnd end;
	bool received = false;
	ErrInfo err;

	for (;;)
	{
		end = receive_stream(
			reader.ctx, reader.up.conn, &reader.status, &received, &err);
		if (end != RECEIVE_MOVED)
			break;
		if (move(position) && !start(position))
			return;
	}
	if (received)
	{
		reader.pause_ms = FIRST_PAUSE_MS;
		reader.limit = (LogLimit){0};
	}
	switch (end)
	{
		case RECEIVE_STOPPED:
		case RECEIVE_MOVED:
			break;
		case RECEIVE_TIMELINE_END:
			log_msg(LOG_LOG, "timeline %u of the upstream has ended",
				position->tli);
			/* unless it ends again and again without anything on it */
			if (received || is_at_end(position->tli))
				reader.pause_ms = 0;
			break;
		case RECEIVE_ENDED:
			log_msg(LOG_LOG, "upstream has ended the stream");
			break;
		case RECEIVE_WAL_GONE:
			warn(&err);
			reader.anew = true;
			break;
		case RECEIVE_FAILED:
			warn(&err);
			break;
	}
}

/* One connection, from its start to its end. */
static void
serve_one_connection(void)
{
	Position position = find_position();
	ErrInfo err;

	board_set_state(CELL_STARTUP);
	title_set("reader connecting");
	if (!meet_upstream(
			reader.ctx->config, reader.ctx->ring, &position, &reader.up, &err))
	{
		warn(&err);
		return;
	}
	tell_connected();
	if (start(&position))
		receive(&position);
	tell_disconnected();
	PQfinish(reader.up.conn);
	reader.up.conn = NULL;
}

/* What the last run knew, so that standbys are served before the upstream is back. */
static void
recall_facts(void)
{
	const Config *config = reader.ctx->config;
	Facts facts;
	ErrInfo err;

	if (facts_generation() != 0 || !config_has_spool(config))
		return;
	if (factsfile_read(config->state_directory, &facts, &err))
	{
		facts_publish(&facts);
		board_wake_sleepers();
	}
	else if (err.sqlstate[0] != '\0')
		log_err(LOG_WARNING, &err);
}

void
reader_main(ChildContext *ctx)
{
	reader.ctx = ctx;
	reader.pause_ms = FIRST_PAUSE_MS;
	srandom((unsigned) getpid());
	board_set_state(CELL_STARTUP);
	recall_facts();
	while (!signals_stop_requested())
	{
		serve_one_connection();
		if (!signals_stop_requested() && reader.pause_ms > 0)
			pause_before_retry();
		reader.pause_ms = Max(reader.pause_ms, FIRST_PAUSE_MS);
	}
	exit(EXITCODE_OK);
}
