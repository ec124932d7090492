/*
 * version.c
 *		What differs between PostgreSQL majors.  See version.h.
 *
 * A row is only here once that major's own pg_waldump and a standby of it have
 * accepted what the filter makes of its WAL: an unknown magic is refused.
 */
#include "base.h"

#include "wal/version.h"

static const WalVersion versions[] = {
	{
		.major = 15,
		.magic = 0xd110,
		.info_mask = 0x000f,
		.first_is_contrecord = 0x0001,
		.long_header = 0x0002,
		.first_is_overwrite_contrecord = 0x0008,
		.image_compressed_mask = 0x1c, /* pglz, lz4, zstd */
		.has_toplevel_xid = true,
		.has_custom_rmgrs = true,
		.dbase_create_file_copy = 0x00,
		.dbase_create_wal_log = 0x10,
		.dbase_drop = 0x20,
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
