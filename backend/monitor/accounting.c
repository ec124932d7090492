/*
 * accounting.c
 *		The monitor counts what the WAL is made of.  See accounting.h.
 *
 * A turn takes the next part of the ring, for a bounded time, so that HTTP is
 * answered in between; what is left comes with the next turn.  If the ring has
 * lost what comes next, that is skipped and said so: nobody waits for us.
 *
 * What the ring had when we began was for a monitor before us to count.  Without one,
 * as at a start, where the reader may be faster than we are, all of it is ours.
 */
#include "base.h"

#include <stdio.h>
#include <unistd.h>

#include "exitcode.h"
#include "monitor/accounting.h"
#include "monitor/dbnames.h"
#include "shm/facts.h"
#include "shm/walstat.h"
#include "util/log.h"
#include "util/monotime.h"
#include "wal/history.h"
#include "wal/walaccount.h"

#define IDLE_MS 100 /* between two turns that have found everything read */
#define BUSY_MS 1
#define TURN_MS 20
#define TURN_BYTES ((size_t) 8 * 1024 * 1024)
#define PORTION ((size_t) 128 * 1024)

/* Rates are those between now and the oldest of so many, a second apart. */
#define SAMPLES 5
#define SAMPLE_MS 1000

/* Sums of bytes at one moment. */
typedef struct Sample
{
	int64_t time_ms;
	uint64_t total;
	uint64_t other;
	uint64_t rmgrs[WALACCOUNT_RMGRS];
	uint64_t databases[WALACCOUNT_DATABASES_MAX];
} Sample;

static struct
{
	const ChildContext *ctx;
	struct event *timer;
	WalAccount *account;
	TimeLineId tli;  /* 0: not begun */
	bool from_start; /* there is nothing in the ring that others have counted */
	Sample samples[SAMPLES];
	size_t next_sample;
	/* records of each database when its name was asked for last */
	uint64_t asked[WALACCOUNT_DATABASES_MAX];
	WalStat stat;
	uint8_t portion[PORTION];
} accounting;

static void
seek(const Facts *facts, Lsn lsn, Lsn first)
{
	WalGeometry geometry = {
		.segment_size = facts->segment_size,
		.block_size = facts->block_size,
		.system_identifier = facts->system_identifier,
	};

	walaccount_seek(accounting.account, &geometry, lsn, first);
}

/* Where our timeline ended, if it leads to those that the facts know. */
static bool
find_end(const Facts *facts, Lsn *end)
{
	static History history;
	ErrInfo ignored;

	return history_parse(&history, facts->tli, facts->history,
			   facts->history_len, &ignored) &&
		   history_end(&history, accounting.tli, end);
}

/*
 * The ring is on another timeline.  What that has in common with ours has been
 * counted; what we have counted behind is on none any more.
 */
static void
follow(const Facts *facts, const RingState *state)
{
	Lsn lsn = walaccount_lsn(accounting.account);
	Lsn end;

	if (!find_end(facts, &end))
		seek(facts, state->tail, state->tail);
	else if (end < lsn)
		seek(facts, lsn_floor(end, facts->block_size), end);
	accounting.tli = state->tli;
}

/* Be where the ring is; false if there is nothing to be read. */
static bool
take_place(const RingState *state)
{
	static Facts facts;
	Lsn lsn = walaccount_lsn(accounting.account);

	if (state->tli == 0)
	{
		accounting.from_start |= accounting.tli == 0;
		return false;
	}
	if (accounting.tli == state->tli && lsn <= state->head)
		return true;
	if (!facts_get(&facts))
		return false;
	if (accounting.tli == 0)
	{
		lsn = accounting.from_start ? state->tail : state->head;
		seek(&facts, lsn, lsn);
		accounting.tli = state->tli;
	}
	else if (accounting.tli != state->tli)
		follow(&facts, state);
	else /* begun anew, further back */
		seek(&facts, state->head, state->head);
	return true;
}

/*
 * The ring says that it has lost what comes next.  Go on with what it has; if it was
 * overrun, from the middle, so that this is not overwritten at once too.  On another
 * timeline it is the next turn's affair.
 */
static void
jump(void)
{
	static Facts facts;
	const Ring *ring = accounting.ctx->ring;
	RingState state = ring_state(ring);
	Lsn lsn = state.tail;

	if (state.tli != accounting.tli ||
		lsn <= walaccount_lsn(accounting.account) || !facts_get(&facts))
		return;
	if (state.head - state.tail >= ring_size(ring))
		lsn += ring_size(ring) / 2;
	seek(&facts, lsn, lsn);
}

