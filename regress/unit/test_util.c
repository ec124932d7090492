/*
 * test_util.c
 *		The utility layer: buffers, WAL positions, networks, errors, levels,
 *		arrays by OID.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "util/buf.h"
#include "util/errinfo.h"
#include "util/log.h"
#include "util/lsn.h"
#include "util/net.h"
#include "util/oidarray.h"

/* buf */

static void
reader_takes_each_width_in_its_byte_order(void **state UNUSED)
{
	static const uint8_t bytes[] = {
		0x01,                                           /* u8 */
		0x01, 0x02,                                     /* be16 */
		0x01, 0x02, 0x03, 0x04,                         /* be32 */
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* be64 */
		0x01, 0x02,                                     /* le16 */
		0x01, 0x02, 0x03, 0x84,                         /* le32 */
		'a', 'b', 0,                                    /* cstring */
		0x7f                                            /* skipped */
	};
	BufReader r = buf_reader(bytes, sizeof(bytes));
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	const char *s;

	assert_true(buf_get_u8(&r, &u8));
	assert_int_equal(u8, 1);
	assert_true(buf_get_be16(&r, &u16));
	assert_int_equal(u16, 0x0102);
	assert_true(buf_get_be32(&r, &u32));
	assert_int_equal(u32, 0x01020304);
	assert_true(buf_get_be64(&r, &u64));
	assert_true(u64 == UINT64_C(0x0102030405060708));
	assert_true(buf_get_le16(&r, &u16));
	assert_int_equal(u16, 0x0201);
	assert_true(buf_get_le32(&r, &u32));
	assert_true(u32 == UINT32_C(0x84030201));
	assert_true(buf_get_cstring(&r, &s));
	assert_string_equal(s, "ab");
	assert_true(buf_skip(&r, 1));
	assert_int_equal(buf_left(&r), 0);
}

static void
reader_past_the_end_changes_nothing(void **state UNUSED)
{
	static const uint8_t bytes[] = {'a', 'b', 'c', 'd', 'e', 'f', 'g'};

	for (size_t len = 0; len <= sizeof(bytes); len++)
	{
		BufReader r = buf_reader(bytes, len);
		uint8_t u8 = 42;
		uint16_t u16 = 42;
		uint32_t u32 = 42;
		uint64_t u64 = 42;
		const uint8_t *p = NULL;
		const char *s = NULL;

		assert_false(buf_get_be64(&r, &u64));
		assert_false(buf_get_cstring(&r, &s)); /* no terminator */
		assert_false(buf_get_bytes(&r, len + 1, &p));
		assert_false(buf_get_bytes(&r, SIZE_MAX, &p));
		assert_false(buf_skip(&r, SIZE_MAX));
		if (len < 4)
		{
			assert_false(buf_get_be32(&r, &u32));
			assert_false(buf_get_le32(&r, &u32));
		}
		if (len < 2)
		{
			assert_false(buf_get_be16(&r, &u16));
			assert_false(buf_get_le16(&r, &u16));
		}
		if (len < 1)
			assert_false(buf_get_u8(&r, &u8));
		assert_true(u8 == 42 && u16 == 42 && u32 == 42 && u64 == 42);
		assert_true(p == NULL && s == NULL && r.pos == 0);
		assert_true(buf_get_bytes(&r, len, &p));
	}
}

static void
reader_of_nothing_is_at_its_end(void **state UNUSED)
{
	BufReader r = buf_reader(NULL, 0);
	const uint8_t *p;
	const char *s;
	uint8_t u8;

	assert_false(buf_get_u8(&r, &u8));
	assert_false(buf_get_cstring(&r, &s));
	assert_true(buf_get_bytes(&r, 0, &p));
	assert_true(buf_skip(&r, 0));
}

static void
writer_and_reader_agree(void **state UNUSED)
{
	static const uint8_t want[] = {0x09, 0x01, 0x02, 0xaa, 0xbb, 0xcc, 0xdd,
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 'x', 0, 'y', 'z'};
	Buf b;

	buf_init(&b, 1000);
	buf_put_bytes(&b, NULL, 0);
	assert_int_equal(b.len, 0);
	buf_put_u8(&b, 9);
	buf_put_be16(&b, 0x0102);
	buf_put_be32(&b, 0x01020304);
	buf_put_be64(&b, UINT64_C(0x0102030405060708));
	buf_put_cstring(&b, "x");
	buf_put_bytes(&b, "yz", 2);
	buf_put_bytes(&b, NULL, 0);
	buf_poke_be32(&b, 3, UINT32_C(0xaabbccdd));
	assert_false(b.failed);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	buf_clear(&b);
	assert_null(b.data);
}

