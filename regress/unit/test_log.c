/*
 * test_log.c
 *		The log: what a line looks like, and where it goes.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/log.h"
#include "util/logdest.h"
#include "util/logjson.h"
#include "util/monotime.h"

static char dir[] = "/tmp/wb_test_log.XXXXXX";

static const LogOrigin client = {.pid = 0x4711,
	.started = 1772366400, /* 2026-03-01 12:00:00 UTC */
	.lines = 3,
	.role = "worker",
	.user = "berlin",
	.application_name = "berlin",
	.host = "192.0.2.1",
	.port = 41234};

static const char *
format(const LogOrigin *origin, const LogEvent *event)
{
	static char line[LOGJSON_SIZE + 1];

	line[logjson_format(origin, event, line)] = '\0';
	return line;
}

static LogEvent
event(LogLevel level, const char *message)
{
	return (LogEvent){.level = level,
		.timestamp = "2026-03-01 12:00:01.500 UTC",
		.sqlstate = "",
		.message = message,
		.detail = "",
		.hint = ""};
}

static void
json_has_the_keys_of_jsonlog(void **state UNUSED)
{
	LogEvent e = event(LOG_FATAL, "no rule");

	e.sqlstate = "28000";
	e.detail = "It is so.";
	e.hint = "Make one.";
	assert_string_equal(format(&client, &e),
		"{\"timestamp\":\"2026-03-01 12:00:01.500 UTC\",\"user\":\"berlin\","
		"\"pid\":18193,\"remote_host\":\"192.0.2.1\",\"remote_port\":41234,"
		"\"session_id\":\"69a42a40.4711\",\"line_num\":3,"
		"\"session_start\":\"2026-03-01 12:00:00 UTC\","
		"\"error_severity\":\"FATAL\",\"state_code\":\"28000\","
		"\"message\":\"no rule\",\"detail\":\"It is so.\",\"hint\":\"Make "
		"one.\",\"application_name\":\"berlin\",\"backend_type\":\"worker\"}"
		"\n");
}

static void
json_leaves_out_what_is_not_there(void **state UNUSED)
{
	LogOrigin service = {.pid = 1, .role = "reader", .port = -1};
	LogEvent e = event(LOG_LOG, "x");

	assert_string_equal(format(&service, &e),
		"{\"timestamp\":\"2026-03-01 12:00:01.500 UTC\",\"pid\":1,"
		"\"session_id\":\"0.1\",\"line_num\":0,"
		"\"session_start\":\"1970-01-01 00:00:00 UTC\","
		"\"error_severity\":\"LOG\",\"message\":\"x\","
		"\"backend_type\":\"reader\"}\n");
}

