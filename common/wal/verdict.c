/*
 * verdict.c
 *		Keep a record, or blank it.  See verdict.h.
 */
#include "base.h"

#include "wal/verdict.h"

/* A copied directory: is its source at hand where the copy is to be? */
static bool
check_source(WalScope *scope, const RmgrSubjects *subjects, uint32_t xid,
	Lsn lsn, Verdict *verdict, ErrInfo *err)
{
	bool in;

	if (!walscope_check(scope, subjects->source.database,
			subjects->source.tablespace, xid, lsn, &in, err))
		return false;
	if (in)
		return true;
	*verdict = VERDICT_BLANK;
	return walscope_copied(scope, subjects->items[0].database,
		subjects->source.database, lsn, err);
}

bool
verdict_reach(WalScope *scope, const RmgrSubjects *subjects, uint32_t xid,
	Lsn lsn, Verdict *verdict, ErrInfo *err)
{
	unsigned in_scope = 0;
	bool in;

	for (unsigned i = 0; i < subjects->count; i++)
	{
		if (!walscope_check(scope, subjects->items[i].database,
				subjects->items[i].tablespace, xid, lsn, &in, err))
			return false;
		in_scope += in;
	}
	if (in_scope == subjects->count)
		*verdict = VERDICT_KEEP;
	else
		*verdict = in_scope == 0 ? VERDICT_BLANK : VERDICT_MIXED;
	if (subjects->is_file_copy && *verdict != VERDICT_BLANK)
		return check_source(scope, subjects, xid, lsn, verdict, err);
	return true;
}
