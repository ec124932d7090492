/*
 * test_rulescope.c
 *		Decisions of a rule: taken once, by the name that counts, on record before
 *		they count, and the same for all workers of the rule.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/journal.h"
#include "state/ledger.h"
#include "state/rulescope.h"
#include "util/mem.h"
#include "statedir.h"

#define SYSID UINT64_C(7312345678901234567)
#define SINCE ((Lsn) 0x5000000)
#define LSN ((Lsn) 0x6000000)
#define FILE_NAME "scope/berlin"

enum
{
	TEMPLATE1 = 1,
	POSTGRES = 5,
	APP = 16384,
	SECRET = 16385,
	LATER = 16400,
	SPC = 16390
};

/* What the hooks were asked and told, and what they answer. */
typedef struct Told
{
	unsigned asked;
	ScopeAnswer answer;
	const char *name;
	bool (*meanwhile)(void); /* while the upstream is being asked */
	uint32_t xid;
	unsigned notes[LOG_PANIC + 1];
	ErrInfo note; /* the last one above LOG_DEBUG1 */
	unsigned alarms;
	bool open_journal; /* with each note: somebody else needs it */
} Told;

static Told told;
static ScopeObjects objects;

static ScopeAnswer
on_look_up(void *arg, ScopeKind kind UNUSED, Oid oid UNUSED, uint32_t xid,
	Lsn lsn, char name[CATALOG_NAME_SIZE], ErrInfo *err)
{
	assert_ptr_equal(arg, &told);
	assert_true(lsn == LSN);
	told.asked++;
	told.xid = xid;
	if (told.meanwhile != NULL)
		assert_true(told.meanwhile());
	if (told.name != NULL)
		snprintf(name, CATALOG_NAME_SIZE, "%s", told.name);
	if (told.answer == SCOPE_ANSWER_ERROR)
		errinfo_set(err, SQLSTATE_CONNECTION_FAILURE, "nobody there");
	return told.answer;
}

static void
on_note(void *arg UNUSED, LogLevel level, const ErrInfo *what)
{
	told.notes[level]++;
	if (level > LOG_DEBUG1)
		told.note = *what;
	if (told.open_journal)
	{
		Journal j;
		ErrInfo err;

		assert_true(journal_open_read(
			&j, state_directory, "berlin", SYSID, NULL, &err));
		journal_close(&j);
	}
}

static void
on_alarm(void *arg UNUSED, const ErrInfo *what)
{
	told.alarms++;
	assert_string_not_equal(what->message, "");
}

/* A rule "berlin"; lists are "a b" or NULL, databases and tablespaces. */
typedef struct Lists
{
	const char *include;
	const char *exclude;
	const char *include_spc;
	const char *exclude_spc;
} Lists;

