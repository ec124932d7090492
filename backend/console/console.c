/*
 * console.c
 *		An operator's session.  See console.h.
 *
 * What a message asks for is done before the next one is looked at, and what is
 * queued for the client is bounded: it has to read before it is answered more.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "console/console.h"
#include "console/query.h"
#include "pq/message.h"
#include "process/signals.h"
#include "shm/control.h"
#include "util/log.h"
#include "util/monotime.h"

/* What may wait to be sent before we wait for the client to take it. */
#define OUT_HIGH (256 * 1024)
/* A client that takes nothing for so long is given up. */
#define SEND_TIMEOUT_MS 60000
/* How often what is waited for is looked at. */
#define WAIT_STEP_MS 50
/* The answer to SHUTDOWN goes out before that begins. */
#define LAST_ANSWER_MS 2000

static Console console;

void
console_notice(Console *c, const char *severity, const ErrInfo *what)
{
	message_notice(client_out(&c->session->client), severity, what);
}

/* An operator has been told; the log is to know of what was tried, not of typing. */
static void
put_error(Console *c, const ErrInfo *err)
{
	if (strncmp(err->sqlstate, "42", 2) != 0 ||
		strcmp(err->sqlstate, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0)
		log_err(LOG_ERROR, err);
	message_error(client_out(&c->session->client), "ERROR", err);
	if (c->transaction == CONSOLE_IN_TRANSACTION)
		c->transaction = CONSOLE_FAILED;
}

/* ---- waiting ---- */

/* Told to stop: end.  False, with err, if told to cancel. */
static bool
look_at_signals(Console *c, ErrInfo *err)
{
	if (signals_stop_requested() || signals_drain_requested())
	{
		if (c->has_stopped)
			session_end(c->session); /* it knows why */
		session_shutdown(c->session);
	}
	return !signals_take_cancel() ||
		   errinfo_set(err, SQLSTATE_QUERY_CANCELED,
			   "canceling statement due to user request");
}

/* Until the client's socket is ready for events, or somebody wakes us. */
static void
wait_once(Console *c, short events, int timeout_ms)
{
	struct pollfd fds[2] = {
		{.fd = board_wake_fd(), .events = POLLIN},
		{.fd = c->session->client.fd, .events = events},
	};

	if (poll(fds, lengthof(fds), timeout_ms) < 0 && errno != EINTR)
		c->session->client.gone = true;
	/* what it has said waits in the socket; that it has left is not to wait */
	if (fds[1].revents & (POLLRDHUP | POLLHUP | POLLERR))
		c->session->client.gone = true;
	board_sleep_end();
	log_reopen_if_requested();
}

bool
console_wait(Console *c, bool (*done)(void *arg), void *arg, int timeout_ms,
	bool *in_time, ErrInfo *err)
{
	int64_t deadline = monotime_ms() + timeout_ms;

	for (;;)
	{
		int64_t left = deadline - monotime_ms();

		*in_time = done(arg);
		if (*in_time || left <= 0)
			return true;
		if (!look_at_signals(c, err))
			return false;
		if (c->session->client.gone)
			session_end(c->session);
		wait_once(c, POLLRDHUP, (int) Min(left, WAIT_STEP_MS));
	}
}

bool
console_drain(Console *c, ErrInfo *err)
{
	Client *client = &c->session->client;
	int64_t deadline = monotime_ms() + SEND_TIMEOUT_MS;
	size_t before = client->out_pos;

	if (client->out.len - client->out_pos < OUT_HIGH)
		return true;
	for (;;)
	{
		client_flush(client);
		if (client->gone || monotime_ms() >= deadline)
			session_end(c->session);
		if (!client_pending(client))
			return true;
		if (client->out_pos != before)
			deadline = monotime_ms() + SEND_TIMEOUT_MS;
		before = client->out_pos;
		if (!look_at_signals(c, err))
			return false;
		wait_once(c, POLLOUT, WAIT_STEP_MS);
	}
}

/* ---- messages ---- */

static void
put_ready(Console *c)
{
	Client *client = &c->session->client;

	if (c->transaction == CONSOLE_IDLE)
		prepared_drop_portals(&c->prepared);
	message_ready(client_out(client), (char) c->transaction);
	if (c->shutdown_signal == 0)
		return;
	client_flush_wait(client, LAST_ANSWER_MS);
	c->has_stopped = kill(control_supervisor_pid(), c->shutdown_signal) == 0;
	c->shutdown_signal = 0;
}

static void
take_query(Console *c, const Frame *frame)
{
	const char *text;
	ErrInfo err;

	if (!frame_query_text(frame, &text, &err))
		session_fatal(c->session, &err);
	if (!query_simple(c, text, &err))
		put_error(c, &err);
	put_ready(c);
}

static void
take_extended(Console *c, const Frame *frame)
{
	ErrInfo err;

	if (c->until_sync || query_extended(c, frame, &err))
		return;
	put_error(c, &err);
	c->until_sync = true;
}

static void
take_frame(Console *c, const Frame *frame)
{
	ErrInfo err;

	switch (frame->type)
	{
		case FRAME_TERMINATE:
			session_end(c->session);
		case FRAME_SYNC:
			c->until_sync = false;
			put_ready(c);
			return;
		case FRAME_QUERY:
			if (!c->until_sync)
				take_query(c, frame);
			return;
		case FRAME_PARSE:
		case FRAME_BIND:
		case FRAME_DESCRIBE:
		case FRAME_EXECUTE:
		case FRAME_CLOSE:
			take_extended(c, frame);
			return;
		case FRAME_FUNCTION_CALL:
			if (c->until_sync)
				return;
			errinfo_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED,
				"fastpath function calls are not supported in the console");
			put_error(c, &err);
			put_ready(c);
			return;
		case FRAME_FLUSH:
		case FRAME_COPY_DATA: /* as from a client that thinks it copies */
		case FRAME_COPY_DONE:
		case FRAME_COPY_FAIL:
			return;
		default:
			errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
				"invalid frontend message type %u", frame->type);
			session_fatal(c->session, &err);
	}
}

static void
refresh_config(Console *c)
{
	Config *previous;

	if (child_refresh_config(c->session->ctx, &previous))
		config_free(previous);
}

void
console_run(Session *s)
{
	Console *c = &console;
	ErrInfo err;

	*c = (Console){.session = s, .transaction = CONSOLE_IDLE};
	put_ready(c);
	for (;;)
	{
		Frame frame;

		while (!console_drain(c, &err))
			; /* there is nothing left to be cancelled */
		client_flush(&s->client);
		client_fill(&s->client);
		if (!look_at_signals(c, &err))
			continue;
		refresh_config(c);
		if (session_next_frame(s, &frame))
			take_frame(c, &frame);
	}
}
