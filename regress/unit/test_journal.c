/*
 * test_journal.c
 *		The scope journal: what was committed is there again, what was not is
 *		not, and damage is never taken for either.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/journal.h"
#include "statedir.h"

#define SYSID UINT64_C(7312345678901234567)
#define FILE_NAME "scope/berlin"

static WalScope *
open_journal(Journal *j)
{
	WalScope *scope = walscope_new();
	ErrInfo err;

	if (!journal_open(j, state_directory, "berlin", SYSID, scope, &err))
		fail_msg("%s", err.message);
	return scope;
}

static void
commit(Journal *j)
{
	ErrInfo err;

	if (!journal_commit(j, &err))
		fail_msg("%s", err.message);
}

static void
assert_verdict(const WalScope *scope, Oid oid, ScopeVerdict expected)
{
	ScopeVerdict verdict;

	assert_true(walscope_get(scope, SCOPE_DATABASE, oid, &verdict));
	assert_int_equal(verdict, expected);
}

/* A journal with two databases, one in and one out, and a digest. */
static void
write_sample(void)
{
	Journal j;
	WalScope *scope = open_journal(&j);

	assert_true(j.is_new);
	assert_false(j.has_digest);
	journal_add_digest(&j, 0x1234abcd);
	journal_add(&j, SCOPE_DATABASE, 16384, SCOPE_IN, 0, "name", "app");
	journal_add(&j, SCOPE_DATABASE, 16385, SCOPE_OUT, 0x3000060, "name",
		"a name, with \"all\"\nof it");
	commit(&j);
	journal_close(&j);
	walscope_free(scope);
}

static void
what_was_committed_is_there_again(void **state UNUSED)
{
	Journal j;
	WalScope *scope;
	ScopeVerdict verdict;

	assert_false(journal_exists(state_directory, "berlin"));
	write_sample();
	assert_true(journal_exists(state_directory, "berlin"));
	scope = open_journal(&j);
	assert_false(j.is_new);
	assert_true(j.has_digest);
	assert_true(j.digest == 0x1234abcd);
	assert_verdict(scope, 16384, SCOPE_IN);
	assert_verdict(scope, 16385, SCOPE_OUT);
	assert_false(walscope_get(scope, SCOPE_TABLESPACE, 16384, &verdict));
	journal_close(&j);
	walscope_free(scope);
}

static void
out_stays_out(void **state UNUSED)
{
	Journal j;
	WalScope *scope;

	write_sample();
	scope = open_journal(&j);
	journal_add(&j, SCOPE_DATABASE, 16385, SCOPE_IN, 0, "name", "x");
	journal_add(&j, SCOPE_DATABASE, 16384, SCOPE_OUT, 0, "name", "app");
	commit(&j);
	journal_close(&j);
	walscope_free(scope);
	scope = open_journal(&j);
	assert_verdict(scope, 16384, SCOPE_OUT);
	assert_verdict(scope, 16385, SCOPE_OUT);
	journal_close(&j);
	walscope_free(scope);
}

static void
what_was_not_committed_is_forgotten(void **state UNUSED)
{
	Journal j;
	WalScope *scope;
	ScopeVerdict verdict;

	write_sample();
	scope = open_journal(&j);
	journal_add(&j, SCOPE_DATABASE, 20000, SCOPE_OUT, 0, "name", "x");
	journal_close(&j);
	walscope_free(scope);
	scope = open_journal(&j);
	assert_false(walscope_get(scope, SCOPE_DATABASE, 20000, &verdict));
	journal_close(&j);
	walscope_free(scope);
}

