/*
 * http.h
 *		The monitor's HTTP server: libevent's evhttp, with what we allow a client.
 *
 * Each request is answered once, by http_reply..., at once or later.  A client
 * that is slow, silent or many is turned away; none can make the process wait, or
 * grow without bound.
 */
#ifndef MONITOR_HTTP_H
#define MONITOR_HTTP_H

#include "base.h"

#include <event2/event.h>
#include <event2/http.h>

#include "util/buf.h"

typedef struct HttpReq HttpReq;

/*
 * on_request gets each GET and HEAD, and answers it with http_reply... or calls
 * http_wait; behind that, req is no more.
 */
struct evhttp *http_new(
	struct event_base *base, void (*on_request)(HttpReq *req));

/* Decoded, without the query. */
const char *http_path(const HttpReq *req);
/* The Host header, or NULL. */
const char *http_host(const HttpReq *req);
/* The value of a parameter of the query, or NULL. */
const char *http_param(const HttpReq *req, const char *name);
/*
 * A parameter that is a number; *value stays if there is none.  False if it is not
 * a whole number from min to max.
 */
MUST_CHECK bool http_number(const HttpReq *req, const char *name, int64_t min,
	int64_t max, int64_t *value);
/* The first parameter that is not in known, which ends with NULL; or NULL. */
const char *http_unknown_param(const HttpReq *req, const char *const *known);

/*
 * Answer.  type is the Content-Type; policy is the Content-Security-Policy, or
 * NULL.  The memory of body is taken; if it has failed, or too much waits for slow
 * clients, the answer is 503.
 */
void http_reply(
	HttpReq *req, int code, const char *type, const char *policy, Buf *body);
/* A line of text, which gets its line end here. */
void http_reply_text(HttpReq *req, int code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/*
 * The answer comes later.  If the client is gone before that, on_gone is called,
 * and req is no more.
 */
void http_wait(HttpReq *req, void (*on_gone)(void *arg), void *arg);

#endif /* MONITOR_HTTP_H */
