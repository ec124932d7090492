/*
 * pageimage.h
 *		The page that a full-page image in a record stands for.
 *
 * Sources: access/xlogrecord.h (XLogRecordBlockImageHeader), xloginsert.c and
 * xlogreader.c (RestoreBlockImage), storage/bufpage.h.
 */
#ifndef WAL_PAGEIMAGE_H
#define WAL_PAGEIMAGE_H

#include "base.h"

#include "util/errinfo.h"
#include "wal/record.h"
#include "wal/version.h"

/* BLCKSZ at most: it need not be that of WAL, and no record tells it. */
#define PAGEIMAGE_MAX 32768

/*
 * Restore the page from the image of a block reference, which lies at image,
 * block->image_len bytes.  *size is the page's.  False, with err, if it is damaged
 * or compressed in a way that the major does not have.
 */
MUST_CHECK bool pageimage_restore(const RecordBlock *block,
	const uint8_t *image, const WalVersion *version,
	uint8_t page[PAGEIMAGE_MAX], uint32_t *size, ErrInfo *err);

#endif /* WAL_PAGEIMAGE_H */
