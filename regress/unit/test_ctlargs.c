/*
 * test_ctlargs.c
 *		walbouncerctl's command line: verbs, the options of each, what is refused;
 *		the statements that the console is sent.
 */
#include "base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctlargs.h"
#include "ctl/ctlquery.h"

#define WORDS_MAX 16

/* Words between blanks; "_" is a blank within one.  Good until the next call. */
static bool
parse_words(const char *words, const char *timeout, CtlArgs *args, ErrInfo *err)
{
	static char line[512];
	char *argv[WORDS_MAX + 2] = {(char *) (uintptr_t) "walbouncerctl"};
	char *rest = NULL;
	int argc = 1;

	assert_true(strlen(words) < sizeof(line));
	strcpy(line, words);
	for (char *word = strtok_r(line, " ", &rest); word != NULL;
		 word = strtok_r(NULL, " ", &rest))
	{
		assert_true(argc <= WORDS_MAX);
		argv[argc++] = word;
		for (char *p = strchr(word, '_'); p != NULL; p = strchr(p, '_'))
			*p = ' ';
	}
	return ctlargs_parse(argc, argv, timeout, args, err);
}

static CtlArgs
parsed(const char *words)
{
	CtlArgs args;
	ErrInfo err;

	if (!parse_words(words, NULL, &args, &err))
		fail_msg("%s: %s", words, err.message);
	return args;
}

static void
assert_refused(const char *words, const char *message)
{
	CtlArgs args;
	ErrInfo err;

	if (parse_words(words, NULL, &args, &err))
		fail_msg("\"%s\" is taken", words);
	assert_string_equal(err.message, message);
	assert_non_null(strstr(err.hint, "--help"));
}

static void
what_is_not_given_is_preset(void **state UNUSED)
{
	CtlArgs args = parsed("stop");

	assert_int_equal(args.verb, VERB_STOP);
	assert_int_equal(args.stop_signal, SIGINT);
	assert_int_equal(args.timeout_s, 60);
	assert_int_equal(args.interval_ms, 2000);
	assert_false(args.no_wait || args.silent || args.json || args.help);
	assert_null(args.config_file);
	assert_null(args.operands[0]);
}

static void
options_may_stand_anywhere(void **state UNUSED)
{
	static const char *const forms[] = {
		"stop -c f -m smart -t 5 -W -s",
		"-c f -t5 stop -W -s -msmart",
		"--config=f --silent --no-wait --mode s --timeout=5 stop",
		"-m fast -w stop -c f -m smart -t 5 -W -s",
	};

	for (size_t i = 0; i < lengthof(forms); i++)
	{
		CtlArgs args = parsed(forms[i]);

		assert_int_equal(args.verb, VERB_STOP);
		assert_string_equal(args.config_file, "f");
		assert_int_equal(args.stop_signal, SIGTERM);
		assert_int_equal(args.timeout_s, 5);
		assert_true(args.no_wait && args.silent);
	}
}

static void
modes_are_signals(void **state UNUSED)
{
	assert_int_equal(parsed("stop -m smart").stop_signal, SIGTERM);
	assert_int_equal(parsed("stop -m f").stop_signal, SIGINT);
	assert_int_equal(parsed("restart -m immediate").stop_signal, SIGQUIT);
	assert_refused("stop -m imm", "unrecognized shutdown mode \"imm\"");
	assert_refused("stop -m x", "unrecognized shutdown mode \"x\"");
}

static void
p_is_a_path_or_a_port(void **state UNUSED)
{
	CtlArgs start = parsed("start -p /bin/walbouncer -o -v_-v");
	CtlArgs show;

	assert_string_equal(start.program, "/bin/walbouncer");
	assert_string_equal(start.options, "-v -v");
	assert_null(start.port);
	show = parsed("show standbys -h /run --port=5433 -U joe --json -x");
	assert_string_equal(show.port, "5433");
	assert_string_equal(show.host, "/run");
	assert_string_equal(show.user, "joe");
	assert_true(show.json && show.expanded);
	assert_null(show.program);
}

static void
a_verb_takes_its_own_options_only(void **state UNUSED)
{
	assert_refused("status -m fast", "option \"--mode\" is not for \"status\"");
	assert_refused("start --json", "option \"--json\" is not for \"start\"");
	assert_refused(
		"kill TERM 1 -c f", "option \"--config\" is not for \"kill\"");
	assert_refused(
		"pause --default", "option \"--default\" is not for \"pause\"");
	assert_refused(
		"show rules -n 3", "option \"--rounds\" is not for \"show\"");
	assert_refused("status -p 1", "option \"-p\" is not for \"status\"");
	assert_refused("start --port=1", "option \"--port\" is not for \"start\"");
	assert_refused("start -Q", "unknown option \"-Q\"");
	assert_refused("start --nonsense", "unknown option \"--nonsense\"");
	assert_refused("start -l", "option \"-l\" needs a value");
}

