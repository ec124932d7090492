/*
 * walformat.h
 *		Constants of PostgreSQL's WAL that are the same in every major that we
 *		know.  What differs is a row in version.c.
 *
 * Sources: access/xlog_internal.h, access/xlogrecord.h, access/rmgrlist.h,
 * catalog/pg_tablespace.dat.
 */
#ifndef WAL_WALFORMAT_H
#define WAL_WALFORMAT_H

#include "base.h"

/* Page header: xlog_internal.h, XLogPageHeaderData and XLogLongPageHeaderData. */
#define WAL_PAGE_MAGIC_OFFSET 0
#define WAL_PAGE_INFO_OFFSET 2
#define WAL_PAGE_TLI_OFFSET 4
#define WAL_PAGE_ADDR_OFFSET 8
#define WAL_PAGE_REM_LEN_OFFSET 16
#define WAL_PAGE_SYSID_OFFSET 24
#define WAL_PAGE_SEGMENT_SIZE_OFFSET 32
#define WAL_PAGE_BLOCK_SIZE_OFFSET 36
#define WAL_SHORT_HEADER_SIZE 24
#define WAL_LONG_HEADER_SIZE 40

/* Record header: xlogrecord.h, XLogRecord. */
#define WAL_RECORD_HEADER_SIZE 24
#define WAL_RECORD_XID_OFFSET 4
#define WAL_RECORD_PREV_OFFSET 8
#define WAL_RECORD_INFO_OFFSET 16
#define WAL_RECORD_RMID_OFFSET 17
#define WAL_RECORD_CRC_OFFSET 20

/* A palloc'd record could never be larger (memutils.h, MaxAllocSize). */
#define WAL_RECORD_SIZE_MAX UINT32_C(0x3fffffff)

/* The part of xl_info that belongs to the resource manager. */
#define WAL_INFO_RMGR_MASK 0xf0

/* Fragment ids: xlogrecord.h, XLR_BLOCK_ID_... */
#define WAL_BLOCK_ID_MAX 32
#define WAL_BLOCK_ID_TOPLEVEL_XID 252
#define WAL_BLOCK_ID_ORIGIN 253
#define WAL_BLOCK_ID_DATA_LONG 254
#define WAL_BLOCK_ID_DATA_SHORT 255

/* Flags of a block header. */
#define WAL_BLOCK_HAS_IMAGE 0x10
#define WAL_BLOCK_HAS_DATA 0x20
#define WAL_BLOCK_SAME_REL 0x80
/* In every major, bit 0 of bimg_info says that the page's hole was left out. */
#define WAL_IMAGE_HAS_HOLE 0x01

/*
 * No record has more header bytes than this before its payload: 33 block headers
 * of 27 bytes, origin, top-level xid, long data header; and no main data that we
 * look at is longer than WAL_MAIN_MAX.
 */
#define WAL_MAIN_MAX 32
#define WAL_HEAD_MAX                                                           \
	(WAL_RECORD_HEADER_SIZE + 33 * (4 + 5 + 2 + 12 + 4) + 3 + 5 + 5 +          \
		WAL_MAIN_MAX)

/* Resource managers: access/rmgrlist.h; the order has never changed. */
enum
{
	RM_XLOG,
	RM_XACT,
	RM_SMGR,
	RM_CLOG,
	RM_DBASE,
	RM_TBLSPC,
	RM_MULTIXACT,
	RM_RELMAP,
	RM_STANDBY,
	RM_HEAP2,
	RM_HEAP,
	RM_BTREE,
	RM_HASH,
	RM_GIN,
	RM_GIST,
	RM_SEQ,
	RM_SPGIST,
	RM_BRIN,
	RM_COMMIT_TS,
	RM_REPLORIGIN,
	RM_GENERIC,
	RM_LOGICALMSG,
	RM_BUILTIN_COUNT
};
#define RM_CUSTOM_MIN 128

/* Operations that the scanner and the filter have to know by name. */
#define XLOG_OP_NOOP 0x20
#define XLOG_OP_SWITCH 0x40

/* pg_tablespace.dat */
#define TABLESPACE_DEFAULT_OID ((Oid) 1663)
#define TABLESPACE_GLOBAL_OID ((Oid) 1664)

#endif /* WAL_WALFORMAT_H */
