/*
 * names.h
 *		The names of databases and tablespaces, and what else is known of them:
 *		from the command line, from the journal, and from the WAL that goes by.
 */
#ifndef WALCAT_NAMES_H
#define WALCAT_NAMES_H

#include "base.h"

#include <stdio.h>

#include "util/lsn.h"
#include "wal/walscope.h"

typedef struct Names Names;

Names *names_new(void);
void names_free(Names *names);

/* The name of an object, in place of what was known. */
void names_set(Names *names, ScopeKind kind, Oid oid, const char *name);
/* NULL if it is not known. */
const char *names_find(const Names *names, ScopeKind kind, Oid oid);

/* The object has got its verdict without a name. */
void names_mark_unknown(Names *names, ScopeKind kind, Oid oid);
bool names_is_unknown(const Names *names, ScopeKind kind, Oid oid);
/* A database is the copy of what is out. */
void names_mark_copy(Names *names, Oid database, Oid source);
/* InvalidOid if it is none. */
Oid names_source(const Names *names, Oid database);

/* Each object that has a name. */
typedef void (*NamesVisitor)(
	void *arg, ScopeKind kind, Oid oid, const char *name);
void names_each(const Names *names, NamesVisitor visit, void *arg);

/*
 * A name in double quotes, in which \xHH stands for a quote, a backslash and what
 * is not printable.
 */
void names_print_quoted(FILE *to, const char *name);
/* database 16400 "secret" */
void names_print(FILE *to, const Names *names, ScopeKind kind, Oid oid);

#endif /* WALCAT_NAMES_H */
