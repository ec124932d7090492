/*
 * test_standbystate.c
 *		How a standby is said to be, by what is on the board.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "view/standbystate.h"

#define SECOND INT64_C(1000000)
#define NOW (INT64_C(1000000) * SECOND)
#define AGO(seconds) (NOW - (seconds) *SECOND)

/* A standby that has been streaming for an hour, and has all. */
static BoardView
content(void)
{
	return (BoardView){
		.state = CELL_STREAMING,
		.pid = 4711,
		.status =
			{
				.rule = "r",
				.user = "u",
				.application_name = "a",
				.tli = 1,
				.sent = 0x5000000,
				.write = 0x5000000,
				.flush = 0x5000000,
				.apply = 0x5000000,
				.state_since = AGO(3600),
				.reply_time = AGO(1),
				.progress_time = AGO(1),
			},
	};
}

static StandbyVerdict
judge(const BoardView *view)
{
	return standbystate_judge(view, NULL, NOW);
}

static void
check(const BoardView *view, StandbyState state, const char *reason)
{
	StandbyVerdict v = judge(view);

	assert_string_equal(standbystate_name(v.state), standbystate_name(state));
	assert_string_equal(v.reason, reason);
}

static void
states_of_the_board_are_shown(void **state UNUSED)
{
	static const struct
	{
		CellState cell;
		const char *want;
	} rows[] = {{CELL_STARTUP, "startup"}, {CELL_IDLE, "idle"},
		{CELL_CATCHUP, "catchup"}, {CELL_STREAMING, "streaming"},
		{CELL_PAUSED, "paused"}};
	BoardView view = content();

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		view.state = rows[i].cell;
		assert_true(standbystate_is_standby(&view));
		assert_string_equal(
			standbystate_name(judge(&view).state), rows[i].want);
		assert_int_equal(judge(&view).since, AGO(3600));
	}
	view.status.rule[0] = '\0';
	assert_false(standbystate_is_standby(&view));
	view = content();
	view.state = CELL_CONSOLE;
	assert_false(standbystate_is_standby(&view));
	view.state = CELL_SPARE;
	assert_false(standbystate_is_standby(&view));
}

static void
replay_that_does_not_move_is_stalled(void **state UNUSED)
{
	BoardView view = content();

	view.status.apply = 0x3000148;
	view.status.progress_time = AGO(42);
	view.status.reply_time = AGO(2);
	check(&view, STANDBY_STALLED,
		"replay has not moved for 42 s at 0/3000148, although WAL up to "
		"0/5000000 has been sent");
	assert_int_equal(judge(&view).since, AGO(42));
	view.state = CELL_CATCHUP;
	assert_int_equal(judge(&view).state, STANDBY_STALLED);
}

/* One that replays a lot reports every 10 s, each time that it has moved. */
static void
busy_replay_is_not_stalled_between_its_reports(void **state UNUSED)
{
	BoardView view = content();

	view.status.apply = 0x3000148;
	view.status.progress_time = AGO(12);
	view.status.reply_time = AGO(12);
	check(&view, STANDBY_STREAMING, "");
	view.status.reply_time = AGO(3); /* it has said something else since */
	check(&view, STANDBY_STREAMING, "");
	view.status.reply_time = AGO(2);
	check(&view, STANDBY_STALLED,
		"replay has not moved for 12 s at 0/3000148, although WAL up to "
		"0/5000000 has been sent");
}

static void
silent_standby_with_work_is_stalled(void **state UNUSED)
{
	BoardView view = content();

	view.status.apply = view.status.flush = view.status.write = 0x3000000;
	view.status.progress_time = AGO(42);
	view.status.reply_time = AGO(42);
	check(&view, STANDBY_STALLED, "takes no WAL: has said nothing for 42 s");
	/* one that has never said anything: since its stream began */
	view.status.apply = view.status.flush = view.status.write = InvalidLsn;
	view.status.progress_time = 0;
	view.status.reply_time = 0;
	view.status.state_since = AGO(14);
	check(&view, STANDBY_STREAMING, "");
	view.status.state_since = AGO(15);
	check(&view, STANDBY_STALLED, "takes no WAL: has said nothing for 15 s");
}

