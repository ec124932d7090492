/*
 * spooler.c
 *		The spooler process.
 *
 * What for: it keeps the WAL of the ring on disk, so that a standby that has been
 * away for long gets it from here, and the upstream need not keep it.  It is like a
 * worker whose standby is a directory: it reads from the ring, and what it has
 * missed, when it was away itself or the disk was full, over a connection of its
 * own.
 *
 * Started by the supervisor if there is a spool, and again whenever it is gone.
 *
 * Ends normally on TERM (and USR2, when the workers have ended): what it has is on
 * disk, and it says so before.
 *
 * Ends in an emergency on QUIT, at once.
 *
 * If it crashes the supervisor starts another, with back-off.  That one finds out
 * from the files how far they are good, and goes on there.
 *
 * Writes the files of the spool, but for the timeline histories, and its own cell.
 * The positions in it: sent is the next byte to be written, flush is on disk for
 * good, both of tli.
 *
 * Must never: make another process wait, or say that something is on disk before
 * it is.
 */
#include "base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exitcode.h"
#include "process/signals.h"
#include "process/title.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "source/source.h"
#include "spool/spooldir.h"
#include "spooler/retention.h"
#include "spooler/segment.h"
#include "spooler/spooler.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

#define READ_SIZE ((size_t) 256 * 1024)
/* What may be lost by a crash of the system, though the ring is not at its end. */
#define SYNC_BYTES (UINT64_C(8) * 1024 * 1024)
/* Between two looks at what is to be removed: at rest, and behind a whole segment. */
#define RETENTION_MS 5000
#define RETENTION_BUSY_MS 500
/* Between two attempts while the disk refuses. */
#define DISK_RETRY_MS 1000

static struct
{
	ChildContext *ctx;
	Segment segment;
	Source *source; /* NULL: nothing is read yet */
	BoardStatus status;
	uint8_t *data; /* READ_SIZE bytes */
	int64_t retention_ms;
	int64_t retry_ms; /* > 0: the disk refuses until then */
} spooler;

static void
publish(void)
{
	BoardStatus *status = &spooler.status;
	BoardSource source = spooler.source != NULL ? source_place(spooler.source)
												: BOARD_SOURCE_NONE;
	bool news = status->flush != spooler.segment.synced ||
				status->tli != spooler.segment.tli;

	if (!news && status->sent == spooler.segment.written &&
		status->source == source)
		return;
	status->tli = spooler.segment.tli;
	status->sent = spooler.segment.written;
	status->flush = spooler.segment.synced;
	status->source = source;
	board_publish(status);
	/* it is the upstream's business */
	if (news)
		board_wake(BOARD_READER);
}

/* ---- when the disk refuses ---- */

static void
disk_refuses(const ErrInfo *err)
{
	if (spooler.retry_ms == 0)
	{
		log_err(LOG_ERROR, err);
		log_msg(LOG_WARNING,
			"the spool stops at " LSN_FORMAT
			"; standbys are served from the ring and the upstream meanwhile",
			LSN_ARGS(spooler.segment.synced));
		snprintf(spooler.status.alarm, sizeof(spooler.status.alarm), "%.*s",
			BOARD_ALARM_SIZE - 1, err->message);
		memcpy(spooler.status.reason, spooler.status.alarm,
			sizeof(spooler.status.reason));
		spooler.status.alarms++;
		board_publish(&spooler.status);
		title_set("spooler waiting for the disk");
	}
	spooler.retry_ms = monotime_ms() + DISK_RETRY_MS;
}

/* Whether it is too early to try again. */
static bool
is_refused(void)
{
	return spooler.retry_ms > monotime_ms();
}

static void
disk_is_well(void)
{
	if (spooler.retry_ms == 0)
		return;
	spooler.retry_ms = 0;
	spooler.status.alarm[0] = '\0';
	spooler.status.reason[0] = '\0';
	board_publish(&spooler.status);
	log_msg(LOG_LOG, "the spool goes on at " LSN_FORMAT,
		LSN_ARGS(spooler.segment.written));
	title_set("spooler writing timeline %u", spooler.segment.tli);
}

