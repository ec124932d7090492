/*
 * linereader.h
 *		The lines of a file of linefile.h, in either direction and in bounded memory.
 */
#ifndef STATE_LINEREADER_H
#define STATE_LINEREADER_H

#include "base.h"

#include "state/linefile.h"
#include "util/errinfo.h"

typedef enum LineVerdict
{
	LINE_GO_ON,
	LINE_ENOUGH, /* the others are not wanted */
	LINE_WRONG   /* such a line does not belong there: the file is damaged */
} LineVerdict;

/* The text of a line, without CRC, terminated; good for the call. */
typedef LineVerdict (*LineTaker)(void *arg, const char *text);

/*
 * Give the lines behind the first, up to file->end, to take; the file has been locked
 * once.  False, with err, if it is damaged or cannot be read.
 */
MUST_CHECK bool linereader_each(
	LineFile *file, LineTaker take, void *arg, ErrInfo *err);
/* The same backwards: from file->end on. */
MUST_CHECK bool linereader_each_back(
	LineFile *file, LineTaker take, void *arg, ErrInfo *err);

#endif /* STATE_LINEREADER_H */
