/*
 * http.c
 *		The monitor's HTTP server.  See http.h.
 *
 * evhttp reads requests and writes answers.  What it leaves open is done here: that
 * there is an end to how many clients there are and how much waits for them, and
 * that somebody who waits and hangs up is noticed.
 */
#include "base.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "exitcode.h"
#include "monitor/http.h"
#include "util/log.h"
#include "util/mem.h"

/* For the next byte, in either direction. */
#define TIMEOUT_S 10
#define HEADERS_MAX 8192
/* Of all answers that have not been taken yet. */
#define OUTPUT_MAX ((size_t) 64 * 1024 * 1024)

struct HttpReq
{
	struct evhttp_request *ev;
	char *path;
	struct evkeyvalq params;
	/* while it waits */
	void (*on_gone)(void *arg);
	void *arg;
};

static struct
{
	void (*on_request)(HttpReq *req);
	size_t output; /* bytes that wait to be taken */
} http;

/* Nobody keeps what we say, guesses at what it is, or shows it elsewhere. */
static const struct
{
	const char *name;
	const char *value;
} common_headers[] = {
	{"Cache-Control", "no-store"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

static void
req_free(HttpReq *req)
{
	evhttp_clear_headers(&req->params);
	free(req->path);
	free(req);
}

/* ---- requests ---- */

/* False if it cannot be understood. */
static bool
take_uri(HttpReq *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req->ev);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
	size_t len;

	if (path == NULL)
		return false;
	req->path = evhttp_uridecode(path, 0, &len);
	return req->path != NULL && strlen(req->path) == len &&
		   (query == NULL || query[0] == '\0' ||
			   evhttp_parse_query_str(query, &req->params) == 0);
}

static void
on_evhttp(struct evhttp_request *ev, void *arg UNUSED)
{
	enum evhttp_cmd_type type = evhttp_request_get_command(ev);
	HttpReq *req = mem_alloc0(sizeof(*req));

	req->ev = ev;
	TAILQ_INIT(&req->params);
	if (type != EVHTTP_REQ_GET && type != EVHTTP_REQ_HEAD)
	{
		evhttp_add_header(
			evhttp_request_get_output_headers(ev), "Allow", "GET, HEAD");
		http_reply_text(req, 405, "only GET and HEAD are allowed");
	}
	else if (!take_uri(req))
		http_reply_text(req, 400, "the address is not valid");
	else
		http.on_request(req);
}

const char *
http_path(const HttpReq *req)
{
	return req->path;
}

const char *
http_host(const HttpReq *req)
{
	return evhttp_find_header(
		evhttp_request_get_input_headers(req->ev), "Host");
}

const char *
http_param(const HttpReq *req, const char *name)
{
	return evhttp_find_header(&req->params, name);
}

bool
http_number(const HttpReq *req, const char *name, int64_t min, int64_t max,
	int64_t *value)
{
	const char *text = http_param(req, name);
	char *end;
	long long number;

	if (text == NULL)
		return true;
	/* strtoll takes blanks and signs */
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || number < min || number > max)
		return false;
	*value = number;
	return true;
}

const char *
http_unknown_param(const HttpReq *req, const char *const *known)
{
	struct evkeyval *param;

	for (param = req->params.tqh_first; param != NULL;
		 param = param->next.tqe_next)
	{
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], param->key) != 0)
			i++;
		if (known[i] == NULL)
			return param->key;
	}
	return NULL;
}

/* ---- answers ---- */

typedef struct Body
{
	void *data;
	size_t len;
} Body;

static void
on_taken(const void *data UNUSED, size_t len UNUSED, void *arg)
{
	Body *body = arg;

	http.output -= body->len;
	free(body->data);
	free(body);
}

