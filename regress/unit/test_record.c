/*
 * test_record.c
 *		The front of a record.  Bytes by hand from xlogrecord.h, and every record
 *		of the captured WAL, cut off at every length.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate.h"
#include "sample.h"
#include "util/buf.h"
#include "wal/record.h"
#include "walbuild.h"

#define LSN ((Lsn) 0x5000028)
#define PREV ((Lsn) 0x5000000)

/* Block flags, and bits of bimg_info, of PostgreSQL 15. */
#define IMAGE 0x10
#define DATA 0x20
#define SAME_REL 0x80
#define HOLE 0x01
#define PGLZ 0x04

static const WalVersion *
version_15(void)
{
	return version_by_magic(BUILD_MAGIC);
}

static RecordStatus
decode(const uint8_t *record, size_t len, RecordHead *head, ErrInfo *err)
{
	return record_decode(record, len, LSN, version_15(), head, err);
}

/* A record with this body, and zeros behind it up to total bytes. */
static uint8_t *
record_with(uint8_t rmid, const void *body, size_t body_len, uint32_t total)
{
	uint8_t *all = calloc(1, total - 24);
	uint8_t *record;

	memcpy(all, body, body_len);
	record = build_image(rmid, 0, 1, PREV, all, total - 24);
	free(all);
	return record;
}

static RecordStatus
decode_body(
	const void *body, size_t body_len, uint32_t payload, RecordHead *head)
{
	uint32_t total = (uint32_t) (24 + body_len + payload);
	uint8_t *record = record_with(10, body, body_len, total);
	RecordStatus status;
	ErrInfo err;

	status = decode(record, total, head, &err);
	head->main_data = NULL; /* it goes with the record */
	free(record);
	return status;
}

