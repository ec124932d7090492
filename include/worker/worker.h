/*
 * worker.h
 *		The worker process: one standby.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base.h"

#include "process/child.h"

/* The process's main function; never returns. */
void worker_main(ChildContext *ctx) NORETURN;

#endif /* WORKER_WORKER_H */
