/*
 * test_spool.c
 *		The spool by name, and reading WAL out of it over timelines, whatever files
 *		are there.
 *
 * In the files of these tests each byte says of which timeline and LSN it is.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mutate.h"
#include "spool/spooldir.h"
#include "statedir.h"

#define MB (UINT32_C(1) << 20)
#define SEGMENT MB
#define START ((Lsn) 5 * SEGMENT)
#define CAP ((size_t) 4096)

/* ---- helpers ---- */

static int
setup(void **state)
{
	return statedir_setup(state) == 0 ? mkdir(statedir_path("spool"), 0700)
									  : -1;
}

static uint8_t
byte_at(TimeLineId tli, Lsn lsn)
{
	return (uint8_t) ((tli * 7 + (lsn >> 8) * 3 + lsn) % 251);
}

/* The segment that begins at start, len bytes of it. */
static void
put_segment(TimeLineId tli, Lsn start, bool partial, size_t len)
{
	char path[DURABLE_PATH_SIZE];
	uint8_t *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(tli, start + i);
	spooldir_file_path(path, state_directory, tli, start, SEGMENT, partial);
	assert_true(file_write(path, bytes, len));
	free(bytes);
}

static void
remove_segment(TimeLineId tli, Lsn start, bool partial)
{
	char path[DURABLE_PATH_SIZE];

	spooldir_file_path(path, state_directory, tli, start, SEGMENT, partial);
	assert_int_equal(unlink(path), 0);
}

static void
name_whole(TimeLineId tli, Lsn start)
{
	char partial[DURABLE_PATH_SIZE];
	char whole[DURABLE_PATH_SIZE];

	spooldir_file_path(partial, state_directory, tli, start, SEGMENT, true);
	spooldir_file_path(whole, state_directory, tli, start, SEGMENT, false);
	assert_int_equal(rename(partial, whole), 0);
}

/* A line of timelines: each begins where the one before it ended. */
static void
make_line(History *line, TimeLineId tli, const HistoryAncestor *ancestors,
	size_t count)
{
	*line = (History){.tli = tli, .count = count};
	if (count > 0)
		memcpy(line->ancestors, ancestors, count * sizeof(*ancestors));
}

/* n bytes at lsn are there, of that timeline, and no more. */
static void
assert_reads(SpoolReader *r, const History *line, Lsn lsn, size_t cap,
	TimeLineId tli, size_t n)
{
	uint8_t *data = malloc(cap);
	size_t got = spoolreader_read(r, line, lsn, data, cap);

	assert_int_equal(got, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], byte_at(tli, lsn + i));
	free(data);
}

static void
assert_nothing(SpoolReader *r, const History *line, Lsn lsn)
{
	assert_reads(r, line, lsn, CAP, 0, 0);
}

/* ---- names ---- */

static void
list_files(SpoolList *list, uint32_t segment_size)
{
	ErrInfo err;

	if (!spooldir_list(list, state_directory, segment_size, &err))
		fail_msg("%s", err.message);
}

