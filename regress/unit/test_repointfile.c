/*
 * test_repointfile.c
 *		The upstream that an operator has moved to, on disk.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "conf/option.h"
#include "state/repointfile.h"
#include "statedir.h"

static char path[128];

static void
write_file(const char *name, const char *text)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", state_directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static Repoint
load(void)
{
	Repoint repoint;
	ErrInfo err;

	assert_true(repointfile_load(state_directory, &repoint, &err));
	return repoint;
}

static void
store(char *kept, char *temporary)
{
	Repoint repoint = {kept, temporary};
	ErrInfo err;

	assert_true(repointfile_store(state_directory, &repoint, &err));
}

static void
what_is_stored_is_loaded(void **state UNUSED)
{
	static char *const texts[] = {"host=a port=1", "postgresql://u:p@h:1/d?x=y",
		"password='it\\'s \"a\" \\\\'", "user=\xC3\xA4 host='a\tb\nc'", ""};
	char longest[CONFIG_REPOINTED_MAX + 1];
	Repoint got = load();

	assert_null(repointfile_conninfo(&got));
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		/* libpq has a say in what is one */
		if (i == 1)
			continue;
		store(texts[i], NULL);
		got = load();
		assert_string_equal(got.kept, texts[i]);
		assert_null(got.temporary);
		repointfile_clear(&got);
	}
	memset(longest, '\\', sizeof(longest) - 1);
	memcpy(longest, "user=", 5);
	longest[sizeof(longest) - 1] = '\0';
	store(longest, NULL);
	got = load();
	assert_string_equal(got.kept, longest);
	repointfile_clear(&got);
}

static void
the_temporary_one_wins(void **state UNUSED)
{
	Repoint got;

	store("host=a", "host=b");
	got = load();
	assert_string_equal(repointfile_conninfo(&got), "host=b");
	repointfile_clear(&got);
	store("host=a", NULL);
	got = load();
	assert_string_equal(repointfile_conninfo(&got), "host=a");
	repointfile_clear(&got);
	store(NULL, NULL);
	got = load();
	assert_null(repointfile_conninfo(&got));
}

static void
what_is_none_is_refused(void **state UNUSED)
{
	static const char *const texts[] = {"", "secret", "upstream = 1;",
		"upstream = { };", "upstream = { conninfo = 1; };",
		"upstream = { conninfo = \"secret\"; };",
		"upstream = { conninfo = \"host=secret\"; slot = \"x\"; };",
		"upstream = { conninfo = \"host=secret\"; }; port = 1;",
		"@include \"secret\"\n"};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		Repoint got;
		ErrInfo err = {.sqlstate = ""};

		write_file("walbouncer.auto.conf", texts[i]);
		assert_false(repointfile_load(state_directory, &got, &err));
		assert_string_equal(err.sqlstate, "F0000");
		assert_non_null(strstr(err.message, "walbouncer.auto.conf"));
		assert_null(strstr(err.message, "secret"));
		assert_null(strstr(err.detail, "secret"));
	}
	store(NULL, NULL);
}

static void
what_was_for_the_last_run_goes_even_if_it_is_damaged(void **state UNUSED)
{
	static const char *const texts[] = {
		"upstream = { conninfo = \"host=b\"; };", "", "upstream = { conn"};
	bool there;
	ErrInfo err;
	Repoint got;

	store("host=a", NULL);
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		write_file("walbouncer.temp.conf", texts[i]);
		assert_true(repointfile_end_temporary(state_directory, &there, &err));
		assert_true(there);
		got = load();
		assert_string_equal(repointfile_conninfo(&got), "host=a");
		repointfile_clear(&got);
	}
	assert_true(repointfile_end_temporary(state_directory, &there, &err));
	assert_false(there);
	store(NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_is_loaded),
		cmocka_unit_test(the_temporary_one_wins),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(what_was_for_the_last_run_goes_even_if_it_is_damaged),
	};

	return cmocka_run_group_tests(tests, statedir_setup, statedir_teardown);
}
