/*
 * listing.h
 *		What is printed of records: a line each, or their numbers.
 */
#ifndef WALCAT_LISTING_H
#define WALCAT_LISTING_H

#include "base.h"

#include "names.h"
#include "ruling.h"
#include "wal/record.h"
#include "wal/rmgr.h"
#include "wal/walscope.h"

/*
 * LSN, length, resource manager, operation, subject, "keep" or "blank", reason;
 * tabs between them.
 */
void listing_print_record(const WalScope *scope, const Names *names,
	const RulingNews *news, Lsn lsn, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked);

typedef struct Summary Summary;

Summary *summary_new(void);
void summary_free(Summary *summary);
/* A record that names two databases counts for both, and once in the total. */
void summary_add(Summary *summary, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked);
/* By database and resource manager, then the total. */
void summary_print(const Summary *summary, const Names *names);

#endif /* WALCAT_LISTING_H */
