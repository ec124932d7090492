/*
 * stream.c
 *		START_REPLICATION.  See stream.h.
 *
 * One turn of the loop takes what the standby has said, sends what the socket
 * takes, and, when that is all gone, queues one more message.  When a turn has
 * nothing to do, the next one is made with the cell marked asleep, and if that
 * has nothing to do either, we wait: so no wake-up is lost (see board.c).
 *
 * While the scope of a changed rule is not known, or an operator has paused the
 * standby, no WAL is taken from the feed; keepalives go on both ways.
 */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "pq/message.h"
#include "pq/replication.h"
#include "process/signals.h"
#include "state/pauselist.h"
#include "util/flap.h"
#include "util/log.h"
#include "util/monotime.h"
#include "view/standbystate.h"
#include "worker/feed.h"
#include "worker/pulse.h"
#include "worker/reply.h"
#include "worker/rulechange.h"
#include "worker/scope.h"
#include "worker/stream.h"
#include "worker/streamends.h"

/* How long a standby may be ahead of what the reader has, before that is an error. */
#define AHEAD_MS 1000
/* How long what is queued may take at the end, at least. */
#define LAST_WORDS_MS 2000
/* Turns between two looks at what the standby says, while it takes all we send. */
#define TURNS_PER_LOOK 16

typedef struct Stream
{
	Session *s;
	Feed *feed;
	TimeLineId tli;
	CellState state;

	Lsn start;               /* as requested */
	Lsn sent;                /* of the next byte to be queued */
	uint64_t blanked_before; /* by the streams of this session */
	int64_t ahead_until_ms;

	RuleChange change;
	bool paused; /* by an operator */
	Flap live;   /* for the log: whether it has caught up */

	Pulse pulse;
	bool reply_wanted;
	bool timeline_ended; /* CopyDone has been sent, theirs is awaited */
	bool at_end;         /* there was no more WAL when we last looked */
	bool draining;
	Lsn drain_to;
	unsigned turns;
	bool waited; /* just now */
} Stream;

/* Whether WAL may be taken from the feed. */
static bool
may_pump(const Stream *st)
{
	return !st->change.pending && !st->paused && !st->timeline_ended;
}

/* len bytes more are on their way. */
static void
tell_sent(Stream *st, size_t len, Lsn at_hand)
{
	BoardStatus *status = &st->s->status;

	st->sent += len;
	status->blanked_bytes = st->blanked_before + feed_blanked_bytes(st->feed);
	status->source = source_place(feed_source(st->feed));
	reply_sent(st->s, len, at_hand);
}

/* Queue WAL that begins at st->sent. */
static void
queue_wal(Stream *st, const uint8_t *wal, size_t len)
{
	uint8_t header[REPLICATION_WAL_HEADER_SIZE];
	RingState ring = ring_state(st->s->ctx->ring);
	Lsn end = st->sent + len;
	Lsn at_hand = Max(ring.head, end);

	replication_wal_header(
		header, len, st->sent, at_hand, monotime_pg_timestamp());
	buf_put_bytes(client_out(&st->s->client), header, sizeof(header));
	client_put_wal(&st->s->client, wal, len);
	tell_sent(st, len, ring.tli == st->tli ? at_hand : end);
}

/* Where WAL is waited for is worth telling, too. */
static void
tell_source(Stream *st)
{
	BoardSource source = source_place(feed_source(st->feed));

	if (source == st->s->status.source || source == BOARD_SOURCE_NONE)
		return;
	st->s->status.source = source;
	board_publish(&st->s->status);
}