/* Look after the files now and then.  False while there is no space for more. */
static bool
look_after_files(void)
{
	ErrInfo err;

	if (monotime_ms() < spooler.retention_ms)
		return !is_refused();
	spooler.retention_ms =
		monotime_ms() + (spooler.retry_ms == 0 ? RETENTION_MS : DISK_RETRY_MS);
	if (retention_run(spooler.ctx->config,
			spooler.segment.geometry.segment_size, spooler.segment.tli,
			spooler.segment.written))
		return !is_refused();
	errinfo_set(&err, SQLSTATE_DISK_FULL,
		"less than spool_min_free is free on the file system of \"%s\"",
		spooler.ctx->config->state_directory);
	disk_refuses(&err);
	/* not before they have been looked after again */
	spooler.retention_ms = spooler.retry_ms;
	return false;
}

/* ---- positions ---- */

static void
move_to(TimeLineId tli, Lsn lsn)
{
	segment_move(&spooler.segment, tli,
		lsn_floor(lsn, spooler.segment.geometry.segment_size));
	source_free(spooler.source);
	spooler.source = source_new(spooler.ctx, tli);
	/* at once, so that it is there before it is needed */
	spooler.retention_ms = 0;
	title_set("spooler writing timeline %u", tli);
}

/*
 * The segment in which a timeline begins has what was before it as well, which is
 * in our files already, or in the ring.
 */
static void
follow_timeline(void)
{
	TimeLineId tli;
	Lsn start;

	source_next_timeline(spooler.source, &tli, &start);
	log_msg(LOG_LOG, "the spool follows timeline %u at " LSN_FORMAT, tli,
		LSN_ARGS(start));
	move_to(tli, start);
}

/* Whether it is known that nobody has it, and will not have it either. */
static bool
is_lost(const ErrInfo *err)
{
	return strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) == 0 ||
		   strcmp(err->sqlstate, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE) ==
			   0;
}

/*
 * Nobody has what comes next: there will be a gap.  Not where the upstream counts on
 * the spool: a position behind the gap would confirm what is in it.
 */
static void
skip_to_ring(const ErrInfo *err)
{
	RingState ring = ring_state(spooler.ctx->ring);
	ErrInfo sync_err;
	ErrInfo why = *err;

	if (!is_lost(err) || ring.tli == 0 ||
		(ring.tli == spooler.segment.tli &&
			lsn_floor(ring.head, spooler.segment.geometry.segment_size) <=
				spooler.segment.written))
	{
		disk_refuses(err); /* not the disk, but as lasting */
		return;
	}
	if (spooler.ctx->config->acknowledge.spooled)
	{
		errinfo_detail(&why,
			"\"upstream.acknowledge\" asks for the spool, which "
			"would have a gap.");
		errinfo_hint(&why, "Set it to \"received\" until the log tells of the "
						   "gap, if that is acceptable.");
		disk_refuses(&why);
		return;
	}
	/* nobody looks at this file again */
	if (!segment_sync(&spooler.segment, &sync_err))
	{
		disk_refuses(&sync_err);
		return;
	}
	log_err(LOG_WARNING, err);
	log_msg(LOG_WARNING,
		"the spool has a gap: it ends at " LSN_FORMAT
		" on timeline %u, and goes on at " LSN_FORMAT " on timeline %u",
		LSN_ARGS(spooler.segment.written), spooler.segment.tli,
		LSN_ARGS(lsn_floor(ring.head, spooler.segment.geometry.segment_size)),
		ring.tli);
	move_to(ring.tli, ring.head);
}

/* The first time ever: with the segment in which the ring begins. */
static bool
find_beginning(void)
{
	RingState ring = ring_state(spooler.ctx->ring);

	if (spooler.source != NULL)
		return true;
	if (spooler.segment.tli != 0)
	{
		spooler.source = source_new(spooler.ctx, spooler.segment.tli);
		return true;
	}
	if (ring.tli == 0)
		return false;
	move_to(ring.tli, ring.tail);
	return true;
}

/* ---- one turn ---- */

/* True if there may be more to do at once. */
static bool
write_some(void)
{
	Segment *segment = &spooler.segment;
	size_t room = Min(segment_room(segment), READ_SIZE);
	SourceStatus status;
	size_t got;
	ErrInfo err;

	status = source_read(
		spooler.source, segment->written, spooler.data, room, &got, &err);
	switch (status)
	{
		case SOURCE_OK:
			if (!segment_write(segment, spooler.data, got, &err) ||
				(segment->written - segment->synced >= SYNC_BYTES &&
					!segment_sync(segment, &err)))
			{
				disk_refuses(&err);
				publish();
				return false;
			}
			spooler.status.bytes += got;
			disk_is_well();
			publish();
			if (segment->written % segment->geometry.segment_size == 0)
				spooler.retention_ms = Min(
					spooler.retention_ms, monotime_ms() + RETENTION_BUSY_MS);
			return true;
		case SOURCE_WAIT:
			break;
		case SOURCE_END_OF_TIMELINE:
		case SOURCE_BEYOND_TIMELINE:
			if (!segment_sync(segment, &err))
			{
				disk_refuses(&err);
				return false;
			}
			follow_timeline();
			return true;
		case SOURCE_FAILED:
			skip_to_ring(&err);
			return spooler.retry_ms == 0;
	}
	/* the end of what there is: as many commits as have come meanwhile, at once */
	if (segment->synced == segment->written)
	{
		if (source_on_ring(spooler.source))
			disk_is_well();
		publish();
		return false;
	}
	if (!segment_sync(segment, &err))
		disk_refuses(&err);
	publish();
	return spooler.retry_ms == 0;
}

