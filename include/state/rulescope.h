/*
 * rulescope.h
 *		From the names of a rule to verdicts by OID, and what keeps them.
 *
 * A decision belongs to the OID.  It is taken when a database or tablespace is
 * first met under a rule, by its name at that time: the one that it is created
 * under, if that goes by in the WAL, else the one that the upstream knows.  It is
 * in the rule's scope journal before anything depends on it, and stays: across
 * renames, reconnects and restarts.  Out wins over in, whoever says it.
 *
 * When the lists of the rule have changed, the names count again, but only to put
 * more out: what a standby has missed once it cannot be given.  The way out is to
 * rebuild the standbys and to forget what was decided (rulescope_forget).
 */
#ifndef STATE_RULESCOPE_H
#define STATE_RULESCOPE_H

#include "base.h"

#include "conf/option.h"
#include "util/errinfo.h"
#include "util/log.h"
#include "util/lsn.h"
#include "wal/catalog.h"
#include "wal/walscope.h"

/* What the upstream has at the moment. */
typedef struct ScopeObject
{
	ScopeKind kind;
	Oid oid;
	char name[CATALOG_NAME_SIZE];
	bool
		always; /* kept under an include list that does not name it: templates */
} ScopeObject;

typedef struct ScopeObjects
{
	ScopeObject *items; /* owned */
	size_t count;
	size_t cap;
	/* the file of each catalog; 0: not known */
	uint32_t relfilenumbers[SCOPE_KIND_COUNT];
} ScopeObjects;

void scope_objects_add(ScopeObjects *objects, ScopeKind kind, Oid oid,
	const char *name, bool always);
void scope_objects_clear(ScopeObjects *objects);

typedef enum ScopeAnswer
{
	SCOPE_ANSWER_NAME, /* name has been filled in */
	SCOPE_ANSWER_NONE, /* nobody knows, nor ever will: it has been dropped */
	SCOPE_ANSWER_ERROR /* err; it may be known later */
} ScopeAnswer;

/* What the decisions ask for and tell; arg is the caller's.  All may be NULL. */
typedef struct RuleScopeHooks
{
	/* Who is this, that is first met in a record of transaction xid at lsn? */
	ScopeAnswer (*look_up)(void *arg, ScopeKind kind, Oid oid, uint32_t xid,
		Lsn lsn, char name[CATALOG_NAME_SIZE], ErrInfo *err);
	/* Something for the log. */
	void (*note)(void *arg, LogLevel level, const ErrInfo *what);
	/* A database has left the scope though its name is in it. */
	void (*alarm)(void *arg, const ErrInfo *what);
	/* Something stays withheld though the rule, as it is now, would have it. */
	void (*kept_back)(void *arg);
	void *arg;
} RuleScopeHooks;

typedef struct RuleScopeParams
{
	const Rule *rule; /* its name and filter are copied */
	const char *state_directory;
	uint64_t system_identifier;
	const ScopeObjects *objects;
	/*
	 * Where the standby is.  What it has had so far and is to have no more is out
	 * from there on, since the records that began before have reached it: that is
	 * what changed lists put out and, for a stream that is live, all that is new
	 * to the journal.  At the start of a stream that was never let through.
	 */
	Lsn since;
	bool live;
	/* Read the journal if there is one, and write nothing: for tools. */
	bool read_only;
	RuleScopeHooks hooks;
} RuleScopeParams;

/*
 * What the standbys of a rule may have: the names looked up in objects, by what
 * the rule's journal has on record.  *scope is NULL if that is everything, now and
 * for ever: the WAL need not be looked at.  Otherwise it is the caller's; it
 * decides what comes up in the WAL, and writes that to the journal by itself.
 * hooks.arg must outlive it.
 *
 * Waits for the journal's lock for some seconds at most.  False, with err, if
 * something that has to be known is not: the standby must get nothing then.
 */
MUST_CHECK bool rulescope_compile(
	const RuleScopeParams *params, WalScope **scope, ErrInfo *err);

/* Whether it may have to be compiled at all: the rule has a filter or a journal. */
bool rulescope_needed(const Rule *rule, const char *state_directory);

/*
 * Whether there is a rule of that name, by the configuration, or by the journal of
 * one that is no longer there.
 */
bool rulescope_is_known(const Config *config, const char *rule);

/*
 * Forget what has been decided for a rule whose standbys were rebuilt, and where
 * in a record each of them may be.  *decisions is how many there were.  Streams
 * that run go on with the scope that they have.
 */
MUST_CHECK bool rulescope_forget(const char *state_directory, const char *rule,
	size_t *decisions, ErrInfo *err);

#endif /* STATE_RULESCOPE_H */
