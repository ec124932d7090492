/*
 * test_config.c
 *		Whole configurations: what is read, what is refused and where, what is
 *		written, and that no text whatever does harm.
 *
 * regress/conf/NN-name.conf has beside it either NN-name.ok, the configuration
 * as it is dumped, or NN-name.err, the error.  With UPDATE_GOLDEN=1 in the
 * environment these files are written instead of compared.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conninfo.h"
#include "conf/option.h"
#include "util/mem.h"

/* Texts that the random changes are made to, and how many changes. */
#define MUTATIONS 3000

static char *
source_path(const char *name)
{
	const char *top = getenv("TEST_SRCDIR");

	return mem_asprintf("%s/%s", top != NULL ? top : ".", name);
}

static Config *
load_with(const char *text, const ConfigOverrides *overrides)
{
	ErrInfo err;
	Config *config = config_load("test.conf", text, overrides, &err);

	if (config == NULL)
		fail_msg("%s", err.message);
	return config;
}

static Config *
load(const char *text)
{
	return load_with(text, NULL);
}

static char *
read_file(const char *path)
{
	ErrInfo err;
	char *text = config_file_read(path, &err);

	if (text == NULL)
		fail_msg("%s", err.message);
	return text;
}

/* ---- golden files ---- */

static char *
with_suffix(const char *conf, const char *suffix)
{
	return mem_asprintf(
		"%.*s%s", (int) (strlen(conf) - strlen(".conf")), conf, suffix);
}

static void
compare_golden(const char *path, const char *got)
{
	char *want;

	if (getenv("UPDATE_GOLDEN") != NULL)
	{
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		assert_true(fputs(got, f) >= 0 && fclose(f) == 0);
		return;
	}
	want = read_file(path);
	if (strcmp(want, got) != 0)
		fail_msg("%s differs, got:\n%s", path, got);
	free(want);
}

/* A configuration that is good: its dump, which loads to the same dump. */
static void
check_dump(const char *conf, const Config *config)
{
	char *path = with_suffix(conf, ".ok");
	char *dump = config_dump(config);
	Config *again = load(dump);
	char *second = config_dump(again);

	compare_golden(path, dump);
	assert_string_equal(second, dump);
	free(second);
	config_free(again);
	free(dump);
	free(path);
}

static void
check_error(const char *conf, const ErrInfo *err)
{
	char *path = with_suffix(conf, ".err");
	char *text = mem_asprintf("%s\n%s%s%s%s%s%s", err->message,
		err->detail[0] ? "DETAIL:  " : "", err->detail,
		err->detail[0] ? "\n" : "", err->hint[0] ? "HINT:  " : "", err->hint,
		err->hint[0] ? "\n" : "");

	assert_string_equal(err->sqlstate, SQLSTATE_CONFIG_FILE_ERROR);
	compare_golden(path, text);
	free(text);
	free(path);
}

static void
golden_configurations(void **state UNUSED)
{
	char *pattern = source_path("regress/conf/*.conf");
	glob_t found;

	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 30);
	for (size_t i = 0; i < found.gl_pathc; i++)
	{
		const char *conf = found.gl_pathv[i];
		char *text = read_file(conf);
		ErrInfo err;
		Config *config = config_load(strrchr(conf, '/') + 1, text, NULL, &err);

		if (config != NULL)
			check_dump(conf, config);
		else
			check_error(conf, &err);
		config_free(config);
		free(text);
	}
	globfree(&found);
	free(pattern);
}

/* ---- no file ---- */

static void
no_file_serves_everybody_unfiltered(void **state UNUSED)
{
	ErrInfo err;
	Config *c = config_load(NULL, NULL, NULL, &err);

	assert_non_null(c);
	assert_int_equal(c->port, 5433);
	assert_int_equal(c->rule_count, 1);
	assert_string_equal(c->rules[0].name, "everything");
	assert_null(c->rules[0].user);
	assert_null(c->rules[0].application_name);
	assert_int_equal(c->rules[0].source_count, 0);
	assert_false(c->rules[0].allow_remote_trust);
	assert_false(rule_has_filter(&c->rules[0]));
	config_free(c);
}

/* ---- command line ---- */

#define MINIMAL "rules = ( { name = \"r\"; auth = \"trust\"; } );\n"