/* True if the time was up before everything was read. */
static bool
read_ring(void)
{
	RingState state = ring_state(accounting.ctx->ring);
	int64_t end = monotime_ms() + TURN_MS;
	size_t got;

	if (!take_place(&state))
		return false;
	for (size_t done = 0; done < TURN_BYTES && monotime_ms() < end; done += got)
	{
		switch (ring_read(accounting.ctx->ring, accounting.tli,
			walaccount_lsn(accounting.account), accounting.portion, PORTION,
			&got))
		{
			case RING_OK:
				walaccount_feed(accounting.account, accounting.portion, got);
				break;
			case RING_WAIT:
				return false;
			case RING_LOST:
				jump();
				return true;
		}
	}
	return true;
}

static void
fill_line(WalStatLine *line, WalCount count, uint64_t before, int64_t span_ms)
{
	line->count = count;
	line->bytes_per_second =
		span_ms > 0 ? (double) (count.bytes - before) * 1000 / (double) span_ms
					: 0;
}

static void
publish(void)
{
	WalStat *stat = &accounting.stat;
	const Sample *oldest = &accounting.samples[accounting.next_sample];
	int64_t span_ms = monotime_ms() - oldest->time_ms;
	const WalAccountDatabase *databases =
		walaccount_databases(accounting.account, &stat->database_count);

	stat->skipped_bytes = walaccount_skipped(accounting.account);
	fill_line(&stat->total, walaccount_total(accounting.account), oldest->total,
		span_ms);
	fill_line(&stat->other, walaccount_other(accounting.account), oldest->other,
		span_ms);
	for (size_t i = 0; i < WALACCOUNT_RMGRS; i++)
		fill_line(&stat->rmgrs[i],
			walaccount_rmgr(accounting.account, (uint8_t) i), oldest->rmgrs[i],
			span_ms);
	for (size_t i = 0; i < stat->database_count; i++)
	{
		stat->databases[i].oid = databases[i].oid;
		fill_line(&stat->databases[i].line, databases[i].count,
			oldest->databases[i], span_ms);
	}
	walstat_publish(stat);
}

static void
take_sample(int64_t now)
{
	Sample *sample = &accounting.samples[accounting.next_sample];
	const WalStat *stat = &accounting.stat;

	sample->time_ms = now;
	sample->total = stat->total.count.bytes;
	sample->other = stat->other.count.bytes;
	for (size_t i = 0; i < WALACCOUNT_RMGRS; i++)
		sample->rmgrs[i] = stat->rmgrs[i].count.bytes;
	for (size_t i = 0; i < stat->database_count; i++)
		sample->databases[i] = stat->databases[i].line.count.bytes;
	accounting.next_sample = (accounting.next_sample + 1) % SAMPLES;
}

/*
 * Take over names, and ask for those that are not known.  A database that was not
 * in the answer is asked for again when it has written more: it may have been in
 * the making.
 */
static void
name_databases(void)
{
	bool wanted = false;

	for (size_t i = 0; i < accounting.stat.database_count; i++)
	{
		WalStatDatabase *database = &accounting.stat.databases[i];
		const char *name = dbnames_find(database->oid);

		if (name != NULL)
			snprintf(database->name, sizeof(database->name), "%s", name);
		else if (database->oid != InvalidOid && database->name[0] == '\0' &&
				 database->line.count.records > accounting.asked[i])
			wanted = true;
	}
	if (!wanted || !dbnames_ask())
		return;
	for (size_t i = 0; i < accounting.stat.database_count; i++)
		accounting.asked[i] = accounting.stat.databases[i].line.count.records;
}

static void
on_turn(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	bool busy = read_ring();
	struct timeval tv = {.tv_usec = (busy ? BUSY_MS : IDLE_MS) * 1000};
	int64_t now = monotime_ms();
	size_t latest = (accounting.next_sample + SAMPLES - 1) % SAMPLES;

	publish();
	if (now - accounting.samples[latest].time_ms >= SAMPLE_MS)
	{
		take_sample(now);
		name_databases();
	}
	evtimer_add(accounting.timer, &tv);
}

void
accounting_start(struct event_base *base, const ChildContext *ctx)
{
	struct timeval at_once = {0};

	accounting.ctx = ctx;
	accounting.account = walaccount_new();
	accounting.from_start = !walstat_has_begun();
	accounting.stat.pid = getpid();
	for (size_t i = 0; i < SAMPLES; i++)
		accounting.samples[i].time_ms = monotime_ms();
	dbnames_init(base, ctx);
	accounting.timer = evtimer_new(base, on_turn, NULL);
	if (accounting.timer == NULL ||
		evtimer_add(accounting.timer, &at_once) != 0)
		log_fatal(EXITCODE_STARTUP, "out of memory");
}
