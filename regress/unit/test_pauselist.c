/*
 * test_pauselist.c
 *		Which standbys are paused: later lines win, several processes lose none,
 *		and damage is neither a pause nor none.
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

#include "state/pauselist.h"
#include "statedir.h"

#define FILE_NAME "paused"

static bool
pause_standby(const char *name)
{
	bool changed;
	ErrInfo err;

	if (!pauselist_add(state_directory, name, &changed, &err))
		fail_msg("%s", err.message);
	return changed;
}

static bool
resume_standby(const char *name)
{
	bool changed;
	ErrInfo err;

	if (!pauselist_remove(state_directory, name, &changed, &err))
		fail_msg("%s", err.message);
	return changed;
}

static bool
is_paused(const char *name)
{
	PauseList list;
	ErrInfo err;
	bool paused;

	if (!pauselist_read(state_directory, &list, &err))
		fail_msg("%s", err.message);
	paused = pauselist_contains(&list, name);
	pauselist_clear(&list);
	return paused;
}

static void
without_a_file_nobody_is_paused(void **state UNUSED)
{
	PauseList list;
	ErrInfo err;

	assert_false(is_paused("berlin"));
	assert_true(pauselist_read("", &list, &err));
	assert_false(pauselist_contains(&list, "berlin"));
}

static void
what_is_paused_stays_so_until_it_is_resumed(void **state UNUSED)
{
	assert_true(pause_standby("berlin"));
	assert_true(pause_standby("paris"));
	assert_false(pause_standby("berlin"));
	assert_true(is_paused("berlin"));
	assert_true(is_paused("paris"));
	assert_false(is_paused("rome"));
	assert_true(resume_standby("berlin"));
	assert_false(resume_standby("berlin"));
	assert_false(is_paused("berlin"));
	assert_true(is_paused("paris"));
}

static void
everybody_is_also_who_comes_later(void **state UNUSED)
{
	assert_true(pause_standby(PAUSELIST_ALL));
	assert_false(pause_standby(PAUSELIST_ALL));
	assert_true(is_paused("berlin"));
	assert_true(is_paused("rome"));
	/* one of them goes on */
	assert_true(resume_standby("berlin"));
	assert_false(is_paused("berlin"));
	assert_true(is_paused("rome"));
	assert_true(pause_standby("berlin"));
	assert_true(is_paused("berlin"));
	assert_true(resume_standby("berlin"));
	/* and all that were exceptions are so no more */
	assert_true(pause_standby(PAUSELIST_ALL));
	assert_true(is_paused("berlin"));
	assert_true(resume_standby(PAUSELIST_ALL));
	assert_false(is_paused("berlin"));
	assert_false(is_paused("rome"));
	assert_false(resume_standby(PAUSELIST_ALL));
}

