/*
 * test_replication.c
 *		WAL stream messages in both directions.  Expected bytes written by hand
 *		from the protocol documentation, Streaming Replication Protocol.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mutate.h"
#include "pq/frame.h"
#include "pq/replication.h"

#define BYTES(literal) (const uint8_t *) (literal), sizeof(literal) - 1

static const char status[] = "r"
							 "\x00\x00\x00\x01\x02\x00\x00\x00" /* write */
							 "\x00\x00\x00\x01\x01\x00\x00\x00" /* flush */
							 "\x00\x00\x00\x01\x00\x00\x00\x00" /* apply */
							 "\x00\x02\xC0\x2D\x00\x00\x00\x05" /* time */
							 "\x01"; /* please answer */

static const char feedback[] = "h"
							   "\x00\x02\xC0\x2D\x00\x00\x00\x05" /* time */
							   "\x00\x00\x03\xE8"                 /* xmin */
							   "\x00\x00\x00\x01"  /* its epoch */
							   "\x00\x00\x03\xE7"  /* catalog xmin */
							   "\x00\x00\x00\x02"; /* its epoch */

static const char keepalive[] = "k"
								"\x00\x00\x00\x01\x02\x00\x00\x00" /* end */
								"\x00\x02\xC0\x2D\x00\x00\x00\x05" /* time */
								"\x01"; /* please answer */

static const char data[] = "w"
						   "\x00\x00\x00\x01\x00\x00\x00\x00" /* start */
						   "\x00\x00\x00\x01\x02\x00\x00\x00" /* end */
						   "\x00\x02\xC0\x2D\x00\x00\x00\x05" /* time */
						   "WAL!";

#define NOW INT64_C(0x0002C02D00000005)

static void
header_of_a_wal_message(void **state UNUSED)
{
	static const char want[] = "d"
							   "\x00\x00\x00\x21" /* length: 4 + 25 + 4 */
							   "w"
							   "\x00\x00\x00\x01\x00\x00\x00\x00"  /* start */
							   "\x00\x00\x00\x01\x02\x00\x00\x00"  /* end */
							   "\x00\x02\xC0\x2D\x00\x00\x00\x05"; /* time */
	uint8_t out[REPLICATION_WAL_HEADER_SIZE];

	assert_int_equal(sizeof(want) - 1, REPLICATION_WAL_HEADER_SIZE);
	replication_wal_header(
		out, 4, UINT64_C(0x100000000), UINT64_C(0x102000000), NOW);
	assert_memory_equal(out, want, sizeof(out));

	/* The largest message: 4 + 25 + 131072. */
	replication_wal_header(out, REPLICATION_WAL_MAX, 1, 2, NOW);
	assert_memory_equal(out, "d\x00\x02\x00\x1D", 5);
}

static void
keepalive_message(void **state UNUSED)
{
	static const char header[] = "d"
								 "\x00\x00\x00\x16"; /* length: 4 + 18 */
	Buf b;

	buf_init(&b, 100);
	message_keepalive(&b, UINT64_C(0x102000000), NOW, true);
	assert_int_equal(b.len, 5 + 18);
	assert_memory_equal(b.data, header, 5);
	assert_memory_equal(b.data + 5, keepalive, 18);
	message_keepalive(&b, 1, NOW, false);
	assert_int_equal(b.data[b.len - 1], 0);
	buf_clear(&b);
}

