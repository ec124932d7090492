/*
 * ctltop.h
 *		walbouncerctl top.
 */
#ifndef CTL_CTLTOP_H
#define CTL_CTLTOP_H

#include "base.h"

#include "ctl/ctlargs.h"

/*
 * Show what goes on until it is told to quit, live on a terminal; or so many
 * rounds, one below the other.  Returns the exit status of the program.
 */
int ctltop_run(const CtlArgs *args);

#endif /* CTL_CTLTOP_H */