static void
names_are_those_of_pg_wal(void **state UNUSED)
{
	static const struct
	{
		const char *name;
		uint32_t segment_size;
		TimeLineId tli; /* 0: it is not the name of a segment */
		Lsn start;
		bool partial;
	} cases[] = {
		{"000000010000000000000001", 16 * MB, 1, 0x1000000, false},
		{"000000010000000000000001.partial", 16 * MB, 1, 0x1000000, true},
		{"0000000100000000000000FF", 16 * MB, 1, 0xff000000, false},
		{"000000010000000000000100", 16 * MB, 0, 0, false},
		{"000000020000000100000000", 16 * MB, 2, UINT64_C(1) << 32, false},
		{"ABCDEF010000ABCD00000000", 16 * MB, 0xabcdef01,
			UINT64_C(0xabcd) << 32, false},
		{"FFFFFFFFFFFFFFFF000000FF", 16 * MB, UINT32_MAX,
			UINT64_MAX - 16 * MB + 1, false},
		{"FFFFFFFFFFFFFFFFFFFFFFFF", 16 * MB, 0, 0, false},
		{"000000010000000000000FFF", MB, 1, 0xfff00000, false},
		{"000000010000000000001000", MB, 0, 0, false},
		{"000000010000000700000003", 1024 * MB, 1, UINT64_C(0x7c0000000),
			false},
		{"000000010000000700000004", 1024 * MB, 0, 0, false},
		/* timeline 0 is none */
		{"000000000000000000000001", 16 * MB, 0, 0, false},
		/* other things that lie in pg_wal */
		{"00000002.history", 16 * MB, 0, 0, false},
		{"000000010000000000000001.00000028.backup", 16 * MB, 0, 0, false},
		{"000000010000000000000001.partial.77.tmp", 16 * MB, 0, 0, false},
		{"000000010000000000000001.PARTIAL", 16 * MB, 0, 0, false},
		{"000000010000000000000001.part", 16 * MB, 0, 0, false},
		{"000000010000000000000001.gz", 16 * MB, 0, 0, false},
		{"000000010000000000000001.", 16 * MB, 0, 0, false},
		{"00000001000000000000000", 16 * MB, 0, 0, false},
		{"0000000100000000000000012", 16 * MB, 0, 0, false},
		{"00000001000000000000000a", 16 * MB, 0, 0, false},
		{"00000001 0000000 0000001", 16 * MB, 0, 0, false},
		{"+0000001000000000000001", 16 * MB, 0, 0, false},
		{"0x000001000000000000000001", 16 * MB, 0, 0, false},
		{"archive_status", 16 * MB, 0, 0, false},
		{"x", 16 * MB, 0, 0, false},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		char path[512];
		SpoolList list;

		snprintf(
			path, sizeof(path), "%s/spool/%s", state_directory, cases[i].name);
		assert_true(file_write(path, "abc", 3));
		list_files(&list, cases[i].segment_size);
		if ((list.count == 1) != (cases[i].tli != 0))
			fail_msg("%s: %zu", cases[i].name, list.count);
		if (list.count == 1)
		{
			char again[DURABLE_PATH_SIZE];

			assert_int_equal(list.files[0].tli, cases[i].tli);
			assert_int_equal(list.files[0].start, cases[i].start);
			assert_int_equal(list.files[0].partial, cases[i].partial);
			assert_int_equal(list.files[0].size, 3);
			assert_true(list.files[0].time > 0);
			spooldir_file_path(again, state_directory, cases[i].tli,
				cases[i].start, cases[i].segment_size, cases[i].partial);
			assert_string_equal(again, path);
		}
		spooldir_list_clear(&list);
		assert_int_equal(unlink(path), 0);
	}
}

static void
name_is_that_of_the_segment_of_an_lsn(void **state UNUSED)
{
	static const struct
	{
		Lsn lsn;
		uint32_t segment_size;
		const char *name;
	} cases[] = {
		{0x1000000, 16 * MB, "000000030000000000000001"},
		{0x1ffffff, 16 * MB, "000000030000000000000001"},
		{UINT64_C(0x5ffffffff), 16 * MB, "0000000300000005000000FF"},
		{UINT64_C(0x5ffffffff), MB, "000000030000000500000FFF"},
		{UINT64_C(0x5ffffffff), 1024 * MB, "000000030000000500000003"},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		char path[DURABLE_PATH_SIZE];

		spooldir_file_path(
			path, "/s", 3, cases[i].lsn, cases[i].segment_size, false);
		assert_memory_equal(path, "/s/spool/", 9);
		assert_string_equal(path + 9, cases[i].name);
	}
}

