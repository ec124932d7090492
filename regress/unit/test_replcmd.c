/*
 * test_replcmd.c
 *		Replication commands as clients of majors 13-18 write them (protocol
 *		docs, Streaming Replication Protocol), and much that nobody should.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mutate.h"
#include "pq/replcmd.h"

#define NAME_63                                                                \
	"a23456789012345678901234567890123456789012345678901234567890123"

static void
commands(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		ReplCommand want;
	} rows[] = {
		{"", {.kind = REPLCMD_EMPTY}},
		{" \t\r\n\f\v", {.kind = REPLCMD_EMPTY}},
		{";", {.kind = REPLCMD_EMPTY}},
		{" ; ; ", {.kind = REPLCMD_EMPTY}},

		{"SELECT 1", {.kind = REPLCMD_SQL}},
		{"identify_system", {.kind = REPLCMD_SQL}},
		{"Show x", {.kind = REPLCMD_SQL}},
		{"\"SHOW\" x", {.kind = REPLCMD_SQL}},
		{"SHOWX", {.kind = REPLCMD_SQL}},
		{"SLOT x", {.kind = REPLCMD_SQL}},
		{"PHYSICAL", {.kind = REPLCMD_SQL}},
		{"0/0", {.kind = REPLCMD_SQL}},
		{"\"", {.kind = REPLCMD_SQL}},
		{"/* c */ IDENTIFY_SYSTEM", {.kind = REPLCMD_SQL}},
		{"; IDENTIFY_SYSTEM", {.kind = REPLCMD_SQL}},
		{"\xC3\xA4", {.kind = REPLCMD_SQL}},

		{"IDENTIFY_SYSTEM", {.kind = REPLCMD_IDENTIFY_SYSTEM}},
		{"IDENTIFY_SYSTEM;", {.kind = REPLCMD_IDENTIFY_SYSTEM}},
		{"\n IDENTIFY_SYSTEM \n;\n", {.kind = REPLCMD_IDENTIFY_SYSTEM}},

		{"SHOW data_directory_mode",
			{.kind = REPLCMD_SHOW, .setting = "data_directory_mode"}},
		{"SHOW DateStyle;", {.kind = REPLCMD_SHOW, .setting = "datestyle"}},
		{"SHOW\"DateStyle\"", {.kind = REPLCMD_SHOW, .setting = "DateStyle"}},
		{"SHOW auth_delay . Milliseconds",
			{.kind = REPLCMD_SHOW, .setting = "auth_delay.milliseconds"}},
		{"SHOW " NAME_63 "." NAME_63,
			{.kind = REPLCMD_SHOW, .setting = NAME_63 "." NAME_63}},
		{"SHOW timeline", {.kind = REPLCMD_SHOW, .setting = "timeline"}},

		{"TIMELINE_HISTORY 2", {.kind = REPLCMD_TIMELINE_HISTORY, .tli = 2}},
		{"TIMELINE_HISTORY 4294967295;",
			{.kind = REPLCMD_TIMELINE_HISTORY, .tli = UINT32_MAX}},
		{"TIMELINE_HISTORY 007", {.kind = REPLCMD_TIMELINE_HISTORY, .tli = 7}},

		/* walreceiver */
		{"START_REPLICATION 0/3000000 TIMELINE 1",
			{.kind = REPLCMD_START_PHYSICAL, .start = 0x3000000, .tli = 1}},
		{"START_REPLICATION SLOT \"berlin\" 16/B374D848 TIMELINE 3",
			{.kind = REPLCMD_START_PHYSICAL,
				.slot = "berlin",
				.start = UINT64_C(0x16B374D848),
				.tli = 3}},
		{"START_REPLICATION PHYSICAL ffffffff/FFFFFFFF",
			{.kind = REPLCMD_START_PHYSICAL, .start = UINT64_MAX}},
		{"START_REPLICATION SLOT Berlin PHYSICAL a/b;",
			{.kind = REPLCMD_START_PHYSICAL,
				.slot = "berlin",
				.start = UINT64_C(0xA0000000B)}},
		{"START_REPLICATION SLOT \"a \"\"b\"\"\" 0/0",
			{.kind = REPLCMD_START_PHYSICAL, .slot = "a \"b\""}},
		{"START_REPLICATION SLOT \"SLOT\" 0/0",
			{.kind = REPLCMD_START_PHYSICAL, .slot = "SLOT"}},
		{"START_REPLICATION SLOT physical 0/0",
			{.kind = REPLCMD_START_PHYSICAL, .slot = "physical"}},
		{"START_REPLICATION SLOT " NAME_63 " 0/0",
			{.kind = REPLCMD_START_PHYSICAL, .slot = NAME_63}},
		{"START_REPLICATION SLOT \"" NAME_63 "\" 0/0",
			{.kind = REPLCMD_START_PHYSICAL, .slot = NAME_63}},
		/* letters that could begin an LSN, and do not */
		{"START_REPLICATION SLOT deadbeef 0/0",
			{.kind = REPLCMD_START_PHYSICAL, .slot = "deadbeef"}},

		{"START_REPLICATION SLOT \"s\" LOGICAL 0/0 (proto_version '1')",
			{.kind = REPLCMD_START_LOGICAL, .slot = "s"}},
		{"START_REPLICATION SLOT s LOGICAL 'never closed",
			{.kind = REPLCMD_START_LOGICAL, .slot = "s"}},

		/* walreceiver, pg_receivewal and pg_basebackup of 13 and 14 */
		{"CREATE_REPLICATION_SLOT \"pg_walreceiver_1\" TEMPORARY PHYSICAL "
		 "RESERVE_WAL",
			{.kind = REPLCMD_CREATE_SLOT,
				.slot = "pg_walreceiver_1",
				.temporary = true,
				.reserve_wal = true}},
		{"CREATE_REPLICATION_SLOT \"s\" PHYSICAL",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s"}},
		{"CREATE_REPLICATION_SLOT \"s\" PHYSICAL RESERVE_WAL;",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s", .reserve_wal = true}},
		/* and of 15 and later */
		{"CREATE_REPLICATION_SLOT \"pg_walreceiver_1\" TEMPORARY PHYSICAL "
		 "(RESERVE_WAL)",
			{.kind = REPLCMD_CREATE_SLOT,
				.slot = "pg_walreceiver_1",
				.temporary = true,
				.reserve_wal = true}},
		{"CREATE_REPLICATION_SLOT \"s\" PHYSICAL (RESERVE_WAL)",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s", .reserve_wal = true}},
		/* words of a list are names: in any case, and with a value */
		{"CREATE_REPLICATION_SLOT s PHYSICAL(reserve_wal)",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s", .reserve_wal = true}},
		{"CREATE_REPLICATION_SLOT s PHYSICAL ( Reserve_Wal TRUE );",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s", .reserve_wal = true}},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (\"reserve_wal\" 'On')",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s", .reserve_wal = true}},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 1)",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s", .reserve_wal = true}},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 0)",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s"}},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 'off')",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s"}},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL false)",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "s"}},
		{"CREATE_REPLICATION_SLOT \"\" PHYSICAL",
			{.kind = REPLCMD_CREATE_SLOT}},
		{"CREATE_REPLICATION_SLOT \"WAIT\" TEMPORARY PHYSICAL",
			{.kind = REPLCMD_CREATE_SLOT, .slot = "WAIT", .temporary = true}},
		{"CREATE_REPLICATION_SLOT s LOGICAL pgoutput (SNAPSHOT 'nothing')",
			{.kind = REPLCMD_CREATE_LOGICAL, .slot = "s"}},
		{"CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL 'never closed",
			{.kind = REPLCMD_CREATE_LOGICAL, .slot = "s", .temporary = true}},
		{"DROP_REPLICATION_SLOT \"s\"",
			{.kind = REPLCMD_DROP_SLOT, .slot = "s"}},
		{"DROP_REPLICATION_SLOT s WAIT",
			{.kind = REPLCMD_DROP_SLOT, .slot = "s", .wait = true}},
		{"READ_REPLICATION_SLOT s", {.kind = REPLCMD_READ_SLOT, .slot = "s"}},
		{"READ_REPLICATION_SLOT \"\";", {.kind = REPLCMD_READ_SLOT}},
		{"ALTER_REPLICATION_SLOT s (FAILOVER true)",
			{.kind = REPLCMD_ALTER_SLOT, .slot = "s"}},
		{"BASE_BACKUP ( LABEL 'pg_basebackup base backup',  PROGRESS,  "
		 "CHECKPOINT 'fast',  WAIT 0,  MANIFEST 'yes',  TARGET 'client')",
			{.kind = REPLCMD_BASE_BACKUP}},
		{"BASE_BACKUP", {.kind = REPLCMD_BASE_BACKUP}},
		{"BASE_BACKUP LABEL 'x' PROGRESS FAST NOWAIT",
			{.kind = REPLCMD_BASE_BACKUP}},
		{"UPLOAD_MANIFEST", {.kind = REPLCMD_UPLOAD_MANIFEST}},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const ReplCommand *want = &rows[i].want;
		char *text =
			(char *) exact_copy(rows[i].text, strlen(rows[i].text) + 1);
		ReplCommand got;
		ErrInfo err = {.sqlstate = ""};

		if (!replcmd_parse(text, &got, &err))
			fail_msg("%s: %s", text, err.message);
		if (got.kind != want->kind)
			fail_msg("%s: kind %d", text, (int) got.kind);
		assert_string_equal(got.slot, want->slot);
		assert_string_equal(got.setting, want->setting);
		assert_true(got.start == want->start);
		assert_int_equal(got.tli, want->tli);
		if (got.temporary != want->temporary ||
			got.reserve_wal != want->reserve_wal || got.wait != want->wait)
			fail_msg("%s: options", text);
		free(text);
	}
}

static void
errors(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *want; /* part of the message */
	} rows[] = {
		{"IDENTIFY_SYSTEM x", "\"x\""},
		{"IDENTIFY_SYSTEM;;", "\";\""},
		{"IDENTIFY_SYSTEM; IDENTIFY_SYSTEM", "\"IDENTIFY_SYSTEM\""},
		{"IDENTIFY_SYSTEM 'x'", "\"'x'\""},
		{"IDENTIFY_SYSTEM 'x", "\"'x\""},
		{"IDENTIFY_SYSTEM \"x", "\"\"x\""},
		{"IDENTIFY_SYSTEM \x01", "\"\x01\""},

		{"SHOW", "the end"},
		{"SHOW;", "\";\""},
		{"SHOW 1", "\"1\""},
		{"SHOW a.", "the end"},
		{"SHOW a.b.c", "\".\""},
		{"SHOW TIMELINE", "\"TIMELINE\""},
		{"SHOW " NAME_63 "4", "too long"},
		{"SHOW a." NAME_63 "4", "too long"},
		{"SHOW \"" NAME_63 "4\"", "too long"},

		{"TIMELINE_HISTORY", "the end"},
		{"TIMELINE_HISTORY 0", "invalid timeline 0"},
		{"TIMELINE_HISTORY 00", "invalid timeline 00"},
		{"TIMELINE_HISTORY 4294967296", "invalid timeline 4294967296"},
		{"TIMELINE_HISTORY 18446744073709551617", "invalid timeline 18446744"},
		{"TIMELINE_HISTORY -1", "\"-\""},
		{"TIMELINE_HISTORY 1x", "\"x\""},
		{"TIMELINE_HISTORY x", "\"x\""},
		{"TIMELINE_HISTORY 1/1", "\"1/1\""},

		{"START_REPLICATION", "the end"},
		{"START_REPLICATION TIMELINE 1", "\"TIMELINE\""},
		{"START_REPLICATION 0", "\"0\""},
		{"START_REPLICATION 0/", "\"0\""},
		{"START_REPLICATION /0", "\"/\""},
		{"START_REPLICATION 0/G", "\"0\""},
		{"START_REPLICATION 123456789/0", "\"123456789/0\""},
		{"START_REPLICATION 0/123456789", "\"0/123456789\""},
		{"START_REPLICATION 0/0 TIMELINE", "the end"},
		{"START_REPLICATION 0/0 TIMELINE 0", "invalid timeline 0"},
		{"START_REPLICATION 0/0 timeline 1", "\"timeline\""},
		{"START_REPLICATION 0/0 TIMELINE 1 2", "\"2\""},
		{"START_REPLICATION 0/0 PHYSICAL", "\"PHYSICAL\""},
		{"START_REPLICATION SLOT", "the end"},
		{"START_REPLICATION SLOT 0/0", "\"0/0\""},
		{"START_REPLICATION SLOT PHYSICAL 0/0", "\"PHYSICAL\""},
		{"START_REPLICATION SLOT \"\" 0/0", "\"\"\"\""},
		{"START_REPLICATION SLOT a b 0/0", "\"b\""},
		{"START_REPLICATION SLOT \"a 0/0", "\"\"a 0/0\""},
		{"START_REPLICATION LOGICAL 0/0", "\"LOGICAL\""},
		{"START_REPLICATION PHYSICAL LOGICAL 0/0", "\"LOGICAL\""},

		{"CREATE_REPLICATION_SLOT", "the end"},
		{"CREATE_REPLICATION_SLOT;", "\";\""},
		{"CREATE_REPLICATION_SLOT s", "the end"},
		{"CREATE_REPLICATION_SLOT 's' PHYSICAL", "\"'s'\""},
		{"CREATE_REPLICATION_SLOT SLOT PHYSICAL", "\"SLOT\""},
		{"CREATE_REPLICATION_SLOT s physical", "\"physical\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL TEMPORARY", "\"TEMPORARY\""},
		{"CREATE_REPLICATION_SLOT s TEMPORARY TEMPORARY PHYSICAL",
			"\"TEMPORARY\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL pgoutput", "\"pgoutput\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL reserve_wal", "\"reserve_wal\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL RESERVE_WAL",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL EXPORT_SNAPSHOT",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL TWO_PHASE",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (", "the end"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL ()", "\")\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL", "the end"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL,)", "\")\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL) x", "\"x\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 1 1)", "\"1\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL, RESERVE_WAL)",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (SNAPSHOT 'export')",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (TWO_PHASE)",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (FAILOVER false)",
			"conflicting or redundant options"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (fancy)",
			"unrecognized option: fancy"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (\"RESERVE_WAL\")",
			"unrecognized option: RESERVE_WAL"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (WAIT)",
			"unrecognized option: WAIT"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 2)",
			"reserve_wal requires a Boolean value"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 'yes')",
			"reserve_wal requires a Boolean value"},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL 'x)", "\"'x)\""},
		{"CREATE_REPLICATION_SLOT s PHYSICAL (RESERVE_WAL WAIT)", "\"WAIT\""},
		{"DROP_REPLICATION_SLOT", "the end"},
		{"DROP_REPLICATION_SLOT s wait", "\"wait\""},
		{"DROP_REPLICATION_SLOT s WAIT WAIT", "\"WAIT\""},
		{"READ_REPLICATION_SLOT", "the end"},
		{"READ_REPLICATION_SLOT s t", "\"t\""},
		{"ALTER_REPLICATION_SLOT (FAILOVER true)", "\"(\""},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char *text =
			(char *) exact_copy(rows[i].text, strlen(rows[i].text) + 1);
		ReplCommand got = {.tli = 77};
		ErrInfo err;

		if (replcmd_parse(text, &got, &err))
			fail_msg("%s: no error", text);
		assert_string_equal(err.sqlstate, "42601");
		if (strstr(err.message, rows[i].want) == NULL)
			fail_msg("%s: %s", text, err.message);
		assert_int_equal(got.tli, 77);
		free(text);
	}
}

