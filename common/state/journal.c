/*
 * journal.c
 *		The scope journal of a rule.  See journal.h.
 */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/journal.h"
#include "state/linereader.h"
#include "util/monotime.h"
#include "util/oidarray.h"

#define FOLDER "scope"
/* A database's name of 63 bytes, each as %XX; a little more does no harm. */
#define ENCODED_NAME_SIZE 256

static const LineFormat format = {
	.magic = "walbouncer-scope",
	.label = "scope journal",
	.damaged_hint =
		"Restore it; or rebuild the standbys of the rule, then remove it.",
	.foreign_hint = "Remove it if the standbys of the rule have been rebuilt.",
};

/* ---- what is on record ---- */

/* Where oid is or would be. */
static size_t
table_position(const JournalTable *table, Oid oid)
{
	return oidarray_position(
		table->entries, sizeof(JournalEntry), table->count, oid);
}

const JournalEntry *
journal_find(const Journal *j, ScopeKind kind, Oid oid)
{
	const JournalTable *table = &j->tables[kind];
	size_t at = table_position(table, oid);

	return at < table->count && table->entries[at].oid == oid
			   ? &table->entries[at]
			   : NULL;
}

Lsn
journal_since(const JournalEntry *entry, Lsn lsn)
{
	return entry->by_copy ? entry->since : Min(entry->since, lsn);
}

/* The entry of oid, made if there is none: in. */
static JournalEntry *
table_entry(JournalTable *table, Oid oid)
{
	size_t at = table_position(table, oid);

	if (at == table->count || table->entries[at].oid != oid)
	{
		table->entries = oidarray_insert(table->entries, sizeof(JournalEntry),
			&table->count, &table->cap, at, oid);
		table->entries[at].verdict = SCOPE_IN;
	}
	return &table->entries[at];
}

static void
forget_all(Journal *j)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		j->tables[kind].count = 0;
	j->has_digest = false;
	if (j->visitor != NULL)
		j->visitor->forgotten(j->visitor->arg);
}

/* ---- reading ---- */

/* Of two places to be out from, the earlier one. */
static void
put_out(JournalEntry *entry, Lsn since, bool by_copy)
{
	if (entry->verdict == SCOPE_OUT)
	{
		since = Min(since, entry->since);
		by_copy = by_copy && entry->by_copy;
	}
	entry->verdict = SCOPE_OUT;
	entry->since = since;
	entry->by_copy = by_copy;
}

/* A "database" or "tablespace" line: out stays out. */
static bool
apply_decision(Journal *j, ScopeKind kind, const char *rest)
{
	char verdict[8];
	char since_text[LSN_TEXT_SIZE];
	char reason[16] = "";
	JournalEntry *entry;
	char encoded[ENCODED_NAME_SIZE] = "";
	char name[CATALOG_NAME_SIZE] = "";
	unsigned oid;
	Lsn since;

	if (sscanf(rest, "%u %7s %17s %15s %255s", &oid, verdict, since_text,
			reason, encoded) < 3 ||
		!lsn_parse(since_text, &since))
		return false;
	if (strcmp(verdict, "out") != 0 && strcmp(verdict, "in") != 0)
		return false;
	entry = table_entry(&j->tables[kind], oid);
	if (verdict[0] == 'o')
		put_out(entry, since, strcmp(reason, JOURNAL_FILE_COPY) == 0);
	if (encoded[0] != '\0')
	{
		if (!linefile_decode_name(encoded, name, sizeof(name)))
			return false;
		memcpy(entry->name, name, sizeof(entry->name));
	}
	if (j->visitor != NULL)
		j->visitor->decision(j->visitor->arg, kind, oid, name);
	return true;
}

/* The kind whose name text begins with, with a blank behind it; *rest is what follows. */
static bool
parse_kind(const char *text, ScopeKind *kind, const char **rest)
{
	for (int i = 0; i < SCOPE_KIND_COUNT; i++)
	{
		const char *name = walscope_kind_name((ScopeKind) i);
		size_t len = strlen(name);

		if (strncmp(text, name, len) == 0 && text[len] == ' ')
		{
			*kind = (ScopeKind) i;
			*rest = text + len + 1;
			return true;
		}
	}
	return false;
}

/* A file of a catalog goes to scope at once: nothing takes it back. */
static bool
apply_catalog(const char *text, WalScope *scope)
{
	const char *rest;
	unsigned relfilenumber;
	ScopeKind kind;

	if (!parse_kind(text, &kind, &rest) ||
		sscanf(rest, "%u", &relfilenumber) != 1)
		return false;
	if (scope != NULL)
		walscope_add_catalog(scope, kind, relfilenumber);
	return true;
}

static bool
apply_line(Journal *j, const char *text, WalScope *scope)
{
	const char *rest;
	uint64_t number;
	ScopeKind kind;

	if (parse_kind(text, &kind, &rest))
		return apply_decision(j, kind, rest);
	if (strncmp(text, "catalog ", 8) == 0)
		return apply_catalog(text + 8, scope);
	if (strncmp(text, "rescope ", 8) == 0)
	{
		forget_all(j);
		return true;
	}
	if (sscanf(text, "rule %" SCNx64, &number) != 1)
		return false;
	j->has_digest = true;
	j->digest = number;
	return true;
}

