/*
 * candidate.h
 *		Looking at a server before it becomes the upstream.
 */
#ifndef CONSOLE_CANDIDATE_H
#define CONSOLE_CANDIDATE_H

#include "base.h"

#include "conf/option.h"
#include "console/console.h"
#include "shm/facts.h"
#include "util/errinfo.h"

/* What has been found there. */
typedef struct Candidate
{
	char host[FACTS_HOST_SIZE];
	char hostaddr[FACTS_HOST_SIZE];
	char port[FACTS_NAME_SIZE];
	uint64_t system_identifier;
	TimeLineId tli;
	/* connected standbys of ours that it may be one of, each in quotes; "": none */
	char standbys[256];
} Candidate;

/*
 * Go to the upstream of a configuration.  False, with err, if no server can be
 * reached there, if it is of another system or on another line of timelines than what
 * is here, if it is this very walbouncer, or if the wait was ended.
 */
MUST_CHECK bool candidate_check(
	Console *c, const Config *config, Candidate *found, ErrInfo *err);

#endif /* CONSOLE_CANDIDATE_H */