#define BODY(...)                                                              \
	(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define RELATION 0x7f, 6, 0, 0, 0x00, 0x40, 0, 0, 0x20, 0x4e, 0, 0
#define BLOCK 7, 0, 0, 0

static void
fields_of_the_header(void **state UNUSED)
{
	static const uint8_t record[24] = {
		24, 0, 0, 0,            /* xl_tot_len */
		0xbc, 2, 0, 0,          /* xl_xid */
		0, 0, 0, 5, 0, 0, 0, 0, /* xl_prev */
		0x41, 0, 0, 0,          /* xl_info, xl_rmid, pad */
		0x78, 0x56, 0x34, 0x12, /* xl_crc */
	};
	RecordHead head;
	ErrInfo err;

	assert_int_equal(decode(record, 24, &head, &err), RECORD_OK);
	assert_int_equal(head.total, 24);
	assert_int_equal(head.xid, 700);
	assert_int_equal(head.prev, PREV);
	assert_int_equal(head.info, 0x41);
	assert_int_equal(head.rmid, 0);
	assert_int_equal(head.crc, 0x12345678);
	assert_int_equal(head.relation_count, 0);
	assert_int_equal(head.main_len, 0);
}

static void
one_block(void **state UNUSED)
{
	RecordHead head;

	/* id 0, main fork, 5 bytes of data */
	assert_int_equal(
		decode_body(BODY(0, DATA, 5, 0, RELATION, BLOCK), 5, &head), RECORD_OK);
	assert_int_equal(head.relation_count, 1);
	assert_int_equal(head.relations[0].tablespace, 1663);
	assert_int_equal(head.relations[0].database, 16384);
	assert_int_equal(head.relations[0].relfilenumber, 20000);
}

/* Where image, data and main data are to be found: of the first block only. */
static void
first_block_is_told(void **state UNUSED)
{
	RecordHead head;

	assert_int_equal(
		decode_body(
			BODY(0, IMAGE | DATA, 5, 0, 0x34, 0x02, 0x58, 0x00, HOLE | PGLZ,
				0x22, 0x11, RELATION, BLOCK, /* */
				1, SAME_REL | IMAGE | 2, 0, 0, 0x10, 0, 0, 0, 0, BLOCK, 255, 3),
			5 + 0x234 + 0x10 + 3, &head),
		RECORD_OK);
	assert_int_equal(head.first_block.flags, IMAGE | DATA);
	assert_int_equal(head.first_block.data_len, 5);
	assert_int_equal(head.first_block.image_len, 0x234);
	assert_int_equal(head.first_block.hole_offset, 0x58);
	assert_int_equal(head.first_block.hole_len, 0x1122);
	assert_int_equal(head.first_block.bimg_info, HOLE | PGLZ);
	assert_int_equal(head.payload_len, 5 + 0x234 + 0x10 + 3);
	assert_int_equal(head.main_len, 3);

	/* what is not compressed does not tell its hole's length */
	assert_int_equal(decode_body(BODY(0, IMAGE, 0, 0, 0x34, 0x02, 0x58, 0x00,
									 HOLE, RELATION, BLOCK),
						 0x234, &head),
		RECORD_OK);
	assert_int_equal(head.first_block.data_len, 0);
	assert_int_equal(head.first_block.hole_len, 0);
	assert_int_equal(head.payload_len, 0x234);
}

static void
blocks_of_one_relation_are_one(void **state UNUSED)
{
	RecordHead head;

	/* the visibility map of the same relation, then the relation spelled out */
	assert_int_equal(decode_body(BODY(0, 0, 0, 0, RELATION, BLOCK, /* */
									 1, SAME_REL | 2, 0, 0, BLOCK, /* */
									 32, 0, 0, 0, RELATION, BLOCK),
						 0, &head),
		RECORD_OK);
	assert_int_equal(head.relation_count, 1);
}

static void
relations_that_differ_are_listed(void **state UNUSED)
{
	uint8_t body[33 * 20];
	RecordHead head;

	for (unsigned i = 0; i < 33; i++)
	{
		build_block_body(body + i * 20, 1663, 16384 + i, 1, 0, 0);
		body[i * 20] = (uint8_t) i;
	}
	assert_int_equal(decode_body(body, sizeof(body), 0, &head), RECORD_OK);
	assert_int_equal(head.relation_count, 33);
	assert_int_equal(head.relations[32].database, 16384 + 32);
}

static void
images(void **state UNUSED)
{
	RecordHead head;

	/* image of 0x1000 bytes with a hole, not compressed: no length of the hole */
	assert_int_equal(decode_body(BODY(0, IMAGE, 0, 0, 0x00, 0x10, 24, 0,
									 HOLE | 2, RELATION, BLOCK),
						 0x1000, &head),
		RECORD_OK);
	/* compressed, with a hole: two more bytes */
	assert_int_equal(
		decode_body(BODY(0, IMAGE, 0, 0, 0x00, 0x02, 24, 0, HOLE | 2 | PGLZ,
						0x00, 0x10, RELATION, BLOCK),
			0x200, &head),
		RECORD_OK);
	assert_int_equal(head.relations[0].database, 16384);
	/* lz4 and zstd the same; bit 0x02 is not compression in 15 */
	assert_int_equal(decode_body(BODY(0, IMAGE, 0, 0, 0x00, 0x02, 24, 0,
									 HOLE | 0x08, 0x00, 0x10, RELATION, BLOCK),
						 0x200, &head),
		RECORD_OK);
	assert_int_equal(head.relations[0].database, 16384);
	assert_int_equal(decode_body(BODY(0, IMAGE, 0, 0, 0x00, 0x02, 24, 0,
									 HOLE | 0x10, 0x00, 0x10, RELATION, BLOCK),
						 0x200, &head),
		RECORD_OK);
	assert_int_equal(head.relations[0].database, 16384);
	/* compressed without a hole */
	assert_int_equal(decode_body(BODY(0, IMAGE, 0, 0, 0x00, 0x02, 0, 0, PGLZ,
									 RELATION, BLOCK),
						 0x200, &head),
		RECORD_OK);
	/* image and data count both */
	assert_int_equal(decode_body(BODY(0, IMAGE | DATA, 9, 0, 0x00, 0x10, 24, 0,
									 HOLE, RELATION, BLOCK),
						 0x1009, &head),
		RECORD_OK);
	assert_int_equal(decode_body(BODY(0, IMAGE | DATA, 9, 0, 0x00, 0x10, 24, 0,
									 HOLE, RELATION, BLOCK),
						 0x1008, &head),
		RECORD_BAD);
}

static void
main_data_without_blocks_is_given(void **state UNUSED)
{
	/* origin, top-level transaction, then 3 bytes */
	static const uint8_t body[] = {
		253, 1, 0, 252, 9, 0, 0, 0, 255, 3, 'a', 'b', 'c'};
	uint8_t *record = record_with(21, body, sizeof(body), 24 + sizeof(body));
	RecordHead head;
	ErrInfo err;

	assert_int_equal(decode(record, 24 + sizeof(body), &head, &err), RECORD_OK);
	assert_int_equal(head.main_len, 3);
	assert_int_equal(head.main_have, 3);
	assert_memory_equal(head.main_data, "abc", 3);
	free(record);

	/* of a long one, the first 32 are enough */
	record = record_with(
		21, (const uint8_t[]){254, 0x10, 0x27, 0, 0, 'x'}, 6, 24 + 5 + 10000);
	assert_int_equal(decode(record, 24 + 5 + 31, &head, &err), RECORD_MORE);
	assert_int_equal(decode(record, 24 + 5 + 32, &head, &err), RECORD_OK);
	assert_int_equal(head.main_len, 10000);
	assert_int_equal(head.main_have, WAL_MAIN_MAX);
	assert_int_equal(head.main_data[0], 'x');
	free(record);
}

static void
what_postgres_refuses_is_bad(void **state UNUSED)
{
	RecordHead head;
	uint8_t *record;
	ErrInfo err;

	/* SAME_REL with nothing before it */
	assert_int_equal(
		decode_body(BODY(0, SAME_REL, 0, 0, BLOCK), 0, &head), RECORD_BAD);
	/* block ids out of order, twice, too large */
	assert_int_equal(decode_body(BODY(1, 0, 0, 0, RELATION, BLOCK, /* */
									 0, SAME_REL, 0, 0, BLOCK),
						 0, &head),
		RECORD_BAD);
	assert_int_equal(decode_body(BODY(0, 0, 0, 0, RELATION, BLOCK, /* */
									 0, SAME_REL, 0, 0, BLOCK),
						 0, &head),
		RECORD_BAD);
	assert_int_equal(
		decode_body(BODY(33, 0, 0, 0, RELATION, BLOCK), 0, &head), RECORD_BAD);
	/* a flag of data without a length, and a length without the flag */
	assert_int_equal(
		decode_body(BODY(0, DATA, 0, 0, RELATION, BLOCK), 0, &head),
		RECORD_BAD);
	assert_int_equal(
		decode_body(BODY(0, 0, 5, 0, RELATION, BLOCK), 5, &head), RECORD_BAD);
	/* payload that is announced and not there, and the other way round */
	assert_int_equal(
		decode_body(BODY(0, DATA, 5, 0, RELATION, BLOCK), 4, &head),
		RECORD_BAD);
	assert_int_equal(
		decode_body(BODY(0, DATA, 5, 0, RELATION, BLOCK), 6, &head),
		RECORD_BAD);
	assert_int_equal(decode_body(BODY(255, 7), 8, &head), RECORD_BAD);
	assert_int_equal(
		decode_body(BODY(254, 0xff, 0xff, 0xff, 0xff), 8, &head), RECORD_BAD);
	assert_int_equal(decode_body(BODY(251), 0, &head), RECORD_BAD);
	/* tot_len 25: no room for any fragment */
	assert_int_equal(decode_body(BODY(255), 0, &head), RECORD_BAD);

	/* resource managers that are not there: 22 to 127 */
	for (unsigned rmid = 0; rmid < 256; rmid++)
	{
		record = record_with((uint8_t) rmid, "", 0, 24);
		assert_int_equal(decode(record, 24, &head, &err),
			rmid <= 21 || rmid >= 128 ? RECORD_OK : RECORD_BAD);
		free(record);
	}

	/* a link that does not go back */
	record = build_image(0, 0x20, 0, LSN, "", 0);
	assert_int_equal(decode(record, 24, &head, &err), RECORD_BAD);
	free(record);
	record = build_image(0, 0x20, 0, LSN - 8, "", 0);
	assert_int_equal(decode(record, 24, &head, &err), RECORD_OK);
	free(record);
}

/* What is legal in some majors only: xlogrecord.h and rmgr.h of each. */
static void
majors_differ(void **state UNUSED)
{
	static const struct
	{
		uint16_t magic;
		uint8_t compressed; /* bits of bimg_info that say so */
		bool has_toplevel_xid;
		bool has_custom_rmgrs;
	} majors[] = {
		{0xd106, 0x02, false, false}, /* 13 */
		{0xd10d, 0x02, true, false},
		{0xd110, 0x1c, true, true},
		{0xd113, 0x1c, true, true},
		{0xd116, 0x1c, true, true},
		{0xd118, 0x1c, true, true},
	};
	static const uint8_t toplevel[] = {252, 9, 0, 0, 0, 255, 3, 'a', 'b', 'c'};
	static const uint8_t plain[] = {255, 3, 'a', 'b', 'c'};

	for (size_t i = 0; i < lengthof(majors); i++)
	{
		const WalVersion *version = version_by_magic(majors[i].magic);
		uint8_t *record = build_image(1, 0, 1, PREV, toplevel, 10);
		RecordHead head;
		ErrInfo err;

		assert_int_equal(record_decode(record, 34, LSN, version, &head, &err),
			majors[i].has_toplevel_xid ? RECORD_OK : RECORD_BAD);
		free(record);
		record = build_image(130, 0, 1, PREV, plain, 5);
		assert_int_equal(record_decode(record, 29, LSN, version, &head, &err),
			majors[i].has_custom_rmgrs ? RECORD_OK : RECORD_BAD);
		free(record);
		/* a compressed image has two bytes more, the length of the hole */
		for (unsigned bit = 2; bit < 0x20; bit <<= 1)
		{
			const uint8_t body[] = {0, IMAGE, 0, 0, 0x00, 1, 100, 0,
				(uint8_t) (HOLE | bit), 0, 0x10, RELATION, BLOCK};
			bool compressed = (majors[i].compressed & bit) != 0;
			uint8_t without[sizeof(body)];

			memcpy(without, body, 9);
			memcpy(without + 9, body + 11, sizeof(body) - 11);
			record = record_with(10, compressed ? body : without,
				sizeof(body) - (compressed ? 0 : 2),
				(uint32_t) (24 + sizeof(body) - (compressed ? 0 : 2) + 0x100));
			assert_int_equal(record_decode(record, load_le32(record), LSN,
								 version, &head, &err),
				RECORD_OK);
			assert_int_equal(head.relations[0].tablespace, 1663);
			assert_int_equal(head.relations[0].relfilenumber, 20000);
			free(record);
		}
	}
}

/*
 * Each record of the samples: cut off anywhere it wants more, until it has said
 * what it is about, and from there on the answer stays the same.
 */
static void
cut_off_in_a_major(int major)
{
	Sample sample;
	const WalVersion *version;
	uint8_t *record = malloc(SAMPLE_SIZE_MAX);

	sample_read_major(&sample, major);
	version = version_by_magic(load_le16(sample.wal));
	assert_non_null(version);
	assert_int_equal(version->major, major);
	for (size_t i = 0; i < sample.record_count; i += 7)
	{
		const SampleRecord *r = &sample.records[i];
		RecordHead whole;
		bool decided = false;
		ErrInfo err;

		assert_true(sample_assemble(&sample.geometry, sample.wal, sample.start,
			sample.len, r->lsn, r->total, record));
		assert_int_equal(
			record_decode(record, r->total, r->lsn, version, &whole, &err),
			RECORD_OK);
		assert_int_equal(whole.total, r->total);
		assert_int_equal(whole.xid, r->xid);
		assert_int_equal(whole.prev, r->prev);
		for (size_t len = 0; len <= Min(r->total, WAL_HEAD_MAX); len++)
		{
			uint8_t *part = exact_copy(record, len);
			RecordStatus status;
			RecordHead head;

			status = record_decode(part, len, r->lsn, version, &head, &err);
			assert_int_not_equal(status, RECORD_BAD);
			assert_true(status == RECORD_OK || !decided);
			decided = status == RECORD_OK;
			if (decided)
			{
				assert_int_equal(head.relation_count, whole.relation_count);
				assert_memory_equal(head.relations, whole.relations,
					whole.relation_count * sizeof(RecordRelation));
				assert_int_equal(head.main_len, whole.main_len);
			}
			free(part);
		}
		assert_true(decided);
	}
	free(record);
	sample_free(&sample);
}

static void
cut_off_anywhere_wants_more(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
		cut_off_in_a_major(sample_majors[i]);
}

/* Random damage is an answer, not a crash; the sanitizers watch. */
static void
damage_is_survived(void **state UNUSED)
{
	static const uint8_t seeds[] = {0, IMAGE | DATA, 9, 0, 0x00, 0x02, 24, 0,
		HOLE | PGLZ, 0x00, 0x10, RELATION, BLOCK, 1, SAME_REL, 0, 0, BLOCK, 253,
		1, 0, 252, 9, 0, 0, 0, 255, 3};
	uint8_t *record =
		record_with(10, seeds, sizeof(seeds), 24 + sizeof(seeds) + 12 + 512);
	uint64_t seed = 15;

	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t len;
		uint8_t *copy =
			mutated_copy(&seed, record, 24 + sizeof(seeds) + 30, &len);
		RecordHead head;
		ErrInfo err;
		RecordStatus status = decode(copy, len, &head, &err);

		assert_true(status == RECORD_MORE || head.relation_count <= 33);
		if (status == RECORD_BAD)
			assert_true(err.message[0] != '\0');
		free(copy);
	}
	free(record);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_the_header),
		cmocka_unit_test(one_block),
		cmocka_unit_test(first_block_is_told),
		cmocka_unit_test(blocks_of_one_relation_are_one),
		cmocka_unit_test(relations_that_differ_are_listed),
		cmocka_unit_test(images),
		cmocka_unit_test(main_data_without_blocks_is_given),
		cmocka_unit_test(what_postgres_refuses_is_bad),
		cmocka_unit_test(majors_differ),
		cmocka_unit_test(cut_off_anywhere_wants_more),
		cmocka_unit_test(damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