static void
command_line_wins_over_file(void **state UNUSED)
{
	static const struct
	{
		const char *conninfo;
		const char *host;
		int port;
		const char *want;
	} rows[] = {
		{"", NULL, 0, ""},
		{"", "h", 0, "host='h'"},
		{"", NULL, 5, "port='5'"},
		{"user=u host=a hostaddr=192.0.2.1 port=1", "h", 0,
			"user='u' host='h' port='1'"},
		{"user=u host=a hostaddr=192.0.2.1 port=1", NULL, 2,
			"user='u' host='a' hostaddr='192.0.2.1' port='2'"},
		{"postgresql://u@a:1/d?sslmode=require", "h", 2,
			"user='u' dbname='d' host='h' port='2' sslmode='require'"},
		{"host=a replication=database", NULL, 0, "host='a'"},
		{"user='it''s'", NULL, 0, NULL},
		{"user='o\\\\'neil\\\\\\\\'", "a b'c\\", 0,
			"user='o\\'neil\\\\' host='a b\\'c\\\\'"},
		{"service=main", "h", 0, "service='main' host='h'"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char *text =
			mem_asprintf(MINIMAL "port = 1; upstream = { conninfo = \"%s\"; };",
				rows[i].conninfo);
		ConfigOverrides overrides = {.port = 7777,
			.upstream_host = rows[i].host,
			.upstream_port = rows[i].port};
		ErrInfo err;
		Config *config = config_load("f", text, &overrides, &err);

		assert_int_equal(config != NULL, rows[i].want != NULL);
		if (config != NULL)
		{
			char *got = config_upstream_conninfo(config);

			assert_string_equal(got, rows[i].want);
			assert_int_equal(config->port, 7777);
			free(got);
		}
		config_free(config);
		free(text);
	}
}

static void
ports_of_the_command_line_are_checked(void **state UNUSED)
{
	static const ConfigOverrides rows[] = {{.port = 65536}, {.port = -1},
		{.upstream_port = 65536}, {.upstream_port = -1}};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		ErrInfo err;

		assert_null(config_load(NULL, NULL, &rows[i], &err));
		assert_non_null(strstr(err.message, "from 1 to 65535"));
	}
}

static void
verbose_lowers_the_threshold_only(void **state UNUSED)
{
	static const struct
	{
		const char *file;
		int verbose;
		LogLevel want;
	} rows[] = {
		{"log", 0, LOG_LOG},
		{"log", 1, LOG_INFO},
		{"log", 2, LOG_DEBUG1},
		{"log", 3, LOG_DEBUG2},
		{"log", 4, LOG_DEBUG3},
		{"log", 99, LOG_DEBUG3},
		{"debug2", 1, LOG_DEBUG2},
		{"error", 1, LOG_INFO},
		{"panic", 0, LOG_PANIC},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char *text =
			mem_asprintf(MINIMAL "log_min_messages = \"%s\";", rows[i].file);
		ConfigOverrides overrides = {.verbose = rows[i].verbose};
		Config *config = load_with(text, &overrides);

		assert_int_equal(config->log_min_messages, rows[i].want);
		config_free(config);
		free(text);
	}
}

static void
check_origin(
	const Config *config, const char *name, OptionSource source, int line)
{
	OptionOrigin origin = option_origin(option_find(name), config);

	assert_string_equal(
		option_source_name(origin.source), option_source_name(source));
	assert_int_equal(origin.line, line);
}

