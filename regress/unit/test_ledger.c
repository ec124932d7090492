/*
 * test_ledger.c
 *		The ledger of a standby: what was written is read again, what was torn
 *		off is not, and damage is never taken for either.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/ledger.h"
#include "state/linefile.h"
#include "statedir.h"

#define SYSID UINT64_C(7312345678901234567)
#define SEGMENT ((Lsn) 0x1000000)
#define FILE_NAME "ledger/berlin/rep@standby1"

static Ledger *
try_open(const char *user, const char *application_name, uint64_t sysid,
	ErrInfo *err)
{
	LedgerKey key = {
		.state_directory = state_directory,
		.rule = "berlin",
		.user = user,
		.application_name = application_name,
		.system_identifier = sysid,
	};

	return ledger_open(&key, err);
}

static Ledger *
open_ledger(void)
{
	ErrInfo err;
	Ledger *ledger = try_open("rep", "standby1", SYSID, &err);

	if (ledger == NULL)
		fail_msg("%s", err.message);
	return ledger;
}

static void
begin(Ledger *ledger, Lsn lsn)
{
	ErrInfo err;

	if (!ledger_begin(ledger, lsn, 1, 0x1234abcd, &err))
		fail_msg("%s", err.message);
}

/* A record that goes on at boundary. */
static Straddle
straddle_at(Lsn boundary, TimeLineId tli, bool blanked)
{
	return (Straddle){
		.boundary = boundary,
		.tli = tli,
		.record = boundary - 24,
		.total = 8000,
		.xid = 740,
		.prev = boundary - 100,
		.blanked = blanked,
	};
}

static void
range(Ledger *ledger, Lsn to, const Tally *tally, const Straddle *straddle)
{
	static const Tally none;
	ErrInfo err;

	if (!ledger_range(
			ledger, to, tally != NULL ? tally : &none, straddle, &err))
		fail_msg("%s", err.message);
}

static void
assert_straddle(const Straddle *s, const Straddle *expected)
{
	assert_true(s->boundary == expected->boundary);
	assert_int_equal(s->tli, expected->tli);
	assert_true(s->record == expected->record);
	assert_int_equal(s->total, expected->total);
	assert_int_equal(s->xid, expected->xid);
	assert_true(s->prev == expected->prev);
	assert_int_equal(s->blanked, expected->blanked);
}

static void
assert_found(Ledger *ledger, TimeLineId tli, const Straddle *expected)
{
	Straddle s;

	assert_true(ledger_find_straddle(ledger, expected->boundary, tli, &s));
	assert_straddle(&s, expected);
}

static void
assert_not_found(Ledger *ledger, Lsn boundary, TimeLineId tli)
{
	Straddle s;

	assert_false(ledger_find_straddle(ledger, boundary, tli, &s));
}

/* Lines of a ledger, as they are read. */
typedef struct Lines
{
	LedgerLine lines[1000];
	size_t count;
	size_t stop_at; /* 0: never */
	Tally tally;    /* of all ranges */
	uint64_t sysid;
} Lines;

static bool
collect(void *arg, const LedgerLine *line)
{
	Lines *lines = arg;

	assert_true(lines->count < lengthof(lines->lines));
	tally_merge(&lines->tally, &line->tally);
	lines->lines[lines->count++] = *line;
	return lines->count != lines->stop_at;
}

static bool
read_lines(Lines *lines, ErrInfo *err)
{
	tally_clear(&lines->tally);
	*lines = (Lines){.stop_at = lines->stop_at};
	return ledger_read(
		statedir_path(FILE_NAME), &lines->sysid, collect, lines, err);
}

static void
read_good_lines(Lines *lines)
{
	ErrInfo err;

	if (!read_lines(lines, &err))
		fail_msg("%s", err.message);
}

