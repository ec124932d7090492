/*
 * pqextended.c
 *		The console by libpq's extended protocol, for a TAP file:
 *
 *		pqextended CONNINFO
 *
 * Each line is what came of one way to ask.
 */
#include "base.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_result(const char *what, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	int rows = PQntuples(result);

	printf("%s: %s", what, PQresStatus(PQresultStatus(result)));
	if (sqlstate != NULL)
		printf(" %s", sqlstate);
	else
		printf(" \"%s\" %d rows", PQcmdStatus((PGresult *) (uintptr_t) result),
			rows);
	if (rows == 1 && PQnfields(result) == 1)
	{
		printf(" format %d", PQfformat(result, 0));
		for (int i = 0; i < PQgetlength(result, 0, 0); i++)
			printf(" %02x", (unsigned char) PQgetvalue(result, 0, 0)[i]);
	}
	printf("\n");
}

static void
take(const char *what, PGresult *result)
{
	print_result(what, result);
	PQclear(result);
}

static void
ask(PGconn *conn, const char *what, const char *command, int format)
{
	take(what, PQexecParams(conn, command, 0, NULL, NULL, NULL, NULL, format));
}

static void
single_rows(PGconn *conn)
{
	PGresult *result;
	int rows = 0;

	if (PQsendQueryParams(conn, "SHOW HELP", 0, NULL, NULL, NULL, NULL, 0) ==
			0 ||
		PQsetSingleRowMode(conn) == 0)
		exit(1);
	while ((result = PQgetResult(conn)) != NULL)
	{
		rows += PQresultStatus(result) == PGRES_SINGLE_TUPLE ? 1 : 0;
		PQclear(result);
	}
	printf("single rows: %s\n", rows > 10 ? "many" : "few");
}

/* The error in the middle ends what is behind it, up to the next Sync. */
static void
pipeline(PGconn *conn)
{
	static const char *const commands[] = {
		"SHOW VERSION", "bogus", "SHOW RING", NULL, "SELECT 1", NULL};

	if (PQenterPipelineMode(conn) == 0)
		exit(1);
	for (size_t i = 0; i < lengthof(commands); i++)
	{
		if (commands[i] == NULL ? !PQpipelineSync(conn)
								: !PQsendQueryParams(conn, commands[i], 0, NULL,
									  NULL, NULL, NULL, 0))
			exit(1);
	}
	for (size_t i = 0; i < lengthof(commands); i++)
	{
		PGresult *result;

		while ((result = PQgetResult(conn)) != NULL)
		{
			bool is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

			printf("pipeline: %s\n", PQresStatus(PQresultStatus(result)));
			PQclear(result);
			if (is_sync)
				break;
		}
	}
	if (PQexitPipelineMode(conn) == 0)
		exit(1);
}

int
main(int argc, char **argv)
{
	PGconn *conn = PQconnectdb(argc == 2 ? argv[1] : "");

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		return 1;
	}
	ask(conn, "text", "SELECT 4711", 0);
	ask(conn, "binary", "SELECT 4711", 1);
	ask(conn, "standbys in binary", "SHOW STANDBYS", 1);
	ask(conn, "error", "SHOW bogus", 0);
	ask(conn, "parameter", "KILL $1", 0);
	ask(conn, "no answer", "SET x TO y", 0);
	ask(conn, "empty", "", 0);
	take("prepare", PQprepare(conn, "s", "SELECT 'x'", 0, NULL));
	take("describe", PQdescribePrepared(conn, "s"));
	take("execute", PQexecPrepared(conn, "s", 0, NULL, NULL, NULL, 0));
	take("again", PQexecPrepared(conn, "s", 0, NULL, NULL, NULL, 1));
	take("deallocate", PQexec(conn, "DEALLOCATE s"));
	take("gone", PQexecPrepared(conn, "s", 0, NULL, NULL, NULL, 0));
	pipeline(conn);
	single_rows(conn);
	ask(conn, "at the end", "SELECT 1", 0);
	PQfinish(conn);
	return 0;
}
