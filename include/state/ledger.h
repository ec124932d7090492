/*
 * ledger.h
 *		What one standby has been given under a rule with a filter: for an
 *		auditor, and for itself, when it goes on in the middle of a record.
 *
 * One file each, see ledgerfile.h.  Append-only text, a CRC-32C in front of each line
 * (see linefile.h); SESSION, a process id and a time, tells the lines of one stream
 * from those of another that used the same name at the same time:
 *
 *		walbouncer-ledger 1 SYSTEM-IDENTIFIER
 *		begin SESSION LSN TLI DIGEST TIME		from here on, by this filter
 *		range SESSION FROM TO DB:KR:KB:BR:BB ...	records that begin in FROM..TO
 *		straddle SESSION BOUNDARY TLI RECORD TOTAL XID PREV kept|blanked
 *		end SESSION LSN TIME
 *		lacks database|tablespace OID SINCE		what a rule before this one withheld
 *		left TIME					for another rule, whose ledger goes on from here
 *		rescope TIME				the standby was rebuilt
 *
 * DB is a database's OID, 0 for what belongs to none; KR, KB, BR, BB are records
 * kept, their bytes, records blanked, their bytes.  If there are more databases than
 * a line takes, another "range" with the same FROM and TO goes on with them; so a
 * reader needs memory for one line only.  TIME comes last in its line, as it has
 * blanks.  "begin" is durable before the first byte is sent; "range" and "straddle"
 * before the first byte of the segment that follows.  A session without "end" was cut
 * off: less than a segment more than its last range was sent, by the filter that its
 * last "begin" names; the standby asks for that segment again.
 *
 * "lacks" comes on top of what the rule's scope journal has out, see carryover.h.
 * What stands before a "left" or a "rescope" is no more what the standby lacks.
 */
#ifndef STATE_LEDGER_H
#define STATE_LEDGER_H

#include "base.h"

#include "state/ledgerfile.h"
#include "state/ledgerline.h"
#include "util/errinfo.h"

typedef struct Ledger Ledger;

typedef struct Lacks
{
	Lack *items; /* each object once; owned */
	size_t count;
	size_t cap;
} Lacks;

/* False if it is in there already, from then or from earlier on. */
bool lacks_add(Lacks *lacks, ScopeKind kind, Oid oid, Lsn since);
void lacks_clear(Lacks *lacks);

/*
 * Open it, making it if there is none, unless the rule has LEDGER_FILES_MAX of them
 * already.  NULL, with err, on failure.
 */
MUST_CHECK Ledger *ledger_open(const LedgerKey *key, ErrInfo *err);
/* Without a word: ledger_end comes before this, unless the stream failed. */
void ledger_close(Ledger *ledger);

/*
 * What is on record of the record that goes on at boundary, the start of a segment,
 * for a standby on timeline tli: of the lines for that boundary the latest of the
 * highest timeline that is not above tli, but none from before a rescope.  The page
 * there may be of another timeline still; it is the filter that compares them.
 *
 * Reads the file from its end on.  False also if it is damaged there: then the
 * record has to be looked at where it begins.
 */
MUST_CHECK bool ledger_find_straddle(
	Ledger *ledger, Lsn boundary, TimeLineId tli, Straddle *straddle);

/* The stream begins at lsn, or goes on from there by another filter.  Durable. */
MUST_CHECK bool ledger_begin(
	Ledger *ledger, Lsn lsn, TimeLineId tli, uint64_t digest, ErrInfo *err);

/*
 * Up to "to", the start of a segment or the end of what was sent, these records
 * have been given since the last call; straddle may be NULL.  Durable.
 */
MUST_CHECK bool ledger_range(Ledger *ledger, Lsn to, const Tally *tally,
	const Straddle *straddle, ErrInfo *err);

/* The stream has ended in good order. */
MUST_CHECK bool ledger_end(Ledger *ledger, Lsn lsn, ErrInfo *err);

/*
 * Without making a ledger: whether the standby counts as one of the rule, since a
 * stream has begun there and it has neither left nor been rebuilt; and the "lacks"
 * of that time, which are added to lacks.  A ledger of another system is none.
 */
MUST_CHECK bool ledger_look(
	const LedgerKey *key, bool *counts, Lacks *lacks, ErrInfo *err);

/* Put on record what the standby lacks.  Durable. */
MUST_CHECK bool ledger_add_lacks(
	Ledger *ledger, const Lacks *lacks, ErrInfo *err);

/* The standby comes under another rule from now on.  Durable. */
MUST_CHECK bool ledger_leave(const LedgerKey *key, ErrInfo *err);

/* Mark all ledgers of a rule: its standbys were rebuilt. */
MUST_CHECK bool ledger_forget(
	const char *state_directory, const char *rule, ErrInfo *err);

/* ---- reading, for tools ---- */

/* Called for each line; false stops the reading without error. */
typedef bool (*LedgerVisitor)(void *arg, const LedgerLine *line);

/*
 * Read a ledger file.  A torn last line is ignored; other damage is an error.  An
 * empty one has a system_identifier of 0.
 */
MUST_CHECK bool ledger_read(const char *path, uint64_t *system_identifier,
	LedgerVisitor visit, void *arg, ErrInfo *err);

#endif /* STATE_LEDGER_H */
