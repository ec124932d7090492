/*
 * test_fetch.c
 *		wal_fetch_command, with real shells: what it brings, what it refuses, and
 *		that nothing of it stays behind.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/fetchcommand.h"
#include "util/buf.h"
#include "util/monotime.h"
#include "source/fetch.h"
#include "statedir.h"

#define SEGMENT_SIZE (1 << 20)
#define START ((Lsn) 0x300000)
#define SEGMENT_NAME "000000020000000000000003"
#define SYSID UINT64_C(7312345678901234567)
#define PATIENCE_MS 60000

static const WalGeometry geometry = {
	.segment_size = SEGMENT_SIZE,
	.block_size = 8192,
	.system_identifier = SYSID,
};

static Config config;
static ChildContext context = {.config = &config};

/* A segment in the directory "archive", and what may be wrong with it. */
typedef struct Archived
{
	Lsn address;
	TimeLineId tli;
	uint64_t sysid;
	uint32_t segment_size;
	size_t len;
} Archived;

static const Archived right = {START, 2, SYSID, SEGMENT_SIZE, SEGMENT_SIZE};

static void
store_le64(uint8_t *p, uint64_t v)
{
	store_le32(p, (uint32_t) v);
	store_le32(p + 4, (uint32_t) (v >> 32));
}

static void
archive(const Archived *segment)
{
	static uint8_t content[2 * SEGMENT_SIZE];

	/* the magic of PostgreSQL 15, and that this is a long header */
	store_le32(content + WAL_PAGE_MAGIC_OFFSET, 0xD110 | 0x0002 << 16);
	store_le32(content + WAL_PAGE_TLI_OFFSET, segment->tli);
	store_le64(content + WAL_PAGE_ADDR_OFFSET, segment->address);
	store_le64(content + WAL_PAGE_SYSID_OFFSET, segment->sysid);
	store_le32(content + WAL_PAGE_SEGMENT_SIZE_OFFSET, segment->segment_size);
	store_le32(content + WAL_PAGE_BLOCK_SIZE_OFFSET, 8192);
	content[SEGMENT_SIZE - 1] = 0x5a;
	assert_true(file_write(
		statedir_path("archived-" SEGMENT_NAME), content, segment->len));
}

static Fetch *
begin(const char *command)
{
	config.state_directory = state_directory;
	free(config.wal_fetch_command);
	config.wal_fetch_command = strdup(command);
	return fetch_new(&context, &geometry);
}

/* Until it is not FETCH_RUNNING. */
static FetchStatus
finish(Fetch *f, Lsn lsn, int *fd, ErrInfo *err)
{
	FetchStatus status = fetch_segment(f, 2, lsn, fd, err);

	while (status == FETCH_RUNNING)
	{
		struct pollfd pollfd = {.fd = fetch_fd(f), .events = POLLIN};

		assert_int_equal(*fd, -1);
		assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
		status = fetch_segment(f, 2, lsn, fd, err);
	}
	return status;
}

static unsigned
files_left(void)
{
	FILE *ls;
	char command[256];
	unsigned count = 0;

	snprintf(
		command, sizeof(command), "ls %s", statedir_path("fetch 2>/dev/null"));
	ls = popen(command, "r");
	for (int c; (c = getc(ls)) != EOF;)
		count += c == '\n';
	pclose(ls);
	return count;
}

