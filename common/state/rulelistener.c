/*
 * rulelistener.c
 *		What comes up in the WAL, under a rule.  See rulelistener.h.
 *
 * The journal is locked for a moment, for each thing that comes up.  It is never
 * locked while the upstream is asked, which may take seconds; it is read again
 * afterwards, since another worker of the rule may have met the same object, and
 * the first one to write its decision down has taken it.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "state/journal.h"
#include "state/rulelist.h"
#include "state/rulelistener.h"
#include "state/rulenote.h"

/* What a scope's listener knows; it goes with the scope. */
typedef struct RuleListener
{
	Rule rule; /* a copy of name and filter, nothing else */
	char *state_directory;
	uint64_t system_identifier;
	bool read_only;
	uint64_t digest; /* of rule.filter */
	RuleScopeHooks hooks;
	/* The row that was met last, for messages: what is copied is named just before. */
	ScopeKind named_kind;
	Oid named_oid;
	char named[CATALOG_NAME_SIZE];
} RuleListener;

/* ---- going on record ---- */

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
	Lsn lsn; /* of the record that it is about */
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
	Lsn mine;

	if (walscope_get_since(scope, kind, oid, &mine) &&
		(verdict == SCOPE_IN || mine <= since))
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

/* What is on record puts it out only from a copy on that comes later. */
static bool
comes_earlier(const Decision *d, const JournalEntry *known)
{
	return d->overrides && d->verdict == SCOPE_OUT &&
		   known->verdict == SCOPE_OUT && known->by_copy &&
		   d->override_since < known->since;
}

