/*
 * test_pageimage.c
 *		Page images of every size, method and hole, made by hand from bufpage.h and
 *		xlogrecord.h; those that servers made are in test_catalog.c.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <lz4.h>
#include <zstd.h>

#include "mutate.h"
#include "walbuild.h"
#include "wal/pageimage.h"

#define HAS_HOLE 0x01
/* bimg_info of 15 and later, and of 13 and 14 */
#define APPLY 0x02
#define PGLZ 0x04
#define LZ4 0x08
#define ZSTD 0x10
#define OLD_PGLZ 0x02
#define OLD_APPLY 0x04

/* Every ninth byte is a control byte: it may get longer than what went in. */
#define CONTENT_MAX (PAGEIMAGE_MAX * 2)

static const WalVersion *
version_13(void)
{
	return version_by_magic(0xd106);
}

static const WalVersion *
version_15(void)
{
	return version_by_magic(0xd110);
}

/* A page with zeros in its hole, and something everywhere else. */
static void
make_page(uint8_t *page, uint32_t size, uint32_t hole_offset, uint32_t hole_len)
{
	for (uint32_t i = 0; i < size; i++)
		page[i] = (uint8_t) (i / 3 ^ i >> 6) | 1;
	memset(page + hole_offset, 0, hole_len);
	build_le(page + 18, size | 4, 2); /* layout version 4 */
}

/* pglz, as literals, but for a run of each byte that comes again three times. */
static size_t
compress_pglz(const uint8_t *content, size_t len, uint8_t *image)
{
	size_t control = 0;
	size_t out = 0;
	int bit = 8;

	for (size_t i = 0; i < len; bit++)
	{
		if (bit == 8)
		{
			bit = 0;
			control = out;
			image[out++] = 0;
		}
		if (i > 0 && len - i >= 3 && content[i] == content[i - 1] &&
			content[i + 1] == content[i] && content[i + 2] == content[i])
		{
			image[control] |= (uint8_t) (1 << bit);
			image[out++] = 0; /* 3 bytes */
			image[out++] = 1; /* from the one before */
			i += 3;
		}
		else
			image[out++] = content[i++];
	}
	return out;
}

/* The image of a page, and what its header says. */
static uint8_t *
make_image(const uint8_t *page, uint32_t size, uint32_t hole_offset,
	uint32_t hole_len, uint8_t method, RecordBlock *block)
{
	uint8_t *content = malloc(size);
	uint8_t *image = malloc(CONTENT_MAX);
	uint8_t *exact;
	size_t content_len = size - hole_len;
	size_t len;

	memcpy(content, page, hole_offset);
	memcpy(content + hole_offset, page + hole_offset + hole_len,
		content_len - hole_offset);
	switch (method)
	{
		case 0:
			memcpy(image, content, content_len);
			len = content_len;
			break;
		case LZ4:
		{
			int n = LZ4_compress_default((const char *) content, (char *) image,
				(int) content_len, CONTENT_MAX);

			assert_true(n > 0);
			len = (size_t) n;
			break;
		}
		case ZSTD:
			len = ZSTD_compress(image, CONTENT_MAX, content, content_len, 3);
			assert_false(ZSTD_isError(len));
			break;
		default:
			len = compress_pglz(content, content_len, image);
			break;
	}
	assert_true(len <= UINT16_MAX);
	*block = (RecordBlock){
		.flags = WAL_BLOCK_HAS_IMAGE,
		.bimg_info = method | (hole_len > 0 ? HAS_HOLE : 0),
		.image_len = (uint16_t) len,
		.hole_offset = (uint16_t) (hole_len > 0 ? hole_offset : 0),
		.hole_len = (uint16_t) (method != 0 ? hole_len : 0),
	};
	exact = exact_copy(image, len);
	free(content);
	free(image);
	return exact;
}

static bool
restore(const RecordBlock *block, const uint8_t *image,
	const WalVersion *version, uint8_t *page, uint32_t *size)
{
	ErrInfo err = {0};
	bool ok = pageimage_restore(block, image, version, page, size, &err);

	if (!ok)
		assert_non_null(strstr(err.message, "page image"));
	return ok;
}

