/*
 * journal.h
 *		The scope journal of a rule: what has been decided about databases and
 *		tablespaces, by OID, so that neither a rename, nor a reconnect, nor a
 *		restart changes it.
 *
 * state_directory/scope/RULE, append-only text; each line is the CRC-32C of the
 * rest of the line in 8 hexadecimal digits, a blank, and one of
 *
 *		walbouncer-scope 1 SYSTEM-IDENTIFIER		the first line
 *		rule DIGEST									the filter that what follows was decided by
 *		database OID in|out SINCE REASON NAME
 *		tablespace OID in|out SINCE REASON NAME
 *		catalog database|tablespace RELFILENUMBER	a file that it lies in, or has lain in
 *		rescope TIME								the standbys were rebuilt
 *
 * SINCE is the LSN from which on records are withheld; what began before it had
 * been sent already, to the standby that was the first to notice.  With "file_copy"
 * it is where the copy is in the WAL, and the same for every standby.  NAME has %XX
 * for what is not a letter, digit, '_', '.' or '-', and is empty if it is not known.
 * REASON is "name" (as the upstream knows it), "created" (the name in the WAL that
 * makes it), "narrowed" (the lists have changed), "unfiltered" (the rule has no list
 * for its kind), "unknown" (nobody can name it) or "file_copy" (made from files that
 * are not in the WAL); but for the last one it is for people.  Later lines win, but
 * for one thing: what is out stays out, and from the earliest SINCE on.  With
 * "rescope" all decisions above it are forgotten, and the rule's digest; the files of
 * catalogs are not.
 *
 * All workers of a rule share the file; a lock on it covers reading and
 * appending.  A line that was not written to its end is cut off; damage anywhere
 * else is an error, since a decision may have been lost.  See linefile.h.
 */
#ifndef STATE_JOURNAL_H
#define STATE_JOURNAL_H

#include "base.h"

#include "state/linefile.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/catalog.h"
#include "wal/walscope.h"

/* A decision that is on record. */
typedef struct JournalEntry
{
	Oid oid;
	ScopeVerdict verdict;
	Lsn since;    /* SCOPE_OUT */
	bool by_copy; /* since is a place in the WAL, for everybody */
	char name[CATALOG_NAME_SIZE]; /* the last that is known; "" if none is */
} JournalEntry;

typedef struct JournalTable
{
	JournalEntry *entries; /* ascending by oid; owned */
	size_t count;
	size_t cap;
} JournalTable;

/* Who wants to see what the decisions were called, in the order of the file. */
typedef struct JournalVisitor
{
	/* a decision; name is "" if it is not known */
	void (*decision)(void *arg, ScopeKind kind, Oid oid, const char *name);
	void (*forgotten)(void *arg); /* all decisions so far */
	void *arg;
} JournalVisitor;

typedef struct Journal
{
	LineFile file;                 /* open and locked */
	const JournalVisitor *visitor; /* NULL: nobody */
	JournalTable tables[SCOPE_KIND_COUNT];
	bool is_new; /* nothing was in it */
	bool has_digest;
	uint64_t digest; /* of the last "rule" line */
} Journal;

/* Whether a rule has a journal. */
bool journal_exists(const char *state_directory, const char *rule);

/*
 * Open and lock the journal of a rule, making it if there is none, and set in
 * scope, which may be NULL, what it says.  False, with err, on failure.
 */
MUST_CHECK bool journal_open(Journal *j, const char *state_directory,
	const char *rule, uint64_t system_identifier, WalScope *scope,
	ErrInfo *err);

/*
 * The same to look at: nothing is made, and nothing can be written; is_new if there
 * is none.  A system_identifier of 0 is whatever it says.
 */
MUST_CHECK bool journal_open_read(Journal *j, const char *state_directory,
	const char *rule, uint64_t system_identifier, WalScope *scope,
	ErrInfo *err);

/*
 * The same without the lock, for those who may make nobody wait: what is being
 * written may be missing, or be taken back.  visitor may be NULL.
 */
MUST_CHECK bool journal_peek(Journal *j, const char *state_directory,
	const char *rule, const JournalVisitor *visitor, ErrInfo *err);

/* What is on record of an OID; NULL: nothing. */
const JournalEntry *journal_find(const Journal *j, ScopeKind kind, Oid oid);

/*
 * Since when entry, which is out, is out for a standby that is at lsn: one that is
 * further behind than the one that noticed has not had the rest.
 */
Lsn journal_since(const JournalEntry *entry, Lsn lsn);

/* What makes a database out by_copy. */
#define JOURNAL_FILE_COPY "file_copy"

/* Lines for journal_commit to append. */
void journal_add_digest(Journal *j, uint64_t digest);
void journal_add(Journal *j, ScopeKind kind, Oid oid, ScopeVerdict verdict,
	Lsn since, const char *reason, const char *name);
void journal_add_catalog(Journal *j, ScopeKind kind, uint32_t relfilenumber);

/*
 * Append what was added and make it durable, all or nothing.  Due even if nothing was
 * added, before anything is done by what was read: whoever wrote that may have been
 * killed before it was durable.  The lock may be gone then.
 */
MUST_CHECK bool journal_commit(Journal *j, ErrInfo *err);

/* Unlock and close.  What was not committed is forgotten. */
void journal_close(Journal *j);

/*
 * Forget all decisions of a rule; *decisions is how many there were.  No journal, no
 * decisions.
 */
MUST_CHECK bool journal_forget(const char *state_directory, const char *rule,
	size_t *decisions, ErrInfo *err);

#endif /* STATE_JOURNAL_H */
