/*
 * test_archive.c
 *		WAL from wal_fetch_command, over the end of a timeline: a former primary
 *		may have archived what its successor does not have.
 */
#include "base.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "source/archive.h"
#include "statedir.h"
#include "util/buf.h"
#include "wal/walformat.h"

#define SEGMENT_SIZE (1 << 20)
#define START ((Lsn) 0x300000)
#define SWITCH (START + 0x8000)
#define OLD_NAME "000000010000000000000003"
#define NEW_NAME "000000020000000000000003"
#define SYSID UINT64_C(7312345678901234567)
#define PATIENCE_MS 60000

static const WalGeometry geometry = {
	.segment_size = SEGMENT_SIZE,
	.block_size = 8192,
	.system_identifier = SYSID,
};

/* Timeline 1 ended within the segment. */
static const History line = {
	.tli = 2,
	.count = 1,
	.ancestors = {{.tli = 1, .end = SWITCH}},
};

static Config config;
static ChildContext context = {.config = &config};

static void
store_le64(uint8_t *p, uint64_t v)
{
	store_le32(p, (uint32_t) v);
	store_le32(p + 4, (uint32_t) (v >> 32));
}

/* A segment whose timeline's number is in each byte. */
static void
archive_segment(const char *name, TimeLineId tli)
{
	static uint8_t content[SEGMENT_SIZE];

	memset(content, (int) tli, sizeof(content));
	/* the magic of PostgreSQL 15, and that this is a long header */
	store_le32(content + WAL_PAGE_MAGIC_OFFSET, 0xD110 | 0x0002 << 16);
	store_le32(content + WAL_PAGE_TLI_OFFSET, 1);
	store_le64(content + WAL_PAGE_ADDR_OFFSET, START);
	store_le64(content + WAL_PAGE_SYSID_OFFSET, SYSID);
	store_le32(content + WAL_PAGE_SEGMENT_SIZE_OFFSET, SEGMENT_SIZE);
	store_le32(content + WAL_PAGE_BLOCK_SIZE_OFFSET, 8192);
	assert_true(file_write(statedir_path(name), content, sizeof(content)));
}

static Archive *
begin(void)
{
	char command[256];

	snprintf(command, sizeof(command), "cp %s/%%f %%p", state_directory);
	config.state_directory = state_directory;
	config.wal_retrieve_retry_interval_ms = 1;
	free(config.wal_fetch_command);
	config.wal_fetch_command = strdup(command);
	unlink(statedir_path(OLD_NAME));
	unlink(statedir_path(NEW_NAME));
	return archive_new(&context, &geometry);
}

/* Until it is not SOURCE_WAIT. */
static SourceStatus
get(Archive *archive, Lsn lsn, uint8_t *dst, size_t cap, size_t *got)
{
	SourceStatus status;
	ErrInfo err;

	while ((status = archive_read(archive, &line, lsn, dst, cap, got, &err)) ==
		   SOURCE_WAIT)
	{
		struct pollfd pollfd = {.fd = archive_fd(archive), .events = POLLIN};

		assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	}
	if (status == SOURCE_FAILED)
		assert_string_equal(err.sqlstate, "");
	return status;
}

static void
an_ancestor_is_good_up_to_its_end(void **state UNUSED)
{
	static uint8_t data[SEGMENT_SIZE];
	Archive *archive = begin();
	size_t got;

	archive_segment(OLD_NAME, 1);
	assert_int_equal(
		get(archive, SWITCH - 100, data, sizeof(data), &got), SOURCE_OK);
	assert_int_equal(got, 100);
	assert_int_equal(data[99], 1);
	assert_int_equal(
		get(archive, SWITCH, data, sizeof(data), &got), SOURCE_FAILED);
	/* what has been archived meanwhile is found */
	poll(NULL, 0, 10);
	archive_segment(NEW_NAME, 2);
	assert_int_equal(get(archive, SWITCH, data, sizeof(data), &got), SOURCE_OK);
	assert_int_equal(got, START + SEGMENT_SIZE - SWITCH);
	assert_int_equal(data[0], 2);
	archive_free(archive);
}

static void
the_latest_has_all_of_the_segment(void **state UNUSED)
{
	static uint8_t data[SEGMENT_SIZE];
	Archive *archive = begin();
	size_t got;

	archive_segment(OLD_NAME, 1);
	archive_segment(NEW_NAME, 2);
	assert_int_equal(get(archive, START, data, sizeof(data), &got), SOURCE_OK);
	assert_int_equal(got, SEGMENT_SIZE);
	assert_int_equal(data[SEGMENT_SIZE - 1], 2);
	archive_free(archive);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ancestor_is_good_up_to_its_end),
		cmocka_unit_test(the_latest_has_all_of_the_segment),
	};

	return cmocka_run_group_tests(tests, statedir_setup, statedir_teardown);
}
