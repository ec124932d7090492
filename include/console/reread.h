/*
 * reread.h
 *		Having the supervisor read the configuration again.
 */
#ifndef CONSOLE_REREAD_H
#define CONSOLE_REREAD_H

#include "base.h"

#include "console/console.h"
#include "util/errinfo.h"

/*
 * Ask for it, and wait for the end of an attempt that has begun after that.  False,
 * with err, if the configuration was not good (with the words of the log), or the
 * wait was ended.
 */
MUST_CHECK bool reread_configuration(Console *c, ErrInfo *err);

#endif /* CONSOLE_REREAD_H */
