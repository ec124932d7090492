/*
 * ruling.c
 *		What a standby may have.  See ruling.h.
 *
 * The verdicts are those of rulescope.c, by the same lists and the same journal.
 * What it asks the upstream for comes from the command line here; whom that does
 * not name, the daemon may know: such an object is taken to be out, and that is
 * said.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/option.h"
#include "decisions.h"
#include "ruling.h"
#include "state/rulescope.h"
#include "util/mem.h"
#include "walcat.h"

/* pg_database.dat: the same in every cluster; the others from major 15 on. */
static const struct
{
	ScopeKind kind;
	Oid oid;
	const char *name;
	bool always;
	int since_major;
} fixed_objects[] = {
	{SCOPE_DATABASE, 1, "template1", true, 0},
	{SCOPE_DATABASE, 4, "template0", true, 15},
	{SCOPE_DATABASE, 5, "postgres", false, 15},
	{SCOPE_TABLESPACE, TABLESPACE_DEFAULT_OID, "pg_default", true, 0},
	{SCOPE_TABLESPACE, TABLESPACE_GLOBAL_OID, "pg_global", true, 0},
};

/* Listens in front of the rule. */
typedef struct Listener
{
	ScopeListener rule;
	Names *names;
	RulingNews *news;
} Listener;

static bool
on_named(void *arg, WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	Listener *l = arg;

	names_set(l->names, kind, oid, name);
	*l->news = (RulingNews){.kind = kind, .oid = oid, .lsn = lsn};
	return l->rule.named == NULL ||
		   l->rule.named(l->rule.arg, scope, kind, oid, name, lsn, err);
}

static bool
on_unknown(void *arg, WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid,
	Lsn lsn, ErrInfo *err)
{
	Listener *l = arg;
	ScopeVerdict verdict;

	if (l->rule.unknown == NULL)
		return true;
	if (!l->rule.unknown(l->rule.arg, scope, kind, oid, xid, lsn, err))
		return false;
	if (walscope_get(scope, kind, oid, &verdict) && verdict == SCOPE_OUT &&
		names_find(l->names, kind, oid) == NULL)
	{
		names_mark_unknown(l->names, kind, oid);
		walcat_note(
			"%s %u, first met at " LSN_FORMAT
			", is not known, and taken to be out; if you know its name, "
			"use --%s=%u=NAME",
			walscope_kind_name(kind), oid, LSN_ARGS(lsn),
			walscope_kind_name(kind), oid);
	}
	return true;
}

static bool
on_copied(
	void *arg, WalScope *scope, Oid database, Oid source, Lsn lsn, ErrInfo *err)
{
	Listener *l = arg;

	names_mark_copy(l->names, database, source);
	return l->rule.copied == NULL ||
		   l->rule.copied(l->rule.arg, scope, database, source, lsn, err);
}

static bool
on_moved(void *arg, WalScope *scope, ScopeKind kind, uint32_t relfilenumber,
	Lsn lsn, ErrInfo *err)
{
	Listener *l = arg;

	return l->rule.moved == NULL ||
		   l->rule.moved(l->rule.arg, scope, kind, relfilenumber, lsn, err);
}

static void
on_free(void *arg)
{
	Listener *l = arg;

	if (l->rule.free != NULL)
		l->rule.free(l->rule.arg);
	free(l);
}

static void
listen_in(WalScope *scope, Names *names, RulingNews *news)
{
	Listener *l = mem_alloc0(sizeof(Listener));
	ScopeListener listener = {
		.named = on_named,
		.unknown = on_unknown,
		.copied = on_copied,
		.moved = on_moved,
		.free = on_free,
		.arg = l,
	};

	l->rule = walscope_take_listener(scope);
	l->names = names;
	l->news = news;
	walscope_listen(scope, &listener);
}

/* What the rule asks the upstream for. */
static ScopeAnswer
look_up(void *arg, ScopeKind kind, Oid oid, uint32_t xid UNUSED, Lsn lsn UNUSED,
	char name[CATALOG_NAME_SIZE], ErrInfo *err UNUSED)
{
	const char *known = names_find(arg, kind, oid);

	if (known == NULL)
		return SCOPE_ANSWER_NONE;
	snprintf(name, CATALOG_NAME_SIZE, "%s", known);
	return SCOPE_ANSWER_NAME;
}

static void
add_fixed_names(Names *names, int major)
{
	for (size_t i = 0; i < lengthof(fixed_objects); i++)
	{
		if (major >= fixed_objects[i].since_major &&
			names_find(names, fixed_objects[i].kind, fixed_objects[i].oid) ==
				NULL)
			names_set(names, fixed_objects[i].kind, fixed_objects[i].oid,
				fixed_objects[i].name);
	}
}

/* The names that the journal has, unless they are known otherwise. */
static bool
add_journal_names(
	Names *names, const char *state_directory, const char *rule, ErrInfo *err)
{
	Decisions decisions;

	if (!decisions_read(&decisions, state_directory, rule, err))
		return false;
	for (size_t i = 0; i < decisions.count; i++)
	{
		const FirstDecision *d = &decisions.items[i];

		if (d->name[0] != '\0' && names_find(names, d->kind, d->oid) == NULL)
			names_set(names, d->kind, d->oid, d->name);
	}
	decisions_clear(&decisions);
	return true;
}

static void
add_object(void *arg, ScopeKind kind, Oid oid, const char *name)
{
	ScopeObjects *objects = arg;
	bool always = false;

	for (size_t i = 0; i < lengthof(fixed_objects); i++)
	{
		if (fixed_objects[i].kind == kind &&
			strcmp(fixed_objects[i].name, name) == 0)
			always = fixed_objects[i].always;
	}
	scope_objects_add(objects, kind, oid, name, always);
}

