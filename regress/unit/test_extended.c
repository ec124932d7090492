/*
 * test_extended.c
 *		Messages of the extended query protocol (protocol docs, Message Formats),
 *		and values in binary format.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "mutate.h"
#include "pq/extended.h"
#include "pq/message.h"
#include "pq/typevalue.h"

#define FRAME(letter, bytes)                                                   \
	{                                                                          \
		.type = letter, .body = (const uint8_t *) bytes,                       \
		.len = sizeof(bytes) - 1                                               \
	}

static void
good_messages(void **state UNUSED)
{
	const Frame parse = FRAME('P', "s\0SHOW x\0\0\0");
	const Frame bind = FRAME('B', "p\0s\0\0\1\0\1\0\0\0\2\0\0\0\1");
	const Frame one_format = FRAME('B', "\0\0\0\0\0\0\0\1\0\1");
	const Frame describe = FRAME('D', "Sx\0");
	const Frame close = FRAME('C', "P\0");
	const Frame execute = FRAME('E', "p\0\0\0\1\0");
	const Frame negative = FRAME('E', "\0\377\377\377\377");
	ExtendedParse p;
	ExtendedBind b;
	ExtendedTarget t;
	ExtendedExecute e;
	ErrInfo err;

	assert_true(extended_parse(&parse, &p, &err));
	assert_string_equal(p.statement, "s");
	assert_string_equal(p.query, "SHOW x");
	assert_true(extended_bind(&bind, &b, &err));
	assert_string_equal(b.portal, "p");
	assert_string_equal(b.statement, "s");
	assert_int_equal(b.formats.count, 2);
	assert_false(extended_is_binary(&b.formats, 0));
	assert_true(extended_is_binary(&b.formats, 1));
	assert_false(extended_is_binary(&b.formats, 2));
	assert_true(extended_bind(&one_format, &b, &err));
	assert_true(extended_is_binary(&b.formats, 17));
	assert_true(extended_target(&describe, &t, &err));
	assert_false(t.is_portal);
	assert_string_equal(t.name, "x");
	assert_true(extended_target(&close, &t, &err));
	assert_true(t.is_portal);
	assert_string_equal(t.name, "");
	assert_true(extended_execute(&execute, &e, &err));
	assert_int_equal(e.row_limit, 256);
	assert_true(extended_execute(&negative, &e, &err));
	assert_int_equal(e.row_limit, 0);
}

static bool
decode(const Frame *frame, ErrInfo *err)
{
	ExtendedParse p;
	ExtendedBind b;
	ExtendedTarget t;
	ExtendedExecute e;

	switch (frame->type)
	{
		case FRAME_PARSE:
			return extended_parse(frame, &p, err);
		case FRAME_BIND:
			return extended_bind(frame, &b, err);
		case FRAME_EXECUTE:
			return extended_execute(frame, &e, err);
		default:
			return extended_target(frame, &t, err);
	}
}

static void
refused(void **state UNUSED)
{
	static const struct
	{
		Frame frame;
		const char *sqlstate;
	} rows[] = {
		{FRAME('P', ""), "08P01"},
		{FRAME('P', "s\0SHOW x\0\0"), "08P01"},
		{FRAME('P', "s\0SHOW x\0\0\0x"), "08P01"},
		{FRAME('P', "s\0SHOW x\0\0\1\0\0\0\27"), "0A000"},
		{FRAME('P', "s\0SHOW x\0\0\2\0\0\0\27"), "08P01"},
		{FRAME('P', "s\0SHOW x\0\377\377"), "08P01"},
		{FRAME('B', "\0\0\0\0\0\0\0\1\0\2"), "0A000"},
		{FRAME('B', "\0\0\0\0\0\1\0\0\0\1x\0\0"), "0A000"},
		{FRAME('B', "\0\0\0\0\0\0\0\1"), "08P01"},
		{FRAME('B', "\0\0\377\377\0\0\0\0"), "08P01"},
		{FRAME('B', "\0\0\0\0\0\0\377\377"), "08P01"},
		{FRAME('D', ""), "08P01"},
		{FRAME('D', "Xx\0"), "08P01"},
		{FRAME('D', "Sx"), "08P01"},
		{FRAME('C', "Sx\0\0"), "08P01"},
		{FRAME('E', "\0\0\0\0"), "08P01"},
		{FRAME('E', "\0\0\0\0\0\0"), "08P01"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		ErrInfo err = {.sqlstate = ""};

		assert_false(decode(&rows[i].frame, &err));
		assert_string_equal(err.sqlstate, rows[i].sqlstate);
	}
}

static void
more_formats_than_fit(void **state UNUSED)
{
	uint8_t body[8 + 2 * (EXTENDED_FORMATS_MAX + 1)] = {0};
	Frame frame = {.type = 'B', .body = body, .len = sizeof(body)};
	ErrInfo err;

	body[7] = EXTENDED_FORMATS_MAX + 1;
	assert_false(decode(&frame, &err));
	assert_string_equal(err.sqlstate, "08P01");
	body[7] = EXTENDED_FORMATS_MAX;
	frame.len -= 2;
	assert_true(decode(&frame, &err));
}

static void
damage_never_reads_past_the_end(void **state UNUSED)
{
	static const Frame frames[] = {FRAME('P', "s\0SHOW x\0\0\0"),
		FRAME('B', "p\0s\0\0\1\0\1\0\0\0\2\0\0\0\1"), FRAME('D', "Sx\0"),
		FRAME('E', "p\0\0\0\1\0")};
	uint64_t seed = 11;

	for (int i = 0; i < MUTATIONS; i++)
	{
		Frame frame = frames[(size_t) i % lengthof(frames)];
		ErrInfo err = {.sqlstate = ""};
		uint8_t *copy = mutated_copy(&seed, frame.body, frame.len, &frame.len);

		frame.body = copy;
		assert_true(decode(&frame, &err) || err.sqlstate[0] != '\0');
		free(copy);
	}
}

/* What the send functions of PostgreSQL 15 make of these. */
static void
binary_values(void **state UNUSED)
{
	static const struct
	{
		Oid type;
		const char *text;
		const char *hex; /* NULL: refused */
	} rows[] = {
		{TYPE_TEXT, "", ""},
		{TYPE_TEXT, "ab", "6162"},
		{TYPE_BOOL, "t", "01"},
		{TYPE_BOOL, "f", "00"},
		{TYPE_BOOL, "true", NULL},
		{TYPE_INT4, "4711", "00001267"},
		{TYPE_INT4, "-1", "ffffffff"},
		{TYPE_INT4, "2147483648", NULL},
		{TYPE_INT4, "", NULL},
		{TYPE_INT4, "1x", NULL},
		{TYPE_OID, "4294967295", "ffffffff"},
		{TYPE_OID, "-1", NULL},
		{TYPE_INT8, "-9223372036854775808", "8000000000000000"},
		{TYPE_INT8, "9223372036854775808", NULL},
		{TYPE_FLOAT8, "1.5", "3ff8000000000000"},
		{TYPE_FLOAT8, "x", NULL},
		{TYPE_LSN, "16/B374D848", "00000016b374d848"},
		{TYPE_LSN, "16", NULL},
		{TYPE_TIMESTAMPTZ, "2000-01-01 00:00:00.000000+00", "0000000000000000"},
		{TYPE_TIMESTAMPTZ, "2026-03-01 12:00:00.123456+00", "0002eef3fa791240"},
		{TYPE_TIMESTAMPTZ, "2024-02-29 23:59:59.999999+00", "0002b58cd363bfff"},
		{TYPE_TIMESTAMPTZ, "1999-12-31 23:59:59.999999+00", "ffffffffffffffff"},
		{TYPE_TIMESTAMPTZ, "2026-03-01", NULL},
		{TYPE_BYTEA, "x", NULL},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char hex[64] = "";
		bool ok;
		Buf b;

		buf_init(&b, 64);
		ok = typevalue_put_binary(&b, rows[i].type, rows[i].text);
		for (size_t j = 0; j < b.len; j++)
			sprintf(hex + 2 * j, "%02x", b.data[j]);
		if (ok != (rows[i].hex != NULL) ||
			strcmp(hex, ok ? rows[i].hex : "") != 0)
			fail_msg("%u \"%s\": %s", rows[i].type, rows[i].text, hex);
		if (ok && typevalue_len(rows[i].type) > 0)
			assert_int_equal(b.len, typevalue_len(rows[i].type));
		buf_clear(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_messages),
		cmocka_unit_test(refused),
		cmocka_unit_test(more_formats_than_fit),
		cmocka_unit_test(damage_never_reads_past_the_end),
		cmocka_unit_test(binary_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
