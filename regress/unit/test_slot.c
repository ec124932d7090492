/*
 * test_slot.c
 *		Replication slots on disk: what is confirmed is there again, what was left
 *		half done is not, nobody takes what another one uses; and the borders of
 *		wal_status.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mutate.h"
#include "state/slot.h"
#include "state/slotscan.h"
#include "state/slotlimit.h"
#include "statedir.h"

#define SYSID UINT64_C(7312345678901234567)
#define SEGMENT (UINT32_C(16) << 20)
#define KILLS 150
#define CROWD 4
#define CROWD_TURNS 300
#define NAME_63                                                                \
	"a23456789012345678901234567890123456789012345678901234567890123"

/* ---- helpers ---- */

static SlotInfo
sample(const char *name)
{
	SlotInfo info = {.rule = "berlin",
		.system_identifier = SYSID,
		.restart_lsn = InvalidLsn};

	snprintf(info.name, sizeof(info.name), "%s", name);
	return info;
}

static Slot *
create_info(const SlotInfo *info)
{
	ErrInfo err;
	Slot *slot = slot_create(state_directory, info, 10, &err);

	if (slot == NULL)
		fail_msg("%s: %s", info->name, err.message);
	return slot;
}

static Slot *
create(const char *name)
{
	SlotInfo info = sample(name);

	return create_info(&info);
}

static Slot *
open_slot(const char *name)
{
	ErrInfo err;
	Slot *slot = slot_open(state_directory, name, &err);

	if (slot == NULL)
		fail_msg("%s: %s", name, err.message);
	return slot;
}

static void
release(Slot *slot)
{
	ErrInfo err;

	if (!slot_release(slot, &err))
		fail_msg("%s", err.message);
}

static void
advance(Slot *slot, Lsn lsn)
{
	ErrInfo err;

	if (!slot_advance(slot, lsn, 1, SEGMENT, &err))
		fail_msg("%s", err.message);
}

/* A persistent slot that nobody uses. */
static void
leave_slot(const char *name, Lsn restart_lsn)
{
	Slot *slot = create(name);

	advance(slot, restart_lsn);
	release(slot);
}

static SlotInfo
read_slot(const char *name)
{
	SlotInfo info;
	ErrInfo err;

	if (!slotscan_read(state_directory, name, &info, &err))
		fail_msg("%s: %s", name, err.message);
	return info;
}

static void
assert_open_fails(const char *name, const char *sqlstate)
{
	ErrInfo err;

	assert_null(slot_open(state_directory, name, &err));
	assert_string_equal(err.sqlstate, sqlstate);
}

static void
assert_read_fails(const char *name, const char *sqlstate)
{
	SlotInfo info;
	ErrInfo err;

	assert_false(slotscan_read(state_directory, name, &info, &err));
	assert_string_equal(err.sqlstate, sqlstate);
}

static void
count_one(void *arg, const SlotInfo *info UNUSED, const ErrInfo *damage)
{
	int *counts = arg;

	counts[damage != NULL]++;
}

static void
assert_counts(int good, int damaged)
{
	int counts[2] = {0, 0};
	ErrInfo err;

	assert_true(slotscan_each(state_directory, count_one, counts, &err));
	assert_int_equal(counts[0], good);
	assert_int_equal(counts[1], damaged);
}

static bool
exists(const char *name)
{
	return access(statedir_path(name), F_OK) == 0;
}

/* Entries of the directory of all slots, of whatever kind. */
static int
entries(void)
{
	char command[128];
	char text[16] = "";
	FILE *p;

	snprintf(
		command, sizeof(command), "ls -A %s/slots | wc -l", state_directory);
	p = popen(command, "r");
	assert_non_null(fgets(text, sizeof(text), p));
	pclose(p);
	return atoi(text);
}

/*
 * Another process does something with a slot, and then waits to be killed.  Returns
 * its process id once it has.
 */
