/*
 * rulescope.c
 *		From the names of a rule to verdicts by OID.  See rulescope.h.
 *
 * The journal is locked for a moment, to compile; what comes up in the WAL later is
 * rulelistener.c's.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "state/journal.h"
#include "state/ledger.h"
#include "state/rulelist.h"
#include "state/rulelistener.h"
#include "state/rulenote.h"
#include "state/rulescope.h"

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
		walscope_kind_name(object->kind), object->name, rule);
	errinfo_hint(&what,
		"Stop the standbys of the rule, run \"walbouncer --rescope %s\" and "
		"rebuild them.",
		rule);
	c->queue.note(c->queue.arg, LOG_WARNING, &what);
}

/* By name, and on record from now on; known is what is on record so far, or NULL. */
static void
decide(Compilation *c, const ScopeObject *object, ScopeVerdict verdict,
	const JournalEntry *known)
{
	const RuleScopeParams *params = c->params;
	bool on_record = known != NULL;
	Lsn since = InvalidLsn;

	if (verdict == SCOPE_IN)
		walscope_set(c->scope, object->kind, object->oid, SCOPE_IN);
	else
	{
		if (on_record || params->live)
			since = params->since;
		if (on_record && known->verdict == SCOPE_OUT)
			since = Min(since, known->since);
		walscope_set_out(c->scope, object->kind, object->oid, since);
	}
	journal_add(&c->journal, object->kind, object->oid, verdict, since,
		on_record ? "narrowed" : "name", object->name);
	/* the first time, that is just what the configuration says */
	rulenote_decision(&c->queue, c->first ? LOG_DEBUG1 : LOG_LOG,
		params->rule->name, object->kind, object->oid, object->name, verdict,
		on_record ? "The lists of the rule have changed." : NULL);
}

/* In, or out only from a copy on, which a standby may not have come to. */
static bool
may_go_on(const JournalEntry *known)
{
	return known->verdict == SCOPE_IN || known->by_copy;
}

/* One object of the upstream: what is on record, or else what the lists say. */
static void
judge(Compilation *c, const ScopeObject *object)
{
	const JournalEntry *known =
		journal_find(&c->journal, object->kind, object->oid);
	ScopeVerdict by_name = rulelist_verdict(
		&c->params->rule->filter, object->kind, object->name, object->always);

	if (known == NULL)
		decide(c, object, by_name, NULL);
	else if (known->verdict == SCOPE_OUT && by_name == SCOPE_IN)
	{
		note_stays_out(c, object);
		if (c->params->hooks.kept_back != NULL)
			c->params->hooks.kept_back(c->params->hooks.arg);
	}
	else if (by_name == SCOPE_OUT && c->lists_changed && may_go_on(known))
		decide(c, object, by_name, known);
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
			rulenote_say(&c->queue, LOG_WARNING, NULL,
				"%s \"%s\" in rule \"%s\" does not exist on the upstream",
				walscope_kind_name(kind), name, params->rule->name);
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

static bool
upstream_shows(const ScopeObjects *objects, ScopeKind kind, Oid oid)
{
	for (size_t i = 0; i < objects->count; i++)
	{
		if (objects->items[i].kind == kind && objects->items[i].oid == oid)
			return true;
	}
	return false;
}

/* By the name on record.  Without one, what is in stays in, and what is out, out. */
static bool
name_lets_in(const Compilation *c, ScopeKind kind, const JournalEntry *entry)
{
	if (entry->name[0] == '\0')
		return entry->verdict == SCOPE_IN;
	return rulelist_verdict(
			   &c->params->rule->filter, kind, entry->name, false) == SCOPE_IN;
}

/*
 * What may go on, and the upstream does not show: it may be in the middle of being
 * made, or have been dropped, and is judged by the name on record.
 */
static void
judge_unseen(Compilation *c)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		const JournalTable *table = &c->journal.tables[kind];

		for (size_t i = 0; i < table->count; i++)
		{
			const JournalEntry *entry = &table->entries[i];
			ScopeObject object = {.kind = (ScopeKind) kind, .oid = entry->oid};

			if (may_go_on(entry) && !name_lets_in(c, object.kind, entry) &&
				!upstream_shows(c->params->objects, object.kind, object.oid))
			{
				snprintf(object.name, sizeof(object.name), "%s", entry->name);
				decide(c, &object, SCOPE_OUT, entry);
			}
		}
	}
}

/* What is on record as out, for the standby that this is about. */
static void
apply_sinces(Compilation *c)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		const JournalTable *table = &c->journal.tables[kind];

		for (size_t i = 0; i < table->count; i++)
		{
			const JournalEntry *entry = &table->entries[i];

			if (entry->verdict == SCOPE_OUT)
				walscope_set_out(c->scope, (ScopeKind) kind, entry->oid,
					journal_since(entry, c->params->since));
		}
	}
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
	if (!params->read_only)
		apply_sinces(c);
	for (size_t i = 0; i < params->objects->count; i++)
		judge(c, &params->objects->items[i]);
	if (c->lists_changed)
		judge_unseen(c);
	for (int i = 0; i < SCOPE_KIND_COUNT; i++)
	{
		ScopeKind kind = (ScopeKind) i;

		/* The listener decides.  This is for those that come without one. */
		walscope_set_default(c->scope, kind,
			rulelist_include(filter, kind)->given ? SCOPE_OUT : SCOPE_IN);
		note_unknown_names(c, kind, rulelist_include(filter, kind));
		note_unknown_names(c, kind, rulelist_exclude(filter, kind));
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
	rulelistener_attach(c.scope, params);
	*scope = c.scope;
	return true;
}

/* The name is a file's, so it must not lead elsewhere. */
bool
rulescope_is_known(const Config *config, const char *rule)
{
	if (rule_find(config->rules, config->rule_count, rule) != NULL)
		return true;
	return rule[0] != '\0' && rule[0] != '.' && strchr(rule, '/') == NULL &&
		   config->state_directory[0] != '\0' &&
		   journal_exists(config->state_directory, rule);
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
