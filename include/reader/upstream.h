/*
 * upstream.h
 *		Ask a server that has been met to stream.
 */
#ifndef READER_UPSTREAM_H
#define READER_UPSTREAM_H

#include "base.h"

#include "conf/option.h"
#include "shm/ring.h"
#include "source/meet.h"
#include "util/errinfo.h"

/*
 * Begin to stream at position; on the timeline that follows, where that has ended.
 * Where there is no position (or anew is set), at the start of the segment that
 * up->end is in, as far as the ring can hold it.  position becomes what is streamed,
 * and the ring is put there.
 */
MUST_CHECK bool upstream_start_streaming(Upstream *up, const Config *config,
	Ring *ring, Position *position, bool anew, ErrInfo *err);

/*
 * Keep the histories of the upstream's timelines in the spool: standbys ask for
 * them.  One that the upstream does not have is not kept either.
 */
MUST_CHECK bool upstream_keep_histories(
	const Config *config, const Upstream *up, ErrInfo *err);

#endif /* READER_UPSTREAM_H */
