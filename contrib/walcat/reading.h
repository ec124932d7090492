/*
 * reading.h
 *		Segments through the filter, timeline by timeline, as a standby would get
 *		them.
 */
#ifndef WALCAT_READING_H
#define WALCAT_READING_H

#include "base.h"

#include "output.h"
#include "segments.h"
#include "util/errinfo.h"
#include "wal/filter.h"

/*
 * Told of each record, once: what the timelines have in common comes with the
 * first of them.  False ends the reading of this timeline.
 */
typedef bool (*ReadingVisitor)(void *arg, Lsn lsn, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked);

typedef struct ReadingParams
{
	const Segments *segments;
	WalFilter *filter;
	Lsn end; /* what lies here or behind it is of no interest */
	ReadingVisitor visit;
	void *arg;
	Output *output;     /* where the filtered segments go; NULL: nowhere */
	bool partial_start; /* write the first one although it begins in a record */
	bool *skipped;      /* set if a segment could not be looked at */
} ReadingParams;

/* False, with err, for WAL that cannot be read to its end. */
MUST_CHECK bool reading_run(const ReadingParams *params, ErrInfo *err);

#endif /* WALCAT_READING_H */
