/*
 * buf.h
 *		The one way in which bytes from outside are read, and bytes for the
 *		outside are put together.
 *
 * BufReader is a cursor over memory that somebody else owns.  Each buf_get_...
 * either takes exactly what it was asked for and returns true, or returns false
 * and changes nothing, neither the cursor nor its output.  No sum of lengths
 * can overflow: what is left is compared, never added.
 *
 *		data            data+pos              data+len
 *		|-- consumed ---|------- left --------|
 *
 * Buf grows as it is written to, up to max bytes; the first write that does not
 * fit sets failed, and from then on nothing is written.  So a caller writes ten
 * fields and checks once.
 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include "base.h"

typedef struct BufReader
{
	const uint8_t *data;
	size_t len;
	size_t pos; /* <= len */
} BufReader;

static inline BufReader
buf_reader(const void *data, size_t len)
{
	/* Not NULL even for nothing: the cursor is added to it. */
	BufReader r = {.data = data != NULL ? data : "", .len = len, .pos = 0};

	return r;
}

static inline size_t
buf_left(const BufReader *r)
{
	return r->len - r->pos;
}

MUST_CHECK bool buf_get_u8(BufReader *r, uint8_t *v);
/* Network byte order: the PostgreSQL protocol. */
MUST_CHECK bool buf_get_be16(BufReader *r, uint16_t *v);
MUST_CHECK bool buf_get_be32(BufReader *r, uint32_t *v);
MUST_CHECK bool buf_get_be64(BufReader *r, uint64_t *v);
/* Little endian: WAL. */
MUST_CHECK bool buf_get_le16(BufReader *r, uint16_t *v);
MUST_CHECK bool buf_get_le32(BufReader *r, uint32_t *v);
/* *p points into the reader's memory. */
MUST_CHECK bool buf_get_bytes(BufReader *r, size_t n, const uint8_t **p);
MUST_CHECK bool buf_skip(BufReader *r, size_t n);
/* A string with its terminator; *s points into the reader's memory. */
MUST_CHECK bool buf_get_cstring(BufReader *r, const char **s);

typedef struct Buf
{
	uint8_t *data; /* owned; NULL until the first write */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
} Buf;

/* max is the most that the buffer may ever hold. */
void buf_init(Buf *b, size_t max);
/* Free the memory; the buffer can be used again. */
void buf_clear(Buf *b);
/* Forget the content (and a failure), keep the memory. */
void buf_reset(Buf *b);

void buf_put_u8(Buf *b, uint8_t v);
void buf_put_be16(Buf *b, uint16_t v);
void buf_put_be32(Buf *b, uint32_t v);
void buf_put_be64(Buf *b, uint64_t v);
void buf_put_bytes(Buf *b, const void *p, size_t n);
/* Without its terminator, and with it. */
void buf_put_text(Buf *b, const char *s);
void buf_put_cstring(Buf *b, const char *s);
/* Overwrite four bytes that have been written, at offset pos. */
void buf_poke_be32(Buf *b, size_t pos, uint32_t v);
/* n more bytes, to be filled in by the caller; NULL if they do not fit. */
uint8_t *buf_put_space(Buf *b, size_t n);

/* Loads and stores for memory whose bounds have been checked already. */
static inline uint16_t
load_le16(const uint8_t *p)
{
	return (uint16_t) (p[0] | p[1] << 8);
}

static inline uint32_t
load_le32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
		(uint32_t) p[3] << 24;
}

static inline uint64_t
load_le64(const uint8_t *p)
{
	return (uint64_t) load_le32(p) | (uint64_t) load_le32(p + 4) << 32;
}

static inline void
store_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t) v;
	p[1] = (uint8_t) (v >> 8);
	p[2] = (uint8_t) (v >> 16);
	p[3] = (uint8_t) (v >> 24);
}

static inline void
store_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t) (v >> 24);
	p[1] = (uint8_t) (v >> 16);
	p[2] = (uint8_t) (v >> 8);
	p[3] = (uint8_t) v;
}

static inline void
store_be64(uint8_t *p, uint64_t v)
{
	store_be32(p, (uint32_t) (v >> 32));
	store_be32(p + 4, (uint32_t) v);
}

#endif /* UTIL_BUF_H */
