/*
 * test_consolecmd.c
 *		What operators and drivers say to the console, and much that nobody should.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "mutate.h"
#include "pq/consolecmd.h"

static void
commands(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		ConsoleCommand want;
	} rows[] = {
		{"", {.verb = CONSOLE_EMPTY}},
		{" \t\r\n\f\v", {.verb = CONSOLE_EMPTY}},
		{"-- a comment", {.verb = CONSOLE_EMPTY}},
		{"/* a /* nested */ one */", {.verb = CONSOLE_EMPTY}},
		{"/**/", {.verb = CONSOLE_EMPTY}},

		{"SHOW standbys", {.verb = CONSOLE_SHOW, .argument = "standbys"}},
		{"show STANDBYS;", {.verb = CONSOLE_SHOW, .argument = "STANDBYS"}},
		{"ShOw/**/\"Standbys\"--x",
			{.verb = CONSOLE_SHOW, .argument = "Standbys"}},
		{"SHOW upstream.conninfo",
			{.verb = CONSOLE_SHOW, .argument = "upstream.conninfo"}},
		{"SHOW TRANSACTION ISOLATION LEVEL",
			{.verb = CONSOLE_SHOW, .argument = "transaction_isolation"}},

		{"reload", {.verb = CONSOLE_RELOAD}},
		{"KILL 4711", {.verb = CONSOLE_KILL, .number = 4711}},
		{"KILL 2147483647", {.verb = CONSOLE_KILL, .number = INT32_MAX}},
		{"KILL '4711'", {.verb = CONSOLE_KILL, .argument = "4711"}},
		{"KILL berlin-1.eu_2--x",
			{.verb = CONSOLE_KILL, .argument = "berlin-1.eu_2"}},
		{"KILL 4711a", {.verb = CONSOLE_KILL, .argument = "4711a"}},
		{"KILL \xC3\xA4", {.verb = CONSOLE_KILL, .argument = "\xC3\xA4"}},
		{"KILL 'it''s'", {.verb = CONSOLE_KILL, .argument = "it's"}},
		{"KILL \"a\"\"b'\"", {.verb = CONSOLE_KILL, .argument = "a\"b'"}},
		{"KILL 'a;b--c/*'", {.verb = CONSOLE_KILL, .argument = "a;b--c/*"}},
		{"KILL 'a\\'", {.verb = CONSOLE_KILL, .argument = "a\\"}},
		{"KILL E'a\\\\b\\'c''d'",
			{.verb = CONSOLE_KILL, .argument = "a\\b'c'd"}},
		{"KILL e", {.verb = CONSOLE_KILL, .argument = "e"}},
		{"PAUSE", {.verb = CONSOLE_PAUSE}},
		{"PAUSE '*'", {.verb = CONSOLE_PAUSE, .argument = "*"}},
		{"RESUME berlin;", {.verb = CONSOLE_RESUME, .argument = "berlin"}},
		{"RESCOPE 'r'", {.verb = CONSOLE_RESCOPE, .argument = "r"}},
		{"REPOINT 'host=a port=1'",
			{.verb = CONSOLE_REPOINT, .argument = "host=a port=1"}},
		{"REPOINT 'host=a' temporary",
			{.verb = CONSOLE_REPOINT, .argument = "host=a", .temporary = true}},
		{"REPOINT default", {.verb = CONSOLE_REPOINT}},
		{"SHUTDOWN", {.verb = CONSOLE_SHUTDOWN, .stop = CONSOLE_STOP_FAST}},
		{"SHUTDOWN smart",
			{.verb = CONSOLE_SHUTDOWN, .stop = CONSOLE_STOP_SMART}},
		{"SHUTDOWN fast",
			{.verb = CONSOLE_SHUTDOWN, .stop = CONSOLE_STOP_FAST}},
		{"SHUTDOWN immediate",
			{.verb = CONSOLE_SHUTDOWN, .stop = CONSOLE_STOP_IMMEDIATE}},

		{"SET x = 1", {.verb = CONSOLE_SET, .argument = "x", .value = "1"}},
		{"SET SESSION x TO 'a', b",
			{.verb = CONSOLE_SET, .argument = "x", .value = "a"}},
		{"SET LOCAL x TO -1",
			{.verb = CONSOLE_SET, .argument = "x", .value = "-1"}},
		{"SET NAMES 'latin1'", {.verb = CONSOLE_SET,
								   .argument = "client_encoding",
								   .value = "latin1"}},
		{"SET TIME ZONE 'UTC'", {.verb = CONSOLE_SET, .value = "ZONE"}},
		{"RESET ALL", {.verb = CONSOLE_RESET}},
		{"DISCARD ALL", {.verb = CONSOLE_DISCARD, .all = true}},
		{"DISCARD PLANS", {.verb = CONSOLE_DISCARD}},
		{"DEALLOCATE x", {.verb = CONSOLE_DEALLOCATE, .argument = "x"}},
		{"DEALLOCATE PREPARE ALL", {.verb = CONSOLE_DEALLOCATE, .all = true}},
		{"BEGIN", {.verb = CONSOLE_BEGIN}},
		{"BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY",
			{.verb = CONSOLE_BEGIN}},
		{"START TRANSACTION", {.verb = CONSOLE_BEGIN}},
		{"END", {.verb = CONSOLE_COMMIT}},
		{"commit work", {.verb = CONSOLE_COMMIT}},
		{"ABORT", {.verb = CONSOLE_ROLLBACK}},
		{"ROLLBACK", {.verb = CONSOLE_ROLLBACK}},
		{"SELECT 1", {.verb = CONSOLE_SELECT,
						 .select = CONSOLE_SELECT_INT,
						 .argument = "1"}},
		{"SELECT 12345678901", {.verb = CONSOLE_SELECT,
								   .select = CONSOLE_SELECT_TEXT,
								   .argument = "12345678901"}},
		{"SELECT ''", {.verb = CONSOLE_SELECT, .select = CONSOLE_SELECT_TEXT}},
		{"select VERSION()",
			{.verb = CONSOLE_SELECT, .select = CONSOLE_SELECT_VERSION}},
		{"select pg_catalog.version ( )",
			{.verb = CONSOLE_SELECT, .select = CONSOLE_SELECT_VERSION}},
		{"select current_user",
			{.verb = CONSOLE_SELECT, .select = CONSOLE_SELECT_USER}},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const ConsoleCommand *want = &rows[i].want;
		ConsoleCommand got;
		size_t pos = 0;
		ErrInfo err;

		if (!consolecmd_next(rows[i].text, &pos, &got, &err))
			fail_msg("\"%s\": %s", rows[i].text, err.message);
		if (got.verb != want->verb || got.temporary != want->temporary ||
			got.all != want->all || got.stop != want->stop ||
			got.select != want->select || got.number != want->number)
			fail_msg("\"%s\": verb %d", rows[i].text, (int) got.verb);
		if (got.verb != CONSOLE_RESET)
			assert_string_equal(got.argument, want->argument);
		assert_string_equal(got.value, want->value);
		assert_int_equal(pos, strlen(rows[i].text));
	}
}