static void
only_files_are_listed(void **state UNUSED)
{
	SpoolList list;
	ErrInfo err;

	assert_int_equal(
		mkdir(statedir_path("spool/000000010000000000000001"), 0700), 0);
	assert_int_equal(
		symlink("/nowhere", statedir_path("spool/000000010000000000000002")),
		0);
	list_files(&list, 16 * MB);
	assert_int_equal(list.count, 0);
	spooldir_list_clear(&list);
	/* a spool that is not there is empty, one that is a file cannot be read */
	assert_true(spooldir_list(&list, "/nowhere/at/all", 16 * MB, &err));
	assert_int_equal(list.count, 0);
	assert_true(file_write(statedir_path("file"), "", 0));
	assert_false(spooldir_list(&list, statedir_path("file"), 16 * MB, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_int_equal(list.count, 0);
}

static void
list_is_by_lsn_then_timeline(void **state UNUSED)
{
	uint64_t seed = 99;
	SpoolList list;
	size_t count = 0;

	for (int i = 0; i < 300; i++)
	{
		char path[DURABLE_PATH_SIZE];

		spooldir_file_path(path, state_directory, random_next(&seed) % 4 + 1,
			(Lsn) (random_next(&seed) % 20 + 4085) * SEGMENT, SEGMENT,
			random_next(&seed) % 2 == 0);
		count += access(path, F_OK) != 0;
		assert_true(file_write(path, "x", 1));
	}
	list_files(&list, SEGMENT);
	assert_int_equal(list.count, count);
	for (size_t i = 1; i < list.count; i++)
	{
		const SpoolFile *a = &list.files[i - 1];
		const SpoolFile *b = &list.files[i];

		assert_true(a->start < b->start ||
					(a->start == b->start &&
						(a->tli < b->tli ||
							(a->tli == b->tli && !a->partial && b->partial))));
	}
	spooldir_list_clear(&list);
	assert_null(list.files);
}

/* ---- histories ---- */

static void
histories_are_kept(void **state UNUSED)
{
	static const char text[] = "1\t0/3000148\treason\n";
	ErrInfo err;
	size_t len;
	char *got;
	char *big;

	assert_null(spooldir_get_history(state_directory, 2, &len));
	assert_true(
		spooldir_put_history(state_directory, 2, text, strlen(text), &err));
	assert_int_equal(access(statedir_path("spool/00000002.history"), F_OK), 0);
	got = spooldir_get_history(state_directory, 2, &len);
	assert_non_null(got);
	assert_int_equal(len, strlen(text));
	assert_string_equal(got, text);
	free(got);
	assert_null(spooldir_get_history(state_directory, 3, &len));
	/* in place of what was there, and the folder is made */
	assert_true(spooldir_put_history(state_directory, 2, "#\n", 2, &err));
	got = spooldir_get_history(state_directory, 2, &len);
	assert_string_equal(got, "#\n");
	free(got);
	assert_int_equal(unlink(statedir_path("spool/00000002.history")), 0);
	assert_int_equal(rmdir(statedir_path("spool")), 0);
	assert_true(
		spooldir_put_history(state_directory, 0xab, text, strlen(text), &err));
	assert_int_equal(access(statedir_path("spool/000000AB.history"), F_OK), 0);
	/* nobody has one that long */
	big = calloc(1, 64 * 1024 + 1);
	assert_true(file_write(
		statedir_path("spool/00000009.history"), big, 64 * 1024 + 1));
	assert_null(spooldir_get_history(state_directory, 9, &len));
	free(big);
	assert_false(
		spooldir_put_history("/nowhere/at/all", 2, text, strlen(text), &err));
}

/* ---- whose it is ---- */

/* The beginning of a segment (xlog_internal.h, XLogLongPageHeaderData) of 64 MB. */
static void
put_beginning(const char *name, Lsn start, TimeLineId tli, uint64_t system)
{
	struct
	{
		uint16_t magic;
		uint16_t info;
		uint32_t tli;
		uint64_t pageaddr;
		uint32_t rem_len;
		uint32_t padding;
		uint64_t sysid;
		uint32_t segment_size;
		uint32_t block_size;
	} header = {0xD110, 0x0002, tli, start, 0, 0, system, 64 * MB, 8192};
	char path[DURABLE_PATH_SIZE];

	_Static_assert(sizeof(header) == 40, "as on disk");
	snprintf(path, sizeof(path), "%s", statedir_path("spool"));
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", name);
	assert_true(file_write(path, &header, sizeof(header)));
}

static void
assert_origin(uint64_t system, TimeLineId tli)
{
	SpoolOrigin origin;

	assert_true(spooldir_find_origin(state_directory, &origin));
	assert_true(origin.system_identifier == system);
	assert_int_equal(origin.tli, tli);
}

static void
segments_tell_whose_they_are(void **state UNUSED)
{
	SpoolOrigin origin;
	ErrInfo err;

	assert_false(spooldir_find_origin(state_directory, &origin));
	/* a history alone is nobody's, what begins otherwise is not WAL */
	assert_true(spooldir_put_history(state_directory, 3, "#\n", 2, &err));
	put_segment(1, START, false, SEGMENT);
	put_segment(1, START + SEGMENT, true, 0);
	put_beginning("000000010000000000000009", 8 * 64 * MB, 1, 4711);
	put_beginning("000000010000000100000000.partial", 0, 1, 4711);
	put_beginning("00000002000000000000000A", 10 * 64 * MB, 2, 0);
	put_beginning("00000001000000000000000B.tmp", 11 * 64 * MB, 1, 4711);
	assert_false(spooldir_find_origin(state_directory, &origin));
	/* 64 MB, in the second 4 GB: the 65th segment */
	put_beginning("000000010000000100000001.partial", 65 * (Lsn) 64 * MB, 1, 5);
	assert_origin(5, 3);
	put_beginning("000000010000000000000001", 64 * MB, 1, 6);
	assert_origin(5, 3);
	/* the later timeline counts, and an earlier one may be in its first page */
	put_beginning("000000040000000000000002", 2 * 64 * MB, 1, 7);
	assert_origin(7, 4);
}

/* ---- reading ---- */

static void
one_timeline_is_read(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 1, NULL, 0);
	assert_nothing(r, &line, START);
	put_segment(1, START, false, SEGMENT);
	put_segment(1, START + SEGMENT, true, 1000);
	assert_reads(r, &line, START, CAP, 1, CAP);
	assert_reads(r, &line, START + 77, 1, 1, 1);
	/* never over the end of a segment, or of the file */
	assert_reads(r, &line, START + SEGMENT - 10, CAP, 1, 10);
	assert_reads(r, &line, START + SEGMENT, CAP, 1, 1000);
	assert_reads(r, &line, START + SEGMENT + 999, CAP, 1, 1);
	assert_nothing(r, &line, START + SEGMENT + 1000);
	assert_nothing(r, &line, START + SEGMENT + 5000);
	assert_nothing(r, &line, START + 2 * SEGMENT);
	assert_nothing(r, &line, START - 1);
	/* and back again */
	assert_reads(r, &line, START + 5, 5, 1, 5);
	spoolreader_free(r);
	spoolreader_free(NULL);
}

/* A name may say that it is whole, and it is not, or that it is not, and it is. */
static void
size_decides_not_the_name(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 1, NULL, 0);
	put_segment(1, START, true, SEGMENT);
	assert_reads(r, &line, START + SEGMENT - 10, CAP, 1, 10);
	put_segment(1, START, false, 100);
	assert_reads(r, &line, START, CAP, 1, CAP);
	assert_reads(r, &line, START + 200, CAP, 1, CAP);
	spoolreader_free(r);
	r = spoolreader_new(state_directory, SEGMENT);
	assert_reads(r, &line, START + 50, CAP, 1, 50);
	assert_reads(r, &line, START + 100, CAP, 1, CAP);
	/* what is longer than a segment is not WAL */
	put_segment(1, START + SEGMENT, true, SEGMENT + 1000);
	assert_reads(r, &line, START + 2 * SEGMENT - 3, CAP, 1, 3);
	assert_nothing(r, &line, START + 2 * SEGMENT);
	spoolreader_free(r);
}

