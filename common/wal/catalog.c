/*
 * catalog.c
 *		Rows of pg_database and pg_tablespace in the WAL.  See catalog.h.
 */
#include "base.h"

#include <string.h>

#include "util/buf.h"
#include "wal/catalog.h"
#include "wal/pageimage.h"

/* heapam_xlog.h: the opcode without XLOG_HEAP_INIT_PAGE. */
#define HEAP_OP_MASK 0x70
#define HEAP_OP_INSERT 0x00
#define RELMAP_OP_UPDATE 0x00

/* xl_heap_header: infomask2, infomask, hoff; then the tuple from here on. */
#define HEAP_HEADER_HOFF 4
#define HEAP_HEADER_SIZE 5
/* htup_details.h: where the null bitmap begins, and where t_hoff is. */
#define TUPLE_FIXED_SIZE 23
#define TUPLE_HOFF_OFFSET 22

/* bufpage.h, itemid.h: lp_off is 15 bits, lp_flags 2, lp_len 15. */
#define PAGE_ITEMS_OFFSET 24
#define ITEM_SIZE 4
#define ITEM_NORMAL 1

/* relmapper.c */
#define RELMAP_MAGIC 0x592717
#define RELMAP_MAP_SIZE_OFFSET 8
#define RELMAP_CRC_SIZE 4

static bool
is_insert(const RecordHead *head, const WalScope *scope, ScopeKind *kind)
{
	const RecordRelation *rel = &head->relations[0];

	return head->rmid == RM_HEAP &&
		   (head->info & HEAP_OP_MASK) == HEAP_OP_INSERT &&
		   head->relation_count > 0 &&
		   rel->tablespace == TABLESPACE_GLOBAL_OID &&
		   rel->database == InvalidOid &&
		   walscope_catalog_kind(scope, rel->relfilenumber, kind);
}

static bool
is_shared_map(const RecordHead *head)
{
	return head->rmid == RM_RELMAP &&
		   (head->info & WAL_INFO_RMGR_MASK) == RELMAP_OP_UPDATE &&
		   head->relation_count == 0 && head->main_have >= sizeof(Oid) &&
		   load_le32(head->main_data) == InvalidOid;
}

bool
catalog_wants(const RecordHead *head, const WalScope *scope)
{
	ScopeKind kind;

	return is_insert(head, scope, &kind) || is_shared_map(head);
}

static bool
damaged(Lsn lsn, const char *what, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"invalid WAL record at " LSN_FORMAT ": %s", LSN_ARGS(lsn), what);
}

/* OID and name, the first two columns of either catalog. */
static bool
read_row(BufReader *r, Lsn lsn, CatalogChange *change, ErrInfo *err)
{
	const uint8_t *name;

	if (!buf_get_le32(r, &change->oid) ||
		!buf_get_bytes(r, CATALOG_NAME_SIZE, &name))
		return damaged(lsn, "catalog row is too short", err);
	if (change->oid == InvalidOid || name[0] == '\0' ||
		memchr(name, '\0', CATALOG_NAME_SIZE) == NULL)
		return damaged(lsn, "catalog row without OID or name", err);
	memcpy(change->name, name, CATALOG_NAME_SIZE);
	change->what = CATALOG_ROW;
	return true;
}

/* The row as the record has it. */
static bool
row_of_data(BufReader *r, Lsn lsn, CatalogChange *change, ErrInfo *err)
{
	const uint8_t *header;

	if (!buf_get_bytes(r, HEAP_HEADER_SIZE, &header) ||
		header[HEAP_HEADER_HOFF] < TUPLE_FIXED_SIZE ||
		!buf_skip(r, header[HEAP_HEADER_HOFF] - (size_t) TUPLE_FIXED_SIZE))
		return damaged(lsn, "tuple header", err);
	return read_row(r, lsn, change, err);
}

/* The row at a line pointer of a page. */
static bool
row_of_page(const uint8_t *page, uint32_t size, uint16_t offnum, Lsn lsn,
	CatalogChange *change, ErrInfo *err)
{
	BufReader r = buf_reader(page, size);
	uint32_t item;
	uint8_t hoff;

	if (offnum == 0 ||
		!buf_skip(&r, PAGE_ITEMS_OFFSET + (offnum - (size_t) 1) * ITEM_SIZE) ||
		!buf_get_le32(&r, &item) || (item >> 15 & 3) != ITEM_NORMAL)
		return damaged(lsn, "no such line pointer in page image", err);
	r = buf_reader(page, size);
	if (!buf_skip(&r, item & 0x7fff) || item >> 17 > buf_left(&r))
		return damaged(lsn, "line pointer in page image", err);
	r = buf_reader(r.data + r.pos, item >> 17);
	if (!buf_skip(&r, TUPLE_HOFF_OFFSET) || !buf_get_u8(&r, &hoff) ||
		hoff < TUPLE_FIXED_SIZE ||
		!buf_skip(&r, hoff - (size_t) TUPLE_FIXED_SIZE))
		return damaged(lsn, "tuple in page image", err);
	return read_row(&r, lsn, change, err);
}

