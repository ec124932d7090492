/*
 * test_ackpolicy.c
 *		upstream.acknowledge: what it accepts, and what that means.  PostgreSQL 15
 *		takes and refuses the same for synchronous_standby_names, but for the key
 *		words received and spooled, the empty name, and the limits.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "conf/ackpolicy.h"

/* A policy as text in one form: [spooled+]ANY 2[a|b]. */
static void
format(const AckPolicy *policy, char *out, size_t size)
{
	static const char *const kinds[] = {
		[ACK_RECEIVED] = "-", [ACK_ANY] = "ANY", [ACK_FIRST] = "FIRST"};
	size_t len = (size_t) snprintf(out, size, "%s%s",
		policy->spooled ? "spooled+" : "", kinds[policy->kind]);

	if (policy->kind == ACK_RECEIVED)
	{
		assert_int_equal(policy->count, 0);
		assert_int_equal(policy->name_count, 0);
		return;
	}
	len += (size_t) snprintf(out + len, size - len, " %d[", policy->count);
	for (int i = 0; i < policy->name_count; i++)
		len += (size_t) snprintf(
			out + len, size - len, "%s%s", i > 0 ? "|" : "", policy->names[i]);
	snprintf(out + len, size - len, "]");
}

static void
policies_are_read(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *want;
	} cases[] = {
		{"received", "-"},
		{" Received\t", "-"},
		{"spooled", "spooled+-"},
		{"SPOOLED", "spooled+-"},
		{"ANY 2 (berlin, paris, rome)", "ANY 2[berlin|paris|rome]"},
		{"any 1(berlin)", "ANY 1[berlin]"},
		{"aNy\n2\t(\rberlin\f,paris\v)", "ANY 2[berlin|paris]"},
		{"FIRST 2 (berlin, paris)", "FIRST 2[berlin|paris]"},
		{"first 1 (*)", "FIRST 1[*]"},
		{"2 (berlin, paris)", "FIRST 2[berlin|paris]"},
		{"2(berlin,paris)", "FIRST 2[berlin|paris]"},
		{"berlin", "FIRST 1[berlin]"},
		{"berlin, paris", "FIRST 1[berlin|paris]"},
		{"*", "FIRST 1[*]"},
		{"*, berlin", "FIRST 1[*|berlin]"},
		{"ANY 3 (*)", "ANY 3[*]"},
		{"ANY 3 (\"*\")", "ANY 3[*]"},
		{"spooled, ANY 2 (berlin, paris)", "spooled+ANY 2[berlin|paris]"},
		{"spooled,2(berlin,paris)", "spooled+FIRST 2[berlin|paris]"},
		{"spooled , berlin", "spooled+FIRST 1[berlin]"},
		/* key words in quotes are names */
		{"\"any\"", "FIRST 1[any]"},
		{"\"FIRST\", \"received\"", "FIRST 1[FIRST|received]"},
		{"\"spooled\", \"any\"", "FIRST 1[spooled|any]"},
		{"ANY 1 (\"spooled\")", "ANY 1[spooled]"},
		{"anyone, firsthand", "FIRST 1[anyone|firsthand]"},
		/* names */
		{"\"a \"\"b\"\", (c)\"", "FIRST 1[a \"b\", (c)]"},
		{"\"\"\"\"", "FIRST 1[\"]"},
		{"_a$1, B2", "FIRST 1[_a$1|B2]"},
		{"\xc3\xa4rger", "FIRST 1[\xc3\xa4rger]"},
		/* numbers are names, too, where no list follows */
		{"2", "FIRST 1[2]"},
		{"2, 3", "FIRST 1[2|3]"},
		{"ANY 1 (2, 03)", "ANY 1[2|03]"},
		{"ANY 0010000 (*)", "ANY 10000[*]"},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		AckPolicy policy;
		ErrInfo err;
		char got[1024];

		if (!ackpolicy_parse(cases[i].text, &policy, &err))
			fail_msg("%s: %s", cases[i].text, err.message);
		format(&policy, got, sizeof(got));
		assert_string_equal(got, cases[i].want);
		assert_true(ackpolicy_check(cases[i].text, &err));
	}
}