static void
unknown_line_has_nothing(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	put_segment(1, START, false, SEGMENT);
	make_line(&line, 0, NULL, 0);
	assert_nothing(r, &line, START);
	/* a file of a timeline that is not ours */
	make_line(&line, 2, NULL, 0);
	assert_nothing(r, &line, START);
	spoolreader_free(r);
}

/* The segment in which a timeline begins has what was before it as well. */
static void
segment_of_the_switch_is_on_the_new_timeline(void **state UNUSED)
{
	Lsn end = START + 70000;
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 2, &(HistoryAncestor){1, end}, 1);
	put_segment(1, START - SEGMENT, false, SEGMENT);
	put_segment(1, START, true, 90000);
	put_segment(2, START, false, SEGMENT);
	put_segment(2, START + SEGMENT, true, 500);
	assert_reads(r, &line, START - 100, CAP, 1, 100);
	assert_reads(r, &line, START, CAP, 2, CAP);
	assert_reads(r, &line, end - 10, CAP, 2, CAP);
	assert_reads(r, &line, end, CAP, 2, CAP);
	assert_reads(r, &line, START + SEGMENT, CAP, 2, 500);
	spoolreader_free(r);
}

static void
segment_of_the_switch_is_only_on_the_old_one(void **state UNUSED)
{
	Lsn end = START + 70000;
	static History line;

	for (int partial = 0; partial <= 1; partial++)
	{
		SpoolReader *r = spoolreader_new(state_directory, SEGMENT);

		make_line(&line, 2, &(HistoryAncestor){1, end}, 1);
		/* what is behind the end is not ours */
		put_segment(1, START, partial != 0, partial ? 90000 : SEGMENT);
		assert_reads(r, &line, START, CAP, 1, CAP);
		assert_reads(r, &line, end - 10, CAP, 1, 10);
		assert_nothing(r, &line, end);
		assert_nothing(r, &line, end + 1);
		assert_nothing(r, &line, START + SEGMENT);
		/* the new one is being written: as far as it goes, then the old one */
		assert_reads(r, &line, START, 10, 1, 10);
		put_segment(2, START, true, 5000);
		assert_reads(r, &line, START, CAP, 1, CAP); /* is open */
		assert_reads(r, &line, START + SEGMENT, CAP, 0, 0);
		assert_reads(r, &line, START, CAP, 2, CAP);
		assert_reads(r, &line, START + 4990, CAP, 2, 10);
		assert_reads(r, &line, START + 5000, CAP, 1, CAP);
		assert_nothing(r, &line, end);
		put_segment(2, START, true, 70010);
		assert_reads(r, &line, end, CAP, 2, 10);
		remove_segment(2, START, true);
		remove_segment(1, START, partial != 0);
		spoolreader_free(r);
	}
}