/*
 * An INSERT: main data are the line pointer's number (2) and flags (1); the tuple is
 * in the data of block 0, unless a full-page image made it superfluous.
 */
static bool
decode_insert(BufReader *payload, BufReader *main_data, const RecordHead *head,
	Lsn lsn, const WalVersion *version, CatalogChange *change, ErrInfo *err)
{
	const RecordBlock *block = &head->first_block;
	const uint8_t *image = NULL;
	const uint8_t *data;
	uint8_t page[PAGEIMAGE_MAX];
	uint32_t size;
	uint16_t offnum;
	BufReader r;

	if (!buf_get_bytes(payload, block->image_len, &image) ||
		!buf_get_bytes(payload, block->data_len, &data) ||
		!buf_get_le16(main_data, &offnum))
		return damaged(lsn, "heap insert is too short", err);
	if (block->flags & WAL_BLOCK_HAS_DATA)
	{
		r = buf_reader(data, block->data_len);
		return row_of_data(&r, lsn, change, err);
	}
	if (!(block->flags & WAL_BLOCK_HAS_IMAGE))
		return damaged(lsn, "heap insert without a tuple", err);
	return pageimage_restore(block, image, version, page, &size, err) &&
		   row_of_page(page, size, offnum, lsn, change, err);
}

/*
 * RELMAP UPDATE: database, tablespace, and the size of the map; the map itself is
 * magic, count, that many pairs, what is not used of its size, and a CRC, which that
 * of the record makes superfluous.
 */
static bool
decode_map(BufReader *main_data, Lsn lsn, CatalogChange *change, ErrInfo *err)
{
	uint32_t size;
	uint32_t magic;
	uint32_t count;

	if (!buf_skip(main_data, RELMAP_MAP_SIZE_OFFSET) ||
		!buf_get_le32(main_data, &size) || size != buf_left(main_data) ||
		!buf_get_le32(main_data, &magic) || magic != RELMAP_MAGIC ||
		!buf_get_le32(main_data, &count))
		return damaged(lsn, "relation map", err);
	for (; count > 0; count--)
	{
		Oid oid;
		uint32_t relfilenumber;

		if (!buf_get_le32(main_data, &oid) ||
			!buf_get_le32(main_data, &relfilenumber) ||
			buf_left(main_data) < RELMAP_CRC_SIZE)
			return damaged(lsn, "relation map is too short", err);
		for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		{
			if (oid == catalog_oids[kind])
				change->relfilenumbers[kind] = relfilenumber;
		}
	}
	change->what = CATALOG_MAP;
	return true;
}

bool
catalog_decode(const uint8_t *record, const RecordHead *head, Lsn lsn,
	const WalVersion *version, const WalScope *scope, CatalogChange *change,
	ErrInfo *err)
{
	/* record_decode has seen to it that these are within the record */
	BufReader payload = buf_reader(record + (head->total - head->payload_len),
		head->payload_len - head->main_len);
	BufReader main_data =
		buf_reader(record + (head->total - head->main_len), head->main_len);

	*change = (CatalogChange){.what = CATALOG_NOTHING};
	if (is_insert(head, scope, &change->kind))
		return decode_insert(
			&payload, &main_data, head, lsn, version, change, err);
	if (is_shared_map(head))
		return decode_map(&main_data, lsn, change, err);
	return true;
}

bool
catalog_follow(
	const CatalogChange *change, WalScope *scope, Lsn lsn, ErrInfo *err)
{
	switch (change->what)
	{
		case CATALOG_NOTHING:
			break;
		case CATALOG_ROW:
			return walscope_named(
				scope, change->kind, change->oid, change->name, lsn, err);
		case CATALOG_MAP:
			for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
			{
				if (!walscope_moved(scope, (ScopeKind) kind,
						change->relfilenumbers[kind], lsn, err))
					return false;
			}
			break;
	}
	return true;
}
