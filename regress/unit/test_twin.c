/*
 * test_twin.c
 *		Two copies in shared memory.
 */
#include "base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/twin.h"

/* Not a multiple of anything. */
typedef struct Thing
{
	char text[77];
} Thing;

static void
publish(Twin *t, char c)
{
	memset(twin_next(t), c, sizeof(Thing));
	twin_publish(t);
}

static void
check_all(const Twin *t, char c)
{
	Thing got;
	Thing want;

	memset(&want, c, sizeof(want));
	assert_true(twin_copy(t, &got));
	assert_memory_equal(&got, &want, sizeof(want));
}

static void
there_is_nothing_at_first(void **state UNUSED)
{
	Twin t;
	Thing thing = {.text = "as it was"};
	uint64_t generation = 7;

	twin_create(&t, "test", sizeof(Thing));
	assert_false(twin_copy(&t, &thing));
	assert_string_equal(thing.text, "as it was");
	assert_true(twin_generation(&t) == 0);
	assert_string_equal(twin_current(&t, &generation), "");
	assert_true(generation == 0);
}

static void
what_was_published_last_is_current(void **state UNUSED)
{
	Twin t;

	twin_create(&t, "test", sizeof(Thing));
	for (int i = 1; i <= 5; i++)
	{
		publish(&t, (char) ('a' + i));
		assert_true(twin_generation(&t) == (uint64_t) i);
		check_all(&t, (char) ('a' + i));
	}
}

static void
what_is_half_written_is_not_seen(void **state UNUSED)
{
	Twin t;

	twin_create(&t, "test", sizeof(Thing));
	publish(&t, 'a');
	publish(&t, 'b');
	memset(twin_next(&t), 'x', sizeof(Thing) / 2);
	check_all(&t, 'b');
	/* whoever comes after the one who died begins anew */
	publish(&t, 'c');
	check_all(&t, 'c');
}

static void
who_reads_bit_by_bit_notices_a_change(void **state UNUSED)
{
	const Thing *thing;
	uint64_t generation;
	Twin t;

	twin_create(&t, "test", sizeof(Thing));
	publish(&t, 'a');
	thing = twin_current(&t, &generation);
	assert_int_equal(thing->text[76], 'a');
	assert_true(twin_is_current(&t, generation));
	publish(&t, 'b');
	assert_false(twin_is_current(&t, generation));
}

static void
only_the_writer_may_write(void **state UNUSED)
{
	Twin t;
	pid_t pid;
	int status;

	twin_create(&t, "test", sizeof(Thing));
	publish(&t, 'a');
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		Thing thing;

		signal(SIGSEGV, SIG_DFL);
		twin_enter(&t, false);
		if (!twin_copy(&t, &thing) || thing.text[0] != 'a')
			_exit(0);
		*(char *) twin_next(&t) = 'x';
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* a sanitizer turns the signal into an exit status of its own */
	assert_int_not_equal(status, 0);

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		twin_enter(&t, true);
		publish(&t, 'b');
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_all(&t, 'b');
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_nothing_at_first),
		cmocka_unit_test(what_was_published_last_is_current),
		cmocka_unit_test(what_is_half_written_is_not_seen),
		cmocka_unit_test(who_reads_bit_by_bit_notices_a_change),
		cmocka_unit_test(only_the_writer_may_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