/* A file is open when it turns out that its timeline has ended in it. */
static void
end_is_respected_in_the_open_file(void **state UNUSED)
{
	Lsn end = START + 70000;
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 1, NULL, 0);
	put_segment(1, START, true, 90000);
	assert_reads(r, &line, end - 10, CAP, 1, CAP);
	assert_reads(r, &line, end + 10, CAP, 1, CAP);
	make_line(&line, 2, &(HistoryAncestor){1, end}, 1);
	assert_reads(r, &line, end - 10, CAP, 1, 10);
	assert_nothing(r, &line, end);
	assert_nothing(r, &line, end + 10);
	/* another line, which has nothing to do with it */
	make_line(&line, 1, NULL, 0);
	assert_reads(r, &line, end - 10, CAP, 1, CAP);
	make_line(&line, 7, NULL, 0);
	assert_nothing(r, &line, end - 10);
	spoolreader_free(r);
}

/* A failover soon after another: all in one segment. */
static void
timelines_may_be_short(void **state UNUSED)
{
	static const HistoryAncestor ancestors[] = {
		{1, START + 1000}, {2, START + 2000}, {4, START + 2000}};
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 5, ancestors, lengthof(ancestors));
	put_segment(1, START, true, 1500);
	put_segment(2, START, true, 2500);
	put_segment(3, START, true, 9000); /* one that went elsewhere */
	put_segment(4, START, true, 3000);
	assert_reads(r, &line, START, CAP, 4, 2000);
	assert_nothing(r, &line, START + 2000);
	remove_segment(4, START, true);
	spoolreader_free(r);
	r = spoolreader_new(state_directory, SEGMENT);
	assert_reads(r, &line, START + 500, CAP, 2, 1500);
	remove_segment(2, START, true);
	spoolreader_free(r);
	r = spoolreader_new(state_directory, SEGMENT);
	assert_reads(r, &line, START + 500, CAP, 1, 500);
	assert_nothing(r, &line, START + 1000);
	spoolreader_free(r);
}

