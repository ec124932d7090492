/*
 * names.c
 *		What is known of databases and tablespaces.  See names.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "util/mem.h"

typedef struct Entry
{
	ScopeKind kind;
	Oid oid;
	char *name; /* NULL: not known */
	bool unknown;
	Oid source;
} Entry;

struct Names
{
	Entry *entries; /* in the order in which they were met: there are few */
	size_t count;
};

Names *
names_new(void)
{
	return mem_alloc0(sizeof(Names));
}

void
names_free(Names *names)
{
	if (names == NULL)
		return;
	for (size_t i = 0; i < names->count; i++)
		free(names->entries[i].name);
	free(names->entries);
	free(names);
}

static Entry *
find(const Names *names, ScopeKind kind, Oid oid)
{
	for (size_t i = 0; i < names->count; i++)
	{
		if (names->entries[i].oid == oid && names->entries[i].kind == kind)
			return &names->entries[i];
	}
	return NULL;
}

static Entry *
find_or_add(Names *names, ScopeKind kind, Oid oid)
{
	Entry *entry = find(names, kind, oid);

	if (entry != NULL)
		return entry;
	names->entries =
		mem_realloc(names->entries, (names->count + 1) * sizeof(Entry));
	entry = &names->entries[names->count++];
	*entry = (Entry){.kind = kind, .oid = oid};
	return entry;
}

void
names_set(Names *names, ScopeKind kind, Oid oid, const char *name)
{
	Entry *entry = find_or_add(names, kind, oid);

	free(entry->name);
	entry->name = mem_strdup(name);
}

const char *
names_find(const Names *names, ScopeKind kind, Oid oid)
{
	const Entry *entry = find(names, kind, oid);

	return entry != NULL ? entry->name : NULL;
}

void
names_mark_unknown(Names *names, ScopeKind kind, Oid oid)
{
	find_or_add(names, kind, oid)->unknown = true;
}

bool
names_is_unknown(const Names *names, ScopeKind kind, Oid oid)
{
	const Entry *entry = find(names, kind, oid);

	return entry != NULL && entry->unknown;
}

void
names_mark_copy(Names *names, Oid database, Oid source)
{
	find_or_add(names, SCOPE_DATABASE, database)->source = source;
}

Oid
names_source(const Names *names, Oid database)
{
	const Entry *entry = find(names, SCOPE_DATABASE, database);

	return entry != NULL ? entry->source : InvalidOid;
}

void
names_each(const Names *names, NamesVisitor visit, void *arg)
{
	for (size_t i = 0; i < names->count; i++)
	{
		const Entry *entry = &names->entries[i];

		if (entry->name != NULL)
			visit(arg, entry->kind, entry->oid, entry->name);
	}
}

void
names_print_quoted(FILE *to, const char *name)
{
	putc('"', to);
	for (const char *p = name; *p != '\0'; p++)
	{
		unsigned char c = (unsigned char) *p;

		if (c < ' ' || c == 0x7f || c == '"' || c == '\\')
			fprintf(to, "\\x%02X", c);
		else
			putc(c, to);
	}
	putc('"', to);
}

void
names_print(FILE *to, const Names *names, ScopeKind kind, Oid oid)
{
	const char *name = names_find(names, kind, oid);

	fprintf(to, "%s %u", walscope_kind_name(kind), oid);
	if (name != NULL)
	{
		putc(' ', to);
		names_print_quoted(to, name);
	}
}
