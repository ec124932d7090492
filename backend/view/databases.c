/*
 * databases.c
 *		SHOW DATABASES.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "state/journal.h"
#include "util/mem.h"
#include "view/views.h"

/* All that an object may have been called; what is more is left out. */
#define NAMES_TEXT_MAX (64 * 1024)

static const ViewColumn columns[] = {
	{"rule", TYPE_TEXT},
	{"kind", TYPE_TEXT},
	{"oid", TYPE_OID},
	{"name", TYPE_TEXT},
	{"scope", TYPE_TEXT},
	{"since_lsn", TYPE_LSN},
	{"names", TYPE_TEXT},
};

/* A name that an object had when something was decided about it. */
typedef struct Naming
{
	ScopeKind kind;
	Oid oid;
	size_t order; /* in the journal */
	char name[CATALOG_NAME_SIZE];
} Naming;

typedef struct Namings
{
	Naming *items; /* owned */
	size_t count;
	size_t cap;
} Namings;

static void
on_decision(void *arg, ScopeKind kind, Oid oid, const char *name)
{
	Namings *namings = arg;
	Naming *naming;

	if (name[0] == '\0')
		return;
	if (namings->count == namings->cap)
	{
		namings->cap = Max(namings->cap * 2, 64);
		namings->items =
			mem_realloc(namings->items, namings->cap * sizeof(Naming));
	}
	naming = &namings->items[namings->count];
	*naming = (Naming){.kind = kind, .oid = oid, .order = namings->count};
	memcpy(naming->name, name, strnlen(name, CATALOG_NAME_SIZE - 1));
	namings->count++;
}

static void
on_forgotten(void *arg)
{
	((Namings *) arg)->count = 0;
}

static int
compare_objects(const Naming *a, const Naming *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->oid < b->oid ? -1 : a->oid > b->oid;
}

static int
compare_namings(const void *x, const void *y)
{
	const Naming *a = x;
	const Naming *b = y;
	int order = compare_objects(a, b);

	return order != 0 ? order : a->order < b->order ? -1 : 1;
}

/* The first naming of an object; past the end if it has none. */
static size_t
first_naming(const Namings *namings, ScopeKind kind, Oid oid)
{
	Naming key = {.kind = kind, .oid = oid};
	size_t low = 0;
	size_t high = namings->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (compare_objects(&namings->items[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether a name of the object has been seen between first and i. */
static bool
is_repeated(const Namings *namings, size_t first, size_t i)
{
	for (size_t j = first; j < i; j++)
	{
		if (strcmp(namings->items[j].name, namings->items[i].name) == 0)
			return true;
	}
	return false;
}

/* What it was called later, behind the name that it was first decided under. */
static void
put_later_names(ViewRow *row, const Namings *namings, size_t first)
{
	const Naming *object = &namings->items[first];
	bool empty = true;
	Buf out;

	buf_init(&out, NAMES_TEXT_MAX);
	for (size_t i = first + 1;
		 i < namings->count && compare_objects(&namings->items[i], object) == 0;
		 i++)
	{
		const char *name = namings->items[i].name;

		if (is_repeated(namings, first, i))
			continue;
		if (!empty)
			buf_put_text(&out, ", ");
		buf_put_text(&out, name);
		empty = false;
	}
	buf_put_u8(&out, '\0');
	view_put_text(row, empty || out.failed ? NULL : (const char *) out.data);
	buf_clear(&out);
}

static void
put_entry(ViewRow *row, const Rule *rule, ScopeKind kind,
	const JournalEntry *entry, const Namings *namings)
{
	size_t first = first_naming(namings, kind, entry->oid);
	bool named = first < namings->count && namings->items[first].kind == kind &&
				 namings->items[first].oid == entry->oid;
	bool out = entry->verdict == SCOPE_OUT;

	view_put_text(row, rule->name);
	view_put_text(row, walscope_kind_name(kind));
	view_put_uint(row, entry->oid);
	view_put_text(row, named ? namings->items[first].name : NULL);
	view_put_text(row, out ? "out" : "in");
	view_put_lsn(row, out ? entry->since : InvalidLsn);
	if (named)
		put_later_names(row, namings, first);
	else
		view_put_null(row);
	view_end_row(row);
}

static bool
put_rule(
	ViewRow *row, const char *state_directory, const Rule *rule, ErrInfo *err)
{
	Namings namings = {0};
	const JournalVisitor visitor = {
		.decision = on_decision, .forgotten = on_forgotten, .arg = &namings};
	Journal journal;
	bool ok =
		journal_peek(&journal, state_directory, rule->name, &visitor, err);

	if (ok)
	{
		if (namings.count > 0)
			qsort(
				namings.items, namings.count, sizeof(Naming), compare_namings);
		for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		{
			const JournalTable *table = &journal.tables[kind];

			for (size_t i = 0; i < table->count; i++)
				put_entry(
					row, rule, (ScopeKind) kind, &table->entries[i], &namings);
		}
		journal_close(&journal);
	}
	free(namings.items);
	return ok;
}

/* A journal that is damaged is told of, behind what the others say. */
static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err)
{
	const Config *config = ctx->config;
	bool good = true;

	for (size_t i = 0; i < config->rule_count; i++)
	{
		ErrInfo damage;

		if (put_rule(row, config->state_directory, &config->rules[i], &damage))
			continue;
		*err = damage;
		good = false;
	}
	return good;
}

const View view_databases = {
	.name = "databases",
	.help = "What has been decided about databases and tablespaces, by rule.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