static RuleList
make_list(const char *names)
{
	RuleList list = {.given = names != NULL};
	char *copy;
	char *word;

	if (names == NULL)
		return list;
	copy = mem_strdup(names);
	for (word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
	{
		list.names.items = mem_realloc(
			list.names.items, (list.names.count + 1) * sizeof(char *));
		list.names.items[list.names.count++] = mem_strdup(word);
	}
	free(copy);
	return list;
}

static Rule
make_rule(Lists lists)
{
	return (Rule){
		.name = mem_strdup("berlin"),
		.filter =
			{
				.include_databases = make_list(lists.include),
				.exclude_databases = make_list(lists.exclude),
				.include_tablespaces = make_list(lists.include_spc),
				.exclude_tablespaces = make_list(lists.exclude_spc),
			},
	};
}

static RuleScopeParams
params_of(const Rule *rule)
{
	return (RuleScopeParams){
		.rule = rule,
		.state_directory = state_directory,
		.system_identifier = SYSID,
		.objects = &objects,
		.since = SINCE,
		.hooks = {.look_up = on_look_up,
			.note = on_note,
			.alarm = on_alarm,
			.arg = &told},
	};
}

typedef enum How
{
	START, /* of a stream */
	LIVE,
	READ_ONLY
} How;

/* The rule is gone afterwards, as after a reload. */
static WalScope *
compile(Lists lists, How how)
{
	Rule rule = make_rule(lists);
	RuleScopeParams params = params_of(&rule);
	WalScope *scope;
	ErrInfo err;

	params.live = how == LIVE;
	params.read_only = how == READ_ONLY;
	if (!rulescope_compile(&params, &scope, &err))
		fail_msg("%s", err.message);
	rule_clear(&rule);
	return scope;
}

static void
add_database(Oid oid, const char *name)
{
	scope_objects_add(&objects, SCOPE_DATABASE, oid, name, false);
}

static int
setup(void **state)
{
	memset(&told, 0, sizeof(told));
	add_database(TEMPLATE1, "template1");
	add_database(POSTGRES, "postgres");
	add_database(APP, "app");
	add_database(SECRET, "secret");
	scope_objects_add(&objects, SCOPE_TABLESPACE, SPC, "spc", false);
	return statedir_setup(state);
}

static int
teardown(void **state)
{
	scope_objects_clear(&objects);
	return statedir_teardown(state);
}

static void
rename_database(Oid oid, const char *name)
{
	for (size_t i = 0; i < objects.count; i++)
	{
		if (objects.items[i].oid == oid)
			snprintf(objects.items[i].name, CATALOG_NAME_SIZE, "%s", name);
	}
}

/* A record of the object at lsn. */
static bool
is_in_at(WalScope *scope, ScopeKind kind, Oid oid, Lsn lsn)
{
	ErrInfo err;
	bool in;
	bool ok = kind == SCOPE_DATABASE
				  ? walscope_check(scope, oid, 0, 740, lsn, &in, &err)
				  : walscope_check(scope, 0, oid, 740, lsn, &in, &err);

	if (!ok)
		fail_msg("%s", err.message);
	return in;
}

static bool
is_in(WalScope *scope, Oid database)
{
	return is_in_at(scope, SCOPE_DATABASE, database, LSN);
}

static void
name_database(WalScope *scope, Oid oid, const char *name)
{
	ErrInfo err;

	if (!walscope_named(scope, SCOPE_DATABASE, oid, name, LSN, &err))
		fail_msg("%s", err.message);
}

static ssize_t
journal_size(void)
{
	ssize_t len;

	free(file_content(statedir_path(FILE_NAME), &len));
	return len;
}

/* Whether the journal has a line that ends with text. */
static bool
journal_has(const char *text)
{
	char line[256];
	ssize_t len;
	char *content = file_content(statedir_path(FILE_NAME), &len);
	bool found;

	snprintf(line, sizeof(line), " %s\n", text);
	found = content != NULL && strstr(content, line) != NULL;
	free(content);
	return found;
}

static void
rule_without_filter_needs_no_scope(void **state UNUSED)
{
	Rule rule = make_rule((Lists){0});

	assert_false(rulescope_needed(&rule, state_directory));
	assert_false(rulescope_needed(&rule, ""));
	assert_null(compile((Lists){0}, START));
	assert_int_equal(journal_size(), -1);
	rule_clear(&rule);
}

static void
include_list_keeps_what_it_names(void **state UNUSED)
{
	ScopeListener listener;
	WalScope *scope;

	scope_objects_add(&objects, SCOPE_DATABASE, 16386, "mould", true);
	scope = compile((Lists){.include = "app"}, START);
	assert_true(is_in(scope, TEMPLATE1));
	assert_true(is_in(scope, APP));
	assert_true(is_in(scope, 16386));
	assert_false(is_in(scope, POSTGRES));
	assert_false(is_in(scope, SECRET));
	assert_true(is_in_at(scope, SCOPE_TABLESPACE, SPC, LSN));
	assert_int_equal(told.asked, 0);
	assert_true(journal_has("database 16384 in 0/0 name app"));
	assert_true(journal_has("database 16385 out 0/0 name secret"));
	/* for those who come without the listener */
	listener = walscope_take_listener(scope);
	listener.free(listener.arg);
	assert_false(is_in(scope, 99999));
	assert_true(is_in_at(scope, SCOPE_TABLESPACE, 99999, LSN));
	walscope_free(scope);
}

static void
exclude_list_keeps_the_rest(void **state UNUSED)
{
	WalScope *scope = compile(
		(Lists){.exclude = "secret template1", .exclude_spc = "spc"}, START);

	assert_true(is_in(scope, TEMPLATE1));
	assert_true(is_in(scope, POSTGRES));
	assert_false(is_in(scope, SECRET));
	assert_false(is_in_at(scope, SCOPE_TABLESPACE, SPC, LSN));
	walscope_free(scope);
}

static void
names_that_nothing_has_are_noted(void **state UNUSED)
{
	walscope_free(
		compile((Lists){.include = "app typo", .exclude_spc = "spc"}, START));
	assert_int_equal(told.notes[LOG_WARNING], 1);
	assert_non_null(strstr(told.note.message, "\"typo\""));
}

/* Neither a rename nor a new start changes what was decided. */
static void
decisions_stay(void **state UNUSED)
{
	Lists lists = {.exclude = "secret"};
	WalScope *scope;
	ssize_t size;

	walscope_free(compile(lists, START));
	size = journal_size();
	rename_database(SECRET, "harmless");
	rename_database(APP, "secret");
	scope = compile(lists, START);
	assert_false(is_in(scope, SECRET));
	assert_true(is_in(scope, APP));
	assert_int_equal(journal_size(), size);
	walscope_free(scope);
}

static void
what_is_out_stays_out_with_a_warning(void **state UNUSED)
{
	WalScope *scope;

	walscope_free(compile((Lists){.exclude = "secret app"}, START));
	memset(&told, 0, sizeof(told));
	scope = compile((Lists){.exclude = "app"}, START);
	assert_false(is_in(scope, SECRET));
	assert_int_equal(told.notes[LOG_WARNING], 1);
	assert_non_null(strstr(told.note.message, "\"secret\" stays withheld"));
	assert_non_null(strstr(told.note.hint, "walbouncer --rescope berlin"));
	walscope_free(scope);
	/* even without any filter */
	scope = compile((Lists){0}, START);
	assert_non_null(scope);
	assert_false(is_in(scope, SECRET));
	assert_true(is_in(scope, POSTGRES));
	walscope_free(scope);
}

static void
nothing_on_record_as_out_needs_no_scope(void **state UNUSED)
{
	Rule rule = make_rule((Lists){0});

	walscope_free(compile((Lists){.exclude = "nothing"}, START));
	assert_true(rulescope_needed(&rule, state_directory));
	assert_null(compile((Lists){0}, START));
	rule_clear(&rule);
}

/* More is withheld from where the standby is; what began before, it has had. */
static void
changed_lists_narrow(void **state UNUSED)
{
	WalScope *scope;

	walscope_free(compile((Lists){.exclude = "secret"}, START));
	scope = compile((Lists){.exclude = "secret app"}, START);
	assert_true(is_in_at(scope, SCOPE_DATABASE, APP, SINCE - 1));
	assert_false(is_in_at(scope, SCOPE_DATABASE, APP, SINCE));
	assert_true(journal_has("database 16384 out 0/5000000 narrowed app"));
	assert_false(is_in_at(scope, SCOPE_DATABASE, SECRET, SINCE - 1));
	walscope_free(scope);
	/* it is from there on for the next one, too */
	scope = compile((Lists){.exclude = "secret app"}, START);
	assert_true(is_in_at(scope, SCOPE_DATABASE, APP, SINCE - 1));
	walscope_free(scope);
}

static void
new_objects_of_a_live_stream_are_out_from_now_on(void **state UNUSED)
{
	WalScope *scope;

	walscope_free(compile((Lists){.exclude = "secret"}, START));
	add_database(LATER, "secret");
	add_database(LATER + 1, "other");
	memset(&told, 0, sizeof(told));
	scope = compile((Lists){.exclude = "secret"}, LIVE);
	assert_true(is_in_at(scope, SCOPE_DATABASE, LATER, SINCE - 1));
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER, SINCE));
	assert_true(is_in(scope, LATER + 1));
	assert_int_equal(told.notes[LOG_LOG], 2);
	walscope_free(scope);
}

