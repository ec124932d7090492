/*
 * descriptors.h
 *		How many descriptors the monitor may have: some for clients, and some that
 *		no client can take.
 */
#ifndef MONITOR_DESCRIPTORS_H
#define MONITOR_DESCRIPTORS_H

#include "base.h"

/* Once, before there are clients. */
void descriptors_init(void);

/*
 * Between the two no client is accepted, and there are descriptors for the files
 * that a view reads, for the log, and for new sockets to listen on.  Does not nest.
 */
void descriptors_begin_own(void);
void descriptors_end_own(void);

#endif /* MONITOR_DESCRIPTORS_H */
