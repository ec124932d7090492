/*
 * http.h
 *		The monitor's HTTP server: connections, their limits and their answers.
 *
 * One request of a connection is answered at a time.  A client that is slow,
 * silent or many is turned away; none can make the process wait, or grow without
 * bound.
 */
#ifndef MONITOR_HTTP_H
#define MONITOR_HTTP_H

#include "base.h"

#include <event2/event.h>
#include <sys/socket.h>

#include "util/buf.h"
#include "util/httpreq.h"

typedef struct HttpConn HttpConn;

/*
 * on_request gets each request, good until it returns, and answers it with
 * http_reply... or calls http_wait.
 */
void http_init(struct event_base *base,
	void (*on_request)(HttpConn *conn, const HttpReq *req));

/* A client has connected: the socket is ours from here on. */
void http_accept(int fd, const struct sockaddr *peer);

/*
 * Answer.  type is the Content-Type; headers are further lines, each with its line
 * end, or NULL.  The memory of body is taken; if it has failed, or too much waits
 * for slow clients, the answer is 503.
 */
void http_reply(
	HttpConn *conn, int code, const char *type, const char *headers, Buf *body);
/* A line of text, which gets its line end here. */
void http_reply_text(HttpConn *conn, int code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/*
 * The answer comes later.  If the client is gone before that, on_gone is called,
 * and conn is no more.
 */
void http_wait(HttpConn *conn, void (*on_gone)(void *arg), void *arg);

#endif /* MONITOR_HTTP_H */