/* A whole stream, which ends in the segment behind the second boundary. */
static void
write_sample(void)
{
	Ledger *ledger = open_ledger();
	Straddle straddle = straddle_at(3 * SEGMENT, 1, true);
	Tally tally = {0};
	ErrInfo err;

	begin(ledger, SEGMENT);
	tally_add(&tally, 16384, 100, false);
	tally_add(&tally, 16385, 200, true);
	tally_add(&tally, InvalidOid, 30, false);
	range(ledger, 2 * SEGMENT, &tally, NULL);
	tally_reset(&tally);
	tally_add(&tally, 16384, 50, false);
	range(ledger, 3 * SEGMENT, &tally, &straddle);
	range(ledger, 3 * SEGMENT + 0x100, NULL, NULL);
	/* nothing more, nothing written */
	range(ledger, 3 * SEGMENT + 0x100, NULL, NULL);
	assert_true(ledger_end(ledger, 3 * SEGMENT + 0x100, &err));
	ledger_close(ledger);
	tally_clear(&tally);
}

static void
what_was_written_is_read(void **state UNUSED)
{
	static Lines l;
	Straddle straddle = straddle_at(3 * SEGMENT, 1, true);

	write_sample();
	read_good_lines(&l);
	assert_true(l.sysid == SYSID);
	assert_int_equal(l.count, 6);
	assert_int_equal(l.lines[0].kind, LEDGER_BEGIN);
	assert_true(l.lines[0].from == SEGMENT);
	assert_int_equal(l.lines[0].tli, 1);
	assert_true(l.lines[0].digest == 0x1234abcd);
	assert_int_equal(strlen(l.lines[0].time), 27);
	assert_string_equal(l.lines[0].time + 23, " UTC");
	assert_int_equal(l.lines[1].kind, LEDGER_RANGE);
	assert_true(l.lines[1].from == SEGMENT);
	assert_true(l.lines[1].to == 2 * SEGMENT);
	assert_int_equal(l.lines[2].kind, LEDGER_RANGE);
	assert_true(l.lines[2].from == 2 * SEGMENT);
	assert_true(l.lines[2].to == 3 * SEGMENT);
	assert_int_equal(l.lines[3].kind, LEDGER_STRADDLE);
	assert_straddle(&l.lines[3].straddle, &straddle);
	assert_int_equal(l.lines[4].kind, LEDGER_RANGE);
	assert_true(l.lines[4].to == 3 * SEGMENT + 0x100);
	assert_int_equal(l.lines[5].kind, LEDGER_END);
	assert_true(l.lines[5].from == 3 * SEGMENT + 0x100);
	for (size_t i = 1; i < l.count; i++)
		assert_string_equal(l.lines[i].session, l.lines[0].session);

	assert_int_equal(l.tally.count, 3);
	assert_int_equal(l.tally.counts[0].database, InvalidOid);
	assert_int_equal(l.tally.counts[0].kept_bytes, 30);
	assert_int_equal(l.tally.counts[1].database, 16384);
	assert_int_equal(l.tally.counts[1].kept_records, 2);
	assert_int_equal(l.tally.counts[1].kept_bytes, 150);
	assert_int_equal(l.tally.counts[2].blanked_records, 1);
	assert_int_equal(l.tally.counts[2].blanked_bytes, 200);
	tally_clear(&l.tally);
}

static void
visitor_can_stop(void **state UNUSED)
{
	static Lines l = {.stop_at = 2};

	write_sample();
	read_good_lines(&l);
	assert_int_equal(l.count, 2);
	tally_clear(&l.tally);
}

static void
each_stream_is_a_session(void **state UNUSED)
{
	static Lines l;

	write_sample();
	write_sample();
	read_good_lines(&l);
	assert_int_equal(l.count, 12);
	assert_string_not_equal(l.lines[0].session, l.lines[6].session);
	tally_clear(&l.tally);
}

/* More databases than fit in a line, with the longest numbers that there are. */
static void
many_databases_take_several_lines(void **state UNUSED)
{
	static Lines l;
	Ledger *ledger = open_ledger();
	Tally tally = {0};

	begin(ledger, SEGMENT);
	for (Oid oid = 4294960000u; oid < 4294963000u; oid++)
	{
		tally_add(&tally, oid, 1, false);
		tally.counts[tally.last].kept_records = UINT64_MAX - 1;
		tally.counts[tally.last].kept_bytes = UINT64_MAX - oid;
		tally.counts[tally.last].blanked_records = UINT64_MAX - 3;
		tally.counts[tally.last].blanked_bytes = UINT64_MAX;
	}
	range(ledger, 2 * SEGMENT, &tally, NULL);
	ledger_close(ledger);
	read_good_lines(&l);
	assert_true(l.count > 2);
	for (size_t i = 1; i < l.count; i++)
	{
		assert_int_equal(l.lines[i].kind, LEDGER_RANGE);
		assert_true(l.lines[i].from == SEGMENT);
		assert_true(l.lines[i].to == 2 * SEGMENT);
	}
	assert_int_equal(l.tally.count, tally.count);
	assert_memory_equal(
		l.tally.counts, tally.counts, tally.count * sizeof(TallyCount));
	tally_clear(&l.tally);
	tally_clear(&tally);
}