/* The memory of the buffer, as evhttp wants it. */
static struct evbuffer *
take_body(Buf *buf)
{
	struct evbuffer *out = evbuffer_new();
	Body *body;

	if (out == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	if (buf->len == 0)
		return out;
	body = mem_alloc(sizeof(*body));
	*body = (Body){.data = buf->data, .len = buf->len};
	if (evbuffer_add_reference(out, body->data, body->len, on_taken, body) != 0)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	http.output += body->len;
	buf_init(buf, buf->max);
	return out;
}

/* evhttp reads the next request when it has sent the answer to this one. */
static void
stop_waiting(HttpReq *req)
{
	struct timeval tv = {.tv_sec = TIMEOUT_S};
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(req->ev));

	if (req->on_gone == NULL)
		return;
	bufferevent_disable(bev, EV_READ);
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	bufferevent_set_timeouts(bev, &tv, &tv);
}

/* evhttp does not leave it out by itself, and the next answer would stand behind it. */
static void
leave_body_out(HttpReq *req, Buf *body)
{
	char length[24];

	snprintf(length, sizeof(length), "%zu", body->len);
	evhttp_add_header(
		evhttp_request_get_output_headers(req->ev), "Content-Length", length);
	buf_clear(body);
}

static void
send_answer(
	HttpReq *req, int code, const char *type, const char *policy, Buf *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req->ev);
	struct evbuffer *out;

	stop_waiting(req);
	evhttp_add_header(headers, "Content-Type", type);
	if (policy != NULL)
		evhttp_add_header(headers, "Content-Security-Policy", policy);
	if (code == 503)
		evhttp_add_header(headers, "Retry-After", "2");
	for (size_t i = 0; i < lengthof(common_headers); i++)
		evhttp_add_header(
			headers, common_headers[i].name, common_headers[i].value);
	if (evhttp_request_get_command(req->ev) == EVHTTP_REQ_HEAD)
		leave_body_out(req, body);
	out = take_body(body);
	evhttp_send_reply(req->ev, code, NULL, out);
	evbuffer_free(out);
	req_free(req);
}

void
http_reply(
	HttpReq *req, int code, const char *type, const char *policy, Buf *body)
{
	if (!body->failed && http.output + body->len <= OUTPUT_MAX)
	{
		send_answer(req, code, type, policy, body);
		return;
	}
	buf_clear(body);
	http_reply_text(req, 503, "too much to say at once");
}

/* There is always room for a line. */
void
http_reply_text(HttpReq *req, int code, const char *fmt, ...)
{
	va_list ap;
	char text[1024];
	Buf body;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&body, sizeof(text));
	buf_put_text(&body, text);
	buf_put_u8(&body, '\n');
	send_answer(req, code, "text/plain; charset=utf-8", NULL, &body);
}

/* ---- waiting ---- */

/* The client has hung up: its connection goes, and with it the request. */
static void
on_end(struct bufferevent *bev UNUSED, short what, void *arg)
{
	HttpReq *req = arg;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	req->on_gone(req->arg);
	evhttp_connection_free(evhttp_request_get_connection(req->ev));
	req_free(req);
}

/*
 * evhttp does not look at a connection while its request is not answered: it would
 * end the process if the client said something more.  So the callbacks are ours
 * until then; evhttp sets its own when it answers.
 */
void
http_wait(HttpReq *req, void (*on_gone)(void *arg), void *arg)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(req->ev));

	req->on_gone = on_gone;
	req->arg = arg;
	bufferevent_setcb(bev, NULL, NULL, on_end, req);
	bufferevent_setwatermark(bev, EV_READ, 0, HEADERS_MAX);
	bufferevent_set_timeouts(bev, NULL, NULL);
	bufferevent_enable(bev, EV_READ);
}

struct evhttp *
http_new(struct event_base *base, void (*on_request)(HttpReq *req))
{
	struct evhttp *server = evhttp_new(base);

	if (server == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	http.on_request = on_request;
	evhttp_set_timeout(server, TIMEOUT_S);
	evhttp_set_max_headers_size(server, HEADERS_MAX);
	evhttp_set_max_body_size(server, 0);
	/* so that we say what is allowed */
	evhttp_set_allowed_methods(
		server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
					EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
					EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(server, on_evhttp, NULL);
	return server;
}
