/*
 * rulescope.c
 *		From the names of a rule to verdicts by OID.  See rulescope.h.
 *
 * The journal is locked for moments: to compile, and for each thing that comes up
 * in the WAL.  It is never locked while the upstream is asked, which may take
 * seconds; it is read again afterwards, since another worker of the rule may have
 * met the same object, and the first one to write its decision down has taken it.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "state/journal.h"
#include "state/ledger.h"
#include "state/rulescope.h"

/* What a scope's listener knows; it goes with the scope. */
typedef struct RuleScope
{
	Rule rule; /* a copy of name and filter, nothing else */
	char *state_directory;
	uint64_t system_identifier;
	bool read_only;
	RuleScopeHooks hooks;
	/* The row that was met last, for messages: what is copied is named just before. */
	ScopeKind named_kind;
	Oid named_oid;
	char named[CATALOG_NAME_SIZE];
} RuleScope;

/* How each kind of object is called, and what of a filter it is held to. */
typedef struct KindInfo
{
	const char *label;
	size_t include_offset;
	size_t exclude_offset;
	const char *always[2]; /* kept whatever the lists say */
} KindInfo;

static const KindInfo kinds[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] =
		{
			.label = "database",
			.include_offset = offsetof(RuleFilter, include_databases),
			.exclude_offset = offsetof(RuleFilter, exclude_databases),
			.always = {"template0", "template1"},
		},
	[SCOPE_TABLESPACE] =
		{
			.label = "tablespace",
			.include_offset = offsetof(RuleFilter, include_tablespaces),
			.exclude_offset = offsetof(RuleFilter, exclude_tablespaces),
			.always = {"pg_default", "pg_global"},
		},
};

/* ---- what the upstream has ---- */

void
scope_objects_add(ScopeObjects *objects, ScopeKind kind, Oid oid,
	const char *name, bool always)
{
	ScopeObject *object;

	if (objects->count == objects->cap)
	{
		objects->cap = Max(objects->cap * 2, 16);
		objects->items =
			mem_realloc(objects->items, objects->cap * sizeof(ScopeObject));
	}
	object = &objects->items[objects->count++];
	*object = (ScopeObject){.kind = kind, .oid = oid, .always = always};
	snprintf(object->name, sizeof(object->name), "%s", name);
}

void
scope_objects_clear(ScopeObjects *objects)
{
	free(objects->items);
	*objects = (ScopeObjects){0};
}

/* ---- what the lists say ---- */

static const RuleList *
list_at(const RuleFilter *filter, size_t offset)
{
	return (const RuleList *) ((const char *) filter + offset);
}

static const RuleList *
include_list(const RuleFilter *filter, ScopeKind kind)
{
	return list_at(filter, kinds[kind].include_offset);
}

static const RuleList *
exclude_list(const RuleFilter *filter, ScopeKind kind)
{
	return list_at(filter, kinds[kind].exclude_offset);
}

/* Whether a name can make any difference. */
static bool
filters_kind(const RuleFilter *filter, ScopeKind kind)
{
	return include_list(filter, kind)->given ||
		   exclude_list(filter, kind)->names.count > 0;
}

static ScopeVerdict
verdict_by_name(
	const RuleFilter *filter, ScopeKind kind, const char *name, bool always)
{
	const RuleList *include = include_list(filter, kind);
	const RuleList *exclude = exclude_list(filter, kind);

	for (size_t i = 0; i < lengthof(kinds[kind].always); i++)
	{
		if (strcmp(name, kinds[kind].always[i]) == 0)
			return SCOPE_IN;
	}
	if (include->given)
		return always || rule_names_contain(&include->names, name) ? SCOPE_IN
																   : SCOPE_OUT;
	return exclude->given && rule_names_contain(&exclude->names, name)
			   ? SCOPE_OUT
			   : SCOPE_IN;
}

/* ---- notes ---- */

