/*
 * test_segment.c
 *		The segment that the spooler writes: names, resuming after every kind of
 *		end, and a disk that refuses.
 */
#include "base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "mutate.h"
#include "spool/spooldir.h"
#include "spooler/segment.h"
#include "statedir.h"
#include "walbuild.h"

#define SEGMENT ((uint32_t) 1 << 20)
#define START ((Lsn) 7 * SEGMENT)
#define SEGMENTS 3

/* ---- the system calls that the disk may refuse ---- */

static int fail_fdatasync; /* so many calls fail */
static int fail_fsync;
static int pass_fsync; /* so many succeed before */
static int fail_rename;

static bool
refused(int *count)
{
	errno = EIO;
	return *count > 0 && (*count)-- > 0;
}

/*
 * Which bytes of a file are on disk: what has been written since the last fsync is
 * dirty; when that fails, the kernel tells it once, and takes what it could not write
 * for clean.  For tests with one segment.
 */
static bool dirty[SEGMENT];
static bool on_disk[SEGMENT];

static int
synced(bool ok)
{
	for (size_t i = 0; i < SEGMENT; i++)
	{
		on_disk[i] = on_disk[i] || (ok && dirty[i]);
		dirty[i] = false;
	}
	return ok ? 0 : -1;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	ssize_t n = syscall(SYS_pwrite64, fd, data, len, offset);

	for (ssize_t i = 0; i < n && offset + i < (off_t) SEGMENT; i++)
	{
		dirty[offset + i] = true;
		on_disk[offset + i] = false;
	}
	return n;
}

int
fdatasync(int fd UNUSED)
{
	return synced(!refused(&fail_fdatasync));
}

int
fsync(int fd)
{
	struct stat st;

	if (pass_fsync > 0)
		pass_fsync--;
	else if (refused(&fail_fsync))
		return synced(false);
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? synced(true) : 0;
}