static void
latest_straddle_of_highest_timeline_is_found(void **state UNUSED)
{
	Ledger *ledger = open_ledger();
	Straddle first = straddle_at(2 * SEGMENT, 1, true);
	Straddle later = straddle_at(2 * SEGMENT, 1, false);
	Straddle third = straddle_at(2 * SEGMENT, 3, true);
	Straddle other = straddle_at(3 * SEGMENT, 1, true);

	assert_not_found(ledger, 2 * SEGMENT, 1);
	begin(ledger, SEGMENT);
	assert_not_found(ledger, 2 * SEGMENT, 1);
	range(ledger, 2 * SEGMENT, NULL, &first);
	assert_found(ledger, 1, &first);
	assert_found(ledger, 4, &first);
	range(ledger, 2 * SEGMENT, NULL, &third);
	range(ledger, 3 * SEGMENT, NULL, &other);
	range(ledger, 3 * SEGMENT, NULL, &later);
	assert_found(ledger, 1, &later);
	assert_found(ledger, 2, &later);
	assert_found(ledger, 3, &third);
	assert_found(ledger, 4, &third);
	assert_found(ledger, 1, &other);
	assert_not_found(ledger, 4 * SEGMENT, 9);
	ledger_close(ledger);
	ledger = open_ledger();
	assert_found(ledger, 3, &third);
	ledger_close(ledger);
}

static void
nothing_from_before_a_rescope_is_found(void **state UNUSED)
{
	static Lines l;
	Ledger *ledger;
	Straddle straddle = straddle_at(2 * SEGMENT, 1, true);
	ErrInfo err;

	assert_true(ledger_forget(state_directory, "berlin", &err));
	ledger = open_ledger();
	begin(ledger, SEGMENT);
	range(ledger, 2 * SEGMENT, NULL, &straddle);
	assert_true(ledger_forget(state_directory, "paris", &err));
	assert_found(ledger, 1, &straddle);
	assert_true(ledger_forget(state_directory, "berlin", &err));
	assert_not_found(ledger, 2 * SEGMENT, 1);
	/* what comes after it counts again */
	range(ledger, 3 * SEGMENT, NULL, &straddle);
	assert_found(ledger, 1, &straddle);
	ledger_close(ledger);
	read_good_lines(&l);
	assert_int_equal(l.lines[3].kind, LEDGER_RESCOPE);
	assert_int_equal(strlen(l.lines[3].time), 27);
	tally_clear(&l.tally);
}

/* What counts now, with the number of lacks. */
static void
assert_look(uint64_t system_identifier, bool expected, size_t lack_count)
{
	LedgerKey key = {
		.state_directory = state_directory,
		.rule = "berlin",
		.user = "rep",
		.application_name = "standby1",
		.system_identifier = SYSID,
	};
	Lacks lacks = {0};
	bool counts;
	ErrInfo err;

	key.system_identifier = system_identifier;
	assert_true(ledger_look(&key, &counts, &lacks, &err));
	assert_int_equal(counts, expected);
	assert_int_equal(lacks.count, lack_count);
	for (size_t i = 0; i < lacks.count; i++)
		assert_true(lacks.items[i].since == (Lsn) lacks.items[i].oid * 2);
	lacks_clear(&lacks);
}

