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

/* "database" or "tablespace", in files and for people. */
const char *walscope_kind_name(ScopeKind kind);

/* The OIDs of the two catalogs (pg_database.h, pg_tablespace.h). */
extern const Oid catalog_oids[SCOPE_KIND_COUNT];

typedef enum ScopeVerdict
{
	SCOPE_IN,
	SCOPE_OUT
} ScopeVerdict;

typedef struct WalScope WalScope;

/*
 * Who is asked, and told, while WAL is being filtered: each time before any byte
 * that depends on the answer leaves.  False, with err, stops the filter.  Any of
 * them may be NULL.
 */
typedef struct ScopeListener
{
	/*
	 * An object comes into being under this name by the record at lsn: give it a
	 * verdict.  NULL: it gets none, as if it had no name.
	 */
	bool (*named)(void *arg, WalScope *scope, ScopeKind kind, Oid oid,
		const char *name, Lsn lsn, ErrInfo *err);

	/*
	 * An OID without a verdict is met in the record at lsn, of transaction xid (0:
	 * of none): give it one.  NULL, or none given: the default holds.
	 */
	bool (*unknown)(void *arg, WalScope *scope, ScopeKind kind, Oid oid,
		uint32_t xid, Lsn lsn, ErrInfo *err);

	/*
	 * A database is out from lsn on, as its files are copied there from what is
	 * out (source); the scope sees to that itself.
	 */
	bool (*copied)(void *arg, WalScope *scope, Oid database, Oid source,
		Lsn lsn, ErrInfo *err);

	/* From lsn on the catalog of a kind lies in another file; as above. */
	bool (*moved)(void *arg, WalScope *scope, ScopeKind kind,
		uint32_t relfilenumber, Lsn lsn, ErrInfo *err);

	/* Free arg, which goes with the scope. */
	void (*free)(void *arg);
	void *arg;
} ScopeListener;

/* All is in. */
WalScope *walscope_new(void);
void walscope_free(WalScope *scope);

void walscope_set_default(
	WalScope *scope, ScopeKind kind, ScopeVerdict verdict);
/* For all of the WAL. */
void walscope_set(
	WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict verdict);
/*
 * Out, but only for records that begin at since or behind it: what began before
 * has been sent as it was, and its rest must fit.
 */
void walscope_set_out(WalScope *scope, ScopeKind kind, Oid oid, Lsn since);
void walscope_listen(WalScope *scope, const ScopeListener *listener);
/* The listener that is set, arg with it, for one who will listen in front of it. */
ScopeListener walscope_take_listener(WalScope *scope);

/* The verdict that is on record for an OID, the latest; false if there is none. */
MUST_CHECK bool walscope_get(
	const WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict *verdict);
/* Since when an OID is out; false if it is not, or has no verdict. */
MUST_CHECK bool walscope_get_since(
	const WalScope *scope, ScopeKind kind, Oid oid, Lsn *since);

/*
 * Narrow scope to what other lets through as well: whatever is out in other is out
 * in scope, and since when it is in either.  What other has no verdict on is out
 * there by default; but if other has a listener, nothing of it has gone by yet, so
 * that nothing is missing, and scope's own verdict counts.
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
	uint32_t xid, Lsn lsn, bool *in, ErrInfo *err);

/* Put a database out, from lsn on, because its files are copied from source. */
MUST_CHECK bool walscope_copied(
	WalScope *scope, Oid database, Oid source, Lsn lsn, ErrInfo *err);

/* An object has come into being by the record at lsn. */
MUST_CHECK bool walscope_named(WalScope *scope, ScopeKind kind, Oid oid,
	const char *name, Lsn lsn, ErrInfo *err);

/*
 * The files that the catalog of a kind lies in, or has lain in: all that are ever
 * known count, since WAL may be older than what is known.  Those that initdb makes
 * are known from the start.
 */
void walscope_add_catalog(
	WalScope *scope, ScopeKind kind, uint32_t relfilenumber);
MUST_CHECK bool walscope_catalog_kind(
	const WalScope *scope, uint32_t relfilenumber, ScopeKind *kind);

/* As walscope_add_catalog, by the record at lsn. */
MUST_CHECK bool walscope_moved(WalScope *scope, ScopeKind kind,
	uint32_t relfilenumber, Lsn lsn, ErrInfo *err);

#endif /* WAL_WALSCOPE_H */