int
rename(const char *from, const char *to)
{
	return refused(&fail_rename)
			   ? -1
			   : (int) syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- WAL ---- */

static WalBuild wal;    /* SEGMENTS segments and a bit */
static Lsn ends[20000]; /* of its records */
static size_t record_count;

static int
build_wal(void **state UNUSED)
{
	uint64_t seed = 5;

	wal = build_begin(SEGMENT, 8192, START);
	while (wal.len < SEGMENTS * SEGMENT + 50000)
	{
		build_block_record(
			&wal, 1663, 5, (uint16_t) (random_next(&seed) % 6000 + 1), 7);
		ends[record_count++] = build_lsn(&wal);
	}
	return 0;
}

static int
free_wal(void **state UNUSED)
{
	build_end(&wal);
	return 0;
}

/* The end of the last record that is whole before lsn. */
static Lsn
whole_records_end(Lsn lsn)
{
	Lsn end = START;

	for (size_t i = 0; i < record_count && ends[i] <= lsn; i++)
		end = ends[i];
	return end;
}

/* ---- helpers ---- */

static int
setup(void **state)
{
	fail_fdatasync = fail_fsync = pass_fsync = fail_rename = 0;
	return statedir_setup(state) == 0 ? mkdir(statedir_path("spool"), 0700)
									  : -1;
}

static Segment
resume(void)
{
	Segment s = {.state_directory = state_directory, .geometry = wal.geometry};
	ErrInfo err;

	if (!segment_resume(&s, &err))
		fail_msg("%s", err.message);
	assert_int_equal(s.synced, s.written);
	return s;
}

/* As if the process were gone. */
static void
drop(Segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static Segment
begin(TimeLineId tli)
{
	Segment s = resume();

	segment_move(&s, tli, START);
	return s;
}

/* The next n bytes, which must fit. */
static bool
write_next(Segment *s, size_t n, ErrInfo *err)
{
	return segment_write(s, wal.bytes + (s->written - START), n, err);
}

/* All up to lsn, in portions. */
static void
write_up_to(Segment *s, Lsn lsn, size_t portion)
{
	while (s->written < lsn)
	{
		size_t n = Min(segment_room(s), Min(portion, lsn - s->written));
		ErrInfo err;

		if (!write_next(s, n, &err))
			fail_msg("%s", err.message);
	}
}

static void
path_of(char path[DURABLE_PATH_SIZE], TimeLineId tli, Lsn start, bool partial)
{
	spooldir_file_path(path, state_directory, tli, start, SEGMENT, partial);
}

/* len -1: it is not there. */
static void
assert_file(TimeLineId tli, Lsn start, bool partial, ssize_t len)
{
	char path[DURABLE_PATH_SIZE];
	ssize_t got;
	char *content;

	path_of(path, tli, start, partial);
	content = file_content(path, &got);
	assert_int_equal(got, len);
	if (len > 0)
		assert_memory_equal(content, wal.bytes + (start - START), len);
	free(content);
}

static void
put_file(TimeLineId tli, Lsn start, bool partial, size_t len)
{
	char path[DURABLE_PATH_SIZE];

	path_of(path, tli, start, partial);
	assert_true(file_write(path, wal.bytes + (start - START), len));
}

/* ---- writing ---- */

static void
segments_get_their_names(void **state UNUSED)
{
	static const size_t portions[] = {100000, SEGMENT, 8191};

	for (size_t p = 0; p < lengthof(portions); p++)
	{
		TimeLineId tli = (TimeLineId) p + 1;
		Segment s = begin(tli);
		ErrInfo err;

		assert_int_equal(s.written, START);
		assert_int_equal(segment_room(&s), SEGMENT);
		write_up_to(&s, START + 5000, portions[p]);
		assert_int_equal(segment_room(&s), SEGMENT - 5000);
		assert_int_equal(s.synced, START);
		assert_file(tli, START, true, 5000);
		assert_true(segment_sync(&s, &err));
		assert_int_equal(s.synced, START + 5000);
		write_up_to(&s, START + SEGMENT, portions[p]);
		/* it is safe by then, and the next one has not been begun */
		assert_int_equal(s.synced, START + SEGMENT);
		assert_int_equal(segment_room(&s), SEGMENT);
		assert_file(tli, START, true, -1);
		assert_file(tli, START, false, SEGMENT);
		assert_file(tli, START + SEGMENT, true, -1);
		write_up_to(&s, START + 2 * SEGMENT + 10, portions[p]);
		assert_file(tli, START + SEGMENT, false, SEGMENT);
		assert_file(tli, START + 2 * SEGMENT, true, 10);
		drop(&s);
	}
}

/* What was there under that name is written anew. */
static void
move_begins_a_file_anew(void **state UNUSED)
{
	Segment s = begin(2);

	put_file(2, START, true, 5000);
	put_file(2, START + SEGMENT, true, 9000);
	segment_move(&s, 2, START + SEGMENT);
	write_up_to(&s, START + SEGMENT + 3, 3);
	assert_file(2, START + SEGMENT, true, 3);
	segment_move(&s, 3, START);
	assert_int_equal(s.fd, -1);
	write_up_to(&s, START + 100, 100);
	assert_file(3, START, true, 100);
	assert_file(2, START, true, 5000);
	/* one that is whole is replaced when the new one is */
	put_file(3, START, false, 77);
	write_up_to(&s, START + SEGMENT, 100000);
	assert_file(3, START, false, SEGMENT);
	drop(&s);
}

/* ---- resuming ---- */

static void
empty_spool_has_no_timeline(void **state UNUSED)
{
	Segment s = resume();

	assert_int_equal(s.tli, 0);
	assert_int_equal(s.written, InvalidLsn);
	assert_int_equal(s.fd, -1);
	assert_int_equal(rmdir(statedir_path("spool")), 0);
	s = resume();
	assert_int_equal(s.tli, 0);
}

static void
check_resume(Lsn end)
{
	Segment s = begin(1);
	Lsn start = lsn_floor(end, SEGMENT);
	Lsn expected = Max(whole_records_end(end), start);

	write_up_to(&s, end, 70000);
	drop(&s);
	s = resume();
	assert_int_equal(s.tli, 1);
	if (s.written != expected)
		fail_msg("end " LSN_FORMAT ": " LSN_FORMAT ", not " LSN_FORMAT,
			LSN_ARGS(end), LSN_ARGS(s.written), LSN_ARGS(expected));
	/* what was not good is gone, and what comes next is the same as before */
	if (end > start)
		assert_file(1, start, true, (ssize_t) (expected - start));
	write_up_to(&s, build_lsn(&wal), 300000);
	drop(&s);
	for (int i = 0; i < SEGMENTS; i++)
		assert_file(1, START + (Lsn) i * SEGMENT, false, SEGMENT);
	assert_int_equal(nftw(statedir_path("spool"), statedir_remove_one, 16,
						 FTW_DEPTH | FTW_PHYS),
		0);
	assert_int_equal(mkdir(statedir_path("spool"), 0700), 0);
}

static void
it_goes_on_behind_the_last_record(void **state UNUSED)
{
	uint64_t seed = 31;

	check_resume(START + 1);
	check_resume(START + 40);
	for (int i = 0; i <= 2; i++)
	{
		check_resume(START + SEGMENT + (Lsn) i);
		check_resume(START + SEGMENT + 39 + (Lsn) i);
		check_resume(ends[50] - 1 + (Lsn) i);
	}
	for (int i = 0; i < 12; i++)
		check_resume(START + 1 + random_next(&seed) % (SEGMENTS * SEGMENT));
}

static void
it_goes_on_with_the_next_segment(void **state UNUSED)
{
	Segment s = begin(4);

	write_up_to(&s, START + 2 * SEGMENT, SEGMENT);
	drop(&s);
	s = resume();
	assert_int_equal(s.tli, 4);
	assert_int_equal(s.written, START + 2 * SEGMENT);
	assert_int_equal(s.fd, -1);
	/* begun, and nothing in it */
	put_file(4, START + 2 * SEGMENT, true, 0);
	s = resume();
	assert_int_equal(s.written, START + 2 * SEGMENT);
	drop(&s);
}

/* A hole in the rest of the record that began in the segment before. */
static void
hole_in_the_first_record_is_found(void **state UNUSED)
{
	Lsn start = START;
	Segment s = begin(1);

	while (start == START || whole_records_end(start) > start - 1000)
		start += SEGMENT;
	write_up_to(&s, start, SEGMENT);
	drop(&s);
	/* on the timeline of that one, and on the next */
	for (TimeLineId tli = 1; tli <= 2; tli++)
	{
		char path[DURABLE_PATH_SIZE];
		int fd;

		put_file(tli, start, true, 30000);
		path_of(path, tli, start, true);
		s = resume();
		assert_int_equal(s.tli, tli);
		assert_int_equal(s.written, whole_records_end(start + 30000));
		drop(&s);
		/* it has no zeros there */
		fd = open(path, O_WRONLY);
		assert_int_equal(pwrite(fd, "", 1, 60), 1);
		close(fd);
		s = resume();
		assert_int_equal(s.tli, tli);
		assert_int_equal(s.written, start);
		drop(&s);
	}
}

static void
whole_segment_may_lack_its_name(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	char path[DURABLE_PATH_SIZE];
	ssize_t len;
	char *content;
	Segment s;

	/* the last record goes on in the next segment: that part is written again */
	put_file(1, START, true, SEGMENT);
	s = resume();
	assert_int_equal(s.written, whole_records_end(START + SEGMENT));
	assert_true(s.written < START + SEGMENT);
	drop(&s);
	/* it ends with a switch, and is good to its end */
	build_block_record(&b, 1663, 5, 1000, 1);
	build_switch(&b);
	path_of(path, 1, START, true);
	assert_true(file_write(path, b.bytes, b.len));
	s = resume();
	assert_int_equal(s.written, START + SEGMENT);
	assert_int_equal(s.fd, -1);
	assert_int_equal(access(path, F_OK), -1);
	path_of(path, 1, START, false);
	content = file_content(path, &len);
	assert_int_equal(len, SEGMENT);
	assert_memory_equal(content, b.bytes, SEGMENT);
	free(content);
	/* longer than a segment can be */
	path_of(path, 1, START + SEGMENT, true);
	put_file(1, START + SEGMENT, true, SEGMENT + 5000);
	s = resume();
	assert_true(s.written <= START + 2 * SEGMENT);
	drop(&s);
	build_end(&b);
}

static void
latest_timeline_is_resumed(void **state UNUSED)
{
	Segment s;

	put_file(1, START + 2 * SEGMENT, false, SEGMENT);
	put_file(1, START + SEGMENT, false, SEGMENT);
	put_file(2, START, false, SEGMENT);
	put_file(3, START, true, (size_t) (ends[20] - START));
	put_file(2, START + SEGMENT, true, 500);
	s = resume();
	assert_int_equal(s.tli, 3);
	assert_int_equal(s.written, ends[20]);
	drop(&s);
	/* whole and not whole, of the same segment */
	put_file(3, START, false, SEGMENT);
	s = resume();
	assert_int_equal(s.tli, 3);
	assert_int_equal(s.written, START + SEGMENT);
	drop(&s);
	/* the segment before may be an ancestor's */
	put_file(9, START + SEGMENT, true,
		(size_t) (whole_records_end(START + SEGMENT + 60000) - START -
				  SEGMENT));
	s = resume();
	assert_int_equal(s.tli, 9);
	assert_int_equal(s.written, whole_records_end(START + SEGMENT + 60000));
	drop(&s);
}

static void
spool_of_another_system_begins_anew(void **state UNUSED)
{
	Segment s = {.state_directory = state_directory, .geometry = wal.geometry};
	ErrInfo err;

	put_file(1, START, true, 90000);
	s.geometry.system_identifier++;
	assert_true(segment_resume(&s, &err));
	assert_int_equal(s.written, START);
	assert_file(1, START, true, 0);
	drop(&s);
}

static void
unreadable_spool_is_told(void **state UNUSED)
{
	Segment s = {.state_directory = state_directory, .geometry = wal.geometry};
	ErrInfo err;

	put_file(1, START, true, 5000);
	fail_fsync = 1;
	assert_false(segment_resume(&s, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_int_equal(s.fd, -1);
	assert_int_equal(unlink(statedir_path("spool/000000010000000000000007."
										  "partial")),
		0);
	assert_int_equal(rmdir(statedir_path("spool")), 0);
	assert_true(file_write(statedir_path("spool"), "", 0));
	assert_false(segment_resume(&s, &err));
	assert_int_equal(s.tli, 0);
}

/* ---- a disk that refuses ---- */

static void
failed_write_is_repeated(void **state UNUSED)
{
	Segment s = begin(1);
	ErrInfo err;

	write_up_to(&s, START + 10000, 10000);
	limit_file_size(15000);
	/* what has been written before stays: ask where to go on */
	assert_false(write_next(&s, 8000, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_int_equal(s.written, START + 15000);
	assert_false(write_next(&s, 8000, &err));
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(s.written, START + 15000);
	write_up_to(&s, START + SEGMENT, 50000);
	assert_file(1, START, false, SEGMENT);
	drop(&s);
}

static void
failed_open_is_repeated(void **state UNUSED)
{
	Segment s = begin(1);
	ErrInfo err;

	/* no folder; then its file cannot be cut; then its name is not durable */
	assert_int_equal(rmdir(statedir_path("spool")), 0);
	assert_false(write_next(&s, 100, &err));
	assert_int_equal(s.fd, -1);
	assert_int_equal(mkdir(statedir_path("spool"), 0700), 0);
	for (pass_fsync = 0; pass_fsync <= 1; pass_fsync++)
	{
		int pass = pass_fsync;

		fail_fsync = 1;
		assert_false(write_next(&s, 100, &err));
		assert_int_equal(fail_fsync, 0);
		assert_int_equal(s.fd, -1);
		assert_int_equal(s.written, START);
		pass_fsync = pass;
	}
	pass_fsync = 0;
	write_up_to(&s, START + 100, 100);
	assert_file(1, START, true, 100);
	drop(&s);
}

/* The kernel has forgotten what it could not write: it is written once more. */
static void
failed_sync_takes_back_what_was_written(void **state UNUSED)
{
	Segment s = begin(1);
	ErrInfo err;

	write_up_to(&s, START + 10000, 10000);
	assert_true(segment_sync(&s, &err));
	write_up_to(&s, START + 30000, 10000);
	fail_fdatasync = 1;
	assert_false(segment_sync(&s, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_int_equal(s.written, START + 10000);
	assert_int_equal(s.synced, START + 10000);
	assert_int_equal(s.fd, -1);
	assert_true(segment_sync(&s, &err));
	write_up_to(&s, START + 20000, 10000);
	assert_file(1, START, true, 20000);
	/* and at the end of a segment */
	fail_fdatasync = 1;
	write_up_to(&s, START + SEGMENT - 1, SEGMENT);
	assert_false(write_next(&s, 1, &err));
	assert_int_equal(s.written, START + 10000);
	assert_file(1, START, false, -1);
	write_up_to(&s, START + SEGMENT, SEGMENT);
	assert_file(1, START, false, SEGMENT);
	assert_int_equal(s.synced, START + SEGMENT);
	drop(&s);
}

static void
failed_rename_is_repeated(void **state UNUSED)
{
	Segment s = begin(1);
	ErrInfo err;

	write_up_to(&s, START + SEGMENT - 10, SEGMENT);
	fail_rename = 2;
	assert_false(write_next(&s, 10, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_int_equal(s.written, START + SEGMENT);
	assert_file(1, START, true, SEGMENT);
	/* nothing is written before it has its name */
	assert_false(write_next(&s, 10, &err));
	assert_int_equal(s.written, START + SEGMENT);
	assert_file(1, START + SEGMENT, true, -1);
	assert_true(write_next(&s, 10, &err));
	assert_file(1, START, false, SEGMENT);
	assert_file(1, START, true, -1);
	assert_file(1, START + SEGMENT, true, 10);
	drop(&s);
}

static void
assert_on_disk(const Segment *s)
{
	for (Lsn lsn = START; lsn < s->synced; lsn++)
	{
		if (!on_disk[lsn - START])
			fail_msg("byte %" PRIu64 " of %" PRIu64 " is not on disk",
				lsn - START, s->synced - START);
	}
}

/* The kernel shows what it could not write, and nobody is left who knows. */
static void
failed_sync_is_not_forgotten_by_who_comes_next(void **state UNUSED)
{
	Segment s = begin(1);
	Segment next = {
		.state_directory = state_directory, .geometry = wal.geometry};
	ErrInfo err;

	write_up_to(&s, START + 300000, 1000);
	assert_true(segment_sync(&s, &err));
	assert_on_disk(&s);
	write_up_to(&s, START + 600000, 1000);
	fail_fdatasync = 1;
	assert_false(segment_sync(&s, &err));
	drop(&s);
	s = resume();
	assert_int_equal(s.written, whole_records_end(START + 600000));
	assert_on_disk(&s);
	/* nor by itself, when it tries again */
	write_up_to(&s, START + 700000, 1000);
	drop(&s);
	fail_fsync = 1;
	assert_false(segment_resume(&next, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	s = resume();
	assert_int_equal(s.written, whole_records_end(START + 700000));
	assert_on_disk(&s);
	drop(&s);
}

/* It has its name, but that may not be durable: it cannot be renamed again. */
static void
failed_sync_of_the_name_is_repeated(void **state UNUSED)
{
	Segment s = begin(1);
	ErrInfo err;

	write_up_to(&s, START + SEGMENT - 10, SEGMENT);
	fail_fsync = 2;
	assert_false(write_next(&s, 10, &err));
	assert_file(1, START, false, SEGMENT);
	assert_false(write_next(&s, 10, &err));
	assert_int_equal(fail_fsync, 0);
	assert_file(1, START + SEGMENT, true, -1);
	assert_true(write_next(&s, 10, &err));
	assert_int_equal(s.written, START + SEGMENT + 10);
	assert_file(1, START, false, SEGMENT);
	drop(&s);
	/* removed by somebody: that is told */
	s = begin(2);
	write_up_to(&s, START + SEGMENT - 10, SEGMENT);
	fail_rename = 1;
	assert_false(write_next(&s, 10, &err));
	assert_int_equal(
		unlink(statedir_path("spool/000000020000000000000007.partial")), 0);
	assert_false(write_next(&s, 10, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	/* elsewhere it goes on */
	segment_move(&s, 3, START);
	assert_true(write_next(&s, 10, &err));
	drop(&s);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(segments_get_their_names),
		TEST(move_begins_a_file_anew),
		TEST(empty_spool_has_no_timeline),
		TEST(it_goes_on_behind_the_last_record),
		TEST(it_goes_on_with_the_next_segment),
		TEST(hole_in_the_first_record_is_found),
		TEST(whole_segment_may_lack_its_name),
		TEST(latest_timeline_is_resumed),
		TEST(spool_of_another_system_begins_anew),
		TEST(unreadable_spool_is_told),
		TEST(failed_write_is_repeated),
		TEST(failed_open_is_repeated),
		TEST(failed_sync_takes_back_what_was_written),
		TEST(failed_sync_is_not_forgotten_by_who_comes_next),
		TEST(failed_rename_is_repeated),
		TEST(failed_sync_of_the_name_is_repeated),
	};

	return cmocka_run_group_tests(tests, build_wal, free_wal);
}