typedef struct Reading
{
	Journal *journal;
	WalScope *scope; /* may be NULL */
} Reading;

static LineVerdict
on_line(void *arg, const char *text)
{
	const Reading *reading = arg;

	return apply_line(reading->journal, text, reading->scope) ? LINE_GO_ON
															  : LINE_WRONG;
}

/* All lines into the tables. */
static bool
read_lines(Journal *j, WalScope *scope, ErrInfo *err)
{
	Reading reading = {.journal = j, .scope = scope};

	return linereader_each(&j->file, on_line, &reading, err);
}

static void
apply_tables(const Journal *j, WalScope *scope)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		const JournalTable *table = &j->tables[kind];

		for (size_t i = 0; i < table->count; i++)
		{
			const JournalEntry *entry = &table->entries[i];

			if (entry->verdict == SCOPE_OUT)
				walscope_set_out(
					scope, (ScopeKind) kind, entry->oid, entry->since);
			else
				walscope_set(scope, (ScopeKind) kind, entry->oid, SCOPE_IN);
		}
	}
}

/* ---- opening ---- */

bool
journal_exists(const char *state_directory, const char *rule)
{
	char path[LINEFILE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" FOLDER "/%s", state_directory, rule);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

static bool
open_journal(Journal *j, const char *state_directory, const char *rule,
	uint64_t system_identifier, LineFileMode mode, WalScope *scope,
	const JournalVisitor *visitor, ErrInfo *err)
{
	*j = (Journal){.visitor = visitor};
	if (!linefile_open(&j->file, &format, state_directory, FOLDER, rule,
			system_identifier, mode, err))
		return false;
	if (!linefile_lock(&j->file, err) || !read_lines(j, scope, err))
	{
		journal_close(j);
		return false;
	}
	j->is_new = j->file.end == 0;
	if (scope != NULL)
		apply_tables(j, scope);
	return true;
}

bool
journal_open(Journal *j, const char *state_directory, const char *rule,
	uint64_t system_identifier, WalScope *scope, ErrInfo *err)
{
	return open_journal(j, state_directory, rule, system_identifier,
		LINEFILE_CREATE, scope, NULL, err);
}

bool
journal_open_read(Journal *j, const char *state_directory, const char *rule,
	uint64_t system_identifier, WalScope *scope, ErrInfo *err)
{
	if (open_journal(j, state_directory, rule, system_identifier, LINEFILE_READ,
			scope, NULL, err))
		return true;
	j->is_new = j->file.missing;
	return j->is_new;
}

bool
journal_peek(Journal *j, const char *state_directory, const char *rule,
	const JournalVisitor *visitor, ErrInfo *err)
{
	if (open_journal(
			j, state_directory, rule, 0, LINEFILE_PEEK, NULL, visitor, err))
		return true;
	j->is_new = j->file.missing;
	return j->is_new;
}

void
journal_close(Journal *j)
{
	linefile_close(&j->file);
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		free(j->tables[kind].entries);
		j->tables[kind] = (JournalTable){0};
	}
}

/* ---- writing ---- */

void
journal_add_digest(Journal *j, uint64_t digest)
{
	linefile_add(&j->file, "rule %016" PRIx64, digest);
}

void
journal_add(Journal *j, ScopeKind kind, Oid oid, ScopeVerdict verdict,
	Lsn since, const char *reason, const char *name)
{
	char encoded[ENCODED_NAME_SIZE];

	linefile_encode_name(name, encoded, sizeof(encoded));
	linefile_add(&j->file, "%s %u %s " LSN_FORMAT " %s %s",
		walscope_kind_name(kind), oid, verdict == SCOPE_OUT ? "out" : "in",
		LSN_ARGS(since), reason, encoded);
}

void
journal_add_catalog(Journal *j, ScopeKind kind, uint32_t relfilenumber)
{
	linefile_add(
		&j->file, "catalog %s %u", walscope_kind_name(kind), relfilenumber);
}

bool
journal_commit(Journal *j, ErrInfo *err)
{
	/* when all standbys come again at once, they need not queue for the disk */
	if (j->file.pending.len == 0)
		linefile_unlock(&j->file);
	return linefile_append(&j->file, err) && linefile_sync(&j->file, err);
}

/* ---- forgetting ---- */

static bool
add_rescope(Journal *j, ErrInfo *err)
{
	char now[MONOTIME_STAMP_SIZE];

	/* its maker was killed: it has no first line yet */
	if (j->is_new)
		return true;
	monotime_stamp(now);
	linefile_add(&j->file, "rescope %s", now);
	return journal_commit(j, err);
}

bool
journal_forget(const char *state_directory, const char *rule, size_t *decisions,
	ErrInfo *err)
{
	Journal j;
	bool ok;

	*decisions = 0;
	if (!open_journal(
			&j, state_directory, rule, 0, LINEFILE_WRITE, NULL, NULL, err))
		return j.file.missing;
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		*decisions += j.tables[kind].count;
	ok = add_rescope(&j, err);
	journal_close(&j);
	return ok;
}
