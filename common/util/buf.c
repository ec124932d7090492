/*
 * buf.c
 *		Bounded reading and writing of bytes.  See buf.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/mem.h"

#define FIRST_CAP 256

bool
buf_get_bytes(BufReader *r, size_t n, const uint8_t **p)
{
	if (n > buf_left(r))
		return false;
	*p = r->data + r->pos;
	r->pos += n;
	return true;
}

bool
buf_skip(BufReader *r, size_t n)
{
	const uint8_t *p;

	return buf_get_bytes(r, n, &p);
}

bool
buf_get_u8(BufReader *r, uint8_t *v)
{
	const uint8_t *p;

	if (!buf_get_bytes(r, 1, &p))
		return false;
	*v = p[0];
	return true;
}

bool
buf_get_be16(BufReader *r, uint16_t *v)
{
	const uint8_t *p;

	if (!buf_get_bytes(r, 2, &p))
		return false;
	*v = (uint16_t) (p[0] << 8 | p[1]);
	return true;
}

bool
buf_get_be32(BufReader *r, uint32_t *v)
{
	const uint8_t *p;

	if (!buf_get_bytes(r, 4, &p))
		return false;
	*v = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 |
		(uint32_t) p[3];
	return true;
}

bool
buf_get_be64(BufReader *r, uint64_t *v)
{
	uint32_t high;
	uint32_t low;

	if (buf_left(r) < 8 || !buf_get_be32(r, &high) || !buf_get_be32(r, &low))
		return false;
	*v = (uint64_t) high << 32 | low;
	return true;
}

bool
buf_get_le16(BufReader *r, uint16_t *v)
{
	const uint8_t *p;

	if (!buf_get_bytes(r, 2, &p))
		return false;
	*v = load_le16(p);
	return true;
}

bool
buf_get_le32(BufReader *r, uint32_t *v)
{
	const uint8_t *p;

	if (!buf_get_bytes(r, 4, &p))
		return false;
	*v = load_le32(p);
	return true;
}

bool
buf_get_cstring(BufReader *r, const char **s)
{
	const uint8_t *start = r->data + r->pos;
	const uint8_t *nul;

	if (buf_left(r) == 0)
		return false;
	nul = memchr(start, 0, buf_left(r));
	if (nul == NULL)
		return false;
	*s = (const char *) start;
	r->pos += (size_t) (nul - start) + 1;
	return true;
}

void
buf_init(Buf *b, size_t max)
{
	*b = (Buf){.max = max};
}

void
buf_clear(Buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void
buf_reset(Buf *b)
{
	b->len = 0;
	b->failed = false;
}

uint8_t *
buf_put_space(Buf *b, size_t n)
{
	uint8_t *p;

	if (b->failed || n > b->max - b->len)
	{
		b->failed = true;
		return NULL;
	}
	if (n > b->cap - b->len)
	{
		size_t cap = Max(b->cap, FIRST_CAP);

		while (cap - b->len < n)
			cap *= 2;
		b->cap = Min(cap, b->max);
		b->data = mem_realloc(b->data, b->cap);
	}
	p = b->data + b->len;
	b->len += n;
	return p;
}

void
buf_put_bytes(Buf *b, const void *p, size_t n)
{
	uint8_t *to;

	/* there may be no memory yet to be 0 bytes behind of */
	if (n == 0)
		return;
	to = buf_put_space(b, n);
	if (to != NULL)
		memcpy(to, p, n);
}

void
buf_put_u8(Buf *b, uint8_t v)
{
	buf_put_bytes(b, &v, 1);
}

void
buf_put_be16(Buf *b, uint16_t v)
{
	uint8_t bytes[2] = {(uint8_t) (v >> 8), (uint8_t) v};

	buf_put_bytes(b, bytes, sizeof(bytes));
}

void
buf_put_be32(Buf *b, uint32_t v)
{
	uint8_t bytes[4];

	store_be32(bytes, v);
	buf_put_bytes(b, bytes, sizeof(bytes));
}

void
buf_put_be64(Buf *b, uint64_t v)
{
	uint8_t bytes[8];

	store_be64(bytes, v);
	buf_put_bytes(b, bytes, sizeof(bytes));
}

void
buf_put_text(Buf *b, const char *s)
{
	buf_put_bytes(b, s, strlen(s));
}

void
buf_put_cstring(Buf *b, const char *s)
{
	buf_put_bytes(b, s, strlen(s) + 1);
}

void
buf_poke_be32(Buf *b, size_t pos, uint32_t v)
{
	if (!b->failed)
		store_be32(b->data + pos, v);
}
