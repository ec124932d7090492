/*
 * rmgr.c
 *		What a record of each kind is about.  See rmgr.h.
 *
 * Three kinds of resource managers:
 *
 * PASS		Records without block references concern the whole cluster, or are
 *			harmless where their database is missing, and a standby cannot do
 *			without them: transaction status, snapshots, checkpoints.
 * NAMED	Records without block references name their subject in the main data,
 *			each kind at a place of its own: a row in the table below.  A record
 *			that has no row is not understood and stops the filter.
 *
 * Block references name their subject in every resource manager, an extension's
 * (128 and up) included; what such a one writes without them is opaque, and is
 * passed, as PostgreSQL gives no way to tell.
 *
 * Sources: the rmgr descriptions of access/rmgrdesc, and every XLogInsert call
 * site without a registered buffer, PostgreSQL 13 to 18.
 */
#include "base.h"

#include <stdio.h>

#include "util/buf.h"
#include "wal/rmgr.h"

typedef enum RmgrPolicy
{
	RMGR_PASS,
	RMGR_NAMED
} RmgrPolicy;

static const struct
{
	const char *name;
	RmgrPolicy policy;
} rmgrs[RM_BUILTIN_COUNT] = {
	[RM_XLOG] = {"XLOG", RMGR_PASS},
	[RM_XACT] = {"Transaction", RMGR_PASS},
	[RM_SMGR] = {"Storage", RMGR_NAMED},
	[RM_CLOG] = {"CLOG", RMGR_PASS},
	[RM_DBASE] = {"Database", RMGR_NAMED},
	[RM_TBLSPC] = {"Tablespace", RMGR_NAMED},
	[RM_MULTIXACT] = {"MultiXact", RMGR_PASS},
	[RM_RELMAP] = {"RelMap", RMGR_NAMED},
	[RM_STANDBY] = {"Standby", RMGR_PASS},
	[RM_HEAP2] = {"Heap2", RMGR_NAMED},
	[RM_HEAP] = {"Heap", RMGR_NAMED},
	[RM_BTREE] = {"Btree", RMGR_NAMED},
	[RM_HASH] = {"Hash", RMGR_NAMED},
	[RM_GIN] = {"Gin", RMGR_NAMED},
	[RM_GIST] = {"Gist", RMGR_NAMED},
	[RM_SEQ] = {"Sequence", RMGR_NAMED},
	[RM_SPGIST] = {"SPGist", RMGR_NAMED},
	[RM_BRIN] = {"BRIN", RMGR_NAMED},
	[RM_COMMIT_TS] = {"CommitTs", RMGR_PASS},
	[RM_REPLORIGIN] = {"ReplicationOrigin", RMGR_PASS},
	[RM_GENERIC] = {"Generic", RMGR_NAMED},
	[RM_LOGICALMSG] = {"LogicalMessage", RMGR_NAMED},
};

/* An offset that is not there: the record names no such thing. */
#define NONE (-1)

/* Where the main data of a kind of record names its subject. */
typedef struct RmgrLayout
{
	uint8_t rmid;
	uint8_t info_mask;
	uint8_t info;
	int8_t database; /* offsets of 4-byte OIDs */
	int8_t tablespace;
	bool pass;         /* names something, but must not be withheld */
	int8_t last_major; /* that writes it so; 0: all */
} RmgrLayout;

/* catalog/storage_xlog.h, commands/tablespace.h, utils/relmapper.h,
 * access/heapam_xlog.h (the bit 0x80 is XLOG_HEAP_INIT_PAGE), access/nbtxlog.h,
 * access/gistxlog.h, replication/message.h */
static const RmgrLayout layouts[] = {
	/* rmid, mask, info, database, tablespace, pass, last_major */
	{RM_SMGR, 0xf0, 0x10, 4, 0, false, 0},      /* CREATE */
	{RM_SMGR, 0xf0, 0x20, 8, 4, false, 0},      /* TRUNCATE */
	{RM_TBLSPC, 0xf0, 0x00, NONE, 0, false, 0}, /* CREATE */
	/* DROP: cleans what may be left */
	{RM_TBLSPC, 0xf0, 0x10, NONE, 0, true, 0},
	/* UPDATE; database 0 is the shared map */
	{RM_RELMAP, 0xf0, 0x00, 0, 4, false, 0},
	{RM_HEAP2, 0x70, 0x00, 4, NONE, false, 0}, /* REWRITE */
	/* CLEANUP_INFO; later majors have a record with a block in its place */
	{RM_HEAP2, 0x70, 0x30, 4, 0, false, 13},
	{RM_HEAP2, 0x70, 0x70, 20, 16, false, 0}, /* NEW_CID */
	{RM_HEAP, 0x70, 0x30, 0, NONE, false, 0}, /* TRUNCATE */
	{RM_BTREE, 0xf0, 0xd0, 4, 0, false, 0},   /* REUSE_PAGE */
	{RM_GIST, 0xf0, 0x20, 4, 0, false, 0},    /* PAGE_REUSE */
	/* ASSIGN_LSN: four bytes of nothing */
	{RM_GIST, 0xf0, 0x70, NONE, NONE, true, 0},
	{RM_LOGICALMSG, 0xf0, 0x00, 0, NONE, false, 0},
};

