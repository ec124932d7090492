/*
 * walbuf.c
 *		The filter's buffer.  See walbuf.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "wal/walbuf.h"

void
walbuf_clear(WalBuf *b)
{
	free(b->data);
	*b = (WalBuf){0};
}

void
walbuf_start(WalBuf *b, Lsn lsn)
{
	b->base_lsn = lsn;
	b->len = b->scanned = b->ready = 0;
}

uint8_t *
walbuf_room(WalBuf *b, size_t n, Lsn *lsn)
{
	if (b->cap - b->len < n)
	{
		b->cap = b->len + n;
		b->data = mem_realloc(b->data, b->cap);
	}
	*lsn = b->base_lsn + b->len;
	return b->data + b->len;
}

void
walbuf_drop(WalBuf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->base_lsn += n;
	b->len -= n;
	b->scanned -= n;
	b->ready -= n;
}

/*
 * How many bytes of a record lie together at *lsn, or behind the page header
 * there, to which *lsn moves then; at most left.
 */
static size_t
record_run(const WalGeometry *geometry, Lsn *lsn, size_t left)
{
	uint32_t in_page = (uint32_t) (*lsn & (geometry->block_size - 1));

	if (in_page == 0)
	{
		in_page = page_header_size(geometry, *lsn);
		*lsn += in_page;
	}
	return Min(left, geometry->block_size - in_page);
}

void
walbuf_overwrite(WalBuf *b, const WalGeometry *geometry, Lsn lsn, size_t len,
	const uint8_t *prefix, size_t prefix_len)
{
	size_t n;

	for (size_t done = 0; done < len; done += n, lsn += n)
	{
		uint8_t *to;
		size_t copied = 0;

		n = record_run(geometry, &lsn, len - done);
		to = b->data + (lsn - b->base_lsn);
		if (done < prefix_len)
		{
			copied = Min(n, prefix_len - done);
			memcpy(to, prefix + done, copied);
		}
		memset(to + copied, 0, n - copied);
	}
}

void
walbuf_copy(const WalBuf *b, const WalGeometry *geometry, Lsn lsn, size_t len,
	uint8_t *record)
{
	size_t n;

	for (size_t done = 0; done < len; done += n, lsn += n)
	{
		n = record_run(geometry, &lsn, len - done);
		memcpy(record + done, b->data + (lsn - b->base_lsn), n);
	}
}
