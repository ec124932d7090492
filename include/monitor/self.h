/*
 * self.h
 *		The monitor's cell of the board.
 */
#ifndef MONITOR_SELF_H
#define MONITOR_SELF_H

#include "base.h"

#include "util/lsn.h"

/* What somebody waits for; InvalidLsn: nothing. */
void self_set_awaited(Lsn lsn);
/* What failed last; "" if all is well. */
void self_set_reason(const char *reason);

#endif /* MONITOR_SELF_H */
