/*
 * walstat.h
 *		What the WAL is made of, as the monitor has counted it since it began:
 *		by database and by resource manager.  Written by the monitor alone.
 */
#ifndef SHM_WALSTAT_H
#define SHM_WALSTAT_H

#include "base.h"

#include "util/lsn.h"
#include "wal/walaccount.h"

#define WALSTAT_NAME_SIZE 64 /* NAMEDATALEN */

typedef struct WalStatLine
{
	WalCount count;
	double bytes_per_second; /* over the last seconds */
} WalStatLine;

typedef struct WalStatDatabase
{
	Oid oid; /* InvalidOid: shared relations, and what is of no database */
	char name[WALSTAT_NAME_SIZE]; /* "": not known */
	WalStatLine line;
} WalStatDatabase;

typedef struct WalStat
{
	pid_t pid; /* of the monitor that has counted this */
	uint64_t skipped_bytes;
	WalStatLine total;
	WalStatLine rmgrs[WALACCOUNT_RMGRS]; /* by number */
	WalStatLine other; /* databases behind the WALACCOUNT_DATABASES_MAX first */
	size_t database_count;
	WalStatDatabase databases[WALACCOUNT_DATABASES_MAX];
} WalStat;

/* Room for "oid 4294967295", or a name. */
#define WALSTAT_LABEL_SIZE WALSTAT_NAME_SIZE

/* The supervisor, before the first fork. */
void walstat_create(void);
/* A child: read-only, unless it is the monitor. */
void walstat_enter(bool writable);

/* The monitor. */
void walstat_publish(const WalStat *stat);

/*
 * A consistent copy: a big struct, not for the stack of something deep.  False, and
 * *stat undefined, while no monitor counts.
 */
MUST_CHECK bool walstat_get(WalStat *stat);

/* Whether any monitor has counted since the supervisor's start. */
bool walstat_has_begun(void);

/*
 * What a database is called: its name, "(shared)" for InvalidOid, "oid 16384"
 * while the name is not known.  Names can be the same; OIDs are not.
 */
void walstat_database_label(
	const WalStatDatabase *database, char label[WALSTAT_LABEL_SIZE]);

#endif /* SHM_WALSTAT_H */
