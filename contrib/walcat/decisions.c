/*
 * decisions.c
 *		What the scope journal of a rule says.  See decisions.h.
 *
 * The daemon and the filter care for the last decision about an object, which is
 * the business of journal.c.  That it was out from the first on is what proves that
 * no standby can have got it.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decisions.h"
#include "state/linereader.h"
#include "util/mem.h"

/* As journal.c has it. */
static const LineFormat format = {
	.magic = "walbouncer-scope",
	.label = "scope journal",
	.damaged_hint = "Restore it.",
	.foreign_hint = "",
};

const FirstDecision *
decisions_find(const Decisions *d, ScopeKind kind, Oid oid)
{
	for (size_t i = 0; i < d->count; i++)
	{
		if (d->items[i].oid == oid && d->items[i].kind == kind)
			return &d->items[i];
	}
	return NULL;
}

/* KIND OID in|out SINCE REASON NAME; the name may be empty. */
static bool
take_decision(Decisions *d, ScopeKind kind, const char *text)
{
	FirstDecision decision = {.kind = kind};
	char verdict[8];
	char since[LSN_TEXT_SIZE];
	char reason[32];
	char name[CATALOG_NAME_SIZE * 3] = "";

	if (sscanf(text, "%*s %u %7s %17s %31s %191s", &decision.oid, verdict,
			since, reason, name) < 4 ||
		!lsn_parse(since, &decision.since) ||
		!linefile_decode_name(name, decision.name, sizeof(decision.name)))
		return false;
	decision.verdict = strcmp(verdict, "out") == 0 ? SCOPE_OUT : SCOPE_IN;
	if (decisions_find(d, kind, decision.oid) != NULL)
		return true;
	d->items = mem_realloc(d->items, (d->count + 1) * sizeof(FirstDecision));
	d->items[d->count++] = decision;
	return true;
}

/* Lines of other kinds are passed over. */
static bool
take_line(Decisions *d, const char *text)
{
	char word[16];
	uint64_t digest;

	if (sscanf(text, "%15s", word) != 1)
		return false;
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		if (strcmp(word, walscope_kind_name((ScopeKind) kind)) == 0)
			return take_decision(d, (ScopeKind) kind, text);
	}
	if (strcmp(word, "rescope") == 0)
	{
		d->count = 0;
		d->digest_count = 0;
	}
	else if (sscanf(text, "rule %" SCNx64, &digest) == 1)
	{
		d->digest = digest;
		d->digest_count++;
	}
	return true;
}

static LineVerdict
on_line(void *arg, const char *text)
{
	return take_line(arg, text) ? LINE_GO_ON : LINE_WRONG;
}

bool
decisions_read(
	Decisions *d, const char *state_directory, const char *rule, ErrInfo *err)
{
	LineFile file;
	bool ok;

	*d = (Decisions){0};
	if (!linefile_open(&file, &format, state_directory, "scope", rule, 0,
			LINEFILE_READ, err))
		return file.missing;
	ok = linefile_lock(&file, err);
	linefile_unlock(&file);
	d->exists = ok && file.end > 0;
	ok = ok && (!d->exists || linereader_each(&file, on_line, d, err));
	linefile_close(&file);
	return ok;
}

void
decisions_clear(Decisions *d)
{
	free(d->items);
	*d = (Decisions){0};
}
