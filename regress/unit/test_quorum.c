/*
 * test_quorum.c
 *		What the standbys cover together, against a model that only counts.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/quorum.h"

#define STANDBYS_MAX 5

static const char *const names[STANDBYS_MAX] = {"a", "b", "c", "d", "e"};

static AckPolicy
policy_of(const char *text)
{
	AckPolicy policy;
	ErrInfo err;

	assert_true(ackpolicy_parse(text, &policy, &err));
	return policy;
}

static QuorumSession
session(const char *name, int64_t began_ms, Lsn write, Lsn flush, Lsn apply)
{
	return (QuorumSession){
		.rule = "r",
		.user = "u",
		.application_name = name,
		.began_ms = began_ms,
		.counts = true,
		.at = {write, flush, apply},
	};
}

static void
expect(const AckPolicy *policy, const QuorumSession *given, int count,
	int standbys, Lsn write, Lsn flush, Lsn apply)
{
	QuorumSession sessions[16];
	AckPositions covered = {99, 99, 99};

	if (count > 0)
		memcpy(sessions, given, (size_t) count * sizeof(*given));
	assert_int_equal(
		quorum_compute(policy, sessions, count, &covered), standbys);
	assert_int_equal(covered.write, write);
	assert_int_equal(covered.flush, flush);
	assert_int_equal(covered.apply, apply);
}

/* ---- the model ---- */

/*
 * Of ANY k: the latest of the positions that k standbys have reached.  0 is never
 * said, so it is "nothing".
 */
static Lsn
model_any(const Lsn *at, int count, int k)
{
	Lsn best = 0;

	for (int i = 0; i < count; i++)
	{
		int reached = 0;

		for (int j = 0; j < count; j++)
			reached += at[j] >= at[i];
		if (reached >= k && at[i] > best)
			best = at[i];
	}
	return best;
}

/*
 * Of FIRST k: the first position that one of the chosen has not got beyond.  A
 * standby is chosen unless k others go before it, by priority and then by name.
 */
static Lsn
model_first(const Lsn *at, const int *priority, int count, int k)
{
	Lsn oldest = 0;

	if (count < k)
		return 0;
	for (int i = 0; i < count; i++)
	{
		int before = 0;

		for (int j = 0; j < count; j++)
			before += priority[j] < priority[i] ||
					  (priority[j] == priority[i] && j < i);
		if (before < k && (oldest == 0 || at[i] < oldest))
			oldest = at[i];
	}
	return oldest;
}

/* ---- exhaustive ---- */

/* Every number of standbys, k, and combination of positions 1 to 4. */
static void
any_is_what_k_have_reached(void **state UNUSED)
{
	for (int count = 0; count <= STANDBYS_MAX; count++)
	{
		int combinations = 1 << 2 * count;

		for (int c = 0; c < combinations; c++)
		{
			QuorumSession given[STANDBYS_MAX];
			Lsn write[STANDBYS_MAX];
			Lsn flush[STANDBYS_MAX];
			Lsn apply[STANDBYS_MAX];

			for (int i = 0; i < count; i++)
			{
				/* three different ones of each combination */
				write[i] = (Lsn) (c >> 2 * i & 3) + 1;
				flush[i] = (Lsn) (c >> 2 * (count - 1 - i) & 3) + 1;
				apply[i] = (Lsn) ((c >> 2 * i ^ i) & 3) + 1;
				given[i] = session(names[i], i, write[i], flush[i], apply[i]);
			}
			for (int k = 1; k <= count + 1; k++)
			{
				AckPolicy policy = policy_of("ANY 1 (*)");

				policy.count = k;
				expect(&policy, given, count, count, model_any(write, count, k),
					model_any(flush, count, k), model_any(apply, count, k));
			}
		}
	}
}

/* The same, with every assignment of three names to four standbys. */
static void
first_is_what_the_chosen_have_reached(void **state UNUSED)
{
	static const char *const rules[] = {"one", "two", "three"};
	int count = 4;

	for (int c = 0; c < 1 << 2 * count; c++)
	{
		for (int p = 0; p < 81; p++)
		{
			QuorumSession given[STANDBYS_MAX];
			Lsn at[STANDBYS_MAX];
			Lsn apply[STANDBYS_MAX];
			int priority[STANDBYS_MAX];
			int rest = p;

			for (int i = 0; i < count; i++)
			{
				at[i] = (Lsn) (c >> 2 * i & 3) + 1;
				apply[i] = 5 - at[i];
				priority[i] = rest % 3;
				rest /= 3;
				given[i] = session(names[i], -i, at[i], at[i], apply[i]);
				given[i].rule = rules[priority[i]];
			}
			for (int k = 1; k <= count + 1; k++)
			{
				AckPolicy policy = policy_of("FIRST 1 (one, two, three)");
				QuorumSession turned[STANDBYS_MAX];

				policy.count = k;
				expect(&policy, given, count, count,
					model_first(at, priority, count, k),
					model_first(at, priority, count, k),
					model_first(apply, priority, count, k));
				/* wherever their cells are */
				for (int i = 0; i < count; i++)
					turned[i] = given[count - 1 - i];
				expect(&policy, turned, count, count,
					model_first(at, priority, count, k),
					model_first(at, priority, count, k),
					model_first(apply, priority, count, k));
			}
		}
	}
}