/* The file cut at every length: lines before the cut count, and it can be used. */
static void
torn_end_is_cut_off(void **state UNUSED)
{
	ssize_t len;
	char *text;

	write_sample();
	text = file_content(statedir_path(FILE_NAME), &len);
	for (ssize_t cut = len; cut >= 0; cut--)
	{
		Journal j;
		WalScope *scope;
		ScopeVerdict verdict;

		assert_true(file_write(statedir_path(FILE_NAME), text, (size_t) cut));
		scope = open_journal(&j);
		/* the out line is the last: whole or not there */
		assert_int_equal(
			walscope_get(scope, SCOPE_DATABASE, 16385, &verdict), cut == len);
		journal_add(&j, SCOPE_DATABASE, 20000, SCOPE_OUT, 0, "name", "x");
		commit(&j);
		journal_close(&j);
		walscope_free(scope);
		scope = open_journal(&j);
		assert_verdict(scope, 20000, SCOPE_OUT);
		assert_int_equal(
			walscope_get(scope, SCOPE_DATABASE, 16385, &verdict), cut == len);
		journal_close(&j);
		walscope_free(scope);
	}
	free(text);
}

/* One bit changed anywhere: an error, never a verdict. */
static void
damage_is_an_error(void **state UNUSED)
{
	ssize_t len;
	char *text;

	write_sample();
	text = file_content(statedir_path(FILE_NAME), &len);
	for (ssize_t at = 0; at < len; at++)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			Journal j;
			size_t decisions;
			ErrInfo err;

			text[at] ^= (char) (1 << bit);
			assert_true(
				file_write(statedir_path(FILE_NAME), text, (size_t) len));
			text[at] ^= (char) (1 << bit);
			assert_false(
				journal_open(&j, state_directory, "berlin", SYSID, NULL, &err));
			assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
			assert_string_not_equal(err.hint, "");
			assert_false(journal_open_read(
				&j, state_directory, "berlin", SYSID, NULL, &err));
			assert_false(
				journal_forget(state_directory, "berlin", &decisions, &err));
		}
	}
	free(text);
}

/* A line that is good, but says nothing that we know. */
static void
line_of_another_kind_is_an_error(void **state UNUSED)
{
	static const char *const lines[] = {"catalog", "catalog index 5",
		"catalog database x", "database 16384 off 0/0 name x",
		"database 16384 out 0 name x", "rules 1", ""};

	for (size_t i = 0; i < lengthof(lines); i++)
	{
		Journal j;
		WalScope *scope = open_journal(&j);
		ErrInfo err;

		linefile_add(&j.file, "%s", lines[i]);
		commit(&j);
		journal_close(&j);
		walscope_free(scope);
		assert_false(
			journal_open(&j, state_directory, "berlin", SYSID, NULL, &err));
		assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
		assert_int_equal(unlink(statedir_path(FILE_NAME)), 0);
	}
}

/* The format as it stands on disks, with checksums of another implementation. */
static const char golden[] =
	"5043a480 walbouncer-scope 1 7312345678901234567\n"
	"e929427d rule 000000001234abcd\n"
	"acd7820c database 16384 in 0/0 name app\n"
	"1f7ed2a5 database 16385 out 1/3000060 name secret%20one\n"
	"848fdb68 tablespace 16390 out 0/0 unknown \n"
	"8d663a2e catalog database 16500\n";

static void
format_is_what_it_was(void **state UNUSED)
{
	Journal j;
	WalScope *scope = open_journal(&j);
	const JournalEntry *entry;
	ScopeKind kind;
	ssize_t len;
	char *text;

	journal_add_digest(&j, 0x1234abcd);
	journal_add(&j, SCOPE_DATABASE, 16384, SCOPE_IN, 0, "name", "app");
	journal_add(&j, SCOPE_DATABASE, 16385, SCOPE_OUT, 0x103000060, "name",
		"secret one");
	journal_add(&j, SCOPE_TABLESPACE, 16390, SCOPE_OUT, 0, "unknown", "");
	journal_add_catalog(&j, SCOPE_DATABASE, 16500);
	commit(&j);
	journal_close(&j);
	walscope_free(scope);
	text = file_content(statedir_path(FILE_NAME), &len);
	assert_string_equal(text, golden);
	free(text);

	scope = open_journal(&j);
	assert_true(j.digest == 0x1234abcd);
	entry = journal_find(&j, SCOPE_DATABASE, 16385);
	assert_non_null(entry);
	assert_int_equal(entry->verdict, SCOPE_OUT);
	assert_true(entry->since == 0x103000060);
	assert_non_null(journal_find(&j, SCOPE_TABLESPACE, 16390));
	assert_null(journal_find(&j, SCOPE_TABLESPACE, 16385));
	assert_true(walscope_catalog_kind(scope, 16500, &kind));
	assert_int_equal(kind, SCOPE_DATABASE);
	journal_close(&j);
	walscope_free(scope);
}

