/*
 * carryover.c
 *		What a standby lacks that comes under another rule.  See carryover.h.
 *
 * The order in which it is written down: the new ledger has begun, then it has what
 * is lacked, then the one before is closed.  If we get no further than a part of
 * that, the next stream finds the rest to do.
 *
 * What is copied from files that only this standby lacks is withheld from it alone,
 * and not from all standbys of the rule: so its ledger has that, and the rule's
 * journal has not.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "state/carryover.h"
#include "state/journal.h"

/* Room for a list of what is lacked, in messages. */
#define LIST_SIZE 400

/* ---- what goes by in the WAL ---- */

/* Stands in front of the listener of the rule. */
typedef struct Guard
{
	ScopeListener inner;
	LedgerKey key; /* its strings are owned */
	RuleScopeHooks hooks;
} Guard;

static bool
on_named(void *arg, WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	Guard *g = arg;

	return g->inner.named == NULL ||
		   g->inner.named(g->inner.arg, scope, kind, oid, name, lsn, err);
}

static bool
on_unknown(void *arg, WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid,
	Lsn lsn, ErrInfo *err)
{
	Guard *g = arg;

	return g->inner.unknown(g->inner.arg, scope, kind, oid, xid, lsn, err);
}

static bool
on_moved(void *arg, WalScope *scope, ScopeKind kind, uint32_t relfilenumber,
	Lsn lsn, ErrInfo *err)
{
	Guard *g = arg;

	return g->inner.moved == NULL ||
		   g->inner.moved(g->inner.arg, scope, kind, relfilenumber, lsn, err);
}

/*
 * Whether the rule itself may withhold what a database is copied from.  Which
 * tablespace that lies in is not known here: any that is out may be it.
 */
static bool
withheld_by_rule(
	const Guard *g, Oid source, Lsn lsn, bool *by_rule, ErrInfo *err)
{
	const JournalTable *tablespaces;
	const JournalEntry *known;
	Journal journal;

	*by_rule = false;
	if (g->inner.copied == NULL)
		return true;
	if (!journal_open_read(&journal, g->key.state_directory, g->key.rule,
			g->key.system_identifier, NULL, err))
		return false;
	known = journal_find(&journal, SCOPE_DATABASE, source);
	*by_rule = known != NULL && known->verdict == SCOPE_OUT &&
			   journal_since(known, lsn) <= lsn;
	tablespaces = &journal.tables[SCOPE_TABLESPACE];
	for (size_t i = 0; i < tablespaces->count; i++)
		*by_rule = *by_rule || tablespaces->entries[i].verdict == SCOPE_OUT;
	journal_close(&journal);
	return true;
}

static bool
record_copy(const Guard *g, Oid database, Lsn lsn, ErrInfo *err)
{
	Lack lack = {.kind = SCOPE_DATABASE, .oid = database, .since = lsn};
	Lacks lacks = {.items = &lack, .count = 1};
	Ledger *ledger = ledger_open(&g->key, err);
	bool ok = ledger != NULL && ledger_add_lacks(ledger, &lacks, err);

	ledger_close(ledger);
	return ok;
}

static bool
on_copied(
	void *arg, WalScope *scope, Oid database, Oid source, Lsn lsn, ErrInfo *err)
{
	Guard *g = arg;
	ErrInfo what;
	Lsn since;
	bool by_rule;

	if (!withheld_by_rule(g, source, lsn, &by_rule, err))
		return false;
	if (by_rule)
		return g->inner.copied(g->inner.arg, scope, database, source, lsn, err);
	if (walscope_get_since(scope, SCOPE_DATABASE, database, &since) &&
		since <= lsn)
		return true;
	if (!record_copy(g, database, lsn, err))
		return false;
	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"database %u is withheld from this standby from " LSN_FORMAT " on",
		database, LSN_ARGS(lsn));
	errinfo_detail(&what,
		"Its files were copied from database %u, which this standby lacks "
		"since it came under another rule, and are not in the WAL.",
		source);
	if (g->hooks.note != NULL)
		g->hooks.note(g->hooks.arg, LOG_WARNING, &what);
	if (g->hooks.alarm != NULL)
		g->hooks.alarm(g->hooks.arg, &what);
	return true;
}

static void
guard_free(void *arg)
{
	Guard *g = arg;

	if (g->inner.free != NULL)
		g->inner.free(g->inner.arg);
	free((char *) g->key.state_directory);
	free((char *) g->key.rule);
	free((char *) g->key.user);
	free((char *) g->key.application_name);
	free(g);
}