/* A command, and what comes of it. */
static void
expect(const char *command, FetchStatus wanted, const char *message)
{
	Fetch *f = begin(command);
	ErrInfo err;
	int fd;

	errinfo_clear(&err);
	assert_int_equal(finish(f, START, &fd, &err), wanted);
	assert_int_equal(fetch_fd(f), -1);
	if (message != NULL)
		assert_non_null(strstr(err.message, message));
	if (wanted == FETCH_FAILED)
		assert_non_null(
			strstr(err.detail, "The failed wal_fetch_command was: "));
	assert_int_equal(wanted == FETCH_DONE, fd >= 0);
	if (fd >= 0)
	{
		uint8_t last;

		assert_int_equal(pread(fd, &last, 1, SEGMENT_SIZE - 1), 1);
		assert_int_equal(last, 0x5a);
		assert_int_equal(pread(fd, &last, 1, SEGMENT_SIZE), 0);
		close(fd);
	}
	assert_int_equal(files_left(), 0);
	fetch_free(f);
	/* no process of ours stays either */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* With the state_directory for each "@". */
static const char *
in_state_directory(const char *command)
{
	static char text[1024];
	char *out = text;

	for (; *command != '\0'; command++)
	{
		if (*command == '@')
			out = stpcpy(out, state_directory);
		else
			*out++ = *command;
	}
	*out = '\0';
	return text;
}

#define COPY "cp @/archived-%f %p"

static void
a_segment_is_fetched(void **state UNUSED)
{
	archive(&right);
	expect(in_state_directory(COPY), FETCH_DONE, NULL);
	expect(in_state_directory("cp \"@/archived-%f\" '%p'"), FETCH_DONE, NULL);
	/* a link to the archive is as good */
	expect(in_state_directory("ln -s @/archived-%f %p"), FETCH_DONE, NULL);
	/* a segment may begin with what an earlier timeline wrote */
	archive(&(Archived){START, 1, SYSID, SEGMENT_SIZE, SEGMENT_SIZE});
	expect(in_state_directory(COPY), FETCH_DONE, NULL);
}

static void
any_lsn_names_its_segment(void **state UNUSED)
{
	Fetch *f;
	ErrInfo err;
	int fd;

	archive(&right);
	f = begin(in_state_directory(COPY));
	assert_int_equal(
		finish(f, START + SEGMENT_SIZE - 1, &fd, &err), FETCH_DONE);
	close(fd);
	/* it is of no other one */
	assert_int_equal(finish(f, START - 1, &fd, &err), FETCH_NOT_THERE);
	assert_int_equal(
		finish(f, START + SEGMENT_SIZE, &fd, &err), FETCH_NOT_THERE);
	assert_int_equal(finish(f, START, &fd, &err), FETCH_DONE);
	close(fd);
	fetch_free(f);
}

static void
a_command_may_say_no(void **state UNUSED)
{
	expect("", FETCH_NOT_THERE, NULL);
	expect("false", FETCH_NOT_THERE, NULL);
	expect("exit 125", FETCH_NOT_THERE, NULL);
	expect("echo half > %p; exit 1", FETCH_NOT_THERE, NULL);
	expect("true", FETCH_NOT_THERE, NULL); /* and nothing there */
}

static void
a_command_may_fail(void **state UNUSED)
{
	expect("exit 126", FETCH_FAILED, "exit status 126");
	expect("/nonexistent/program", FETCH_FAILED, "exit status 127");
	expect("exit 137", FETCH_FAILED, "exit status 137");
	expect("kill -9 $$", FETCH_FAILED, "signal 9");
	expect("echo half > %p; kill -15 $$", FETCH_FAILED, "signal 15");
	/* a command that turns against our own process in between */
	expect("kill -9 $PPID; sleep 100", FETCH_FAILED, "has died");
}

static void
what_is_not_the_segment_is_refused(void **state UNUSED)
{
	static const Archived wrong[] = {
		{START, 2, SYSID, SEGMENT_SIZE, 0},
		{START, 2, SYSID, SEGMENT_SIZE, SEGMENT_SIZE - 1},
		{START, 2, SYSID, SEGMENT_SIZE, SEGMENT_SIZE + 1},
		{START + SEGMENT_SIZE, 2, SYSID, SEGMENT_SIZE, SEGMENT_SIZE},
		{0, 2, SYSID, SEGMENT_SIZE, SEGMENT_SIZE},
		{START, 3, SYSID, SEGMENT_SIZE, SEGMENT_SIZE},
		{START, 2, SYSID + 1, SEGMENT_SIZE, SEGMENT_SIZE},
		{START, 2, SYSID, 2 * SEGMENT_SIZE, SEGMENT_SIZE},
	};

	for (size_t i = 0; i < lengthof(wrong); i++)
	{
		archive(&wrong[i]);
		expect(in_state_directory(COPY), FETCH_NOT_THERE, NULL);
	}
	expect("mkfifo %p", FETCH_NOT_THERE, NULL);
	expect("ln -s /dev/zero %p", FETCH_NOT_THERE, NULL);
}

/* What is not ours does not go on to a command, and signals are as they are. */
static void
a_command_has_a_clean_start(void **state UNUSED)
{
	sigset_t set;
	sigset_t before;
	int open_fd = dup(STDERR_FILENO);

	archive(&right);
	/* whoever runs us may have been told to ignore it, as by nohup */
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	/*
	 * Only ls's own descriptor beside the three.  What posix_spawn starts, as make
	 * does, ignores glibc's own signals 32 and 33 for ever (spawni.c).
	 */
	expect(in_state_directory(
			   "test \"$(ls /proc/self/fd | wc -l)\" -le 4 && "
			   "grep -q 'SigBlk:.0*$' /proc/self/status && "
			   "grep -Eq 'SigIgn:.0*(180000000)?$' /proc/self/status && "
			   "test \"$(readlink /proc/self/fd/0)\" = "
			   "/dev/null && " COPY " || exit 126"),
		FETCH_DONE, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(open_fd);
}

/* Until the file is there: the process id in it. */
static pid_t
wait_for_pid(const char *name)
{
	int64_t deadline = monotime_ms() + PATIENCE_MS;
	ssize_t len;
	long pid = 0;

	while (pid == 0 && monotime_ms() < deadline)
	{
		char *text = file_content(statedir_path(name), &len);

		if (text != NULL && strchr(text, '\n') != NULL)
			pid = strtol(text, NULL, 10);
		else
			usleep(10000);
		free(text);
	}
	assert_int_not_equal(pid, 0);
	unlink(statedir_path(name));
	return (pid_t) pid;
}

/* It is gone, or a zombie that nobody here waits for. */
static bool
is_gone(pid_t pid)
{
	char path[64];
	char text[512] = "";
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	stat = fopen(path, "r");
	if (stat == NULL)
		return true;
	if (fgets(text, sizeof(text), stat) == NULL)
		text[0] = '\0';
	fclose(stat);
	return text[0] == '\0' || strstr(text, ") Z ") != NULL;
}

static void
wait_until_gone(pid_t pid)
{
	int64_t deadline = monotime_ms() + PATIENCE_MS;

	while (!is_gone(pid))
	{
		assert_true(monotime_ms() < deadline);
		usleep(10000);
	}
}

#define SLOW                                                                   \
	"echo half > %p; sleep 1000 & echo $! > @/sleeper; "                       \
	"echo $$ > @/shell; wait"

static void
a_slow_one_is_cancelled(void **state UNUSED)
{
	Fetch *f = begin(in_state_directory(SLOW));
	ErrInfo err;
	pid_t sleeper;
	pid_t shell;
	int fd;

	assert_int_equal(fetch_segment(f, 2, START, &fd, &err), FETCH_RUNNING);
	sleeper = wait_for_pid("sleeper");
	shell = wait_for_pid("shell");
	assert_int_equal(fetch_segment(f, 2, START, &fd, &err), FETCH_RUNNING);
	assert_true(fetch_fd(f) >= 0);
	assert_false(is_gone(sleeper));
	fetch_cancel(f);
	assert_int_equal(fetch_fd(f), -1);
	wait_until_gone(shell);
	wait_until_gone(sleeper);
	assert_int_equal(files_left(), 0);

	/* so it is when another segment is wanted, and at the end */
	assert_int_equal(fetch_segment(f, 2, START, &fd, &err), FETCH_RUNNING);
	shell = wait_for_pid("shell");
	assert_int_equal(fetch_segment(f, 3, START, &fd, &err), FETCH_RUNNING);
	wait_until_gone(shell);
	shell = wait_for_pid("shell");
	fetch_free(f);
	wait_until_gone(shell);
	assert_int_equal(files_left(), 0);
	unlink(statedir_path("sleeper"));
}

/* However the worker ends, what it has started does too. */
static void
it_ends_with_the_worker(void **state UNUSED)
{
	pid_t worker = fork();
	pid_t sleeper;
	pid_t shell;
	ErrInfo err;
	int fd;

	if (worker == 0)
	{
		Fetch *f = begin(in_state_directory(SLOW));

		if (fetch_segment(f, 2, START, &fd, &err) == FETCH_RUNNING)
			pause();
		_exit(1);
	}
	sleeper = wait_for_pid("sleeper");
	shell = wait_for_pid("shell");
	kill(worker, SIGKILL);
	waitpid(worker, NULL, 0);
	wait_until_gone(shell);
	wait_until_gone(sleeper);
	for (int64_t deadline = monotime_ms() + PATIENCE_MS;
		 files_left() > 0 && monotime_ms() < deadline;)
		usleep(10000);
	assert_int_equal(files_left(), 0);
}

/* One that fetches ahead in the background does not keep us waiting, and may. */
static void
a_background_child_is_left_alone(void **state UNUSED)
{
	pid_t sleeper;

	archive(&right);
	expect(in_state_directory("sleep 1000 & echo $! > @/sleeper; "
							  "cp @/archived-%f %p"),
		FETCH_DONE, NULL);
	sleeper = wait_for_pid("sleeper");
	assert_false(is_gone(sleeper));
	kill(sleeper, SIGKILL);
}

static void
stale_files_are_removed(void **state UNUSED)
{
	char mine[64];
	char alive[64];
	Fetch *f;
	ErrInfo err;
	pid_t dead = fork();
	char left[64];
	int fd;

	if (dead == 0)
		_exit(0);
	waitpid(dead, NULL, 0);
	snprintf(mine, sizeof(mine), "fetch/000000010000000000000001.%d",
		(int) getpid());
	snprintf(alive, sizeof(alive), "fetch/000000010000000000000001.%d",
		(int) getppid());
	snprintf(left, sizeof(left), "fetch/000000010000000000000001.%d.part",
		(int) dead);
	assert_true(file_write(statedir_path(mine), "x", 1));
	assert_true(file_write(statedir_path(alive), "x", 1));
	assert_true(file_write(statedir_path(left), "x", 1));
	assert_true(file_write(statedir_path("fetch/README"), "x", 1));
	f = begin("false");
	assert_int_equal(finish(f, START, &fd, &err), FETCH_NOT_THERE);
	fetch_free(f);
	assert_int_equal(access(statedir_path(mine), F_OK), -1);
	assert_int_equal(access(statedir_path(left), F_OK), -1);
	assert_int_equal(unlink(statedir_path(alive)), 0);
	assert_int_equal(unlink(statedir_path("fetch/README")), 0);
}

static void
a_directory_that_a_shell_would_not_understand_is_refused(void **state UNUSED)
{
	Fetch *f = begin("true");
	ErrInfo err;
	int fd;

	config.state_directory = "/tmp/a b";
	assert_int_equal(fetch_segment(f, 2, START, &fd, &err), FETCH_FAILED);
	config.state_directory = "/nonexistent/directory";
	assert_int_equal(fetch_segment(f, 2, START, &fd, &err), FETCH_FAILED);
	assert_non_null(strstr(err.message, "could not create directory"));
	fetch_free(f);

	assert_true(fetchcommand_directory_safe("/var/lib/wal-bouncer_1.2"));
	assert_true(fetchcommand_directory_safe("state"));
	assert_false(fetchcommand_directory_safe(""));
	assert_false(fetchcommand_directory_safe("-r"));
	assert_false(fetchcommand_directory_safe("/a;b"));
	assert_false(fetchcommand_directory_safe("/a'b"));
	assert_false(fetchcommand_directory_safe("/a$b"));
	assert_false(fetchcommand_directory_safe("/a\\b"));
	assert_false(fetchcommand_directory_safe("/a\nb"));
}

static void
placeholders_are_replaced(void **state UNUSED)
{
	static const struct
	{
		const char *command;
		const char *expanded; /* NULL: refused */
	} cases[] = {
		{"", ""},
		{"cp /a/%f %p", "cp /a/NAME PATH"},
		{"%p%f%%", "PATHNAME%"},
		{"%%f", "%f"},
		{"date +%%%%s %f", "date +%%s NAME"},
		{"cp %r", NULL},
		{"cp 100%", NULL},
		{"%", NULL},
		{"%%%", NULL},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		ErrInfo err;
		bool ok = fetchcommand_check(cases[i].command, &err);

		assert_int_equal(ok, cases[i].expanded != NULL);
		if (ok)
		{
			char *text = fetchcommand_expand(cases[i].command, "NAME", "PATH");

			assert_string_equal(text, cases[i].expanded);
			free(text);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_is_fetched),
		cmocka_unit_test(any_lsn_names_its_segment),
		cmocka_unit_test(a_command_may_say_no),
		cmocka_unit_test(a_command_may_fail),
		cmocka_unit_test(what_is_not_the_segment_is_refused),
		cmocka_unit_test(a_command_has_a_clean_start),
		cmocka_unit_test(a_slow_one_is_cancelled),
		cmocka_unit_test(it_ends_with_the_worker),
		cmocka_unit_test(a_background_child_is_left_alone),
		cmocka_unit_test(stale_files_are_removed),
		cmocka_unit_test(
			a_directory_that_a_shell_would_not_understand_is_refused),
		cmocka_unit_test(placeholders_are_replaced),
	};

	return cmocka_run_group_tests(tests, statedir_setup, statedir_teardown);
}