static void
first_out_counts(void **state UNUSED)
{
	Journal j;
	WalScope *scope = open_journal(&j);

	journal_add(&j, SCOPE_DATABASE, 5, SCOPE_OUT, 0x100, "name", "");
	journal_add(&j, SCOPE_DATABASE, 5, SCOPE_OUT, 0x200, "name", "");
	journal_add(&j, SCOPE_DATABASE, 5, SCOPE_IN, 0, "name", "");
	commit(&j);
	journal_close(&j);
	walscope_free(scope);
	scope = open_journal(&j);
	assert_true(journal_find(&j, SCOPE_DATABASE, 5)->since == 0x100);
	journal_close(&j);
	walscope_free(scope);
}

/* All decisions go, the files of catalogs stay; what comes after it counts. */
static void
rescope_forgets_decisions(void **state UNUSED)
{
	Journal j;
	WalScope *scope;
	ScopeVerdict verdict;
	ScopeKind kind;
	size_t decisions = 99;
	ErrInfo err;

	assert_true(journal_forget(state_directory, "berlin", &decisions, &err));
	assert_int_equal(decisions, 0);
	assert_false(journal_exists(state_directory, "berlin"));
	write_sample();
	scope = open_journal(&j);
	journal_add(&j, SCOPE_TABLESPACE, 16385, SCOPE_OUT, 0, "name", "x");
	journal_add(&j, SCOPE_DATABASE, 16384, SCOPE_OUT, 0, "name", "x");
	journal_add_catalog(&j, SCOPE_TABLESPACE, 16500);
	commit(&j);
	journal_close(&j);
	walscope_free(scope);
	assert_true(journal_forget(state_directory, "berlin", &decisions, &err));
	assert_int_equal(decisions, 3);

	scope = open_journal(&j);
	assert_false(j.is_new);
	assert_false(j.has_digest);
	assert_false(walscope_get(scope, SCOPE_DATABASE, 16384, &verdict));
	assert_false(walscope_get(scope, SCOPE_DATABASE, 16385, &verdict));
	assert_false(walscope_get(scope, SCOPE_TABLESPACE, 16385, &verdict));
	assert_true(walscope_catalog_kind(scope, 16500, &kind));
	journal_add(&j, SCOPE_DATABASE, 16385, SCOPE_IN, 0, "name", "x");
	commit(&j);
	journal_close(&j);
	walscope_free(scope);

	scope = open_journal(&j);
	assert_verdict(scope, 16385, SCOPE_IN);
	journal_close(&j);
	walscope_free(scope);
	assert_true(journal_forget(state_directory, "berlin", &decisions, &err));
	assert_int_equal(decisions, 1);
	assert_true(journal_forget(state_directory, "berlin", &decisions, &err));
	assert_int_equal(decisions, 0);
}

/* Made, but its maker was killed: there is nothing to forget. */
static void
empty_journal_can_be_forgotten(void **state UNUSED)
{
	size_t decisions;
	ErrInfo err;
	ssize_t len;

	assert_int_equal(mkdir(statedir_path("scope"), 0700), 0);
	assert_true(file_write(statedir_path(FILE_NAME), "5043a4", 6));
	assert_true(journal_forget(state_directory, "berlin", &decisions, &err));
	free(file_content(statedir_path(FILE_NAME), &len));
	assert_int_equal(len, 0);
	write_sample();
}

