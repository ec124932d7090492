/*
 * session.c
 *		One client's session.  See session.h.
 */
#include "base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "console/admit.h"
#include "exitcode.h"
#include "pq/message.h"
#include "process/signals.h"
#include "process/title.h"
#include "util/log.h"
#include "util/monotime.h"
#include "worker/lag.h"
#include "worker/places.h"
#include "worker/session.h"
#include "worker/sessionlog.h"

/* How long the last words to a client may take. */
#define GOODBYE_MS 2000
/* How often who waits for a startup packet looks whether others wait for its place. */
#define LOOK_AROUND_MS 200
/* Protocol 3.0 has room for 4 bytes of cancel key; from 3.2 on there may be more. */
#define KEY_SIZE_3_0 4

static void
update_title(const Session *s, CellState state)
{
	if (s->role != CONSOLE_ROLE_NONE)
		title_set("console %s %s", s->user, s->peer_text);
	else
		title_set("worker %s %s %s %s", s->status.rule,
			s->application_name[0] ? s->application_name : s->user,
			s->peer_text, board_state_name(state));
}

void
session_set_state(Session *s, CellState state)
{
	board_set_state(state);
	update_title(s, state);
}

static void
say_goodbye(Session *s, const char *severity, const ErrInfo *err)
{
	message_error(client_out(&s->client), severity, err);
	client_flush_wait(&s->client, GOODBYE_MS);
}

void
session_error(Session *s, const ErrInfo *err)
{
	/* it may have failed for that very reason */
	if (signals_stop_requested())
		session_shutdown(s);
	log_err(LOG_ERROR, err);
	message_error(client_out(&s->client), "ERROR", err);
}

void
session_push_end(Session *s, void (*run)(void *arg), void *arg)
{
	if (s->end_count >= SESSION_ENDS_MAX)
		log_fatal(EXITCODE_SESSION, "too many ends of a session");
	s->ends[s->end_count++] = (SessionEnd){run, arg};
}

void
session_pop_end(Session *s)
{
	s->end_count--;
}

/* The end of the process: what happens in between must not happen twice. */
static NORETURN void
end_process(Session *s, int status)
{
	while (s->end_count > 0)
	{
		SessionEnd end = s->ends[--s->end_count];

		end.run(end.arg);
	}
	if (s->authorized)
		sessionlog_ended(s);
	/* the end of a process may take a while, and takes nobody's place */
	board_set_state(CELL_STARTUP);
	exit(status);
}

void
session_fatal(Session *s, const ErrInfo *err)
{
	log_err(LOG_FATAL, err);
	say_goodbye(s, "FATAL", err);
	end_process(s, EXITCODE_SESSION);
}

void
session_end(Session *s)
{
	end_process(s, EXITCODE_OK);
}

void
session_shutdown(Session *s)
{
	ErrInfo err;

	errinfo_set(&err, SQLSTATE_ADMIN_SHUTDOWN,
		"terminating connection due to administrator command");
	say_goodbye(s, "FATAL", &err);
	end_process(s, EXITCODE_OK);
}

/* One byte in answer to a request for encryption. */
static void
refuse_encryption(Session *s)
{
	buf_put_u8(client_out(&s->client), 'N');
	client_flush(&s->client);
}

/*
 * A cancel request: the process that it names, if the key is right.  There is no
 * answer either way (protocol docs, Canceling Requests in Progress).
 */
static void
handle_cancel(Session *s, const StartupPacket *packet)
{
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if ((uint32_t) board_pid(i) != packet->cancel_pid ||
			!board_view(i, &view) || view.status.cancel_key_len == 0 ||
			view.status.cancel_key_len != packet->cancel_key_len ||
			memcmp(view.status.cancel_key, packet->cancel_key,
				packet->cancel_key_len) != 0)
			continue;
		kill(view.pid, SIGINT);
		break;
	}
	session_end(s);
}

/* For how many milliseconds to wait for a client to say who it is; ends one that is late. */
static int
startup_patience(Session *s)
{
	int silent_ms = (int) (monotime_ms() - s->began_ms);
	int left_ms = s->ctx->config->authentication_timeout_ms - silent_ms;
	ErrInfo err;

	if (left_ms <= 0)
	{
		errinfo_set(&err, SQLSTATE_QUERY_CANCELED,
			"canceling authentication due to timeout");
		session_fatal(s, &err);
	}
	if (silent_ms >= PLACES_SILENCE_MS && places_are_short(s->ctx->config))
	{
		places_error(&err);
		session_fatal(s, &err);
	}
	return Min(left_ms, LOOK_AROUND_MS);
}