static void
catalogs_are_found_again(void **state UNUSED)
{
	Lists lists = {.exclude = "secret"};
	WalScope *scope;
	ScopeKind kind;
	ssize_t size;

	objects.relfilenumbers[SCOPE_DATABASE] = 1262;
	objects.relfilenumbers[SCOPE_TABLESPACE] = 16500;
	walscope_free(compile(lists, START));
	assert_true(journal_has("catalog tablespace 16500"));
	assert_false(journal_has("catalog database 1262"));
	objects.relfilenumbers[SCOPE_TABLESPACE] = 0;
	size = journal_size();
	scope = compile(lists, START);
	assert_true(walscope_catalog_kind(scope, 16500, &kind));
	assert_int_equal(kind, SCOPE_TABLESPACE);
	assert_int_equal(journal_size(), size);
	walscope_free(scope);
}

static void
moved_catalogs_are_on_record(void **state UNUSED)
{
	Lists lists = {.exclude = "secret"};
	WalScope *scope = compile(lists, START);
	WalScope *other = compile(lists, START);
	ScopeKind kind;
	ssize_t size;
	ErrInfo err;

	assert_true(walscope_moved(scope, SCOPE_DATABASE, 16600, LSN, &err));
	assert_true(journal_has("catalog database 16600"));
	size = journal_size();
	assert_true(walscope_moved(other, SCOPE_DATABASE, 16600, LSN, &err));
	assert_int_equal(journal_size(), size);
	walscope_free(other);
	walscope_free(scope);
	scope = compile(lists, START);
	assert_true(walscope_catalog_kind(scope, 16600, &kind));
	assert_int_equal(kind, SCOPE_DATABASE);
	walscope_free(scope);
}

static void
created_objects_are_judged_by_name(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.include = "app later"}, START);
	ssize_t size;

	memset(&told, 0, sizeof(told));
	name_database(scope, LATER, "later");
	name_database(scope, LATER + 1, "other");
	assert_true(is_in(scope, LATER));
	assert_false(is_in(scope, LATER + 1));
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER + 1, 1));
	assert_true(journal_has("database 16400 in 0/0 created later"));
	assert_true(journal_has("database 16401 out 0/0 created other"));
	assert_int_equal(told.notes[LOG_LOG], 2);
	assert_non_null(strstr(told.note.detail, "0/6000000"));
	/* the stream starts again, with this scope or a new one */
	size = journal_size();
	name_database(scope, LATER, "later");
	name_database(scope, LATER + 1, "other");
	walscope_free(scope);
	scope = compile((Lists){.include = "app later"}, START);
	name_database(scope, LATER, "later");
	name_database(scope, LATER + 1, "other");
	assert_int_equal(journal_size(), size);
	assert_int_equal(told.notes[LOG_LOG], 2);
	assert_int_equal(told.asked, 0);
	walscope_free(scope);
}