static void
a_keepalive_that_does_not_fit(void **state UNUSED)
{
	Buf b;

	buf_init(&b, 22);
	message_keepalive(&b, 1, NOW, true);
	assert_true(b.failed);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

static void
decode_a_status_reply(void **state UNUSED)
{
	ReplicationReply reply;
	ErrInfo err;

	assert_true(replication_decode_client(BYTES(status), &reply, &err));
	assert_int_equal(reply.kind, REPLICATION_STATUS);
	assert_true(reply.write == UINT64_C(0x102000000));
	assert_true(reply.flush == UINT64_C(0x101000000));
	assert_true(reply.apply == UINT64_C(0x100000000));
	assert_true(reply.time == NOW);
	assert_true(reply.reply_requested);
	assert_int_equal(reply.xmin, 0);
}

static void
decode_hot_standby_feedback(void **state UNUSED)
{
	ReplicationReply reply;
	ErrInfo err;

	assert_true(replication_decode_client(BYTES(feedback), &reply, &err));
	assert_int_equal(reply.kind, REPLICATION_FEEDBACK);
	assert_true(reply.time == NOW);
	assert_int_equal(reply.xmin, 1000);
	assert_int_equal(reply.xmin_epoch, 1);
	assert_int_equal(reply.catalog_xmin, 999);
	assert_int_equal(reply.catalog_xmin_epoch, 2);
	assert_true(reply.write == 0);
}

static void
encode_what_a_receiver_says(void **state UNUSED)
{
	ReplicationReply reply = {
		.kind = REPLICATION_STATUS,
		.time = NOW,
		.write = UINT64_C(0x102000000),
		.flush = UINT64_C(0x101000000),
		.apply = UINT64_C(0x100000000),
		.reply_requested = true,
		.xmin = 1000,
		.xmin_epoch = 1,
		.catalog_xmin = 999,
		.catalog_xmin_epoch = 2,
	};
	Buf b;

	buf_init(&b, 100);
	replication_encode_client(&b, &reply);
	assert_int_equal(b.len, 34);
	assert_memory_equal(b.data, status, 34);

	buf_reset(&b);
	reply.kind = REPLICATION_FEEDBACK;
	replication_encode_client(&b, &reply);
	assert_int_equal(b.len, 25);
	assert_memory_equal(b.data, feedback, 25);
	buf_clear(&b);
}

static void
decode_wal(void **state UNUSED)
{
	ReplicationWal wal;
	ErrInfo err;

	assert_true(replication_decode_server(BYTES(data), &wal, &err));
	assert_int_equal(wal.kind, REPLICATION_DATA);
	assert_true(wal.start == UINT64_C(0x100000000));
	assert_true(wal.end == UINT64_C(0x102000000));
	assert_true(wal.time == NOW);
	assert_int_equal(wal.len, 4);
	assert_ptr_equal(wal.data, data + 25);
}

static void
decode_a_keepalive(void **state UNUSED)
{
	ReplicationWal wal;
	ErrInfo err;

	assert_true(replication_decode_server(BYTES(keepalive), &wal, &err));
	assert_int_equal(wal.kind, REPLICATION_KEEPALIVE);
	assert_true(wal.end == UINT64_C(0x102000000));
	assert_true(wal.time == NOW);
	assert_true(wal.reply_requested);
	assert_int_equal(wal.len, 0);
}

/* What we send to a standby is what an upstream would send to us. */
static void
our_wal_reads_as_the_upstreams(void **state UNUSED)
{
	uint8_t message[REPLICATION_WAL_HEADER_SIZE + 3] = {0};
	Frame frame;
	ReplicationWal wal;
	ErrInfo err;
	size_t used;

	replication_wal_header(message, 3, 0x1000, 0x2000, -1);
	assert_int_equal(
		frame_parse(message, sizeof(message), 100, &frame, &used, &err),
		FRAME_OK);
	assert_int_equal(frame.type, FRAME_COPY_DATA);
	assert_int_equal(used, sizeof(message));
	assert_true(replication_decode_server(frame.body, frame.len, &wal, &err));
	assert_true(wal.start == 0x1000 && wal.end == 0x2000 && wal.time == -1);
	assert_int_equal(wal.len, 3);
}

/* Each length but the right one is an error, and the output stays. */
static void
lengths_are_exact(void **state UNUSED)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} rows[] = {
		{status, sizeof(status) - 1},
		{feedback, sizeof(feedback) - 1},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		for (size_t len = 0; len <= rows[i].len + 1; len++)
		{
			/* One byte more: the terminator of the literal. */
			uint8_t *body = exact_copy(rows[i].bytes, len);
			ReplicationReply reply = {.time = 7};
			ErrInfo err = {.sqlstate = ""};
			bool ok = replication_decode_client(body, len, &reply, &err);

			assert_int_equal(ok, len == rows[i].len);
			assert_string_equal(err.sqlstate, ok ? "" : "08P01");
			assert_true(ok || reply.time == 7);
			free(body);
		}
	}
}

