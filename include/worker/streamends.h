/*
 * streamends.h
 *		Both ends of a stream: whether it can begin, and what the standby is told
 *		when it is over.
 */
#ifndef WORKER_STREAMENDS_H
#define WORKER_STREAMENDS_H

#include "base.h"

#include "source/source.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "worker/session.h"

typedef enum StreamEnd
{
	STREAM_GOES_ON,
	STREAM_CLIENT_DONE,  /* the standby has sent CopyDone */
	STREAM_TIMELINE_END, /* the timeline has ended, and both sides said so */
	STREAM_FAILED        /* err is for the standby */
} StreamEnd;

/*
 * For a timeline that the ring is not on: has it ended right there, or may it not
 * be had at all?  Both have to be known before COPY mode begins.  Waits for the
 * upstream, but no longer than authentication_timeout.
 */
MUST_CHECK SourceStatus streamends_probe(
	Session *s, Source *source, TimeLineId tli, Lsn start, ErrInfo *err);

/* The answer when COPY mode is over, or was never entered. */
void streamends_answer(
	Session *s, const Source *source, StreamEnd end, const ErrInfo *err);

/* We are to stop, all of us or this stream alone; it ends at sent. */
void streamends_shut_down(Session *s, Lsn sent) NORETURN;

/* The standby has gone. */
void streamends_left(Session *s, Lsn sent) NORETURN;

#endif /* WORKER_STREAMENDS_H */
