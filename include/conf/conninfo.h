/*
 * conninfo.h
 *		The upstream's connection settings, taken apart and put together by
 *		libpq itself.
 */
#ifndef CONF_CONNINFO_H
#define CONF_CONNINFO_H

#include "base.h"

#include "util/errinfo.h"

/* Whether libpq can read it: "key=value ..." or a URI. */
MUST_CHECK bool conninfo_check(const char *conninfo, ErrInfo *err);

/*
 * The settings as "key='value' ...", malloc'd, without "replication", which is
 * ours to set.  host (not NULL) replaces host and hostaddr, port (not 0)
 * replaces port.  NULL, and err filled, if libpq cannot read conninfo.
 */
MUST_CHECK char *conninfo_rewrite(
	const char *conninfo, const char *host, int port, ErrInfo *err);

/*
 * The same settings to be shown, malloc'd: what libpq takes for a secret, such as
 * password, is ********.  So is all of what libpq cannot read.
 */
char *conninfo_mask(const char *conninfo);

#endif /* CONF_CONNINFO_H */
