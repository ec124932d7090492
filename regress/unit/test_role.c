/*
 * test_role.c
 *		Who may do what in the console: each kind of peer, each name that it asks
 *		for, each list.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "console/role.h"

#define ADMIN CONSOLE_ROLE_ADMIN
#define STATS CONSOLE_ROLE_STATS
#define NONE CONSOLE_ROLE_NONE

static const ConsolePeer root = {0, "root", 100, "daemon"};
static const ConsolePeer daemon_user = {100, "daemon", 100, "daemon"};
static const ConsolePeer alice = {200, "alice", 100, "daemon"};
static const ConsolePeer nameless = {300, NULL, 100, "daemon"};
static const ConsolePeer nameless_daemon = {100, NULL, 100, NULL};
static const ConsolePeer toor = {0, "toor", 100, "daemon"};

static void
matrix(void **state UNUSED)
{
	static const struct
	{
		const ConsolePeer *peer;
		const char *requested;
		const char *admin_users;
		const char *stats_users;
		ConsoleRole want;
	} rows[] = {
		{&root, "root", "", "", ADMIN},
		{&root, "daemon", "", "", ADMIN},
		{&root, "alice", "", "", NONE},
		{&root, "alice", "", "alice", STATS},
		{&root, "alice", "alice", "alice", ADMIN},
		{&toor, "toor", "", "", NONE},
		{&toor, "root", "", "", ADMIN},
		{&daemon_user, "daemon", "", "", ADMIN},
		{&daemon_user, "root", "", "", ADMIN},
		{&daemon_user, "alice", "", "", NONE},
		{&daemon_user, "alice", "", "bob, alice", STATS},
		{&daemon_user, "alice", "alice", "", ADMIN},
		{&alice, "alice", "", "", NONE},
		{&alice, "alice", "bob", "carol", NONE},
		{&alice, "alice", "", "alice", STATS},
		{&alice, "alice", "alice", "", ADMIN},
		{&alice, "alice", " bob ,\talice ", "", ADMIN},
		{&alice, "alice", "alice2,malice,alic", "", NONE},
		{&alice, "alice", "Alice", "ALICE", NONE},
		{&alice, "root", "alice", "alice", NONE},
		{&alice, "daemon", "alice", "alice", NONE},
		{&alice, "bob", "bob,alice", "bob", NONE},
		{&nameless, "", "", "", NONE},
		{&nameless, "root", "", "", NONE},
		{&nameless, "bob", "bob", "bob", NONE},
		{&nameless_daemon, "root", "", "", ADMIN},
		{&nameless_daemon, "bob", "", "", NONE},
		{&nameless_daemon, "bob", "", "bob", STATS},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		ErrInfo err = {.sqlstate = ""};
		ConsoleRole got = role_of(rows[i].peer, rows[i].requested,
			rows[i].admin_users, rows[i].stats_users, &err);

		if (got != rows[i].want)
			fail_msg("%s as %s: %s",
				rows[i].peer->name != NULL ? rows[i].peer->name : "?",
				rows[i].requested, role_name(got));
		assert_string_equal(err.sqlstate, got == NONE ? "28000" : "");
	}
}

static void
best(void **state UNUSED)
{
	static const struct
	{
		const ConsolePeer *peer;
		const char *admin_users;
		const char *stats_users;
		ConsoleRole want;
	} rows[] = {
		{&root, "", "", ADMIN},
		{&toor, "", "", ADMIN},
		{&daemon_user, "", "daemon", ADMIN},
		{&nameless_daemon, "", "", ADMIN},
		{&alice, "", "", NONE},
		{&alice, "bob", "carol", NONE},
		{&alice, "", "bob,alice", STATS},
		{&alice, "alice", "alice", ADMIN},
		{&nameless, "", "", NONE},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(
			role_best(rows[i].peer, rows[i].admin_users, rows[i].stats_users),
			rows[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix), cmocka_unit_test(best)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
