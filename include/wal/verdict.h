/*
 * verdict.h
 *		Keep a record, or blank it: by what it is about, and by the scope.
 */
#ifndef WAL_VERDICT_H
#define WAL_VERDICT_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/rmgr.h"
#include "wal/walscope.h"

typedef enum Verdict
{
	VERDICT_KEEP,
	VERDICT_BLANK,
	VERDICT_MIXED /* to be kept, though a part of what it names is out */
} Verdict;

/*
 * The verdict on the record of transaction xid at lsn: to be blanked if it is about
 * something, and all of that is out of scope.
 *
 * A copy of a directory from what is out to what is in cannot be replayed by a
 * standby that lacks the source, and its content is nowhere else in the WAL: the
 * copy is put out of scope, from here on.
 */
MUST_CHECK bool verdict_reach(WalScope *scope, const RmgrSubjects *subjects,
	uint32_t xid, Lsn lsn, Verdict *verdict, ErrInfo *err);

#endif /* WAL_VERDICT_H */