static void
writer_fails_once_and_for_all(void **state UNUSED)
{
	Buf b;

	buf_init(&b, 10);
	buf_put_be64(&b, 1);
	assert_false(b.failed);
	buf_put_be32(&b, 2);
	assert_true(b.failed);
	buf_put_u8(&b, 3); /* would fit, but a field is missing before it */
	assert_int_equal(b.len, 8);
	assert_null(buf_put_space(&b, 1));
	buf_reset(&b);
	assert_false(b.failed);
	buf_put_bytes(&b, "0123456789", 10);
	assert_false(b.failed);
	assert_int_equal(b.len, 10);
	assert_null(buf_put_space(&b, SIZE_MAX));
	buf_clear(&b);
}

static void
writer_grows_up_to_its_limit(void **state UNUSED)
{
	Buf b;

	buf_init(&b, 100000);
	for (unsigned i = 0; i < 100000; i++)
		buf_put_u8(&b, (uint8_t) i);
	assert_false(b.failed);
	assert_true(b.cap <= 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], (uint8_t) i);
	buf_put_u8(&b, 0);
	assert_true(b.failed);
	buf_clear(&b);
}

static void
loads_and_stores_mirror_each_other(void **state UNUSED)
{
	uint8_t bytes[8];

	store_le32(bytes, UINT32_C(0x84030201));
	assert_int_equal(bytes[0], 1);
	assert_true(load_le32(bytes) == UINT32_C(0x84030201));
	assert_int_equal(load_le16(bytes), 0x0201);
	store_be64(bytes, UINT64_C(0x8102030405060708));
	assert_int_equal(bytes[0], 0x81);
	assert_true(load_le64(bytes) == UINT64_C(0x0807060504030281));
}

/* lsn: the forms that PostgreSQL's pg_lsn type takes and prints */

static void
lsn_text_is_read(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		bool ok;
		Lsn want;
	} rows[] = {
		{"0/0", true, 0},
		{"16/B374D848", true, UINT64_C(0x16B374D848)},
		{"16/b374d848", true, UINT64_C(0x16B374D848)},
		{"0/3000000", true, 0x3000000},
		{"FFFFFFFF/FFFFFFFF", true, UINT64_MAX},
		{"00000001/00000002", true, UINT64_C(0x100000002)},
		{"", false, 0},
		{"/", false, 0},
		{"0/", false, 0},
		{"/0", false, 0},
		{"0", false, 0},
		{"000000000/0", false, 0},
		{"0/123456789", false, 0},
		{"0/0 ", false, 0},
		{" 0/0", false, 0},
		{"0x0/0", false, 0},
		{"-1/0", false, 0},
		{"G/0", false, 0},
		{"0/0/0", false, 0},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Lsn lsn = 42;

		assert_int_equal(lsn_parse(rows[i].text, &lsn), rows[i].ok);
		assert_true(lsn == (rows[i].ok ? rows[i].want : 42));
	}
}

static void
lsn_is_printed_as_postgresql_does(void **state UNUSED)
{
	char text[LSN_TEXT_SIZE];

	snprintf(text, sizeof(text), LSN_FORMAT, LSN_ARGS(UINT64_C(0x16B374D848)));
	assert_string_equal(text, "16/B374D848");
	snprintf(text, sizeof(text), LSN_FORMAT, LSN_ARGS(UINT64_MAX));
	assert_string_equal(text, "FFFFFFFF/FFFFFFFF");
}