/* Wait for the packet that says who it is; all others are dealt with here. */
static void
receive_startup(Session *s, StartupPacket *packet)
{
	int requests = 0;
	ErrInfo err;

	for (;;)
	{
		client_fill(&s->client);
		switch (client_next_startup(&s->client, packet, &err))
		{
			case FRAME_OK:
				if (packet->kind == STARTUP_SESSION)
					return;
				if (packet->kind == STARTUP_CANCEL)
					handle_cancel(s, packet);
				/* TLS and GSS may each be asked for once */
				if (++requests > 2)
				{
					errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
						"too many requests for encryption");
					session_fatal(s, &err);
				}
				refuse_encryption(s);
				continue;
			case FRAME_BAD:
				session_fatal(s, &err);
			case FRAME_MORE:
				break;
		}
		if (s->client.gone)
		{
			if (s->client.in.len > s->client.in_pos)
				log_msg(LOG_LOG, "incomplete startup packet");
			session_end(s);
		}
		if (signals_stop_requested() || signals_drain_requested())
			session_shutdown(s);
		client_wait(&s->client, -1, 0, startup_patience(s));
		board_sleep_end();
	}
}

/* Sessions in excess of max_connections are told so by a worker to spare. */
static void
check_connection_limit(Session *s)
{
	ErrInfo err;

	board_set_state(CELL_IDLE);
	if (!places_are_exceeded(s->ctx->config))
		return;
	/* who is turned away takes nobody's place while it goes */
	board_set_state(CELL_STARTUP);
	places_error(&err);
	session_fatal(s, &err);
}

static void
check_wants_replication(Session *s, const StartupPacket *packet)
{
	ErrInfo err;

	if (packet->replication != STARTUP_REPLICATION_NONE)
		return;
	errinfo_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		"walbouncer serves replication connections only");
	errinfo_hint(&err,
		"Connect to the upstream server itself for SQL; a standby connects "
		"with primary_conninfo, which asks for replication.  For the console "
		"ask for the database \"" CONSOLE_DATABASE "\" over a Unix socket.");
	session_fatal(s, &err);
}

/* What the rule asks of the client before it lets it in. */
static void
authenticate(Session *s)
{
	ErrInfo err;

	if (s->rule->auth == RULE_AUTH_TRUST &&
		(s->rule->allow_remote_trust ||
			net_is_local((const struct sockaddr *) &s->peer)))
		return;
	errinfo_set(&err, SQLSTATE_INVALID_AUTHORIZATION,
		"rule \"%s\" trusts only local clients, and %s is not local",
		s->rule->name, s->peer_text);
	errinfo_hint(&err,
		"Set allow_remote_trust in the rule if that network is to be trusted.");
	session_fatal(s, &err);
}

static void
find_rule(Session *s)
{
	const Config *config = s->ctx->config;
	ErrInfo err;

	s->rule = rule_match(config->rules, config->rule_count, s->user,
		s->application_name, (const struct sockaddr *) &s->peer);
	if (s->rule != NULL)
		return;
	errinfo_set(&err, SQLSTATE_INVALID_AUTHORIZATION,
		"no rule for user \"%s\", application name \"%s\", from %s", s->user,
		s->application_name, s->peer_text);
	session_fatal(s, &err);
}

static void
put_parameters(Session *s)
{
	Buf *out = client_out(&s->client);

	for (size_t i = 0; i < s->facts.parameter_count; i++)
	{
		const FactsSetting *p = &s->facts.parameters[i];
		const char *value = p->value;

		/* What is about the session is about this one, not our own upstream. */
		if (strcmp(p->name, "application_name") == 0)
			value = s->application_name;
		else if (strcmp(p->name, "session_authorization") == 0)
			value = s->user;
		else if (strcmp(p->name, "is_superuser") == 0)
			value = "off";
		message_parameter_status(out, p->name, value);
	}
}

