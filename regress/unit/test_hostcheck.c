/*
 * test_hostcheck.c
 *		Which Host headers can mean a server that listens on loopback only.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "monitor/hostcheck.h"

static void
hosts(void **state UNUSED)
{
	static const struct
	{
		const char *host;
		int port;
		const char *names;
		bool want;
	} rows[] = {
		/* HTTP/1.0, as of HAProxy's checks */
		{NULL, 9187, "localhost", true},
		{"localhost:9187", 9187, "localhost", true},
		{"LocalHost:9187", 9187, "127.0.0.1", true},
		{"127.0.0.1:9187", 9187, "localhost", true},
		{"[::1]:9187", 9187, "localhost", true},
		/* a tunnel to it, as ssh -L makes one, and a proxy of this machine */
		{"localhost:9999", 9187, "localhost", true},
		{"db1.example.com", 9187, "localhost", true},
		{"db1.example.com:8443", 9187, "localhost", true},
		/* a name that it has been given */
		{"db1:9187", 9187, "localhost, db1", true},
		{"DB1:9187", 9187, "db1", true},
		{"db1.example.com:9187", 9187, "localhost,db1", false},
		/* pages of elsewhere */
		{"attacker.example:9187", 9187, "localhost", false},
		{"attacker.example", 80, "localhost", false},
		{"attacker.example.:9187", 9187, "localhost", false},
		{"127.0.0.1.attacker.example:9187", 9187, "127.0.0.1", false},
		{"localhost.attacker.example:9187", 9187, "localhost", false},
		{"localhost.:9187", 9187, "localhost", false},
		{"1.2.3:9187", 9187, "localhost", false},
		{":9187", 9187, "localhost", false},
		{":9187", 9187, "", false},
		/* nonsense, which no browser sends */
		{"", 9187, "localhost", true},
		{":", 9187, "localhost", true},
		{"attacker.example:99999999999999999999", 9187, "localhost", true},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		if (hostcheck_may_be_us(rows[i].host, rows[i].port, rows[i].names) !=
			rows[i].want)
			fail_msg("%s", rows[i].host != NULL ? rows[i].host : "no header");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(hosts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
