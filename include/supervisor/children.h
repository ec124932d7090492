/*
 * children.h
 *		Which children there should be: the services that the configuration asks for,
 *		and spare workers.
 *
 * What dies at once is started again later and later, see Backoff.
 */
#ifndef SUPERVISOR_CHILDREN_H
#define SUPERVISOR_CHILDREN_H

#include "base.h"

#include "process/child.h"
#include "supervisor/runstate.h"

/* Take those that have ended. */
void children_reap(int64_t now_ms);

/*
 * Start those that are missing and may be started now, with ctx, whose cell is
 * filled in; a service that is not wanted any more is told to stop.
 */
void children_start(const ChildContext *ctx, int64_t now_ms);

/* When the next one that has to wait may be started, by monotime_ms(); 0: none. */
int64_t children_next_birth_ms(int64_t now_ms);

/* Every child has got the signal that belongs to the phase. */
void children_signal(const RunState *run);

#endif /* SUPERVISOR_CHILDREN_H */