/* Names as PostgreSQL's pg_walfile_name() gives them. */
static void
segments_are_named_as_in_pg_wal(void **state UNUSED)
{
	static const struct
	{
		Lsn lsn;
		TimeLineId tli;
		uint32_t mb;
		const char *want;
	} rows[] = {
		{0x3000000, 1, 16, "000000010000000000000003"},
		{0x3FFFFFF, 1, 16, "000000010000000000000003"},
		{UINT64_C(0x100000000), 2, 16, "000000020000000100000000"},
		{UINT64_C(0x1FF000000), 0xAB, 16, "000000AB00000001000000FF"},
		{UINT64_C(0x1FFF00000), 1, 1, "000000010000000100000FFF"},
		{UINT64_C(0x1C0000000), 1, 1024, "000000010000000100000003"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char name[WAL_FILE_NAME_SIZE];

		lsn_segment_name(rows[i].lsn, rows[i].tli, rows[i].mb << 20, name);
		assert_string_equal(name, rows[i].want);
	}
	assert_true(lsn_floor(0x3FFFFFF, 16 << 20) == 0x3000000);
	assert_true(
		lsn_floor(UINT64_C(0x100000000), 8192) == UINT64_C(0x100000000));
}

/* net */

typedef union Address
{
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
} Address;

/* "local", or an address of either family. */
static Address
address(const char *text)
{
	Address a = {0};

	if (strcmp(text, "local") == 0)
		a.any.sa_family = AF_UNIX;
	else if (strchr(text, ':') != NULL)
	{
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(5433);
		assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
	}
	else
	{
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(5433);
		assert_int_equal(inet_pton(AF_INET, text, &a.in.sin_addr), 1);
	}
	return a;
}

static void
networks_are_read_or_refused(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		int family; /* 0: refused */
		unsigned bits;
	} rows[] = {
		{"192.0.2.0/24", AF_INET, 24},
		{"192.0.2.1", AF_INET, 32},
		{"192.0.2.1/32", AF_INET, 32},
		{"0.0.0.0/0", AF_INET, 0},
		{"128.0.0.0/1", AF_INET, 1},
		{"2001:db8::/32", AF_INET6, 32},
		{"::/0", AF_INET6, 0},
		{"::1", AF_INET6, 128},
		{"2001:db8::1/128", AF_INET6, 128},
		{"192.0.2.1/24", 0, 0}, /* bits behind the prefix */
		{"192.0.2.0/23", AF_INET, 23},
		{"192.0.3.0/23", 0, 0},
		{"2001:db8::1/32", 0, 0},
		{"192.0.2.0/33", 0, 0},
		{"2001:db8::/129", 0, 0},
		{"192.0.2.0/", 0, 0},
		{"192.0.2.0/ 24", 0, 0},
		{"192.0.2.0/-1", 0, 0},
		{"192.0.2.0/+24", 0, 0},
		{"192.0.2.0/24x", 0, 0},
		{"192.0.2.0/18446744073709551640", 0, 0},
		{"192.0.2/24", 0, 0},
		{"192.0.2.256", 0, 0},
		{"primary.example.com", 0, 0},
		{"", 0, 0},
		{"/0", 0, 0},
		{" 192.0.2.1", 0, 0},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", 0, 0},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		NetCidr cidr = {.family = -1};

		assert_int_equal(
			net_cidr_parse(rows[i].text, &cidr), rows[i].family != 0);
		if (rows[i].family == 0)
			continue;
		assert_int_equal(cidr.family, rows[i].family);
		assert_int_equal(cidr.bits, rows[i].bits);
	}
}

static void
networks_contain_their_own(void **state UNUSED)
{
	static const struct
	{
		const char *network;
		const char *peer;
		bool want;
	} rows[] = {
		{"192.0.2.0/24", "192.0.2.0", true},
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.0/25", "192.0.2.127", true},
		{"192.0.2.0/25", "192.0.2.128", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"0.0.0.0/0", "local", false},
		{"::/0", "local", false},
		{"::/0", "203.0.113.9", false},
		/* an IPv4 peer on a socket that serves both families */
		{"192.0.2.0/24", "::ffff:192.0.2.9", true},
		{"192.0.2.0/24", "::ffff:192.0.3.9", false},
		{"::/0", "::ffff:192.0.2.9", false},
		{"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::1", "::1", true},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Address peer = address(rows[i].peer);
		NetCidr cidr;

		assert_true(net_cidr_parse(rows[i].network, &cidr));
		assert_int_equal(net_cidr_contains(&cidr, &peer.any), rows[i].want);
	}
}

