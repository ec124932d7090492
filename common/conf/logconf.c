/*
 * logconf.c
 *		The log as the configuration wants it.  See logconf.h.
 */
#include "base.h"

#include "conf/logconf.h"
#include "util/log.h"
#include "util/logdest.h"

bool
logconf_apply(const Config *config, ErrInfo *err)
{
	log_set_threshold(config->log_min_messages);
	return logdest_set(config->log_destination, config->log_file,
		config->syslog_facility, config->syslog_ident, err);
}
