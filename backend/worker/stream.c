/*
 * stream.c
 *		START_REPLICATION.  See stream.h.
 *
 * One turn of the loop takes what the standby has said, sends what the socket
 * takes, and, when that is all gone, queues one more message.  When a turn has
 * nothing to do, the next one is made with the cell marked asleep, and if that
 * has nothing to do either, we wait: so no wake-up is lost (see board.c).
 *
 * While the scope of a changed rule is not known, no WAL is taken from the feed.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq/message.h"
#include "pq/replication.h"
#include "process/signals.h"
#include "util/log.h"
#include "util/monotime.h"
#include "worker/feed.h"
#include "worker/reply.h"
#include "worker/scope.h"
#include "worker/stream.h"

/* How long a standby may be ahead of what the reader has, before that is an error. */
#define AHEAD_MS 1000
/* Between two attempts to find out the scope of a changed rule. */
#define SCOPE_RETRY_MS 1000
/* Between two keepalives to a standby that is to confirm what it has. */
#define DRAIN_PING_MS 200
/* How long the end of a stream may take at shutdown. */
#define GOODBYE_MS 2000
/* Turns between two looks at what the standby says, while it takes all we send. */
#define TURNS_PER_LOOK 16

typedef enum StreamEnd
{
	STREAM_GOES_ON,
	STREAM_CLIENT_DONE,  /* the standby has sent CopyDone */
	STREAM_TIMELINE_END, /* the timeline has ended, and both sides said so */
	STREAM_FAILED        /* err is for the standby */
} StreamEnd;

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

	/* the rule has changed, and what it means is not known yet */
	bool scope_pending;
	int64_t scope_retry_ms;
	LogLimit scope_limit;

	int64_t heard_ms;  /* when the standby last said something */
	int64_t looked_ms; /* when we last looked whether it had */
	bool pinged;       /* asked for a sign of life since then */
	bool reply_wanted;
	bool timeline_ended; /* CopyDone has been sent, theirs is awaited */
	bool at_end;         /* there was no more WAL when we last looked */
	bool draining;
	Lsn drain_to;
	int64_t drain_pinged_ms;
	unsigned turns;
	bool waited; /* just now */
} Stream;

/*
 * The scope that follows from the session's rule now, in force from the next record
 * on.  False, with err, if the stream cannot go on; *retry if it can, but that is not
 * known yet.
 */
static bool
change_scope(Stream *st, bool *retry, ErrInfo *err)
{
	Session *s = st->s;
	LedgerKey key = scope_ledger_key(s);
	const char *former = feed_ledger_rule(st->feed);
	Carryover carry;
	WalScope *scope;
	bool ok;

	*retry = !scope_compile(s, st->sent, true, former, &scope, &carry, err);
	if (*retry)
		return true;
	/* without a scope the feed goes on by its ledger, if it has one */
	ok = feed_narrow(st->feed, scope, &carry, err) &&
		 (scope == NULL || carryover_commit(&carry, &key, err));
	carryover_clear(&carry);
	return ok;
}

/*
 * Take over a newer configuration, and what it means for us.  False, with err, if
 * the stream cannot go on.
 */
static bool
refresh_rule(Stream *st, ErrInfo *err)
{
	Session *s = st->s;
	char rule[BOARD_NAME_SIZE];
	uint64_t digest = rule_filter_digest(&s->rule->filter);
	int delay_ms = s->rule->send_delay_ms;
	Config *previous;
	bool retry;

	snprintf(rule, sizeof(rule), "%s", s->rule->name);
	if (child_refresh_config(s->ctx, &previous))
	{
		session_rematch(s, previous);
		if (strcmp(rule, s->rule->name) != 0 ||
			digest != rule_filter_digest(&s->rule->filter))
		{
			st->scope_pending = true;
			st->scope_retry_ms = 0;
		}
		if (delay_ms != s->rule->send_delay_ms)
			log_msg(LOG_LOG,
				"rule \"%s\" holds commits back for %d ms from " LSN_FORMAT
				" on, before for %d ms",
				s->rule->name, s->rule->send_delay_ms, LSN_ARGS(st->sent),
				delay_ms);
	}
	if (!st->scope_pending || monotime_ms() < st->scope_retry_ms ||
		!facts_get(&s->facts))
		return true;
	if (!change_scope(st, &retry, err))
		return false;
	st->s->status.filtered = feed_ledger_rule(st->feed) != NULL;
	board_publish(&st->s->status);
	if (retry)
	{
		log_err_limited(&st->scope_limit, LOG_WARNING, err);
		st->scope_retry_ms = monotime_ms() + SCOPE_RETRY_MS;
		return true;
	}
	st->scope_pending = false;
	log_msg(LOG_LOG, "rule \"%s\" has changed, in force from " LSN_FORMAT " on",
		s->rule->name, LSN_ARGS(st->sent));
	return true;
}

