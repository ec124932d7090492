/*
 * pgconn.c
 *		Connections to the upstream.  See pgconn.h.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/pgconn.h"
#include "process/signals.h"
#include "util/monotime.h"

#define CONNECT_TIMEOUT "10"
#define PARAMS_MAX 64

/* libpq's arrays of key words and values; values are borrowed. */
typedef struct Params
{
	const char *keywords[PARAMS_MAX + 1];
	const char *values[PARAMS_MAX + 1];
	int count;
	PQconninfoOption *options; /* owns the values of the conninfo */
	char *conninfo;
} Params;

static void
params_set(Params *p, const char *keyword, const char *value)
{
	int i = 0;

	while (i < p->count && strcmp(p->keywords[i], keyword) != 0)
		i++;
	if (i == PARAMS_MAX)
		return;
	p->keywords[i] = keyword;
	p->values[i] = value;
	if (i == p->count)
		p->count++;
}

static bool
params_has(const Params *p, const char *keyword)
{
	for (int i = 0; i < p->count; i++)
	{
		if (strcmp(p->keywords[i], keyword) == 0)
			return true;
	}
	return false;
}

static void
params_clear(Params *p)
{
	PQconninfoFree(p->options);
	free(p->conninfo);
}

static bool
params_build(Params *p, const Config *config, PgConnKind kind,
	const char *application, bool force_application, const Facts *pin,
	ErrInfo *err)
{
	char *why = NULL;

	memset(p, 0, sizeof(*p));
	p->conninfo = config_upstream_conninfo(config);
	p->options = PQconninfoParse(p->conninfo, &why);
	if (p->options == NULL)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"invalid upstream.conninfo: %s",
			why != NULL ? why : "out of memory");
		PQfreemem(why);
		free(p->conninfo);
		return false;
	}
	for (PQconninfoOption *o = p->options; o->keyword != NULL; o++)
	{
		if (o->val != NULL && o->val[0] != '\0')
			params_set(p, o->keyword, o->val);
	}
	if (pin != NULL && facts_has_place(pin))
	{
		params_set(p, "host", pin->host);
		params_set(p, "hostaddr", pin->hostaddr);
		params_set(p, "port", pin->port);
	}
	/* "replication" is what .pgpass calls the database of such a connection */
	params_set(p, "dbname",
		kind == PGCONN_REPLICATION ? "replication"
								   : config->upstream_catalog_database);
	params_set(p, "replication", kind == PGCONN_REPLICATION ? "true" : "false");
	params_set(p,
		force_application ? "application_name" : "fallback_application_name",
		application);
	if (!params_has(p, "connect_timeout") &&
		getenv("PGCONNECT_TIMEOUT") == NULL && !params_has(p, "service"))
		params_set(p, "connect_timeout", CONNECT_TIMEOUT);
	return true;
}

/* The i-th of a comma-separated list; "" if it is shorter. */
static void
copy_item(const char *list, int i, char *dst, size_t size)
{
	dst[0] = '\0';
	while (list != NULL && i > 0)
	{
		list = strchr(list, ',');
		list = list != NULL ? list + 1 : NULL;
		i--;
	}
	if (list != NULL)
		snprintf(dst, size, "%.*s", (int) strcspn(list, ","), list);
}

static int
count_items(const char *list)
{
	int n = list != NULL && list[0] != '\0' ? 1 : 0;

	for (; list != NULL && *list != '\0'; list++)
		n += *list == ',' ? 1 : 0;
	return n;
}

bool
pgconn_host_at(const Config *config, int i, Facts *pin)
{
	char *conninfo = config_upstream_conninfo(config);
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	const char *host = NULL;
	const char *hostaddr = NULL;
	const char *port = NULL;
	int count;

	free(conninfo);
	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
	{
		if (strcmp(o->keyword, "host") == 0)
			host = o->val;
		else if (strcmp(o->keyword, "hostaddr") == 0)
			hostaddr = o->val;
		else if (strcmp(o->keyword, "port") == 0)
			port = o->val;
	}
	count = Max(count_items(host), count_items(hostaddr));
	copy_item(host, i, pin->host, sizeof(pin->host));
	copy_item(hostaddr, i, pin->hostaddr, sizeof(pin->hostaddr));
	/* one port is that of all hosts (libpq, conninfo_options2) */
	copy_item(
		port, count_items(port) > 1 ? i : 0, pin->port, sizeof(pin->port));
	PQconninfoFree(options);
	return count > 1 && i < count;
}

/*
 * The lines of libpq's message, behind each other.  One with a tab in front of it
 * asks whether the server is running, or thinks that it has crashed.
 */
static void
copy_lines(char *dst, size_t size, const char *src)
{
	size_t len = 0;

	dst[0] = '\0';
	for (size_t n; *src != '\0'; src += n + (src[n] == '\n'))
	{
		n = strcspn(src, "\n");
		if (n == 0 || *src == '\t' || len >= size)
			continue;
		len += (size_t) snprintf(
			dst + len, size - len, "%s%.*s", len > 0 ? "; " : "", (int) n, src);
	}
}