static const Rule *
find_rule(const Config *config, const RulingParams *params, ErrInfo *err)
{
	const Rule *rule =
		rule_find(config->rules, config->rule_count, params->rule);

	if (rule == NULL)
		errinfo_set(err, SQLSTATE_UNDEFINED_OBJECT,
			"there is no rule \"%s\" in \"%s\"", params->rule,
			params->config_file);
	return rule;
}

static bool
compile(const Config *config, const RulingParams *params,
	const Segments *segments, Names *names, WalScope **scope, ErrInfo *err)
{
	ScopeObjects objects = {0};
	RuleScopeParams p = {
		.rule = find_rule(config, params, err),
		.state_directory = params->state_directory != NULL
							   ? params->state_directory
							   : config->state_directory,
		.system_identifier = segments->geometry.system_identifier,
		.objects = &objects,
		.read_only = true,
		.hooks =
			{
				.look_up = look_up,
				.arg = names,
			},
	};
	bool ok;

	if (p.rule == NULL ||
		!add_journal_names(names, p.state_directory, p.rule->name, err))
		return false;
	names_each(names, add_object, &objects);
	ok = rulescope_compile(&p, scope, err);
	scope_objects_clear(&objects);
	return ok;
}

bool
ruling_scope(const RulingParams *params, const Segments *segments, Names *names,
	RulingNews *news, WalScope **scope, ErrInfo *err)
{
	Config *config;
	char *text;
	bool ok;

	*scope = NULL;
	add_fixed_names(names, segments->version->major);
	if (params->config_file != NULL)
	{
		text = config_file_read(params->config_file, err);
		if (text == NULL)
			return false;
		config = config_load(params->config_file, text, NULL, err);
		free(text);
		if (config == NULL)
			return false;
		ok = compile(config, params, segments, names, scope, err);
		config_free(config);
		if (!ok)
			return false;
	}
	if (*scope == NULL)
		*scope = walscope_new();
	listen_in(*scope, names, news);
	return true;
}

/* What is out of a record's subject, if anything is. */
static bool
find_out(const WalScope *scope, const RmgrSubject *subject, Lsn lsn,
	ScopeKind *kind, Oid *oid, Lsn *since)
{
	*kind = SCOPE_DATABASE;
	*oid = subject->database;
	if (*oid != InvalidOid && walscope_get_since(scope, *kind, *oid, since) &&
		lsn >= *since)
		return true;
	*kind = SCOPE_TABLESPACE;
	*oid = subject->tablespace;
	return *oid != InvalidOid &&
		   walscope_get_since(scope, *kind, *oid, since) && lsn >= *since;
}

static void
print_out(FILE *to, const WalScope *scope, const Names *names, Lsn lsn,
	const RmgrSubject *subject)
{
	ScopeKind kind;
	Oid oid;
	Lsn since;

	if (!find_out(scope, subject, lsn, &kind, &oid, &since))
	{
		fputs("out", to);
		return;
	}
	names_print(to, names, kind, oid);
	fputs(" is out", to);
	if (since != InvalidLsn)
		fprintf(to, " since " LSN_FORMAT, LSN_ARGS(since));
	if (kind == SCOPE_DATABASE && names_source(names, oid) != InvalidOid)
	{
		fputs(": a copy of ", to);
		names_print(to, names, kind, names_source(names, oid));
	}
	else if (names_is_unknown(names, kind, oid))
		fputs(": it is not known", to);
}

static void
print_in(FILE *to, const WalScope *scope, const Names *names,
	const RulingNews *news, Lsn lsn, const RmgrSubject *subject)
{
	Lsn since;

	if (news->lsn == lsn)
	{
		fprintf(to, "row of pg_%s: ", walscope_kind_name(news->kind));
		names_print(to, names, news->kind, news->oid);
	}
	else if (subject->database == InvalidOid &&
			 (subject->tablespace == TABLESPACE_GLOBAL_OID ||
				 subject->tablespace == InvalidOid))
		fputs("shared", to);
	else
	{
		ScopeKind kind =
			subject->database != InvalidOid ? SCOPE_DATABASE : SCOPE_TABLESPACE;
		Oid oid =
			kind == SCOPE_DATABASE ? subject->database : subject->tablespace;

		names_print(to, names, kind, oid);
		fputs(" is in", to);
		if (walscope_get_since(scope, kind, oid, &since))
			fprintf(to, " up to " LSN_FORMAT, LSN_ARGS(since));
	}
}

void
ruling_print_reason(FILE *to, const WalScope *scope, const Names *names,
	const RulingNews *news, Lsn lsn, const RmgrSubjects *subjects, bool blanked)
{
	ScopeKind kind;
	Oid oid;
	Lsn since;

	if (subjects->count == 0)
	{
		fputs("cluster-wide", to);
		return;
	}
	if (blanked)
	{
		print_out(to, scope, names, lsn, &subjects->items[0]);
		return;
	}
	for (unsigned i = 0; i < subjects->count; i++)
	{
		if (!find_out(scope, &subjects->items[i], lsn, &kind, &oid, &since))
		{
			print_in(to, scope, names, news, lsn, &subjects->items[i]);
			break;
		}
	}
	for (unsigned i = 0; i < subjects->count; i++)
	{
		if (find_out(scope, &subjects->items[i], lsn, &kind, &oid, &since))
		{
			fputs(", though ", to);
			print_out(to, scope, names, lsn, &subjects->items[i]);
			break;
		}
	}
}