static void
errors(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *sqlstate;
		int position;
		const char *message;
	} rows[] = {
		{"bogus", "42601", 1, "syntax error at or near \"bogus\""},
		{"  INSERT INTO t", "42601", 3, "syntax error at or near \"INSERT\""},
		{"SHOW", "42601", 5, "syntax error at end of input"},
		{"SHOW ;", "42601", 6, "syntax error at or near \";\""},
		{"SHOW a b", "42601", 8, "syntax error at or near \"b\""},
		{"SHOW \xC3\xA4 b", "42601", 8, "syntax error at or near \"b\""},
		{"SHOW 'a", "42601", 6,
			"unterminated or invalid quoted string at or near \"'a\""},
		{"KILL \"a", "42601", 6,
			"unterminated or invalid quoted string at or near \"\"a\""},
		{"KILL E'\\n'", "42601", 6,
			"unterminated or invalid quoted string at or near \"E'\\n'\""},
		{"KILL E'\\", "42601", 6,
			"unterminated or invalid quoted string at or near \"E'\\\""},
		{"RELOAD /* x", "42601", 8,
			"unterminated /* comment at or near \"/* x\""},
		{"/*/", "42601", 1, "unterminated /* comment at or near \"/*/\""},
		{"KILL 0", "42601", 6, "syntax error at or near \"0\""},
		{"KILL 2147483648", "42601", 6,
			"syntax error at or near \"2147483648\""},
		{"KILL ''", "42602", 6, "a name must not be empty"},
		{"KILL $1", "0A000", 6, "parameters are not supported in the console"},
		{"REPOINT a", "42601", 9, "syntax error at or near \"a\""},
		{"REPOINT 'a' FOREVER", "42601", 13,
			"syntax error at or near \"FOREVER\""},
		{"REPOINT DEFAULT TEMPORARY", "42601", 17,
			"syntax error at or near \"TEMPORARY\""},
		{"SHUTDOWN abort", "42601", 10, "syntax error at or near \"abort\""},
		{"SET", "42601", 4, "syntax error at end of input"},
		{"SET x TO 'y", "42601", 10,
			"unterminated or invalid quoted string at or near \"'y\""},
		{"SHOW TRANSACTION", "42601", 17, "syntax error at end of input"},
		{"DISCARD x", "42601", 9, "syntax error at or near \"x\""},
		{"SELECT version", "42601", 15, "syntax error at end of input"},
		{"SELECT now()", "0A000", 8,
			"cannot execute SQL in walbouncer's console"},
		{"SELECT 1, 2", "0A000", 9,
			"cannot execute SQL in walbouncer's console"},
		{"SELECT * FROM t", "0A000", 8,
			"cannot execute SQL in walbouncer's console"},
		{"RELOAD x12345678901234567890123456789012345678901234567890", "42601",
			8,
			"syntax error at or near "
			"\"x123456789012345678901234567890123456789\""},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		ConsoleCommand got;
		size_t pos = 0;
		ErrInfo err;

		assert_false(consolecmd_next(rows[i].text, &pos, &got, &err));
		assert_string_equal(err.message, rows[i].message);
		assert_string_equal(err.sqlstate, rows[i].sqlstate);
		assert_int_equal(err.position, rows[i].position);
	}
}