static void
what_is_lacked_counts_until_it_leaves_or_is_rebuilt(void **state UNUSED)
{
	static Lines l;
	LedgerKey key = {
		.state_directory = state_directory,
		.rule = "berlin",
		.user = "rep",
		.application_name = "standby1",
		.system_identifier = SYSID,
	};
	Ledger *ledger;
	Lacks lacks = {0};
	ErrInfo err;

	assert_look(SYSID, false, 0);
	ledger = open_ledger();
	assert_look(SYSID, false, 0);
	begin(ledger, SEGMENT);
	assert_look(SYSID, true, 0);
	assert_true(lacks_add(&lacks, SCOPE_DATABASE, 16384, 40000));
	assert_true(lacks_add(&lacks, SCOPE_DATABASE, 16384, 32768));
	assert_false(lacks_add(&lacks, SCOPE_DATABASE, 16384, 32769));
	assert_true(lacks_add(&lacks, SCOPE_TABLESPACE, 16384, 32768));
	assert_true(ledger_add_lacks(ledger, &lacks, &err));
	assert_true(ledger_add_lacks(ledger, &lacks, &err));
	assert_look(SYSID, true, 2);
	assert_look(SYSID + 1, false, 0);
	read_good_lines(&l);
	assert_int_equal(l.lines[2].kind, LEDGER_LACKS);
	assert_int_equal(l.lines[2].lack.kind, SCOPE_TABLESPACE);
	assert_int_equal(l.lines[2].lack.oid, 16384);
	assert_true(ledger_leave(&key, &err));
	assert_look(SYSID, false, 0);
	begin(ledger, 2 * SEGMENT);
	assert_look(SYSID, true, 0);
	assert_true(ledger_add_lacks(ledger, &lacks, &err));
	assert_true(ledger_forget(state_directory, "berlin", &err));
	assert_look(SYSID, false, 0);
	lacks_clear(&lacks);
	ledger_close(ledger);
	tally_clear(&l.tally);
}

/* The straddle stands before megabytes of lines of all lengths. */
static void
search_goes_back_over_any_length(void **state UNUSED)
{
	Ledger *ledger = open_ledger();
	Straddle straddle = straddle_at(2 * SEGMENT, 1, true);
	Tally tally = {0};

	begin(ledger, SEGMENT);
	range(ledger, 2 * SEGMENT, NULL, &straddle);
	for (unsigned i = 0; i < 250; i++)
	{
		for (Oid oid = 0; oid < i * 17; oid++)
			tally_add(&tally, oid, 1, false);
		range(ledger, (3 + i) * SEGMENT, &tally, NULL);
		tally_reset(&tally);
	}
	assert_found(ledger, 1, &straddle);
	assert_not_found(ledger, 3 * SEGMENT, 1);
	ledger_close(ledger);
	tally_clear(&tally);
}

/* The file cut at every length. */
static void
torn_end_is_ignored_and_cut_off(void **state UNUSED)
{
	static Lines whole;
	static Lines l;
	ssize_t len;
	char *text;

	write_sample();
	read_good_lines(&whole);
	text = file_content(statedir_path(FILE_NAME), &len);
	for (ssize_t cut = 0; cut <= len; cut++)
	{
		Ledger *ledger;
		size_t lines = 0;

		for (ssize_t i = 0; i < cut; i++)
			lines += text[i] == '\n';
		assert_true(file_write(statedir_path(FILE_NAME), text, (size_t) cut));
		read_good_lines(&l);
		assert_int_equal(l.count, lines > 0 ? lines - 1 : 0);
		for (size_t i = 0; i < l.count; i++)
			assert_int_equal(l.lines[i].kind, whole.lines[i].kind);
		ledger = open_ledger();
		begin(ledger, SEGMENT);
		ledger_close(ledger);
		read_good_lines(&l);
		assert_int_equal(l.count, lines > 0 ? lines : 1);
		assert_int_equal(l.lines[l.count - 1].kind, LEDGER_BEGIN);
		assert_true(l.sysid == SYSID);
	}
	free(text);
	tally_clear(&l.tally);
	tally_clear(&whole.tally);
}

/* One bit changed anywhere, the last newline too. */
static void
damage_is_an_error(void **state UNUSED)
{
	static Lines l;
	ssize_t len;
	char *text;
	ErrInfo err;

	write_sample();
	text = file_content(statedir_path(FILE_NAME), &len);
	for (ssize_t at = 0; at < len; at++)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			text[at] ^= (char) (1 << bit);
			assert_true(
				file_write(statedir_path(FILE_NAME), text, (size_t) len));
			text[at] ^= (char) (1 << bit);
			assert_false(read_lines(&l, &err));
			assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
			assert_string_not_equal(err.hint, "");
		}
	}
	free(text);
	tally_clear(&l.tally);
}