static void
pages_come_back(void **state UNUSED)
{
	static const struct
	{
		uint8_t method;
		uint8_t other; /* bits of bimg_info beside it */
		bool is_13;
	} methods[] = {
		{0, 0, false},
		{0, APPLY, false},
		{PGLZ, APPLY, false},
		{LZ4, APPLY, false},
		{ZSTD, APPLY, false},
		{ZSTD, 0, false},
		{0, OLD_APPLY, true},
		{OLD_PGLZ, OLD_APPLY, true},
		{OLD_PGLZ, 0, true},
	};
	static uint8_t page[PAGEIMAGE_MAX];
	static uint8_t got[PAGEIMAGE_MAX];

	for (uint32_t size = 1024; size <= PAGEIMAGE_MAX; size *= 2)
	{
		const uint32_t holes[][2] = {{0, 0}, {24, 1}, {24, size - 24},
			{200, 500}, {size - 1, 1}, {size / 2, size / 2}, {28, size - 29}};

		for (size_t h = 0; h < lengthof(holes); h++)
		{
			make_page(page, size, holes[h][0], holes[h][1]);
			for (size_t m = 0; m < lengthof(methods); m++)
			{
				const WalVersion *version =
					methods[m].is_13 ? version_13() : version_15();
				RecordBlock block;
				uint8_t *image = make_image(page, size, holes[h][0],
					holes[h][1], methods[m].method, &block);
				uint32_t got_size;

				block.bimg_info |= methods[m].other;
				memset(got, 0xee, sizeof(got));
				if (!restore(&block, image, version, got, &got_size) ||
					got_size != size || memcmp(got, page, size) != 0)
					fail_msg("page of %u, hole %u+%u, method %u of %d", size,
						holes[h][0], holes[h][1], methods[m].method,
						version->major);
				free(image);
			}
		}
	}
}

/* An image of 8 kB with a hole of 5000 bytes, something of which is not so. */
static void
nonsense_is_refused(void **state UNUSED)
{
	enum
	{
		KEEP = -1
	};
	static const struct
	{
		uint8_t method; /* that it is made with */
		bool is_13;     /* and restored as */
		int bimg_info;
		int hole_offset;
		int hole_len;
		int image_len;
		int page_size;
		const char *what;
	} cases[] = {
		{0, false, KEEP, 10, KEEP, KEEP, KEEP, "hole in the page's header"},
		{0, false, KEEP, 3193, KEEP, KEEP, KEEP, "hole behind the end"},
		{0, false, KEEP, 65535, KEEP, KEEP, KEEP, "hole far behind the end"},
		{0, false, 0, KEEP, KEEP, KEEP, KEEP, "no hole, but too short"},
		{0, false, KEEP, KEEP, KEEP, 23, KEEP, "no header"},
		{0, false, KEEP, KEEP, KEEP, 0, KEEP, "nothing"},
		{0, false, KEEP, KEEP, KEEP, KEEP, 0, "page of 0"},
		{0, false, KEEP, KEEP, KEEP, KEEP, 512, "page of 512"},
		{0, false, KEEP, KEEP, KEEP, KEEP, 2048, "page of less"},
		{0, false, KEEP, KEEP, KEEP, KEEP, 8192 + 256, "no power of two"},
		{PGLZ, false, KEEP, KEEP, KEEP, KEEP, 16384, "page of more: pglz"},
		{LZ4, false, KEEP, KEEP, KEEP, KEEP, 16384, "page of more: lz4"},
		{ZSTD, false, KEEP, KEEP, KEEP, KEEP, 16384, "page of more: zstd"},
		{ZSTD, false, KEEP, KEEP, 4999, KEEP, KEEP, "hole not as long"},
		{LZ4, false, KEEP, KEEP, 0, KEEP, KEEP, "hole of no length"},
		{ZSTD, false, ZSTD, KEEP, KEEP, KEEP, KEEP, "no hole: zstd"},
		{LZ4, false, PGLZ | HAS_HOLE, KEEP, KEEP, KEEP, KEEP, "lz4 as pglz"},
		{LZ4, false, ZSTD | HAS_HOLE, KEEP, KEEP, KEEP, KEEP, "lz4 as zstd"},
		{ZSTD, false, LZ4 | HAS_HOLE, KEEP, KEEP, KEEP, KEEP, "zstd as lz4"},
		{LZ4, false, LZ4 | PGLZ | HAS_HOLE, KEEP, KEEP, KEEP, KEEP, "both"},
		{LZ4, false, 0x1c | HAS_HOLE, KEEP, KEEP, KEEP, KEEP, "all"},
		{LZ4, true, KEEP, KEEP, KEEP, KEEP, KEEP, "lz4 in 13"},
		{ZSTD, true, KEEP, KEEP, KEEP, KEEP, KEEP, "zstd in 13"},
		{ZSTD, true, OLD_PGLZ | HAS_HOLE, KEEP, KEEP, KEEP, KEEP, "as pglz"},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		static uint8_t page[PAGEIMAGE_MAX];
		RecordBlock block;
		uint8_t *image;
		uint32_t size;

		make_page(page, 8192, 1000, 5000);
		if (cases[i].page_size != KEEP)
			build_le(page + 18, (uint64_t) cases[i].page_size | 4, 2);
		image = make_image(page, 8192, 1000, 5000, cases[i].method, &block);
		if (cases[i].bimg_info != KEEP)
			block.bimg_info = (uint8_t) cases[i].bimg_info;
		if (cases[i].hole_offset != KEEP)
			block.hole_offset = (uint16_t) cases[i].hole_offset;
		if (cases[i].hole_len != KEEP)
			block.hole_len = (uint16_t) cases[i].hole_len;
		if (cases[i].image_len != KEEP)
			block.image_len = (uint16_t) cases[i].image_len;
		if (restore(&block, image, cases[i].is_13 ? version_13() : version_15(),
				page, &size))
			fail_msg("accepted: %s", cases[i].what);
		free(image);
	}
}

