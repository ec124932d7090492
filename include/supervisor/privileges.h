/*
 * privileges.h
 *		Being nobody special.
 */
#ifndef SUPERVISOR_PRIVILEGES_H
#define SUPERVISOR_PRIVILEGES_H

#include "base.h"

#include "util/errinfo.h"

/*
 * If we are root, become user for good; "" is an error then.  If we are not,
 * stay who we are.
 */
MUST_CHECK bool privileges_drop(const char *user, ErrInfo *err);

#endif /* SUPERVISOR_PRIVILEGES_H */
