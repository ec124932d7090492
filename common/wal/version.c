/*
 * version.c
 *		What differs between PostgreSQL majors.  See version.h.
 *
 * Servers of 13, 15, 17 and 18 are tested: their own pg_waldump, and standbys of
 * theirs, accept what the filter makes of their WAL.  14 and 16, which no release
 * of Debian has, stand here by their headers: what they write, as far as it is
 * looked at, is what the majors beside them write.  An unknown magic is refused.
 *
 * Sources: access/xlog_internal.h, access/xlogrecord.h, access/rmgr.h,
 * commands/dbcommands_xlog.h of each major.
 */
#include "base.h"

#include <stdio.h>

#include "wal/version.h"

/* XLP_...; 13.0 to 13.4 and 14.0 never set the last one. */
#define PAGE_FLAGS                                                             \
	.info_mask = 0x000f, .first_is_contrecord = 0x0001, .long_header = 0x0002, \
	.first_is_overwrite_contrecord = 0x0008

/* BKPIMAGE_...: 0x04 says in 13 and 14 that the image is to be applied. */
#define IMAGE_PGLZ .image_compressed_mask = 0x02, .image_pglz = 0x02
#define IMAGE_ALL                                                              \
	.image_compressed_mask = 0x1c, .image_pglz = 0x04, .image_lz4 = 0x08,      \
	.image_zstd = 0x10

/* XLOG_DBASE_...: one number is DROP in the old majors and CREATE in the new ones. */
#define DBASE_CREATE_DROP                                                      \
	.dbase_create_file_copy = 0x00, .dbase_create_wal_log = 0xff,              \
	.dbase_drop = 0x10
#define DBASE_TWO_CREATES                                                      \
	.dbase_create_file_copy = 0x00, .dbase_create_wal_log = 0x10,              \
	.dbase_drop = 0x20

static const WalVersion versions[] = {
	{
		.major = 13,
		.magic = 0xd106,
		PAGE_FLAGS,
		IMAGE_PGLZ,
		.has_toplevel_xid = false,
		.has_custom_rmgrs = false,
		DBASE_CREATE_DROP,
	},
	{
		.major = 14,
		.magic = 0xd10d,
		PAGE_FLAGS,
		IMAGE_PGLZ,
		.has_toplevel_xid = true,
		.has_custom_rmgrs = false,
		DBASE_CREATE_DROP,
	},
	{
		.major = 15,
		.magic = 0xd110,
		PAGE_FLAGS,
		IMAGE_ALL,
		.has_toplevel_xid = true,
		.has_custom_rmgrs = true,
		DBASE_TWO_CREATES,
	},
	{
		.major = 16,
		.magic = 0xd113,
		PAGE_FLAGS,
		IMAGE_ALL,
		.has_toplevel_xid = true,
		.has_custom_rmgrs = true,
		DBASE_TWO_CREATES,
	},
	{
		.major = 17,
		.magic = 0xd116,
		PAGE_FLAGS,
		IMAGE_ALL,
		.has_toplevel_xid = true,
		.has_custom_rmgrs = true,
		DBASE_TWO_CREATES,
	},
	{
		.major = 18,
		.magic = 0xd118,
		PAGE_FLAGS,
		IMAGE_ALL,
		.has_toplevel_xid = true,
		.has_custom_rmgrs = true,
		DBASE_TWO_CREATES,
	},
};

const WalVersion *
version_by_magic(uint16_t magic)
{
	for (size_t i = 0; i < lengthof(versions); i++)
	{
		if (versions[i].magic == magic)
			return &versions[i];
	}
	return NULL;
}

void
version_format_majors(char *dst, size_t cap)
{
	size_t len = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < lengthof(versions) && len < cap; i++)
	{
		int n = snprintf(
			dst + len, cap - len, "%s%d", i > 0 ? ", " : "", versions[i].major);

		len += n > 0 ? (size_t) n : 0;
	}
}