static void
reading_makes_and_changes_nothing(void **state UNUSED)
{
	Journal j;
	ErrInfo err;
	WalScope *scope = walscope_new();
	ssize_t len;
	ssize_t now;
	char *text;

	assert_true(
		journal_open_read(&j, state_directory, "berlin", SYSID, NULL, &err));
	assert_true(j.is_new);
	journal_close(&j);
	assert_int_not_equal(access(statedir_path("scope"), F_OK), 0);

	write_sample();
	text = file_content(statedir_path(FILE_NAME), &len);
	assert_int_equal(truncate(statedir_path(FILE_NAME), len - 1), 0);
	assert_true(
		journal_open_read(&j, state_directory, "berlin", 0, scope, &err));
	assert_false(j.is_new);
	assert_true(j.has_digest);
	assert_verdict(scope, 16384, SCOPE_IN);
	assert_null(journal_find(&j, SCOPE_DATABASE, 16385));
	journal_close(&j);
	assert_false(journal_open_read(
		&j, state_directory, "berlin", SYSID + 1, NULL, &err));
	free(text);
	free(file_content(statedir_path(FILE_NAME), &now));
	assert_int_equal(now, len - 1);
	walscope_free(scope);
}

/* Readers do not wait for each other, and everybody waits for a writer. */
static void
lock_is_waited_for_for_a_while(void **state UNUSED)
{
	Journal reader;
	Journal other;
	WalScope *scope;
	ErrInfo err;

	write_sample();
	assert_true(journal_open_read(
		&reader, state_directory, "berlin", SYSID, NULL, &err));
	assert_true(journal_open_read(
		&other, state_directory, "berlin", SYSID, NULL, &err));
	journal_close(&reader);
	journal_close(&other);
	scope = open_journal(&other);
	assert_false(journal_open_read(
		&reader, state_directory, "berlin", SYSID, NULL, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_CANNOT_CONNECT_NOW);
	assert_non_null(strstr(err.message, "locked"));
	journal_close(&other);
	walscope_free(scope);
}

/* A disk that is full after any number of bytes leaves the file as it was. */
static void
failed_commit_leaves_nothing(void **state UNUSED)
{
	ssize_t len;
	ssize_t now;
	char *text;

	write_sample();
	text = file_content(statedir_path(FILE_NAME), &len);
	for (rlim_t room = 0; room < 78; room++)
	{
		Journal j;
		WalScope *scope = open_journal(&j);
		ErrInfo err;
		char *after;

		journal_add(&j, SCOPE_DATABASE, 20000, SCOPE_OUT, 0, "name", "x");
		journal_add(&j, SCOPE_DATABASE, 20001, SCOPE_OUT, 0, "name", "x");
		limit_file_size((rlim_t) len + room);
		assert_false(journal_commit(&j, &err));
		limit_file_size(RLIM_INFINITY);
		assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
		after = file_content(statedir_path(FILE_NAME), &now);
		assert_int_equal(now, len);
		assert_memory_equal(after, text, (size_t) len);
		free(after);
		journal_close(&j);
		walscope_free(scope);
	}
	free(text);
}

static void
removed_journal_is_not_written_to(void **state UNUSED)
{
	Journal j;
	LineFile file;
	LineFormat format = {.magic = "walbouncer-scope", .label = "journal"};
	ErrInfo err;

	write_sample();
	assert_true(linefile_open(&file, &format, state_directory, "scope",
		"berlin", SYSID, LINEFILE_WRITE, &err));
	assert_int_equal(unlink(statedir_path(FILE_NAME)), 0);
	assert_false(linefile_lock(&file, &err));
	assert_non_null(strstr(err.message, "removed"));
	linefile_close(&file);
	assert_false(journal_open(&j, "", "berlin", SYSID, NULL, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_CONFIG_FILE_ERROR);
}

/* Each of two processes sees what the other has decided, and nothing is lost. */
static void
two_processes_share_a_journal(void **state UNUSED)
{
	Journal j;
	WalScope *scope;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	for (Oid oid = 1; oid <= 200; oid++)
	{
		scope = open_journal(&j);
		/* the first to come decides; the other leaves it */
		if (journal_find(&j, SCOPE_DATABASE, oid) == NULL)
			journal_add(&j, SCOPE_DATABASE, oid, SCOPE_OUT, pid == 0 ? 1 : 2,
				"name", "x");
		commit(&j);
		journal_close(&j);
		walscope_free(scope);
	}
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	scope = open_journal(&j);
	assert_int_equal(j.tables[SCOPE_DATABASE].count, 200);
	for (Oid oid = 1; oid <= 200; oid++)
		assert_verdict(scope, oid, SCOPE_OUT);
	journal_close(&j);
	walscope_free(scope);
}

static void
note_name(void *arg, ScopeKind kind, Oid oid, const char *name)
{
	char *seen = arg;
	size_t len = strlen(seen);

	snprintf(seen + len, 200 - len, "%d.%u=%s;", (int) kind, oid, name);
}

static void
note_forgotten(void *arg)
{
	strcat(arg, "forgotten;");
}

/* Others may hold the lock for as long as they like. */
static void
peeking_waits_for_nobody(void **state UNUSED)
{
	char seen[200] = "";
	const JournalVisitor visitor = {
		.decision = note_name, .forgotten = note_forgotten, .arg = seen};
	size_t decisions;
	WalScope *scope;
	Journal writer;
	Journal j;
	ErrInfo err;

	assert_true(journal_peek(&j, state_directory, "berlin", &visitor, &err));
	assert_true(j.is_new);
	journal_close(&j);
	assert_false(journal_exists(state_directory, "berlin"));

	write_sample();
	assert_true(journal_forget(state_directory, "berlin", &decisions, &err));
	scope = open_journal(&writer);
	journal_add(&writer, SCOPE_DATABASE, 7, SCOPE_IN, 0, "name", "x");
	journal_add(&writer, SCOPE_DATABASE, 7, SCOPE_OUT, 0x10, "name", "y");
	assert_true(linefile_append(&writer.file, &err));
	assert_true(writer.file.locked);
	assert_true(journal_peek(&j, state_directory, "berlin", &visitor, &err));
	assert_false(j.is_new);
	assert_string_equal(seen, "0.16384=app;0.16385=a name, with \"all\"\nof "
							  "it;forgotten;0.7=x;0.7=y;");
	assert_int_equal(j.tables[SCOPE_DATABASE].count, 1);
	assert_int_equal(journal_find(&j, SCOPE_DATABASE, 7)->verdict, SCOPE_OUT);
	journal_close(&j);
	journal_close(&writer);
	walscope_free(scope);
}

static void
journal_of_another_system_is_refused(void **state UNUSED)
{
	Journal j;
	WalScope *scope = walscope_new();
	ErrInfo err;

	write_sample();
	assert_false(
		journal_open(&j, state_directory, "berlin", SYSID + 1, scope, &err));
	assert_non_null(strstr(err.message, "another database system"));
	walscope_free(scope);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, statedir_setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_committed_is_there_again),
		TEST(out_stays_out),
		TEST(first_out_counts),
		TEST(what_was_not_committed_is_forgotten),
		TEST(torn_end_is_cut_off),
		TEST(damage_is_an_error),
		TEST(line_of_another_kind_is_an_error),
		TEST(format_is_what_it_was),
		TEST(rescope_forgets_decisions),
		TEST(empty_journal_can_be_forgotten),
		TEST(reading_makes_and_changes_nothing),
		TEST(peeking_waits_for_nobody),
		TEST(lock_is_waited_for_for_a_while),
		TEST(failed_commit_leaves_nothing),
		TEST(removed_journal_is_not_written_to),
		TEST(two_processes_share_a_journal),
		TEST(journal_of_another_system_is_refused),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
