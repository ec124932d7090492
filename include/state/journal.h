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
 *
 * SINCE is the LSN from which on records are withheld; what began before it had
 * been sent already.  NAME has %XX for what is not a letter, digit, '_', '.' or '-'.  Later lines win,
 * but for one thing: what is out stays out.
 *
 * All workers of a rule share the file; a lock on it covers reading and
 * appending.  A line that was not written to its end is cut off; damage anywhere
 * else is an error, since a decision may have been lost.
 */
#ifndef STATE_JOURNAL_H
#define STATE_JOURNAL_H

#include "base.h"

#include "util/buf.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/walscope.h"

typedef struct Journal
{
	int fd; /* open and locked */
	char path[1200];
	Buf pending; /* lines to be appended */
	bool is_new; /* nothing was in it */
	bool has_digest;
	uint64_t digest; /* of the last "rule" line */
} Journal;

/* Whether a rule has a journal. */
bool journal_exists(const char *state_directory, const char *rule);

/*
 * Open and lock the journal of a rule, making it if there is none, and set in
 * scope what it says.  False, with err, on failure.
 */
MUST_CHECK bool journal_open(Journal *j, const char *state_directory,
	const char *rule, uint64_t system_identifier, WalScope *scope,
	ErrInfo *err);

/* Lines for journal_commit to append. */
void journal_add_digest(Journal *j, uint64_t digest);
void journal_add(Journal *j, ScopeKind kind, Oid oid, ScopeVerdict verdict,
	Lsn since, const char *reason, const char *name);

/* Append what was added and make it durable. */
MUST_CHECK bool journal_commit(Journal *j, ErrInfo *err);

/* Unlock and close.  What was not committed is forgotten. */
void journal_close(Journal *j);

#endif /* STATE_JOURNAL_H */