static void
attach_guard(WalScope *scope, const CarryoverParams *params)
{
	Guard *g = mem_alloc0(sizeof(Guard));

	g->inner = walscope_take_listener(scope);
	g->hooks = params->hooks;
	g->key = (LedgerKey){
		.state_directory = mem_strdup(params->key.state_directory),
		.rule = mem_strdup(params->key.rule),
		.user = mem_strdup(params->key.user),
		.application_name = mem_strdup(params->key.application_name),
		.system_identifier = params->key.system_identifier,
	};
	walscope_listen(
		scope, &(ScopeListener){.named = on_named,
				   .unknown = g->inner.unknown != NULL ? on_unknown : NULL,
				   .copied = on_copied,
				   .moved = on_moved,
				   .free = guard_free,
				   .arg = g});
}

/* ---- what it lacks ---- */

typedef struct Search
{
	Carryover *c;
	const CarryoverParams *params;
	const WalScope *scope; /* of the rule; or NULL */
	Lacks lacks;           /* beyond that */
} Search;

static LedgerKey
key_of(const LedgerKey *key, const char *rule)
{
	LedgerKey other = *key;

	other.rule = rule;
	return other;
}

static bool
is_out(const WalScope *scope, const Lack *lack)
{
	Lsn since;

	return scope != NULL &&
		   walscope_get_since(scope, lack->kind, lack->oid, &since) &&
		   since <= lack->since;
}

static void
drop_what_is_out(Lacks *lacks, const WalScope *scope)
{
	size_t kept = 0;

	for (size_t i = 0; i < lacks->count; i++)
	{
		if (!is_out(scope, &lacks->items[i]))
			lacks->items[kept++] = lacks->items[i];
	}
	lacks->count = kept;
}

/* What a rule has withheld so far. */
static bool
add_journal(
	Lacks *lacks, const CarryoverParams *params, const char *rule, ErrInfo *err)
{
	Journal journal;

	if (!journal_open_read(&journal, params->key.state_directory, rule,
			params->key.system_identifier, NULL, err))
		return false;
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		const JournalTable *table = &journal.tables[kind];

		for (size_t i = 0; i < table->count; i++)
		{
			const JournalEntry *entry = &table->entries[i];

			if (entry->verdict == SCOPE_OUT)
				lacks_add(lacks, (ScopeKind) kind, entry->oid,
					journal_since(entry, params->lsn));
		}
	}
	journal_close(&journal);
	return true;
}

static bool
refuse(const CarryoverParams *params, const char *rule, ErrInfo *err)
{
	const LedgerKey *key = &params->key;

	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"cannot tell whether this standby lacks what rule \"%s\" withholds",
		rule);
	errinfo_detail(err,
		"A standby with user \"%s\" and application_name \"%s\" has come "
		"under that rule, which is for other addresses, and rule \"%s\" "
		"withholds less.",
		key->user, key->application_name, key->rule);
	return errinfo_hint(err,
		"Give each standby an \"application_name\" of its own; if it is the "
		"same one, rebuild it and remove its file from \"%s/ledger/%s\".",
		key->state_directory, rule);
}

static void
add_rule(Carryover *c, const char *rule)
{
	c->rules = mem_realloc(c->rules, (c->rule_count + 1) * sizeof(char *));
	c->rules[c->rule_count++] = mem_strdup(rule);
}

/* With theirs what it lacks by the ledger of a rule. */
static bool
take_over(Search *s, const char *rule, Lacks *theirs, ErrInfo *err)
{
	const CarryoverParams *params = s->params;

	if (!add_journal(theirs, params, rule, err))
		return false;
	drop_what_is_out(theirs, s->scope);
	if (!params->live && params->is_another != NULL &&
		params->is_another(params->hooks.arg, rule))
		return theirs->count == 0 || refuse(params, rule, err);
	for (size_t i = 0; i < theirs->count; i++)
	{
		const Lack *lack = &theirs->items[i];

		if (lacks_add(&s->lacks, lack->kind, lack->oid, lack->since))
			lacks_add(&s->c->fresh, lack->kind, lack->oid, lack->since);
	}
	add_rule(s->c, rule);
	return true;
}