static void
set_state(Stream *st, CellState state)
{
	bool live = state == CELL_STREAMING;
	uint64_t untold;

	st->state = state;
	session_set_state(st->s, state);
	reply_state_changed(st->s);
	/* falling behind is told by the source, which is not the ring then */
	if (!flap_look(&st->live, live, monotime_ms(), &untold) || !live)
		return;
	if (untold > 0)
		log_msg(LOG_LOG,
			"standby has caught up at " LSN_FORMAT ", after %" PRIu64
			" times since it was last told",
			LSN_ARGS(st->sent), untold);
	else
		log_msg(LOG_LOG, "standby has caught up at " LSN_FORMAT,
			LSN_ARGS(st->sent));
}

/*
 * Queue the next message if there is WAL for one.  *progress is set if anything
 * moved.
 */
static StreamEnd
pump(Stream *st, bool *progress, ErrInfo *err)
{
	const uint8_t *wal;
	size_t len;
	SourceStatus status;
	bool held;
	bool live;

	if (!may_pump(st))
		return STREAM_GOES_ON;
	status = feed_next(st->feed, &wal, &len, err);
	if (status == SOURCE_OK && len > 0)
		queue_wal(st, wal, len);
	/* A standby that is as far as it may be has missed nothing. */
	held = feed_hold_ms(st->feed) >= 0;
	st->at_end = status == SOURCE_WAIT &&
				 (held || source_on_ring(feed_source(st->feed)));
	tell_source(st);
	live = held || (source_on_ring(feed_source(st->feed)) &&
					   (status == SOURCE_WAIT || st->state == CELL_STREAMING));
	if (live != (st->state == CELL_STREAMING))
		set_state(st, live ? CELL_STREAMING : CELL_CATCHUP);
	switch (status)
	{
		case SOURCE_OK:
			*progress = true;
			break;
		case SOURCE_WAIT:
			break;
		case SOURCE_BEYOND_TIMELINE:
			/* a part of a record that was never finished may have gone out */
		case SOURCE_END_OF_TIMELINE:
			message_copy_done(client_out(&st->s->client));
			st->timeline_ended = true;
			*progress = true;
			break;
		case SOURCE_FAILED:
			return STREAM_FAILED;
	}
	return STREAM_GOES_ON;
}

static void
queue_keepalive(Stream *st, bool request_reply)
{
	message_keepalive(client_out(&st->s->client), st->sent,
		monotime_pg_timestamp(), request_reply);
}

/*
 * One that has replayed WAL from behind the end of its timeline cannot go on: it
 * asks for the start of the segment, but what it has done is not in our history.
 * What it has received and not replayed it overwrites.
 */
static StreamEnd
check_beyond(Stream *st, ErrInfo *err)
{
	if (!source_is_beyond(feed_source(st->feed), st->s->status.apply, err))
		return STREAM_GOES_ON;
	log_err(LOG_WARNING, err);
	return STREAM_FAILED;
}

/* One message from the standby in COPY mode. */
static StreamEnd
take_frame(Stream *st, const Frame *frame, ErrInfo *why)
{
	ErrInfo err;

	switch (frame->type)
	{
		case FRAME_COPY_DATA:
			if (reply_take(
					st->s, frame->body, frame->len, &st->reply_wanted, &err))
				return check_beyond(st, why);
			session_fatal(st->s, &err);
		case FRAME_COPY_DONE:
			return st->timeline_ended ? STREAM_TIMELINE_END
									  : STREAM_CLIENT_DONE;
		case FRAME_TERMINATE:
			streamends_left(st->s, st->sent);
		default:
			errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
				"unexpected message type 0x%02X from a standby", frame->type);
			session_fatal(st->s, &err);
	}
}

