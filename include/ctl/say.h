/*
 * say.h
 *		What walbouncerctl says on the terminal.
 */
#ifndef CTL_SAY_H
#define CTL_SAY_H

#include "base.h"

#include "util/errinfo.h"

/* Progress, on the standard output, unless silent; flushed. */
void say(bool silent, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "walbouncerctl: ..." on the standard error, with a newline. */
void say_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same of an error, with its detail and hint. */
void say_errinfo(const ErrInfo *err);

#endif /* CTL_SAY_H */