static void
who_has_all_that_was_sent_is_not_stalled(void **state UNUSED)
{
	BoardView view = content();

	/* nothing to say, or held back by send_delay */
	view.status.reply_time = AGO(600);
	view.status.progress_time = AGO(900);
	check(&view, STANDBY_STREAMING, "");
	/* the header of a page, or of a segment, is nothing to replay */
	view.status.sent += 40;
	check(&view, STANDBY_STREAMING, "");
	view.status.sent++;
	assert_int_equal(judge(&view).state, STANDBY_STALLED);
	/* a little record is */
	view = content();
	view.status.reply_time = AGO(0);
	view.status.progress_time = AGO(30);
	view.status.apply -= 24;
	assert_int_equal(judge(&view).state, STANDBY_STALLED);
}

static void
paused_stays_paused_with_its_reason(void **state UNUSED)
{
	BoardView view = content();

	view.state = CELL_PAUSED;
	view.status.apply = 0x3000148;
	view.status.progress_time = AGO(500);
	view.status.reply_time = AGO(400);
	snprintf(view.status.reason, sizeof(view.status.reason), "by operator x");
	check(&view, STANDBY_PAUSED, "by operator x");
}

/* pg_receivewal never reports what it has applied. */
static void
receiver_is_judged_by_what_it_writes(void **state UNUSED)
{
	BoardView view = content();

	view.status.apply = InvalidLsn;
	view.status.flush = InvalidLsn;
	view.status.reply_time = AGO(0);
	view.status.progress_time = AGO(60);
	check(&view, STANDBY_STREAMING, "");
	view.status.write = 0x4000010;
	check(&view, STANDBY_STALLED,
		"writing has not moved for 60 s at 0/4000010, although WAL up to "
		"0/5000000 has been sent");
}

static Halt
halt_at(Lsn lsn, int64_t time)
{
	return (Halt){.rule = "r",
		.user = "u",
		.application_name = "a",
		.tli = 1,
		.lsn = lsn,
		.time = time,
		.reason = "a record that nobody understands"};
}

static void
halts_are_shown_until_they_are_over(void **state UNUSED)
{
	Halt halt = halt_at(0x4000000, AGO(10));
	BoardView view = content();

	assert_true(control_halt_is_of(&halt, &view.status));
	assert_true(standbystate_halt_is_over(&halt, &view, NOW));
	view.status.sent = halt.lsn;
	assert_false(standbystate_halt_is_over(&halt, &view, NOW));
	view = content();
	view.state = CELL_IDLE; /* what it has been sent before is not beyond */
	assert_false(standbystate_halt_is_over(&halt, &view, NOW));
	assert_false(standbystate_halt_is_over(&halt, NULL, NOW));
	halt.time = AGO(3599);
	assert_false(standbystate_halt_is_over(&halt, NULL, NOW));
	halt.time = AGO(3600);
	assert_true(standbystate_halt_is_over(&halt, NULL, NOW));
	snprintf(view.status.user, sizeof(view.status.user), "v");
	assert_false(control_halt_is_of(&halt, &view.status));
}

static void
halted_says_why(void **state UNUSED)
{
	Halt halt = halt_at(0x4000000, AGO(10));
	BoardView view = content();
	StandbyVerdict v = standbystate_judge_absent(&halt);

	assert_int_equal(v.state, STANDBY_HALTED);
	assert_int_equal(v.since, AGO(10));
	assert_string_equal(v.reason, "a record that nobody understands");
	/* it tries again */
	v = standbystate_judge(&view, &halt, NOW);
	assert_int_equal(v.state, STANDBY_HALTED);
	assert_string_equal(v.reason, "a record that nobody understands");
	/* its worker is about to end */
	view.status.halted = true;
	snprintf(view.status.reason, sizeof(view.status.reason), "another one");
	check(&view, STANDBY_HALTED, "another one");
}

/* What is not filled in is not judged. */
static void
unknown_times_stall_nobody(void **state UNUSED)
{
	BoardView view = content();

	view.status.apply = 0x3000000;
	view.status.state_since = 0;
	view.status.reply_time = 0;
	view.status.progress_time = 0;
	check(&view, STANDBY_STREAMING, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_of_the_board_are_shown),
		cmocka_unit_test(replay_that_does_not_move_is_stalled),
		cmocka_unit_test(busy_replay_is_not_stalled_between_its_reports),
		cmocka_unit_test(silent_standby_with_work_is_stalled),
		cmocka_unit_test(who_has_all_that_was_sent_is_not_stalled),
		cmocka_unit_test(paused_stays_paused_with_its_reason),
		cmocka_unit_test(receiver_is_judged_by_what_it_writes),
		cmocka_unit_test(halts_are_shown_until_they_are_over),
		cmocka_unit_test(halted_says_why),
		cmocka_unit_test(unknown_times_stall_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