static void
local_peers_are_known_and_printed(void **state UNUSED)
{
	static const struct
	{
		const char *peer;
		bool local;
		const char *text;
	} rows[] = {
		{"local", true, "[local]"},
		{"127.0.0.1", true, "127.0.0.1:5433"},
		{"127.255.0.9", true, "127.255.0.9:5433"},
		{"::1", true, "[::1]:5433"},
		{"::ffff:127.0.0.1", true, "[::ffff:127.0.0.1]:5433"},
		{"192.0.2.1", false, "192.0.2.1:5433"},
		{"128.0.0.1", false, "128.0.0.1:5433"},
		{"::ffff:192.0.2.1", false, "[::ffff:192.0.2.1]:5433"},
		{"2001:db8::1", false, "[2001:db8::1]:5433"},
		{"::", false, "[::]:5433"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Address peer = address(rows[i].peer);
		char text[NET_TEXT_SIZE];

		assert_int_equal(net_is_local(&peer.any), rows[i].local);
		net_format(&peer.any, text);
		assert_string_equal(text, rows[i].text);
	}
}

/* errinfo and log */

static void
errors_start_anew_and_are_cut(void **state UNUSED)
{
	char longest[2000];
	ErrInfo err;

	assert_false(errinfo_set(&err, SQLSTATE_IO_ERROR, "one %d", 1));
	assert_false(errinfo_detail(&err, "Two."));
	assert_false(errinfo_hint(&err, "Three."));
	assert_string_equal(err.sqlstate, "58030");
	assert_string_equal(err.message, "one 1");
	assert_string_equal(err.detail, "Two.");
	assert_string_equal(err.hint, "Three.");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	errinfo_set(&err, SQLSTATE_INTERNAL_ERROR, "%s", longest);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	assert_string_equal(err.detail, "");
	assert_string_equal(err.hint, "");
	errinfo_clear(&err);
	assert_string_equal(err.sqlstate, "");
}

static void
levels_have_names(void **state UNUSED)
{
	LogLevel level;

	for (int i = LOG_DEBUG3; i <= LOG_PANIC; i++)
	{
		assert_true(log_level_parse(log_level_name((LogLevel) i), &level));
		assert_int_equal(level, i);
	}
	assert_true(log_level_parse("WARNING", &level));
	assert_int_equal(level, LOG_WARNING);
	assert_false(log_level_parse("loud", &level));
	assert_false(log_level_parse("", &level));
}

/* arrays by OID */

static void
arrays_stay_ascending_whatever_the_order(void **state UNUSED)
{
	typedef struct Item
	{
		Oid oid;
		int value;
	} Item;
	Item *items = NULL;
	size_t count = 0;
	size_t cap = 0;

	/* the powers of 5 modulo 97 are all numbers from 1 to 96 */
	for (Oid n = 1, oid = 5; n <= 96; n++, oid = oid * 5 % 97)
	{
		size_t at = oidarray_position(items, sizeof(Item), count, oid);

		assert_true(at == count || items[at].oid > oid);
		assert_true(at == 0 || items[at - 1].oid < oid);
		items = oidarray_insert(items, sizeof(Item), &count, &cap, at, oid);
		assert_int_equal(items[at].oid, oid);
		assert_int_equal(items[at].value, 0);
		items[at].value = (int) (oid * 10);
	}
	assert_int_equal(count, 96);
	for (Oid oid = 1; oid <= 96; oid++)
	{
		assert_int_equal(
			oidarray_position(items, sizeof(Item), count, oid), oid - 1);
		assert_int_equal(items[oid - 1].oid, oid);
		assert_int_equal(items[oid - 1].value, oid * 10);
	}
	assert_int_equal(oidarray_position(items, sizeof(Item), count, 0), 0);
	assert_int_equal(
		oidarray_position(items, sizeof(Item), count, UINT32_MAX), count);
	free(items);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_takes_each_width_in_its_byte_order),
		cmocka_unit_test(reader_past_the_end_changes_nothing),
		cmocka_unit_test(reader_of_nothing_is_at_its_end),
		cmocka_unit_test(writer_and_reader_agree),
		cmocka_unit_test(writer_fails_once_and_for_all),
		cmocka_unit_test(writer_grows_up_to_its_limit),
		cmocka_unit_test(loads_and_stores_mirror_each_other),
		cmocka_unit_test(lsn_text_is_read),
		cmocka_unit_test(lsn_is_printed_as_postgresql_does),
		cmocka_unit_test(segments_are_named_as_in_pg_wal),
		cmocka_unit_test(networks_are_read_or_refused),
		cmocka_unit_test(networks_contain_their_own),
		cmocka_unit_test(local_peers_are_known_and_printed),
		cmocka_unit_test(errors_start_anew_and_are_cut),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(arrays_stay_ascending_whatever_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
