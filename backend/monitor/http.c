/*
 * http.c
 *		The monitor's HTTP server.  See http.h.
 *
 * A connection goes through these states; each but CONN_WAITING has a deadline, so
 * that one byte now and then does not keep it.
 *
 *		CONN_IDLE -> CONN_HEAD -> [CONN_WAITING ->] CONN_WRITING -> CONN_IDLE
 *		                                                         -> CONN_CLOSING
 *
 * Closing with unread input would reset the connection, and the client might never
 * see our answer: so we say that we are done, and read on for a moment.
 */
#include "base.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exitcode.h"
#include "monitor/http.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/net.h"

#define CONNECTIONS_MAX 256
/* Of all answers that have not been taken yet. */
#define OUTPUT_MAX ((size_t) 64 * 1024 * 1024)

typedef enum ConnState
{
	CONN_IDLE,    /* between two requests */
	CONN_HEAD,    /* a request has begun */
	CONN_WAITING, /* http_wait */
	CONN_WRITING,
	CONN_CLOSING
} ConnState;

static const int deadlines_s[] = {
	[CONN_IDLE] = 60,
	[CONN_HEAD] = 10,
	[CONN_WAITING] = 0,
	[CONN_WRITING] = 60,
	[CONN_CLOSING] = 2,
};

struct HttpConn
{
	ConnState state;
	struct bufferevent *bev; /* owns the socket */
	struct event *deadline;
	bool head; /* of the request that is answered */
	bool keep_alive;
	size_t output; /* what this one has of http.output */
	void (*on_gone)(void *arg);
	void *arg;
	char peer[NET_TEXT_SIZE];
};

static struct
{
	struct event_base *base;
	void (*on_request)(HttpConn *conn, const HttpReq *req);
	HttpReq req; /* of whom we are talking to; too large for the stack */
	int connections;
	size_t output;
} http;

/* What we answer, and what then belongs to it. */
typedef struct Reason
{
	int code;
	const char *phrase;
	const char *headers;
} Reason;

static const Reason reasons[] = {
	{200, "OK", ""},
	{400, "Bad Request", ""},
	{404, "Not Found", ""},
	{405, "Method Not Allowed", "Allow: GET, HEAD\r\n"},
	{408, "Request Timeout", ""},
	{413, "Content Too Large", ""},
	{431, "Request Header Fields Too Large", ""},
	{503, "Service Unavailable", "Retry-After: 2\r\n"},
	{505, "HTTP Version Not Supported", ""},
};

/* Nobody keeps what we say, guesses at what it is, or shows it elsewhere. */
static const char common_headers[] =
	"Cache-Control: no-store\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n";

static const Reason *
reason_of(int code)
{
	for (size_t i = 0; i < lengthof(reasons); i++)
	{
		if (reasons[i].code == code)
			return &reasons[i];
	}
	abort();
}

void
http_init(struct event_base *base,
	void (*on_request)(HttpConn *conn, const HttpReq *req))
{
	http.base = base;
	http.on_request = on_request;
}

static void
release_output(HttpConn *conn)
{
	http.output -= conn->output;
	conn->output = 0;
}

static void
conn_free(HttpConn *conn)
{
	if (conn->state == CONN_WAITING)
		conn->on_gone(conn->arg);
	release_output(conn);
	event_free(conn->deadline);
	bufferevent_free(conn->bev);
	free(conn);
	http.connections--;
}

static void
enter_state(HttpConn *conn, ConnState state)
{
	struct timeval tv = {.tv_sec = deadlines_s[state]};

	conn->state = state;
	if (tv.tv_sec == 0)
		evtimer_del(conn->deadline);
	else
		evtimer_add(conn->deadline, &tv);
}

/* ---- answers ---- */

static void
free_body(const void *data UNUSED, size_t len UNUSED, void *arg)
{
	free(arg);
}

