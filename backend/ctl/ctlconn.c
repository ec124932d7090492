/*
 * ctlconn.c
 *		The connection to the console.  See ctlconn.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctlconn.h"
#include "ctl/instance.h"
#include "util/mem.h"

#define DATABASE "walbouncer"
#define CONNECT_TIMEOUT "10"
#define PORT_DEFAULT "5433"

/* Both malloc'd. */
typedef struct Address
{
	char *host;
	char *port;
} Address;

static bool
note_address(const Instance *instance, const PidNote *note, Address *address,
	ErrInfo *err)
{
	if (note->port == NULL || note->socket_directory == NULL)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"PID file \"%s\" does not say where the server listens",
			instance->pid_file);
	if (note->socket_directory[0] == '\0')
	{
		errinfo_set(err, SQLSTATE_CANNOT_CONNECT,
			"the server has no socket for its console");
		return errinfo_hint(
			err, "Set \"control_socket_directory\" or \"state_directory\".");
	}
	address->host = mem_strdup(note->socket_directory);
	address->port = mem_strdup(note->port);
	return true;
}

/* As the pid file of the one that runs says. */
static bool
find_address(const CtlArgs *args, Address *address, ErrInfo *err)
{
	Instance instance;
	InstanceState state;
	PidNote note = {0};
	bool ok = instance_open(args, &instance, err) &&
			  instance_look(instance.pid_file, &state, &note, err);

	if (ok && state != INSTANCE_RUNNING)
	{
		ok = errinfo_set(err, SQLSTATE_CANNOT_CONNECT, "no server running");
		errinfo_detail(err,
			state == INSTANCE_STALE ? "PID file \"%s\" is stale."
									: "PID file \"%s\" does not exist.",
			instance.pid_file);
	}
	ok = ok && note_address(&instance, &note, address, err);
	pidnote_clear(&note);
	instance_close(&instance);
	return ok;
}

static bool
choose_address(const CtlArgs *args, Address *address, ErrInfo *err)
{
	if (args->host != NULL)
	{
		address->host = mem_strdup(args->host);
		address->port =
			mem_strdup(args->port != NULL ? args->port : PORT_DEFAULT);
		return true;
	}
	if (!find_address(args, address, err))
		return false;
	if (args->port != NULL)
	{
		free(address->port);
		address->port = mem_strdup(args->port);
	}
	return true;
}

/* The text behind "LABEL:  ", or NULL. */
static const char *
behind_label(const char *line, const char *label)
{
	size_t len = strlen(label);

	if (strncmp(line, label, len) != 0)
		return NULL;
	return line + len + strspn(line + len, " ");
}

/*
 * libpq's text has several lines, among them those of the server's error (libpq
 * gives no result of a connection that failed).  Of others, the last is kept.
 */
static bool
connection_error(PGconn *conn, ErrInfo *err)
{
	char *text = mem_strdup(PQerrorMessage(conn));
	char *rest = NULL;
	char *line = strtok_r(text, "\n", &rest);

	errinfo_set(err, SQLSTATE_CANNOT_CONNECT, "%s",
		line != NULL ? line : "connection lost");
	while (line != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL)
	{
		const char *hint = behind_label(line, "HINT:");
		const char *detail = behind_label(line, "DETAIL:");

		line += strspn(line, " \t");
		if (hint != NULL)
			errinfo_hint(err, "%s", hint);
		else
			errinfo_detail(err, "%s", detail != NULL ? detail : line);
	}
	free(text);
	return false;
}

static void
on_notice(void *arg UNUSED, const char *text)
{
	fputs(text, stderr);
}

PGconn *
ctlconn_open(const CtlArgs *args, ErrInfo *err)
{
	Address address = {NULL, NULL};
	const char *keywords[] = {"host", "port", "user", "dbname",
		"application_name", "connect_timeout", "client_encoding", NULL};
	PGconn *conn;

	if (!choose_address(args, &address, err))
		return NULL;
	{
		const char *values[] = {address.host, address.port, args->user,
			DATABASE, "walbouncerctl", CONNECT_TIMEOUT, "UTF8", NULL};

		conn = PQconnectdbParams(keywords, values, 0);
	}
	free(address.host);
	free(address.port);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		connection_error(conn, err);
		PQfinish(conn);
		return NULL;
	}
	PQsetNoticeProcessor(conn, on_notice, NULL);
	return conn;
}

static bool
result_error(PGconn *conn, const PGresult *result, ErrInfo *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

	/* of libpq itself: the connection is gone */
	if (sqlstate == NULL || message == NULL)
		return connection_error(conn, err);
	errinfo_set(err, sqlstate, "%s", message);
	if (detail != NULL)
		errinfo_detail(err, "%s", detail);
	if (hint != NULL)
		errinfo_hint(err, "%s", hint);
	return false;
}

PGresult *
ctlconn_run(PGconn *conn, const char *statement, ErrInfo *err)
{
	PGresult *result = PQexec(conn, statement);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	result_error(conn, result, err);
	PQclear(result);
	return NULL;
}