static void
others_are_refused(void **state UNUSED)
{
	static const char *const cases[] = {"", " ", ",", "()", "(a)", "received,",
		"received, berlin", "received spooled", "spooled,", "spooled berlin",
		"spooled, received", "spooled, spooled", "spooled ANY 1 (a)",
		"berlin, received", "ANY", "ANY 2", "ANY 2 ()", "ANY 2 (a", "ANY 2 (a,",
		"ANY 2 (a,)", "ANY 2 (a b)", "ANY 2 (a))", "ANY 2 (a), b", "ANY (a)",
		"ANY two (a)", "ANY 2 a", "ANY 2 (any)", "ANY 2 (a, first)",
		"ANY 1 (received)", "ANY 0 (a)", "ANY -1 (a)", "ANY 1.5 (a)",
		"ANY 10001 (*)", "ANY 99999999999999999999 (*)", "0 (a)", "2x (a)",
		"a b", "a,", ",a", "a,,b", "a;b", "\"a", "\"a\"\"", "\"\"", "a-b",
		"any", "first", "first, a", "'a'", "a\\"};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		AckPolicy policy;
		ErrInfo err = {0};

		if (ackpolicy_parse(cases[i], &policy, &err))
			fail_msg("accepted: %s", cases[i]);
		assert_string_equal(err.sqlstate, SQLSTATE_CONFIG_FILE_ERROR);
		assert_non_null(strstr(err.message, "upstream.acknowledge"));
		assert_false(ackpolicy_check(cases[i], &err));
	}
}

/* Whatever it is cut to, it is read or refused, and nothing else happens. */
static void
cut_texts_are_safe(void **state UNUSED)
{
	const char *text = "spooled, ANY 12 (\"a\"\"b\", *, c_1$, \xc3\xa4)";
	char part[64];

	for (size_t from = 0; from <= strlen(text); from++)
	{
		for (size_t to = from; to <= strlen(text); to++)
		{
			AckPolicy policy;
			ErrInfo err = {0};

			snprintf(
				part, sizeof(part), "%.*s", (int) (to - from), text + from);
			if (ackpolicy_parse(part, &policy, &err))
				assert_true(
					(policy.kind == ACK_RECEIVED) == (policy.name_count == 0));
			else
				assert_string_not_equal(err.message, "");
		}
	}
}

static void
lengths_are_limited(void **state UNUSED)
{
	char name[ACKPOLICY_NAME_SIZE + 1];
	char text[4 * ACKPOLICY_NAMES_MAX + 100];
	char longer[2000];
	AckPolicy policy;
	ErrInfo err;
	size_t len = 0;

	memset(name, 'a', sizeof(name));
	name[ACKPOLICY_NAME_SIZE - 1] = '\0';
	assert_true(ackpolicy_parse(name, &policy, &err));
	assert_string_equal(policy.names[0], name);
	name[ACKPOLICY_NAME_SIZE - 1] = 'a';
	name[ACKPOLICY_NAME_SIZE] = '\0';
	assert_false(ackpolicy_parse(name, &policy, &err));
	assert_non_null(strstr(err.message, "longer than 63 bytes"));

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_false(ackpolicy_parse(longer, &policy, &err));
	longer[0] = longer[sizeof(longer) - 2] = '"';
	assert_false(ackpolicy_parse(longer, &policy, &err));
	memset(longer, '1', sizeof(longer) - 1);
	assert_false(ackpolicy_parse(longer, &policy, &err));

	for (int i = 0; i < ACKPOLICY_NAMES_MAX; i++)
		len += (size_t) snprintf(
			text + len, sizeof(text) - len, "%sn%d", i > 0 ? "," : "", i);
	assert_true(ackpolicy_parse(text, &policy, &err));
	assert_int_equal(policy.name_count, ACKPOLICY_NAMES_MAX);
	assert_string_equal(policy.names[ACKPOLICY_NAMES_MAX - 1], "n63");
	snprintf(text + len, sizeof(text) - len, ",z");
	assert_false(ackpolicy_parse(text, &policy, &err));
	assert_non_null(strstr(err.message, "more than 64 names"));
}

static void
name_is_that_of_rule_or_application(void **state UNUSED)
{
	AckPolicy policy;
	ErrInfo err;

	assert_true(
		ackpolicy_parse("ANY 2 (berlin, \"Pa ris\", rome)", &policy, &err));
	assert_int_equal(ackpolicy_priority(&policy, "berlin", "x"), 1);
	assert_int_equal(ackpolicy_priority(&policy, "x", "BERLIN"), 1);
	assert_int_equal(ackpolicy_priority(&policy, "PA RIS", ""), 2);
	assert_int_equal(ackpolicy_priority(&policy, "rome", "pa ris"), 2);
	assert_int_equal(ackpolicy_priority(&policy, "rome", "rome"), 3);
	assert_int_equal(ackpolicy_priority(&policy, "rom", "berlin2"), 0);
	assert_int_equal(ackpolicy_priority(&policy, "", ""), 0);
	assert_true(ackpolicy_parse("berlin, *, rome", &policy, &err));
	assert_int_equal(ackpolicy_priority(&policy, "rome", "berlin"), 1);
	assert_int_equal(ackpolicy_priority(&policy, "rome", ""), 2);
	assert_true(ackpolicy_parse("received", &policy, &err));
	assert_int_equal(ackpolicy_priority(&policy, "received", ""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(cut_texts_are_safe),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(name_is_that_of_rule_or_application),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