/* One after the other; places are counted from the beginning of all. */
static void
statements(void **state UNUSED)
{
	static const char text[] = "RELOAD;; SHOW ';' /*;*/; -- ;\n bogus";
	static const ConsoleVerb want[] = {
		CONSOLE_RELOAD, CONSOLE_EMPTY, CONSOLE_SHOW};
	ConsoleCommand got;
	size_t pos = 0;
	ErrInfo err;

	for (size_t i = 0; i < lengthof(want); i++)
	{
		assert_true(consolecmd_next(text, &pos, &got, &err));
		assert_int_equal(got.verb, want[i]);
	}
	assert_string_equal(got.argument, ";");
	assert_false(consolecmd_next(text, &pos, &got, &err));
	assert_int_equal(err.position, strstr(text, "bogus") - text + 1);
}

static void
arguments_are_bounded(void **state UNUSED)
{
	char text[CONSOLECMD_ARGUMENT_SIZE + 32];
	ConsoleCommand got;

	for (size_t len = CONSOLECMD_ARGUMENT_SIZE - 2;
		 len <= CONSOLECMD_ARGUMENT_SIZE + 1; len++)
	{
		size_t pos = 0;
		bool fits = len < CONSOLECMD_ARGUMENT_SIZE;
		ErrInfo err = {.sqlstate = ""};

		snprintf(text, sizeof(text), "KILL '");
		memset(text + 6, 'x', len);
		strcpy(text + 6 + len, "'");
		assert_int_equal(consolecmd_next(text, &pos, &got, &err), fits);
		if (fits)
			assert_int_equal(strlen(got.argument), len);
		else
			assert_string_equal(err.sqlstate, "54000");
	}
}

static void
names(void **state UNUSED)
{
	assert_string_equal(consolecmd_name(CONSOLE_EMPTY), "");
	assert_string_equal(consolecmd_name(CONSOLE_COMMIT), "COMMIT");
	for (int verb = CONSOLE_EMPTY + 1; verb < CONSOLE_VERB_COUNT; verb++)
		assert_true(consolecmd_name((ConsoleVerb) verb)[0] != '\0');
}

static void
damage_never_reads_past_the_end(void **state UNUSED)
{
	static const char *const texts[] = {"SHOW \"a\"\"b\" ; /* x /* y */ */",
		"KILL 'it''s' -- x", "KILL E'a\\\\\\'b'", "REPOINT 'a=b' TEMPORARY;",
		"SET SESSION a.b TO 'c', d;SELECT version ( );", "SHUTDOWN smart"};
	uint64_t seed = 7;

	for (int i = 0; i < MUTATIONS; i++)
	{
		const char *text = texts[(size_t) i % lengthof(texts)];
		size_t len;
		uint8_t *copy = mutated_copy(&seed, text, strlen(text) + 1, &len);
		size_t pos = 0;

		if (len > 0)
			copy[len - 1] = '\0';
		while (len > 0 && copy[pos] != '\0')
		{
			size_t before = pos;
			ConsoleCommand got;
			ErrInfo err = {.sqlstate = ""};

			if (!consolecmd_next((char *) copy, &pos, &got, &err))
			{
				assert_true(err.sqlstate[0] != '\0' && err.position > 0);
				break;
			}
			assert_true(pos > before && pos < len);
		}
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(errors),
		cmocka_unit_test(statements),
		cmocka_unit_test(arguments_are_bounded),
		cmocka_unit_test(names),
		cmocka_unit_test(damage_never_reads_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