/* SQL knew it by a later name; then the one that it was created under counts. */
static void
name_at_creation_puts_out(void **state UNUSED)
{
	Lists lists = {.exclude = "secret hidden"};
	WalScope *scope = compile(lists, START);
	ssize_t size;

	name_database(scope, APP, "hidden");
	assert_true(is_in_at(scope, SCOPE_DATABASE, APP, LSN - 1));
	assert_false(is_in(scope, APP));
	assert_true(journal_has("database 16384 out 0/6000000 created hidden"));
	/* but it never puts in */
	size = journal_size();
	name_database(scope, SECRET, "harmless");
	assert_false(is_in(scope, SECRET));
	assert_int_equal(journal_size(), size);
	walscope_free(scope);
}

/* Another worker has put it out from some LSN on: so do we. */
static void
what_others_have_put_out_is_adopted(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);

	walscope_free(compile((Lists){.exclude = "secret app"}, START));
	assert_true(is_in(scope, APP));
	name_database(scope, APP, "app");
	assert_true(is_in_at(scope, SCOPE_DATABASE, APP, SINCE - 1));
	assert_false(is_in_at(scope, SCOPE_DATABASE, APP, SINCE));
	walscope_free(scope);
}

static void
unknown_oids_are_looked_up(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);

	memset(&told, 0, sizeof(told));
	told.name = "later";
	assert_true(is_in(scope, LATER));
	assert_int_equal(told.xid, 740);
	told.name = "secret";
	assert_false(is_in(scope, LATER + 1));
	assert_int_equal(told.asked, 2);
	assert_true(journal_has("database 16400 in 0/0 name later"));
	assert_true(journal_has("database 16401 out 0/0 name secret"));
	assert_int_equal(told.notes[LOG_LOG], 2);
	/* nobody asks again */
	walscope_free(scope);
	scope = compile((Lists){.exclude = "secret"}, START);
	assert_true(is_in(scope, LATER));
	assert_false(is_in(scope, LATER + 1));
	assert_int_equal(told.asked, 2);
	walscope_free(scope);
}

static void
templates_are_kept_when_looked_up(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.include = "app"}, START);

	told.name = "template0";
	assert_true(is_in(scope, 4));
	told.name = "later";
	assert_false(is_in(scope, LATER));
	walscope_free(scope);
}

/* Under an exclude list, too: it might have had any name. */
static void
what_nobody_can_name_is_out(void **state UNUSED)
{
	WalScope *scope =
		compile((Lists){.exclude = "secret", .exclude_spc = "x"}, START);

	memset(&told, 0, sizeof(told));
	told.answer = SCOPE_ANSWER_NONE;
	told.name = "not to be used";
	assert_false(is_in(scope, LATER));
	assert_false(is_in_at(scope, SCOPE_TABLESPACE, LATER, LSN));
	assert_true(journal_has("database 16400 out 0/0 unknown "));
	assert_true(journal_has("tablespace 16400 out 0/0 unknown "));
	assert_int_equal(told.notes[LOG_WARNING], 2);
	assert_non_null(strstr(told.note.message, "16400"));
	walscope_free(scope);
}

static void
without_anybody_to_ask_it_is_out(void **state UNUSED)
{
	Rule rule = make_rule((Lists){.exclude = "secret"});
	RuleScopeParams params = params_of(&rule);
	WalScope *scope;
	ErrInfo err;

	params.hooks = (RuleScopeHooks){0};
	assert_true(rulescope_compile(&params, &scope, &err));
	assert_false(is_in(scope, LATER));
	assert_true(is_in(scope, APP));
	assert_true(walscope_copied(scope, APP, SECRET, LSN, &err));
	assert_false(is_in(scope, APP));
	walscope_free(scope);
	rule_clear(&rule);
}

/* No name could put it out, so nobody is asked; but it is on record. */
static void
unfiltered_kind_is_not_looked_up(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.include = "app"}, START);

	told.answer = SCOPE_ANSWER_ERROR;
	assert_true(is_in_at(scope, SCOPE_TABLESPACE, LATER, LSN));
	assert_int_equal(told.asked, 0);
	assert_true(journal_has("tablespace 16400 in 0/0 unfiltered "));
	walscope_free(scope);
	/* so it is known later that the standby has had it */
	scope_objects_add(&objects, SCOPE_TABLESPACE, LATER, "big", false);
	scope = compile((Lists){.include = "app", .exclude_spc = "big"}, START);
	assert_true(is_in_at(scope, SCOPE_TABLESPACE, LATER, SINCE - 1));
	assert_false(is_in_at(scope, SCOPE_TABLESPACE, LATER, SINCE));
	walscope_free(scope);
}

static void
failed_look_up_decides_nothing(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);
	ssize_t size = journal_size();
	ScopeVerdict verdict;
	ErrInfo err;
	bool in;

	told.answer = SCOPE_ANSWER_ERROR;
	assert_false(walscope_check(scope, LATER, 0, 740, LSN, &in, &err));
	assert_string_equal(err.message, "nobody there");
	assert_false(walscope_get(scope, SCOPE_DATABASE, LATER, &verdict));
	assert_int_equal(journal_size(), size);
	told.answer = SCOPE_ANSWER_NAME;
	told.name = "later";
	assert_true(is_in(scope, LATER));
	walscope_free(scope);
}

