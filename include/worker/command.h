/*
 * command.h
 *		The replication commands.
 */
#ifndef WORKER_COMMAND_H
#define WORKER_COMMAND_H

#include "base.h"

#include "worker/session.h"

/* Serve commands until the session ends; never returns. */
void command_loop(Session *s) NORETURN;

#endif /* WORKER_COMMAND_H */