/* An error of its own, as the name of a slot is no matter of the grammar. */
static void
long_names_of_slots(void **state UNUSED)
{
	static const char *const texts[] = {
		"START_REPLICATION SLOT " NAME_63 "4 0/0",
		"CREATE_REPLICATION_SLOT \"" NAME_63 "4\" PHYSICAL",
		"DROP_REPLICATION_SLOT " NAME_63 "4",
		"READ_REPLICATION_SLOT " NAME_63 "4",
	};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		ReplCommand got;
		ErrInfo err;

		assert_false(replcmd_parse(texts[i], &got, &err));
		assert_string_equal(err.sqlstate, "42622");
		assert_non_null(strstr(err.message, "is too long"));
	}
}

/* What is quoted from a long text is short, and no character is cut. */
static void
messages_are_bounded(void **state UNUSED)
{
	char text[5000] = "IDENTIFY_SYSTEM \"";
	size_t len = strlen(text);
	ReplCommand got;
	ErrInfo err;

	while (len < sizeof(text) - 3)
	{
		memcpy(text + len, "\xC3\xA4", 2);
		len += 2;
	}
	text[len] = '\0';
	assert_false(replcmd_parse(text, &got, &err));
	assert_true(strlen(err.message) < 100);
	/* 40 bytes would end in the middle: one quote and 19 characters do not. */
	assert_non_null(strstr(err.message, "\xC3\xA4\""));
	assert_null(strstr(err.message, "\xC3\""));
}