/* What another worker of the rule does while the upstream is asked. */
static WalScope *other_worker;

static bool
other_puts_out(void)
{
	ErrInfo err;

	return walscope_named(
		other_worker, SCOPE_DATABASE, LATER, "secret", LSN, &err);
}

/* It could not if the journal were locked; and its decision is the first. */
static void
decision_of_another_comes_first(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);
	ssize_t size;

	other_worker = compile((Lists){.exclude = "secret"}, START);
	told.meanwhile = other_puts_out;
	told.name = "later";
	assert_false(is_in(scope, LATER));
	assert_int_equal(told.asked, 1);
	assert_false(journal_has("database 16400 in 0/0 name later"));
	told.meanwhile = NULL;
	/* and before that it need not even be asked */
	size = journal_size();
	name_database(other_worker, LATER + 1, "fine");
	assert_true(journal_size() > size);
	size = journal_size();
	assert_true(is_in(scope, LATER + 1));
	assert_int_equal(told.asked, 1);
	assert_int_equal(journal_size(), size);
	walscope_free(other_worker);
	walscope_free(scope);
}

static void
copied_database_is_out_with_an_alarm(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);
	WalScope *other = compile((Lists){.exclude = "secret"}, START);
	ssize_t size;
	ErrInfo err;

	memset(&told, 0, sizeof(told));
	name_database(scope, LATER, "copy");
	assert_true(is_in(scope, LATER));
	assert_true(walscope_copied(scope, LATER, SECRET, LSN, &err));
	assert_false(is_in(scope, LATER));
	assert_true(journal_has("database 16400 out 0/6000000 file_copy copy"));
	assert_int_equal(told.alarms, 1);
	assert_int_equal(told.notes[LOG_WARNING], 1);
	assert_non_null(strstr(told.note.message, "\"copy\" (OID 16400)"));
	assert_non_null(strstr(told.note.detail, "16385"));
	assert_non_null(strstr(told.note.hint, "STRATEGY wal_log"));
	assert_non_null(strstr(told.note.hint, "walbouncer --rescope berlin"));
	/* the same WAL again: by this stream, which knows, and by another */
	size = journal_size();
	assert_true(walscope_copied(scope, LATER, SECRET, LSN, &err));
	assert_int_equal(told.alarms, 1);
	assert_true(walscope_copied(other, LATER, SECRET, LSN, &err));
	assert_int_equal(told.alarms, 2);
	assert_non_null(strstr(told.note.message, "database with OID 16400"));
	assert_int_equal(journal_size(), size);
	walscope_free(other);
	/* and by one that begins with it on record */
	walscope_free(scope);
	scope = compile((Lists){.exclude = "secret"}, START);
	assert_true(walscope_copied(scope, LATER, SECRET, LSN, &err));
	assert_int_equal(told.alarms, 2);
	walscope_free(scope);
}

/* The journal cannot be written: no verdict, no byte. */
static void
nothing_counts_that_is_not_on_record(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);
	ScopeVerdict verdict;
	ErrInfo err;
	bool in;

	told.name = "later";
	limit_file_size((rlim_t) journal_size() + 10);
	assert_false(walscope_check(scope, LATER, 0, 740, LSN, &in, &err));
	assert_false(
		walscope_named(scope, SCOPE_DATABASE, LATER, "later", LSN, &err));
	assert_false(walscope_copied(scope, LATER, SECRET, LSN, &err));
	assert_false(walscope_moved(scope, SCOPE_DATABASE, 16700, LSN, &err));
	limit_file_size(RLIM_INFINITY);
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_false(walscope_get(scope, SCOPE_DATABASE, LATER, &verdict));
	assert_int_equal(told.alarms, 0);
	assert_true(is_in(scope, LATER));
	walscope_free(scope);
}

/* A log that is stuck is nobody else's trouble, and tells nothing untrue. */
static void
notes_are_passed_on_when_all_is_done(void **state UNUSED)
{
	Rule rule = make_rule((Lists){.exclude = "secret typo"});
	RuleScopeParams params = params_of(&rule);
	WalScope *scope;
	ErrInfo err;

	limit_file_size(10);
	assert_false(rulescope_compile(&params, &scope, &err));
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(told.notes[LOG_WARNING] + told.notes[LOG_DEBUG1], 0);
	told.open_journal = true;
	assert_true(rulescope_compile(&params, &scope, &err));
	assert_int_equal(told.notes[LOG_DEBUG1], 5);
	assert_int_equal(told.notes[LOG_WARNING], 1);
	name_database(scope, LATER, "later");
	assert_true(walscope_copied(scope, LATER, SECRET, LSN, &err));
	told.answer = SCOPE_ANSWER_NONE;
	assert_false(is_in(scope, LATER + 1));
	assert_int_equal(told.notes[LOG_LOG], 1);
	assert_int_equal(told.notes[LOG_WARNING], 3);
	walscope_free(scope);
	rule_clear(&rule);
}