/* LedgerRuleVisitor */
static bool
on_rule(void *arg, const char *rule, ErrInfo *err)
{
	Search *s = arg;
	const CarryoverParams *params = s->params;
	LedgerKey key = key_of(&params->key, rule);
	Lacks theirs = {0};
	bool counts;
	bool ok;

	if (strcmp(rule, params->key.rule) == 0)
		return true;
	if (params->live &&
		(params->former == NULL || strcmp(rule, params->former) != 0))
		return true;
	ok = ledger_look(&key, &counts, &theirs, err);
	if (ok && (counts || theirs.count > 0))
		ok = take_over(s, rule, &theirs, err);
	lacks_clear(&theirs);
	return ok;
}

/* "database 16384, tablespace 16385", as far as there is room. */
static void
list_lacks(char list[LIST_SIZE], const Lacks *lacks)
{
	size_t len = 0;

	list[0] = '\0';
	for (size_t i = 0; i < lacks->count && len < LIST_SIZE - 40; i++)
		len += (size_t) snprintf(list + len, LIST_SIZE - len, "%s%s %u",
			i > 0 ? ", " : "", walscope_kind_name(lacks->items[i].kind),
			lacks->items[i].oid);
	if (len >= LIST_SIZE - 40)
		snprintf(list + len, LIST_SIZE - len, " and more");
}

static void
note_lacks(const Search *s)
{
	const CarryoverParams *params = s->params;
	char list[LIST_SIZE];
	ErrInfo what;

	if (params->hooks.note == NULL)
		return;
	list_lacks(list, &s->lacks);
	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"what this standby lacks stays withheld from it, though rule \"%s\" "
		"does not withhold it",
		params->key.rule);
	errinfo_detail(
		&what, "It has come under another rule before, and lacks %s.", list);
	errinfo_hint(&what,
		"Stop it, remove its file from \"%s/ledger/%s\" and rebuild it.",
		params->key.state_directory, params->key.rule);
	params->hooks.note(params->hooks.arg, LOG_WARNING, &what);
}

static void
put_out(WalScope *scope, const Lacks *lacks)
{
	for (size_t i = 0; i < lacks->count; i++)
		walscope_set_out(scope, lacks->items[i].kind, lacks->items[i].oid,
			lacks->items[i].since);
}

/* ---- public ---- */

bool
carryover_apply(
	Carryover *c, const CarryoverParams *params, WalScope **scope, ErrInfo *err)
{
	Search s = {.c = c, .params = params, .scope = *scope};
	bool counts;
	bool ok;

	*c = (Carryover){0};
	if (params->key.state_directory[0] == '\0')
		return true;
	ok = ledger_look(&params->key, &counts, &s.lacks, err) &&
		 ledgerfile_each_rule(params->key.state_directory, on_rule, &s, err);
	drop_what_is_out(&s.lacks, *scope);
	if (ok && s.lacks.count > 0)
	{
		if (*scope == NULL)
			*scope = walscope_new();
		put_out(*scope, &s.lacks);
		attach_guard(*scope, params);
		note_lacks(&s);
		if (params->hooks.kept_back != NULL)
			params->hooks.kept_back(params->hooks.arg);
	}
	lacks_clear(&s.lacks);
	if (!ok)
		carryover_clear(c);
	return ok;
}

bool
carryover_find_straddle(const Carryover *c, const LedgerKey *key, Lsn boundary,
	TimeLineId tli, Straddle *straddle)
{
	bool found = false;

	for (size_t i = 0; !found && i < c->rule_count; i++)
	{
		LedgerKey other = key_of(key, c->rules[i]);
		ErrInfo ignored;
		Ledger *ledger = ledger_open(&other, &ignored);

		found = ledger != NULL &&
				ledger_find_straddle(ledger, boundary, tli, straddle);
		ledger_close(ledger);
	}
	return found;
}

bool
carryover_commit(const Carryover *c, const LedgerKey *key, ErrInfo *err)
{
	bool ok = true;

	if (c->fresh.count > 0)
	{
		Ledger *ledger = ledger_open(key, err);

		ok = ledger != NULL && ledger_add_lacks(ledger, &c->fresh, err);
		ledger_close(ledger);
	}
	for (size_t i = 0; ok && i < c->rule_count; i++)
	{
		LedgerKey other = key_of(key, c->rules[i]);

		ok = ledger_leave(&other, err);
	}
	return ok;
}

void
carryover_clear(Carryover *c)
{
	for (size_t i = 0; i < c->rule_count; i++)
		free(c->rules[i]);
	free(c->rules);
	lacks_clear(&c->fresh);
	*c = (Carryover){0};
}