static void
settings_know_where_they_are_from(void **state UNUSED)
{
	static const char text[] = "# a comment\n" MINIMAL "port = 7;\n"
							   "/* one\n"
							   "   more */ ring_size = \"1MB\";\n"
							   "upstream = {\n"
							   "\tcatalog_database =\n"
							   "\t\t\"s\"\n"
							   "\t\t\"t\"; conninfo = \"host=x\";\n"
							   "};\n";
	Config *config = load(text);
	ConfigOverrides overrides = {.port = 8, .upstream_host = "h", .verbose = 1};

	check_origin(config, "port", OPTION_FILE, 3);
	check_origin(config, "ring_size", OPTION_FILE, 5);
	check_origin(config, "upstream.catalog_database", OPTION_FILE, 7);
	check_origin(config, "upstream.conninfo", OPTION_FILE, 9);
	check_origin(config, "log_min_messages", OPTION_DEFAULT, 0);
	config_free(config);

	config = load_with(text, &overrides);
	check_origin(config, "port", OPTION_COMMAND_LINE, 0);
	check_origin(config, "upstream.conninfo", OPTION_COMMAND_LINE, 0);
	check_origin(config, "log_min_messages", OPTION_COMMAND_LINE, 0);
	check_origin(config, "upstream.catalog_database", OPTION_FILE, 7);
	config_free(config);

	config = load_with(NULL, &(ConfigOverrides){.upstream_port = 1});
	check_origin(config, "port", OPTION_DEFAULT, 0);
	check_origin(config, "upstream.conninfo", OPTION_COMMAND_LINE, 0);
	config_free(config);
}

static void
passwords_are_not_shown(void **state UNUSED)
{
	static const struct
	{
		const char *conninfo;
		const char *want;
	} rows[] = {
		{"host=a password=secret", "password='********' host='a'"},
		{"host=a password='it''s' sslpassword=hush",
			"********" /* not libpq's quoting */},
		{"host=a password='a\\'secret' sslpassword=hush",
			"password='********' host='a' sslpassword='********'"},
		{"postgresql://u:secret@h:5/d?sslpassword=hush",
			"user='u' password='********' dbname='d' host='h' port='5' "
			"sslpassword='********'"},
		{"host=a passfile=/f password=''",
			"password='' passfile='/f' host='a'"},
		{"password=secret nonsense", "********"},
		{"postgresql://u:sec%ret@h", "********"},
		{"", ""},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char *shown = conninfo_mask(rows[i].conninfo);

		if (strcmp(shown, rows[i].want) != 0)
			print_message("# %s\n", shown);
		assert_null(strstr(shown, "sec"));
		assert_null(strstr(shown, "hush"));
		assert_string_equal(shown, rows[i].want);
		free(shown);
	}
}

/* libpq's own words are not ours to compare, but they have to be there. */
static void
unreadable_conninfo_has_place_and_reason(void **state UNUSED)
{
	ErrInfo err;

	assert_null(config_load("dir/f.conf",
		MINIMAL "upstream = {\n\tconninfo = \"hst=a\";\n};", NULL, &err));
	assert_string_equal(
		err.message, "dir/f.conf:3: invalid value for \"upstream.conninfo\"");
	assert_non_null(strstr(err.detail, "hst"));
}

/* ---- warnings and changes ---- */

static void
collect_warning(const ErrInfo *warning, void *arg)
{
	char *all = arg;

	assert_string_not_equal(warning->detail, "");
	assert_string_not_equal(warning->hint, "");
	strncat(all, warning->message, 1000);
	strcat(all, "\n");
}

#define FILTER "filter = { exclude_databases = [ \"x\" ]; };"

static void
filter_that_rests_on_application_name_warns(void **state UNUSED)
{
	Config *config =
		load("state_directory = \"/s\"; rules = ("
			 "{ name = \"a\"; auth = \"trust\"; match = { application_name = "
			 "\"n\"; }; " FILTER "},"
			 "{ name = \"b\"; auth = \"trust\"; match = { application_name = "
			 "\"n\"; user = \"u\"; }; " FILTER "},"
			 "{ name = \"c\"; auth = \"trust\"; match = { application_name = "
			 "\"n\"; source = \"::1\"; }; " FILTER "},"
			 "{ name = \"d\"; auth = \"trust\"; match = { application_name = "
			 "\"n\"; }; },"
			 "{ name = \"e\"; auth = \"trust\"; " FILTER "});");
	char all[4000] = "";

	config_warnings(config, collect_warning, all);
	assert_string_equal(
		all, "the filter of rule \"a\" rests on \"application_name\" alone\n");
	config_free(config);
}

static void
collect_change(const Option *opt, void *arg)
{
	char *all = arg;

	strcat(all, option_name(opt));
	strcat(all, " ");
}