static void
reading_only_writes_nothing(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, READ_ONLY);
	ssize_t size;
	ErrInfo err;

	assert_false(is_in(scope, SECRET));
	assert_int_equal(journal_size(), -1);
	walscope_free(scope);
	walscope_free(compile((Lists){.exclude = "secret"}, START));
	size = journal_size();
	rename_database(SECRET, "harmless");
	scope = compile((Lists){.exclude = "app"}, READ_ONLY);
	assert_false(is_in(scope, SECRET));
	assert_false(is_in(scope, APP));
	assert_true(is_in_at(scope, SCOPE_DATABASE, APP, SINCE - 1));
	told.name = "fine";
	assert_true(is_in(scope, LATER));
	assert_true(walscope_named(scope, SCOPE_DATABASE, LATER, "app", LSN, &err));
	assert_true(is_in_at(scope, SCOPE_DATABASE, LATER, LSN - 1));
	assert_false(is_in(scope, LATER));
	name_database(scope, LATER + 1, "app");
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER + 1, 1));
	assert_true(walscope_copied(scope, POSTGRES, SECRET, LSN, &err));
	assert_false(is_in(scope, POSTGRES));
	assert_true(walscope_moved(scope, SCOPE_DATABASE, 16700, LSN, &err));
	assert_int_equal(journal_size(), size);
	walscope_free(scope);
}

/* Decisions are taken anew; a stream that runs keeps what it has out. */
static void
rescope_lets_names_count_again(void **state UNUSED)
{
	WalScope *scope;
	WalScope *live;
	size_t decisions;
	Ledger *ledger;
	LedgerKey key = {.state_directory = state_directory,
		.rule = "berlin",
		.user = "rep",
		.application_name = "",
		.system_identifier = SYSID};
	Straddle straddle = {.boundary = 0x3000000, .tli = 1};
	Tally tally = {0};
	ErrInfo err;

	live = compile((Lists){.exclude = "secret app"}, START);
	ledger = ledger_open(&key, &err);
	assert_non_null(ledger);
	assert_true(ledger_begin(ledger, 0x2000000, 1, 0, &err));
	assert_true(ledger_range(ledger, 0x3000000, &tally, &straddle, &err));
	assert_true(ledger_find_straddle(ledger, 0x3000000, 1, &straddle));
	assert_true(rulescope_forget(state_directory, "berlin", &decisions, &err));
	assert_int_equal(decisions, 5);
	assert_false(ledger_find_straddle(ledger, 0x3000000, 1, &straddle));
	ledger_close(ledger);
	memset(&told, 0, sizeof(told));
	scope = compile((Lists){.exclude = "app"}, START);
	assert_true(is_in(scope, SECRET));
	assert_false(is_in(scope, APP));
	assert_int_equal(told.notes[LOG_WARNING], 0);
	walscope_free(scope);
	name_database(live, SECRET, "harmless");
	assert_false(is_in(live, SECRET));
	walscope_free(live);
}

/* Of what a worker decides meanwhile nothing is lost, and nothing forgotten twice. */
static void
rescope_beside_a_worker_forgets_each_decision_once(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);
	pid_t pid = fork();
	size_t sum = 0;
	size_t decisions;
	int status;
	ErrInfo err;

	assert_true(pid >= 0);
	for (Oid oid = 20000; pid == 0 && oid < 20100; oid++)
		name_database(scope, oid, oid % 2 == 0 ? "secret" : "fine");
	if (pid == 0)
		_exit(0);
	do
	{
		if (!rulescope_forget(state_directory, "berlin", &decisions, &err))
			fail_msg("%s", err.message);
		sum += decisions;
	} while (waitpid(pid, &status, WNOHANG) == 0);
	assert_int_equal(status, 0);
	assert_true(rulescope_forget(state_directory, "berlin", &decisions, &err));
	assert_int_equal(sum + decisions, 5 + 100);
	walscope_free(scope);
}

static void
what_cannot_be_known_is_an_error(void **state UNUSED)
{
	Rule rule = make_rule((Lists){.exclude = "secret"});
	RuleScopeParams params = params_of(&rule);
	WalScope *scope = NULL;
	ErrInfo err;

	walscope_free(compile((Lists){.exclude = "secret"}, START));
	params.system_identifier++;
	assert_false(rulescope_compile(&params, &scope, &err));
	assert_null(scope);
	assert_non_null(strstr(err.message, "another database system"));
	params.state_directory = "";
	assert_false(rulescope_compile(&params, &scope, &err));
	params.read_only = true;
	assert_true(rulescope_compile(&params, &scope, &err));
	assert_false(is_in(scope, SECRET));
	walscope_free(scope);
	rule_clear(&rule);
}

