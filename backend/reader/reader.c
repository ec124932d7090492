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
 *
 * Writes the ring, the facts about the upstream, and its own cell.
 *
 * Must never: wait for a worker, read a byte that came from a standby, or touch
 * the content of the WAL.
 */
#include "base.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exitcode.h"
#include "process/signals.h"
#include "process/title.h"
#include "reader/reader.h"
#include "reader/receive.h"
#include "reader/upstream.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "util/log.h"
#include "util/monotime.h"

#define FIRST_PAUSE_MS 100

static struct
{
	ChildContext *ctx;
	int pause_ms; /* before the next attempt */
	bool anew;    /* the upstream no longer has what the ring goes on with */
	Facts facts;
} reader;

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
			return;
		}
	}
}

/* One connection, from its start to its end. */
static void
serve_one_connection(void)
{
	ErrInfo err;
	ReceiveEnd end;
	PGconn *conn;
	Lsn upstream_end;
	bool received = false;

	title_set("reader connecting");
	signals_exit_at_once(true);
	conn = upstream_connect(
		reader.ctx->config, &reader.facts, &upstream_end, &err);
	signals_exit_at_once(false);
	if (conn == NULL)
	{
		log_err(LOG_WARNING, &err);
		return;
	}
	if (!upstream_start_streaming(conn, reader.ctx->ring, &reader.facts,
			upstream_end, reader.anew, &err))
	{
		log_err(LOG_WARNING, &err);
		PQfinish(conn);
		return;
	}
	reader.anew = false;
	facts_publish(&reader.facts);
	board_wake_sleepers(); /* there may be another timeline to follow */
	title_set("reader streaming from %s port %s", reader.facts.host,
		reader.facts.port);
	end = receive_stream(reader.ctx, conn, &received, &err);
	PQfinish(conn);
	if (received)
		reader.pause_ms = FIRST_PAUSE_MS;
	switch (end)
	{
		case RECEIVE_STOPPED:
			break;
		case RECEIVE_MOVED:
			log_msg(LOG_LOG, "upstream.conninfo has changed, moving");
			reader.pause_ms = 0;
			break;
		case RECEIVE_ENDED:
			log_msg(LOG_LOG, "upstream has ended the stream");
			break;
		case RECEIVE_WAL_GONE:
			log_err(LOG_WARNING, &err);
			reader.anew = true;
			break;
		case RECEIVE_FAILED:
			log_err(LOG_WARNING, &err);
			break;
	}
}

void
reader_main(ChildContext *ctx)
{
	reader.ctx = ctx;
	reader.pause_ms = FIRST_PAUSE_MS;
	srandom((unsigned) getpid());
	board_set_state(CELL_RUNNING);
	while (!signals_stop_requested())
	{
		serve_one_connection();
		if (!signals_stop_requested() && reader.pause_ms > 0)
			pause_before_retry();
		reader.pause_ms = Max(reader.pause_ms, FIRST_PAUSE_MS);
	}
	exit(EXITCODE_OK);
}
