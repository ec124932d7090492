/*
 * pageimage.c
 *		The page that a full-page image stands for.  See pageimage.h.
 *
 * What is compressed is the page with its hole cut out, so it comes out in two
 * parts, one on each side of the hole.  The page's own header, which lies before
 * any hole, says how large it is.
 */
#include "base.h"

#include <lz4.h>
#include <string.h>
#include <zstd.h>

#include "util/buf.h"
#include "wal/pageimage.h"
#include "wal/pglz.h"

/* bufpage.h, PageHeaderData: the size, of which the low byte is a version. */
#define PAGE_SIZE_OFFSET 18
#define PAGE_SIZE_MASK 0xff00
#define PAGE_HEADER_SIZE 24
#define PAGE_SIZE_MIN 1024

static bool
damaged(ErrInfo *err, const char *what)
{
	return errinfo_set(
		err, SQLSTATE_DATA_CORRUPTED, "invalid page image: %s", what);
}

/* The page without its hole. */
static bool
unpack(const RecordBlock *block, const uint8_t *image,
	const WalVersion *version, uint8_t content[PAGEIMAGE_MAX], size_t *len,
	ErrInfo *err)
{
	uint8_t method = block->bimg_info & version->image_compressed_mask;

	if (method == 0)
	{
		if (block->image_len > PAGEIMAGE_MAX)
			return damaged(err, "too long");
		memcpy(content, image, block->image_len);
		*len = block->image_len;
		return true;
	}
	if (method == version->image_pglz)
		return pglz_decompress(
				   image, block->image_len, content, PAGEIMAGE_MAX, len) ||
			   damaged(err, "pglz");
	if (method == version->image_lz4)
	{
		int n = LZ4_decompress_safe((const char *) image, (char *) content,
			block->image_len, PAGEIMAGE_MAX);

		*len = n > 0 ? (size_t) n : 0;
		return n >= 0 || damaged(err, "lz4");
	}
	if (method == version->image_zstd)
	{
		*len = ZSTD_decompress(content, PAGEIMAGE_MAX, image, block->image_len);
		return !ZSTD_isError(*len) || damaged(err, "zstd");
	}
	return damaged(err, "unknown compression");
}

bool
pageimage_restore(const RecordBlock *block, const uint8_t *image,
	const WalVersion *version, uint8_t page[PAGEIMAGE_MAX], uint32_t *size,
	ErrInfo *err)
{
	uint8_t content[PAGEIMAGE_MAX];
	bool has_hole = (block->bimg_info & WAL_IMAGE_HAS_HOLE) != 0;
	bool compressed = (block->bimg_info & version->image_compressed_mask) != 0;
	uint32_t hole;
	size_t len;

	if (!unpack(block, image, version, content, &len, err))
		return false;
	if (len < PAGE_HEADER_SIZE)
		return damaged(err, "no page header");
	*size = load_le16(content + PAGE_SIZE_OFFSET) & PAGE_SIZE_MASK;
	if (*size < PAGE_SIZE_MIN || *size > PAGEIMAGE_MAX ||
		(*size & (*size - 1)) != 0 || len > *size)
		return damaged(err, "page size");
	hole = *size - (uint32_t) len;
	if (has_hole != (hole > 0) || (compressed && hole != block->hole_len) ||
		(has_hole && (block->hole_offset < PAGE_HEADER_SIZE ||
						 block->hole_offset > len)))
		return damaged(err, "hole");
	memcpy(page, content, has_hole ? block->hole_offset : len);
	if (has_hole)
	{
		memset(page + block->hole_offset, 0, hole);
		memcpy(page + block->hole_offset + hole, content + block->hole_offset,
			len - block->hole_offset);
	}
	return true;
}
