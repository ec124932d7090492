/*
 * test_message.c
 *		What a server says, byte by byte.  Expected bytes written by hand from
 *		the protocol documentation, Message Formats.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pq/frame.h"
#include "pq/message.h"

#define MAX 4096

/* The buffer holds exactly the bytes of the literal; it is freed. */
#define assert_bytes(b, literal)                                               \
	do                                                                         \
	{                                                                          \
		assert_false((b)->failed);                                             \
		assert_int_equal((b)->len, sizeof(literal) - 1);                       \
		assert_memory_equal((b)->data, literal, sizeof(literal) - 1);          \
		buf_clear(b);                                                          \
	} while (0)

static Buf
buffer(void)
{
	Buf b;

	buf_init(&b, MAX);
	return b;
}

static void
authentication_ok(void **state UNUSED)
{
	Buf b = buffer();

	message_auth_ok(&b);
	assert_bytes(&b, "R"
					 "\x00\x00\x00\x08"   /* length */
					 "\x00\x00\x00\x00"); /* 0: successful */
}

static void
negotiate_protocol_version(void **state UNUSED)
{
	static const char *const names[] = {"_pq_.one", "_pq_.two"};
	Buf b = buffer();

	message_negotiate_version(&b, 0x00030000, names, 2);
	assert_bytes(&b, "v"
					 "\x00\x00\x00\x1E" /* length */
					 "\x00\x03\x00\x00" /* the version that is spoken */
					 "\x00\x00\x00\x02" /* names that are not known */
					 "_pq_.one\0"
					 "_pq_.two\0");

	message_negotiate_version(&b, 0x00030002, NULL, 0);
	assert_bytes(&b, "v"
					 "\x00\x00\x00\x0C"
					 "\x00\x03\x00\x02"
					 "\x00\x00\x00\x00");
}

static void
parameter_status(void **state UNUSED)
{
	Buf b = buffer();

	message_parameter_status(&b, "integer_datetimes", "on");
	assert_bytes(&b, "S"
					 "\x00\x00\x00\x19" /* length: 4 + 18 + 3 */
					 "integer_datetimes\0"
					 "on\0");
}

static void
backend_key_data(void **state UNUSED)
{
	static const uint8_t key[] = {0xDE, 0xAD, 0xBE, 0xEF, 0x01};
	Buf b = buffer();

	message_backend_key(&b, 0x1234, key, 4);
	assert_bytes(&b, "K"
					 "\x00\x00\x00\x0C" /* length */
					 "\x00\x00\x12\x34" /* process id */
					 "\xDE\xAD\xBE\xEF");

	message_backend_key(&b, 0x1234, key, 5);
	assert_bytes(&b, "K"
					 "\x00\x00\x00\x0D"
					 "\x00\x00\x12\x34"
					 "\xDE\xAD\xBE\xEF\x01");
}

static void
ready_for_query(void **state UNUSED)
{
	Buf b = buffer();

	message_ready(&b, 'I');
	assert_bytes(&b, "Z"
					 "\x00\x00\x00\x05" /* length */
					 "I");              /* idle */
}

static void
error_response(void **state UNUSED)
{
	Buf b = buffer();
	ErrInfo err;

	errinfo_set(&err, SQLSTATE_SYNTAX_ERROR, "no");
	message_error(&b, "ERROR", &err);
	assert_bytes(&b, "E"
					 "\x00\x00\x00\x1E" /* length: 4 + 7 + 7 + 7 + 4 + 1 */
					 "SERROR\0"         /* severity */
					 "VERROR\0"         /* the same, never translated */
					 "C42601\0"         /* SQLSTATE */
					 "Mno\0"            /* message */
					 "\0");             /* no more fields */

	errinfo_detail(&err, "D.");
	errinfo_hint(&err, "H.");
	message_error(&b, "FATAL", &err);
	assert_bytes(&b, "E"
					 "\x00\x00\x00\x26"
					 "SFATAL\0"
					 "VFATAL\0"
					 "C42601\0"
					 "Mno\0"
					 "DD.\0" /* detail */
					 "HH.\0" /* hint */
					 "\0");
}

static void
an_error_without_a_code_is_internal(void **state UNUSED)
{
	Buf b = buffer();
	ErrInfo err;

	errinfo_clear(&err);
	message_error(&b, "ERROR", &err);
	assert_bytes(&b, "E\x00\x00\x00\x1CSERROR\0VERROR\0CXX000\0M\0\0");
}

