/*
 * self.h
 *		The monitor's cell of the board.
 */
#ifndef MONITOR_SELF_H
#define MONITOR_SELF_H

#include "base.h"

/* What failed last; "" if all is well. */
void self_set_reason(const char *reason);

#endif /* MONITOR_SELF_H */
