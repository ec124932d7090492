/*
 * test_httpreq.c
 *		Heads of HTTP requests, by RFC 9110 and RFC 9112.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/httpreq.h"

#define HOST "Host: localhost\r\n"

static HttpReq req;

static HttpReqStatus
parse(const char *text, size_t *used)
{
	/* a copy without a terminator, so that a sanitizer sees who reads on */
	size_t len = strlen(text);
	char *copy = malloc(len > 0 ? len : 1);
	HttpReqStatus status;

	assert_non_null(copy);
	memcpy(copy, text, len);
	*used = 0;
	status = httpreq_parse(copy, len, &req, used);
	free(copy);
	return status;
}

static void
must_parse(const char *text)
{
	size_t used;

	if (parse(text, &used) != HTTPREQ_OK)
		fail_msg("refused with %d (%s): %s", req.error, req.why, text);
	assert_int_equal(used, strlen(text));
}

static void
a_request_has_its_parts(void **state UNUSED)
{
	must_parse(
		"GET /standbys?application_name=berlin&count=2&x= HTTP/1.1\r\n" HOST
		"\r\n");
	assert_string_equal(req.path, "/standbys");
	assert_int_equal(req.param_count, 3);
	assert_string_equal(httpreq_param(&req, "application_name"), "berlin");
	assert_string_equal(httpreq_param(&req, "count"), "2");
	assert_string_equal(httpreq_param(&req, "x"), "");
	assert_null(httpreq_param(&req, "y"));
	assert_false(req.head);
	assert_true(req.keep_alive);
	must_parse("HEAD / HTTP/1.1\n" HOST "\n");
	assert_true(req.head);
}

static void
texts_are_decoded(void **state UNUSED)
{
	must_parse("GET /a%2fb+c?na%6De=B%C3%BCro+Z%2B%26%3d&flag HTTP/1.1\r\n" HOST
			   "\r\n");
	assert_string_equal(req.path, "/a/b+c");
	assert_string_equal(httpreq_param(&req, "name"), "B\xc3\xbcro Z+&=");
	assert_string_equal(httpreq_param(&req, "flag"), "");
}

static void
a_proxys_form_is_understood(void **state UNUSED)
{
	must_parse(
		"GET http://localhost:9187/healthz?strict HTTP/1.1\r\n" HOST "\r\n");
	assert_string_equal(req.path, "/healthz");
	assert_string_equal(httpreq_param(&req, "strict"), "");
}

static void
connections_stay_as_agreed(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		bool keep_alive;
	} rows[] = {
		{"GET / HTTP/1.1\r\n" HOST "\r\n", true},
		{"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", false},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", true},
		{"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		must_parse(rows[i].text);
		assert_int_equal(req.keep_alive, rows[i].keep_alive);
	}
}

static void
what_is_wrong_is_refused(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		int error;
	} rows[] = {
		{"\x16\x03\x01\x02\n\r\n", 400}, /* TLS */
		{"GET\r\n\r\n", 400},
		{"GET / \r\n\r\n", 400},
		{"GET /\r\n\r\n", 400}, /* HTTP/0.9 */
		{"GET / HTTP/1.1 x\r\n" HOST "\r\n", 505},
		{"GET / FTP/1.1\r\n" HOST "\r\n", 400},
		{"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET x HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET http://localhost HTTP/1.1\r\n" HOST "\r\n", 400},
		{"POST / HTTP/1.1\r\n" HOST "\r\n", 405},
		{"get / HTTP/1.1\r\n" HOST "\r\n", 405},
		{"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%4 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /% HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /?a=%0 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /?=a HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /?a=1&a=2 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /?a&b&c&d&e&f&g&h&i HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "x : y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "x: a\rb\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST ": y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 413},
		{"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 413},
	};
	size_t used;

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		if (parse(rows[i].text, &used) != HTTPREQ_BAD)
			fail_msg("not refused: %s", rows[i].text);
		if (req.error != rows[i].error)
			fail_msg("%d (%s) instead of %d: %s", req.error, req.why,
				rows[i].error, rows[i].text);
	}
	must_parse("GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
}

static void
numbers_are_whole_and_in_range(void **state UNUSED)
{
	int64_t value = 7;

	must_parse("GET /?a=0&b=600000&c=-1&d=+1&e=&f=1s&g=9223372036854775808&h=08"
			   " HTTP/1.1\r\n" HOST "\r\n");
	assert_true(httpreq_number(&req, "x", 0, 10, &value));
	assert_int_equal(value, 7);
	assert_true(httpreq_number(&req, "a", 0, 10, &value));
	assert_int_equal(value, 0);
	assert_true(httpreq_number(&req, "b", 0, 600000, &value));
	assert_int_equal(value, 600000);
	assert_true(httpreq_number(&req, "h", 0, 600000, &value));
	assert_int_equal(value, 8);
	assert_false(httpreq_number(&req, "a", 1, 10, &value));
	assert_false(httpreq_number(&req, "b", 0, 599999, &value));
	for (const char *name = "cdefg"; *name != '\0'; name++)
		assert_false(
			httpreq_number(&req, (char[]){*name, '\0'}, 0, INT64_MAX, &value));
	assert_int_equal(value, 8);
}

static void
a_request_may_come_byte_by_byte(void **state UNUSED)
{
	static const char text[] =
		"\r\nGET /metrics?a=%41 HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n";
	static const char next[] = "GET / HTTP/1.1\r\n";
	char both[sizeof(text) + sizeof(next)];
	size_t used;

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(httpreq_parse(text, len, &req, &used), HTTPREQ_MORE);
	must_parse(text);
	snprintf(both, sizeof(both), "%s%s", text, next);
	assert_int_equal(parse(both, &used), HTTPREQ_OK);
	assert_int_equal(used, sizeof(text) - 1);
}

static void
a_head_has_an_end(void **state UNUSED)
{
	static char text[HTTPREQ_HEAD_MAX + 1];
	size_t used;
	int len;

	/* one field without an end; fields without end; a target without end */
	len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "x: ");
	memset(text + len, 'x', sizeof(text) - (size_t) len);
	assert_int_equal(
		httpreq_parse(text, HTTPREQ_HEAD_MAX - 1, &req, &used), HTTPREQ_MORE);
	assert_int_equal(
		httpreq_parse(text, HTTPREQ_HEAD_MAX, &req, &used), HTTPREQ_BAD);
	assert_int_equal(req.error, 431);
	memset(text, '\n', sizeof(text));
	assert_int_equal(
		httpreq_parse(text, sizeof(text), &req, &used), HTTPREQ_BAD);
	assert_int_equal(req.error, 431);
	memset(text, 'x', sizeof(text));
	assert_int_equal(
		httpreq_parse(text, sizeof(text), &req, &used), HTTPREQ_BAD);
	assert_int_equal(req.error, 431);

	/* the longest that is taken, with terminators to add */
	len = snprintf(text, sizeof(text), "GET /?a&b&c&d&e&f&g&");
	memset(text + len, 'x', sizeof(text) - (size_t) len);
	memcpy(text + HTTPREQ_HEAD_MAX - 13, " HTTP/1.0\r\n\r\n", 13);
	assert_int_equal(
		httpreq_parse(text, HTTPREQ_HEAD_MAX, &req, &used), HTTPREQ_OK);
	assert_int_equal(used, HTTPREQ_HEAD_MAX);
	assert_int_equal(req.param_count, HTTPREQ_PARAMS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_its_parts),
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(a_proxys_form_is_understood),
		cmocka_unit_test(connections_stay_as_agreed),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(a_request_may_come_byte_by_byte),
		cmocka_unit_test(a_head_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