/* Both meet the same OIDs and are told other names of them. */
static void
two_processes_come_to_the_same(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);
	WalScope *after;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	told.name = pid == 0 ? "secret" : "later";
	for (Oid oid = 20000; oid < 20100; oid++)
		(void) is_in(scope, oid);
	if (pid != 0)
	{
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	/* one after the other now: what each has must be what is on record */
	after = compile((Lists){.exclude = "secret"}, START);
	for (Oid oid = 20000; oid < 20100; oid++)
	{
		if (is_in(scope, oid) != is_in(after, oid))
			_exit(1);
	}
	if (pid == 0)
		_exit(0);
	walscope_free(after);
	walscope_free(scope);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The LSN of a narrowing is one standby's; one that is behind it gets no more. */
static void
narrowing_holds_for_who_is_behind(void **state UNUSED)
{
	WalScope *scope;
	Rule rule;
	RuleScopeParams params;
	ErrInfo err;

	walscope_free(compile((Lists){.exclude = "secret"}, START));
	/* one live standby at SINCE: "app" is put out */
	walscope_free(compile((Lists){.exclude = "secret app"}, LIVE));
	/* another one comes afterwards, far behind: its WAL is to have nothing of it */
	rule = make_rule((Lists){.exclude = "secret app"});
	params = params_of(&rule);
	params.since = 0x1000000;
	assert_true(rulescope_compile(&params, &scope, &err));
	rule_clear(&rule);
	assert_false(is_in_at(scope, SCOPE_DATABASE, APP, 0x2000000));
	walscope_free(scope);
}

/* Nor of what goes by as it is created under a name to be withheld. */
static void
created_behind_a_narrowing_is_out(void **state UNUSED)
{
	WalScope *scope;

	walscope_free(compile((Lists){.exclude = "secret hidden"}, START));
	add_database(LATER, "hidden");
	walscope_free(
		compile((Lists){.exclude = "secret hidden"}, LIVE)); /* since SINCE */
	{
		Rule rule = make_rule((Lists){.exclude = "secret hidden"});
		RuleScopeParams params = params_of(&rule);
		ErrInfo err;
		params.since = 0x1000000;
		assert_true(rulescope_compile(&params, &scope, &err));
		rule_clear(&rule);
		assert_true(walscope_named(
			scope, SCOPE_DATABASE, LATER, "hidden", 0x2000000, &err));
	}
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER, 0x2000100));
	walscope_free(scope);
}

/* Created, but not to be seen by SQL yet, when its name is put on the list. */
static void
unseen_is_judged_when_lists_change(void **state UNUSED)
{
	WalScope *scope = compile((Lists){.exclude = "secret"}, START);

	name_database(scope, LATER, "later");
	walscope_free(scope);
	walscope_free(compile((Lists){.exclude = "secret later"}, LIVE));
	add_database(
		LATER, "later"); /* it has committed, the upstream has replayed */
	scope = compile((Lists){.exclude = "secret later"}, START);
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER, LSN + 0x1000000));
	walscope_free(scope);
}

/* Two workers, one of which has not seen the reload yet. */
static void
decision_by_old_lists_is_judged_again(void **state UNUSED)
{
	WalScope *old = compile((Lists){.exclude = "secret"}, START);
	WalScope *scope;

	walscope_free(compile((Lists){.exclude = "secret later"}, LIVE));
	name_database(old, LATER, "later");
	walscope_free(old);
	add_database(LATER, "later");
	scope = compile((Lists){.exclude = "secret later"}, START);
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER, LSN + 0x1000000));
	walscope_free(scope);
}

/* At the start of a stream at lsn. */
static WalScope *
compile_at(Lists lists, Lsn lsn)
{
	Rule rule = make_rule(lists);
	RuleScopeParams params = params_of(&rule);
	WalScope *scope;
	ErrInfo err;

	params.since = lsn;
	if (!rulescope_compile(&params, &scope, &err))
		fail_msg("%s", err.message);
	rule_clear(&rule);
	return scope;
}

#define FAR_BEHIND 0x1000000

static void
copy_database(WalScope *scope, Oid oid, Lsn lsn)
{
	ErrInfo err;

	if (!walscope_copied(scope, oid, SECRET, lsn, &err))
		fail_msg("%s", err.message);
}

static void
assert_out_from(WalScope *scope, Oid database, Lsn lsn)
{
	assert_true(is_in_at(scope, SCOPE_DATABASE, database, lsn - 1));
	assert_false(is_in_at(scope, SCOPE_DATABASE, database, lsn));
}

/* Where a copy is in the WAL, it is for everybody: up to there all have the files. */
static void
copy_is_at_the_same_place_for_all(void **state UNUSED)
{
	Lists lists = {.exclude = "secret"};
	WalScope *ahead = compile(lists, START);
	WalScope *behind = compile_at(lists, FAR_BEHIND);
	ErrInfo err;

	copy_database(ahead, APP, LSN);
	name_database(ahead, LATER, "later");
	copy_database(ahead, LATER, LSN + 8);
	/* one that streams meanwhile comes to what is on record by now */
	assert_true(walscope_named(
		behind, SCOPE_DATABASE, LATER, "later", FAR_BEHIND + 8, &err));
	assert_out_from(behind, LATER, LSN + 8);
	walscope_free(behind);
	/* one that comes back */
	behind = compile_at(lists, FAR_BEHIND);
	assert_out_from(behind, APP, LSN);
	assert_out_from(behind, LATER, LSN + 8);
	walscope_free(behind);
	walscope_free(ahead);
	/* and one that is told to reload */
	behind = compile(lists, LIVE);
	assert_out_from(behind, APP, LSN);
	walscope_free(behind);
}

