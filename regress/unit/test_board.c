/*
 * test_board.c
 *		What others see of a cell while its owner writes.
 */
#include "base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/board.h"

#define CELL BOARD_FIRST_WORKER
#define ROUNDS 500

/* All of it says the same number, from its first byte to its last. */
static void
fill(BoardStatus *status, uint64_t n)
{
	memset(status->rule, 'a' + (int) (n % 26), sizeof(status->rule) - 1);
	status->sent = n;
	status->bytes = n;
	status->reply_time = (int64_t) n;
	status->cancel_key_len = (uint32_t) n;
}

static void
check(const BoardView *view)
{
	uint64_t n = view->status.sent;

	assert_int_equal(view->status.bytes, n);
	assert_int_equal(view->status.reply_time, n);
	assert_int_equal(view->status.cancel_key_len, (uint32_t) n);
	if (n == 0)
		return; /* has not begun */
	assert_int_equal(view->status.rule[0], 'a' + (int) (n % 26));
	assert_int_equal(
		view->status.rule[sizeof(view->status.rule) - 2], 'a' + (int) (n % 26));
	assert_int_equal(view->state, CELL_STREAMING);
}

/* A process that does nothing but publish, never far from the middle of it. */
static pid_t
start_owner(int cell)
{
	static BoardStatus status;
	pid_t pid;

	board_reset_cell(cell, CELL_STARTING, 0);
	pid = fork();
	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(1);
	board_enter(cell);
	board_set_state(CELL_STREAMING);
	for (uint64_t n = 1;; n++)
	{
		fill(&status, n);
		board_publish(&status);
	}
}

static void
wait_until_published(int cell)
{
	BoardView view;

	do
		usleep(100);
	while (!board_view(cell, &view) || view.status.sent == 0);
}

/* Stopped or killed where it happens to be. */
static void
halt(pid_t pid, int signo)
{
	int status;

	assert_int_equal(kill(pid, signo), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
}

static void
an_owner_that_is_stopped_is_seen_as_it_was(void **state UNUSED)
{
	pid_t pid = start_owner(CELL);
	uint64_t last = 0;

	wait_until_published(CELL);
	for (int i = 0; i < ROUNDS; i++)
	{
		BoardView view;

		halt(pid, SIGSTOP);
		assert_true(board_view(CELL, &view));
		check(&view);
		assert_true(view.status.sent >= last);
		last = view.status.sent;
		kill(pid, SIGCONT);
		usleep((useconds_t) (i % 7));
	}
	halt(pid, SIGKILL);
}

static void
an_owner_that_is_killed_is_seen_until_it_is_reaped(void **state UNUSED)
{
	for (int i = 0; i < ROUNDS / 10; i++)
	{
		pid_t pid = start_owner(CELL);
		BoardView view;

		wait_until_published(CELL);
		halt(pid, SIGKILL);
		assert_true(board_view(CELL, &view));
		check(&view);
		assert_int_equal(view.pid, pid);
		board_reset_cell(CELL, CELL_FREE, 0);
		assert_false(board_view(CELL, &view));
	}
}

static void
what_is_awaited_ends_with_the_monitor(void **state UNUSED)
{
	Lsn awaited[BOARD_AWAITED_MAX];
	pid_t pid;

	board_reset_cell(BOARD_MONITOR, CELL_STARTING, 0);
	pid = fork();
	if (pid == 0)
	{
		board_enter(BOARD_MONITOR);
		board_set_awaited(0, 1);
		board_set_awaited(1, 2);
		board_set_awaited(BOARD_AWAITED_MAX - 1, 3);
		board_set_awaited(1, InvalidLsn);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(board_awaited(awaited), 2);
	assert_int_equal(awaited[0], 1);
	assert_int_equal(awaited[1], 3);
	board_reset_cell(BOARD_MONITOR, CELL_FREE, 0);
	assert_int_equal(board_awaited(awaited), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owner_that_is_stopped_is_seen_as_it_was),
		cmocka_unit_test(an_owner_that_is_killed_is_seen_until_it_is_reaped),
		cmocka_unit_test(what_is_awaited_ends_with_the_monitor),
	};

	board_create(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