static void
put_cancel_key(Session *s, uint32_t version)
{
	BoardStatus *status = &s->status;

	status->cancel_key_len =
		version == PROTOCOL_3_0 ? KEY_SIZE_3_0 : BOARD_KEY_SIZE;
	if (getrandom(status->cancel_key, status->cancel_key_len, 0) !=
		(ssize_t) status->cancel_key_len)
		status->cancel_key_len = 0; /* cannot be cancelled then */
	message_backend_key(client_out(&s->client), (uint32_t) getpid(),
		status->cancel_key, Max(status->cancel_key_len, KEY_SIZE_3_0));
}

static void
tell_board(Session *s)
{
	if (s->rule != NULL)
		snprintf(s->status.rule, sizeof(s->status.rule), "%s", s->rule->name);
	snprintf(s->status.user, sizeof(s->status.user), "%s", s->user);
	snprintf(s->status.application_name, sizeof(s->status.application_name),
		"%s", s->application_name);
	snprintf(s->status.peer, sizeof(s->status.peer), "%s", s->peer_text);
	board_publish(&s->status);
}

/* One that wants a stream: is there a rule, an upstream and a place? */
static void
admit_standby(Session *s, const StartupPacket *packet)
{
	ErrInfo err;

	check_wants_replication(s, packet);
	find_rule(s);
	authenticate(s);
	if (!facts_get(&s->facts))
	{
		errinfo_set(&err, SQLSTATE_CANNOT_CONNECT_NOW,
			"the upstream server has not been reached yet");
		session_fatal(s, &err);
	}
	/* last, so that one who may not come in takes nobody's place */
	check_connection_limit(s);
}

void
session_start(
	Session *s, ChildContext *ctx, int fd, const struct sockaddr_storage *peer)
{
	StartupPacket packet;

	memset(s, 0, sizeof(*s));
	s->ctx = ctx;
	s->peer = *peer;
	s->began_ms = monotime_ms();
	s->status.write_lag = LAG_UNKNOWN;
	s->status.flush_lag = LAG_UNKNOWN;
	s->status.replay_lag = LAG_UNKNOWN;
	client_init(&s->client, fd);
	net_format((const struct sockaddr *) peer, s->peer_text);
	session_set_state(s, CELL_STARTUP);
	sessionlog_received(s);
	receive_startup(s, &packet);
	snprintf(s->user, sizeof(s->user), "%s", packet.user);
	snprintf(s->application_name, sizeof(s->application_name), "%s",
		packet.application_name);
	sessionlog_named(s);
	if (admit_is_console(&packet))
		admit_operator(s);
	else
		admit_standby(s, &packet);
	if (packet.negotiate)
		message_negotiate_version(client_out(&s->client), packet.version,
			packet.extensions, packet.extension_count);
	message_auth_ok(client_out(&s->client));
	if (s->role != CONSOLE_ROLE_NONE)
		admit_put_parameters(s);
	else
		put_parameters(s);
	put_cancel_key(s, packet.version);
	tell_board(s);
	s->authorized = true;
	sessionlog_authorized(s);
}

bool
session_next_frame(Session *s, Frame *frame)
{
	ErrInfo err;

	switch (client_next_frame(&s->client, frame, &err))
	{
		case FRAME_OK:
			return true;
		case FRAME_BAD:
			session_fatal(s, &err);
		case FRAME_MORE:
			break;
	}
	if (s->client.gone)
		session_end(s);
	client_wait(&s->client, -1, 0, -1);
	board_sleep_end();
	return false;
}

void
session_rematch(Session *s, Config *previous)
{
	const Config *config = s->ctx->config;
	const Rule *rule = rule_match(config->rules, config->rule_count, s->user,
		s->application_name, (const struct sockaddr *) &s->peer);
	Config *home = s->rule_home != NULL ? s->rule_home : previous;

	if (rule == NULL)
	{
		if (previous != home)
			config_free(previous);
		s->rule_home = home;
		log_msg(LOG_WARNING,
			"no rule fits this standby any more; it keeps rule \"%s\" until it "
			"reconnects",
			s->rule->name);
		return;
	}
	s->rule = rule;
	s->rule_home = NULL;
	tell_board(s);
	if (previous != home)
		config_free(previous);
	config_free(home);
}