/* The same, and tell whoever waits that the scope is what the rule says. */
static bool
follow_rule(Stream *st, ErrInfo *err)
{
	Session *s = st->s;

	if (!refresh_rule(st, err))
		return false;
	if (!st->scope_pending &&
		s->status.scope_generation != s->ctx->config_generation)
	{
		s->status.scope_generation = s->ctx->config_generation;
		board_publish(&s->status);
	}
	return true;
}

/* len bytes more are on their way. */
static void
tell_sent(Stream *st, size_t len)
{
	BoardStatus *status = &st->s->status;

	/* one that had all there was begins to be behind only now */
	if (board_reached(status) >= st->sent)
		status->progress_time = monotime_pg_timestamp();
	st->sent += len;
	status->sent = st->sent;
	status->bytes += len;
	status->blanked_bytes = st->blanked_before + feed_blanked_bytes(st->feed);
	status->source = source_place(feed_source(st->feed));
	board_publish(status);
}

/* Queue WAL that begins at st->sent. */
static void
queue_wal(Stream *st, const uint8_t *wal, size_t len)
{
	uint8_t header[REPLICATION_WAL_HEADER_SIZE];
	RingState ring = ring_state(st->s->ctx->ring);

	replication_wal_header(header, len, st->sent,
		Max(ring.head, st->sent + len), monotime_pg_timestamp());
	buf_put_bytes(client_out(&st->s->client), header, sizeof(header));
	client_put_wal(&st->s->client, wal, len);
	tell_sent(st, len);
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

	if (st->scope_pending || st->timeline_ended)
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
	{
		st->state = live ? CELL_STREAMING : CELL_CATCHUP;
		session_set_state(st->s, st->state);
		reply_state_changed(st->s);
	}
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
			session_end(st->s);
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
	st->looked_ms = monotime_ms();
	client_fill(&st->s->client);
	while (end == STREAM_GOES_ON)
	{
		switch (client_next_frame(&st->s->client, &frame, &err))
		{
			case FRAME_OK:
				st->heard_ms = monotime_ms();
				st->pinged = false;
				*progress = true;
				end = take_frame(st, &frame, why);
				break;
			case FRAME_MORE:
				if (st->s->client.gone)
				{
					log_msg(LOG_LOG, "standby left at " LSN_FORMAT,
						LSN_ARGS(st->sent));
					session_end(st->s);
				}
				return STREAM_GOES_ON;
			case FRAME_BAD:
				session_fatal(st->s, &err);
		}
	}
	return end;
}

/* wal_sender_timeout: ask at half of it, give up at all of it. */
static void
check_timeout(Stream *st)
{
	int timeout = st->s->ctx->config->wal_sender_timeout_ms;
	int64_t silent = monotime_ms() - st->heard_ms;
	ErrInfo err;

	if (timeout == 0)
		return;
	/* we may have been stopped ourselves, with its words in our socket */
	if (silent >= timeout && st->looked_ms < st->heard_ms + timeout)
	{
		st->waited = true;
		return;
	}
	if (silent >= timeout)
	{
		errinfo_set(&err, SQLSTATE_CONNECTION_FAILURE,
			"terminating stream at " LSN_FORMAT
			": nothing from the standby for %d ms",
			LSN_ARGS(st->sent), timeout);
		log_err(LOG_WARNING, &err);
		session_end(st->s);
	}
	if (silent >= timeout / 2 && !st->pinged && !client_pending(&st->s->client))
	{
		queue_keepalive(st, true);
		st->pinged = true;
	}
}

/*
 * We are to stop: end the stream as a server does that shuts down (walsender.c,
 * WalSndDone): CommandComplete without CopyDone.
 */
static void
shut_down(Stream *st)
{
	Client *client = &st->s->client;

	if (client_flush_wait(client, GOODBYE_MS))
	{
		message_command_complete(client_out(client), "COPY 0");
		client_flush_wait(client, GOODBYE_MS);
	}
	log_msg(LOG_LOG, "stream ended at " LSN_FORMAT ", shutting down",
		LSN_ARGS(st->sent));
	session_end(st->s);
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
		shut_down(st);
	if (!client_pending(&st->s->client) &&
		monotime_ms() - st->drain_pinged_ms >= DRAIN_PING_MS)
	{
		queue_keepalive(st, true);
		st->drain_pinged_ms = monotime_ms();
	}
}

/* What others want from us. */
static StreamEnd
check_requests(Stream *st, ErrInfo *err)
{
	if (signals_stop_requested())
		shut_down(st);
	if (signals_drain_requested())
		check_drain(st);
	if (signals_take_cancel())
	{
		errinfo_set(err, SQLSTATE_QUERY_CANCELED,
			"canceling statement due to user request");
		return STREAM_FAILED;
	}
	if (!follow_rule(st, err))
		return STREAM_FAILED;
	check_timeout(st);
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
	return !client_pending(&st->s->client) && !st->scope_pending &&
		   !st->timeline_ended && feed_hold_ms(st->feed) < 0;
}

