/*
 * logconf.h
 *		The log as the configuration wants it.
 */
#ifndef CONF_LOGCONF_H
#define CONF_LOGCONF_H

#include "base.h"

#include "conf/option.h"

/*
 * In this process, from here on.  False, with err, if log_file cannot be opened:
 * then the lines go where they went before.
 */
MUST_CHECK bool logconf_apply(const Config *config, ErrInfo *err);

#endif /* CONF_LOGCONF_H */