static void
operands_are_counted(void **state UNUSED)
{
	assert_refused("", "no operation specified");
	assert_refused("nonsense", "unrecognized operation mode \"nonsense\"");
	assert_refused(
		"start stop", "too many command-line arguments (first is \"stop\")");
	assert_refused("kill TERM", "missing arguments: \"kill SIGNALNAME PID\"");
	assert_refused("show", "missing arguments: \"show WHAT\"");
	assert_refused("repoint", "\"repoint\" needs a conninfo or --default");
	assert_refused(
		"repoint x --default", "\"repoint --default\" takes nothing more");
	assert_refused("repoint --default --temporary",
		"\"repoint --default\" takes nothing more");
}

static void
numbers_have_a_range(void **state UNUSED)
{
	assert_int_equal(parsed("top -i 0.5 -n 3").interval_ms, 500);
	assert_int_equal(parsed("top -n 3").rounds, 3);
	assert_int_equal(parsed("stop -t 0").timeout_s, 0);
	assert_refused(
		"stop -t x", "the timeout must be a number of seconds, not \"x\"");
	assert_refused(
		"stop -t -1", "the timeout must be a number of seconds, not \"-1\"");
	assert_refused(
		"top -i 0", "the interval must be from 0.1 to 3600 seconds, not \"0\"");
	assert_refused("top -i nan",
		"the interval must be from 0.1 to 3600 seconds, not \"nan\"");
	assert_refused(
		"top -n 0", "the number of rounds must be 1 or more, not \"0\"");
}

static void
the_environment_has_a_timeout(void **state UNUSED)
{
	CtlArgs args;
	ErrInfo err;

	assert_true(parse_words("stop", "7", &args, &err));
	assert_int_equal(args.timeout_s, 7);
	assert_true(parse_words("stop -t 8", "7", &args, &err));
	assert_int_equal(args.timeout_s, 8);
	assert_false(parse_words("stop", "soon", &args, &err));
}

static void
help_comes_first(void **state UNUSED)
{
	assert_true(parsed("--help").help);
	assert_true(parsed("-?").help);
	assert_true(parsed("nonsense -?").help);
	assert_true(parsed("--version").version);
	assert_true(parsed("-V").version);
}

static void
signals_and_processes_are_read_strictly(void **state UNUSED)
{
	assert_int_equal(ctlargs_signal("HUP"), SIGHUP);
	assert_int_equal(ctlargs_signal("USR2"), SIGUSR2);
	assert_int_equal(ctlargs_signal("hup"), 0);
	assert_int_equal(ctlargs_signal("STOP"), 0);
	assert_int_equal(ctlargs_pid("4711"), 4711);
	assert_int_equal(ctlargs_pid("0"), 0);
	assert_int_equal(ctlargs_pid("-1"), 0);
	assert_int_equal(ctlargs_pid("1x"), 0);
	assert_int_equal(ctlargs_pid(""), 0);
	assert_int_equal(ctlargs_pid("99999999999"), 0);
}

static void
help_names_every_verb(void **state UNUSED)
{
	static const char *const names[] = {"start", "stop", "restart", "reload",
		"status", "logrotate", "kill", "show", "top", "disconnect", "pause",
		"resume", "rescope", "repoint"};
	char *text = ctlargs_help();

	assert_int_equal(lengthof(names), VERB_COUNT);
	for (size_t i = 0; i < lengthof(names); i++)
	{
		char line[64];

		snprintf(line, sizeof(line), "\n  %s ", names[i]);
		assert_non_null(strstr(text, line));
	}
	free(text);
}

static void
statements_quote_what_is_given(void **state UNUSED)
{
	static const struct
	{
		const char *words;
		const char *statement;
	} rows[] = {
		{"show standbys", "SHOW \"standbys\""},
		{"show x\"y", "SHOW \"x\"\"y\""},
		{"disconnect 4711", "KILL 4711"},
		{"disconnect berlin", "KILL 'berlin'"},
		{"disconnect 47x", "KILL '47x'"},
		{"pause", "PAUSE"},
		{"pause it's", "PAUSE 'it''s'"},
		{"resume", "RESUME"},
		{"resume 12", "RESUME '12'"},
		{"rescope berlin", "RESCOPE 'berlin'"},
		{"repoint host='a_b'", "REPOINT 'host=''a b'''"},
		{"repoint host=a --temporary", "REPOINT 'host=a' TEMPORARY"},
		{"repoint --default", "REPOINT DEFAULT"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		CtlArgs args = parsed(rows[i].words);
		char *statement = ctlquery_statement(&args);

		assert_string_equal(statement, rows[i].statement);
		free(statement);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_given_is_preset),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(modes_are_signals),
		cmocka_unit_test(p_is_a_path_or_a_port),
		cmocka_unit_test(a_verb_takes_its_own_options_only),
		cmocka_unit_test(operands_are_counted),
		cmocka_unit_test(numbers_have_a_range),
		cmocka_unit_test(the_environment_has_a_timeout),
		cmocka_unit_test(help_comes_first),
		cmocka_unit_test(signals_and_processes_are_read_strictly),
		cmocka_unit_test(help_names_every_verb),
		cmocka_unit_test(statements_quote_what_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
