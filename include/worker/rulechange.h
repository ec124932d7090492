/*
 * rulechange.h
 *		What a new configuration means for a stream that runs.
 */
#ifndef WORKER_RULECHANGE_H
#define WORKER_RULECHANGE_H

#include "base.h"

#include "util/errinfo.h"
#include "util/log.h"
#include "util/lsn.h"
#include "worker/feed.h"
#include "worker/session.h"

/* Begins as all zero. */
typedef struct RuleChange
{
	/* what the changed rule means is not known yet: no WAL may be taken */
	bool pending;
	int64_t retry_ms;
	LogLimit limit;
} RuleChange;

/*
 * Take over a newer configuration, if there is one, with the stream at sent.  False,
 * with err, if the stream cannot go on.
 */
MUST_CHECK bool rulechange_check(
	RuleChange *c, Session *s, Feed *feed, Lsn sent, ErrInfo *err);

#endif /* WORKER_RULECHANGE_H */
