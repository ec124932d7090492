/*
 * page.c
 *		The header that starts every WAL page.  See page.h.
 */
#include "base.h"

#include "util/buf.h"
#include "wal/page.h"

static bool
is_power_of_two_between(uint32_t n, uint32_t low, uint32_t high)
{
	return n >= low && n <= high && (n & (n - 1)) == 0;
}

bool
page_geometry_valid(const WalGeometry *geometry)
{
	return is_power_of_two_between(geometry->segment_size, 1 << 20, 1 << 30) &&
		   is_power_of_two_between(geometry->block_size, 1 << 10, 1 << 16);
}

static bool
check_address(const uint8_t *bytes, Lsn lsn, ErrInfo *err)
{
	Lsn pageaddr = load_le64(bytes + WAL_PAGE_ADDR_OFFSET);

	return pageaddr == lsn || errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
								  "unexpected page address " LSN_FORMAT
								  " in WAL page at " LSN_FORMAT,
								  LSN_ARGS(pageaddr), LSN_ARGS(lsn));
}

static bool
check_long_header(
	const uint8_t *bytes, Lsn lsn, const WalGeometry *geometry, ErrInfo *err)
{
	uint64_t sysid = load_le64(bytes + WAL_PAGE_SYSID_OFFSET);
	uint32_t segment_size = load_le32(bytes + WAL_PAGE_SEGMENT_SIZE_OFFSET);
	uint32_t block_size = load_le32(bytes + WAL_PAGE_BLOCK_SIZE_OFFSET);

	if (geometry->system_identifier != 0 &&
		sysid != geometry->system_identifier)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL page at " LSN_FORMAT " is of another database system: "
			"%" PRIu64 ", not %" PRIu64,
			LSN_ARGS(lsn), sysid, geometry->system_identifier);
	if (segment_size != geometry->segment_size ||
		block_size != geometry->block_size)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL page at " LSN_FORMAT " has segment size %u and block size %u, "
			"not %u and %u",
			LSN_ARGS(lsn), segment_size, block_size, geometry->segment_size,
			geometry->block_size);
	return true;
}

bool
page_header_decode(const uint8_t *bytes, Lsn lsn, const WalGeometry *geometry,
	PageHeader *header, ErrInfo *err)
{
	uint16_t magic = load_le16(bytes + WAL_PAGE_MAGIC_OFFSET);
	uint16_t info = load_le16(bytes + WAL_PAGE_INFO_OFFSET);
	const WalVersion *version = version_by_magic(magic);
	bool is_long;

	if (version == NULL)
	{
		char majors[64];

		version_format_majors(majors, sizeof(majors));
		errinfo_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
			"cannot read WAL with page magic %04X at " LSN_FORMAT, magic,
			LSN_ARGS(lsn));
		return errinfo_detail(err,
			"This version of walbouncer can read the WAL of PostgreSQL %s.",
			majors);
	}
	is_long = (info & version->long_header) != 0;
	if ((info & ~version->info_mask) != 0)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"invalid info bits %04X in WAL page at " LSN_FORMAT, info,
			LSN_ARGS(lsn));
	if (!check_address(bytes, lsn, err))
		return false;
	if (is_long != (page_header_size(geometry, lsn) == WAL_LONG_HEADER_SIZE))
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"%s long header in WAL page at " LSN_FORMAT,
			is_long ? "unexpected" : "missing", LSN_ARGS(lsn));
	if (is_long && !check_long_header(bytes, lsn, geometry, err))
		return false;
	header->version = version;
	header->tli = load_le32(bytes + WAL_PAGE_TLI_OFFSET);
	header->rem_len = load_le32(bytes + WAL_PAGE_REM_LEN_OFFSET);
	header->is_contrecord = (info & version->first_is_contrecord) != 0;
	header->is_overwrite_contrecord =
		(info & version->first_is_overwrite_contrecord) != 0;
	if (header->is_contrecord != (header->rem_len != 0) ||
		(header->is_contrecord && header->is_overwrite_contrecord))
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"invalid continuation (info %04X, %u bytes) in WAL page "
			"at " LSN_FORMAT,
			info, header->rem_len, LSN_ARGS(lsn));
	return true;
}

bool
page_begins_segment(const uint8_t *bytes, TimeLineId tli, Lsn lsn,
	const WalGeometry *geometry, ErrInfo *err)
{
	TimeLineId page_tli = load_le32(bytes + WAL_PAGE_TLI_OFFSET);

	if (!check_address(bytes, lsn, err) ||
		!check_long_header(bytes, lsn, geometry, err))
		return false;
	return page_tli <= tli ||
		   errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			   "WAL page at " LSN_FORMAT " is of timeline %u, not %u",
			   LSN_ARGS(lsn), page_tli, tli);
}

uint64_t
page_segment_room(const WalGeometry *geometry, Lsn lsn)
{
	uint32_t block_size = geometry->block_size;
	Lsn next_page = lsn_floor(lsn, block_size) + block_size;
	uint64_t pages_left =
		(geometry->segment_size - lsn % geometry->segment_size - 1) /
		block_size; /* behind lsn's own */
	uint64_t here = next_page - lsn;

	if (lsn % block_size == 0)
		here -= page_header_size(geometry, lsn);
	return here + pages_left * (block_size - WAL_SHORT_HEADER_SIZE);
}
