/*
 * test_journal.c
 *		The scope journal: what was committed is there again, what was not is
 *		not, and damage is never taken for either.
 */
#include "base.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/journal.h"

#define SYSID UINT64_C(7312345678901234567)

static char directory[] = "/tmp/wb-journal-XXXXXX";
static char path[256];

static int
setup(void **state)
{
	(void) state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/scope/berlin", directory);
	return 0;
}

static int
teardown(void **state)
{
	char scope[256];

	(void) state;
	unlink(path);
	snprintf(scope, sizeof(scope), "%s/scope", directory);
	rmdir(scope);
	rmdir(directory);
	return 0;
}

static WalScope *
open_journal(Journal *j)
{
	WalScope *scope = walscope_new();
	ErrInfo err;

	if (!journal_open(j, directory, "berlin", SYSID, scope, &err))
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
what_was_committed_is_there_again(void **state)
{
	Journal j;
	WalScope *scope;
	ScopeVerdict verdict;

	(void) state;
	assert_false(journal_exists(directory, "berlin"));
	write_sample();
	assert_true(journal_exists(directory, "berlin"));
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
out_stays_out(void **state)
{
	Journal j;
	WalScope *scope;

	(void) state;
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
what_was_not_committed_is_forgotten(void **state)
{
	Journal j;
	WalScope *scope;
	ScopeVerdict verdict;

	(void) state;
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
torn_end_is_cut_off(void **state)
{
	struct stat st;

	(void) state;
	write_sample();
	assert_int_equal(stat(path, &st), 0);
	for (off_t len = st.st_size; len >= 0; len--)
	{
		Journal j;
		WalScope *scope;
		ScopeVerdict verdict;

		assert_int_equal(truncate(path, len), 0);
		scope = open_journal(&j);
		/* the out line is the last: whole or not there */
		assert_int_equal(
			walscope_get(scope, SCOPE_DATABASE, 16385, &verdict),
			len == st.st_size);
		journal_close(&j);
		walscope_free(scope);
	}
	write_sample();
	assert_int_equal(stat(path, &st), 0);
}

/* One byte changed anywhere but in the torn end: an error, never a verdict. */
static void
damage_is_an_error(void **state)
{
	struct stat st;
	int fd;

	(void) state;
	write_sample();
	assert_int_equal(stat(path, &st), 0);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (off_t at = 0; at < st.st_size - 1; at++)
	{
		Journal j;
		WalScope *scope = walscope_new();
		ErrInfo err;
		uint8_t byte;
		uint8_t changed;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		changed = byte ^ 0x01;
		assert_int_equal(pwrite(fd, &changed, 1, at), 1);
		assert_false(
			journal_open(&j, directory, "berlin", SYSID, scope, &err));
		assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		walscope_free(scope);
	}
	close(fd);
}

static void
journal_of_another_system_is_refused(void **state)
{
	Journal j;
	WalScope *scope = walscope_new();
	ErrInfo err;

	(void) state;
	write_sample();
	assert_false(
		journal_open(&j, directory, "berlin", SYSID + 1, scope, &err));
	assert_non_null(strstr(err.message, "another database system"));
	walscope_free(scope);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_committed_is_there_again, setup, teardown),
		cmocka_unit_test_setup_teardown(out_stays_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_not_committed_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_end_is_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(
			journal_of_another_system_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