static pid_t
in_another_process(void (*act)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
	{
		act();
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
kill_process(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* ---- names ---- */

static void
names(void **state UNUSED)
{
	static const struct
	{
		const char *name;
		const char *sqlstate; /* NULL: good */
		const char *message;
	} rows[] = {
		{"a", NULL, NULL},
		{"_0", NULL, NULL},
		{"0", NULL, NULL},
		{NAME_63, NULL, NULL},
		{"", "42602", "replication slot name \"\" is too short"},
		{NAME_63 "4", "42622",
			"replication slot name \"" NAME_63 "4\" is too long"},
		{"Berlin", "42602",
			"replication slot name \"Berlin\" contains invalid character"},
		{"a-b", "42602", NULL},
		{"a b", "42602", NULL},
		{"a.tmp", "42602", NULL},
		{".", "42602", NULL},
		{"..", "42602", NULL},
		{"../scope", "42602", NULL},
		{"a/b", "42602", NULL},
		{"a\n", "42602", NULL},
		{"\xC3\xA4", "42602", NULL},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		ErrInfo err;

		if (rows[i].sqlstate == NULL)
		{
			assert_true(slot_check_name(rows[i].name, &err));
			continue;
		}
		assert_false(slot_check_name(rows[i].name, &err));
		assert_string_equal(err.sqlstate, rows[i].sqlstate);
		if (rows[i].message != NULL)
			assert_string_equal(err.message, rows[i].message);
		/* and no path is ever made of it */
		assert_open_fails(rows[i].name, "42704");
		assert_read_fails(rows[i].name, "42704");
		if (strlen(rows[i].name) < SLOT_NAME_SIZE)
		{
			SlotInfo info = sample(rows[i].name);

			assert_null(slot_create(state_directory, &info, 10, &err));
			assert_string_equal(err.sqlstate, rows[i].sqlstate);
		}
	}
	assert_false(exists("slots"));
}

/* ---- one slot ---- */

static void
what_was_released_is_there_again(void **state UNUSED)
{
	Slot *slot = create("a");
	SlotInfo info = read_slot("a");

	assert_string_equal(info.name, "a");
	assert_string_equal(info.rule, "berlin");
	assert_true(info.system_identifier == SYSID);
	assert_false(info.temporary);
	assert_true(info.restart_lsn == InvalidLsn);
	assert_int_equal(info.restart_tli, 0);
	assert_int_equal(info.active_pid, getpid());

	advance(slot, UINT64_C(0x1203000028));
	assert_true(slot_info(slot)->restart_lsn == UINT64_C(0x1203000028));
	release(slot);
	info = read_slot("a");
	assert_true(info.restart_lsn == UINT64_C(0x1203000028));
	assert_int_equal(info.restart_tli, 1);
	assert_int_equal(info.active_pid, 0);

	slot = open_slot("a");
	assert_true(slot_info(slot)->restart_lsn == UINT64_C(0x1203000028));
	assert_int_equal(slot_info(slot)->active_pid, getpid());
	release(slot);
}

static void
reserved_from_the_start(void **state UNUSED)
{
	SlotInfo info = sample("a");
	Slot *slot;

	info.restart_lsn = 3 * SEGMENT;
	info.restart_tli = 7;
	slot = create_info(&info);
	info = read_slot("a");
	assert_true(info.restart_lsn == 3 * SEGMENT);
	assert_int_equal(info.restart_tli, 7);
	release(slot);
}

/* On disk it lags by less than a step, and is never ahead. */
static void
written_by_the_step(void **state UNUSED)
{
	Slot *slot = create("a");

	advance(slot, 3 * SEGMENT + 100);
	assert_true(read_slot("a").restart_lsn == 3 * SEGMENT + 100);
	advance(slot, 4 * SEGMENT);
	assert_true(slot_info(slot)->restart_lsn == 4 * SEGMENT);
	assert_true(read_slot("a").restart_lsn == 3 * SEGMENT + 100);
	advance(slot, 4 * SEGMENT + 100);
	assert_true(read_slot("a").restart_lsn == 4 * SEGMENT + 100);
	release(slot);
}

static void
never_goes_back_by_itself(void **state UNUSED)
{
	Slot *slot = create("a");
	ErrInfo err;

	advance(slot, 5 * SEGMENT);
	advance(slot, 3 * SEGMENT);
	assert_true(slot_info(slot)->restart_lsn == 5 * SEGMENT);

	assert_true(slot_set_back(slot, 6 * SEGMENT, 2, &err));
	assert_true(slot_info(slot)->restart_lsn == 5 * SEGMENT);
	assert_true(slot_set_back(slot, 2 * SEGMENT, 1, &err));
	assert_true(slot_info(slot)->restart_lsn == 2 * SEGMENT);
	assert_true(read_slot("a").restart_lsn == 2 * SEGMENT);
	advance(slot, 2 * SEGMENT + 1);
	advance(slot, 3 * SEGMENT + 1);
	assert_true(read_slot("a").restart_lsn == 3 * SEGMENT + 1);
	release(slot);
}

static void
missing_and_duplicate(void **state UNUSED)
{
	SlotInfo info = sample("a");
	ErrInfo err;

	assert_open_fails("a", "42704");
	assert_read_fails("a", "42704");
	assert_counts(0, 0);
	leave_slot("a", SEGMENT);
	assert_null(slot_create(state_directory, &info, 10, &err));
	assert_string_equal(err.sqlstate, "42710");
	assert_string_equal(err.message, "replication slot \"a\" already exists");
	assert_true(read_slot("a").restart_lsn == SEGMENT);
	assert_open_fails("b", "42704");
}

static void
dropped_is_gone(void **state UNUSED)
{
	ErrInfo err;

	leave_slot("a", SEGMENT);
	leave_slot("b", SEGMENT);
	assert_true(slot_drop(open_slot("a"), &err));
	assert_read_fails("a", "42704");
	assert_int_equal(entries(), 1);
	leave_slot("a", 2 * SEGMENT);
	assert_true(read_slot("a").restart_lsn == 2 * SEGMENT);
}

static void
no_more_than_the_bound(void **state UNUSED)
{
	SlotInfo info = sample("c");
	Slot *slot;
	ErrInfo err;

	leave_slot("a", SEGMENT);
	leave_slot("b", SEGMENT);
	assert_null(slot_create(state_directory, &info, 2, &err));
	assert_string_equal(err.sqlstate, "53400");
	assert_string_equal(err.message, "all replication slots are in use");
	assert_non_null(strstr(err.hint, "max_replication_slots"));
	assert_null(slot_create(state_directory, &info, 0, &err));
	assert_string_equal(err.sqlstate, "53400");
	/* those that are there live on when the bound becomes smaller */
	release(open_slot("a"));
	assert_true(slot_drop(open_slot("a"), &err));
	slot = slot_create(state_directory, &info, 2, &err);
	assert_non_null(slot);
	release(slot);
}

static void
without_a_state_directory(void **state UNUSED)
{
	SlotInfo info = sample("a");
	ErrInfo err;

	assert_null(slot_create("", &info, 10, &err));
	assert_string_equal(err.sqlstate, "55000");
	assert_non_null(strstr(err.hint, "state_directory"));
	assert_null(slot_open("", "a", &err));
	assert_string_equal(err.sqlstate, "55000");
	assert_false(slotscan_read("", "a", &info, &err));
	assert_string_equal(err.sqlstate, "55000");
	assert_true(slots_prepare("", &err));
	assert_true(slotscan_needed_lsn("", SEGMENT, -1) == InvalidLsn);
}

/* ---- several processes ---- */

static void
use_a(void)
{
	advance(open_slot("a"), 5 * SEGMENT);
}

static void
a_second_user_is_refused(void **state UNUSED)
{
	Slot *slot;
	ErrInfo err;
	pid_t pid;
	char want[64];

	leave_slot("a", SEGMENT);
	pid = in_another_process(use_a);
	assert_null(slot_open(state_directory, "a", &err));
	assert_string_equal(err.sqlstate, "55006");
	snprintf(want, sizeof(want), "replication slot \"a\" is active for PID %d",
		(int) pid);
	assert_string_equal(err.message, want);
	assert_int_equal(read_slot("a").active_pid, pid);

	/* killed: free, and where it was */
	kill_process(pid);
	assert_int_equal(read_slot("a").active_pid, 0);
	slot = open_slot("a");
	assert_true(slot_info(slot)->restart_lsn == 5 * SEGMENT);
	/* nor can one process use it twice */
	assert_open_fails("a", "55006");
	/* looking at it does not let go of it */
	(void) read_slot("a");
	assert_counts(1, 0);
	assert_open_fails("a", "55006");
	release(slot);
}

static void
use_temporary(void)
{
	SlotInfo info = sample("t");

	info.temporary = true;
	info.restart_lsn = 2 * SEGMENT;
	info.restart_tli = 1;
	(void) create_info(&info);
}

static void
temporary_slots_vanish(void **state UNUSED)
{
	SlotInfo info = sample("t");
	ErrInfo err;
	pid_t pid;

	/* with their release */
	info.temporary = true;
	release(create_info(&info));
	assert_int_equal(entries(), 0);

	/* others see one, but cannot have it */
	pid = in_another_process(use_temporary);
	assert_true(read_slot("t").temporary);
	assert_int_equal(read_slot("t").active_pid, pid);
	assert_open_fails("t", "55006");
	assert_true(
		slotscan_needed_lsn(state_directory, 3 * SEGMENT, -1) == 2 * SEGMENT);

	/* its process is killed: whoever opens it finds none */
	kill_process(pid);
	assert_read_fails("t", "42704");
	assert_counts(0, 0);
	assert_true(
		slotscan_needed_lsn(state_directory, 3 * SEGMENT, -1) == InvalidLsn);
	assert_open_fails("t", "42704");
	assert_int_equal(entries(), 0);

	/* or makes one, of the same name or within the bound */
	kill_process(in_another_process(use_temporary));
	assert_int_equal(entries(), 1);
	info = sample("t");
	release(slot_create(state_directory, &info, 1, &err));
	assert_false(read_slot("t").temporary);
	assert_true(slot_drop(open_slot("t"), &err));

	/* or starts */
	kill_process(in_another_process(use_temporary));
	assert_true(slots_prepare(state_directory, &err));
	assert_int_equal(entries(), 0);
}

/* ---- damage ---- */

static void
what_was_half_done_is_removed(void **state UNUSED)
{
	Slot *slot;
	ErrInfo err;

	leave_slot("a", SEGMENT);
	/* a creation, or a removal, that was killed at each of its steps */
	assert_int_equal(mkdir(statedir_path("slots/b.17.tmp"), 0700), 0);
	assert_int_equal(mkdir(statedir_path("slots/c.17.tmp"), 0700), 0);
	assert_true(file_write(statedir_path("slots/c.17.tmp/lock"), "", 0));
	assert_true(
		file_write(statedir_path("slots/c.17.tmp/state.17.tmp"), "x", 1));
	/* an update */
	assert_true(file_write(statedir_path("slots/a/state.17.tmp"), "x", 1));
	assert_counts(1, 0);
	assert_read_fails("b", "42704");
	assert_open_fails("b", "42704");
	slot = open_slot("a");
	assert_true(slot_info(slot)->restart_lsn == SEGMENT);
	release(slot);

	assert_true(slots_prepare(state_directory, &err));
	assert_int_equal(entries(), 1);
	assert_true(read_slot("a").restart_lsn == SEGMENT);
	assert_true(slot_drop(open_slot("a"), &err));
	assert_int_equal(entries(), 0);
}

static void
what_stands_in_the_way_of_a_drop_is_removed(void **state UNUSED)
{
	char name[64];
	ErrInfo err;

	leave_slot("a", SEGMENT);
	snprintf(name, sizeof(name), "slots/a.%d.tmp", (int) getpid());
	assert_int_equal(mkdir(statedir_path(name), 0700), 0);
	strcat(name, "/lock");
	assert_true(file_write(statedir_path(name), "", 0));
	assert_true(slot_drop(open_slot("a"), &err));
	assert_int_equal(entries(), 0);
}

/* A life of a slot after the other; each LSN is noted before it is confirmed. */
static void
live_and_die(volatile Lsn *confirmed)
{
	for (Lsn lsn = SEGMENT;; lsn += SEGMENT)
	{
		SlotInfo info = sample("a");
		Slot *slot;
		ErrInfo err;

		info.temporary = lsn / SEGMENT % 2 == 0;
		slot = create_info(&info);
		for (int i = 1; i < 4; i++)
		{
			*confirmed = lsn + (Lsn) i;
			if (!slot_advance(slot, lsn + (Lsn) i, 1, 1, &err))
				_exit(1);
		}
		if (!slot_release(slot, &err) ||
			(!info.temporary && !slot_drop(open_slot("a"), &err)))
			_exit(1);
	}
}

static void
killed_at_any_moment(void **state UNUSED)
{
	volatile Lsn *confirmed = mmap(NULL, sizeof(Lsn), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t seed = 11;
	int found = 0;
	int left = 0;

	assert_true(confirmed != MAP_FAILED);
	for (int round = 0; round < KILLS; round++)
	{
		SlotInfo info;
		ErrInfo err;
		pid_t pid = fork();
		bool good;

		if (pid == 0)
			live_and_die(confirmed);
		usleep(random_next(&seed) % 20000);
		kill_process(pid);
		/* there and good, or not there */
		good = slotscan_read(state_directory, "a", &info, &err);
		if (!good)
			assert_string_equal(err.sqlstate, "42704");
		found += good;
		left += entries() > good;
		assert_true(slots_prepare(state_directory, &err));
		assert_int_equal(entries(), good);
		assert_counts(good, 0);
		if (!good)
			continue;
		assert_false(info.temporary);
		assert_int_equal(info.active_pid, 0);
		assert_true(info.restart_lsn <= *confirmed);
		assert_true(slot_drop(open_slot("a"), &err));
	}
	/* else this has shown nothing */
	assert_true(found > 0);
	assert_true(left > 0);
	munmap((void *) confirmed, sizeof(Lsn));
}

/* Slots of a few names come and go; what happens is one of what may happen. */
static void
crowd(uint64_t seed)
{
	for (int i = 0; i < CROWD_TURNS; i++)
	{
		char name[2] = {(char) ('a' + random_next(&seed) % 3), '\0'};
		SlotInfo info = sample(name);
		Slot *slot;
		ErrInfo err = {.sqlstate = ""};

		info.temporary = random_next(&seed) % 3 == 0;
		if (random_next(&seed) % 2 == 0)
		{
			slot = slot_create(state_directory, &info, 2, &err);
			if (slot == NULL && strcmp(err.sqlstate, "42710") != 0 &&
				strcmp(err.sqlstate, "53400") != 0)
				fail_msg("create: %s", err.message);
		}
		else
		{
			slot = slot_open(state_directory, name, &err);
			if (slot == NULL && strcmp(err.sqlstate, "42704") != 0 &&
				strcmp(err.sqlstate, "55006") != 0)
				fail_msg("open: %s", err.message);
		}
		if (slot == NULL)
			continue;
		if (strcmp(slot_info(slot)->name, name) != 0 ||
			slot_info(slot)->active_pid != getpid() ||
			read_slot(name).active_pid != getpid())
			fail_msg("another slot than \"%s\"", name);
		if (!slot_advance(slot, slot_info(slot)->restart_lsn + 1, 1, 1, &err))
			fail_msg("advance: %s", err.message);
		if (random_next(&seed) % 2 == 0 ? !slot_drop(slot, &err)
										: !slot_release(slot, &err))
			fail_msg("end: %s", err.message);
	}
}

static void
a_crowd(void **state UNUSED)
{
	pid_t pids[CROWD];
	ErrInfo err;

	for (uint64_t i = 0; i < CROWD; i++)
	{
		pids[i] = fork();
		if (pids[i] == 0)
		{
			crowd(i + 1);
			_exit(0);
		}
	}
	for (size_t i = 0; i < CROWD; i++)
	{
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_true(entries() <= 2);
	assert_true(slots_prepare(state_directory, &err));
	assert_counts(entries(), 0);
}

static void
a_damaged_state_is_an_error(void **state UNUSED)
{
	ssize_t len;
	char *good;
	ErrInfo err;
	SlotInfo info = sample("a");

	leave_slot("a", SEGMENT);
	leave_slot("b", 3 * SEGMENT);
	good = file_content(statedir_path("slots/a/state"), &len);
	assert_true(len > 0);
	/* cut at each length */
	for (ssize_t i = 0; i < len; i++)
	{
		assert_true(
			file_write(statedir_path("slots/a/state"), good, (size_t) i));
		assert_read_fails("a", "XX001");
	}
	assert_open_fails("a", "XX001");
	/* each byte wrong */
	for (ssize_t i = 0; i < len; i++)
	{
		good[i] ^= 1;
		assert_true(
			file_write(statedir_path("slots/a/state"), good, (size_t) len));
		assert_read_fails("a", "XX001");
		good[i] ^= 1;
	}
	/* a byte too many, too much, and the state of another slot */
	good[len] = '\n';
	assert_true(
		file_write(statedir_path("slots/a/state"), good, (size_t) len + 1));
	assert_read_fails("a", "XX001");
	assert_int_equal(truncate(statedir_path("slots/a/state"), 100000), 0);
	assert_read_fails("a", "XX001");
	assert_int_equal(unlink(statedir_path("slots/a/state")), 0);
	assert_read_fails("a", "XX001");
	assert_int_equal(
		link(statedir_path("slots/b/state"), statedir_path("slots/a/state")),
		0);
	assert_read_fails("a", "XX001");

	/* it still counts, and has its name */
	assert_counts(1, 1);
	assert_null(slot_create(state_directory, &info, 10, &err));
	assert_string_equal(err.sqlstate, "42710");
	assert_true(slots_prepare(state_directory, &err));
	assert_int_equal(entries(), 2);
	assert_true(
		slotscan_needed_lsn(state_directory, 4 * SEGMENT, -1) == 3 * SEGMENT);
	free(good);
}

static void
a_full_disk(void **state UNUSED)
{
	SlotInfo info = sample("b");
	Slot *slot;
	ErrInfo err;

	leave_slot("a", SEGMENT);
	slot = open_slot("a");
	limit_file_size(20);
	assert_false(slot_advance(slot, 2 * SEGMENT, 1, SEGMENT, &err));
	assert_true(read_slot("a").restart_lsn == SEGMENT);
	/* not tried again at once */
	assert_true(slot_advance(slot, 2 * SEGMENT + 1, 1, SEGMENT, &err));
	assert_null(slot_create(state_directory, &info, 10, &err));
	assert_int_equal(entries(), 1);
	assert_false(slot_set_back(slot, 10, 1, &err));
	assert_true(slot_info(slot)->restart_lsn == 2 * SEGMENT + 1);
	limit_file_size(RLIM_INFINITY);
	assert_true(read_slot("a").restart_lsn == SEGMENT);
	/* but at the end */
	release(slot);
	assert_true(read_slot("a").restart_lsn == 2 * SEGMENT + 1);
	release(create("b"));
}

/* ---- limits ---- */

static void
what_slots_need(void **state UNUSED)
{
	assert_true(
		slotscan_needed_lsn(state_directory, SEGMENT, -1) == InvalidLsn);
	release(create("fresh"));
	assert_true(
		slotscan_needed_lsn(state_directory, SEGMENT, -1) == InvalidLsn);
	leave_slot("old", 2 * SEGMENT);
	leave_slot("new", 9 * SEGMENT);
	assert_true(
		slotscan_needed_lsn(state_directory, 10 * SEGMENT, -1) == 2 * SEGMENT);
	assert_true(slotscan_needed_lsn(
					state_directory, 10 * SEGMENT, 8 * SEGMENT) == 2 * SEGMENT);
	assert_true(slotscan_needed_lsn(state_directory, 10 * SEGMENT,
					8 * SEGMENT - 1) == 9 * SEGMENT);
	assert_true(
		slotscan_needed_lsn(state_directory, 10 * SEGMENT, 0) == InvalidLsn);
	assert_true(
		slotscan_needed_lsn(state_directory, 9 * SEGMENT, 0) == 9 * SEGMENT);
	/* what cannot be read may need anything */
	assert_int_equal(mkdir(statedir_path("slots/x"), 0700), 0);
	assert_int_equal(symlink("state", statedir_path("slots/x/state")), 0);
	assert_true(slotscan_needed_lsn(state_directory, 10 * SEGMENT, 0) == 1);
	assert_int_equal(unlink(statedir_path("slots/x/state")), 0);
	assert_int_equal(rmdir(statedir_path("slots/x")), 0);
}

static void
wal_status(void **state UNUSED)
{
	static const struct
	{
		Lsn restart_lsn;
		Lsn oldest;
		Lsn current;
		int64_t max_keep;
		int64_t spool_size;
		const char *want;
	} rows[] = {
		{0, 100, 1000, -1, 500, NULL},
		{0, 0, 0, -1, 500, NULL},
		/* spool_size: reserved or extended */
		{1000, 100, 1000, -1, 500, "reserved"},
		{500, 100, 1000, -1, 500, "reserved"},
		{499, 100, 1000, -1, 500, "extended"},
		/* the oldest LSN at hand: that, or lost */
		{100, 100, 1000, -1, 500, "extended"},
		{99, 100, 1000, -1, 500, "lost"},
		{600, 600, 1000, -1, 500, "reserved"},
		{599, 600, 1000, -1, 500, "lost"},
		{999, 0, 1000, -1, 500, "lost"},
		{999, 1000, 1000, -1, 500, "lost"},
		{1000, 0, 1000, -1, 500, "reserved"},
		/* ahead of what we know */
		{1001, 0, 1000, -1, 500, "reserved"},
		{1001, 100, 1000, 0, 500, "reserved"},
		/* max_slot_wal_keep_size: within it, or unreserved */
		{700, 100, 1000, 300, 500, "reserved"},
		{699, 100, 1000, 300, 500, "unreserved"},
		{100, 100, 1000, 300, 500, "unreserved"},
		{99, 100, 1000, 300, 500, "lost"},
		{1000, 100, 1000, 0, 500, "reserved"},
		{999, 100, 1000, 0, 500, "unreserved"},
		{300, 100, 1000, 700, 500, "extended"},
		{299, 100, 1000, 700, 500, "unreserved"},
		/* no spool: nothing is kept for anybody */
		{1000, 100, 1000, -1, 0, "unreserved"},
		{500, 100, 1000, -1, 0, "unreserved"},
		{99, 100, 1000, -1, 0, "lost"},
		/* large */
		{UINT64_MAX - 1, 1, UINT64_MAX, INT64_MAX, INT64_MAX, "reserved"},
		{1, 1, UINT64_MAX, INT64_MAX, INT64_MAX, "unreserved"},
		{1, 1, UINT64_MAX, -1, INT64_MAX, "extended"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const char *got = slotlimit_status_name(
			slotlimit_status(rows[i].restart_lsn, rows[i].oldest,
				rows[i].current, rows[i].max_keep, rows[i].spool_size));

		if (got == NULL || rows[i].want == NULL)
		{
			if (got != rows[i].want)
				fail_msg("row %zu: %s", i, got != NULL ? got : "none");
		}
		else if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
	}
}

#define WITH_DIRECTORY(f)                                                      \
	cmocka_unit_test_setup_teardown(f, statedir_setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIRECTORY(names),
		WITH_DIRECTORY(what_was_released_is_there_again),
		WITH_DIRECTORY(reserved_from_the_start),
		WITH_DIRECTORY(written_by_the_step),
		WITH_DIRECTORY(never_goes_back_by_itself),
		WITH_DIRECTORY(missing_and_duplicate),
		WITH_DIRECTORY(dropped_is_gone),
		WITH_DIRECTORY(no_more_than_the_bound),
		WITH_DIRECTORY(without_a_state_directory),
		WITH_DIRECTORY(a_second_user_is_refused),
		WITH_DIRECTORY(temporary_slots_vanish),
		WITH_DIRECTORY(what_was_half_done_is_removed),
		WITH_DIRECTORY(what_stands_in_the_way_of_a_drop_is_removed),
		WITH_DIRECTORY(killed_at_any_moment),
		WITH_DIRECTORY(a_crowd),
		WITH_DIRECTORY(a_damaged_state_is_an_error),
		WITH_DIRECTORY(a_full_disk),
		WITH_DIRECTORY(what_slots_need),
		cmocka_unit_test(wal_status),
	};

	return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
