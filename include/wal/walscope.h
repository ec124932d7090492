/*
 * walscope.h
 *		Which databases and tablespaces a standby may have, by OID.
 *
 * A scope holds one verdict an OID and a default for each kind, for OIDs that it
 * has not met.  Shared objects, pg_default and pg_global are always in; that is
 * decided here, so nobody can configure it away.
 */
#ifndef WAL_WALSCOPE_H
#define WAL_WALSCOPE_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"

typedef enum ScopeKind
{
	SCOPE_DATABASE,
	SCOPE_TABLESPACE,
	SCOPE_KIND_COUNT
} ScopeKind;

typedef enum ScopeVerdict
{
	SCOPE_IN,
	SCOPE_OUT
} ScopeVerdict;

/* Why a verdict is reached while WAL is being filtered. */
typedef enum ScopeCause
{
	SCOPE_UNKNOWN_OID, /* first met in the WAL at this LSN: the default applies */
	SCOPE_FILE_COPY /* copied from what is out, by a record that cannot be replayed */
} ScopeCause;

typedef struct WalScope WalScope;

/*
 * Told of each OUT verdict that is reached at lsn, before any byte that depends
 * on it leaves.  False, with err, stops the filter.
 */
typedef bool (*ScopeListener)(void *arg, ScopeKind kind, Oid oid, Lsn lsn,
	ScopeCause cause, ErrInfo *err);

/* All is in. */
WalScope *walscope_new(void);
void walscope_free(WalScope *scope);

void walscope_set_default(
	WalScope *scope, ScopeKind kind, ScopeVerdict verdict);
ScopeVerdict walscope_default(const WalScope *scope, ScopeKind kind);
/* For all of the WAL. */
void walscope_set(
	WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict verdict);
/*
 * Out, but only for records that begin at since or behind it: what began before
 * has been sent as it was, and its rest must fit.
 */
void walscope_set_out(WalScope *scope, ScopeKind kind, Oid oid, Lsn since);
/* arg was malloc'd; it is freed with the scope. */
void walscope_listen(WalScope *scope, ScopeListener listener, void *arg);

/* The verdict that is on record for an OID, the latest; false if there is none. */
MUST_CHECK bool walscope_get(
	const WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict *verdict);

/*
 * Narrow scope to what other lets through as well: whatever is out in other, by
 * record or by default, is out in scope, and since when it is in either.
 */
void walscope_narrow(WalScope *scope, const WalScope *other);

/* Whether every OID there is would be in: nothing is out, now or by default. */
bool walscope_is_open(const WalScope *scope);

/*
 * Whether something that belongs to a database and a tablespace is in: both have
 * to be.  InvalidOid for "none" (a shared object has no database; a record that
 * names only a database has no tablespace).  *in is set if true is returned.
 */
MUST_CHECK bool walscope_check(WalScope *scope, Oid database, Oid tablespace,
	Lsn lsn, bool *in, ErrInfo *err);

/* Put a database out, from lsn on, because of what is seen there. */
MUST_CHECK bool walscope_exclude(
	WalScope *scope, Oid database, Lsn lsn, ScopeCause cause, ErrInfo *err);

#endif /* WAL_WALSCOPE_H */