/* commands/dbcommands_xlog.h; which of them an info means depends on the major. */
static const RmgrLayout dbase_create = {RM_DBASE, 0xf0, 0, 0, 4, false, 0};
static const RmgrLayout dbase_drop = {RM_DBASE, 0xf0, 0, 0, NONE, true, 0};
#define FILE_COPY_SOURCE_DATABASE 8
#define FILE_COPY_SOURCE_TABLESPACE 12

void
rmgr_format_name(uint8_t rmid, char name[RMGR_NAME_SIZE])
{
	if (rmid < RM_BUILTIN_COUNT)
		snprintf(name, RMGR_NAME_SIZE, "%s", rmgrs[rmid].name);
	else
		snprintf(name, RMGR_NAME_SIZE, "custom%03u", rmid);
}

static const RmgrLayout *
find_layout(const RecordHead *head, const WalVersion *version)
{
	uint8_t op = head->info & WAL_INFO_RMGR_MASK;

	if (head->rmid == RM_DBASE)
	{
		if (op == version->dbase_create_file_copy ||
			op == version->dbase_create_wal_log)
			return &dbase_create;
		return op == version->dbase_drop ? &dbase_drop : NULL;
	}
	for (size_t i = 0; i < lengthof(layouts); i++)
	{
		if (layouts[i].rmid == head->rmid &&
			layouts[i].info == (op & layouts[i].info_mask) &&
			(layouts[i].last_major == 0 ||
				version->major <= layouts[i].last_major))
			return &layouts[i];
	}
	return NULL;
}

/* An OID of the main data; offset NONE gives InvalidOid. */
static bool
main_oid(const RecordHead *head, int offset, Oid *oid)
{
	BufReader r = buf_reader(head->main_data, head->main_have);

	*oid = InvalidOid;
	if (offset == NONE)
		return true;
	return buf_skip(&r, (size_t) offset) && buf_get_le32(&r, oid);
}

static bool
subjects_of_main_data(const RecordHead *head, Lsn lsn,
	const WalVersion *version, RmgrSubjects *subjects, ErrInfo *err)
{
	const RmgrLayout *layout;
	RmgrSubject *subject = &subjects->items[0];

	if (head->rmid >= RM_BUILTIN_COUNT || rmgrs[head->rmid].policy == RMGR_PASS)
		return true;
	layout = find_layout(head, version);
	/* An extension's generic record without a page: there is nothing in it. */
	if (layout == NULL && head->main_len == 0)
		return true;
	if (layout == NULL)
		return errinfo_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
			"cannot filter WAL record at " LSN_FORMAT
			": unknown %s record %02X without block references",
			LSN_ARGS(lsn), rmgrs[head->rmid].name, head->info);
	if (layout->pass)
		return true;
	if (!main_oid(head, layout->database, &subject->database) ||
		!main_oid(head, layout->tablespace, &subject->tablespace))
		goto too_short;
	subjects->count = 1;
	if (layout == &dbase_create &&
		(head->info & WAL_INFO_RMGR_MASK) == version->dbase_create_file_copy)
	{
		subjects->is_file_copy = true;
		if (!main_oid(
				head, FILE_COPY_SOURCE_DATABASE, &subjects->source.database) ||
			!main_oid(head, FILE_COPY_SOURCE_TABLESPACE,
				&subjects->source.tablespace))
			goto too_short;
	}
	return true;

too_short:
	return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"invalid WAL record at " LSN_FORMAT ": %s record %02X with %u bytes",
		LSN_ARGS(lsn), rmgrs[head->rmid].name, head->info, head->main_len);
}

bool
rmgr_subjects(const RecordHead *head, Lsn lsn, const WalVersion *version,
	RmgrSubjects *subjects, ErrInfo *err)
{
	subjects->count = 0;
	subjects->is_file_copy = false;
	if (head->relation_count == 0)
		return subjects_of_main_data(head, lsn, version, subjects, err);
	for (unsigned i = 0; i < head->relation_count; i++)
	{
		subjects->items[i].database = head->relations[i].database;
		subjects->items[i].tablespace = head->relations[i].tablespace;
	}
	subjects->count = head->relation_count;
	return true;
}
