/*
 * ledgerline.h
 *		The lines of a ledger, as text and back; ledger.h says what they are.
 */
#ifndef STATE_LEDGERLINE_H
#define STATE_LEDGERLINE_H

#include "base.h"

#include "state/linefile.h"
#include "util/lsn.h"
#include "util/monotime.h"
#include "wal/straddle.h"
#include "wal/tally.h"
#include "wal/walscope.h"

/* What a standby lacks of a database or tablespace: all from since on. */
typedef struct Lack
{
	ScopeKind kind;
	Oid oid;
	Lsn since;
} Lack;

typedef enum LedgerLineKind
{
	LEDGER_BEGIN,
	LEDGER_RANGE,
	LEDGER_STRADDLE,
	LEDGER_END,
	LEDGER_LACKS,
	LEDGER_LEFT,
	LEDGER_RESCOPE
} LedgerLineKind;

#define LEDGER_SESSION_SIZE 40

typedef struct LedgerLine
{
	LedgerLineKind kind;
	char session[LEDGER_SESSION_SIZE];
	Lsn from;
	Lsn to; /* for others than ranges the same as from */
	TimeLineId tli;
	uint64_t digest;
	char time[MONOTIME_STAMP_SIZE];
	Tally tally;       /* LEDGER_RANGE; the reader's, good for the call */
	Straddle straddle; /* LEDGER_STRADDLE */
	Lack lack;         /* LEDGER_LACKS */
} LedgerLine;

/* Lines for linefile_append; those with a time have that of the call. */
void ledgerline_add_begin(LineFile *file, const char *session, Lsn lsn,
	TimeLineId tli, uint64_t digest);
/* As many as the counts take. */
void ledgerline_add_range(
	LineFile *file, const char *session, Lsn from, Lsn to, const Tally *tally);
void ledgerline_add_straddle(
	LineFile *file, const char *session, const Straddle *straddle);
void ledgerline_add_end(LineFile *file, const char *session, Lsn lsn);
void ledgerline_add_lack(LineFile *file, const Lack *lack);
void ledgerline_add_left(LineFile *file);
void ledgerline_add_rescope(LineFile *file);

/* The line's tally must be empty, and is the caller's to clear. */
MUST_CHECK bool ledgerline_parse(const char *text, LedgerLine *line);

/*
 * What kind a line is by its first word: with a million lines in a file, only those
 * that matter are parsed.
 */
bool ledgerline_is(const char *text, LedgerLineKind kind);
/* Parse it if it is a straddle at boundary; false if it is not that. */
MUST_CHECK bool ledgerline_parse_straddle_at(
	const char *text, Lsn boundary, LedgerLine *line);

#endif /* STATE_LEDGERLINE_H */
