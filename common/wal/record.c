/*
 * record.c
 *		The front of a WAL record.  See record.h.
 */
#include "base.h"

#include "util/buf.h"
#include "wal/record.h"

/* What the walk over the fragment headers has found so far. */
typedef struct Walk
{
	BufReader reader;   /* the bytes at hand, behind the fixed header */
	uint32_t remaining; /* bytes of the record behind the reader's position */
	uint64_t payload;   /* bytes of payload announced so far */
	int last_block_id;  /* -1 before the first */
	bool have_relation; /* SAME_REL has something to refer to */
} Walk;

static RecordStatus
bad(ErrInfo *err, Lsn lsn, const char *what, unsigned value)
{
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"invalid WAL record at " LSN_FORMAT ": %s %u", LSN_ARGS(lsn), what,
		value);
	return RECORD_BAD;
}

/*
 * n bytes of fragment header: RECORD_BAD if the record is too short for them,
 * RECORD_MORE if they have just not arrived.
 */
static RecordStatus
take(Walk *walk, size_t n, const uint8_t **p, Lsn lsn, ErrInfo *err)
{
	if (n > walk->remaining)
		return bad(
			err, lsn, "fragment headers exceed length, left", walk->remaining);
	if (!buf_get_bytes(&walk->reader, n, p))
		return RECORD_MORE;
	walk->remaining -= (uint32_t) n;
	return RECORD_OK;
}

static void
add_relation(RecordHead *head, const uint8_t *p)
{
	RecordRelation rel = {
		.tablespace = load_le32(p),
		.database = load_le32(p + 4),
		.relfilenumber = load_le32(p + 8),
	};

	if (head->relation_count > 0)
	{
		const RecordRelation *last = &head->relations[head->relation_count - 1];

		if (last->tablespace == rel.tablespace &&
			last->database == rel.database &&
			last->relfilenumber == rel.relfilenumber)
			return;
	}
	head->relations[head->relation_count++] = rel;
}

/* A block header whose id has been read: xlogrecord.h, XLogRecordBlockHeader. */
static RecordStatus
walk_block(Walk *walk, uint8_t id, Lsn lsn, const WalVersion *version,
	RecordHead *head, ErrInfo *err)
{
	RecordStatus status;
	const uint8_t *p;
	RecordBlock block = {0};
	bool is_first = walk->last_block_id < 0;

	if ((int) id <= walk->last_block_id)
		return bad(err, lsn, "out-of-order block id", id);
	walk->last_block_id = id;
	status = take(walk, 3, &p, lsn, err);
	if (status != RECORD_OK)
		return status;
	block.flags = p[0];
	block.data_len = load_le16(p + 1);
	if (((block.flags & WAL_BLOCK_HAS_DATA) != 0) != (block.data_len != 0))
		return bad(
			err, lsn, "block data flag does not fit length", block.data_len);
	walk->payload += block.data_len;
	if (block.flags & WAL_BLOCK_HAS_IMAGE)
	{
		status = take(walk, 5, &p, lsn, err);
		if (status != RECORD_OK)
			return status;
		block.image_len = load_le16(p);
		block.hole_offset = load_le16(p + 2);
		block.bimg_info = p[4];
		walk->payload += block.image_len;
		head->images_len += block.image_len;
		if ((block.bimg_info & version->image_compressed_mask) &&
			(block.bimg_info & WAL_IMAGE_HAS_HOLE))
		{
			status = take(walk, 2, &p, lsn, err);
			if (status != RECORD_OK)
				return status;
			block.hole_len = load_le16(p);
		}
	}
	if (is_first)
		head->first_block = block;
	if (!(block.flags & WAL_BLOCK_SAME_REL))
	{
		status = take(walk, 12, &p, lsn, err);
		if (status != RECORD_OK)
			return status;
		add_relation(head, p);
		walk->have_relation = true;
	}
	else if (!walk->have_relation)
		return bad(err, lsn, "no previous relation for block", id);
	return take(walk, 4, &p, lsn, err); /* block number */
}