/* Then the record is looked at where it begins. */
static void
nothing_is_found_behind_damage(void **state UNUSED)
{
	Straddle straddle = straddle_at(3 * SEGMENT, 1, true);
	Ledger *ledger;
	ssize_t len;
	char *text;

	write_sample();
	ledger = open_ledger();
	assert_found(ledger, 1, &straddle);
	text = file_content(statedir_path(FILE_NAME), &len);
	text[len - 3] ^= 1;
	assert_true(file_write(statedir_path(FILE_NAME), text, (size_t) len));
	assert_not_found(ledger, 3 * SEGMENT, 1);
	ledger_close(ledger);
	free(text);
}

/* A disk that is full after any number of bytes leaves the file as it was. */
static void
half_a_line_is_taken_back(void **state UNUSED)
{
	static Lines l;
	Straddle straddle = straddle_at(4 * SEGMENT, 1, true);
	Ledger *ledger;
	ssize_t len;
	ssize_t now;
	char *text;
	Tally tally = {0};
	ErrInfo err;

	write_sample();
	text = file_content(statedir_path(FILE_NAME), &len);
	ledger = open_ledger();
	tally_add(&tally, 16384, 100, false);
	for (rlim_t room = 0; room < 100; room++)
	{
		char *after;

		limit_file_size((rlim_t) len + room);
		assert_false(
			ledger_range(ledger, 4 * SEGMENT, &tally, &straddle, &err));
		limit_file_size(RLIM_INFINITY);
		assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
		after = file_content(statedir_path(FILE_NAME), &now);
		assert_int_equal(now, len);
		assert_memory_equal(after, text, (size_t) len);
		free(after);
	}
	begin(ledger, 3 * SEGMENT);
	range(ledger, 4 * SEGMENT, &tally, &straddle);
	assert_found(ledger, 1, &straddle);
	ledger_close(ledger);
	read_good_lines(&l);
	assert_int_equal(l.count, 9);
	free(text);
	tally_clear(&tally);
	tally_clear(&l.tally);
}

static void
new_file_that_does_not_fit_is_begun_again(void **state UNUSED)
{
	ErrInfo err;

	for (rlim_t room = 0; room < 20; room++)
	{
		limit_file_size(room);
		assert_null(try_open("rep", "standby1", SYSID, &err));
		limit_file_size(RLIM_INFINITY);
	}
	ledger_close(open_ledger());
}

static void
write_many(unsigned count)
{
	Ledger *ledger = open_ledger();

	begin(ledger, SEGMENT);
	for (unsigned i = 1; i <= count; i++)
	{
		Straddle straddle = straddle_at((i + 1) * SEGMENT, 1, i % 2 == 0);

		range(ledger, (i + 1) * SEGMENT, NULL, &straddle);
	}
	ledger_close(ledger);
}

/* Of two streams at the same time each line is there, in its stream's order. */
static void
two_processes_share_a_name(void **state UNUSED)
{
	static Lines l;
	char first[LEDGER_SESSION_SIZE] = "";
	Lsn at[2] = {SEGMENT, SEGMENT};
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	write_many(200);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	read_good_lines(&l);
	assert_int_equal(l.count, 2 * (1 + 400));
	for (size_t i = 0; i < l.count; i++)
	{
		const LedgerLine *line = &l.lines[i];
		Lsn *mine;

		if (first[0] == '\0')
			strcpy(first, line->session);
		mine = &at[strcmp(first, line->session) == 0];
		assert_true(line->from == *mine);
		*mine = line->to;
	}
	assert_true(at[0] == 201 * SEGMENT && at[1] == 201 * SEGMENT);
	tally_clear(&l.tally);
}

