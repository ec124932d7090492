/*
 * test_durable.c
 *		Files that outlive a crash: whatever step is the last one, there is the old
 *		content or the new one, whole.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "statedir.h"
#include "util/durable.h"

#define OLD_TEXT "what was there before"
#define NEW_LEN ((size_t) 300000)
/* fsync of the file, rename, fsync of the directory */
#define STEPS 3

/* ---- the system calls that make it durable ---- */

static int steps;
static int die_at;  /* before this step, 0: never */
static int fail_at; /* this step fails, 0: none */

static bool
step(void)
{
	steps++;
	if (steps == die_at)
		_exit(7);
	errno = EIO;
	return steps != fail_at;
}

int
fsync(int fd)
{
	return step() ? (int) syscall(SYS_fsync, fd) : -1;
}

int
rename(const char *from, const char *to)
{
	return step()
			   ? (int) syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)
			   : -1;
}

static void
expect_steps(int die, int fail)
{
	steps = 0;
	die_at = die;
	fail_at = fail;
}

/* ---- helpers ---- */

static char new_text[NEW_LEN];

static int
setup(void **state)
{
	memset(new_text, 'n', sizeof(new_text));
	expect_steps(0, 0);
	return statedir_setup(state);
}

static int
files_in_state_directory(void)
{
	DIR *dir = opendir(state_directory);
	struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* NULL: there is no such file. */
static void
assert_content(const char *path, const char *content, size_t len)
{
	bool missing;
	size_t got;
	ErrInfo err;
	char *text = durable_read(path, NEW_LEN, &got, &missing, &err);

	assert_int_equal(missing, content == NULL);
	if (content == NULL)
	{
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_int_equal(got, len);
	assert_memory_equal(text, content, len);
	assert_int_equal(text[len], '\0');
	free(text);
}

/* ---- tests ---- */

static void
killed_at_any_step_leaves_old_or_new(void **state UNUSED)
{
	for (int old = 0; old <= 1; old++)
	{
		for (int die = 1; die <= STEPS; die++)
		{
			const char *path = statedir_path("file");
			int status;
			pid_t pid;
			ErrInfo err;

			unlink(path);
			if (old == 1)
				assert_true(file_write(path, OLD_TEXT, strlen(OLD_TEXT)));
			pid = fork();
			if (pid == 0)
			{
				expect_steps(die, 0);
				_exit(durable_replace(path, new_text, NEW_LEN, &err) ? 0 : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
			if (die == STEPS)
				assert_content(path, new_text, NEW_LEN);
			else
				assert_content(path, old ? OLD_TEXT : NULL, strlen(OLD_TEXT));
			/* and what it has left is in nobody's way */
			expect_steps(0, 0);
			assert_true(durable_replace(path, "again", 5, &err));
			assert_int_equal(steps, STEPS);
			assert_content(path, "again", 5);
		}
	}
}

static void
what_a_killed_process_has_left_is_swept(void **state UNUSED)
{
	static const char *const others[] = {
		"file", "file.tmp", "file.x1.tmp", "1.tmp", ".1.tmp", "file.1.tmp2"};
	ErrInfo err;
	pid_t pid = fork();

	if (pid == 0)
	{
		expect_steps(2, 0);
		_exit(durable_replace(statedir_path("file"), "new", 3, &err) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (size_t i = 0; i < lengthof(others); i++)
		assert_true(file_write(statedir_path(others[i]), "x", 1));
	assert_int_equal(mkdir(statedir_path("slot.1.tmp"), 0700), 0);
	/* one of them begins with a dot and is not counted */
	assert_int_equal(files_in_state_directory(), lengthof(others) + 1);
	durable_sweep(state_directory);
	assert_int_equal(files_in_state_directory(), lengthof(others));
	for (size_t i = 0; i < lengthof(others); i++)
		assert_content(statedir_path(others[i]), "x", 1);
	assert_int_equal(rmdir(statedir_path("slot.1.tmp")), 0);
	durable_sweep(statedir_path("missing"));
}

static void
failure_at_any_step_is_told(void **state UNUSED)
{
	const char *path = statedir_path("file");

	for (int fail = 1; fail <= STEPS; fail++)
	{
		ErrInfo err;

		assert_true(file_write(path, OLD_TEXT, strlen(OLD_TEXT)));
		expect_steps(0, fail);
		assert_false(durable_replace(path, new_text, NEW_LEN, &err));
		assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
		assert_non_null(strstr(err.message, "could not"));
		if (fail == STEPS)
			assert_content(path, new_text, NEW_LEN);
		else
			assert_content(path, OLD_TEXT, strlen(OLD_TEXT));
		assert_int_equal(files_in_state_directory(), 1);
	}
}

static void
full_disk_leaves_what_was_there(void **state UNUSED)
{
	const char *path = statedir_path("file");
	char tmp[512];
	ErrInfo err;

	assert_true(file_write(path, OLD_TEXT, strlen(OLD_TEXT)));
	for (rlim_t limit = 0; limit < NEW_LEN; limit += NEW_LEN / 3 - 1)
	{
		limit_file_size(limit);
		assert_false(durable_replace(path, new_text, NEW_LEN, &err));
		limit_file_size(RLIM_INFINITY);
		assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
		assert_content(path, OLD_TEXT, strlen(OLD_TEXT));
		assert_int_equal(files_in_state_directory(), 1);
	}
	/* the real thing, which has an SQLSTATE of its own */
	snprintf(tmp, sizeof(tmp), "%s.%d.tmp", path, (int) getpid());
	assert_int_equal(symlink("/dev/full", tmp), 0);
	assert_false(durable_replace(path, new_text, NEW_LEN, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_DISK_FULL);
	assert_content(path, OLD_TEXT, strlen(OLD_TEXT));
	assert_int_equal(files_in_state_directory(), 1);
}

static void
replace_needs_the_directory(void **state UNUSED)
{
	ErrInfo err;

	assert_false(durable_replace(statedir_path("none/file"), "x", 1, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_true(durable_replace(statedir_path("empty"), "", 0, &err));
	assert_content(statedir_path("empty"), "", 0);
}

static void
rename_is_in_place_of_what_was_there(void **state UNUSED)
{
	const char *from = statedir_path("from");
	const char *to = statedir_path("to");
	ErrInfo err;

	assert_true(file_write(from, "new", 3));
	assert_true(file_write(to, "old", 3));
	expect_steps(0, 1);
	assert_false(durable_rename(from, to, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_content(to, "old", 3);
	assert_content(from, "new", 3);
	expect_steps(0, 2);
	assert_false(durable_rename(from, to, &err));
	assert_content(to, "new", 3);
	expect_steps(0, 0);
	assert_true(file_write(from, "newer", 5));
	assert_true(durable_rename(from, to, &err));
	assert_content(to, "newer", 5);
	assert_content(from, NULL, 0);
	assert_false(durable_rename(from, to, &err));
	assert_content(to, "newer", 5);
}

static void
read_is_bounded(void **state UNUSED)
{
	const char *path = statedir_path("file");
	bool missing;
	size_t len;
	ErrInfo err;
	char *text;

	assert_true(file_write(path, "ab\0cd", 5));
	text = durable_read(path, 5, &len, &missing, &err);
	assert_non_null(text);
	assert_int_equal(len, 5);
	assert_memory_equal(text, "ab\0cd", 6);
	free(text);
	assert_null(durable_read(path, 4, &len, &missing, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
	assert_false(missing);
	assert_int_equal(len, 0);
	assert_true(file_write(path, "", 0));
	text = durable_read(path, 0, &len, &missing, &err);
	assert_non_null(text);
	assert_string_equal(text, "");
	free(text);
}

static void
read_tells_what_is_not_there(void **state UNUSED)
{
	bool missing;
	size_t len;
	ErrInfo err;

	assert_null(durable_read(statedir_path("none"), 10, &len, &missing, &err));
	assert_true(missing);
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	/* a file is in the way, and a directory is no file */
	assert_true(file_write(statedir_path("file"), "x", 1));
	assert_null(
		durable_read(statedir_path("file/x"), 10, &len, &missing, &err));
	assert_false(missing);
	assert_null(durable_read(state_directory, 1 << 20, &len, &missing, &err));
	assert_false(missing);
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
}

static void
directory_is_made_once(void **state UNUSED)
{
	const char *path = statedir_path("new");
	ErrInfo err;

	assert_true(durable_make_directory(path, &err));
	assert_int_equal(steps, 1);
	assert_true(durable_make_directory(path, &err));
	assert_int_equal(steps, 1);
	assert_false(durable_make_directory(statedir_path("a/b"), &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	/* what is there already need not be a directory */
	assert_true(file_write(statedir_path("file"), "x", 1));
	assert_false(durable_make_directory(statedir_path("file"), &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
}

static void
parent_is_found(void **state UNUSED)
{
	ErrInfo err;

	assert_true(durable_sync_parent(statedir_path("not-there"), &err));
	assert_true(durable_sync_parent("no-slash", &err));
	assert_true(durable_sync_parent("/no-such-file", &err));
	assert_false(durable_sync_parent(statedir_path("none/file"), &err));
	assert_non_null(strstr(err.message, "open directory"));
	expect_steps(0, 1);
	assert_false(durable_sync_parent(statedir_path("file"), &err));
	assert_non_null(strstr(err.message, "fsync directory"));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed_at_any_step_leaves_old_or_new),
		TEST(what_a_killed_process_has_left_is_swept),
		TEST(failure_at_any_step_is_told),
		TEST(full_disk_leaves_what_was_there),
		TEST(replace_needs_the_directory),
		TEST(rename_is_in_place_of_what_was_there),
		TEST(read_is_bounded),
		TEST(read_tells_what_is_not_there),
		TEST(directory_is_made_once),
		TEST(parent_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
