/*
 * fuzz_catalog.c
 *		Catalog rows that nobody would write, through the decoder.
 *
 * The first byte of the input chooses the major, and what the rest is: a record,
 * whose length is put right; or a page image's header and content; or a pglz stream, and
 * how much room there is for it.
 *
 * Beside what the sanitizers see: what is wanted says something, or is an error with
 * a message; a name that comes out has an end; a page has a size that pages have.
 *
 *		clang -fsanitize=fuzzer,address,undefined ... regress/fuzz/fuzz_catalog.c
 *
 * makes the fuzzer; with replay.c in place of -fsanitize=fuzzer it is a program
 * that runs the inputs of regress/fuzz/corpus/catalog once each.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "wal/catalog.h"
#include "wal/pageimage.h"
#include "wal/pglz.h"

#define LSN ((Lsn) 1 << 40)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A fact that does not hold ends the program, as a sanitizer does. */
static void
must(bool fact)
{
	if (!fact)
		abort();
}

static void
fuzz_record(const WalVersion *version, const uint8_t *data, size_t len)
{
	WalScope *scope = walscope_new();
	uint8_t *record = malloc(Max(len, 1));
	RecordHead head;
	CatalogChange change;
	ErrInfo err;

	memcpy(record, data, len);
	if (len >= WAL_RECORD_HEADER_SIZE)
	{
		store_le32(record, (uint32_t) len);
		/* files that captured rows lie in */
		walscope_add_catalog(scope, SCOPE_DATABASE, 16590);
		if (record_decode(record, len, LSN, version, &head, &err) ==
				RECORD_OK &&
			catalog_wants(&head, scope))
		{
			if (!catalog_decode(
					record, &head, LSN, version, scope, &change, &err))
				must(err.message[0] != '\0');
			else
			{
				must(change.what != CATALOG_NOTHING);
				must(change.what != CATALOG_ROW ||
					 (change.oid != InvalidOid && change.name[0] != '\0' &&
						 memchr(change.name, 0, CATALOG_NAME_SIZE) != NULL));
				must(catalog_follow(&change, scope, LSN, &err));
			}
		}
	}
	free(record);
	walscope_free(scope);
}

static void
fuzz_image(const WalVersion *version, const uint8_t *data, size_t len)
{
	BufReader r = buf_reader(data, len);
	RecordBlock block = {.flags = WAL_BLOCK_HAS_IMAGE};
	const uint8_t *content;
	uint8_t *image;
	uint8_t page[PAGEIMAGE_MAX];
	uint32_t size;
	ErrInfo err;

	if (!buf_get_u8(&r, &block.bimg_info) ||
		!buf_get_le16(&r, &block.hole_offset) ||
		!buf_get_le16(&r, &block.hole_len))
		return;
	block.image_len = (uint16_t) Min(buf_left(&r), UINT16_MAX);
	if (!buf_get_bytes(&r, block.image_len, &content))
		return;
	image = malloc(Max(block.image_len, 1));
	memcpy(image, content, block.image_len);
	if (pageimage_restore(&block, image, version, page, &size, &err))
		must(size >= 1024 && size <= PAGEIMAGE_MAX && (size & (size - 1)) == 0);
	else
		must(err.message[0] != '\0');
	free(image);
}

/* Into cap bytes of room. */
static void
fuzz_pglz(const uint8_t *data, size_t len, size_t cap)
{
	uint8_t *source = malloc(Max(len, 1));
	uint8_t *out = malloc(Max(cap, 1));
	size_t got;

	memcpy(source, data, len);
	if (pglz_decompress(source, len, out, cap, &got))
		must(got <= cap);
	free(out);
	free(source);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint16_t magics[] = {
		0xd106, 0xd10d, 0xd110, 0xd113, 0xd116, 0xd118};
	static const size_t rooms[lengthof(magics)] = {0, 1, 20, 300, 8192, 32768};
	const WalVersion *version;
	size_t choice;

	if (len == 0)
		return 0;
	choice = (data[0] & 0x0f) % lengthof(magics);
	version = version_by_magic(magics[choice]);
	switch (data[0] >> 4)
	{
		case 0:
			fuzz_image(version, data + 1, len - 1);
			break;
		case 1:
			fuzz_pglz(data + 1, len - 1, rooms[choice]);
			break;
		default:
			fuzz_record(version, data + 1, len - 1);
			break;
	}
	return 0;
}
