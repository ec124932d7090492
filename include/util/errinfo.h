/*
 * errinfo.h
 *		An error on its way from the place that found it to the place that
 *		knows what it means.  common/ fills one in and returns; backend/ decides
 *		whether it is logged, sent to a standby, or both.
 *
 * The parts are those of PostgreSQL's ereport(): message (lower case, no full
 * stop), detail and hint (full sentences).  Texts too long are cut, never lost.
 */
#ifndef UTIL_ERRINFO_H
#define UTIL_ERRINFO_H

#include "base.h"

#include <stdio.h>

/* The SQLSTATEs that we use, by PostgreSQL's names (errcodes.txt). */
#define SQLSTATE_WARNING "01000"
#define SQLSTATE_CONNECTION_FAILURE "08006"
#define SQLSTATE_CANNOT_CONNECT "08001"
#define SQLSTATE_PROTOCOL_VIOLATION "08P01"
#define SQLSTATE_FEATURE_NOT_SUPPORTED "0A000"
#define SQLSTATE_INVALID_PARAMETER_VALUE "22023"
#define SQLSTATE_ACTIVE_TRANSACTION "25001"
#define SQLSTATE_NO_ACTIVE_TRANSACTION "25P01"
#define SQLSTATE_FAILED_TRANSACTION "25P02"
#define SQLSTATE_UNDEFINED_PSTATEMENT "26000"
#define SQLSTATE_INVALID_AUTHORIZATION "28000"
#define SQLSTATE_UNDEFINED_CURSOR "34000"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"
#define SQLSTATE_SYNTAX_ERROR "42601"
#define SQLSTATE_INVALID_NAME "42602"
#define SQLSTATE_NAME_TOO_LONG "42622"
#define SQLSTATE_UNDEFINED_OBJECT "42704"
#define SQLSTATE_DUPLICATE_OBJECT "42710"
#define SQLSTATE_DUPLICATE_CURSOR "42P03"
#define SQLSTATE_DUPLICATE_PSTATEMENT "42P05"
#define SQLSTATE_TOO_MANY_CONNECTIONS "53300"
#define SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED "53400"
#define SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE "55000"
#define SQLSTATE_OBJECT_IN_USE "55006"
#define SQLSTATE_QUERY_CANCELED "57014"
#define SQLSTATE_ADMIN_SHUTDOWN "57P01"
#define SQLSTATE_CANNOT_CONNECT_NOW "57P03"
#define SQLSTATE_IO_ERROR "58030"
#define SQLSTATE_DISK_FULL "53100"
#define SQLSTATE_PROGRAM_LIMIT_EXCEEDED "54000"
#define SQLSTATE_UNDEFINED_FILE "58P01"
#define SQLSTATE_CONFIG_FILE_ERROR "F0000"
#define SQLSTATE_INTERNAL_ERROR "XX000"
#define SQLSTATE_DATA_CORRUPTED "XX001"

typedef struct ErrInfo
{
	char sqlstate[6]; /* empty: no error has been set */
	char message[512];
	char detail[512];
	char hint[512];
	int position; /* in what the client has sent: a character, from 1; 0: none */
} ErrInfo;

/*
 * Start an error: detail and hint are emptied.  Always returns false, so that
 * a function that returns bool can say "return errinfo_set(...)".
 */
bool errinfo_set(ErrInfo *err, const char *sqlstate, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Add to an error that has been set.  Both return false, as errinfo_set. */
bool errinfo_detail(ErrInfo *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool errinfo_hint(ErrInfo *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* No error. */
void errinfo_clear(ErrInfo *err);

/* For people at a terminal: the message, and a line each for detail and hint. */
void errinfo_print(FILE *to, const ErrInfo *err);

#endif /* UTIL_ERRINFO_H */