static int
wait_ms(const Stream *st)
{
	int64_t now = monotime_ms();
	int timeout = st->s->ctx->config->wal_sender_timeout_ms;
	int source = source_timeout_ms(feed_source(st->feed));
	bool pending = client_pending(&st->s->client);
	int held = feed_hold_ms(st->feed);
	int64_t due = INT32_MAX;

	/* there is no asking while the socket is full */
	if (timeout > 0)
		due =
			Min(due, st->heard_ms +
						 (st->pinged || pending ? timeout : timeout / 2) - now);
	if (source >= 0 && wants_wal(st))
		due = Min(due, source);
	if (held >= 0 && !pending && !st->scope_pending)
		due = Min(due, held);
	if (st->scope_pending)
		due = Min(due, st->scope_retry_ms - now);
	if (st->draining)
		due = Min(due, DRAIN_PING_MS);
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

/* next_tli and next_tli_startpos (protocol docs, START_REPLICATION). */
static void
put_next_timeline(Stream *st)
{
	static const MessageColumn columns[] = {
		{"next_tli", TYPE_INT8, 8},
		{"next_tli_startpos", TYPE_TEXT, -1},
	};
	Buf *out = client_out(&st->s->client);
	MessageValue values[2];
	char tli_text[16];
	char start_text[LSN_TEXT_SIZE];
	TimeLineId tli;
	Lsn start;

	source_next_timeline(feed_source(st->feed), &tli, &start);
	snprintf(tli_text, sizeof(tli_text), "%u", tli);
	snprintf(start_text, sizeof(start_text), LSN_FORMAT, LSN_ARGS(start));
	values[0] = message_value(tli_text);
	values[1] = message_value(start_text);
	message_row_description(out, columns, lengthof(columns));
	message_data_row(out, values, lengthof(values));
}

/*
 * For a timeline that the ring is not on: has it ended right there, or may it not
 * be had at all?  Both have to be known before COPY mode begins.
 */
static SourceStatus
probe(Stream *st, ErrInfo *err)
{
	int64_t deadline =
		monotime_ms() + st->s->ctx->config->authentication_timeout_ms;
	SourceStatus status;

	while ((status = source_probe(feed_source(st->feed), st->start, err)) ==
		   SOURCE_WAIT)
	{
		short events;
		int fd = source_fd(feed_source(st->feed), &events);

		if (signals_stop_requested() || signals_drain_requested())
			session_shutdown(st->s);
		/* what it says is for later, but must not keep us awake */
		client_fill(&st->s->client);
		if (st->s->client.gone)
			session_end(st->s);
		if (monotime_ms() >= deadline)
		{
			errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"timeline %u is not at hand, and the upstream cannot be "
				"reached",
				st->tli);
			return SOURCE_FAILED;
		}
		client_wait(&st->s->client, fd, events,
			source_timeout_ms(feed_source(st->feed)));
		board_sleep_end();
	}
	return status;
}

/* The answer when COPY mode is over, or was never entered. */
static void
finish(Stream *st, StreamEnd end, const ErrInfo *err)
{
	Buf *out = client_out(&st->s->client);

	if (end == STREAM_FAILED)
	{
		session_error(st->s, err);
		return;
	}
	if (end == STREAM_CLIENT_DONE)
		message_copy_done(out);
	else
		put_next_timeline(st);
	/* A server sends both tags. */
	message_command_complete(out, "START_STREAMING");
	message_command_complete(out, replcmd_name(REPLCMD_START_PHYSICAL));
}

/* All of it between the command and its answer. */
static void
run(Stream *st, bool filtered)
{
	StreamEnd end = STREAM_FAILED;
	ErrInfo err;

	switch (probe(st, &err))
	{
		case SOURCE_OK:
			message_copy_both(client_out(&st->s->client));
			log_msg(LOG_LOG,
				"standby joined at " LSN_FORMAT " on timeline %u under rule "
				"\"%s\"%s%s",
				LSN_ARGS(st->start), st->tli, st->s->rule->name,
				filtered ? ", filtered" : "",
				st->s->rule->send_delay_ms > 0 ? ", delayed" : "");
			end = stream_loop(st, &err);
			log_msg(LOG_LOG, "stream ended at " LSN_FORMAT, LSN_ARGS(st->sent));
			break;
		case SOURCE_END_OF_TIMELINE:
			end = STREAM_TIMELINE_END;
			break;
		default:
			break;
	}
	/* The WAL that is queued lies in memory that goes away. */
	if (!client_flush_wait(&st->s->client,
			Max(st->s->ctx->config->wal_sender_timeout_ms, GOODBYE_MS)))
		session_end(st->s);
	finish(st, end, &err);
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
		.state = CELL_CATCHUP,
		.start = command->start,
		.sent = command->start,
		.blanked_before = s->status.blanked_bytes,
		.heard_ms = monotime_ms(),
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
	/* from here on WAL is needed */
	reply_begin(s, st.tli, st.sent);
	session_set_state(s, st.state);
	session_push_end(s, on_end, st.feed);
	run(&st, filtered);
	session_pop_end(s);
	feed_finish(st.feed);
	feed_free(st.feed);
	reply_forget(s);
}