/* With the journal open. */
static Outcome
settle_with_journal(Journal *journal, uint64_t digest, WalScope *scope,
	const Decision *d, bool decide_it, ErrInfo *err)
{
	const JournalEntry *known = journal_find(journal, d->kind, d->oid);
	bool news =
		decide_it && (is_news(d, known != NULL ? &known->verdict : NULL) ||
						 (known != NULL && comes_earlier(d, known)));
	Lsn since = known != NULL ? d->override_since : d->since;

	/* by lists that are older than the last reload: it is to be judged again */
	if (news && journal->has_digest && journal->digest != digest)
		journal_add_digest(journal, digest);
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
		/* another standby of the rule may have been further ahead */
		adopt(scope, d->kind, d->oid, known->verdict,
			journal_since(known, d->lsn));
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
settle(const RuleListener *rl, WalScope *scope, const Decision *d,
	bool decide_it, ErrInfo *err)
{
	Journal journal;
	Outcome outcome;

	if (rl->read_only)
		return settle_without_journal(scope, d, decide_it);
	if (!journal_open(&journal, rl->state_directory, rl->rule.name,
			rl->system_identifier, NULL, err))
		return OUTCOME_FAILED;
	outcome =
		settle_with_journal(&journal, rl->digest, scope, d, decide_it, err);
	journal_close(&journal);
	return outcome;
}

/* ---- what comes up ---- */

/*
 * The name of what is made would be in, but the OID is out on record.  It was put
 * out since, and this is old WAL; or an object before had the same OID, which a
 * server may give away again after a failover.
 */
static void
note_name_in_vain(
	const RuleListener *rl, ScopeKind kind, Oid oid, const char *name, Lsn lsn)
{
	char object[RULENOTE_OBJECT_SIZE];
	char how[64];

	snprintf(
		how, sizeof(how), "It was created at " LSN_FORMAT ".", LSN_ARGS(lsn));
	rulenote_say(&rl->hooks, LOG_WARNING, how,
		"%s stays withheld under rule \"%s\"",
		rulenote_object(object, kind, oid, name), rl->rule.name);
}

/* An object comes into being, or did so when this WAL was written. */
static bool
on_named(void *arg, WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	RuleListener *rl = arg;
	Decision d = {
		.kind = kind,
		.oid = oid,
		.verdict = rulelist_verdict(&rl->rule.filter, kind, name, false),
		.overrides = true,
		.override_since = lsn,
		.lsn = lsn,
		.reason = "created",
		.name = name,
	};
	Lsn since;
	char how[64];

	rl->named_kind = kind;
	rl->named_oid = oid;
	snprintf(rl->named, sizeof(rl->named), "%s", name);
	switch (settle(rl, scope, &d, true, err))
	{
		case OUTCOME_FAILED:
			return false;
		case OUTCOME_DECIDED:
			snprintf(how, sizeof(how), "It was created at " LSN_FORMAT ".",
				LSN_ARGS(lsn));
			rulenote_decision(&rl->hooks, LOG_LOG, rl->rule.name, kind, oid,
				name, d.verdict, how);
			break;
		default:
			if (d.verdict == SCOPE_IN &&
				walscope_get_since(scope, kind, oid, &since) && since <= lsn)
				note_name_in_vain(rl, kind, oid, name, lsn);
			break;
	}
	return true;
}

/* Ask the upstream for a name, and judge by it; what has none is out. */
static bool
look_up(const RuleListener *rl, Decision *d, uint32_t xid, Lsn lsn,
	char name[CATALOG_NAME_SIZE], ErrInfo *err)
{
	ScopeAnswer answer = SCOPE_ANSWER_NONE;

	name[0] = '\0';
	d->name = name;
	/* no name can put it out, and it has to be on record all the same */
	if (!rulelist_counts(&rl->rule.filter, d->kind))
	{
		d->verdict = SCOPE_IN;
		d->reason = "unfiltered";
		return true;
	}
	if (rl->hooks.look_up != NULL)
		answer = rl->hooks.look_up(
			rl->hooks.arg, d->kind, d->oid, xid, lsn, name, err);
	switch (answer)
	{
		case SCOPE_ANSWER_ERROR:
			return false;
		case SCOPE_ANSWER_NAME:
			d->verdict =
				rulelist_verdict(&rl->rule.filter, d->kind, name, false);
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
note_unknown(const RuleListener *rl, const Decision *d, uint32_t xid, Lsn lsn)
{
	char object[RULENOTE_OBJECT_SIZE];
	char how[128];

	snprintf(how, sizeof(how),
		"It was first met at " LSN_FORMAT ", in transaction %u.", LSN_ARGS(lsn),
		xid);
	if (d->name[0] != '\0')
		rulenote_decision(&rl->hooks, LOG_LOG, rl->rule.name, d->kind, d->oid,
			d->name, d->verdict, how);
	else if (d->verdict == SCOPE_OUT)
		rulenote_say(&rl->hooks, LOG_WARNING, how,
			"%s is withheld under rule \"%s\": it has been dropped, or its "
			"name "
			"cannot be known",
			rulenote_object(object, d->kind, d->oid, ""), rl->rule.name);
}

/* An OID is met of which the scope knows nothing. */
static bool
on_unknown(void *arg, WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid,
	Lsn lsn, ErrInfo *err)
{
	RuleListener *rl = arg;
	Decision d = {.kind = kind, .oid = oid, .lsn = lsn};
	char name[CATALOG_NAME_SIZE];
	Outcome outcome = settle(rl, scope, &d, false, err);

	if (outcome != OUTCOME_UNKNOWN)
		return outcome != OUTCOME_FAILED;
	if (!look_up(rl, &d, xid, lsn, name, err))
		return false;
	outcome = settle(rl, scope, &d, true, err);
	if (outcome == OUTCOME_DECIDED)
		note_unknown(rl, &d, xid, lsn);
	return outcome != OUTCOME_FAILED;
}

/* A database of the scope is made from files that are not in the WAL. */
static void
alarm_copied(const RuleListener *rl, const Decision *d, Oid source)
{
	char object[RULENOTE_OBJECT_SIZE];
	ErrInfo what;

	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"%s is withheld under rule \"%s\" from " LSN_FORMAT " on",
		rulenote_object(object, d->kind, d->oid, d->name), rl->rule.name,
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
		rl->rule.name);
	if (rl->hooks.note != NULL)
		rl->hooks.note(rl->hooks.arg, LOG_WARNING, &what);
	if (rl->hooks.alarm != NULL)
		rl->hooks.alarm(rl->hooks.arg, &what);
}

static bool
on_copied(
	void *arg, WalScope *scope, Oid database, Oid source, Lsn lsn, ErrInfo *err)
{
	RuleListener *rl = arg;
	bool named = rl->named_oid == database && rl->named_kind == SCOPE_DATABASE;
	Decision d = {
		.kind = SCOPE_DATABASE,
		.oid = database,
		.verdict = SCOPE_OUT,
		.since = lsn,
		.overrides = true,
		.override_since = lsn,
		.lsn = lsn,
		.reason = JOURNAL_FILE_COPY,
		.name = named ? rl->named : "",
	};
	ScopeVerdict before;
	bool was_out = walscope_get(scope, SCOPE_DATABASE, database, &before) &&
				   before == SCOPE_OUT;

	if (settle(rl, scope, &d, true, err) == OUTCOME_FAILED)
		return false;
	/* a stream that comes by here again has it out from the start */
	if (!was_out)
		alarm_copied(rl, &d, source);
	return true;
}

static bool
on_moved(void *arg, WalScope *scope UNUSED, ScopeKind kind,
	uint32_t relfilenumber, Lsn lsn, ErrInfo *err)
{
	RuleListener *rl = arg;
	WalScope *known;
	Journal journal;
	ScopeKind ignored;
	bool ok;

	if (rl->read_only)
		return true;
	known = walscope_new();
	ok = journal_open(&journal, rl->state_directory, rl->rule.name,
		rl->system_identifier, known, err);
	if (ok)
	{
		if (!walscope_catalog_kind(known, relfilenumber, &ignored))
			journal_add_catalog(&journal, kind, relfilenumber);
		ok = journal_commit(&journal, err);
		journal_close(&journal);
	}
	walscope_free(known);
	if (ok)
		rulenote_say(&rl->hooks, LOG_DEBUG1, NULL,
			"the catalog of %ss lies in file %u from " LSN_FORMAT " on",
			walscope_kind_name(kind), relfilenumber, LSN_ARGS(lsn));
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
rulelistener_free(void *arg)
{
	RuleListener *rl = arg;

	rule_clear(&rl->rule);
	free(rl->state_directory);
	free(rl);
}

static RuleListener *
rulelistener_new(const RuleScopeParams *params)
{
	const RuleFilter *filter = &params->rule->filter;
	RuleListener *rl = mem_alloc0(sizeof(RuleListener));

	rl->rule.name = mem_strdup(params->rule->name);
	rl->rule.filter = (RuleFilter){
		.include_databases = copy_list(&filter->include_databases),
		.exclude_databases = copy_list(&filter->exclude_databases),
		.include_tablespaces = copy_list(&filter->include_tablespaces),
		.exclude_tablespaces = copy_list(&filter->exclude_tablespaces),
	};
	rl->state_directory = mem_strdup(params->state_directory);
	rl->system_identifier = params->system_identifier;
	rl->read_only = params->read_only;
	rl->digest = rule_filter_digest(&rl->rule.filter);
	rl->hooks = params->hooks;
	return rl;
}

/* ---- public ---- */

void
rulelistener_attach(WalScope *scope, const RuleScopeParams *params)
{
	walscope_listen(scope, &(ScopeListener){.named = on_named,
							   .unknown = on_unknown,
							   .copied = on_copied,
							   .moved = on_moved,
							   .free = rulelistener_free,
							   .arg = rulelistener_new(params)});
}