/* What a client calls itself must not end a string, or a line, or be no UTF-8. */
static void
json_escapes_what_comes_from_outside(void **state UNUSED)
{
	static const struct
	{
		const char *name;
		const char *want;
	} cases[] = {
		{"a\"b\\c", "a\\\"b\\\\c"},
		{"a\nb\x01", "a\\nb\\u0001"},
		{"d\xc3\xa4\xff", "d\xc3\xa4\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		LogOrigin origin = client;
		LogEvent e = event(LOG_LOG, cases[i].name);
		char want[128];
		const char *line;

		snprintf(origin.application_name, sizeof(origin.application_name), "%s",
			cases[i].name);
		line = format(&origin, &e);
		snprintf(want, sizeof(want), "\"message\":\"%s\",", cases[i].want);
		assert_non_null(strstr(line, want));
		snprintf(
			want, sizeof(want), "\"application_name\":\"%s\",", cases[i].want);
		assert_non_null(strstr(line, want));
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	}
}

/* The longest texts there can be, each byte of which becomes six. */
static void
json_has_room_for_the_longest_line(void **state UNUSED)
{
	static char message[LOG_MESSAGE_SIZE];
	static char text[sizeof(((ErrInfo *) NULL)->detail)];
	LogOrigin origin = client;
	LogEvent e = event(LOG_PANIC, message);
	const char *line;

	memset(message, 1, sizeof(message) - 1);
	memset(text, 1, sizeof(text) - 1);
	memset(origin.role, 1, sizeof(origin.role) - 1);
	memset(origin.user, 1, sizeof(origin.user) - 1);
	memset(origin.application_name, 1, sizeof(origin.application_name) - 1);
	memset(origin.host, 1, sizeof(origin.host) - 1);
	e.detail = text;
	e.hint = text;
	line = format(&origin, &e);
	assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

/* PostgreSQL's documentation, "Message Severity Levels", which has no DEBUG1 apart. */
static void
syslog_has_the_severities_of_postgresql(void **state UNUSED)
{
	static const struct
	{
		LogLevel level;
		int severity; /* RFC 5424 */
	} cases[] = {{LOG_DEBUG3, 7}, {LOG_DEBUG1, 7}, {LOG_INFO, 6}, {LOG_LOG, 6},
		{LOG_WARNING, 5}, {LOG_ERROR, 4}, {LOG_FATAL, 3}, {LOG_PANIC, 2}};

	for (size_t i = 0; i < lengthof(cases); i++)
		assert_int_equal(
			(int) logdest_severity(cases[i].level), cases[i].severity);
}

static char *
content(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static void
set_file(const char *list, const char *path)
{
	ErrInfo err;

	assert_true(logdest_set(list, path, "local0", "test", &err));
}

static void
lines_follow_the_file(void **state UNUSED)
{
	char one[64];
	char two[64];
	char moved[64];
	struct stat st;
	ErrInfo err;

	snprintf(one, sizeof(one), "%s/one", dir);
	snprintf(two, sizeof(two), "%s/two", dir);
	snprintf(moved, sizeof(moved), "%s/moved", dir);
	log_set_role("test");
	set_file("stderr", one);
	log_msg(LOG_LOG, "first");
	assert_int_equal(stat(one, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* moved away: lines go there until it is opened again */
	assert_int_equal(rename(one, moved), 0);
	log_msg(LOG_LOG, "second");
	log_request_reopen();
	log_msg(LOG_LOG, "third");
	assert_non_null(strstr(content(moved), "] test LOG:  first\n"));
	assert_non_null(strstr(content(moved), "] test LOG:  second\n"));
	assert_non_null(strstr(content(one), "] test LOG:  third\n"));
	assert_null(strstr(content(moved), "third"));

	/* one that cannot be: the old one stays, and is asked for again */
	assert_false(
		logdest_set("stderr", "/nonexistent/log", "local0", "test", &err));
	assert_string_equal(err.message,
		"could not open log file \"/nonexistent/log\": No such file or "
		"directory");
	log_msg(LOG_LOG, "fourth");
	assert_non_null(strstr(content(one), "fourth"));
	assert_int_equal(unlink(one), 0);
	assert_int_equal(mkdir(one, 0700), 0);
	log_request_reopen();
	log_msg(LOG_LOG, "fifth");
	assert_int_equal(rmdir(one), 0);

	set_file("jsonlog", two);
	log_msg(LOG_LOG, "sixth");
	assert_non_null(strstr(content(two), "\"message\":\"sixth\""));
	set_file("stderr", "");
	log_msg(LOG_DEBUG1, "seventh");
	assert_null(strstr(content(two), "seventh"));
}

static void
prefix_says_who_serves_whom(void **state UNUSED)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/who", dir);
	set_file("stderr", path);
	log_set_role("worker");
	log_set_client("", "", "192.0.2.1", 41234);
	log_msg(LOG_LOG, "a");
	log_set_client("u", "", "::1", 41234);
	log_msg(LOG_LOG, "b");
	log_set_client("u", "app\n", "[local]", -1);
	log_msg(LOG_LOG, "c");
	set_file("stderr", "");
	log_set_client("", "", "", -1);
	assert_non_null(
		strstr(content(path), "] worker 192.0.2.1:41234 LOG:  a\n"));
	assert_non_null(strstr(content(path), "] worker u [::1]:41234 LOG:  b\n"));
	assert_non_null(strstr(content(path), "] worker app  [local] LOG:  c\n"));
}

/* What has been read from fd since, as text. */
static const char *
drain(int fd)
{
	static char text[256 * 1024];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t) n;
	text[len] = '\0';
	return text;
}

/* Standard error is fds[1] meanwhile; far more is logged than it takes. */
static void
outlive_a_reader_that_has_stopped(const int fds[2], const char *list)
{
	int first = dup(STDERR_FILENO);
	char filler[300];
	int64_t began;
	int64_t took;
	const char *text;

	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	dup2(fds[1], STDERR_FILENO);
	set_file(list, "");
	began = monotime_ms();
	for (int i = 0; i < 3000; i++)
		log_msg(LOG_LOG, "%s", filler);
	took = monotime_ms() - began;
	(void) drain(fds[0]);
	log_msg(LOG_LOG, "after");
	text = drain(fds[0]);
	set_file("stderr", "");
	dup2(first, STDERR_FILENO);
	close(first);
	close(fds[0]);
	close(fds[1]);
	/* it was given a moment once */
	assert_true(took < 3000);
	assert_non_null(strstr(text, "messages that could not be written: "));
	assert_non_null(strstr(text, "after"));
}

static void
a_reader_that_has_stopped_stops_nobody(void **state UNUSED)
{
	static const char *const lists[] = {"stderr", "jsonlog"};
	int fds[2];

	alarm(30); /* if it does */
	for (size_t i = 0; i < lengthof(lists); i++)
	{
		assert_int_equal(pipe(fds), 0);
		outlive_a_reader_that_has_stopped(fds, lists[i]);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		outlive_a_reader_that_has_stopped(fds, lists[i]);
	}
	alarm(0);
}

#define WRITERS 3
#define LINES_EACH 200

/* Lines that are longer than what a pipe takes at once, of several processes. */
static void
long_lines_of_a_file_stay_whole(void **state UNUSED)
{
	static char line[LOGJSON_SIZE + 2];
	char message[3000];
	char path[64];
	int whole = 0;
	int all = 0;
	FILE *f;

	memset(message, '\n', sizeof(message) - 1); /* two characters in JSON */
	message[sizeof(message) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/long", dir);
	set_file("jsonlog", path);
	for (int i = 0; i < WRITERS; i++)
	{
		pid_t pid = fork();

		assert_true(pid >= 0);
		for (int n = 0; pid == 0 && n < LINES_EACH; n++)
			log_msg(LOG_LOG, "%s", message);
		if (pid == 0)
			_exit(0);
	}
	while (wait(NULL) > 0)
		;
	set_file("stderr", "");
	f = fopen(path, "r");
	assert_non_null(f);
	for (; fgets(line, sizeof(line), f) != NULL; all++)
		whole += strncmp(line, "{\"timestamp\":", 13) == 0 &&
				 strcmp(line + strlen(line) - 2, "}\n") == 0 &&
				 strstr(line + 1, "{\"timestamp\":") == NULL;
	fclose(f);
	assert_int_equal(whole, WRITERS * LINES_EACH);
	assert_int_equal(all, whole);
}

static int
make_dir(void **state UNUSED)
{
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state UNUSED)
{
	static const char *const names[] = {"one", "two", "moved", "who", "long"};
	char path[64];

	for (size_t i = 0; i < lengthof(names); i++)
	{
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_the_keys_of_jsonlog),
		cmocka_unit_test(json_leaves_out_what_is_not_there),
		cmocka_unit_test(json_escapes_what_comes_from_outside),
		cmocka_unit_test(json_has_room_for_the_longest_line),
		cmocka_unit_test(syslog_has_the_severities_of_postgresql),
		cmocka_unit_test(lines_follow_the_file),
		cmocka_unit_test(prefix_says_who_serves_whom),
		cmocka_unit_test(a_reader_that_has_stopped_stops_nobody),
		cmocka_unit_test(long_lines_of_a_file_stay_whole),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
