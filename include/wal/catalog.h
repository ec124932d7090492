/*
 * catalog.h
 *		Rows of pg_database and pg_tablespace in the WAL, so that names are known
 *		from the very record on that makes them.
 *
 * Only what makes something new is read: heap INSERTs into the two catalogs, from
 * the record's data or from the page image that stands in for it, and the shared
 * relation map, which says into which file a catalog has moved.  A rename is not:
 * a verdict belongs to the OID and stays.
 *
 * Sources: access/heapam_xlog.h (xl_heap_insert, xl_heap_header),
 * access/htup_details.h, storage/bufpage.h, catalog/pg_database.h and
 * pg_tablespace.h (oid and name are the first two columns in 13 to 18),
 * utils/relmapper.c.
 */
#ifndef WAL_CATALOG_H
#define WAL_CATALOG_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/record.h"
#include "wal/version.h"
#include "wal/walscope.h"

/* NAMEDATALEN, which is what a stock server has. */
#define CATALOG_NAME_SIZE 64

typedef enum CatalogChangeKind
{
	CATALOG_NOTHING, /* the record was not about what we look for after all */
	CATALOG_ROW,     /* a database or tablespace comes into being */
	CATALOG_MAP      /* the shared relation map is as it says from here on */
} CatalogChangeKind;

typedef struct CatalogChange
{
	CatalogChangeKind what;

	/* CATALOG_ROW */
	ScopeKind kind;
	Oid oid;
	char name[CATALOG_NAME_SIZE]; /* terminated */

	/* CATALOG_MAP: the file of each catalog; 0 if the map does not tell */
	uint32_t relfilenumbers[SCOPE_KIND_COUNT];
} CatalogChange;

/*
 * Whether the whole of a record is worth decoding, by its front: it is a heap
 * INSERT into a file that scope knows to be one of the catalogs, or an UPDATE of
 * the shared relation map.  Cheap: it is asked of every record.
 */
bool catalog_wants(const RecordHead *head, const WalScope *scope);

/*
 * What a record that catalog_wants says of the catalogs.  record is all of it,
 * head->total bytes, page headers taken out; its CRC has been checked.  False,
 * with err, if it is not as PostgreSQL writes it, or its page image cannot be
 * read: the caller must not go on.
 */
MUST_CHECK bool catalog_decode(const uint8_t *record, const RecordHead *head,
	Lsn lsn, const WalVersion *version, const WalScope *scope,
	CatalogChange *change, ErrInfo *err);

/* Tell scope of a change that the record at lsn makes. */
MUST_CHECK bool catalog_follow(
	const CatalogChange *change, WalScope *scope, Lsn lsn, ErrInfo *err);

#endif /* WAL_CATALOG_H */
