/*
 * audit.h
 *		The ledgers of standbys, for an auditor: what was delivered, and whether a
 *		database was.
 */
#ifndef WALCAT_AUDIT_H
#define WALCAT_AUDIT_H

#include "base.h"

#include "util/lsn.h"

typedef struct AuditParams
{
	const char *path; /* a ledger, or a directory with some below it */
	Oid database;     /* to be asked about; InvalidOid: list what there is */
	Lsn from;
	Lsn to;
	uint32_t segment_size; /* 0: not known */
} AuditParams;

/* The exit code; errors have been printed. */
int audit_run(const AuditParams *params);

#endif /* WALCAT_AUDIT_H */
