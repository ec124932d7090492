/*
 * test_instance.c
 *		How walbouncerctl finds a walbouncer: by its configuration, whatever has
 *		been done to that, and by the lock on its pid file.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include <cmocka.h>

#include "ctl/instance.h"
#include "statedir.h"
#include "util/mem.h"

static const char note_text[] =
	"4711\n/etc/walbouncer.conf\n1767225600\n5433\n\nlocalhost\n/run/"
	"wb\nready\n"
	"--port='5433' -v\n";

/* The path of a file with that text. */
static const char *
file_with(const char *name, const char *text)
{
	const char *path = statedir_path(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

static void
all_lines_of_a_pid_file_are_read(void **state UNUSED)
{
	PidNote note;

	pidnote_parse(mem_strdup(note_text), &note);
	assert_int_equal(note.pid, 4711);
	assert_string_equal(note.config_file, "/etc/walbouncer.conf");
	assert_int_equal(note.started, 1767225600);
	assert_string_equal(note.port, "5433");
	assert_string_equal(note.socket_directory, "/run/wb");
	assert_string_equal(note.status, "ready");
	assert_string_equal(note.options, "--port='5433' -v");
	pidnote_clear(&note);
}

static void
what_the_supervisor_writes_is_read(void **state UNUSED)
{
	Config config = {
		.port = 5433, .unix_socket_directories = "", .listen_addresses = "*"};
	const ConfigOverrides overrides = {.port = 5434, .upstream_host = "it's"};
	char *text = pidnote_format_all(
		NULL, &config, &overrides, 0, "/run/wb", PIDNOTE_STOPPING);
	PidNote note;

	pidnote_parse(mem_asprintf("1\n%s", text), &note);
	assert_int_equal(note.pid, 1);
	assert_string_equal(note.config_file, "");
	assert_string_equal(note.port, "5433");
	assert_string_equal(note.socket_directory, "/run/wb");
	assert_string_equal(note.status, "stopping");
	assert_string_equal(note.options, "--port='5434' --host='it'\\''s'");
	pidnote_clear(&note);
	free(text);
}

static void
options_are_words_that_a_shell_only_takes(void **state UNUSED)
{
	static const struct
	{
		const char *options;
		bool good;
	} rows[] = {
		{"", true},
		{"-v", true},
		{"-v -v", true},
		{"--port='5434' --host='it'\\''s' --masterport='1' -v", true},
		{"--host=''", true},
		{"--host=';$(x) `x`'", true},
		{"--host='''", false},
		{"--host='a'\\''", false},
		{"--host='a'b", false},
		{"--host='a';x", false},
		{"--host='a' ;x", false},
		{"--host='a'\\'';x", false},
		{"--host=a", false},
		{"--host=", false},
		{"--config='x'", false},
		{"-vv", false},
		{"-v;x", false},
		{"-v  -v", false},
		{" -v", false},
		{"-v ", false},
		{"x", false},
		{"$(x)", false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		if (pidnote_options_good(rows[i].options) != rows[i].good)
			fail_msg("%s", rows[i].options);
	}
}

/* It is read while it is written: what is there of it is not made up. */
static void
a_cut_pid_file_has_fewer_lines(void **state UNUSED)
{
	for (size_t len = 0; len < strlen(note_text); len++)
	{
		char *text = mem_strdup(note_text);
		PidNote note;
		size_t lines = 0;

		text[len] = '\0';
		for (size_t i = 0; i < len; i++)
			lines += text[i] == '\n' ? 1 : 0;
		pidnote_parse(text, &note);
		assert_int_equal(note.pid, lines >= 1 ? 4711 : 0);
		assert_int_equal(note.config_file != NULL, lines >= 2);
		assert_int_equal(note.started, lines >= 3 ? 1767225600 : 0);
		assert_int_equal(note.port != NULL, lines >= 4);
		assert_int_equal(note.socket_directory != NULL, lines >= 7);
		assert_int_equal(note.status != NULL, lines >= 8);
		assert_null(note.options);
		pidnote_clear(&note);
	}
}

static void
the_lock_tells_whether_it_runs(void **state UNUSED)
{
	const char *path = statedir_path("pid");
	InstanceState found;
	PidNote note;
	ErrInfo err;
	char text[32];
	int fd;

	assert_true(instance_look(path, &found, &note, &err));
	assert_int_equal(found, INSTANCE_STOPPED);
	/* a process of that number, ourselves, is there */
	snprintf(text, sizeof(text), "%d\n", (int) getpid());
	path = file_with("pid", text);
	assert_true(instance_look(path, &found, &note, &err));
	assert_int_equal(found, INSTANCE_STALE);
	assert_int_equal(note.pid, getpid());
	pidnote_clear(&note);
	fd = open(path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(instance_look(path, &found, &note, &err));
	assert_int_equal(found, INSTANCE_RUNNING);
	assert_int_equal(note.pid, getpid());
	pidnote_clear(&note);
	close(fd);
	assert_true(instance_look(path, &found, &note, &err));
	assert_int_equal(found, INSTANCE_STALE);
	pidnote_clear(&note);
}

static void
a_locked_file_with_nonsense_is_an_error(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *message;
	} rows[] = {
		{"", "the PID file \"%s\" is empty"},
		{"abc\n", "invalid data in PID file \"%s\""},
		{"0\n", "invalid data in PID file \"%s\""},
		{"-1\n", "invalid data in PID file \"%s\""},
		{"12", "invalid data in PID file \"%s\""},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const char *path = file_with("pid", rows[i].text);
		int fd = open(path, O_RDWR);
		InstanceState found;
		PidNote note;
		ErrInfo err;
		char *message = mem_asprintf("%s", rows[i].message);
		char *place = strstr(message, "%s");
		char wanted[256];

		*place = '\0';
		snprintf(wanted, sizeof(wanted), "%s%s%s", message, path, place + 2);
		assert_true(instance_look(path, &found, &note, &err));
		assert_int_equal(found, INSTANCE_STALE);
		pidnote_clear(&note);
		assert_int_equal(flock(fd, LOCK_EX), 0);
		assert_false(instance_look(path, &found, &note, &err));
		assert_string_equal(err.message, wanted);
		pidnote_clear(&note);
		free(message);
		close(fd);
	}
}

/* Root would send its signals there. */
static void
a_process_of_another_user_is_not_it(void **state UNUSED)
{
	const char *path = file_with("pid", "1\n");
	InstanceState found;
	PidNote note;
	ErrInfo err;
	int fd = open(path, O_RDWR);

	/* process 1 is root's: as root, let the file be somebody else's */
	if (geteuid() == 0)
		assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_false(instance_look(path, &found, &note, &err));
	assert_non_null(strstr(err.message, "another user (PID 1)"));
	pidnote_clear(&note);
	close(fd);
}

static const char rules[] = "rules = ({ name = \"a\"; auth = \"trust\"; });\n";

static void
assert_pid_file(const char *text, const char *wanted, bool good)
{
	char *all = mem_asprintf("%s%s", text, rules);
	CtlArgs args = {.config_file = file_with("conf", all)};
	Instance instance;
	ErrInfo err;

	if (!instance_open(&args, &instance, &err))
		fail_msg("%s: %s", text, err.message);
	assert_string_equal(instance.pid_file, wanted);
	assert_int_equal(instance.config != NULL, good);
	assert_int_equal(instance.config_error.sqlstate[0] == '\0', good);
	instance_close(&instance);
	free(all);
}

static void
the_configuration_names_the_pid_file(void **state UNUSED)
{
	assert_pid_file("state_directory = \"/s\";\n", "/s/walbouncer.pid", true);
	assert_pid_file(
		"state_directory = \"/s\";\npid_file = \"/p\";\n", "/p", true);
	/* one that the daemon would refuse */
	assert_pid_file("state_directory = \"/s\";\nnonsense = 1;\n",
		"/s/walbouncer.pid", false);
	assert_pid_file("pid_file = \"/p\";\nport = 70000;\n", "/p", false);
	/* the place of a syntax error is behind what is needed */
	assert_pid_file(
		"state_directory = \"/s\";\nport = = 3;\n", "/s/walbouncer.pid", false);
}

static void
what_cannot_be_found_is_an_error(void **state UNUSED)
{
	CtlArgs args = {.config_file = file_with("conf", rules)};
	Instance instance;
	ErrInfo err;

	assert_false(instance_open(&args, &instance, &err));
	assert_non_null(strstr(err.message, "neither \"pid_file\" nor"));
	instance_close(&instance);
	args.config_file = file_with("conf", "this is = { nothing\n");
	assert_false(instance_open(&args, &instance, &err));
	assert_non_null(strstr(err.message, "conf:1: "));
	instance_close(&instance);
	/* but the pid file can be named */
	args.pid_file = "/p";
	assert_true(instance_open(&args, &instance, &err));
	assert_string_equal(instance.pid_file, "/p");
	assert_null(instance.config);
	instance_close(&instance);
	args = (CtlArgs){.config_file = "/nonexistent"};
	assert_false(instance_open(&args, &instance, &err));
	instance_close(&instance);
	unsetenv("WALBOUNCER_CONFIG");
	args.config_file = NULL;
	assert_false(instance_open(&args, &instance, &err));
	assert_non_null(strstr(err.message, "WALBOUNCER_CONFIG"));
	instance_close(&instance);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_lines_of_a_pid_file_are_read),
		cmocka_unit_test(what_the_supervisor_writes_is_read),
		cmocka_unit_test(options_are_words_that_a_shell_only_takes),
		cmocka_unit_test(a_cut_pid_file_has_fewer_lines),
		cmocka_unit_test(the_lock_tells_whether_it_runs),
		cmocka_unit_test(a_locked_file_with_nonsense_is_an_error),
		cmocka_unit_test(a_process_of_another_user_is_not_it),
		cmocka_unit_test(the_configuration_names_the_pid_file),
		cmocka_unit_test(what_cannot_be_found_is_an_error),
	};

	return cmocka_run_group_tests(tests, statedir_setup, statedir_teardown);
}
