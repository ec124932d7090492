/*
 * version.h
 *		What differs between PostgreSQL majors in the WAL: one row a major.
 *
 * The page magic is the same for all minors of a major, so one page header is
 * enough to know the row.
 */
#ifndef WAL_VERSION_H
#define WAL_VERSION_H

#include "base.h"

typedef struct WalVersion
{
	int major;
	uint16_t magic;     /* xlog_internal.h, XLOG_PAGE_MAGIC */
	uint16_t info_mask; /* page flags that exist: XLP_ALL_FLAGS */
	uint16_t first_is_contrecord;
	uint16_t long_header;
	uint16_t first_is_overwrite_contrecord;
	/* bimg_info: any of these, the image is compressed; and with what.  0: never so. */
	uint8_t image_compressed_mask;
	uint8_t image_pglz;
	uint8_t image_lz4;
	uint8_t image_zstd;
	bool has_toplevel_xid; /* fragment id 252 is legal */
	bool has_custom_rmgrs; /* resource managers 128..255 are legal */
	/* Info of the Database resource manager, dbcommands_xlog.h; 0xff: not in this major. */
	uint8_t dbase_create_file_copy;
	uint8_t dbase_create_wal_log;
	uint8_t dbase_drop;
} WalVersion;

/* The row for a page magic, or NULL for a major that we do not know. */
const WalVersion *version_by_magic(uint16_t magic);

/* The majors that we know, "13, 14, 15", in dst, which has cap bytes. */
void version_format_majors(char *dst, size_t cap);

#endif /* WAL_VERSION_H */
