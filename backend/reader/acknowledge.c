/*
 * acknowledge.c
 *		How far the upstream is told that WAL has arrived.  See acknowledge.h.
 *
 * What counts is on the board: a position that a standby has told its worker, on
 * the timeline that the ring is on, and that of the spooler.  Nothing is confirmed
 * beyond the ring's end.  What has been confirmed over a connection stays, also
 * when there are fewer standbys than the policy asks for; a new connection begins
 * with nothing.
 *
 * The upstream's shutdown.  A walsender whose server is stopped ends only when
 * the flushed position that it is told (the written one if that is 0) is all that
 * it has sent, and asks for a reply again as soon as it has one (walsender.c,
 * WalSndDone, 13 to 18).  While the policy does not cover the end of WAL that
 * would last until wal_sender_timeout, and longer, as we do answer.
 *
 * In normal operation a walsender asks for a reply after wal_sender_timeout / 2
 * without a message.  To tell one from the other a reply to such a request asks
 * for an answer in turn, while there is something that is not covered: a walsender
 * that is to end sends that answer and its next request in one go, however far
 * away it is; any other sends the answer alone.  Some rounds of that are a shutdown.
 * Then, if the policy cannot be met, or nothing has moved for a while, we step
 * aside: the upstream is told what we have received as written, and that nothing
 * is known as flushed or replayed.  With that it ends; and as a walsender without
 * a flushed position is no synchronous standby at all (syncrep.c,
 * SyncRepGetCandidateStandbys), no commit is confirmed by it.
 */
#include "base.h"

#include "reader/acknowledge.h"
#include "shm/board.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

/* An answer and a request that are no further apart were sent together. */
#define ROUND_MS 100
/* So many rounds are a shutdown. */
#define ROUNDS 3
/* How long standbys and spooler may take over what is left, at a shutdown. */
#define SHUTDOWN_PATIENCE_MS 1000
/* How fast requests are answered then. */
#define SHUTDOWN_ANSWER_MS 20
/* Standbys that come and go are not worth a line. */
#define LACKING_MS 5000

static struct
{
	/* of board_cell_count() */
	BoardView *views;
	QuorumSession *sessions;
} acknowledge;

/* How far the spool is durable on the ring's timeline; 0 if it is not known. */
static Lsn
spooled_position(const Config *config, TimeLineId tli)
{
	BoardView view;

	if (!config_has_spool(config) || !board_view(BOARD_SPOOLER, &view) ||
		view.state != CELL_RUNNING || view.status.tli != tli)
		return InvalidLsn;
	return view.status.flush;
}

/*
 * All streams; those count that have caught up, on the ring's timeline, and whose
 * standby has flushed something.  Returns how many.
 */
static int
collect_sessions(TimeLineId tli)
{
	int cells = board_cell_count();
	int count = 0;

	if (acknowledge.views == NULL)
	{
		acknowledge.views =
			mem_alloc((size_t) cells * sizeof(*acknowledge.views));
		acknowledge.sessions =
			mem_alloc((size_t) cells * sizeof(*acknowledge.sessions));
	}
	for (int i = BOARD_FIRST_WORKER; i < cells; i++)
	{
		BoardView *view = &acknowledge.views[count];

		if (!board_is_stream(board_state(i)) || !board_view(i, view) ||
			!board_is_stream(view->state))
			continue;
		acknowledge.sessions[count++] = (QuorumSession){
			.rule = view->status.rule,
			.user = view->status.user,
			.application_name = view->status.application_name,
			.began_ms = view->status.stream_began_ms,
			.counts = view->state == CELL_STREAMING &&
					  view->status.tli == tli &&
					  view->status.flush != InvalidLsn,
			.at = {view->status.write, view->status.flush, view->status.apply},
		};
	}
	return count;
}

static AckPositions
no_further_than(AckPositions at, Lsn end)
{
	return (AckPositions){
		Min(at.write, end), Min(at.flush, end), Min(at.apply, end)};
}

static AckPositions
latest_of(AckPositions a, AckPositions b)
{
	return (AckPositions){
		Max(a.write, b.write), Max(a.flush, b.flush), Max(a.apply, b.apply)};
}

static bool
equal(const AckPositions *a, const AckPositions *b)
{
	return a->write == b->write && a->flush == b->flush && a->apply == b->apply;
}