/* Each beginning of a command is a command, SQL or an error; never a crash. */
static void
truncated_commands(void **state UNUSED)
{
	static const char text[] =
		"START_REPLICATION SLOT \"a\"\"b\" PHYSICAL 16/B374D848 TIMELINE 3;";

	for (size_t len = 0; len < sizeof(text); len++)
	{
		char *copy = (char *) exact_copy(text, len + 1);
		ReplCommand got;
		ErrInfo err = {.sqlstate = ""};

		copy[len] = '\0';
		if (!replcmd_parse(copy, &got, &err))
			assert_string_equal(err.sqlstate, "42601");
		else if (len < strlen("START_REPLICATION"))
			assert_true(got.kind == REPLCMD_SQL || got.kind == REPLCMD_EMPTY);
		else
			assert_int_equal(got.kind, REPLCMD_START_PHYSICAL);
		free(copy);
	}
}

static void
names_of_commands(void **state UNUSED)
{
	static const struct
	{
		ReplCommandKind kind;
		const char *want;
	} rows[] = {
		{REPLCMD_EMPTY, ""},
		{REPLCMD_SQL, "SQL"},
		{REPLCMD_IDENTIFY_SYSTEM, "IDENTIFY_SYSTEM"},
		{REPLCMD_SHOW, "SHOW"},
		{REPLCMD_TIMELINE_HISTORY, "TIMELINE_HISTORY"},
		{REPLCMD_START_PHYSICAL, "START_REPLICATION"},
		{REPLCMD_START_LOGICAL, "START_REPLICATION"},
		{REPLCMD_CREATE_SLOT, "CREATE_REPLICATION_SLOT"},
		{REPLCMD_CREATE_LOGICAL, "CREATE_REPLICATION_SLOT"},
		{REPLCMD_DROP_SLOT, "DROP_REPLICATION_SLOT"},
		{REPLCMD_READ_SLOT, "READ_REPLICATION_SLOT"},
		{REPLCMD_ALTER_SLOT, "ALTER_REPLICATION_SLOT"},
		{REPLCMD_BASE_BACKUP, "BASE_BACKUP"},
		{REPLCMD_UPLOAD_MANIFEST, "UPLOAD_MANIFEST"},
	};

	assert_int_equal(lengthof(rows), REPLCMD_KIND_COUNT);
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_string_equal(replcmd_name(rows[i].kind), rows[i].want);
}

