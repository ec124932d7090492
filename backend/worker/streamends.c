/*
 * streamends.c
 *		Both ends of a stream.  See streamends.h.
 */
#include "base.h"

#include <stdio.h>

#include "pq/message.h"
#include "pq/replcmd.h"
#include "process/signals.h"
#include "util/log.h"
#include "util/monotime.h"
#include "worker/streamends.h"

/* How long the end of a stream may take at shutdown. */
#define GOODBYE_MS 2000

SourceStatus
streamends_probe(
	Session *s, Source *source, TimeLineId tli, Lsn start, ErrInfo *err)
{
	int64_t deadline =
		monotime_ms() + s->ctx->config->authentication_timeout_ms;
	SourceStatus status;

	while ((status = source_probe(source, start, err)) == SOURCE_WAIT)
	{
		short events;
		int fd = source_fd(source, &events);

		if (signals_stop_requested() || signals_drain_requested())
			session_shutdown(s);
		/* what it says is for later, but must not keep us awake */
		client_fill(&s->client);
		if (s->client.gone)
			session_end(s);
		if (monotime_ms() >= deadline)
		{
			errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"timeline %u is not at hand, and the upstream cannot be "
				"reached",
				tli);
			return SOURCE_FAILED;
		}
		client_wait(&s->client, fd, events, source_timeout_ms(source));
		board_sleep_end();
	}
	return status;
}

/* next_tli and next_tli_startpos (protocol docs, START_REPLICATION). */
static void
put_next_timeline(Session *s, const Source *source)
{
	static const MessageColumn columns[] = {
		{"next_tli", TYPE_INT8, 8},
		{"next_tli_startpos", TYPE_TEXT, -1},
	};
	Buf *out = client_out(&s->client);
	MessageValue values[2];
	char tli_text[16];
	char start_text[LSN_TEXT_SIZE];
	TimeLineId tli;
	Lsn start;

	source_next_timeline(source, &tli, &start);
	snprintf(tli_text, sizeof(tli_text), "%u", tli);
	snprintf(start_text, sizeof(start_text), LSN_FORMAT, LSN_ARGS(start));
	values[0] = message_value(tli_text);
	values[1] = message_value(start_text);
	message_row_description(out, columns, lengthof(columns));
	message_data_row(out, values, lengthof(values));
}

void
streamends_answer(
	Session *s, const Source *source, StreamEnd end, const ErrInfo *err)
{
	Buf *out = client_out(&s->client);

	if (end == STREAM_FAILED)
	{
		session_error(s, err);
		return;
	}
	if (end == STREAM_CLIENT_DONE)
		message_copy_done(out);
	else
		put_next_timeline(s, source);
	/* A server sends both tags. */
	message_command_complete(out, "START_STREAMING");
	message_command_complete(out, replcmd_name(REPLCMD_START_PHYSICAL));
}

/*
 * As a server does: CommandComplete without CopyDone if it shuts down (walsender.c,
 * WalSndDone), an error if an operator has ended this stream alone.
 */
void
streamends_shut_down(Session *s, Lsn sent)
{
	Client *client = &s->client;

	if (signals_killed())
	{
		log_msg(LOG_LOG, "stream ended at " LSN_FORMAT ", by an operator",
			LSN_ARGS(sent));
		session_shutdown(s);
	}
	if (client_flush_wait(client, GOODBYE_MS))
	{
		message_command_complete(client_out(client), "COPY 0");
		client_flush_wait(client, GOODBYE_MS);
	}
	log_msg(LOG_LOG, "stream ended at " LSN_FORMAT ", shutting down",
		LSN_ARGS(sent));
	session_end(s);
}

void
streamends_left(Session *s, Lsn sent)
{
	log_msg(LOG_LOG, "standby left at " LSN_FORMAT, LSN_ARGS(sent));
	session_end(s);
}
