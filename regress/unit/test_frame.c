/*
 * test_frame.c
 *		Messages are found, and wrong lengths are.  Bytes from the protocol
 *		documentation, Message Formats.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mutate.h"
#include "pq/frame.h"

/* libpq.h, PQ_SMALL_MESSAGE_LIMIT */
#define BODY_MAX 10000

static const uint8_t query[] = {
	'Q',                    /* type */
	0x00, 0x00, 0x00, 0x0D, /* length: itself (4) and the string (9) */
	'S', 'E', 'L', 'E', 'C', 'T', ' ', '1', 0x00, /* the string */
};

static const uint8_t copy_done[] = {
	'c',                    /* type */
	0x00, 0x00, 0x00, 0x04, /* length: no body */
};

static void
a_message_is_taken_whole(void **state UNUSED)
{
	Frame frame;
	ErrInfo err;
	size_t used;

	assert_int_equal(
		frame_parse(query, sizeof(query), BODY_MAX, &frame, &used, &err),
		FRAME_OK);
	assert_int_equal(frame.type, FRAME_QUERY);
	assert_ptr_equal(frame.body, query + 5);
	assert_int_equal(frame.len, 9);
	assert_int_equal(used, sizeof(query));
}

static void
a_body_may_be_empty(void **state UNUSED)
{
	Frame frame;
	ErrInfo err;
	size_t used;

	assert_int_equal(
		frame_parse(copy_done, sizeof(copy_done), 0, &frame, &used, &err),
		FRAME_OK);
	assert_int_equal(frame.type, FRAME_COPY_DONE);
	assert_int_equal(frame.len, 0);
	assert_int_equal(used, 5);
}

static void
the_next_message_is_left_alone(void **state UNUSED)
{
	uint8_t both[sizeof(query) + sizeof(copy_done)];
	Frame frame;
	ErrInfo err;
	size_t used;

	memcpy(both, query, sizeof(query));
	memcpy(both + sizeof(query), copy_done, sizeof(copy_done));
	assert_int_equal(
		frame_parse(both, sizeof(both), BODY_MAX, &frame, &used, &err),
		FRAME_OK);
	assert_int_equal(used, sizeof(query));
	assert_int_equal(frame_parse(both + used, sizeof(both) - used, BODY_MAX,
						 &frame, &used, &err),
		FRAME_OK);
	assert_int_equal(frame.type, FRAME_COPY_DONE);
}

static void
every_beginning_asks_for_more(void **state UNUSED)
{
	for (size_t len = 0; len < sizeof(query); len++)
	{
		uint8_t *data = exact_copy(query, len);
		Frame frame = {.type = 1};
		ErrInfo err;
		size_t used = 77;

		assert_int_equal(
			frame_parse(data, len, BODY_MAX, &frame, &used, &err), FRAME_MORE);
		assert_int_equal(frame.type, 1);
		assert_int_equal(used, 77);
		free(data);
	}
}

static void
a_bad_length_is_found_with_the_fifth_byte(void **state UNUSED)
{
	static const struct
	{
		uint8_t bytes[5];
		size_t max_body;
		FrameStatus want;
	} rows[] = {
		{{'d', 0x00, 0x00, 0x00, 0x00}, 100, FRAME_BAD},
		{{'d', 0x00, 0x00, 0x00, 0x03}, 100, FRAME_BAD},
		{{'d', 0x00, 0x00, 0x00, 0x04}, 100, FRAME_OK},
		{{'d', 0x00, 0x00, 0x00, 0x68}, 100, FRAME_MORE}, /* 4 + 100 */
		{{'d', 0x00, 0x00, 0x00, 0x69}, 100, FRAME_BAD},  /* 4 + 101 */
		{{'d', 0x7F, 0xFF, 0xFF, 0xFF}, 100, FRAME_BAD},
		{{'d', 0x80, 0x00, 0x00, 0x00}, 100, FRAME_BAD}, /* INT32_MIN */
		{{'d', 0xFF, 0xFF, 0xFF, 0xFF}, 100, FRAME_BAD}, /* -1 */
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		uint8_t *data = exact_copy(rows[i].bytes, 5);
		Frame frame;
		ErrInfo err = {.sqlstate = ""};
		size_t used;

		assert_int_equal(
			frame_parse(data, 4, rows[i].max_body, &frame, &used, &err),
			FRAME_MORE);
		assert_int_equal(
			frame_parse(data, 5, rows[i].max_body, &frame, &used, &err),
			rows[i].want);
		assert_string_equal(
			err.sqlstate, rows[i].want == FRAME_BAD ? "08P01" : "");
		free(data);
	}
}

static void
query_text_is_one_terminated_string(void **state UNUSED)
{
	static const struct
	{
		const char *body;
		size_t len;
		const char *want; /* NULL: an error */
	} rows[] = {
		{"SHOW x", 7, "SHOW x"}, {"", 1, ""}, {"", 0, NULL},
		{"SHOW x", 6, NULL},   /* no terminator */
		{"SHOW\0x", 7, NULL},  /* bytes after it */
		{"SHOW x\0", 8, NULL}, /* two of them */
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		uint8_t *body = exact_copy(rows[i].body, rows[i].len);
		Frame frame = {.type = 'Q', .body = body, .len = rows[i].len};
		const char *text = NULL;
		ErrInfo err = {.sqlstate = ""};

		if (rows[i].want != NULL)
		{
			assert_true(frame_query_text(&frame, &text, &err));
			assert_string_equal(text, rows[i].want);
		}
		else
		{
			assert_false(frame_query_text(&frame, &text, &err));
			assert_string_equal(err.sqlstate, "08P01");
			assert_null(text);
		}
		free(body);
	}
}

static void
damage_never_reads_past_the_end(void **state UNUSED)
{
	uint64_t seed = 1;

	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t len;
		size_t used;
		uint8_t *data = mutated_copy(&seed, query, sizeof(query), &len);
		Frame frame;
		ErrInfo err;

		if (frame_parse(data, len, 64, &frame, &used, &err) == FRAME_OK)
		{
			const char *text;

			assert_true(used <= len && used == frame.len + 5);
			assert_true(frame.len <= 64);
			if (frame_query_text(&frame, &text, &err))
				assert_int_equal(strlen(text) + 1, frame.len);
		}
		free(data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_taken_whole),
		cmocka_unit_test(a_body_may_be_empty),
		cmocka_unit_test(the_next_message_is_left_alone),
		cmocka_unit_test(every_beginning_asks_for_more),
		cmocka_unit_test(a_bad_length_is_found_with_the_fifth_byte),
		cmocka_unit_test(query_text_is_one_terminated_string),
		cmocka_unit_test(damage_never_reads_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