static void
put_head(HttpConn *conn, const Reason *reason, const char *type,
	const char *headers, size_t len)
{
	time_t now = time(NULL);
	struct tm tm;
	char date[64];

	strftime(
		date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	evbuffer_add_printf(bufferevent_get_output(conn->bev),
		"HTTP/1.1 %d %s\r\n"
		"Date: %s\r\n"
		"Content-Type: %s\r\n"
		"Content-Length: %zu\r\n"
		"Connection: %s\r\n"
		"%s%s%s\r\n",
		reason->code, reason->phrase, date, type, len,
		conn->keep_alive ? "keep-alive" : "close", reason->headers,
		common_headers, headers != NULL ? headers : "");
}

void
http_reply(
	HttpConn *conn, int code, const char *type, const char *headers, Buf *body)
{
	size_t len = body->len;

	if (body->failed || len > OUTPUT_MAX - http.output)
	{
		buf_clear(body);
		http_reply_text(conn, 503, "too much to say at once");
		return;
	}
	log_msg(LOG_DEBUG2, "answered %s with status %d, %zu bytes", conn->peer,
		code, len);
	put_head(conn, reason_of(code), type, headers, len);
	if (!conn->head && len > 0 &&
		evbuffer_add_reference(bufferevent_get_output(conn->bev), body->data,
			len, free_body, body->data) == 0)
	{
		conn->output = len;
		http.output += len;
		buf_init(body, body->max);
	}
	buf_clear(body);
	enter_state(conn, CONN_WRITING);
}

void
http_reply_text(HttpConn *conn, int code, const char *fmt, ...)
{
	va_list ap;
	char text[1024];
	Buf body;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&body, sizeof(text));
	buf_put_bytes(&body, text, strlen(text));
	buf_put_u8(&body, '\n');
	http_reply(conn, code, "text/plain; charset=utf-8", NULL, &body);
}

void
http_wait(HttpConn *conn, void (*on_gone)(void *arg), void *arg)
{
	conn->on_gone = on_gone;
	conn->arg = arg;
	enter_state(conn, CONN_WAITING);
}

/* ---- requests ---- */

/* Answer the request that has come, if it has come as a whole. */
static void
take_request(HttpConn *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	size_t len = Min(evbuffer_get_length(input), HTTPREQ_HEAD_MAX);
	size_t used;

	if (len == 0)
		return;
	if (conn->state == CONN_IDLE)
		enter_state(conn, CONN_HEAD);
	switch (httpreq_parse((const char *) evbuffer_pullup(input, (ssize_t) len),
		len, &http.req, &used))
	{
		case HTTPREQ_MORE:
			break;
		case HTTPREQ_BAD:
			conn->head = http.req.head;
			conn->keep_alive = false;
			http_reply_text(conn, http.req.error, "%s", http.req.why);
			break;
		case HTTPREQ_OK:
			evbuffer_drain(input, used);
			conn->head = http.req.head;
			conn->keep_alive = http.req.keep_alive;
			http.on_request(conn, &http.req);
			break;
	}
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	HttpConn *conn = arg;

	if (conn->state == CONN_IDLE || conn->state == CONN_HEAD)
		take_request(conn);
	else if (conn->state == CONN_CLOSING)
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
}

/* The client has our answer, as far as the kernel is concerned. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	HttpConn *conn = arg;

	if (conn->state != CONN_WRITING)
		return;
	release_output(conn);
	if (conn->keep_alive)
	{
		enter_state(conn, CONN_IDLE);
		take_request(conn);
		return;
	}
	shutdown(bufferevent_getfd(bev), SHUT_WR);
	enter_state(conn, CONN_CLOSING);
	on_read(bev, conn);
}

/*
 * A client that has only closed its side while it is written to still gets its
 * answer; one that waits has gone.
 */
static void
on_event(struct bufferevent *bev UNUSED, short what, void *arg)
{
	HttpConn *conn = arg;

	if ((what & BEV_EVENT_ERROR) || conn->state != CONN_WRITING)
		conn_free(conn);
	else if (what & BEV_EVENT_EOF)
		conn->keep_alive = false;
}

static void
on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	HttpConn *conn = arg;

	if (conn->state == CONN_HEAD)
	{
		conn->head = false;
		conn->keep_alive = false;
		http_reply_text(conn, 408, "the request took too long");
	}
	else
		conn_free(conn);
}

static void
turn_away(int fd)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
								 "Retry-After: 2\r\n"
								 "Content-Length: 0\r\n"
								 "Connection: close\r\n\r\n";

	(void) send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

void
http_accept(int fd, const struct sockaddr *peer)
{
	HttpConn *conn;

	if (http.connections >= CONNECTIONS_MAX)
	{
		turn_away(fd);
		return;
	}
	conn = mem_alloc0(sizeof(*conn));
	conn->bev = bufferevent_socket_new(http.base, fd, BEV_OPT_CLOSE_ON_FREE);
	conn->deadline = evtimer_new(http.base, on_deadline, conn);
	if (conn->bev == NULL || conn->deadline == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	http.connections++;
	net_format(peer, conn->peer);
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, HTTPREQ_HEAD_MAX);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
	/* whoever connects has something to ask */
	enter_state(conn, CONN_HEAD);
}