static void
names_are_any_bytes(void **state UNUSED)
{
	char longest[PAUSELIST_NAME_SIZE];
	static const char *const names[] = {
		" ", "a b", "%41", "pause", "k\xC3\xB6ln", "\"'\\", "a\nresume a"};

	memset(longest, '\xFF', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	pause_standby(longest);
	assert_true(is_paused(longest));
	for (size_t i = 0; i < lengthof(names); i++)
	{
		assert_false(is_paused(names[i]));
		pause_standby(names[i]);
		assert_true(is_paused(names[i]));
	}
	assert_false(is_paused("a"));
	assert_false(is_paused("A"));
}

static void
what_is_no_name_is_refused(void **state UNUSED)
{
	char too_long[PAUSELIST_NAME_SIZE + 1];
	bool changed;
	ErrInfo err;

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_false(pauselist_add(state_directory, "", &changed, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_INVALID_PARAMETER_VALUE);
	assert_false(pauselist_add(state_directory, too_long, &changed, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_INVALID_PARAMETER_VALUE);
	assert_false(pauselist_add("", "berlin", &changed, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_CONFIG_FILE_ERROR);
	assert_int_equal(access(statedir_path(FILE_NAME), F_OK), -1);
}

/* Each byte of the file flipped: an error, or what was cut off at the end. */
static void
damage_is_an_error(void **state UNUSED)
{
	ssize_t len;
	char *content;

	pause_standby("berlin");
	pause_standby("paris");
	content = file_content(statedir_path(FILE_NAME), &len);
	for (ssize_t i = 0; i < len - 1; i++)
	{
		PauseList list;
		ErrInfo err;
		bool changed;

		content[i] ^= 0x20;
		assert_true(
			file_write(statedir_path(FILE_NAME), content, (size_t) len));
		content[i] ^= 0x20;
		assert_false(pauselist_read(state_directory, &list, &err));
		assert_int_equal(list.count, 0);
		assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
		assert_false(pauselist_add(state_directory, "rome", &changed, &err));
		assert_false(changed);
	}
	free(content);
}

static void
a_line_that_was_cut_short_never_was(void **state UNUSED)
{
	ssize_t before;
	ssize_t len;

	pause_standby("berlin");
	free(file_content(statedir_path(FILE_NAME), &before));
	pause_standby("paris");
	free(file_content(statedir_path(FILE_NAME), &len));
	for (ssize_t cut = len - 2; cut >= before; cut--)
	{
		assert_int_equal(truncate(statedir_path(FILE_NAME), cut), 0);
		assert_true(is_paused("berlin"));
		assert_false(is_paused("paris"));
	}
	pause_standby("rome");
	assert_true(is_paused("berlin"));
	assert_true(is_paused("rome"));
}

/* What has been resumed needs no line. */
static void
file_does_not_grow(void **state UNUSED)
{
	ssize_t len;

	pause_standby("berlin");
	for (int i = 0; i < 300; i++)
	{
		char name[32];

		snprintf(name, sizeof(name), "s%d", i);
		assert_true(pause_standby(name));
		assert_true(is_paused(name));
		assert_true(resume_standby(name));
		assert_false(is_paused(name));
	}
	assert_true(is_paused("berlin"));
	free(file_content(statedir_path(FILE_NAME), &len));
	assert_in_range(len, 1, 20000);
	/* nor when everybody is paused, but for some */
	assert_true(pause_standby(PAUSELIST_ALL));
	assert_true(resume_standby("berlin"));
	for (int i = 0; i < 300; i++)
	{
		assert_true(resume_standby("paris"));
		assert_true(pause_standby("paris"));
	}
	assert_false(is_paused("berlin"));
	assert_true(is_paused("paris"));
	assert_true(is_paused("rome"));
	free(file_content(statedir_path(FILE_NAME), &len));
	assert_in_range(len, 1, 20000);
}

#define CONSOLES 4
#define NAMES 100

static void
several_consoles_lose_nothing(void **state UNUSED)
{
	char name[32];

	for (int c = 0; c < CONSOLES; c++)
	{
		pid_t pid = fork();

		assert_true(pid >= 0);
		for (int i = 0; pid == 0 && i < NAMES; i++)
		{
			bool changed;
			ErrInfo err;

			snprintf(name, sizeof(name), "s%d-%d", c, i);
			if (!pauselist_add(state_directory, name, &changed, &err))
				_exit(1);
		}
		if (pid == 0)
			_exit(0);
	}
	for (int c = 0; c < CONSOLES; c++)
	{
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (int c = 0; c < CONSOLES; c++)
	{
		for (int i = 0; i < NAMES; i++)
		{
			snprintf(name, sizeof(name), "s%d-%d", c, i);
			assert_true(is_paused(name));
		}
	}
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, statedir_setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_a_file_nobody_is_paused),
		CASE(what_is_paused_stays_so_until_it_is_resumed),
		CASE(everybody_is_also_who_comes_later),
		CASE(names_are_any_bytes),
		CASE(what_is_no_name_is_refused),
		CASE(damage_is_an_error),
		CASE(a_line_that_was_cut_short_never_was),
		CASE(file_does_not_grow),
		CASE(several_consoles_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
