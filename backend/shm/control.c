/*
 * control.c
 *		What the supervisor tells everybody.  See control.h.
 *
 * One writer, any number of readers: a sequence lock, as for a cell of the board.
 */
#include "base.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "shm/control.h"
#include "shm/sharedmem.h"
#include "util/monotime.h"

typedef struct ControlArea
{
	pid_t supervisor_pid;
	int64_t start_time;
	_Atomic int64_t upstream_heard;
	_Atomic uint64_t version; /* odd while the supervisor writes */
	_Atomic uint64_t reloads_begun;
	ReloadOutcome outcome;
	size_t halt_count;
	Halt halts[CONTROL_HALTS_MAX];
} ControlArea;

static struct
{
	SharedMem memory;
	ControlArea *area;
} control;

void
control_create(void)
{
	control.area = sharedmem_make(
		&control.memory, "walbouncer-control", sizeof(ControlArea));
	control.area->supervisor_pid = getpid();
	control.area->start_time = monotime_pg_timestamp();
	control.area->outcome.good = true;
	control.area->outcome.time = control.area->start_time;
	control.area->outcome.good_time = control.area->start_time;
}

void
control_enter(void)
{
	sharedmem_enter(&control.memory, control.area, sizeof(ControlArea), false);
}

static void
write_begin(void)
{
	atomic_fetch_add_explicit(&control.area->version, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void
write_end(void)
{
	atomic_fetch_add_explicit(&control.area->version, 1, memory_order_release);
}

/*
 * Copies what copy() takes until it is of one moment.  The supervisor never stays
 * inside: if it is killed there, so are we.
 */
static void
read_consistent(void (*copy)(const ControlArea *area, void *into), void *into)
{
	ControlArea *area = control.area;
	uint64_t version;

	do
	{
		version = atomic_load_explicit(&area->version, memory_order_acquire);
		copy(area, into);
		atomic_thread_fence(memory_order_acquire);
	} while (version % 2 != 0 || atomic_load_explicit(&area->version,
									 memory_order_relaxed) != version);
}

void
control_reload_begin(void)
{
	atomic_fetch_add(&control.area->reloads_begun, 1);
}

void
control_reload_done(bool good, const ErrInfo *err)
{
	ReloadOutcome *outcome = &control.area->outcome;
	int64_t now = monotime_pg_timestamp();

	write_begin();
	outcome->count++;
	outcome->good = good;
	outcome->time = now;
	if (good)
	{
		outcome->good_time = now;
		errinfo_clear(&outcome->err);
	}
	else
		outcome->err = *err;
	write_end();
}

/* Where a halt of this standby goes. */
static Halt *
place_for(const BoardStatus *status)
{
	ControlArea *area = control.area;
	Halt *oldest = &area->halts[0];

	for (size_t i = 0; i < area->halt_count; i++)
	{
		if (control_halt_is_of(&area->halts[i], status))
			return &area->halts[i];
		if (area->halts[i].time < oldest->time)
			oldest = &area->halts[i];
	}
	return area->halt_count < CONTROL_HALTS_MAX
			   ? &area->halts[area->halt_count++]
			   : oldest;
}

void
control_worker_ended(const BoardStatus *status)
{
	Halt *halt;

	if (!status->halted)
		return;
	write_begin();
	halt = place_for(status);
	memcpy(halt->rule, status->rule, sizeof(halt->rule));
	memcpy(halt->user, status->user, sizeof(halt->user));
	memcpy(halt->application_name, status->application_name,
		sizeof(halt->application_name));
	memcpy(halt->peer, status->peer, sizeof(halt->peer));
	memcpy(halt->reason, status->reason, sizeof(halt->reason));
	halt->tli = status->tli;
	halt->lsn = status->sent;
	halt->time = monotime_pg_timestamp();
	write_end();
}

void
control_reader_ended(const BoardStatus *status)
{
	if (status->message_time != 0)
		atomic_store(&control.area->upstream_heard, status->message_time);
}

int64_t
control_upstream_heard(void)
{
	return atomic_load(&control.area->upstream_heard);
}

pid_t
control_supervisor_pid(void)
{
	return control.area->supervisor_pid;
}

int64_t
control_start_time(void)
{
	return control.area->start_time;
}

static void
copy_outcome(const ControlArea *area, void *into)
{
	*(ReloadOutcome *) into = area->outcome;
}

ReloadOutcome
control_reload_outcome(void)
{
	ReloadOutcome outcome;

	read_consistent(copy_outcome, &outcome);
	return outcome;
}

uint64_t
control_reload_count(void)
{
	return control_reload_outcome().count;
}

uint64_t
control_reloads_begun(void)
{
	return atomic_load(&control.area->reloads_begun);
}

typedef struct HaltCopy
{
	Halt *halts;
	size_t count;
} HaltCopy;

static void
copy_halts(const ControlArea *area, void *into)
{
	HaltCopy *copy = into;

	copy->count = Min(area->halt_count, CONTROL_HALTS_MAX);
	memcpy(copy->halts, area->halts, copy->count * sizeof(Halt));
}

size_t
control_halts(Halt halts[CONTROL_HALTS_MAX])
{
	HaltCopy copy = {.halts = halts};

	read_consistent(copy_halts, &copy);
	return copy.count;
}
