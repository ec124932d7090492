/*
 * record.h
 *		The front of a WAL record: header, fragment headers, and as much of the
 *		main data as says what the record is about.
 */
#ifndef WAL_RECORD_H
#define WAL_RECORD_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/version.h"
#include "wal/walformat.h"

/* A relation's physical home; database 0 for shared relations. */
typedef struct RecordRelation
{
	Oid tablespace;
	Oid database;
	uint32_t relfilenumber;
} RecordRelation;

/* A block reference, as far as its image and its data are concerned. */
typedef struct RecordBlock
{
	uint8_t flags;
	uint8_t bimg_info; /* this and the next three are 0 without an image */
	uint16_t image_len;
	uint16_t hole_offset;
	uint16_t hole_len; /* told of compressed images only */
	uint16_t data_len;
} RecordBlock;

typedef struct RecordHead
{
	uint32_t total; /* xl_tot_len */
	uint32_t xid;
	Lsn prev;
	uint8_t info;
	uint8_t rmid;
	uint32_t crc;

	/* relations of the block references, neighbours that are the same given once */
	RecordRelation relations[WAL_BLOCK_ID_MAX + 1];
	unsigned relation_count;

	RecordBlock first_block; /* if there are any */
	uint32_t images_len;     /* of the images of all blocks together */
	/*
	 * Images and data of the blocks, in the order of their headers, then the main
	 * data: all that follows the fragment headers.
	 */
	uint32_t payload_len;

	/*
	 * Main data: its length and the part of it that was needed and is here
	 * (points into the bytes that were decoded).
	 */
	uint32_t main_len;
	const uint8_t *main_data; /* NULL if the record has block references */
	uint32_t main_have;       /* Min(main_len, WAL_MAIN_MAX) */
} RecordHead;

typedef enum RecordStatus
{
	RECORD_OK,
	RECORD_MORE, /* the bytes end before the record says what it is about */
	RECORD_BAD   /* not a record that PostgreSQL would accept; err says why */
} RecordStatus;

/*
 * Decode the first have bytes of the record at lsn, page headers taken out.
 * WAL_HEAD_MAX bytes, or the whole record, are always enough.  The checks are
 * those of PostgreSQL's reader (xlogreader.c, DecodeXLogRecord), without the
 * CRC and without those on the content of page images.
 */
MUST_CHECK RecordStatus record_decode(const uint8_t *bytes, size_t have,
	Lsn lsn, const WalVersion *version, RecordHead *head, ErrInfo *err);

#endif /* WAL_RECORD_H */
