/*
 * servicestatus.h
 *		How we are, in one line for the service manager.
 */
#ifndef SUPERVISOR_SERVICESTATUS_H
#define SUPERVISOR_SERVICESTATUS_H

#include "base.h"

#include "shm/ring.h"
#include "supervisor/runstate.h"

/*
 * "serving 3 standbys, upstream streaming at 0/3000000"; reload_failed: the file has
 * been refused and the configuration is an older one.
 */
void servicestatus_format(RunPhase phase, bool reload_failed, const Ring *ring,
	char *text, size_t size);

#endif /* SUPERVISOR_SERVICESTATUS_H */
