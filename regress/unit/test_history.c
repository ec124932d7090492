/*
 * test_history.c
 *		Timeline history files, as PostgreSQL writes them, and damaged ones.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mutate.h"
#include "wal/history.h"

/* What PostgreSQL 15 wrote at three promotions. */
static const char three[] = "1\t0/3000148\tno recovery target specified\n"
							"\n"
							"2\t0/5000000\tno recovery target specified\n"
							"\n"
							"4\t1/A0\tbefore 2026-11-21 12:00:00+00\n";

static void
line_of_three(void **state)
{
	static History h;
	ErrInfo err;
	Lsn end;

	(void) state;
	assert_true(history_parse(&h, 5, three, strlen(three), &err));
	assert_int_equal(h.count, 3);
	assert_true(history_end(&h, 1, &end));
	assert_int_equal(end, 0x3000148);
	assert_true(history_end(&h, 4, &end));
	assert_int_equal(end, UINT64_C(0x1000000A0));
	assert_true(history_end(&h, 5, &end));
	assert_int_equal(end, UINT64_MAX);
	assert_false(history_end(&h, 3, &end));
	assert_false(history_end(&h, 6, &end));
	assert_false(history_end(&h, 0, &end));
	assert_int_equal(history_begin(&h, 1), 0);
	assert_int_equal(history_begin(&h, 2), 0x3000148);
	assert_int_equal(history_begin(&h, 5), UINT64_C(0x1000000A0));
	assert_int_equal(history_next(&h, 1), 2);
	assert_int_equal(history_next(&h, 2), 4);
	assert_int_equal(history_next(&h, 4), 5);
	assert_int_equal(history_at(&h, 0), 1);
	assert_int_equal(history_at(&h, 0x3000147), 1);
	assert_int_equal(history_at(&h, 0x3000148), 2);
	assert_int_equal(history_at(&h, 0x5000000), 4);
	assert_int_equal(history_at(&h, UINT64_MAX), 5);
}

static void
first_timeline_has_no_ancestors(void **state)
{
	static History h;
	ErrInfo err;
	Lsn end;

	(void) state;
	assert_true(history_parse(&h, 1, "", 0, &err));
	assert_true(history_end(&h, 1, &end));
	assert_int_equal(end, UINT64_MAX);
	assert_int_equal(history_at(&h, 42), 1);
}

static void
damaged_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"x\t0/3000148\treason\n",
		"1\n",
		"1\t\n",
		"1\t0/\n",
		"1\t0\n",
		"0\t0/3000148\n",
		"5\t0/3000148\n",
		"6\t0/3000148\n",
		"-1\t0/3000148\n",
		"1\t0/3000148\n1\t0/3000149\n",
		"2\t0/3000148\n1\t0/3000149\n",
		"1\t0/3000148\n2\t0/3000147\n",
		"99999999999\t0/3000148\n",
	};
	static History h;
	ErrInfo err;

	(void) state;
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		if (history_parse(&h, 5, bad[i], strlen(bad[i]), &err))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
	}
}

static void
number_of_ancestors_is_bounded(void **state)
{
	static char text[HISTORY_ANCESTORS_MAX * 16 + 32];
	static History h;
	ErrInfo err;
	size_t len = 0;

	(void) state;
	for (int i = 1; i <= HISTORY_ANCESTORS_MAX; i++)
		len += (size_t) snprintf(
			text + len, sizeof(text) - len, "%d\t0/%X\tx\n", i, i);
	assert_true(history_parse(&h, HISTORY_ANCESTORS_MAX + 9, text, len, &err));
	len += (size_t) snprintf(
		text + len, sizeof(text) - len, "%d\t1/0\n", HISTORY_ANCESTORS_MAX + 1);
	assert_false(history_parse(&h, HISTORY_ANCESTORS_MAX + 9, text, len, &err));
}

static void
names_are_those_of_pg_wal(void **state)
{
	char name[HISTORY_FILE_NAME_SIZE];

	(void) state;
	history_file_name(26, name);
	assert_string_equal(name, "0000001A.history");
}

/* Whatever is taken is a line of timelines: each begins where another ended. */
static void
assert_line(const History *h)
{
	Lsn end;

	for (size_t i = 0; i < h->count; i++)
	{
		TimeLineId tli = h->ancestors[i].tli;
		TimeLineId next = history_next(h, tli);

		assert_true(tli > 0 && tli < next && next <= h->tli);
		assert_true(history_end(h, tli, &end));
		assert_int_equal(end, h->ancestors[i].end);
		assert_true(history_begin(h, tli) <= end);
		assert_int_equal(history_begin(h, next), end);
		assert_true(history_at(h, end) > tli);
	}
	assert_true(history_end(h, h->tli, &end));
	assert_true(end == UINT64_MAX);
}

static void
damage_is_survived(void **state)
{
	uint64_t seed = 88;
	static History h;
	int taken = 0;

	(void) state;
	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t len;
		uint8_t *text = mutated_copy(&seed, three, strlen(three), &len);
		/* what is parsed may end with the memory */
		bool is_line;
		ErrInfo err;

		is_line = history_parse(&h, 5, (const char *) text, len, &err);
		if (is_line)
			assert_line(&h);
		else
			assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
		taken += is_line;
		free(text);
	}
	assert_true(taken > 0 && taken < MUTATIONS);
}

static void
garbage_is_survived(void **state)
{
	static const char likely[] = "0123456789ABCDEFabcdef//\t\t \r\n\n#-+xX";
	uint64_t seed = 89;
	static History h;

	(void) state;
	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t len = random_next(&seed) % 120;
		uint8_t *text = malloc(len);
		ErrInfo err;

		for (size_t n = 0; n < len; n++)
			text[n] = (uint8_t)
				likely[random_next(&seed) % (sizeof(likely) - (i % 2 == 0))];
		if (history_parse(&h, 7, (const char *) text, len, &err))
			assert_line(&h);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_of_three),
		cmocka_unit_test(first_timeline_has_no_ancestors),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(number_of_ancestors_is_bounded),
		cmocka_unit_test(names_are_those_of_pg_wal),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(garbage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