static void
changes_that_wait_for_a_restart_are_named(void **state UNUSED)
{
	Config *a = load(MINIMAL);
	Config *b = load(MINIMAL "port = 1; ring_size = \"1MB\"; spare_workers = 9;"
							 "upstream = { conninfo = \"host=x\"; };"
							 "shutdown_timeout = 1; user = \"w\";");
	Config *c = load(MINIMAL "ring_size = 67108864;");
	char all[4000] = "";

	config_restart_changes(a, b, collect_change, all);
	assert_string_equal(all, "port ring_size user ");
	all[0] = '\0';
	config_restart_changes(a, c, collect_change, all); /* the same size */
	assert_string_equal(all, "");
	config_free(a);
	config_free(b);
	config_free(c);
}

/* ---- files ---- */

static void
write_temp(char path[64], const char *data, size_t len)
{
	int fd;

	strcpy(path, "/tmp/walbouncer-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void
files_are_read_whole_or_refused(void **state UNUSED)
{
	char *big = mem_alloc(CONFIG_TEXT_MAX + 2);
	char path[64];
	char *text;
	ErrInfo err;

	memset(big, '\n', CONFIG_TEXT_MAX + 2);
	write_temp(path, big, CONFIG_TEXT_MAX);
	text = config_file_read(path, &err);
	assert_non_null(text);
	assert_int_equal(strlen(text), CONFIG_TEXT_MAX);
	free(text);
	unlink(path);

	write_temp(path, big, CONFIG_TEXT_MAX + 1);
	assert_null(config_file_read(path, &err));
	assert_non_null(strstr(err.message, "is longer than"));
	unlink(path);

	write_temp(path, "port = 1;\0x", 11);
	assert_null(config_file_read(path, &err));
	assert_non_null(strstr(err.message, "zero byte"));
	unlink(path);

	assert_null(config_file_read(path, &err));
	assert_non_null(strstr(err.message, "No such file or directory"));
	assert_null(config_file_read("/", &err));
	assert_non_null(strstr(err.message, "could not read"));

	/* a text that did not come from a file has the same bound */
	big[CONFIG_TEXT_MAX + 1] = '\0';
	assert_null(config_load("f", big, NULL, &err));
	assert_non_null(strstr(err.message, "is longer than"));
	free(big);
}

static void
includes_are_refused_however_written(void **state UNUSED)
{
	static const char *const texts[] = {
		"@include \"/etc/passwd\"\n",
		"\t @include\t\"/etc/passwd\"\n",
		"/* */ @include \"/etc/passwd\"\n",
		"/* x\n@include */\n@include \"/etc/passwd\"\n",
		"user = \"\\\"\"; # \"\n@include \"/etc/passwd\"\n",
		"user = \"\\\\\"; // \"\n@include \"/etc/passwd\"\n",
		"user = \"a\\x22\";\n@include \"/etc/passwd\"\n",
		"user = \"/*\";\n@include \"/etc/passwd\"\n",
		"user = \"#\"\n@include \"/etc/passwd\"\n",
		"# /*\n@include \"/etc/passwd\"\n",
		"/ * \"*/\n@include \"/etc/passwd\"\n\"",
		"user = \"\n@include \"/etc/passwd\"\n\";",
	};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		ErrInfo err;
		Config *config = config_load("f", texts[i], NULL, &err);

		assert_null(config);
		/* never what is in that file; the last two are not includes */
		if (strstr(err.message, "@include is not supported") == NULL &&
			strstr(err.message, "syntax error") == NULL)
			fail_msg("%s", err.message);
	}
}

/* ---- no text does harm ---- */

static void
load_and_forget(const char *text)
{
	ErrInfo err;
	Config *config;

	errinfo_clear(&err);
	config = config_load("f", text, NULL, &err);
	if (config == NULL)
		assert_true(strncmp(err.message, "f:", 2) == 0);
	else
	{
		char *dump = config_dump(config);
		Config *again = config_load("dump", dump, NULL, &err);

		if (again == NULL)
			fail_msg("%s\n%s", err.message, dump);
		config_free(again);
		free(dump);
	}
	config_free(config);
}

/* Every setting there is: the sample with all that it has in comments. */
static char *
rich_text(void)
{
	char *path = source_path("regress/conf/02-everything.conf");
	char *text = read_file(path);

	free(path);
	return text;
}

static void
truncated_text_is_an_error_or_good(void **state UNUSED)
{
	char *text = rich_text();

	for (size_t len = strlen(text); len > 0; len--)
	{
		text[len - 1] = '\0';
		load_and_forget(text);
	}
	free(text);
}

/* A generator of our own, so that a failure comes again. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * UINT32_C(1664525) + UINT32_C(1013904223);
	return *seed >> 8;
}

static void
mutated_text_is_an_error_or_good(void **state UNUSED)
{
	static const char *const splices[] = {"\"", "{", "}", "(", ")", "[", "]",
		"=", ";", ",", "\\", "/*", "*/", "#", "//", "@include \"/etc/passwd\"",
		"rules = (", "name = ", "9999999999999999999999", "0x", "1e999", "L",
		"true", "-", "\n", "((((((((((", "[[", "{a={a={a=", "\xff\xfe", "\x01",
		"\\x00", "\\x0", "upstream.", "filter = {", "= [ ]", "= ( )", "= \"\""};
	char *text = rich_text();
	size_t len = strlen(text);
	uint32_t seed = 42;

	for (int i = 0; i < MUTATIONS; i++)
	{
		uint32_t changes = 1 + next_random(&seed) % 3;
		char *copy = mem_strdup(text);

		while (changes-- > 0)
		{
			size_t at = next_random(&seed) % (len + 1);
			size_t cut = next_random(&seed) % 8;
			char *next;

			at = Min(at, strlen(copy));
			cut = Min(cut, strlen(copy) - at);
			next = mem_asprintf("%.*s%s%s", (int) at, copy,
				splices[next_random(&seed) % lengthof(splices)],
				copy + at + cut);
			free(copy);
			copy = next;
		}
		load_and_forget(copy);
		free(copy);
	}
	free(text);
}