static void
names_become_file_names(void **state UNUSED)
{
	char long_name[64];
	char decoded[64];
	ErrInfo err;

	memset(long_name, '/', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	ledger_close(try_open("a b", "../x@y", SYSID, &err));
	assert_int_equal(
		access(statedir_path("ledger/berlin/a%20b@..%2Fx%40y"), F_OK), 0);
	assert_true(linefile_decode_name("..%2Fx%40y", decoded, sizeof(decoded)));
	assert_string_equal(decoded, "../x@y");
	ledger_close(try_open("", "", SYSID, &err));
	assert_int_equal(access(statedir_path("ledger/berlin/@"), F_OK), 0);

	/* too long for a file name, and told from each other all the same */
	for (int i = 0; i < 2; i++)
	{
		Ledger *ledger = try_open(long_name, long_name, SYSID, &err);
		Straddle straddle = straddle_at(2 * SEGMENT, 1, true);

		assert_non_null(ledger);
		assert_not_found(ledger, 2 * SEGMENT, 1);
		range(ledger, 2 * SEGMENT, NULL, &straddle);
		ledger_close(ledger);
		long_name[62] = 'x';
	}
}

static void
names_are_decoded_as_they_were(void **state UNUSED)
{
	static const char *const bad[] = {"%", "%2", "%2f", "%zz", "a b", "%41",
		"%00", "/", "\xc3", "0123456789"};
	char name[256];
	char text[768];
	char decoded[256];

	for (int i = 1; i < 256; i++)
		name[i - 1] = (char) i;
	name[255] = '\0';
	linefile_encode_name(name, text, sizeof(text));
	assert_true(linefile_decode_name(text, decoded, sizeof(decoded)));
	assert_string_equal(decoded, name);
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_false(linefile_decode_name(bad[i], decoded, 10));
	/* cut, but never within a letter */
	linefile_encode_name("ab/", text, 5);
	assert_string_equal(text, "ab");
}

static void
number_of_ledgers_is_limited(void **state UNUSED)
{
	char name[64];
	ErrInfo err;

	ledger_close(open_ledger());
	for (int i = 1; i < LEDGER_FILES_MAX; i++)
	{
		snprintf(name, sizeof(name), "ledger/berlin/rep@%d", i);
		assert_true(file_write(statedir_path(name), "", 0));
	}
	assert_null(try_open("rep", "one_more", SYSID, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED);
	assert_non_null(strstr(err.hint, "application_name"));
	assert_int_not_equal(
		access(statedir_path("ledger/berlin/rep@one_more"), F_OK), 0);
	ledger_close(open_ledger());
	/* one that was made, but not begun */
	ledger_close(try_open("rep", "1", SYSID, &err));
	assert_true(ledger_forget(state_directory, "berlin", &err));
}

static void
ledger_of_another_system_is_refused(void **state UNUSED)
{
	ErrInfo err;

	write_sample();
	assert_null(try_open("rep", "standby1", SYSID + 1, &err));
	assert_non_null(strstr(err.message, "another database system"));
}

static void
removed_ledger_is_not_written_to(void **state UNUSED)
{
	Ledger *ledger = open_ledger();
	ErrInfo err;

	assert_int_equal(unlink(statedir_path(FILE_NAME)), 0);
	assert_false(ledger_begin(ledger, SEGMENT, 1, 0, &err));
	assert_non_null(strstr(err.message, "removed"));
	ledger_close(ledger);
	ledger_close(open_ledger());
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, statedir_setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(visitor_can_stop),
		TEST(each_stream_is_a_session),
		TEST(many_databases_take_several_lines),
		TEST(latest_straddle_of_highest_timeline_is_found),
		TEST(nothing_from_before_a_rescope_is_found),
		TEST(what_is_lacked_counts_until_it_leaves_or_is_rebuilt),
		TEST(search_goes_back_over_any_length),
		TEST(torn_end_is_ignored_and_cut_off),
		TEST(damage_is_an_error),
		TEST(nothing_is_found_behind_damage),
		TEST(half_a_line_is_taken_back),
		TEST(new_file_that_does_not_fit_is_begun_again),
		TEST(two_processes_share_a_name),
		TEST(names_become_file_names),
		TEST(names_are_decoded_as_they_were),
		TEST(number_of_ledgers_is_limited),
		TEST(ledger_of_another_system_is_refused),
		TEST(removed_ledger_is_not_written_to),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
