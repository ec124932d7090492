/*
 * quorum.c
 *		What the standbys cover together.  See quorum.h.
 *
 * The rules are those of PostgreSQL's syncrep.c, SyncRepGetSyncRecPtr, 13 to 18:
 * of ANY k the k-th latest of each position, of FIRST k the oldest of each
 * position among the k standbys whose names come first.
 *
 * One rule is ours.  To PostgreSQL each walsender is a standby; but the session of
 * a standby that has lost its connection may live on beside its next one, until
 * wal_sender_timeout, and two sessions must never make a quorum out of one standby.
 * Nor does the old one go on to count while the next one catches up: the standby may
 * have been replaced by an older copy of itself.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "reader/quorum.h"

static int
compare_identity(const QuorumSession *a, const QuorumSession *b)
{
	int order = strcmp(a->rule, b->rule);

	if (order == 0)
		order = strcmp(a->user, b->user);
	if (order == 0)
		order = strcmp(a->application_name, b->application_name);
	return order;
}

/* Sessions of one standby side by side, the one that counts in front. */
static int
compare_sessions(const void *x, const void *y)
{
	const QuorumSession *a = x;
	const QuorumSession *b = y;
	int order = compare_identity(a, b);

	if (order == 0 && a->began_ms != b->began_ms)
		order = a->began_ms > b->began_ms ? -1 : 1;
	/* which is which cannot be known then */
	if (order == 0 && a->counts != b->counts)
		order = a->counts ? 1 : -1;
	if (order == 0 && a->at.flush != b->at.flush)
		order = a->at.flush < b->at.flush ? -1 : 1;
	return order;
}

static int
compare_priorities(const void *x, const void *y)
{
	const QuorumSession *a = x;
	const QuorumSession *b = y;

	if (a->priority != b->priority)
		return a->priority - b->priority;
	return compare_identity(a, b);
}

/* Those that the policy names, each standby once.  Returns how many. */
static int
keep_standbys(const AckPolicy *policy, QuorumSession *sessions, int count)
{
	QuorumSession latest = {0};
	int kept = 0;

	qsort(sessions, (size_t) count, sizeof(*sessions), compare_sessions);
	for (int i = 0; i < count; i++)
	{
		QuorumSession s = sessions[i];
		bool is_latest = i == 0 || compare_identity(&latest, &s) != 0;

		if (is_latest)
			latest = s;
		s.priority = ackpolicy_priority(policy, s.rule, s.application_name);
		if (is_latest && s.counts && s.priority > 0)
			sessions[kept++] = s;
	}
	return kept;
}

static AckPositions
oldest_of(const QuorumSession *standbys, int count)
{
	AckPositions at = standbys[0].at;

	for (int i = 1; i < count; i++)
	{
		at.write = Min(at.write, standbys[i].at.write);
		at.flush = Min(at.flush, standbys[i].at.flush);
		at.apply = Min(at.apply, standbys[i].at.apply);
	}
	return at;
}

/* By each position, latest first. */
#define COMPARE_LATEST(member)                                                 \
	static int compare_##member(const void *x, const void *y)                  \
	{                                                                          \
		Lsn a = ((const QuorumSession *) x)->at.member;                        \
		Lsn b = ((const QuorumSession *) y)->at.member;                        \
                                                                               \
		return a > b ? -1 : a < b;                                             \
	}

COMPARE_LATEST(write)
COMPARE_LATEST(flush)
COMPARE_LATEST(apply)

/* The one that is k-th by some position, 1 being the first. */
static const AckPositions *
kth(QuorumSession *standbys, int count, int k,
	int (*compare)(const void *, const void *))
{
	qsort(standbys, (size_t) count, sizeof(*standbys), compare);
	return &standbys[k - 1].at;
}

int
quorum_compute(const AckPolicy *policy, QuorumSession *sessions, int count,
	AckPositions *covered)
{
	int k = policy->count;
	int standbys = keep_standbys(policy, sessions, count);

	*covered = (AckPositions){0};
	if (k < 1 || standbys < k)
		return standbys;
	if (policy->kind == ACK_FIRST)
	{
		qsort(
			sessions, (size_t) standbys, sizeof(*sessions), compare_priorities);
		*covered = oldest_of(sessions, k);
	}
	else
	{
		covered->write = kth(sessions, standbys, k, compare_write)->write;
		covered->flush = kth(sessions, standbys, k, compare_flush)->flush;
		covered->apply = kth(sessions, standbys, k, compare_apply)->apply;
	}
	return standbys;
}