static void
deep_nesting_is_refused(void **state UNUSED)
{
	size_t len = CONFIG_TEXT_MAX - 10;
	char *text = mem_alloc(len + 1);
	ErrInfo err;

	memcpy(text, "a = ", 4);
	memset(text + 4, '(', len - 4);
	text[len] = '\0';
	assert_null(config_load("f", text, NULL, &err));
	assert_string_equal(err.message, "f:1: settings are nested too deeply");
	free(text);
}

static void
why_a_conninfo_is_wrong_shows_no_password(void **state UNUSED)
{
	static const struct
	{
		const char *conninfo;
		const char *detail;
	} rows[] = {
		{"host=x password=my secret", "libpq says: missing \"=\" after \"...\" "
									  "in connection info string."},
		{"password='secret", "libpq says: unterminated quoted string in "
							 "connection info string."},
		{"postgresql://u:secret%zz@h/",
			"libpq says: invalid percent-encoded token: \"...\"."},
		{"postgresql://u:se\"cr\"et%zz@h/",
			"libpq says: invalid percent-encoded token: \"...\"."},
		{"postgresql://u:secret@[::1", "libpq says: end of string reached when "
									   "looking for matching \"]\" in "
									   "IPv6 host address in URI: \"...\"."},
		{"postgresql://u:secret@[::1]x",
			"libpq says: unexpected character \"...\"."},
		{"hots=x", "libpq says: invalid connection option \"hots\"."},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		ErrInfo err;

		assert_false(conninfo_check(rows[i].conninfo, &err));
		assert_string_equal(err.detail, rows[i].detail);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_serves_everybody_unfiltered),
		cmocka_unit_test(golden_configurations),
		cmocka_unit_test(command_line_wins_over_file),
		cmocka_unit_test(ports_of_the_command_line_are_checked),
		cmocka_unit_test(verbose_lowers_the_threshold_only),
		cmocka_unit_test(settings_know_where_they_are_from),
		cmocka_unit_test(passwords_are_not_shown),
		cmocka_unit_test(unreadable_conninfo_has_place_and_reason),
		cmocka_unit_test(filter_that_rests_on_application_name_warns),
		cmocka_unit_test(changes_that_wait_for_a_restart_are_named),
		cmocka_unit_test(files_are_read_whole_or_refused),
		cmocka_unit_test(includes_are_refused_however_written),
		cmocka_unit_test(truncated_text_is_an_error_or_good),
		cmocka_unit_test(mutated_text_is_an_error_or_good),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(why_a_conninfo_is_wrong_shows_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
