/*
 * test_pglz.c
 *		Streams put together by the format alone; those that servers made are in the
 *		page images of test_catalog.c.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate.h"
#include "wal/pglz.h"

#define BYTES(s) (const uint8_t *) (s), sizeof(s) - 1

/* Source and output in memory of their exact sizes. */
static bool
decompress(
	const uint8_t *source, size_t len, size_t cap, uint8_t *dst, size_t *got)
{
	uint8_t *exact_source = exact_copy(source, len);
	uint8_t *exact_dst = malloc(cap);
	bool ok = pglz_decompress(exact_source, len, exact_dst, cap, got);

	if (ok)
	{
		assert_true(*got <= cap);
		if (*got > 0)
			memcpy(dst, exact_dst, *got);
	}
	free(exact_source);
	free(exact_dst);
	return ok;
}

static const struct
{
	const uint8_t *source;
	size_t len;
	const char *want;
} streams[] = {
	{BYTES(""), ""},
	/* a control byte, and nothing that it controls */
	{BYTES("\x00"), ""},
	{BYTES("\x00"
		   "abc"),
		"abc"},
	/* nine literals: the ninth has a control byte of its own */
	{BYTES("\x00"
		   "abcdefgh\x00i"),
		"abcdefghi"},
	/* three literals, then 3 + 3 bytes from 3 back */
	{BYTES("\x08"
		   "abc\x03\x03"),
		"abcabcabc"},
	/* the lowest bit is the first item's, the highest that of the eighth */
	{BYTES("\x80"
		   "abcdefg\x01\x04"),
		"abcdefgdefg"},
	/* the shortest match is 3 bytes, and 14 in the low half makes 17 */
	{BYTES("\x02"
		   "x\x00\x01"),
		"xxxx"},
	{BYTES("\x02"
		   "x\x0e\x01"),
		"xxxxxxxxxxxxxxxxxx"},
	/* 15 there: one more byte, which may be 0; it goes on with what it writes */
	{BYTES("\x02"
		   "x\x0f\x01\x00"),
		"xxxxxxxxxxxxxxxxxxx"},
	{BYTES("\x02"
		   "x\x0f\x01\x02"),
		"xxxxxxxxxxxxxxxxxxxxx"},
	/* ab, then aba from 2 back, then aba from 5 back */
	{BYTES("\x0c"
		   "ab\x00\x02\x00\x05"),
		"ababaaba"},
};

static void
streams_are_decompressed(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(streams); i++)
	{
		uint8_t out[64];
		size_t len = strlen(streams[i].want);
		size_t got = 99;

		if (!decompress(streams[i].source, streams[i].len, len, out, &got) ||
			got != len || memcmp(out, streams[i].want, len) != 0)
			fail_msg("stream %zu: %zu bytes", i, got);
	}
}

/* Into less room than it takes: refused, and nothing is written behind it. */
static void
too_little_room_is_refused(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(streams); i++)
	{
		for (size_t cap = 0; cap < strlen(streams[i].want); cap++)
		{
			uint8_t out[64];
			size_t got = 99;

			assert_false(
				decompress(streams[i].source, streams[i].len, cap, out, &got));
			assert_int_equal(got, 99);
		}
	}
}

static void
nonsense_is_refused(void **state UNUSED)
{
	static const struct
	{
		const uint8_t *source;
		size_t len;
	} cases[] = {
		/* nothing is in front of the match; too far back; no distance */
		{BYTES("\x01\x00\x01")},
		{BYTES("\x02"
			   "x\x00\x02")},
		{BYTES("\x02"
			   "x\x00\x00")},
		/* 12 bits of distance: 256 + 1, and all of them */
		{BYTES("\x02"
			   "x\x10\x01")},
		{BYTES("\x02"
			   "x\xf0\xff")},
		/* ends within a match: behind its first, and its second byte */
		{BYTES("\x02"
			   "x\x00")},
		{BYTES("\x02"
			   "x\x0f\x01")},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		uint8_t out[1024];
		size_t got;

		if (decompress(cases[i].source, cases[i].len, sizeof(out), out, &got))
			fail_msg("case %zu: %zu bytes", i, got);
	}
}

/* As far back as a match can reach: 4095 bytes. */
static void
longest_distance_is_reached(void **state UNUSED)
{
	uint8_t source[4700];
	uint8_t want[4095 + 273];
	uint8_t out[sizeof(want)];
	size_t len = 0;
	size_t got;

	for (size_t i = 0; i < 4095; i++)
	{
		want[i] = (uint8_t) (i * 7 ^ i >> 5);
		if (i % 8 == 0)
			source[len++] = i == 4088 ? 0x80 : 0x00;
		source[len++] = want[i];
	}
	memcpy(want + 4095, want, 273);
	/* 15 + 3 + 255 bytes */
	memcpy(source + len, "\xff\xff\xff", 3);
	len += 3;
	assert_true(decompress(source, len, sizeof(out), out, &got));
	assert_int_equal(got, sizeof(want));
	assert_memory_equal(out, want, sizeof(want));

	/* one byte less in front of it */
	source[0] = 0x00;
	memmove(source + 1, source + 2, len - 2);
	assert_false(decompress(source, len - 1, sizeof(out), out, &got));
}

/* For the sanitizers. */
static void
random_bytes_do_no_harm(void **state UNUSED)
{
	uint64_t seed = 13;

	for (int round = 0; round < MUTATIONS; round++)
	{
		uint8_t source[64];
		uint8_t out[600];
		size_t len = random_next(&seed) % (sizeof(source) + 1);
		size_t cap = random_next(&seed) % (sizeof(out) + 1);
		size_t got;

		/* near distances, or next to nothing would get further */
		for (size_t i = 0; i < len; i++)
			source[i] =
				(uint8_t) random_next(&seed) & (round % 3 ? 0x0f : 0xff);
		if (decompress(source, len, cap, out, &got))
			assert_true(got <= cap);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_decompressed),
		cmocka_unit_test(too_little_room_is_refused),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(longest_distance_is_reached),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
