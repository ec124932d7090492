/*
 * rmgr.h
 *		What a record of each kind is about: the databases and tablespaces that
 *		it names, whether in block references or in its main data.
 */
#ifndef WAL_RMGR_H
#define WAL_RMGR_H

#include "base.h"

#include "wal/record.h"
#include "wal/version.h"

/* A database and a tablespace that a record names; InvalidOid where it names none. */
typedef struct RmgrSubject
{
	Oid database;
	Oid tablespace;
} RmgrSubject;

typedef struct RmgrSubjects
{
	/* none: the record must reach every standby as it is */
	unsigned count;
	RmgrSubject items[WAL_BLOCK_ID_MAX + 1];

	/* a whole database directory is copied, from here to items[0] */
	bool is_file_copy;
	RmgrSubject source;
} RmgrSubjects;

/*
 * What the record at lsn is about.  False, with err, for a record that names
 * something in a way that we do not know: the caller must not let it pass.
 */
MUST_CHECK bool rmgr_subjects(const RecordHead *head, Lsn lsn,
	const WalVersion *version, RmgrSubjects *subjects, ErrInfo *err);

/* "Heap", "Btree", ..., "custom128": as pg_waldump prints them. */
#define RMGR_NAME_SIZE 20
void rmgr_format_name(uint8_t rmid, char name[RMGR_NAME_SIZE]);

#endif /* WAL_RMGR_H */
