/*
 * test_option.c
 *		The table of options: what each value is read as and written as, and that
 *		the manual page and the sample know the same settings as the table.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/table.h"
#include "util/mem.h"

static Config *
load(const char *text)
{
	ErrInfo err;
	Config *config = config_load("test.conf", text, NULL, &err);

	if (config == NULL)
		fail_msg("%s", err.message);
	return config;
}

/* A file of the source tree. */
static char *
source_file(const char *name)
{
	const char *top = getenv("TEST_SRCDIR");
	char *path = mem_asprintf("%s/%s", top != NULL ? top : ".", name);
	ErrInfo err;
	char *text = config_file_read(path, &err);

	if (text == NULL)
		fail_msg("%s", err.message);
	free(path);
	return text;
}

static void
values_are_read_with_their_units(void **state UNUSED)
{
	static const struct
	{
		const char *name;
		const char *text;
		const char *want; /* NULL: refused */
	} rows[] = {
		{"listen_addresses", "*", "*"},
		{"listen_addresses", "", ""},
		{"port", "1", "1"},
		{"port", "65535", "65535"},
		{"port", " 5433 ", "5433"},
		{"port", "0", NULL},
		{"port", "65536", NULL},
		{"port", "-1", NULL},
		{"port", "", NULL},
		{"port", "x", NULL},
		{"port", "5433x", NULL},
		{"port", "5433 5434", NULL},
		{"port", "5433.0", NULL},
		{"port", "0x1539", NULL},
		{"port", "5433s", NULL},
		{"port", "99999999999999999999", NULL},
		{"unix_socket_permissions", "0777", "0777"},
		{"unix_socket_permissions", "777", "0777"},
		{"unix_socket_permissions", "0", "0000"},
		{"unix_socket_permissions", "0600", "0600"},
		{"unix_socket_permissions", "1777", NULL},
		{"unix_socket_permissions", "0788", NULL},
		{"ring_size", "1MB", "1MB"},
		{"ring_size", "1048576", "1MB"},
		{"ring_size", "1048576B", "1MB"},
		{"ring_size", "1048577", "1088kB"}, /* whole pages */
		{"ring_size", "1536 kB", "1536kB"},
		{"ring_size", "65536MB", "64GB"},
		{"ring_size", "64GB", "64GB"},
		{"ring_size", "1TB", NULL},
		{"ring_size", "65GB", NULL},
		{"ring_size", "1023kB", NULL},
		{"ring_size", "64mb", NULL},
		{"ring_size", "64KB", NULL},
		{"ring_size", "64M", NULL},
		{"ring_size", "64MB MB", NULL},
		{"ring_size", "64s", NULL},
		{"ring_size", "9223372036854775807TB", NULL},
		{"ring_size", "-9223372036854775808TB", NULL},
		{"ring_size", "64megabytes", NULL},
		{"authentication_timeout", "60", "1min"}, /* base unit: s */
		{"authentication_timeout", "1min", "1min"},
		{"authentication_timeout", "90s", "90s"},
		{"authentication_timeout", "1500ms", "1500ms"},
		{"authentication_timeout", "999ms", NULL},
		{"authentication_timeout", "11min", NULL},
		{"wal_sender_timeout", "0", "0"},
		{"wal_sender_timeout", "60000", "1min"}, /* base unit: ms */
		{"wal_sender_timeout", "1d", "1d"},
		{"wal_sender_timeout", "24d", "24d"},
		{"wal_sender_timeout", "25d", NULL},
		{"wal_sender_timeout", "36h", "36h"},
		{"wal_sender_timeout", "1us", "1ms"}, /* not 0, which is never */
		{"wal_sender_timeout", "2500us", "3ms"},
		{"wal_sender_timeout", "-1", NULL},
		{"wal_sender_timeout", "1m", NULL},
		{"wal_sender_timeout", "1S", NULL},
		{"wal_sender_timeout", "9223372036854775807", NULL},
		{"wal_retrieve_retry_interval", "0", NULL},
		{"log_min_messages", "debug3", "debug3"},
		{"log_min_messages", "WARNING", "warning"},
		{"log_min_messages", "notice", NULL},
		{"log_min_messages", "", NULL},
		{"log_destination", "stderr", "stderr"},
		{"log_destination", "syslog , JSONLOG", "syslog , JSONLOG"},
		{"log_destination", "stderr, stderr", "stderr, stderr"},
		{"log_destination", "stderr,jsonlog", NULL},
		{"log_destination", "stderr,", NULL},
		{"log_destination", "stderr syslog", NULL},
		{"log_destination", "csvlog", NULL},
		{"log_destination", "", NULL},
		{"syslog_facility", "LOCAL7", "LOCAL7"},
		{"syslog_facility", "local8", NULL},
		{"syslog_facility", "daemon", NULL},
		{"syslog_ident", "wb-1", "wb-1"},
		{"syslog_ident", "", NULL},
		{"syslog_ident", "w b", NULL},
		{"log_connections", "true", "true"},
		{"log_connections", "on", NULL},
		{"upstream.conninfo", "host=a port=1", "host=a port=1"},
		{"upstream.conninfo", "postgresql://u@h/d", "postgresql://u@h/d"},
		{"upstream.conninfo", "hostt=a", NULL},
		{"upstream.conninfo", "host='a", NULL},
		{"upstream.catalog_database", "", NULL},
		{"upstream.catalog_database",
			"0123456789012345678901234567890123456789012345678901234567890123",
			NULL},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const Option *opt = option_find(rows[i].name);
		Config *config = load(NULL);
		ErrInfo err;
		char *got;

		assert_non_null(opt);
		errinfo_clear(&err);
		if (option_set(opt, config, rows[i].text, &err) !=
			(rows[i].want != NULL))
			fail_msg(
				"%s = \"%s\": %s", rows[i].name, rows[i].text, err.message);
		if (rows[i].want != NULL)
		{
			got = option_format(opt, config);
			assert_string_equal(got, rows[i].want);
			free(got);
		}
		else
		{
			assert_string_equal(err.sqlstate, SQLSTATE_CONFIG_FILE_ERROR);
			assert_non_null(strstr(err.message, rows[i].name));
		}
		config_free(config);
	}
}

