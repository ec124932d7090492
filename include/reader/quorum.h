/*
 * quorum.h
 *		What the standbys cover together: computed from what each has said.  No
 *		shared memory, no clock, no connection here.
 */
#ifndef READER_QUORUM_H
#define READER_QUORUM_H

#include "base.h"

#include "conf/ackpolicy.h"
#include "util/lsn.h"

/* What a status reply to the upstream tells; 0 is unknown. */
typedef struct AckPositions
{
	Lsn write;
	Lsn flush;
	Lsn apply;
} AckPositions;

/* A session that streams.  The strings are borrowed. */
typedef struct QuorumSession
{
	const char *rule;
	const char *user;
	const char *application_name;
	int64_t began_ms; /* when the stream began */
	bool counts; /* it is where the upstream is, and the standby has said so */
	AckPositions at;
	int priority; /* for quorum_compute alone */
} QuorumSession;

/*
 * What policy (ACK_ANY or ACK_FIRST) covers, each position by itself.  Sessions
 * of the same rule, user and application_name are one standby, which is where
 * the one says that began last; if that one does not count, the standby does not.
 * Among standbys of one priority their names decide.
 * The array is left in any order.
 *
 * Returns how many standbys there are that count.  With less than policy->count
 * nothing is covered: *covered is all 0.
 */
int quorum_compute(const AckPolicy *policy, QuorumSession *sessions, int count,
	AckPositions *covered);

#endif /* READER_QUORUM_H */