static int
wait_ms(void)
{
	int64_t due = spooler.source != NULL ? spooler.retention_ms
										 : monotime_ms() + RETENTION_MS;
	int source = spooler.source != NULL && !is_refused()
					 ? source_timeout_ms(spooler.source)
					 : -1;

	if (is_refused())
		due = Min(due, spooler.retry_ms);
	due = Max(due - monotime_ms(), 1);
	return (int) (source >= 0 ? Min(due, source) : due);
}

static void
wait_for_work(void)
{
	struct pollfd fds[2] = {{.fd = board_wake_fd(), .events = POLLIN}};
	int count = 1;

	/* what is ready there must not keep us awake while the disk refuses */
	if (spooler.source != NULL && !is_refused())
	{
		fds[1].fd = source_fd(spooler.source, &fds[1].events);
		count += fds[1].fd >= 0 ? 1 : 0;
	}
	poll(fds, (nfds_t) count, wait_ms());
	board_sleep_end();
}

static void
turn(bool *asleep)
{
	Config *previous;
	bool busy = false;

	if (child_refresh_config(spooler.ctx, &previous))
	{
		config_free(previous);
		spooler.retention_ms = 0;
	}
	if (find_beginning() && look_after_files())
		busy = write_some();
	if (busy)
		*asleep = false;
	else if (*asleep)
	{
		wait_for_work();
		*asleep = false;
	}
	else
	{
		board_sleep_begin();
		*asleep = true;
	}
}

/* How WAL is laid out, and whose it is. */
static bool
wait_for_facts(Facts *facts)
{
	Config *previous;

	while (!facts_get(facts))
	{
		if (child_refresh_config(spooler.ctx, &previous))
			config_free(previous);
		if (signals_stop_requested())
			return false;
		board_sleep_begin();
		if (!facts_get(facts))
			poll(&(struct pollfd){.fd = board_wake_fd(), .events = POLLIN}, 1,
				RETENTION_MS);
		board_sleep_end();
	}
	return true;
}

static bool
open_spool(ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];

	spooldir_path(path, spooler.segment.state_directory);
	return durable_make_directory(path, err) &&
		   segment_resume(&spooler.segment, err);
}

/* False if we have been told to stop before the disk let us. */
static bool
wait_for_spool(const Facts *facts)
{
	Config *previous;
	ErrInfo err;

	spooler.segment.state_directory =
		mem_strdup(spooler.ctx->config->state_directory);
	spooler.segment.geometry = (WalGeometry){
		.segment_size = facts->segment_size,
		.block_size = facts->block_size,
		.system_identifier = facts->system_identifier,
	};
	while (!open_spool(&err))
	{
		disk_refuses(&err);
		while (is_refused())
		{
			if (signals_stop_requested())
				return false;
			wait_for_work();
			if (child_refresh_config(spooler.ctx, &previous))
				config_free(previous);
		}
	}
	disk_is_well();
	if (spooler.segment.tli != 0)
		log_msg(LOG_LOG, "the spool ends at " LSN_FORMAT " on timeline %u",
			LSN_ARGS(spooler.segment.written), spooler.segment.tli);
	return true;
}

void
spooler_main(ChildContext *ctx)
{
	bool asleep = false;
	Facts facts;
	ErrInfo err;

	spooler.ctx = ctx;
	spooler.data = mem_alloc(READ_SIZE);
	if (wait_for_facts(&facts) && wait_for_spool(&facts))
	{
		publish();
		board_set_state(CELL_RUNNING);
		board_wake(BOARD_READER);
		while (!signals_stop_requested())
			turn(&asleep);
		if (!segment_sync(&spooler.segment, &err))
			log_err(LOG_WARNING, &err);
		publish();
	}
	exit(EXITCODE_OK);
}