static void
table_is_sound(void **state UNUSED)
{
	Config *config = load(NULL);
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		char *text = option_format(opt, config);
		ErrInfo err;

		/* names are unique, and what is written is read again */
		assert_ptr_equal(option_find(option_name(opt)), opt);
		assert_true(option_set(opt, config, text, &err));
		assert_true(opt->help[strlen(opt->help) - 1] == '.');
		assert_true(opt->type == OPTION_STRING || opt->type == OPTION_LEVEL ||
					opt->type == OPTION_BOOL || opt->min < opt->max);
		free(text);
	}
	assert_null(option_find("rules"));
	assert_null(option_find("upstream"));
	assert_null(option_find(""));
	config_free(config);
}

static void
defaults_are_those_of_the_manual(void **state UNUSED)
{
	Config *c = load(NULL);

	assert_string_equal(c->listen_addresses, "localhost");
	assert_int_equal(c->port, 5433);
	assert_int_equal(c->unix_socket_permissions, 0777);
	assert_int_equal(c->max_connections, 100);
	assert_int_equal(c->spare_workers, 2);
	assert_int_equal(c->authentication_timeout_ms, 60000);
	assert_int_equal(c->wal_sender_timeout_ms, 60000);
	assert_true(c->ring_size == 64 * 1024 * 1024);
	assert_int_equal(c->shutdown_timeout_ms, 10000);
	assert_int_equal(c->log_min_messages, LOG_LOG);
	assert_string_equal(c->upstream_conninfo, "");
	assert_string_equal(c->upstream_catalog_database, "postgres");
	assert_int_equal(c->wal_receiver_timeout_ms, 60000);
	assert_int_equal(c->wal_receiver_status_interval_ms, 10000);
	assert_int_equal(c->wal_retrieve_retry_interval_ms, 5000);
	config_free(c);
}

static void
description_has_a_line_an_option(void **state UNUSED)
{
	char *text = config_describe();
	const char *p = text;
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		size_t len = strcspn(p, "\n");
		int tabs = 0;

		assert_true(strncmp(p, opt->name, strlen(opt->name)) == 0);
		assert_int_equal(p[strlen(opt->name)], '\t');
		for (size_t j = 0; j < len; j++)
			tabs += p[j] == '\t';
		assert_int_equal(tabs, 5);
		p += len + 1;
	}
	assert_int_equal(*p, '\0');
	assert_non_null(strstr(
		text, "\nring_size\tB\t64MB\t1MB .. 64GB\trestart\tShared memory"));
	free(text);
}