static void
lengths_from_the_upstream(void **state UNUSED)
{
	for (size_t len = 0; len <= sizeof(keepalive); len++)
	{
		uint8_t *body = exact_copy(keepalive, len);
		ReplicationWal wal = {.time = 7};
		ErrInfo err = {.sqlstate = ""};
		bool ok = replication_decode_server(body, len, &wal, &err);

		assert_int_equal(ok, len == 18);
		assert_string_equal(err.sqlstate, ok ? "" : "08P01");
		assert_true(ok || wal.time == 7);
		free(body);
	}
	for (size_t len = 0; len < sizeof(data); len++)
	{
		uint8_t *body = exact_copy(data, len);
		ReplicationWal wal;
		ErrInfo err;

		if (replication_decode_server(body, len, &wal, &err))
			assert_int_equal(wal.len, len - 25);
		else
			assert_true(len < 25);
		free(body);
	}
}

static void
other_kinds_are_refused(void **state UNUSED)
{
	for (int kind = 0; kind < 256; kind++)
	{
		uint8_t body[34] = {(uint8_t) kind};
		ReplicationReply reply;
		ReplicationWal wal;
		ErrInfo err;

		if (!replication_decode_client(
				body, kind == 'h' ? 25 : 34, &reply, &err))
			assert_string_equal(err.sqlstate, "08P01");
		else
			assert_true(kind == 'r' || kind == 'h');
		if (!replication_decode_server(body, kind == 'k' ? 18 : 34, &wal, &err))
			assert_string_equal(err.sqlstate, "08P01");
		else
			assert_true(kind == 'w' || kind == 'k');
	}
}

static void
damage_never_reads_past_the_end(void **state UNUSED)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} rows[] = {
		{status, sizeof(status) - 1},
		{feedback, sizeof(feedback) - 1},
		{keepalive, sizeof(keepalive) - 1},
		{data, sizeof(data) - 1},
	};
	uint64_t seed = 3;

	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t row = (size_t) i % lengthof(rows);
		size_t len;
		uint8_t *body =
			mutated_copy(&seed, rows[row].bytes, rows[row].len, &len);
		ReplicationReply reply;
		ReplicationWal wal;
		ErrInfo err;

		if (replication_decode_client(body, len, &reply, &err))
		{
			/* What was read is what would be written. */
			Buf b;

			buf_init(&b, 100);
			replication_encode_client(&b, &reply);
			assert_int_equal(b.len, len);
			/* but for the flag: any byte that is not zero is true */
			if (reply.kind == REPLICATION_FEEDBACK)
				assert_memory_equal(b.data, body, len);
			else
				assert_memory_equal(b.data, body, len - 1);
			buf_clear(&b);
		}
		if (replication_decode_server(body, len, &wal, &err) &&
			wal.kind == REPLICATION_DATA)
			assert_true(wal.data == body + 25 && wal.len == len - 25);
		free(body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_of_a_wal_message),
		cmocka_unit_test(keepalive_message),
		cmocka_unit_test(a_keepalive_that_does_not_fit),
		cmocka_unit_test(decode_a_status_reply),
		cmocka_unit_test(decode_hot_standby_feedback),
		cmocka_unit_test(encode_what_a_receiver_says),
		cmocka_unit_test(decode_wal),
		cmocka_unit_test(decode_a_keepalive),
		cmocka_unit_test(our_wal_reads_as_the_upstreams),
		cmocka_unit_test(lengths_are_exact),
		cmocka_unit_test(lengths_from_the_upstream),
		cmocka_unit_test(other_kinds_are_refused),
		cmocka_unit_test(damage_never_reads_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
