/*
 * httpreq.h
 *		The head of an HTTP/1.x request (RFC 9112), from bytes to its parts.
 *
 * For a server that answers GET and HEAD and reads no bodies.  What is ambiguous
 * is refused, not guessed at: where one request ends is never in doubt.
 */
#ifndef UTIL_HTTPREQ_H
#define UTIL_HTTPREQ_H

#include "base.h"

/* A head that is longer is refused. */
#define HTTPREQ_HEAD_MAX 8192
#define HTTPREQ_PARAMS_MAX 8

typedef enum HttpReqStatus
{
	HTTPREQ_OK,
	HTTPREQ_MORE, /* the head is not complete yet */
	HTTPREQ_BAD /* error says what to answer; the connection is of no more use */
} HttpReqStatus;

typedef struct HttpParam
{
	const char *name; /* decoded, terminated, in text */
	const char *value;
} HttpParam;

typedef struct HttpReq
{
	bool head;        /* HEAD: as GET, but without a body in the answer */
	bool keep_alive;  /* another request may follow on this connection */
	const char *path; /* decoded, without the query */
	HttpParam params[HTTPREQ_PARAMS_MAX];
	size_t param_count;
	/* of HTTPREQ_BAD: 400, 405, 413, 431 or 505, and why in a few words */
	int error;
	const char *why;
	/* what the pointers point into; names without values get a terminator more */
	char text[HTTPREQ_HEAD_MAX + HTTPREQ_PARAMS_MAX + 2];
} HttpReq;

/*
 * Parse the first len bytes that have come.  On HTTPREQ_OK *used is the length of
 * the head, with its empty line.  What is behind it belongs to the next request.
 */
MUST_CHECK HttpReqStatus httpreq_parse(
	const char *data, size_t len, HttpReq *req, size_t *used);

/* The value of a parameter, or NULL. */
const char *httpreq_param(const HttpReq *req, const char *name);
/*
 * A parameter that is a whole number, 0 or more.  False if it is something else or
 * out of range; if it is not there *value stays.
 */
MUST_CHECK bool httpreq_number(const HttpReq *req, const char *name,
	int64_t min, int64_t max, int64_t *value);

#endif /* UTIL_HTTPREQ_H */
