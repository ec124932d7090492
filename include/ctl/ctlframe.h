/*
 * ctlframe.h
 *		What walbouncerctl top shows in one round.
 */
#ifndef CTL_CTLFRAME_H
#define CTL_CTLFRAME_H

#include "base.h"

#include <libpq-fe.h>

#include "ctl/ctlpen.h"
#include "util/buf.h"
#include "util/errinfo.h"

typedef enum FrameView
{
	FRAME_UPSTREAM,
	FRAME_RING,
	FRAME_SPOOL,
	FRAME_STANDBYS,
	FRAME_ALARMS,
	FRAME_VIEW_COUNT
} FrameView;

/* The views at one time. */
typedef struct FrameData
{
	PGresult *views[FRAME_VIEW_COUNT];
	int64_t time_ms; /* monotonic */
} FrameData;

/* The name that SHOW has for a view. */
const char *ctlframe_view_name(FrameView view);

/*
 * Append the frame.  before is an earlier one, or NULL: rates come from what has
 * changed since.  A column that the console does not have is shown as unknown.
 */
void ctlframe_draw(Buf *out, const FrameData *now, const FrameData *before,
	const PenPaper *paper);

/* What stands in its place when there is no data. */
void ctlframe_draw_error(Buf *out, const ErrInfo *err, const PenPaper *paper);

#endif /* CTL_CTLFRAME_H */