/* A name that is not possible: the timeline began later. */
static void
timeline_has_nothing_before_its_segment(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 2, &(HistoryAncestor){1, START + SEGMENT}, 1);
	put_segment(2, START, false, SEGMENT);
	assert_nothing(r, &line, START + 5);
	put_segment(1, START, false, SEGMENT);
	assert_reads(r, &line, START + SEGMENT - 5, CAP, 1, 5);
	put_segment(2, START + SEGMENT, true, 10);
	assert_reads(r, &line, START + SEGMENT, CAP, 2, 10);
	spoolreader_free(r);
}

static void
file_grows_while_it_is_open(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 1, NULL, 0);
	put_segment(1, START, true, 1000);
	assert_reads(r, &line, START, CAP, 1, 1000);
	assert_nothing(r, &line, START + 1000);
	put_segment(1, START, true, 3000);
	assert_reads(r, &line, START + 1000, CAP, 1, 2000);
	put_segment(1, START, true, SEGMENT);
	name_whole(1, START);
	assert_reads(r, &line, START + 3000, CAP, 1, CAP);
	assert_reads(r, &line, START + SEGMENT - 1, CAP, 1, 1);
	spoolreader_free(r);
}

static void
file_is_renamed_or_removed_while_it_is_open(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	static History line;

	make_line(&line, 1, NULL, 0);
	put_segment(1, START, true, 1000);
	assert_reads(r, &line, START, 10, 1, 10);
	/* made anew: the one that is open has nothing more */
	remove_segment(1, START, true);
	put_segment(1, START, true, 2000);
	assert_reads(r, &line, START + 990, CAP, 1, 10);
	assert_reads(r, &line, START + 1000, CAP, 1, 1000);
	name_whole(1, START);
	assert_reads(r, &line, START + 100, 10, 1, 10);
	remove_segment(1, START, false);
	assert_reads(r, &line, START + 1990, CAP, 1, 10);
	assert_nothing(r, &line, START + 2000);
	/* that closed it */
	assert_nothing(r, &line, START + 100);
	spoolreader_free(r);
}

/* Whole segments have been looked at before they got their name. */
static void
partial_segments_are_read_as_far_as_they_are_good(void **state UNUSED)
{
	SpoolReader *r = spoolreader_new(state_directory, SEGMENT);
	const HistoryAncestor ancestors[] = {{.tli = 1, .end = START + 500}};
	static History line;

	make_line(&line, 2, ancestors, lengthof(ancestors));
	put_segment(1, START, true, 1000);
	put_segment(2, START + SEGMENT, true, 1000);
	put_segment(2, START + 2 * SEGMENT, false, SEGMENT);
	spoolreader_limit(r, 0, InvalidLsn);
	assert_nothing(r, &line, START);
	assert_nothing(r, &line, START + SEGMENT);
	assert_reads(r, &line, START + 2 * SEGMENT, CAP, 2, CAP);
	spoolreader_limit(r, 2, START + SEGMENT + 300);
	assert_reads(r, &line, START, CAP, 1, 500);
	assert_reads(r, &line, START + SEGMENT + 100, CAP, 2, 200);
	assert_nothing(r, &line, START + SEGMENT + 300);
	spoolreader_limit(r, 2, START + SEGMENT + 400);
	assert_reads(r, &line, START + SEGMENT + 300, CAP, 2, 100);
	spoolreader_free(r);
}

/* ---- any files, any line ---- */

#define MODEL_SEGMENTS 4
#define MODEL_TIMELINES 5

/* By timeline and segment; 0: there is no such file. */
typedef struct Model
{
	size_t whole[MODEL_TIMELINES + 1][MODEL_SEGMENTS];
	size_t partial[MODEL_TIMELINES + 1][MODEL_SEGMENTS];
} Model;

static void
make_random_files(Model *model, uint64_t *seed)
{
	*model = (Model){0};
	for (TimeLineId tli = 1; tli <= MODEL_TIMELINES; tli++)
	{
		for (size_t s = 0; s < MODEL_SEGMENTS; s++)
		{
			Lsn start = START + s * SEGMENT;

			if (random_next(seed) % 3 == 0)
				model->whole[tli][s] = 3000;
			if (random_next(seed) % 3 == 0)
				model->partial[tli][s] = random_next(seed) % 3000 + 1;
			if (model->whole[tli][s] > 0)
				put_segment(tli, start, false, model->whole[tli][s]);
			if (model->partial[tli][s] > 0)
				put_segment(tli, start, true, model->partial[tli][s]);
		}
	}
}

