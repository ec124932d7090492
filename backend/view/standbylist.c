/*
 * standbylist.c
 *		All standbys there are at one moment.  See standbylist.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/ring.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "view/standbylist.h"

Lsn
standbylist_end_of_wal(const Ring *ring)
{
	RingState state = ring_state(ring);

	return Max(state.head, state.upstream_end);
}

/* The workers with a standby. */
static void
collect_connected(StandbyList *list)
{
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		Standby *standby = &list->items[list->count];

		if (board_state(i) < CELL_STARTUP || !board_view(i, &standby->view) ||
			!standbystate_is_standby(&standby->view))
			continue;
		standby->connected = true;
		list->count++;
	}
}

/* What is on record of a standby that is connected, unless that is history. */
static const Halt *
halt_of(const Standby *standby, const Halt *halts, const bool *over,
	size_t halt_count)
{
	for (size_t i = 0; i < halt_count; i++)
	{
		if (!over[i] && control_halt_is_of(&halts[i], &standby->view.status))
			return &halts[i];
	}
	return NULL;
}

static bool
is_over(const StandbyList *list, const Halt *halt)
{
	for (size_t i = 0; i < list->count; i++)
	{
		const BoardView *view = &list->items[i].view;

		if (control_halt_is_of(halt, &view->status) &&
			standbystate_halt_is_over(halt, view, list->now))
			return true;
	}
	return standbystate_halt_is_over(halt, NULL, list->now);
}

static bool
is_connected(const StandbyList *list, const Halt *halt)
{
	for (size_t i = 0; i < list->count; i++)
	{
		if (control_halt_is_of(halt, &list->items[i].view.status))
			return true;
	}
	return false;
}

static void
add_absent(StandbyList *list, const Halt *halt)
{
	Standby *standby = &list->items[list->count++];
	BoardStatus *status = &standby->view.status;

	*standby = (Standby){.verdict = standbystate_judge_absent(halt)};
	memcpy(status->rule, halt->rule, sizeof(status->rule));
	memcpy(status->user, halt->user, sizeof(status->user));
	memcpy(status->application_name, halt->application_name,
		sizeof(status->application_name));
	memcpy(status->peer, halt->peer, sizeof(status->peer));
	status->tli = halt->tli;
	status->sent = halt->lsn;
	status->write_lag = status->flush_lag = status->replay_lag = -1;
}

static void
judge_all(StandbyList *list)
{
	Halt halts[CONTROL_HALTS_MAX];
	bool over[CONTROL_HALTS_MAX];
	size_t halt_count = control_halts(halts);
	size_t connected = list->count;

	for (size_t i = 0; i < halt_count; i++)
		over[i] = is_over(list, &halts[i]);
	for (size_t i = 0; i < connected; i++)
	{
		Standby *standby = &list->items[i];
		const Halt *halt = halt_of(standby, halts, over, halt_count);

		standby->verdict = standbystate_judge(&standby->view, halt, list->now);
	}
	for (size_t i = 0; i < halt_count; i++)
	{
		if (!over[i] && !is_connected(list, &halts[i]))
			add_absent(list, &halts[i]);
	}
}

/* ---- who is waited for ---- */

/* Whether acknowledge.c counts it now. */
static bool
is_candidate(const Standby *standby)
{
	return standby->connected && standby->view.state == CELL_STREAMING &&
		   standby->view.status.flush != InvalidLsn;
}

/* How many candidates come before it. */
static int
count_before(const StandbyList *list, const Standby *standby)
{
	int before = 0;

	for (size_t i = 0; i < list->count; i++)
	{
		const Standby *other = &list->items[i];

		if (is_candidate(other) && other->priority > 0 &&
			(other->priority < standby->priority ||
				(other->priority == standby->priority && other < standby)))
			before++;
	}
	return before;
}

/* (walsender.c, pg_stat_get_wal_senders) */
static const char *
sync_state(
	const StandbyList *list, const AckPolicy *policy, const Standby *standby)
{
	if (!standby->connected)
		return NULL;
	if (policy->kind == ACK_RECEIVED || standby->priority == 0)
		return "async";
	if (!is_candidate(standby))
		return "potential";
	if (policy->kind == ACK_ANY)
		return "quorum";
	return count_before(list, standby) < policy->count ? "sync" : "potential";
}

static void
find_sync_states(StandbyList *list, const AckPolicy *policy)
{
	for (size_t i = 0; i < list->count; i++)
	{
		const BoardStatus *status = &list->items[i].view.status;

		list->items[i].priority =
			ackpolicy_priority(policy, status->rule, status->application_name);
	}
	for (size_t i = 0; i < list->count; i++)
		list->items[i].sync_state = sync_state(list, policy, &list->items[i]);
}

static int
compare_standbys(const void *a, const void *b)
{
	const BoardView *one = &((const Standby *) a)->view;
	const BoardView *two = &((const Standby *) b)->view;
	int order =
		strcmp(one->status.application_name, two->status.application_name);

	if (order == 0)
		order = strcmp(one->status.rule, two->status.rule);
	if (order == 0)
		order = strcmp(one->status.user, two->status.user);
	return order != 0 ? order : (one->pid > two->pid) - (one->pid < two->pid);
}

void
standbylist_take(StandbyList *list, const ChildContext *ctx)
{
	size_t room = (size_t) board_cell_count() + CONTROL_HALTS_MAX;

	*list = (StandbyList){
		.now = monotime_pg_timestamp(),
		.end_of_wal = standbylist_end_of_wal(ctx->ring),
		.items = mem_alloc0(room * sizeof(*list->items)),
	};
	collect_connected(list);
	judge_all(list);
	find_sync_states(list, &ctx->config->acknowledge);
	/* behind all that goes by the order of the cells */
	qsort(list->items, list->count, sizeof(*list->items), compare_standbys);
}

void
standbylist_clear(StandbyList *list)
{
	free(list->items);
	*list = (StandbyList){0};
}