static void note(const RuleScopeHooks *hooks, LogLevel level,
	const char *detail, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* detail may be NULL. */
static void
note(const RuleScopeHooks *hooks, LogLevel level, const char *detail,
	const char *fmt, ...)
{
	char text[sizeof(((ErrInfo *) NULL)->message)];
	ErrInfo what;
	va_list ap;

	if (hooks->note == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, "%s", text);
	if (detail != NULL)
		errinfo_detail(&what, "%s", detail);
	hooks->note(hooks->arg, level, &what);
}

/* What an object is called in messages; name may be "". */
#define OBJECT_TEXT_SIZE (CATALOG_NAME_SIZE + 64)

static const char *
describe(char text[OBJECT_TEXT_SIZE], ScopeKind kind, Oid oid, const char *name)
{
	if (name[0] != '\0')
		snprintf(text, OBJECT_TEXT_SIZE, "%s \"%s\" (OID %u)",
			kinds[kind].label, name, oid);
	else
		snprintf(
			text, OBJECT_TEXT_SIZE, "%s with OID %u", kinds[kind].label, oid);
	return text;
}

/* A decision that is new; how it came about may be NULL. */
static void
note_decision(const RuleScopeHooks *hooks, LogLevel level, const char *rule,
	ScopeKind kind, Oid oid, const char *name, ScopeVerdict verdict,
	const char *how)
{
	char object[OBJECT_TEXT_SIZE];

	note(hooks, level, how, "%s is %s under rule \"%s\"",
		describe(object, kind, oid, name),
		verdict == SCOPE_OUT ? "withheld" : "given", rule);
}

/* ---- compiling ---- */

/* Something for the log, until the journal is unlocked. */
typedef struct Note
{
	LogLevel level;
	ErrInfo what;
} Note;

typedef struct Compilation
{
	const RuleScopeParams *params;
	WalScope *scope;
	Journal journal;
	bool first;           /* the lists have not been looked at before */
	bool lists_changed;   /* since the journal was last written by them */
	RuleScopeHooks queue; /* takes notes */
	Note *notes;
	size_t note_count;
	size_t note_cap;
} Compilation;

static void
queue_note(void *arg, LogLevel level, const ErrInfo *what)
{
	Compilation *c = arg;

	if (c->note_count == c->note_cap)
	{
		c->note_cap = Max(c->note_cap * 2, 16);
		c->notes = mem_realloc(c->notes, c->note_cap * sizeof(Note));
	}
	c->notes[c->note_count++] = (Note){.level = level, .what = *what};
}

/*
 * A log that takes its time must not keep others from the journal; and what could
 * not be written down has not been decided.
 */
static void
pass_notes_on(Compilation *c, bool committed)
{
	const RuleScopeHooks *hooks = &c->params->hooks;

	for (size_t i = 0; committed && i < c->note_count; i++)
		hooks->note(hooks->arg, c->notes[i].level, &c->notes[i].what);
	free(c->notes);
}

/* Out on record, though the lists would have it. */
static void
note_stays_out(const Compilation *c, const ScopeObject *object)
{
	const char *rule = c->params->rule->name;
	ErrInfo what;

	if (c->queue.note == NULL)
		return;
	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"%s \"%s\" stays withheld under rule \"%s\": its standbys lack its "
		"data",
		kinds[object->kind].label, object->name, rule);
	errinfo_hint(&what,
		"Stop the standbys of the rule, run \"walbouncer --rescope %s\" and "
		"rebuild them.",
		rule);
	c->queue.note(c->queue.arg, LOG_WARNING, &what);
}

/* By name, and on record from now on. */
static void
decide(Compilation *c, const ScopeObject *object, ScopeVerdict verdict,
	bool on_record)
{
	const RuleScopeParams *params = c->params;
	Lsn since = InvalidLsn;

	if (verdict == SCOPE_IN)
		walscope_set(c->scope, object->kind, object->oid, SCOPE_IN);
	else
	{
		if (on_record || params->live)
			since = params->since;
		walscope_set_out(c->scope, object->kind, object->oid, since);
	}
	journal_add(&c->journal, object->kind, object->oid, verdict, since,
		on_record ? "narrowed" : "name", object->name);
	/* the first time, that is just what the configuration says */
	note_decision(&c->queue, c->first ? LOG_DEBUG1 : LOG_LOG,
		params->rule->name, object->kind, object->oid, object->name, verdict,
		on_record ? "The lists of the rule have changed." : NULL);
}

/* One object of the upstream: what is on record, or else what the lists say. */
static void
judge(Compilation *c, const ScopeObject *object)
{
	const JournalEntry *known =
		journal_find(&c->journal, object->kind, object->oid);
	ScopeVerdict by_name = verdict_by_name(
		&c->params->rule->filter, object->kind, object->name, object->always);

	if (known == NULL)
		decide(c, object, by_name, false);
	else if (known->verdict == SCOPE_OUT)
	{
		if (by_name == SCOPE_IN)
			note_stays_out(c, object);
	}
	else if (by_name == SCOPE_OUT && c->lists_changed)
		decide(c, object, by_name, true);
}