/* Near the beginning of a segment, where the files are. */
static Lsn
random_lsn(uint64_t *seed)
{
	return START + (Lsn) (random_next(seed) % MODEL_SEGMENTS) * SEGMENT +
		   random_next(seed) % 3100;
}

static void
make_random_line(History *line, uint64_t *seed)
{
	Lsn end = START;

	*line = (History){.tli = random_next(seed) % MODEL_TIMELINES + 1};
	for (TimeLineId tli = 1; tli < line->tli; tli++)
	{
		Lsn next = random_lsn(seed);

		if (random_next(seed) % 2 == 0)
			continue;
		end = Max(end, next);
		line->ancestors[line->count++] = (HistoryAncestor){tli, end};
	}
}

/* How many bytes at lsn a timeline may give; 0: none. */
static size_t
model_room(const Model *model, const History *line, TimeLineId tli, Lsn lsn)
{
	size_t s = (size_t) ((lsn - START) / SEGMENT);
	size_t offset = (size_t) ((lsn - START) % SEGMENT);
	size_t len = Max(model->whole[tli][s], model->partial[tli][s]);
	Lsn begin = 0;
	Lsn end = UINT64_MAX;
	bool found = tli == line->tli;

	for (size_t i = 0; i < line->count; i++)
	{
		if (line->ancestors[i].tli == tli)
		{
			found = true;
			end = line->ancestors[i].end;
		}
		else if (line->ancestors[i].tli < tli)
			begin = line->ancestors[i].end;
	}
	if (!found || begin >= START + (s + 1) * SEGMENT || lsn >= end ||
		offset >= len)
		return 0;
	return (size_t) Min(len - offset, end - lsn);
}

/* What is read is what the line says, and if there is any, some is read. */
static void
check_read(SpoolReader *r, const Model *model, const History *line, Lsn lsn)
{
	uint8_t data[500];
	size_t got = spoolreader_read(r, line, lsn, data, sizeof(data));
	bool possible = false;
	bool explained = got == 0;

	for (TimeLineId tli = 1; tli <= MODEL_TIMELINES; tli++)
	{
		size_t room = model_room(model, line, tli, lsn);
		size_t same = 0;

		possible |= room > 0;
		while (same < got && data[same] == byte_at(tli, lsn + same))
			same++;
		explained |= same == got && got <= room;
	}
	assert_true(explained);
	assert_int_equal(got > 0, possible);
}

static void
any_files_any_line(void **state UNUSED)
{
	uint64_t seed = 20261121;

	for (int i = 0; i < 60; i++)
	{
		static History line;
		Model model;

		make_random_files(&model, &seed);
		for (int l = 0; l < 10; l++)
		{
			SpoolReader *r = spoolreader_new(state_directory, SEGMENT);

			make_random_line(&line, &seed);
			for (int n = 0; n < 50; n++)
				check_read(r, &model, &line, random_lsn(&seed));
			spoolreader_free(r);
		}
		assert_int_equal(nftw(statedir_path("spool"), statedir_remove_one, 16,
							 FTW_DEPTH | FTW_PHYS),
			0);
		assert_int_equal(mkdir(statedir_path("spool"), 0700), 0);
	}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_those_of_pg_wal),
		TEST(name_is_that_of_the_segment_of_an_lsn),
		TEST(only_files_are_listed),
		TEST(list_is_by_lsn_then_timeline),
		TEST(histories_are_kept),
		TEST(segments_tell_whose_they_are),
		TEST(one_timeline_is_read),
		TEST(size_decides_not_the_name),
		TEST(unknown_line_has_nothing),
		TEST(segment_of_the_switch_is_on_the_new_timeline),
		TEST(segment_of_the_switch_is_only_on_the_old_one),
		TEST(end_is_respected_in_the_open_file),
		TEST(timelines_may_be_short),
		TEST(timeline_has_nothing_before_its_segment),
		TEST(file_grows_while_it_is_open),
		TEST(file_is_renamed_or_removed_while_it_is_open),
		TEST(partial_segments_are_read_as_far_as_they_are_good),
		TEST(any_files_any_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
