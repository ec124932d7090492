/*
 * test_startup.c
 *		The packets that open a connection.  Bytes from the protocol
 *		documentation, Message Formats.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "mutate.h"
#include "pq/startup.h"
#include "util/buf.h"

/* A string literal's bytes, without the terminator that C adds. */
#define BYTES(literal) (const uint8_t *) (literal), sizeof(literal) - 1

static const char ssl_request[] = "\x00\x00\x00\x08"     /* length */
								  "\x04\xD2\x16\x2F";    /* 1234, 5679 */
static const char gssenc_request[] = "\x00\x00\x00\x08"  /* length */
									 "\x04\xD2\x16\x30"; /* 1234, 5680 */
static const char cancel_request[] = "\x00\x00\x00\x10"  /* length */
									 "\x04\xD2\x16\x2E"  /* 1234, 5678 */
									 "\x00\x00\x12\x34"  /* process id */
									 "\xDE\xAD\xBE\xEF"; /* key */
/* What a standby's walreceiver sends. */
static const char session[] = "\x00\x00\x00\x53"   /* length */
							  "\x00\x03\x00\x00"   /* protocol 3.0 */
							  "user\0"             /* 5 */
							  "berlin\0"           /* 7 */
							  "database\0"         /* 9 */
							  "replication\0"      /* 12 */
							  "replication\0"      /* 12 */
							  "true\0"             /* 5 */
							  "application_name\0" /* 17 */
							  "walrcv\0"           /* 7 */
							  "\0";                /* no more names */

/* Compose a session packet: body is what follows the version. */
static void
compose(Buf *b, uint32_t version, const char *body, size_t body_len)
{
	buf_init(b, STARTUP_MAX_LEN * 2);
	buf_put_be32(b, (uint32_t) (8 + body_len));
	buf_put_be32(b, version);
	buf_put_bytes(b, body, body_len);
}

static void
compose_replication(Buf *b, const char *value)
{
	char body[256];
	int n = snprintf(
		body, sizeof(body), "user%cu%creplication%c%s%c", 0, 0, 0, value, 0);

	body[n++] = '\0';
	compose(b, PROTOCOL_3_0, body, (size_t) n);
}

static FrameStatus
parse(const Buf *b, StartupPacket *packet, ErrInfo *err)
{
	size_t used;
	FrameStatus status = startup_parse(b->data, b->len, packet, &used, err);

	if (status == FRAME_OK)
		assert_int_equal(used, b->len);
	return status;
}

static void
requests_for_encryption(void **state UNUSED)
{
	StartupPacket packet;
	ErrInfo err;
	size_t used;

	assert_int_equal(
		startup_parse(BYTES(ssl_request), &packet, &used, &err), FRAME_OK);
	assert_int_equal(packet.kind, STARTUP_SSL);
	assert_int_equal(used, 8);
	assert_int_equal(
		startup_parse(BYTES(gssenc_request), &packet, &used, &err), FRAME_OK);
	assert_int_equal(packet.kind, STARTUP_GSSENC);
	assert_int_equal(used, 8);
}

static void
a_request_for_encryption_has_no_body(void **state UNUSED)
{
	StartupPacket packet;
	ErrInfo err;
	size_t used;

	assert_int_equal(startup_parse(BYTES("\x00\x00\x00\x09\x04\xD2\x16\x2F"),
						 &packet, &used, &err),
		FRAME_BAD);
	assert_string_equal(err.sqlstate, "08P01");
}

static void
a_cancel_request_with_a_short_key(void **state UNUSED)
{
	StartupPacket packet;
	ErrInfo err;
	size_t used;

	assert_int_equal(
		startup_parse(BYTES(cancel_request), &packet, &used, &err), FRAME_OK);
	assert_int_equal(packet.kind, STARTUP_CANCEL);
	assert_int_equal(packet.cancel_pid, 0x1234);
	assert_int_equal(packet.cancel_key_len, 4);
	assert_memory_equal(packet.cancel_key, "\xDE\xAD\xBE\xEF", 4);
	assert_int_equal(used, 16);
}