/* All that the standby has said. */
static StreamEnd
take_frames(Stream *st, bool *progress, ErrInfo *why)
{
	StreamEnd end = STREAM_GOES_ON;
	Frame frame;
	ErrInfo err;

	if (!st->waited && st->turns++ % TURNS_PER_LOOK != 0)
		return STREAM_GOES_ON;
	st->waited = false;
	pulse_looked(&st->pulse, monotime_ms());
	client_fill(&st->s->client);
	while (end == STREAM_GOES_ON)
	{
		switch (client_next_frame(&st->s->client, &frame, &err))
		{
			case FRAME_OK:
				pulse_heard(&st->pulse, monotime_ms());
				*progress = true;
				end = take_frame(st, &frame, why);
				break;
			case FRAME_MORE:
				if (st->s->client.gone)
					streamends_left(st->s, st->sent);
				return STREAM_GOES_ON;
			case FRAME_BAD:
				session_fatal(st->s, &err);
		}
	}
	return end;
}

/* Smart shutdown: the standby is to have and to confirm what there is now. */
static void
check_drain(Stream *st)
{
	const BoardStatus *status = &st->s->status;
	Lsn confirmed = status->flush != InvalidLsn ? status->flush : status->write;

	if (!st->draining)
	{
		st->draining = true;
		st->drain_to = ring_state(st->s->ctx->ring).head;
		st->at_end = false;
	}
	/*
	 * The ring may end in a record that the filter waits for the rest of, and what
	 * is held back is not for now.
	 */
	if (st->sent < st->drain_to && !st->at_end && !st->timeline_ended)
		return;
	if (confirmed >= Min(st->drain_to, st->sent))
		streamends_shut_down(st->s, st->sent);
	if (!client_pending(&st->s->client) &&
		pulse_drain(&st->pulse, monotime_ms()))
		queue_keepalive(st, true);
}

/* wal_sender_timeout. */
static void
check_timeout(Stream *st)
{
	int timeout = st->s->ctx->config->wal_sender_timeout_ms;
	ErrInfo err;

	switch (pulse_check(
		&st->pulse, monotime_ms(), timeout, client_pending(&st->s->client)))
	{
		case PULSE_QUIET:
			break;
		case PULSE_ASK:
			queue_keepalive(st, true);
			break;
		case PULSE_LOOK:
			st->waited = true;
			break;
		case PULSE_DEAD:
			errinfo_set(&err, SQLSTATE_CONNECTION_FAILURE,
				"terminating stream at " LSN_FORMAT
				": nothing from the standby for %d ms",
				LSN_ARGS(st->sent), timeout);
			log_err(LOG_WARNING, &err);
			session_end(st->s);
	}
}

/* Whoever looks at the board is to know whether it is stalled. */
static void
check_behind(Stream *st)
{
	if (pulse_behind(&st->pulse, monotime_ms(),
			standbystate_is_behind(&st->s->status),
			client_pending(&st->s->client)))
		queue_keepalive(st, true);
}

/* Who waits for standbys should not wait for their next report. */
static void
check_awaited(Stream *st)
{
	const BoardStatus *status = &st->s->status;
	const PulsePlace place = {st->sent, status->write, status->apply};
	Lsn awaited[BOARD_AWAITED_MAX];
	size_t count = board_awaited(awaited);

	if (pulse_await(&st->pulse, monotime_ms(), awaited, count, &place,
			client_pending(&st->s->client)))
		queue_keepalive(st, true);
}

/* Whether an operator wants it so; if that cannot be read, it stays as it is. */
static bool
is_paused(const Stream *st)
{
	PauseList list;
	ErrInfo err;
	bool paused;

	if (!pauselist_read(st->s->ctx->config->state_directory, &list, &err))
	{
		log_err(LOG_WARNING, &err);
		return st->paused;
	}
	paused = pauselist_contains(&list, st->s->application_name);
	pauselist_clear(&list);
	return paused;
}

static void
look_at_pause(Stream *st)
{
	BoardStatus *status = &st->s->status;

	if (is_paused(st) == st->paused)
		return;
	st->paused = !st->paused;
	snprintf(status->reason, sizeof(status->reason), "%s",
		st->paused ? "paused by an operator" : "");
	board_publish(status);
	log_msg(LOG_LOG, "standby is %s by an operator at " LSN_FORMAT,
		st->paused ? "paused" : "resumed", LSN_ARGS(st->sent));
	if (st->paused)
		feed_rest(st->feed);
	else
		st->live = (Flap){0}; /* who resumes it wants to know */
	set_state(st, st->paused ? CELL_PAUSED : CELL_CATCHUP);
}