/* Say once that there are too few standbys, and when there are enough again. */
static void
note_lack(Acknowledge *a, const AckPolicy *policy, int standbys)
{
	if (standbys >= policy->count)
	{
		if (a->lack_logged)
			log_msg(LOG_LOG,
				"there are the %d standbys that \"upstream.acknowledge\" asks "
				"for",
				policy->count);
		a->lacking_ms = 0;
		a->lack_logged = false;
		return;
	}
	a->standbys = standbys;
	if (a->lacking_ms == 0)
	{
		a->lacking_ms = monotime_ms();
		a->lacking_time = monotime_pg_timestamp();
	}
	if (a->lack_logged || monotime_ms() - a->lacking_ms < LACKING_MS)
		return;
	log_msg(LOG_WARNING,
		"nothing is acknowledged to the upstream: %d of the %d standbys that "
		"\"upstream.acknowledge\" asks for are streaming",
		standbys, policy->count);
	a->lack_logged = true;
}

/* What the policy covers; *possible: whether it can cover more with time. */
static AckPositions
covered(
	Acknowledge *a, const Config *config, const RingState *ring, bool *possible)
{
	const AckPolicy *policy = &config->acknowledge;
	Lsn spooled = spooled_position(config, ring->tli);
	AckPositions at = {0};

	*possible = true;
	if (policy->kind == ACK_RECEIVED)
	{
		at.write = ring->head;
		at.flush = spooled;
		a->lacking_ms = 0;
		a->lack_logged = false;
	}
	else
	{
		int count = collect_sessions(ring->tli);
		int standbys = quorum_compute(policy, acknowledge.sessions, count, &at);

		*possible = standbys >= policy->count;
		note_lack(a, policy, standbys);
	}
	if (policy->spooled || policy->kind == ACK_RECEIVED)
		*possible &= spooled != InvalidLsn;
	if (policy->spooled)
		at = no_further_than(at, spooled);
	return no_further_than(at, ring->head);
}

/* Whether a walsender that is to end would be content. */
static bool
is_all(const AckPositions *at, Lsn head)
{
	return (at->flush != InvalidLsn ? at->flush : at->write) == head;
}

/* The upstream is shutting down, and what it waits for will not come. */
static void
step_aside(Acknowledge *a, Lsn head)
{
	if (!a->aside)
		log_msg(LOG_LOG,
			"upstream is shutting down: it is told that " LSN_FORMAT
			" has been received, \"upstream.acknowledge\" covers " LSN_FORMAT,
			LSN_ARGS(head), LSN_ARGS(a->now.flush));
	a->aside = true;
	a->now = (AckPositions){.write = head};
}

void
acknowledge_on_wal(Acknowledge *a)
{
	a->rounds = 0;
	a->aside = false;
}

void
acknowledge_on_keepalive(
	Acknowledge *a, bool reply_requested, bool received_all)
{
	int64_t now = monotime_ms();

	if (!reply_requested)
	{
		a->answered_ms = a->asked ? now : 0;
		a->asked = false;
		return;
	}
	if (received_all && a->answered_ms != 0 && now - a->answered_ms <= ROUND_MS)
	{
		if (++a->rounds == ROUNDS)
			a->moved_ms = now;
	}
	else
		acknowledge_on_wal(a);
	a->answered_ms = 0;
}

bool
acknowledge_look(
	Acknowledge *a, const Config *config, const Ring *ring, bool wanted)
{
	RingState state = ring_state(ring);
	bool possible;
	AckPositions reached = covered(a, config, &state, &possible);
	int64_t now = monotime_ms();

	if (a->tli == state.tli)
		reached = latest_of(reached, no_further_than(a->reached, state.head));
	a->tli = state.tli;
	if (!equal(&reached, &a->reached))
	{
		a->reached = reached;
		a->moved_ms = now;
	}
	a->now = a->reached;
	/* from a policy that was in force before */
	if (config->acknowledge.kind == ACK_RECEIVED)
	{
		a->now.apply = InvalidLsn;
		if (!config_has_spool(config))
			a->now.flush = InvalidLsn;
	}
	if (is_all(&a->now, state.head))
		acknowledge_on_wal(a);
	else if (a->aside ||
			 (a->rounds >= ROUNDS &&
				 (!possible || now - a->moved_ms >= SHUTDOWN_PATIENCE_MS)))
		step_aside(a, state.head);
	if (!equal(&a->now, &a->told))
		return true;
	return wanted && (a->rounds < ROUNDS || a->aside ||
						 now - a->told_ms >= SHUTDOWN_ANSWER_MS);
}

bool
acknowledge_asks(const Acknowledge *a, const Ring *ring)
{
	return !is_all(&a->now, ring_state(ring).head);
}

void
acknowledge_on_told(Acknowledge *a, bool asked)
{
	a->told = a->now;
	a->told_ms = monotime_ms();
	a->asked |= asked;
}

int64_t
acknowledge_due_ms(const Acknowledge *a)
{
	return a->rounds >= ROUNDS && !a->aside ? a->told_ms + SHUTDOWN_ANSWER_MS
											: INT64_MAX;
}
