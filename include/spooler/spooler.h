/*
 * spooler.h
 *		The spooler process: WAL from the ring to our own disk.
 */
#ifndef SPOOLER_SPOOLER_H
#define SPOOLER_SPOOLER_H

#include "base.h"

#include "process/child.h"

/* The process's main function; never returns. */
void spooler_main(ChildContext *ctx) NORETURN;

#endif /* SPOOLER_SPOOLER_H */