/* What others want from us. */
static StreamEnd
check_requests(Stream *st, ErrInfo *err)
{
	if (signals_take_hangup())
		look_at_pause(st);
	/* what it is not sent, a paused standby cannot confirm */
	if (signals_stop_requested() || (signals_drain_requested() && st->paused))
		streamends_shut_down(st->s, st->sent);
	if (signals_drain_requested())
		check_drain(st);
	if (signals_take_cancel())
	{
		errinfo_set(err, SQLSTATE_QUERY_CANCELED,
			"canceling statement due to user request");
		return STREAM_FAILED;
	}
	if (!rulechange_check(&st->change, st->s, st->feed, st->sent, err))
		return STREAM_FAILED;
	check_timeout(st);
	check_behind(st);
	check_awaited(st);
	return STREAM_GOES_ON;
}

/* A standby that asks for what does not exist yet must be told (walsender.c). */
static StreamEnd
check_ahead(Stream *st, ErrInfo *err)
{
	RingState ring = ring_state(st->s->ctx->ring);
	Lsn end = Max(ring.head, ring.upstream_end);

	if (st->ahead_until_ms == 0 || ring.tli != st->tli || st->start <= end)
	{
		st->ahead_until_ms = 0;
		return STREAM_GOES_ON;
	}
	if (monotime_ms() < st->ahead_until_ms)
		return STREAM_GOES_ON;
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"requested start " LSN_FORMAT
		" lies ahead of the upstream's WAL, which ends at " LSN_FORMAT,
		LSN_ARGS(st->start), LSN_ARGS(end));
	return STREAM_FAILED;
}

/*
 * New WAL is of no interest while the last message is not out, or while nothing
 * would take it from the source: what stays ready there must not keep us awake.
 */
static bool
wants_wal(const Stream *st)
{
	return !client_pending(&st->s->client) && may_pump(st) &&
		   feed_hold_ms(st->feed) < 0;
}

static int
wait_ms(const Stream *st)
{
	int64_t now = monotime_ms();
	int timeout = st->s->ctx->config->wal_sender_timeout_ms;
	int source = source_timeout_ms(feed_source(st->feed));
	bool pending = client_pending(&st->s->client);
	int held = feed_hold_ms(st->feed);
	int64_t due = pulse_due_ms(&st->pulse, now, timeout, pending, st->draining);

	if (source >= 0 && wants_wal(st))
		due = Min(due, source);
	if (held >= 0 && !pending && may_pump(st))
		due = Min(due, held);
	if (st->change.pending)
		due = Min(due, st->change.retry_ms - now);
	if (st->ahead_until_ms != 0)
		due = Min(due, st->ahead_until_ms - now);
	return (int) Max(due, 1);
}

static void
wait_for_work(Stream *st)
{
	short events;
	int fd = source_fd(feed_source(st->feed), &events);

	client_wait(&st->s->client, wants_wal(st) ? fd : -1, events, wait_ms(st));
	board_sleep_end();
	st->waited = true;
}

static StreamEnd
stream_loop(Stream *st, ErrInfo *err)
{
	Client *client = &st->s->client;
	bool asleep = false;

	for (;;)
	{
		bool progress = false;
		StreamEnd end = take_frames(st, &progress, err);

		if (end == STREAM_GOES_ON)
			end = check_requests(st, err);
		if (end == STREAM_GOES_ON)
			end = check_ahead(st, err);
		if (end == STREAM_GOES_ON && !client_pending(client))
		{
			if (st->reply_wanted)
			{
				queue_keepalive(st, false);
				st->reply_wanted = false;
				progress = true;
			}
			else
				end = pump(st, &progress, err);
		}
		client_flush(client);
		if (end != STREAM_GOES_ON)
			return end;
		if (client->gone)
			st->waited = true; /* look at once, and leave */
		else if (progress && !client_pending(client))
			continue;
		else if (client_pending(client) || asleep)
		{
			wait_for_work(st);
			asleep = false;
		}
		else
		{
			board_sleep_begin();
			asleep = true;
		}
	}
}