static bool
upstream_has(const ScopeObjects *objects, ScopeKind kind, const char *name)
{
	for (size_t i = 0; i < objects->count; i++)
	{
		if (objects->items[i].kind == kind &&
			strcmp(objects->items[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Names of a list that nothing has: a slip of the pen, or of a time to come. */
static void
note_unknown_names(const Compilation *c, ScopeKind kind, const RuleList *list)
{
	const RuleScopeParams *params = c->params;

	for (size_t i = 0; i < list->names.count; i++)
	{
		const char *name = list->names.items[i];

		if (!upstream_has(params->objects, kind, name))
			note(&c->queue, LOG_WARNING, NULL,
				"%s \"%s\" in rule \"%s\" does not exist on the upstream",
				kinds[kind].label, name, params->rule->name);
	}
}

/* Which file a catalog lies in, if that is news. */
static void
add_catalog_file(Compilation *c, ScopeKind kind)
{
	uint32_t relfilenumber = c->params->objects->relfilenumbers[kind];
	ScopeKind known;

	if (relfilenumber == 0 ||
		walscope_catalog_kind(c->scope, relfilenumber, &known))
		return;
	walscope_add_catalog(c->scope, kind, relfilenumber);
	journal_add_catalog(&c->journal, kind, relfilenumber);
}

/* With the journal open: decide what is new, and write it down. */
static bool
compile_with_journal(Compilation *c, ErrInfo *err)
{
	const RuleScopeParams *params = c->params;
	const RuleFilter *filter = &params->rule->filter;
	uint64_t digest = rule_filter_digest(filter);

	c->first = !c->journal.has_digest;
	c->lists_changed = c->first || c->journal.digest != digest;
	if (c->lists_changed)
		journal_add_digest(&c->journal, digest);
	for (size_t i = 0; i < params->objects->count; i++)
		judge(c, &params->objects->items[i]);
	for (int i = 0; i < SCOPE_KIND_COUNT; i++)
	{
		ScopeKind kind = (ScopeKind) i;

		/* The listener decides.  This is for those that come without one. */
		walscope_set_default(c->scope, kind,
			include_list(filter, kind)->given ? SCOPE_OUT : SCOPE_IN);
		note_unknown_names(c, kind, include_list(filter, kind));
		note_unknown_names(c, kind, exclude_list(filter, kind));
		add_catalog_file(c, kind);
	}
	return params->read_only || journal_commit(&c->journal, err);
}

static bool
compile(Compilation *c, ErrInfo *err)
{
	const RuleScopeParams *params = c->params;
	bool ok =
		params->read_only
			? journal_open_read(&c->journal, params->state_directory,
				  params->rule->name, params->system_identifier, c->scope, err)
			: journal_open(&c->journal, params->state_directory,
				  params->rule->name, params->system_identifier, c->scope, err);

	if (!ok)
		return false;
	if (params->hooks.note != NULL)
		c->queue = (RuleScopeHooks){.note = queue_note, .arg = c};
	ok = compile_with_journal(c, err);
	journal_close(&c->journal);
	pass_notes_on(c, ok);
	return ok;
}

/* ---- listening ---- */

/* What is to be on record of an object that has come up in the WAL. */
typedef struct Decision
{
	ScopeKind kind;
	Oid oid;
	ScopeVerdict verdict;
	Lsn since;
	/* Comes before what is on record as in; then it holds from here on. */
	bool overrides;
	Lsn override_since;
	const char *reason;
	const char *name;
} Decision;

typedef enum Outcome
{
	OUTCOME_FAILED,  /* err */
	OUTCOME_UNKNOWN, /* nothing is on record, and there was nothing to decide */
	OUTCOME_KNOWN,   /* it was on record */
	OUTCOME_DECIDED  /* it is now, as decided */
} Outcome;

/* In this scope from now on.  What it has out stays out: its standby lacks it. */
static void
adopt(WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict verdict, Lsn since)
{
	ScopeVerdict mine;

	if (walscope_get(scope, kind, oid, &mine) && mine == SCOPE_OUT)
		return;
	if (verdict == SCOPE_OUT)
		walscope_set_out(scope, kind, oid, since);
	else
		walscope_set(scope, kind, oid, SCOPE_IN);
}

/* Whether it has to be written down, by what is on record; known may be NULL. */
static bool
is_news(const Decision *d, const ScopeVerdict *known)
{
	if (known == NULL)
		return true;
	return d->overrides && *known == SCOPE_IN && d->verdict == SCOPE_OUT;
}

/* With the journal open. */
static Outcome
settle_with_journal(Journal *journal, WalScope *scope, const Decision *d,
	bool decide_it, ErrInfo *err)
{
	const JournalEntry *known = journal_find(journal, d->kind, d->oid);
	bool news = decide_it && is_news(d, known != NULL ? &known->verdict : NULL);
	Lsn since = known != NULL ? d->override_since : d->since;

	if (news)
		journal_add(
			journal, d->kind, d->oid, d->verdict, since, d->reason, d->name);
	else if (known == NULL)
		return OUTCOME_UNKNOWN;
	/* what another worker wrote must be durable as well before it counts */
	if (!journal_commit(journal, err))
		return OUTCOME_FAILED;
	if (news)
		adopt(scope, d->kind, d->oid, d->verdict, since);
	else
		adopt(scope, d->kind, d->oid, known->verdict, known->since);
	return news ? OUTCOME_DECIDED : OUTCOME_KNOWN;
}

/* For tools: what the scope has stands in for the journal. */
static Outcome
settle_without_journal(WalScope *scope, const Decision *d, bool decide_it)
{
	ScopeVerdict verdict;
	bool known = walscope_get(scope, d->kind, d->oid, &verdict);

	if (!decide_it || !is_news(d, known ? &verdict : NULL))
		return known ? OUTCOME_KNOWN : OUTCOME_UNKNOWN;
	adopt(scope, d->kind, d->oid, d->verdict,
		known ? d->override_since : d->since);
	return OUTCOME_DECIDED;
}

/*
 * What is on record goes into the scope.  If nothing is, and decide_it, the decision
 * goes on record first.
 */
static Outcome
settle(const RuleScope *rs, WalScope *scope, const Decision *d, bool decide_it,
	ErrInfo *err)
{
	Journal journal;
	Outcome outcome;

	if (rs->read_only)
		return settle_without_journal(scope, d, decide_it);
	if (!journal_open(&journal, rs->state_directory, rs->rule.name,
			rs->system_identifier, NULL, err))
		return OUTCOME_FAILED;
	outcome = settle_with_journal(&journal, scope, d, decide_it, err);
	journal_close(&journal);
	return outcome;
}

/*
 * The name of what is made would be in, but the OID is out on record.  It was put
 * out since, and this is old WAL; or an object before had the same OID, which a
 * server may give away again after a failover.
 */
static void
note_name_in_vain(
	const RuleScope *rs, ScopeKind kind, Oid oid, const char *name, Lsn lsn)
{
	char object[OBJECT_TEXT_SIZE];
	char how[64];

	snprintf(
		how, sizeof(how), "It was created at " LSN_FORMAT ".", LSN_ARGS(lsn));
	note(&rs->hooks, LOG_WARNING, how, "%s stays withheld under rule \"%s\"",
		describe(object, kind, oid, name), rs->rule.name);
}

/* An object comes into being, or did so when this WAL was written. */
static bool
on_named(void *arg, WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	RuleScope *rs = arg;
	Decision d = {
		.kind = kind,
		.oid = oid,
		.verdict = verdict_by_name(&rs->rule.filter, kind, name, false),
		.overrides = true,
		.override_since = lsn,
		.reason = "created",
		.name = name,
	};
	ScopeVerdict verdict;
	char how[64];

	rs->named_kind = kind;
	rs->named_oid = oid;
	snprintf(rs->named, sizeof(rs->named), "%s", name);
	switch (settle(rs, scope, &d, true, err))
	{
		case OUTCOME_FAILED:
			return false;
		case OUTCOME_DECIDED:
			snprintf(how, sizeof(how), "It was created at " LSN_FORMAT ".",
				LSN_ARGS(lsn));
			note_decision(&rs->hooks, LOG_LOG, rs->rule.name, kind, oid, name,
				d.verdict, how);
			break;
		default:
			if (d.verdict == SCOPE_IN &&
				walscope_get(scope, kind, oid, &verdict) &&
				verdict == SCOPE_OUT)
				note_name_in_vain(rs, kind, oid, name, lsn);
			break;
	}
	return true;
}

/* Ask the upstream for a name, and judge by it; what has none is out. */
static bool
look_up(const RuleScope *rs, Decision *d, uint32_t xid, Lsn lsn,
	char name[CATALOG_NAME_SIZE], ErrInfo *err)
{
	ScopeAnswer answer = SCOPE_ANSWER_NONE;

	name[0] = '\0';
	d->name = name;
	/* no name can put it out, and it has to be on record all the same */
	if (!filters_kind(&rs->rule.filter, d->kind))
	{
		d->verdict = SCOPE_IN;
		d->reason = "unfiltered";
		return true;
	}
	if (rs->hooks.look_up != NULL)
		answer = rs->hooks.look_up(
			rs->hooks.arg, d->kind, d->oid, xid, lsn, name, err);
	switch (answer)
	{
		case SCOPE_ANSWER_ERROR:
			return false;
		case SCOPE_ANSWER_NAME:
			d->verdict =
				verdict_by_name(&rs->rule.filter, d->kind, name, false);
			d->reason = "name";
			return true;
		default:
			name[0] = '\0';
			d->verdict = SCOPE_OUT;
			d->reason = "unknown";
			return true;
	}
}

/* What on_unknown has decided. */
static void
note_unknown(const RuleScope *rs, const Decision *d, uint32_t xid, Lsn lsn)
{
	char object[OBJECT_TEXT_SIZE];
	char how[128];

	snprintf(how, sizeof(how),
		"It was first met at " LSN_FORMAT ", in transaction %u.", LSN_ARGS(lsn),
		xid);
	if (d->name[0] != '\0')
		note_decision(&rs->hooks, LOG_LOG, rs->rule.name, d->kind, d->oid,
			d->name, d->verdict, how);
	else if (d->verdict == SCOPE_OUT)
		note(&rs->hooks, LOG_WARNING, how,
			"%s is withheld under rule \"%s\": it has been dropped, or its "
			"name "
			"cannot be known",
			describe(object, d->kind, d->oid, ""), rs->rule.name);
}

/* An OID is met of which the scope knows nothing. */
static bool
on_unknown(void *arg, WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid,
	Lsn lsn, ErrInfo *err)
{
	RuleScope *rs = arg;
	Decision d = {.kind = kind, .oid = oid};
	char name[CATALOG_NAME_SIZE];
	Outcome outcome = settle(rs, scope, &d, false, err);

	if (outcome != OUTCOME_UNKNOWN)
		return outcome != OUTCOME_FAILED;
	if (!look_up(rs, &d, xid, lsn, name, err))
		return false;
	outcome = settle(rs, scope, &d, true, err);
	if (outcome == OUTCOME_DECIDED)
		note_unknown(rs, &d, xid, lsn);
	return outcome != OUTCOME_FAILED;
}

/* A database of the scope is made from files that are not in the WAL. */
static void
alarm_copied(const RuleScope *rs, const Decision *d, Oid source)
{
	char object[OBJECT_TEXT_SIZE];
	ErrInfo what;

	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"%s is withheld under rule \"%s\" from " LSN_FORMAT " on",
		describe(object, d->kind, d->oid, d->name), rs->rule.name,
		LSN_ARGS(d->since));
	errinfo_detail(&what,
		"Its files were copied from database %u, which the standby does not "
		"have, and are not in the WAL.",
		source);
	errinfo_hint(&what,
		"Drop it and create it again WITH STRATEGY wal_log, on PostgreSQL 15 "
		"or later; or stop the standbys of the rule, run \"walbouncer "
		"--rescope "
		"%s\" and rebuild them.",
		rs->rule.name);
	if (rs->hooks.note != NULL)
		rs->hooks.note(rs->hooks.arg, LOG_WARNING, &what);
	if (rs->hooks.alarm != NULL)
		rs->hooks.alarm(rs->hooks.arg, &what);
}

static bool
on_copied(
	void *arg, WalScope *scope, Oid database, Oid source, Lsn lsn, ErrInfo *err)
{
	RuleScope *rs = arg;
	bool named = rs->named_oid == database && rs->named_kind == SCOPE_DATABASE;
	Decision d = {
		.kind = SCOPE_DATABASE,
		.oid = database,
		.verdict = SCOPE_OUT,
		.since = lsn,
		.overrides = true,
		.override_since = lsn,
		.reason = "file_copy",
		.name = named ? rs->named : "",
	};
	ScopeVerdict before;
	bool was_out = walscope_get(scope, SCOPE_DATABASE, database, &before) &&
				   before == SCOPE_OUT;

	if (settle(rs, scope, &d, true, err) == OUTCOME_FAILED)
		return false;
	/* a stream that comes by here again has it out from the start */
	if (!was_out)
		alarm_copied(rs, &d, source);
	return true;
}

static bool
on_moved(void *arg, WalScope *scope UNUSED, ScopeKind kind,
	uint32_t relfilenumber, Lsn lsn, ErrInfo *err)
{
	RuleScope *rs = arg;
	WalScope *known;
	Journal journal;
	ScopeKind ignored;
	bool ok;

	if (rs->read_only)
		return true;
	known = walscope_new();
	ok = journal_open(&journal, rs->state_directory, rs->rule.name,
		rs->system_identifier, known, err);
	if (ok)
	{
		if (!walscope_catalog_kind(known, relfilenumber, &ignored))
			journal_add_catalog(&journal, kind, relfilenumber);
		ok = journal_commit(&journal, err);
		journal_close(&journal);
	}
	walscope_free(known);
	if (ok)
		note(&rs->hooks, LOG_DEBUG1, NULL,
			"the catalog of %ss lies in file %u from " LSN_FORMAT " on",
			kinds[kind].label, relfilenumber, LSN_ARGS(lsn));
	return ok;
}

/* ---- what a listener keeps ---- */

static RuleList
copy_list(const RuleList *list)
{
	RuleList copy = {.given = list->given};

	if (list->names.count == 0)
		return copy;
	copy.names.items = mem_alloc(list->names.count * sizeof(char *));
	for (size_t i = 0; i < list->names.count; i++)
		copy.names.items[i] = mem_strdup(list->names.items[i]);
	copy.names.count = list->names.count;
	return copy;
}

static void
rulescope_free(void *arg)
{
	RuleScope *rs = arg;

	rule_clear(&rs->rule);
	free(rs->state_directory);
	free(rs);
}

static RuleScope *
rulescope_new(const RuleScopeParams *params)
{
	const RuleFilter *filter = &params->rule->filter;
	RuleScope *rs = mem_alloc0(sizeof(RuleScope));

	rs->rule.name = mem_strdup(params->rule->name);
	rs->rule.filter = (RuleFilter){
		.include_databases = copy_list(&filter->include_databases),
		.exclude_databases = copy_list(&filter->exclude_databases),
		.include_tablespaces = copy_list(&filter->include_tablespaces),
		.exclude_tablespaces = copy_list(&filter->exclude_tablespaces),
	};
	rs->state_directory = mem_strdup(params->state_directory);
	rs->system_identifier = params->system_identifier;
	rs->read_only = params->read_only;
	rs->hooks = params->hooks;
	return rs;
}

/* ---- public ---- */

bool
rulescope_needed(const Rule *rule, const char *state_directory)
{
	return rule_has_filter(rule) ||
		   (state_directory[0] != '\0' &&
			   journal_exists(state_directory, rule->name));
}

bool
rulescope_compile(const RuleScopeParams *params, WalScope **scope, ErrInfo *err)
{
	Compilation c = {.params = params};

	*scope = NULL;
	if (!rulescope_needed(params->rule, params->state_directory))
		return true;
	c.scope = walscope_new();
	if (!compile(&c, err))
	{
		walscope_free(c.scope);
		return false;
	}
	if (!rule_has_filter(params->rule) && walscope_is_open(c.scope))
	{
		walscope_free(c.scope);
		return true;
	}
	walscope_listen(c.scope, &(ScopeListener){.named = on_named,
								 .unknown = on_unknown,
								 .copied = on_copied,
								 .moved = on_moved,
								 .free = rulescope_free,
								 .arg = rulescope_new(params)});
	*scope = c.scope;
	return true;
}

bool
rulescope_forget(const char *state_directory, const char *rule,
	size_t *decisions, ErrInfo *err)
{
	*decisions = 0;
	/*
	 * The ledgers first: if we get no further, a standby's record is looked up
	 * where it begins, which is what the journal is good for.
	 */
	return ledger_forget(state_directory, rule, err) &&
		   journal_forget(state_directory, rule, decisions, err);
}