/* ---- which sessions count ---- */

static void
nobody_covers_nothing(void **state UNUSED)
{
	AckPolicy any = policy_of("ANY 1 (*)");
	AckPolicy first = policy_of("FIRST 1 (*)");

	expect(&any, NULL, 0, 0, 0, 0, 0);
	expect(&first, NULL, 0, 0, 0, 0, 0);
}

static void
others_do_not_count(void **state UNUSED)
{
	AckPolicy any = policy_of("ANY 2 (a, b, c)");
	AckPolicy first = policy_of("FIRST 2 (a, b, c)");
	QuorumSession given[] = {
		session("a", 1, 10, 10, 10),
		session("x", 1, 20, 20, 20),
		session("y", 1, 30, 30, 30),
		session("B", 1, 9, 8, 7),
	};

	expect(&any, given, 3, 1, 0, 0, 0);
	expect(&first, given, 3, 1, 0, 0, 0);
	expect(&any, given, 4, 2, 9, 8, 7);
	expect(&first, given, 4, 2, 9, 8, 7);
}

/* The one that began last speaks for the standby, in any order of cells. */
static void
standby_counts_once(void **state UNUSED)
{
	AckPolicy one = policy_of("ANY 1 (*)");
	AckPolicy two = policy_of("ANY 2 (*)");
	AckPolicy first = policy_of("FIRST 2 (*)");
	QuorumSession given[] = {
		session("a", 100, 30, 30, 30), /* dead, not found out yet */
		session("a", 200, 20, 20, 20),
		session("b", 50, 10, 10, 10),
	};
	QuorumSession turned[] = {given[2], given[1], given[0]};

	expect(&one, given, 2, 1, 20, 20, 20);
	expect(&two, given, 2, 1, 0, 0, 0);
	expect(&two, given, 3, 2, 10, 10, 10);
	expect(&one, turned, 3, 2, 20, 20, 20);
	expect(&two, turned, 3, 2, 10, 10, 10);
	expect(&first, given, 2, 1, 0, 0, 0);
	/* began at once: what both have */
	given[0].began_ms = 200;
	expect(&one, given, 2, 1, 20, 20, 20);
	/* another rule or user is another standby */
	given[0].user = "v";
	expect(&two, given, 2, 2, 20, 20, 20);
	given[0].user = "u";
	given[0].rule = "s";
	expect(&two, given, 2, 2, 20, 20, 20);
	/* the last one does not count: it is behind, or has said nothing yet */
	given[0].rule = "r";
	given[0].began_ms = 100;
	given[1].counts = turned[1].counts = false;
	expect(&one, given, 2, 0, 0, 0, 0);
	expect(&one, given, 3, 1, 10, 10, 10);
	expect(&one, turned, 3, 1, 10, 10, 10);
	expect(&two, given, 3, 1, 0, 0, 0);
	/* one before it that does not is nobody's business */
	given[0].counts = false;
	given[1].counts = true;
	expect(&two, given, 3, 2, 10, 10, 10);
}

/* A standby may have replayed from an archive what it has not flushed. */
static void
positions_are_apart(void **state UNUSED)
{
	AckPolicy policy = policy_of("ANY 2 (*)");
	QuorumSession given[] = {
		session("a", 1, 40, 10, 0),
		session("b", 1, 30, 20, 50),
		session("c", 1, 20, 30, 0),
	};

	expect(&policy, given, 3, 3, 30, 20, 0);
}

static void
many_standbys(void **state UNUSED)
{
	enum
	{
		COUNT = 2000
	};
	QuorumSession *sessions = calloc(COUNT, sizeof(*sessions));
	char(*name)[16] = calloc(COUNT, sizeof(*name));
	AckPolicy policy = policy_of("ANY 700 (*)");
	AckPositions covered;

	for (int i = 0; i < COUNT; i++)
	{
		Lsn at = (Lsn) (i * 7919 % COUNT) + 1; /* each once */

		snprintf(name[i], sizeof(name[i]), "n%d", i);
		sessions[i] = session(name[i], i, at, at, at);
	}
	assert_int_equal(quorum_compute(&policy, sessions, COUNT, &covered), COUNT);
	assert_int_equal(covered.write, COUNT - 700 + 1);
	assert_int_equal(covered.flush, COUNT - 700 + 1);
	assert_int_equal(covered.apply, COUNT - 700 + 1);
	free(sessions);
	free(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_is_what_k_have_reached),
		cmocka_unit_test(first_is_what_the_chosen_have_reached),
		cmocka_unit_test(nobody_covers_nothing),
		cmocka_unit_test(others_do_not_count),
		cmocka_unit_test(standby_counts_once),
		cmocka_unit_test(positions_are_apart),
		cmocka_unit_test(many_standbys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