static void
notice_response(void **state UNUSED)
{
	Buf b = buffer();
	ErrInfo err;

	errinfo_set(&err, "", "hm");
	message_notice(&b, "WARNING", &err);
	assert_bytes(&b, "N"
					 "\x00\x00\x00\x22" /* length: 4 + 9 + 9 + 7 + 4 + 1 */
					 "SWARNING\0"
					 "VWARNING\0"
					 "C00000\0"
					 "Mhm\0"
					 "\0");
}

static void
row_description(void **state UNUSED)
{
	static const MessageColumn cols[] = {
		{"tli", TYPE_INT8, 8},
		{"s", TYPE_TEXT, -1},
	};
	Buf b = buffer();

	message_row_description(&b, cols, 2);
	assert_bytes(&b, "T"
					 "\x00\x00\x00\x30" /* length: 4 + 2 + 4 + 18 + 2 + 18 */
					 "\x00\x02"         /* columns */
					 "tli\0"            /* name */
					 "\x00\x00\x00\x00" /* of no table */
					 "\x00\x00"         /* and no column of it */
					 "\x00\x00\x00\x14" /* type: int8, 20 */
					 "\x00\x08"         /* its size */
					 "\xFF\xFF\xFF\xFF" /* type modifier */
					 "\x00\x00"         /* text format */
					 "s\0"
					 "\x00\x00\x00\x00"
					 "\x00\x00"
					 "\x00\x00\x00\x19" /* text, 25 */
					 "\xFF\xFF"         /* of any size */
					 "\xFF\xFF\xFF\xFF"
					 "\x00\x00");
}

static void
data_row(void **state UNUSED)
{
	MessageValue vals[] = {
		message_value("0/3000000"),
		message_value(NULL),
		message_value(""),
		{.data = "\x00\xFF", .len = 2},
	};
	Buf b = buffer();

	message_data_row(&b, vals, 4);
	assert_bytes(&b, "D"
					 "\x00\x00\x00\x21" /* length: 4 + 2 + 13 + 4 + 4 + 6 */
					 "\x00\x04"         /* values */
					 "\x00\x00\x00\x09"
					 "0/3000000"
					 "\xFF\xFF\xFF\xFF" /* -1: NULL */
					 "\x00\x00\x00\x00" /* an empty string is none */
					 "\x00\x00\x00\x02"
					 "\x00\xFF"); /* a value may hold any byte */
}

static void
the_rest(void **state UNUSED)
{
	Buf b = buffer();

	message_command_complete(&b, "SHOW");
	assert_bytes(&b, "C\x00\x00\x00\x09SHOW\0");
	message_empty_query(&b);
	assert_bytes(&b, "I\x00\x00\x00\x04");
	message_copy_done(&b);
	assert_bytes(&b, "c\x00\x00\x00\x04");
	message_copy_both(&b);
	assert_bytes(&b, "W"
					 "\x00\x00\x00\x07" /* length */
					 "\x00"             /* format */
					 "\x00\x00");       /* columns */
}

/* All the messages of a session's start, read back by the other half. */
static void
messages_in_a_row(void **state UNUSED)
{
	static const char types[] = "RSKZ";
	Buf b = buffer();
	size_t pos = 0;

	message_auth_ok(&b);
	message_parameter_status(&b, "server_version", "15.20");
	message_backend_key(&b, 1, (const uint8_t *) "abcd", 4);
	message_ready(&b, 'I');
	for (size_t i = 0; types[i] != '\0'; i++)
	{
		Frame frame;
		ErrInfo err;
		size_t used;

		assert_int_equal(
			frame_parse(b.data + pos, b.len - pos, MAX, &frame, &used, &err),
			FRAME_OK);
		assert_int_equal(frame.type, types[i]);
		pos += used;
	}
	assert_int_equal(pos, b.len);
	buf_clear(&b);
}

static void
a_message_that_does_not_fit_leaves_no_half(void **state UNUSED)
{
	Buf b;

	buf_init(&b, 16);
	message_auth_ok(&b);                  /* 9 bytes */
	message_command_complete(&b, "SHOW"); /* 10 */
	assert_true(b.failed);
	assert_int_equal(b.len, 9);
	message_ready(&b, 'I'); /* would fit, but comes after a failure */
	assert_int_equal(b.len, 9);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authentication_ok),
		cmocka_unit_test(negotiate_protocol_version),
		cmocka_unit_test(parameter_status),
		cmocka_unit_test(backend_key_data),
		cmocka_unit_test(ready_for_query),
		cmocka_unit_test(error_response),
		cmocka_unit_test(an_error_without_a_code_is_internal),
		cmocka_unit_test(notice_response),
		cmocka_unit_test(row_description),
		cmocka_unit_test(data_row),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(messages_in_a_row),
		cmocka_unit_test(a_message_that_does_not_fit_leaves_no_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
