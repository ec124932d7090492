/*
 * output.h
 *		The filtered segments: files of the same names in another directory.
 *
 * A segment has another name, and so is none, until it is complete and durable.
 * Nothing that is there is ever written over.
 */
#ifndef WALCAT_OUTPUT_H
#define WALCAT_OUTPUT_H

#include "base.h"

#include "segments.h"
#include "util/errinfo.h"

typedef struct Output Output;

/* Into the directory, which must be there.  NULL, with err, on failure. */
MUST_CHECK Output *output_open(
	const char *directory, const Segments *segments, ErrInfo *err);
/* What has not been completed is removed. */
void output_close(Output *output);

/* What follows is that of the segments from the i-th on. */
void output_begin(Output *output, size_t i);

/* The next n bytes of them. */
MUST_CHECK bool output_put(
	Output *output, const uint8_t *bytes, size_t n, ErrInfo *err);

/*
 * There is no more of this timeline: what is left of the segment under way are
 * zeros, and it gets the name of one that was not completed, ".partial".
 */
MUST_CHECK bool output_end(Output *output, ErrInfo *err);

#endif /* WALCAT_OUTPUT_H */