void
pgconn_error(
	PGconn *conn, const PGresult *result, const char *what, ErrInfo *err)
{
	const char *sqlstate = NULL;
	const char *message = NULL;
	char text[sizeof(err->message)];

	if (result != NULL)
	{
		const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
		const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

		sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		if (message == NULL)
			message = PQresultErrorMessage(result);
		errinfo_clear(err);
		copy_lines(text, sizeof(text), message);
		errinfo_set(err,
			sqlstate != NULL ? sqlstate : SQLSTATE_CONNECTION_FAILURE, "%s: %s",
			what, text[0] != '\0' ? text : "unexpected answer");
		if (detail != NULL)
			errinfo_detail(err, "%s", detail);
		if (hint != NULL)
			errinfo_hint(err, "%s", hint);
		return;
	}
	copy_lines(text, sizeof(text),
		conn != NULL ? PQerrorMessage(conn) : "out of memory");
	errinfo_set(err, SQLSTATE_CONNECTION_FAILURE, "%s: %s", what,
		text[0] != '\0' ? text : "connection lost");
}

/* PQconnectStartParams() or PQconnectdbParams() */
typedef PGconn *(*Connect)(
	const char *const *keywords, const char *const *values, int expand_dbname);

static PGconn *
connect_by(Connect connect_params, const Config *config, PgConnKind kind,
	const char *application, bool force_application, const Facts *pin,
	ErrInfo *err)
{
	Params p;
	PGconn *conn;

	if (!params_build(
			&p, config, kind, application, force_application, pin, err))
		return NULL;
	/* both look names up, and wait for that */
	signals_exit_at_once(true);
	conn = connect_params(p.keywords, p.values, 0);
	signals_exit_at_once(false);
	params_clear(&p);
	if (conn == NULL || PQstatus(conn) == CONNECTION_BAD)
	{
		pgconn_error(conn, NULL, "could not connect to upstream", err);
		PQfinish(conn);
		return NULL;
	}
	return conn;
}

PGconn *
pgconn_start(const Config *config, PgConnKind kind, const char *application,
	bool force_application, const Facts *pin, ErrInfo *err)
{
	return connect_by(PQconnectStartParams, config, kind, application,
		force_application, pin, err);
}

PostgresPollingStatusType
pgconn_poll(PGconn *conn)
{
	PostgresPollingStatusType status;

	/* the name of the next host, if there are several */
	signals_exit_at_once(true);
	status = PQconnectPoll(conn);
	signals_exit_at_once(false);
	return status;
}

PGconn *
pgconn_connect(const Config *config, PgConnKind kind, const char *application,
	bool force_application, const Facts *pin, ErrInfo *err)
{
	return connect_by(PQconnectdbParams, config, kind, application,
		force_application, pin, err);
}

bool
pgconn_wait(PGconn *conn, int64_t deadline_ms, ErrInfo *err)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
	int64_t left = deadline_ms - monotime_ms();
	int unsent = PQflush(conn);

	if (unsent < 0)
		goto failed;
	if (unsent > 0)
		fd.events |= POLLOUT;
	if (left <= 0)
		return errinfo_set(
			err, SQLSTATE_CONNECTION_FAILURE, "upstream does not answer");
	if (signals_stop_requested())
		return errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
			"walbouncer stops before upstream has answered");
	if (signals_poll(&fd, 1, (int) left) < 0 && errno != EINTR)
		return errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
			"could not wait for upstream: %m");
	if ((fd.revents & (POLLIN | POLLERR | POLLHUP)) &&
		PQconsumeInput(conn) == 0)
		goto failed;
	return true;

failed:
	pgconn_error(conn, NULL, "lost connection to upstream", err);
	return false;
}

/* Until a result can be fetched without waiting. */
static bool
wait_for_result(PGconn *conn, int64_t deadline, ErrInfo *err)
{
	while (PQisBusy(conn))
	{
		if (!pgconn_wait(conn, deadline, err))
			return false;
	}
	return true;
}

PGresult *
pgconn_next_result(PGconn *conn, int timeout_ms, ErrInfo *err)
{
	errinfo_clear(err);
	if (!wait_for_result(conn, monotime_ms() + timeout_ms, err))
		return NULL;
	return PQgetResult(conn);
}

/* Let a failed command come to its end, so that there can be another one. */
static void
finish_command(PGconn *conn, int64_t deadline)
{
	ErrInfo ignored;
	PGresult *result;

	while (wait_for_result(conn, deadline, &ignored) &&
		   (result = PQgetResult(conn)) != NULL)
		PQclear(result);
}

PGresult *
pgconn_exec(PGconn *conn, const char *command, int timeout_ms, ErrInfo *err)
{
	int64_t deadline = monotime_ms() + timeout_ms;
	PGresult *first = NULL;

	if (PQsendQuery(conn, command) == 0)
	{
		pgconn_error(conn, NULL, "could not send to upstream", err);
		return NULL;
	}
	for (;;)
	{
		PGresult *result;

		if (!wait_for_result(conn, deadline, err))
			break;
		result = PQgetResult(conn);
		if (result == NULL)
		{
			if (first != NULL)
				return first;
			pgconn_error(conn, NULL, "no answer from upstream", err);
			return NULL;
		}
		switch (PQresultStatus(result))
		{
			case PGRES_COPY_BOTH:
			case PGRES_COPY_OUT:
				PQclear(first);
				return result;
			case PGRES_TUPLES_OK:
			case PGRES_COMMAND_OK:
				if (first == NULL)
					first = result;
				else
					PQclear(result);
				break;
			default:
				pgconn_error(conn, result, "upstream", err);
				PQclear(result);
				finish_command(conn, deadline);
				goto failed;
		}
	}
failed:
	PQclear(first);
	return NULL;
}