static void
a_cancel_key_has_4_to_256_bytes(void **state UNUSED)
{
	static const struct
	{
		uint32_t key_len;
		FrameStatus want;
	} rows[] = {
		{0, FRAME_BAD},
		{3, FRAME_BAD},
		{4, FRAME_OK},
		{32, FRAME_OK},
		{256, FRAME_OK},
		{257, FRAME_BAD},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		uint8_t data[12 + 257] = {0};
		uint32_t len = 12 + rows[i].key_len;
		StartupPacket packet;
		ErrInfo err;
		size_t used;

		memcpy(data, cancel_request, 12);
		store_be32(data, len);
		/* Too short or too long is known before the key is there. */
		assert_int_equal(startup_parse(data, 8, &packet, &used, &err),
			rows[i].want == FRAME_OK ? FRAME_MORE : FRAME_BAD);
		assert_int_equal(
			startup_parse(data, len, &packet, &used, &err), rows[i].want);
		if (rows[i].want == FRAME_OK)
			assert_int_equal(packet.cancel_key_len, rows[i].key_len);
	}
}

static void
a_standby_says_who_it_is(void **state UNUSED)
{
	StartupPacket packet;
	ErrInfo err;
	size_t used;

	assert_int_equal(
		startup_parse(BYTES(session), &packet, &used, &err), FRAME_OK);
	assert_int_equal(used, 0x53);
	assert_int_equal(packet.kind, STARTUP_SESSION);
	assert_int_equal(packet.requested, 0x00030000);
	assert_int_equal(packet.version, PROTOCOL_3_0);
	assert_false(packet.negotiate);
	assert_int_equal(packet.extension_count, 0);
	assert_string_equal(packet.user, "berlin");
	assert_string_equal(packet.database, "replication");
	assert_string_equal(packet.application_name, "walrcv");
	assert_string_equal(packet.options, "");
	assert_int_equal(packet.replication, STARTUP_REPLICATION_PHYSICAL);
}

static void
every_beginning_asks_for_more(void **state UNUSED)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} rows[] = {
		{ssl_request, sizeof(ssl_request) - 1},
		{gssenc_request, sizeof(gssenc_request) - 1},
		{cancel_request, sizeof(cancel_request) - 1},
		{session, sizeof(session) - 1},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		for (size_t len = 0; len < rows[i].len; len++)
		{
			uint8_t *data = exact_copy(rows[i].bytes, len);
			StartupPacket packet = {.cancel_pid = 5};
			ErrInfo err;
			size_t used = 77;

			assert_int_equal(
				startup_parse(data, len, &packet, &used, &err), FRAME_MORE);
			assert_int_equal(packet.cancel_pid, 5);
			assert_int_equal(used, 77);
			free(data);
		}
	}
}

/* A packet that says that it is complete, and is not, has a bad layout. */
static void
every_shorter_packet_is_an_error(void **state UNUSED)
{
	for (uint32_t len = 8; len < sizeof(session) - 1; len++)
	{
		uint8_t *data = exact_copy(session, len);
		StartupPacket packet;
		ErrInfo err;
		size_t used;

		store_be32(data, len);
		assert_int_equal(
			startup_parse(data, len, &packet, &used, &err), FRAME_BAD);
		assert_string_equal(err.sqlstate, "08P01");
		free(data);
	}
}

