/*
 * ledgerfile.h
 *		Where the ledgers are: state_directory/ledger/RULE/USER@APPLICATION_NAME, in
 *		which %XX stands for what is not a letter, digit, '_', '.' or '-'; what is too
 *		long for a file name ends in '~' and a digest.
 */
#ifndef STATE_LEDGERFILE_H
#define STATE_LEDGERFILE_H

#include "base.h"

#include "state/linefile.h"
#include "util/errinfo.h"

/* How many a rule may have: application_name is the client's to choose. */
#define LEDGER_FILES_MAX 1000

/* The standby, and what the ledger lies under. */
typedef struct LedgerKey
{
	const char *state_directory;
	const char *rule;
	const char *user;
	const char *application_name; /* may be "" */
	uint64_t system_identifier;
} LedgerKey;

/*
 * Open the ledger of a standby, as linefile_open does: to read it, of whatever
 * system; for anything else of that system, and it is made if there is none, unless
 * the rule has LEDGER_FILES_MAX already.
 */
MUST_CHECK bool ledgerfile_open(
	LineFile *file, const LedgerKey *key, LineFileMode mode, ErrInfo *err);
/* The same for a path, to read. */
MUST_CHECK bool ledgerfile_open_path(
	LineFile *file, const char *path, ErrInfo *err);

/*
 * Called with each ledger of a rule, open to be written, of whatever system, not
 * locked; false, with err, stops.
 */
typedef bool (*LedgerFileVisitor)(LineFile *file, ErrInfo *err);
MUST_CHECK bool ledgerfile_each(const char *state_directory, const char *rule,
	LedgerFileVisitor visit, ErrInfo *err);

/* Called for each rule that may have ledgers; false stops. */
typedef bool (*LedgerRuleVisitor)(void *arg, const char *rule, ErrInfo *err);
MUST_CHECK bool ledgerfile_each_rule(const char *state_directory,
	LedgerRuleVisitor visit, void *arg, ErrInfo *err);

#endif /* STATE_LEDGERFILE_H */
