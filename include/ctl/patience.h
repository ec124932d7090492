/*
 * patience.h
 *		Waiting for a process, with a dot a second for the one who watches.
 */
#ifndef CTL_PATIENCE_H
#define CTL_PATIENCE_H

#include "base.h"

#include "ctl/ctlargs.h"

typedef struct Patience
{
	int64_t end_ms;
	int64_t dot_ms;
	bool silent;
} Patience;

/* For as long as args says, from now on. */
Patience patience_new(const CtlArgs *args);

/* Sleep a tenth of a second; false, at once, if the time is over. */
bool patience_wait(Patience *p);

#endif /* CTL_PATIENCE_H */