static void
a_bad_beginning_is_found_early(void **state UNUSED)
{
	static const struct
	{
		const char *name;
		const char *bytes;
		size_t len;       /* where it is found */
		const char *want; /* part of the message */
		const char *sqlstate;
	} rows[] = {
		{"direct TLS", "\x16", 1, "TLS", "08P01"},
		{"HTTP", "GET ", 4, "length", "08P01"},
		{"length 0", "\x00\x00\x00\x00", 4, "length", "08P01"},
		{"length 7", "\x00\x00\x00\x07", 4, "length", "08P01"},
		{"length 10001", "\x00\x00\x27\x11", 4, "length", "08P01"},
		{"length -1", "\xFF\xFF\xFF\xFF", 4, "-1", "08P01"},
		{"protocol 2.0", "\x00\x00\x01\x28\x00\x02\x00\x00", 8, "2.0", "0A000"},
		{"protocol 4.0", "\x00\x00\x01\x28\x00\x04\x00\x00", 8, "4.0", "0A000"},
		{"unknown code", "\x00\x00\x00\x08\x04\xD2\x16\x31", 8, "1234.5681",
			"0A000"},
		{"zeros", "\x00\x00\x00\x08\x00\x00\x00\x00", 8, "0.0", "0A000"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		for (size_t len = 0; len <= rows[i].len; len++)
		{
			uint8_t *data = exact_copy(rows[i].bytes, len);
			StartupPacket packet;
			ErrInfo err = {.sqlstate = ""};
			size_t used;

			assert_int_equal(startup_parse(data, len, &packet, &used, &err),
				len < rows[i].len ? FRAME_MORE : FRAME_BAD);
			if (len == rows[i].len)
			{
				assert_string_equal(err.sqlstate, rows[i].sqlstate);
				assert_non_null(strstr(err.message, rows[i].want));
			}
			free(data);
		}
	}
}

static void
the_longest_packet_is_10000_bytes(void **state UNUSED)
{
	char body[STARTUP_MAX_LEN - 8];
	StartupPacket packet;
	ErrInfo err;
	Buf b;

	/* user, a value as long as it can be, and the two terminators */
	memset(body, 'x', sizeof(body));
	memcpy(body, "user", 5);
	body[sizeof(body) - 2] = '\0';
	body[sizeof(body) - 1] = '\0';
	compose(&b, PROTOCOL_3_0, body, sizeof(body));
	assert_int_equal(b.len, 10000);
	assert_int_equal(parse(&b, &packet, &err), FRAME_OK);
	assert_int_equal(strlen(packet.user), sizeof(body) - 5 - 2);
	buf_clear(&b);
}

static void
layouts_that_are_wrong(void **state UNUSED)
{
	static const struct
	{
		const char *name;
		const char *body;
		size_t len;
	} rows[] = {
		{"nothing at all", "", 0},
		{"no final zero byte", "user\0u\0", 7},
		{"a name without a value", "user\0", 5},
		{"a value without an end", "user\0u", 6},
		{"bytes after the end", "user\0u\0\0x", 9},
		{"a zero byte too many", "user\0u\0\0\0", 9},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		StartupPacket packet;
		ErrInfo err;
		Buf b;

		compose(&b, PROTOCOL_3_0, rows[i].body, rows[i].len);
		assert_int_equal(parse(&b, &packet, &err), FRAME_BAD);
		assert_string_equal(err.sqlstate, "08P01");
		buf_clear(&b);
	}
}

static void
a_session_needs_a_user(void **state UNUSED)
{
	static const struct
	{
		const char *body;
		size_t len;
	} rows[] = {
		{"", 1}, {"user\0\0", 7}, {"database\0d\0", 12},
		{"user\0u\0user\0\0", 14}, /* the last one counts */
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		StartupPacket packet;
		ErrInfo err;
		Buf b;

		compose(&b, PROTOCOL_3_0, rows[i].body, rows[i].len);
		assert_int_equal(parse(&b, &packet, &err), FRAME_BAD);
		assert_string_equal(err.sqlstate, "28000");
		buf_clear(&b);
	}
}

static void
what_is_not_given_has_a_default(void **state UNUSED)
{
	StartupPacket packet;
	ErrInfo err;
	Buf b;

	compose(&b, PROTOCOL_3_0,
		(const char *) BYTES(
			"user\0u\0client_encoding\0UTF8\0DateStyle\0ISO\0\0"));
	assert_int_equal(parse(&b, &packet, &err), FRAME_OK);
	assert_string_equal(packet.user, "u");
	assert_string_equal(packet.database, "u");
	assert_string_equal(packet.application_name, "");
	assert_string_equal(packet.options, "");
	assert_int_equal(packet.replication, STARTUP_REPLICATION_NONE);
	buf_clear(&b);
}

/* The words and their shortest forms: PostgreSQL documentation, Boolean Type. */
static void
values_of_replication(void **state UNUSED)
{
	static const struct
	{
		const char *value;
		int want; /* -1: an error */
	} rows[] = {
		{"true", STARTUP_REPLICATION_PHYSICAL},
		{"t", STARTUP_REPLICATION_PHYSICAL},
		{"TRU", STARTUP_REPLICATION_PHYSICAL},
		{"yes", STARTUP_REPLICATION_PHYSICAL},
		{"y", STARTUP_REPLICATION_PHYSICAL},
		{"on", STARTUP_REPLICATION_PHYSICAL},
		{"On", STARTUP_REPLICATION_PHYSICAL},
		{"1", STARTUP_REPLICATION_PHYSICAL},
		{"database", STARTUP_REPLICATION_LOGICAL},
		{"false", STARTUP_REPLICATION_NONE},
		{"f", STARTUP_REPLICATION_NONE},
		{"no", STARTUP_REPLICATION_NONE},
		{"n", STARTUP_REPLICATION_NONE},
		{"off", STARTUP_REPLICATION_NONE},
		{"of", STARTUP_REPLICATION_NONE},
		{"0", STARTUP_REPLICATION_NONE},
		{"", -1},
		{"o", -1}, /* on or off? */
		{"truest", -1},
		{"10", -1},
		{"2", -1},
		{" true", -1},
		{"Database", -1},
		{"data", -1},
		{"physical", -1},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		StartupPacket packet;
		ErrInfo err;
		Buf b;

		compose_replication(&b, rows[i].value);
		if (rows[i].want < 0)
		{
			assert_int_equal(parse(&b, &packet, &err), FRAME_BAD);
			assert_string_equal(err.sqlstate, "22023");
		}
		else
		{
			assert_int_equal(parse(&b, &packet, &err), FRAME_OK);
			assert_int_equal(packet.replication, rows[i].want);
		}
		buf_clear(&b);
	}
}

static void
newer_minors_are_negotiated(void **state UNUSED)
{
	static const struct
	{
		uint32_t requested;
		uint32_t version;
		bool negotiate;
	} rows[] = {
		{0x00030000, 0x00030000, false},
		{0x00030001, 0x00030000, true},
		{0x00030002, 0x00030002, false},
		{0x00030003, 0x00030002, true},
		{0x0003270F, 0x00030002, true}, /* 3.9999 */
		{0x0003FFFF, 0x00030002, true},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		StartupPacket packet;
		ErrInfo err;
		Buf b;

		compose(&b, rows[i].requested, (const char *) BYTES("user\0u\0\0"));
		assert_int_equal(parse(&b, &packet, &err), FRAME_OK);
		assert_int_equal(packet.requested, rows[i].requested);
		assert_int_equal(packet.version, rows[i].version);
		assert_int_equal(packet.negotiate, rows[i].negotiate);
		buf_clear(&b);
	}
}

static void
unknown_extensions_are_listed(void **state UNUSED)
{
	StartupPacket packet;
	ErrInfo err;
	Buf b;

	compose(&b, PROTOCOL_3_0,
		(const char *) BYTES(
			"user\0u\0_pq_.one\0on\0_pq_x\0y\0_pq_.two\0\0\0"));
	assert_int_equal(parse(&b, &packet, &err), FRAME_OK);
	assert_true(packet.negotiate);
	assert_int_equal(packet.version, PROTOCOL_3_0);
	assert_int_equal(packet.extension_count, 2);
	assert_string_equal(packet.extensions[0], "_pq_.one");
	assert_string_equal(packet.extensions[1], "_pq_.two");
	buf_clear(&b);
}

static void
extensions_are_bounded(void **state UNUSED)
{
	for (size_t count = STARTUP_MAX_EXTENSIONS;
		 count <= STARTUP_MAX_EXTENSIONS + 1; count++)
	{
		StartupPacket packet;
		ErrInfo err;
		Buf b;

		buf_init(&b, STARTUP_MAX_LEN);
		buf_put_be32(&b, 0);
		buf_put_be32(&b, PROTOCOL_3_0);
		buf_put_cstring(&b, "user");
		buf_put_cstring(&b, "u");
		for (size_t i = 0; i < count; i++)
		{
			buf_put_cstring(&b, "_pq_.x");
			buf_put_cstring(&b, "");
		}
		buf_put_u8(&b, 0);
		buf_poke_be32(&b, 0, (uint32_t) b.len);
		if (count <= STARTUP_MAX_EXTENSIONS)
		{
			assert_int_equal(parse(&b, &packet, &err), FRAME_OK);
			assert_int_equal(packet.extension_count, count);
		}
		else
		{
			assert_int_equal(parse(&b, &packet, &err), FRAME_BAD);
			assert_string_equal(err.sqlstate, "08P01");
		}
		buf_clear(&b);
	}
}

static void
what_follows_a_packet_is_left_alone(void **state UNUSED)
{
	uint8_t both[sizeof(ssl_request) - 1 + sizeof(session) - 1];
	StartupPacket packet;
	ErrInfo err;
	size_t used;

	memcpy(both, ssl_request, 8);
	memcpy(both + 8, session, sizeof(session) - 1);
	assert_int_equal(
		startup_parse(both, sizeof(both), &packet, &used, &err), FRAME_OK);
	assert_int_equal(packet.kind, STARTUP_SSL);
	assert_int_equal(used, 8);
	assert_int_equal(
		startup_parse(both + 8, sizeof(both) - 8, &packet, &used, &err),
		FRAME_OK);
	assert_string_equal(packet.user, "berlin");
}

static void
damage_never_reads_past_the_end(void **state UNUSED)
{
	uint64_t seed = 2;

	for (int i = 0; i < MUTATIONS; i++)
	{
		bool cancel = i % 8 == 0;
		const char *bytes = cancel ? cancel_request : session;
		size_t size = cancel ? sizeof(cancel_request) : sizeof(session);
		size_t len;
		size_t used;
		uint8_t *data = mutated_copy(&seed, bytes, size - 1, &len);
		StartupPacket packet;
		ErrInfo err = {.sqlstate = ""};
		FrameStatus status = startup_parse(data, len, &packet, &used, &err);

		if (status == FRAME_OK)
		{
			assert_true(used <= len);
			if (packet.kind == STARTUP_SESSION)
			{
				assert_true(strlen(packet.user) > 0);
				assert_true(strlen(packet.database) > 0);
				assert_true(strlen(packet.application_name) < len);
				assert_true(strlen(packet.options) < len);
			}
		}
		else
			assert_int_equal(status == FRAME_BAD, err.sqlstate[0] != '\0');
		free(data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_for_encryption),
		cmocka_unit_test(a_request_for_encryption_has_no_body),
		cmocka_unit_test(a_cancel_request_with_a_short_key),
		cmocka_unit_test(a_cancel_key_has_4_to_256_bytes),
		cmocka_unit_test(a_standby_says_who_it_is),
		cmocka_unit_test(every_beginning_asks_for_more),
		cmocka_unit_test(every_shorter_packet_is_an_error),
		cmocka_unit_test(a_bad_beginning_is_found_early),
		cmocka_unit_test(the_longest_packet_is_10000_bytes),
		cmocka_unit_test(layouts_that_are_wrong),
		cmocka_unit_test(a_session_needs_a_user),
		cmocka_unit_test(what_is_not_given_has_a_default),
		cmocka_unit_test(values_of_replication),
		cmocka_unit_test(newer_minors_are_negotiated),
		cmocka_unit_test(unknown_extensions_are_listed),
		cmocka_unit_test(extensions_are_bounded),
		cmocka_unit_test(what_follows_a_packet_is_left_alone),
		cmocka_unit_test(damage_never_reads_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