/* Whether name is a setting of the file: of either table, or the list of rules. */
static bool
is_setting(const char *name)
{
	return option_find(name) != NULL || rule_key_find(name) != NULL ||
		   strcmp(name, "rules") == 0;
}

static void
assert_documented(const char *page, const char *name)
{
	char *item = mem_asprintf("\n.It Va %s\n", name);

	if (strstr(page, item) == NULL)
		fail_msg("\"%s\" is not in walbouncer.conf(5)", name);
	free(item);
}

/* The page gives each setting an item of a list: ".It Va name". */
static void
manual_page_has_every_setting_and_no_other(void **state UNUSED)
{
	char *page = source_file("etc/walbouncer.conf.5");
	const Option *opt;
	const RuleKey *key;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
		assert_documented(page, opt->name);
	for (size_t i = 0; (key = rule_key_at(i)) != NULL; i++)
		assert_documented(page, key->name);
	for (char *p = page; (p = strstr(p, "\n.It Va ")) != NULL;)
	{
		char name[100];

		p += strlen("\n.It Va ");
		assert_int_equal(sscanf(p, "%99s", name), 1);
		if (!is_setting(name))
			fail_msg("walbouncer.conf(5) has an unknown setting \"%s\"", name);
	}
	free(page);
}

/* The default that the page states: the line behind the item, ".Pq default ...". */
static void
manual_page_states_the_defaults(void **state UNUSED)
{
	char *page = source_file("etc/walbouncer.conf.5");
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		char *item = mem_asprintf("\n.It Va %s\n", opt->name);
		char *want = mem_asprintf("\n.Pq %sdefault %s%s",
			opt->restart ? "restart; " : "",
			opt->preset[0] != '\0' ? "Ql " : "empty", opt->preset);
		const char *p = strstr(page, item);

		assert_non_null(p);
		p = strchr(p + 1, '\n');
		if (strncmp(p, want, strlen(want)) != 0 || p[strlen(want)] != '\n')
			fail_msg("walbouncer.conf(5), \"%s\": expected \"%s\"", opt->name,
				want + 1);
		free(item);
		free(want);
	}
	free(page);
}

/*
 * In the sample "#name = ..." is a setting at its default; other comments have a
 * blank behind the "#".  Returns the text with the former taken in.
 */
static char *
uncomment(const char *text)
{
	char *out = mem_alloc(strlen(text) + 1);
	size_t len = 0;

	for (const char *p = text; *p != '\0'; p++)
	{
		bool line_start = p == text || p[-1] == '\n';

		if (line_start && *p == '#' && p[1] != ' ' && p[1] != '\n')
			continue;
		out[len++] = *p;
	}
	out[len] = '\0';
	return out;
}

/* Whether "name = " stands somewhere outside of comments. */
static bool
has_assignment(const char *text, const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot != NULL ? dot + 1 : name;
	size_t len = strlen(last);

	for (const char *p = text; (p = strstr(p, last)) != NULL; p += len)
	{
		const char *line = p;

		while (line > text && line[-1] != '\n')
			line--;
		if (line[strspn(line, " \t")] != '#' &&
			strncmp(p + len, " = ", 3) == 0 &&
			(p == text || !(isalnum((unsigned char) p[-1]) || p[-1] == '_')))
			return true;
	}
	return false;
}

/* That no other is there, config_load sees to. */
static void
sample_has_every_setting(void **state UNUSED)
{
	char *sample = source_file("etc/walbouncer.conf.sample");
	char *full = uncomment(sample);
	Config *shipped = load(sample);
	Config *all = load(full);
	const Option *opt;
	const RuleKey *key;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		char *a = option_format(opt, shipped);
		char *b = option_format(opt, all);

		if (!has_assignment(full, opt->name))
			fail_msg("\"%s\" is not in the sample", opt->name);
		/* what is commented out is the default */
		if (strcmp(a, b) != 0)
			fail_msg("the sample has \"%s\" for %s, not the default \"%s\"", b,
				opt->name, a);
		free(a);
		free(b);
	}
	for (size_t i = 0; (key = rule_key_at(i)) != NULL; i++)
	{
		if (!has_assignment(full, key->name))
			fail_msg("\"%s\" is not in the sample", key->name);
	}
	config_free(shipped);
	config_free(all);
	free(full);
	free(sample);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_with_their_units),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(description_has_a_line_an_option),
		cmocka_unit_test(manual_page_has_every_setting_and_no_other),
		cmocka_unit_test(manual_page_states_the_defaults),
		cmocka_unit_test(sample_has_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
