/*
 * logjson.h
 *		A line of the log as a JSON object, with the keys of PostgreSQL's jsonlog
 *		(its documentation, "Using JSON-Format Log Output").
 */
#ifndef UTIL_LOGJSON_H
#define UTIL_LOGJSON_H

#include "base.h"

#include "util/log.h"
#include "util/monotime.h"

#define LOG_TEXT_SIZE 128
/* Room for the longest line: each byte of what comes in may become six. */
#define LOGJSON_SIZE (40 * 1024)
/* The longest message. */
#define LOG_MESSAGE_SIZE 4096

/* Who writes. */
typedef struct LogOrigin
{
	pid_t pid;
	int64_t started; /* the process, in seconds since 1970 */
	uint64_t lines;  /* that it has written */
	char role[LOG_TEXT_SIZE];
	char user[LOG_TEXT_SIZE];
	char application_name[LOG_TEXT_SIZE];
	char host[LOG_TEXT_SIZE]; /* "" no client */
	int port;                 /* -1 none */
} LogOrigin;

/* What there is to be written. */
typedef struct LogEvent
{
	LogLevel level;
	char timestamp[MONOTIME_STAMP_SIZE];
	const char *sqlstate;
	const char *message;
	const char *detail; /* "" none, as the other two */
	const char *hint;
} LogEvent;

/*
 * The object and a newline, into dst; returns its length.  Keys without a value are
 * left out.  Allocates nothing: it has to work when there is no memory left.
 */
size_t logjson_format(
	const LogOrigin *origin, const LogEvent *event, char dst[LOGJSON_SIZE]);

#endif /* UTIL_LOGJSON_H */
