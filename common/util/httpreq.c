/*
 * httpreq.c
 *		The head of an HTTP/1.x request.  See httpreq.h.
 *
 * A line may end with LF alone (RFC 9112, 2.2), and empty lines ahead of the
 * request line are skipped, as is said there.
 */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/httpreq.h"

/* A part of the request that somebody else owns. */
typedef struct Span
{
	const char *data;
	size_t len;
} Span;

/* What the fields have said. */
typedef struct Fields
{
	bool host;
	bool body;
	bool close;
	bool keep_alive;
} Fields;

static HttpReqStatus
refuse(HttpReq *req, int error, const char *why)
{
	req->error = error;
	req->why = why;
	return HTTPREQ_BAD;
}

/* Up to the next LF; false if there is none. */
static bool
next_line(Span *rest, Span *line)
{
	const char *end = memchr(rest->data, '\n', rest->len);

	if (end == NULL)
		return false;
	line->data = rest->data;
	line->len = (size_t) (end - rest->data);
	rest->data = end + 1;
	rest->len -= line->len + 1;
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* What may be in a method or the name of a field (RFC 9110, 5.6.2). */
static bool
is_token(Span s)
{
	for (size_t i = 0; i < s.len; i++)
	{
		char c = s.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z') ||
				(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
			return false;
	}
	return s.len > 0;
}

static bool
has_control(Span s)
{
	for (size_t i = 0; i < s.len; i++)
	{
		unsigned char c = (unsigned char) s.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static bool
is_word(Span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.data, word, s.len) == 0;
}

static Span
trim(Span s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s.data++, s.len--;
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* The part ahead of the first c, which s begins behind afterwards. */
static Span
cut(Span *s, char c)
{
	const char *at = s->len > 0 ? memchr(s->data, c, s->len) : NULL;
	Span part = {s->data, at != NULL ? (size_t) (at - s->data) : s->len};
	size_t gone = part.len + (at != NULL ? 1 : 0);

	s->data += gone;
	s->len -= gone;
	return part;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Percent-decode s to *at, terminated, and move *at behind it; in a query + is a
 * blank, as forms send it.  It never gets longer.  NULL if it is not valid, or
 * would hold a zero byte.
 */
static const char *
decode(Span s, bool query, char **at)
{
	const char *start = *at;

	for (size_t i = 0; i < s.len; i++)
	{
		char c = s.data[i];

		if (c == '%')
		{
			int high = s.len - i > 2 ? hex_digit(s.data[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(s.data[i + 2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return NULL;
			c = (char) (high << 4 | low);
			i += 2;
		}
		else if (c == '+' && query)
			c = ' ';
		*(*at)++ = c;
	}
	*(*at)++ = '\0';
	return start;
}

static HttpReqStatus
parse_query(Span query, HttpReq *req, char **at)
{
	while (query.len > 0)
	{
		Span value = cut(&query, '&');
		Span name = cut(&value, '=');
		HttpParam param;

		if (name.len == 0)
			return refuse(req, 400, "empty parameter name");
		if (req->param_count == HTTPREQ_PARAMS_MAX)
			return refuse(req, 400, "too many parameters");
		param.name = decode(name, true, at);
		param.value = param.name != NULL ? decode(value, true, at) : NULL;
		if (param.value == NULL)
			return refuse(req, 400, "invalid percent-encoding");
		if (httpreq_param(req, param.name) != NULL)
			return refuse(req, 400, "parameter given twice");
		req->params[req->param_count++] = param;
	}
	return HTTPREQ_OK;
}

/* "/path?query", or the same behind "http://authority". */
static HttpReqStatus
parse_target(Span target, HttpReq *req)
{
	static const char scheme[] = "http://";
	char *at = req->text;
	Span path;

	if (target.len > sizeof(scheme) - 1 &&
		strncasecmp(target.data, scheme, sizeof(scheme) - 1) == 0)
	{
		const char *slash = memchr(target.data + sizeof(scheme) - 1, '/',
			target.len - (sizeof(scheme) - 1));

		if (slash == NULL)
			return refuse(req, 400, "request target without a path");
		target.len -= (size_t) (slash - target.data);
		target.data = slash;
	}
	if (target.len == 0 || target.data[0] != '/')
		return refuse(req, 400, "request target is not a path");
	path = cut(&target, '?');
	req->path = decode(path, false, &at);
	if (req->path == NULL)
		return refuse(req, 400, "invalid percent-encoding");
	return parse_query(target, req, &at);
}

/* Whether it is HTTP/1.0; sets *old. */
static HttpReqStatus
parse_version(Span version, HttpReq *req, bool *old)
{
	*old = is_word(version, "HTTP/1.0");
	if (*old || is_word(version, "HTTP/1.1"))
		return HTTPREQ_OK;
	if (version.len > 5 && memcmp(version.data, "HTTP/", 5) == 0)
		return refuse(req, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	return refuse(req, 400, "not an HTTP request");
}

static HttpReqStatus
parse_request_line(Span line, HttpReq *req, bool *old)
{
	Span rest = line;
	Span method = cut(&rest, ' ');
	Span target = cut(&rest, ' ');
	HttpReqStatus status;

	if (!is_token(method) || has_control(line))
		return refuse(req, 400, "not an HTTP request");
	status = parse_version(rest, req, old);
	if (status != HTTPREQ_OK)
		return status;
	/* methods are case-sensitive */
	req->head = method.len == 4 && memcmp(method.data, "HEAD", 4) == 0;
	if (!req->head && (method.len != 3 || memcmp(method.data, "GET", 3) != 0))
		return refuse(req, 405, "only GET and HEAD are answered");
	return parse_target(target, req);
}

static HttpReqStatus
parse_field(Span line, HttpReq *req, Fields *fields)
{
	Span value = line;
	Span name = cut(&value, ':');

	/* no blank may be ahead of the colon, and no line goes on in the next */
	if (name.len == line.len || !is_token(name) || has_control(value))
		return refuse(req, 400, "malformed header field");
	value = trim(value);
	if (is_word(name, "Host"))
	{
		if (fields->host)
			return refuse(req, 400, "more than one Host");
		fields->host = true;
	}
	else if (is_word(name, "Transfer-Encoding") ||
			 (is_word(name, "Content-Length") && !is_word(value, "0")))
		fields->body = true;
	else if (is_word(name, "Connection"))
	{
		while (value.len > 0)
		{
			Span option = trim(cut(&value, ','));

			fields->close |= is_word(option, "close");
			fields->keep_alive |= is_word(option, "keep-alive");
		}
	}
	return HTTPREQ_OK;
}

static HttpReqStatus
parse_fields(Span *rest, HttpReq *req, Fields *fields)
{
	HttpReqStatus status;
	Span line;

	while (next_line(rest, &line))
	{
		if (line.len == 0)
			return HTTPREQ_OK;
		status = parse_field(line, req, fields);
		if (status != HTTPREQ_OK)
			return status;
	}
	return HTTPREQ_MORE;
}

static HttpReqStatus
parse_head(Span *rest, HttpReq *req)
{
	Fields fields = {0};
	HttpReqStatus status;
	Span line;
	bool old;

	do
	{
		if (!next_line(rest, &line))
			return HTTPREQ_MORE;
	} while (line.len == 0);
	status = parse_request_line(line, req, &old);
	if (status == HTTPREQ_OK)
		status = parse_fields(rest, req, &fields);
	if (status != HTTPREQ_OK)
		return status;
	if (!old && !fields.host)
		return refuse(req, 400, "Host is missing");
	/* it would be taken for the next request */
	if (fields.body)
		return refuse(req, 413, "a request may not have a body");
	req->keep_alive = old ? fields.keep_alive && !fields.close : !fields.close;
	return HTTPREQ_OK;
}

HttpReqStatus
httpreq_parse(const char *data, size_t len, HttpReq *req, size_t *used)
{
	Span rest = {data, Min(len, HTTPREQ_HEAD_MAX)};
	HttpReqStatus status;

	req->head = false;
	req->keep_alive = false;
	req->path = NULL;
	req->param_count = 0;
	req->error = 0;
	req->why = NULL;
	status = parse_head(&rest, req);
	if (status == HTTPREQ_OK)
		*used = (size_t) (rest.data - data);
	else if (status == HTTPREQ_MORE && len >= HTTPREQ_HEAD_MAX)
		return refuse(req, 431, "the head of the request is too long");
	return status;
}

const char *
httpreq_param(const HttpReq *req, const char *name)
{
	for (size_t i = 0; i < req->param_count; i++)
	{
		if (strcmp(req->params[i].name, name) == 0)
			return req->params[i].value;
	}
	return NULL;
}

bool
httpreq_number(const HttpReq *req, const char *name, int64_t min, int64_t max,
	int64_t *value)
{
	const char *text = httpreq_param(req, name);
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
