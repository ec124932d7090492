/*
 * test_crc32c.c
 *		CRC-32C against the vectors of RFC 3720, B.4, and our three ways to
 *		compute it against each other.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate.h"
#include "wal/crc32c.h"

typedef uint32_t (*Update)(uint32_t crc, const void *data, size_t len);

static const Update updates[] = {crc32c_update, crc32c_update_portable};

static uint32_t
crc_of(Update update, const void *data, size_t len)
{
	return crc32c_final(update(CRC32C_INIT, data, len));
}

static void
rfc_3720_vectors(void **state UNUSED)
{
	/* RFC 3720 B.4: "An iSCSI - SCSI Read (10) Command PDU" */
	static const uint8_t pdu[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0, 0, 0, 0, 0, 0, 0, 0x02};
	uint8_t bytes[32];

	for (size_t u = 0; u < lengthof(updates); u++)
	{
		memset(bytes, 0, 32);
		assert_int_equal(crc_of(updates[u], bytes, 32), 0x8a9136aa);
		memset(bytes, 0xff, 32);
		assert_int_equal(crc_of(updates[u], bytes, 32), 0x62a8ab43);
		for (int i = 0; i < 32; i++)
			bytes[i] = (uint8_t) i;
		assert_int_equal(crc_of(updates[u], bytes, 32), 0x46dd794e);
		for (int i = 0; i < 32; i++)
			bytes[i] = (uint8_t) (31 - i);
		assert_int_equal(crc_of(updates[u], bytes, 32), 0x113fdb5c);
		assert_int_equal(crc_of(updates[u], pdu, 48), 0xd9963a56);
		/* the check value that catalogues of CRCs give for this one */
		assert_int_equal(crc_of(updates[u], "123456789", 9), 0xe3069283);
		assert_int_equal(crc_of(updates[u], "", 0), 0);
	}
}

/* Any length, any alignment, and in two parts. */
static void
all_ways_agree(void **state UNUSED)
{
	uint64_t seed = 3720;
	uint8_t *bytes = malloc(5000 + 8);

	for (size_t i = 0; i < 5008; i++)
		bytes[i] = (uint8_t) random_next(&seed);
	for (size_t len = 0; len < 5000; len = len < 300 ? len + 1 : len * 5 / 4)
	{
		for (size_t offset = 0; offset < 8; offset++)
		{
			uint32_t init = random_next(&seed);
			size_t part = random_next(&seed) % (len + 1);
			uint32_t want = crc32c_update_portable(init, bytes + offset, len);
			uint32_t crc = crc32c_update(init, bytes + offset, part);

			assert_int_equal(crc32c_update(init, bytes + offset, len), want);
			crc = crc32c_update(crc, bytes + offset + part, len - part);
			assert_int_equal(crc, want);
		}
	}
	free(bytes);
}

static void
zeros_need_no_bytes(void **state UNUSED)
{
	size_t max = 3 << 20;
	uint8_t *zeros = calloc(1, max);
	uint64_t seed = 26;

	for (size_t len = 0; len < max; len = len < 2100 ? len + 1 : len * 3 / 2)
	{
		uint32_t init = random_next(&seed);

		assert_int_equal(
			crc32c_update_zeros(init, len), crc32c_update(init, zeros, len));
	}
	assert_int_equal(crc32c_update_zeros(CRC32C_INIT, 0), CRC32C_INIT);
	/* more than would be walked over: 1 GB in two ways */
	assert_int_equal(crc32c_update_zeros(1, (uint64_t) 1 << 30),
		crc32c_update_zeros(
			crc32c_update_zeros(1, ((uint64_t) 1 << 30) - 12345), 12345));
	free(zeros);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_3720_vectors),
		cmocka_unit_test(all_ways_agree),
		cmocka_unit_test(zeros_need_no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
