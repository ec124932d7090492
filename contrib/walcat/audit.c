/*
 * audit.c
 *		The ledgers of standbys.  See audit.h.
 */
#include "base.h"

#include "audit.h"
#include "walcat.h"

int
audit_run(const AuditParams *params)
{
	walcat_note("ledgers cannot be read yet: \"%s\"", params->path);
	return WALCAT_ERROR;
}