/* Lists that put it out as well hold from where each standby is. */
static void
copied_and_narrowed_is_out_from_the_narrowing(void **state UNUSED)
{
	Lists lists = {.exclude_spc = "spc"};
	Lists narrow = {.exclude = "app later", .exclude_spc = "spc"};
	WalScope *scope = compile(lists, START);

	copy_database(scope, POSTGRES, LSN);
	copy_database(scope, APP, LSN);
	/* these two are not to be seen: one has a name on record, one has none */
	name_database(scope, LATER, "later");
	copy_database(scope, LATER, LSN);
	assert_true(is_in(scope, LATER + 1));
	copy_database(scope, LATER + 1, LSN);
	walscope_free(scope);
	walscope_free(compile_at(narrow, LSN + 0x1000000));
	scope = compile_at(narrow, FAR_BEHIND);
	assert_out_from(scope, POSTGRES, LSN);
	assert_false(is_in_at(scope, SCOPE_DATABASE, APP, FAR_BEHIND));
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER, FAR_BEHIND));
	assert_false(is_in_at(scope, SCOPE_DATABASE, LATER + 1, FAR_BEHIND));
	walscope_free(scope);
}

/* One further behind meets what the one ahead has not seen. */
static void
what_comes_before_a_copy_puts_out_earlier(void **state UNUSED)
{
	Lists lists = {.exclude = "secret hidden"};
	WalScope *ahead = compile(lists, START);
	WalScope *behind;
	ErrInfo err;

	copy_database(ahead, APP, LSN);
	copy_database(ahead, POSTGRES, LSN);
	walscope_free(ahead);
	behind = compile_at(lists, FAR_BEHIND);
	copy_database(behind, APP, LSN - 0x100);
	assert_out_from(behind, APP, LSN - 0x100);
	assert_true(walscope_named(
		behind, SCOPE_DATABASE, POSTGRES, "hidden", LSN - 0x200, &err));
	assert_false(is_in_at(behind, SCOPE_DATABASE, POSTGRES, LSN - 0x200));
	walscope_free(behind);
	/* and so it stays */
	behind = compile_at(lists, LSN - 0x80);
	assert_false(is_in_at(behind, SCOPE_DATABASE, APP, LSN - 0x80));
	assert_false(is_in_at(behind, SCOPE_DATABASE, POSTGRES, LSN - 0x80));
	walscope_free(behind);
	behind = compile_at(lists, FAR_BEHIND);
	assert_out_from(behind, APP, LSN - 0x100);
	walscope_free(behind);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rule_without_filter_needs_no_scope),
		TEST(include_list_keeps_what_it_names),
		TEST(exclude_list_keeps_the_rest),
		TEST(names_that_nothing_has_are_noted),
		TEST(decisions_stay),
		TEST(what_is_out_stays_out_with_a_warning),
		TEST(nothing_on_record_as_out_needs_no_scope),
		TEST(changed_lists_narrow),
		TEST(new_objects_of_a_live_stream_are_out_from_now_on),
		TEST(catalogs_are_found_again),
		TEST(moved_catalogs_are_on_record),
		TEST(created_objects_are_judged_by_name),
		TEST(name_at_creation_puts_out),
		TEST(what_others_have_put_out_is_adopted),
		TEST(unknown_oids_are_looked_up),
		TEST(templates_are_kept_when_looked_up),
		TEST(what_nobody_can_name_is_out),
		TEST(without_anybody_to_ask_it_is_out),
		TEST(unfiltered_kind_is_not_looked_up),
		TEST(failed_look_up_decides_nothing),
		TEST(decision_of_another_comes_first),
		TEST(copied_database_is_out_with_an_alarm),
		TEST(nothing_counts_that_is_not_on_record),
		TEST(notes_are_passed_on_when_all_is_done),
		TEST(reading_only_writes_nothing),
		TEST(rescope_lets_names_count_again),
		TEST(rescope_beside_a_worker_forgets_each_decision_once),
		TEST(what_cannot_be_known_is_an_error),
		TEST(two_processes_come_to_the_same),
		TEST(narrowing_holds_for_who_is_behind),
		TEST(created_behind_a_narrowing_is_out),
		TEST(unseen_is_judged_when_lists_change),
		TEST(decision_by_old_lists_is_judged_again),
		TEST(copy_is_at_the_same_place_for_all),
		TEST(copied_and_narrowed_is_out_from_the_narrowing),
		TEST(what_comes_before_a_copy_puts_out_earlier),
	};

	return cmocka_run_group_tests_name("rulescope", tests, NULL, NULL);
}