static void
damage_never_reads_past_the_end(void **state UNUSED)
{
	static const char *const texts[] = {
		"START_REPLICATION SLOT \"a\"\"b\" PHYSICAL 16/B374D848 TIMELINE 3;",
		"START_REPLICATION SLOT s LOGICAL 0/0",
		"CREATE_REPLICATION_SLOT \"s\" TEMPORARY PHYSICAL (RESERVE_WAL 'on')",
		"CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL",
		"DROP_REPLICATION_SLOT \"s\" WAIT",
		"TIMELINE_HISTORY 12",
		"SHOW \"auth_delay\".milliseconds;",
		"IDENTIFY_SYSTEM",
	};
	uint64_t seed = 4;

	for (int i = 0; i < MUTATIONS; i++)
	{
		const char *text = texts[(size_t) i % lengthof(texts)];
		size_t len;
		uint8_t *copy = mutated_copy(&seed, text, strlen(text) + 1, &len);
		ReplCommand got;
		ErrInfo err = {.sqlstate = ""};

		if (len > 0)
		{
			copy[len - 1] = '\0';
			if (!replcmd_parse((char *) copy, &got, &err))
				assert_string_equal(err.sqlstate, "42601");
			else
			{
				assert_true(strlen(got.slot) < sizeof(got.slot));
				assert_true(strlen(got.setting) < sizeof(got.setting));
			}
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
		cmocka_unit_test(long_names_of_slots),
		cmocka_unit_test(messages_are_bounded),
		cmocka_unit_test(truncated_commands),
		cmocka_unit_test(names_of_commands),
		cmocka_unit_test(damage_never_reads_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
