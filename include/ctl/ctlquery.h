/*
 * ctlquery.h
 *		The verbs of walbouncerctl that the console answers.
 */
#ifndef CTL_CTLQUERY_H
#define CTL_CTLQUERY_H

#include "base.h"

#include <libpq-fe.h>

#include "ctl/ctlargs.h"

/* What the console is told for a verb and its operands.  malloc'd. */
char *ctlquery_statement(const CtlArgs *args);

/* Run it and print what comes; returns the exit status of the program. */
int ctlquery_run(const CtlArgs *args);

/* A reload, and what it has changed, a line each; returns the exit status. */
int ctlquery_reload(const CtlArgs *args, PGconn *conn);

#endif /* CTL_CTLQUERY_H */