/* COPY mode is over: for good, if it is for the WAL itself. */
static void
note_end(Stream *st, StreamEnd end, const ErrInfo *err)
{
	bool halted = end == STREAM_FAILED && feed_is_stuck(st->feed);

	if (halted)
		reply_halted(st->s, err);
	log_msg(LOG_LOG, "%s at " LSN_FORMAT,
		halted ? "standby halted" : "stream ended", LSN_ARGS(st->sent));
}

/* All of it between the command and its answer. */
static void
run(Stream *st, bool filtered)
{
	StreamEnd end = STREAM_FAILED;
	ErrInfo err;

	switch (streamends_probe(
		st->s, feed_source(st->feed), st->tli, st->start, &err))
	{
		case SOURCE_OK:
			message_copy_both(client_out(&st->s->client));
			log_msg(LOG_LOG,
				"standby joined at " LSN_FORMAT " on timeline %u under rule "
				"\"%s\"%s%s",
				LSN_ARGS(st->start), st->tli, st->s->rule->name,
				filtered ? ", filtered" : "",
				st->s->rule->send_delay_ms > 0 ? ", delayed" : "");
			look_at_pause(st);
			end = stream_loop(st, &err);
			note_end(st, end, &err);
			break;
		case SOURCE_END_OF_TIMELINE:
			end = STREAM_TIMELINE_END;
			break;
		default:
			break;
	}
	/* The WAL that is queued lies in memory that goes away. */
	if (!client_flush_wait(&st->s->client,
			Max(st->s->ctx->config->wal_sender_timeout_ms, LAST_WORDS_MS)))
		session_end(st->s);
	streamends_answer(st->s, feed_source(st->feed), end, &err);
}

/* What the standby lacks from under other rules is on record before anything is sent. */
static bool
open_feed(Stream *st, bool *filtered, ErrInfo *err)
{
	LedgerKey key = scope_ledger_key(st->s);
	Carryover carry;
	WalScope *scope;
	bool ok;

	if (!scope_compile(st->s, st->start, false, NULL, &scope, &carry, err))
		return false;
	*filtered = scope != NULL;
	st->feed = feed_new(st->s, st->tli, st->start, scope, &carry, err);
	ok = st->feed != NULL && carryover_commit(&carry, &key, err);
	carryover_clear(&carry);
	if (!ok && st->feed != NULL)
		feed_free(st->feed);
	return ok;
}

static void
on_end(void *arg)
{
	feed_finish(arg);
}

void
stream_run(Session *s, const ReplCommand *command)
{
	Stream st = {
		.s = s,
		.tli = command->tli != 0 ? command->tli : s->facts.tli,
		.start = command->start,
		.sent = command->start,
		.blanked_before = s->status.blanked_bytes,
		.ahead_until_ms = monotime_ms() + AHEAD_MS,
		.waited = true,
	};
	bool filtered;
	ErrInfo err;

	if (!open_feed(&st, &filtered, &err))
	{
		session_error(s, &err);
		return;
	}
	s->status.filtered = filtered;
	pulse_begin(&st.pulse, monotime_ms());
	/* from here on WAL is needed */
	reply_begin(s, st.tli, st.sent);
	set_state(&st, CELL_CATCHUP);
	session_push_end(s, on_end, st.feed);
	run(&st, filtered);
	session_pop_end(s);
	feed_finish(st.feed);
	feed_free(st.feed);
	reply_forget(s);
}