/* One fragment header; *done if it was that of the main data. */
static RecordStatus
walk_fragment(Walk *walk, Lsn lsn, const WalVersion *version, RecordHead *head,
	bool *done, ErrInfo *err)
{
	RecordStatus status;
	const uint8_t *p;
	uint8_t id;

	status = take(walk, 1, &p, lsn, err);
	if (status != RECORD_OK)
		return status;
	id = p[0];
	if (id <= WAL_BLOCK_ID_MAX)
		return walk_block(walk, id, lsn, version, head, err);
	if (id == WAL_BLOCK_ID_ORIGIN)
		return take(walk, 2, &p, lsn, err);
	if (id == WAL_BLOCK_ID_TOPLEVEL_XID && version->has_toplevel_xid)
		return take(walk, 4, &p, lsn, err);
	if (id == WAL_BLOCK_ID_DATA_SHORT)
	{
		status = take(walk, 1, &p, lsn, err);
		if (status != RECORD_OK)
			return status;
		head->main_len = p[0];
	}
	else if (id == WAL_BLOCK_ID_DATA_LONG)
	{
		status = take(walk, 4, &p, lsn, err);
		if (status != RECORD_OK)
			return status;
		head->main_len = load_le32(p);
	}
	else
		return bad(err, lsn, "unknown fragment id", id);
	walk->payload += head->main_len;
	*done = true;
	return RECORD_OK;
}

static RecordStatus
decode_header(const uint8_t *bytes, Lsn lsn, const WalVersion *version,
	RecordHead *head, ErrInfo *err)
{
	*head = (RecordHead){
		.total = load_le32(bytes),
		.xid = load_le32(bytes + WAL_RECORD_XID_OFFSET),
		.prev = load_le64(bytes + WAL_RECORD_PREV_OFFSET),
		.info = bytes[WAL_RECORD_INFO_OFFSET],
		.rmid = bytes[WAL_RECORD_RMID_OFFSET],
		.crc = load_le32(bytes + WAL_RECORD_CRC_OFFSET),
	};
	if (head->total < WAL_RECORD_HEADER_SIZE)
		return bad(err, lsn, "length", head->total);
	if (head->rmid >= RM_BUILTIN_COUNT &&
		!(version->has_custom_rmgrs && head->rmid >= RM_CUSTOM_MIN))
		return bad(err, lsn, "resource manager ID", head->rmid);
	if (head->prev >= lsn)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"invalid WAL record at " LSN_FORMAT ": prev-link " LSN_FORMAT,
			LSN_ARGS(lsn), LSN_ARGS(head->prev));
		return RECORD_BAD;
	}
	return RECORD_OK;
}

RecordStatus
record_decode(const uint8_t *bytes, size_t have, Lsn lsn,
	const WalVersion *version, RecordHead *head, ErrInfo *err)
{
	Walk walk = {.last_block_id = -1};
	RecordStatus status;
	bool done = false;

	if (have < WAL_RECORD_HEADER_SIZE)
		return RECORD_MORE;
	status = decode_header(bytes, lsn, version, head, err);
	if (status != RECORD_OK)
		return status;
	walk.reader = buf_reader(bytes + WAL_RECORD_HEADER_SIZE,
		Min(have, head->total) - WAL_RECORD_HEADER_SIZE);
	walk.remaining = head->total - WAL_RECORD_HEADER_SIZE;
	/* xlogreader.c: headers go on until the payload announced fills the rest */
	while (!done && walk.remaining > walk.payload)
	{
		status = walk_fragment(&walk, lsn, version, head, &done, err);
		if (status != RECORD_OK)
			return status;
	}
	if (walk.remaining != walk.payload)
		return bad(err, lsn, "fragments do not fill length", head->total);
	head->payload_len = walk.remaining;
	if (head->relation_count == 0 && head->main_len > 0)
	{
		/* Without block references the main data comes next. */
		head->main_have = Min(head->main_len, WAL_MAIN_MAX);
		if (!buf_get_bytes(&walk.reader, head->main_have, &head->main_data))
			return RECORD_MORE;
	}
	return RECORD_OK;
}
