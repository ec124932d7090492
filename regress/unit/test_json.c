/*
 * test_json.c
 *		JSON text, by the rules of RFC 8259 and RFC 3629; and times in text, as
 *		PostgreSQL prints them.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "util/json.h"
#include "util/monotime.h"

static Buf out;

static Json
begin(void)
{
	Json j;

	buf_init(&out, 4096);
	json_init(&j, &out);
	return j;
}

static void
check(const char *want)
{
	buf_put_u8(&out, '\0');
	assert_false(out.failed);
	assert_string_equal((const char *) out.data, want);
	buf_clear(&out);
}

static void
commas_stand_between_values(void **state UNUSED)
{
	Json j = begin();

	json_array_begin(&j);
	json_object_begin(&j);
	json_object_end(&j);
	json_object_begin(&j);
	json_key(&j, "a");
	json_int(&j, -1);
	json_key(&j, "b");
	json_array_begin(&j);
	json_bool(&j, true);
	json_bool(&j, false);
	json_null(&j);
	json_array_end(&j);
	json_key(&j, "c");
	json_string(&j, NULL);
	json_object_end(&j);
	json_int(&j, INT64_MIN);
	json_array_end(&j);
	check("[{},{\"a\":-1,\"b\":[true,false,null],\"c\":null},"
		  "-9223372036854775808]");
}

static void
strings_are_escaped(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *want;
	} rows[] = {
		{"", "\"\""},
		{"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
		{"\n\r\t\x01\x1f\x7f", "\"\\n\\r\\t\\u0001\\u001f\\u007f\""},
		{"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x98",
			"\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x98\""},
		/* overlong, surrogate, beyond U+10FFFF, cut off, a lonely tail */
		{"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xf4\x90\x80\x80",
			"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"x\xe2\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\x80x", "\"\xef\xbf\xbdx\""},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Json j = begin();

		json_string(&j, rows[i].text);
		check(rows[i].want);
	}
}

static void
numbers_are_numbers(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *want;
	} rows[] = {
		{"0", "0"},
		{"-12.5e+3", "-12.5e+3"},
		{"1E9", "1E9"},
		{"01", "\"01\""},
		{".5", "\".5\""},
		{"1.", "\"1.\""},
		{"1e", "\"1e\""},
		{"NaN", "\"NaN\""},
		{"", "\"\""},
		{"1x", "\"1x\""},
		{NULL, "null"},
	};
	Json j;

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		j = begin();
		json_number_text(&j, rows[i].text);
		check(rows[i].want);
	}
	j = begin();
	json_array_begin(&j);
	json_double(&j, 0.25);
	json_double(&j, NAN);
	json_double(&j, INFINITY);
	json_array_end(&j);
	check("[0.25,null,null]");
}

/* From psql: SELECT to_char(...), with TimeZone UTC, and timestamptz's epoch. */
static void
times_are_postgresqls(void **state UNUSED)
{
	static const struct
	{
		int64_t time;
		const char *want;
	} rows[] = {
		{0, "2000-01-01 00:00:00.000000+00"},
		{-1, "1999-12-31 23:59:59.999999+00"},
		{INT64_C(825681600123456), "2026-03-01 12:00:00.123456+00"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char text[MONOTIME_TEXT_SIZE];

		monotime_format(rows[i].time, text);
		assert_string_equal(text, rows[i].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_values),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(numbers_are_numbers),
		cmocka_unit_test(times_are_postgresqls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