/* Uncompressed and more than any page; or it makes more than any page. */
static void
too_much_is_refused(void **state UNUSED)
{
	static const uint8_t methods[] = {PGLZ, LZ4, ZSTD};
	static uint8_t bytes[60000];
	static uint8_t page[PAGEIMAGE_MAX];
	RecordBlock block = {
		.flags = WAL_BLOCK_HAS_IMAGE, .image_len = PAGEIMAGE_MAX + 1};
	uint8_t *image;
	uint32_t size;

	build_le(bytes + 18, PAGEIMAGE_MAX | 4, 2);
	assert_false(restore(&block, bytes, version_15(), page, &size));
	block.image_len = UINT16_MAX;
	image = malloc(block.image_len);
	memset(image, 0x44, block.image_len);
	assert_false(restore(&block, image, version_15(), page, &size));
	free(image);
	for (size_t i = 0; i < lengthof(methods); i++)
	{
		image = make_image(bytes, sizeof(bytes), 0, 0, methods[i], &block);
		assert_false(restore(&block, image, version_15(), page, &size));
		free(image);
	}
}

/* Cut off at every length: an error, except of what needs no length. */
static void
truncated_images_are_refused(void **state UNUSED)
{
	static const uint8_t methods[] = {PGLZ, LZ4, ZSTD};
	static uint8_t page[PAGEIMAGE_MAX];
	static uint8_t got[PAGEIMAGE_MAX];

	make_page(page, 2048, 1000, 800);
	for (size_t i = 0; i < lengthof(methods); i++)
	{
		RecordBlock block;
		uint8_t *image = make_image(page, 2048, 1000, 800, methods[i], &block);
		uint16_t whole = block.image_len;
		uint32_t size;

		for (uint16_t len = 0; len < whole; len++)
		{
			uint8_t *part = exact_copy(image, len);

			block.image_len = len;
			if (restore(&block, part, version_15(), got, &size))
				fail_msg("method %u, %u of %u bytes", methods[i], len, whole);
			free(part);
		}
		free(image);
	}
}

/* For the sanitizers: what comes out, if anything, is a page. */
static void
damaged_images_do_no_harm(void **state UNUSED)
{
	static const uint8_t methods[] = {0, PGLZ, LZ4, ZSTD};
	static uint8_t page[PAGEIMAGE_MAX];
	static uint8_t got[PAGEIMAGE_MAX];
	uint64_t seed = 15;

	make_page(page, 1024, 100, 700);
	for (int round = 0; round < MUTATIONS / 10; round++)
	{
		uint8_t header[7];
		RecordBlock block;
		uint8_t *image = make_image(
			page, 1024, 100, 700, methods[round % lengthof(methods)], &block);
		size_t len;
		uint8_t *copy = mutated_copy(&seed, image, block.image_len, &len);
		uint32_t size;

		block.image_len = (uint16_t) len;
		if (round % 3 == 0)
		{
			for (size_t i = 0; i < sizeof(header); i++)
				header[i] = (uint8_t) random_next(&seed);
			block.bimg_info = header[0];
			block.hole_offset = (uint16_t) (header[1] << 8 | header[2]);
			block.hole_len = (uint16_t) (header[3] << 8 | header[4]);
		}
		if (restore(&block, copy, round % 5 ? version_15() : version_13(), got,
				&size))
			assert_true(size >= 1024 && size <= PAGEIMAGE_MAX &&
						(size & (size - 1)) == 0);
		free(copy);
		free(image);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_come_back),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(truncated_images_are_refused),
		cmocka_unit_test(damaged_images_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
