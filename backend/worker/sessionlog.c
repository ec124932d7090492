/*
 * sessionlog.c
 *		Who comes and goes, for the log.  See sessionlog.h.
 */
#include "base.h"

#include <stdio.h>

#include "util/log.h"
#include "util/monotime.h"
#include "util/net.h"
#include "worker/sessionlog.h"

#define PEER_SIZE (NET_HOST_SIZE + 32)

/* "host=192.0.2.1 port=41234", "host=[local]" */
static const char *
format_peer(const Session *s, char text[PEER_SIZE])
{
	char host[NET_HOST_SIZE];
	int port;

	net_split((const struct sockaddr *) &s->peer, host, &port);
	if (port < 0)
		snprintf(text, PEER_SIZE, "host=%s", host);
	else
		snprintf(text, PEER_SIZE, "host=%s port=%d", host, port);
	return text;
}

void
sessionlog_named(const Session *s)
{
	char host[NET_HOST_SIZE];
	int port;

	net_split((const struct sockaddr *) &s->peer, host, &port);
	log_set_client(s->user, s->application_name, host, port);
}

void
sessionlog_received(const Session *s)
{
	char peer[PEER_SIZE];

	log_set_role("worker");
	sessionlog_named(s);
	if (s->ctx->config->log_connections)
		log_msg(LOG_LOG, "connection received: %s", format_peer(s, peer));
}

void
sessionlog_authorized(const Session *s)
{
	if (!s->ctx->config->log_connections)
		return;
	if (s->rule == NULL)
		log_msg(LOG_LOG,
			"console connection authorized: user=%s application_name=%s",
			s->user, s->application_name);
	else
		log_msg(LOG_LOG,
			"replication connection authorized: user=%s application_name=%s "
			"rule=%s",
			s->user, s->application_name, s->rule->name);
}

void
sessionlog_ended(const Session *s)
{
	int64_t ms = monotime_ms() - s->began_ms;
	char peer[PEER_SIZE];

	if (s->ctx->config->log_disconnections)
		log_msg(LOG_LOG,
			"disconnection: session time: %d:%02d:%02d.%03d user=%s "
			"application_name=%s %s",
			(int) (ms / 3600000), (int) (ms / 60000 % 60),
			(int) (ms / 1000 % 60), (int) (ms % 1000), s->user,
			s->application_name, format_peer(s, peer));
}
