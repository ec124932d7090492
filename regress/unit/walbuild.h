/*
 * walbuild.h
 *		WAL made by hand, for what a server does not write on demand.
 *
 * Pages and records of PostgreSQL 15, laid out by wal layout rules alone
 * (xlog_internal.h, xlogrecord.h); no code of ours that is under test is used,
 * the CRC is computed bit by bit.
 */
#ifndef WALBUILD_H
#define WALBUILD_H

#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "wal/page.h"

#define BUILD_MAGIC 0xd110
#define BUILD_SYSTEM_ID UINT64_C(0x0123456789abcdef)

#define PAGE_CONTRECORD 0x0001
#define PAGE_LONG 0x0002
#define PAGE_OVERWRITE 0x0008

typedef struct WalBuild
{
	WalGeometry geometry;
	uint8_t *bytes; /* those from start on; owned */
	size_t len;
	size_t cap;
	Lsn start;
	Lsn prev;           /* start of the last complete record */
	uint16_t next_page; /* flags for the next page header */
} WalBuild;

static inline uint32_t
build_crc(uint32_t crc, const uint8_t *p, size_t len)
{
	static uint32_t table[256];

	if (table[1] == 0)
	{
		for (uint32_t i = 0; i < 256; i++)
		{
			uint32_t c = i;

			for (int bit = 0; bit < 8; bit++)
				c = c & 1 ? c >> 1 ^ UINT32_C(0x82f63b78) : c >> 1;
			table[i] = c;
		}
	}
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xff];
	return crc;
}

/* The CRC that the record of total bytes should have. */
static inline uint32_t
build_record_crc(const uint8_t *record, size_t total)
{
	uint32_t crc = build_crc(UINT32_MAX, record + 24, total - 24);

	return build_crc(crc, record, 20) ^ UINT32_MAX;
}

static inline void
build_le(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t) (v >> 8 * i);
}

static inline WalBuild
build_begin(uint32_t segment_size, uint32_t block_size, Lsn start)
{
	return (WalBuild){
		.geometry = {segment_size, block_size, BUILD_SYSTEM_ID},
		.start = start,
		.prev = start - 64,
	};
}

static inline void
build_end(WalBuild *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

static inline Lsn
build_lsn(const WalBuild *b)
{
	return b->start + b->len;
}

static inline void
build_raw(WalBuild *b, const void *p, size_t n)
{
	if (b->cap - b->len < n)
	{
		b->cap = (b->len + n) * 2;
		b->bytes = realloc(b->bytes, b->cap);
		if (b->bytes == NULL)
			abort();
	}
	if (n > 0)
		memcpy(b->bytes + b->len, p, n);
	b->len += n;
}

static inline void
build_zeros(WalBuild *b, size_t n)
{
	static const uint8_t zeros[8192];

	for (; n > sizeof(zeros); n -= sizeof(zeros))
		build_raw(b, zeros, sizeof(zeros));
	build_raw(b, zeros, n);
}

/* A page header, if the next byte is the first of a page. */
static inline void
build_page(WalBuild *b, uint32_t rem_len)
{
	uint8_t header[40] = {0};
	Lsn lsn = build_lsn(b);
	bool is_long = lsn % b->geometry.segment_size == 0;
	uint16_t info = b->next_page;

	if (lsn % b->geometry.block_size != 0)
		return;
	b->next_page = 0;
	info |= (is_long ? PAGE_LONG : 0) | (rem_len > 0 ? PAGE_CONTRECORD : 0);
	build_le(header, BUILD_MAGIC, 2);
	build_le(header + 2, info, 2);
	build_le(header + 4, 1, 4);
	build_le(header + 8, lsn, 8);
	build_le(header + 16, rem_len, 4);
	build_le(header + 24, b->geometry.system_identifier, 8);
	build_le(header + 32, b->geometry.segment_size, 4);
	build_le(header + 36, b->geometry.block_size, 4);
	build_raw(b, header, is_long ? 40 : 24);
}

/* The first n bytes of a record of total bytes, with the page headers between. */
static inline void
build_bytes(WalBuild *b, const uint8_t *record, size_t total, size_t n)
{
	for (size_t done = 0; done < n;)
	{
		size_t left;

		if (done > 0)
			build_page(b, (uint32_t) (total - done));
		left = b->geometry.block_size - build_lsn(b) % b->geometry.block_size;
		left = Min(left, n - done);
		build_raw(b, record + done, left);
		done += left;
	}
}

/* A whole record in memory; to be freed. */
static inline uint8_t *
build_image(uint8_t rmid, uint8_t info, uint32_t xid, Lsn prev,
	const void *body, size_t body_len)
{
	uint8_t *record = calloc(1, 24 + body_len);

	if (record == NULL)
		abort();
	build_le(record, 24 + body_len, 4);
	build_le(record + 4, xid, 4);
	build_le(record + 8, prev, 8);
	record[16] = info;
	record[17] = rmid;
	if (body_len > 0)
		memcpy(record + 24, body, body_len);
	build_le(record + 20, build_record_crc(record, 24 + body_len), 4);
	return record;
}

/* Append a record, and what aligns its end; returns where it begins. */
static inline Lsn
build_record(WalBuild *b, uint8_t rmid, uint8_t info, uint32_t xid,
	const void *body, size_t body_len)
{
	uint8_t *record = build_image(rmid, info, xid, b->prev, body, body_len);
	Lsn lsn;

	build_page(b, 0);
	lsn = build_lsn(b);
	build_bytes(b, record, 24 + body_len, 24 + body_len);
	build_zeros(b, (size_t) (MaxAlign(build_lsn(b)) - build_lsn(b)));
	free(record);
	b->prev = lsn;
	return lsn;
}

/* The fragment header of n bytes of main data, in front of them: returns its size. */
static inline size_t
build_main_header(uint8_t *p, size_t n)
{
	if (n <= 255)
	{
		p[0] = 255;
		p[1] = (uint8_t) n;
		return 2;
	}
	p[0] = 254;
	build_le(p + 1, n, 4);
	return 5;
}

/* A record without block references. */
static inline Lsn
build_main_record(WalBuild *b, uint8_t rmid, uint8_t info, uint32_t xid,
	const void *main_data, size_t n)
{
	uint8_t *body = malloc(n + 5);
	size_t header = build_main_header(body, n);
	Lsn lsn;

	memcpy(body + header, main_data, n);
	lsn = build_record(b, rmid, info, xid, body, header + n);
	free(body);
	return lsn;
}

/* The body of a record with one block reference, and data_len bytes of fill. */
static inline size_t
build_block_body(uint8_t *body, Oid tablespace, Oid database, Oid relation,
	uint16_t data_len, uint8_t fill)
{
	body[0] = 0; /* block id */
	body[1] = data_len > 0 ? 0x20 : 0;
	build_le(body + 2, data_len, 2);
	build_le(body + 4, tablespace, 4);
	build_le(body + 8, database, 4);
	build_le(body + 12, relation, 4);
	build_le(body + 16, 7, 4); /* block number */
	memset(body + 20, fill, data_len);
	return 20 + (size_t) data_len;
}

/* A heap insert (rmid 10) of data_len bytes of fill. */
static inline Lsn
build_block_record(
	WalBuild *b, Oid tablespace, Oid database, uint16_t data_len, uint8_t fill)
{
	uint8_t *body = malloc(20 + (size_t) data_len);
	size_t n =
		build_block_body(body, tablespace, database, 20000, data_len, fill);
	Lsn lsn = build_record(b, 10, 0, 700, body, n);

	free(body);
	return lsn;
}

/*
 * A heap INSERT into a shared relation of a row that begins with an OID and a name
 * (heapam_xlog.h): block data are infomask2, infomask, hoff, the null bitmap's pad,
 * then the row; main data are offnum and flags.
 */
static inline Lsn
build_row(WalBuild *b, uint32_t relfilenumber, Oid oid, const char *name)
{
	uint8_t body[200] = {0};
	size_t n = 0;
	size_t data = 5 + 1 + 4 + 64 + 40; /* hoff 24: one byte of pad */

	body[n++] = 0;    /* block id */
	body[n++] = 0x20; /* has data */
	build_le(body + n, data, 2);
	n += 2;
	build_le(body + n, 1664, 4);
	build_le(body + n + 4, 0, 4);
	build_le(body + n + 8, relfilenumber, 4);
	build_le(body + n + 12, 0, 4); /* block */
	n += 16;
	body[n++] = 255; /* main data, short */
	body[n++] = 3;
	build_le(body + n, 18, 2);         /* infomask2: columns */
	build_le(body + n + 2, 0x0802, 2); /* infomask */
	body[n + 4] = 24;                  /* hoff */
	build_le(body + n + 6, oid, 4);
	memcpy(body + n + 10, name, strlen(name));
	n += data;
	build_le(body + n, 5, 2); /* offnum */
	n += 3;
	return build_record(b, 10, 0, 777, body, n);
}

/*
 * The same with a page image in place of the row (bufpage.h, itemid.h): a page of
 * 1 kB << shift that has the row at its end, with its hole or without.
 */
static inline Lsn
build_row_image(WalBuild *b, uint32_t relfilenumber, Oid oid, const char *name,
	unsigned shift, bool with_hole)
{
	size_t size = (size_t) 1024 << shift;
	size_t front = 24 + 4; /* page header, one line pointer */
	size_t tuple = 24 + 4 + 64 + 40;
	size_t hole = with_hole ? size - front - tuple : 0;
	uint8_t *body = calloc(1, size + 100);
	uint8_t *p = body;
	Lsn lsn;

	*p++ = 0;    /* block id */
	*p++ = 0x10; /* has image */
	p += 2;
	build_le(p, size - hole, 2);
	build_le(p + 2, with_hole ? front : 0, 2);
	p[4] = with_hole ? 0x03 : 0x02; /* a hole; apply */
	p += 5;
	build_le(p, 1664, 4);
	build_le(p + 4, 0, 4);
	build_le(p + 8, relfilenumber, 4);
	p += 16;    /* block number 0 */
	*p++ = 255; /* main data, short */
	*p++ = 3;
	build_le(p + 18, size | 4, 2);
	build_le(p + 24, (size - tuple) | 1U << 15 | tuple << 17, 4);
	p += size - hole - tuple;
	p[22] = 24; /* t_hoff */
	build_le(p + 24, oid, 4);
	memcpy(p + 28, name, strlen(name));
	p += tuple;
	build_le(p, 1, 2); /* offnum */
	p += 3;
	lsn = build_record(b, 10, 0, 777, body, (size_t) (p - body));
	free(body);
	return lsn;
}

/* RELMAP UPDATE of the shared map (relmapper.c). */
static inline Lsn
build_map(WalBuild *b, Oid catalog, uint32_t relfilenumber)
{
	uint8_t body[12 + 512] = {0};

	build_le(body, 0, 4);
	build_le(body + 4, 1664, 4);
	build_le(body + 8, 512, 4);
	build_le(body + 12, 0x592717, 4);
	build_le(body + 16, 2, 4);
	build_le(body + 20, 1260, 4);
	build_le(body + 24, 1260, 4);
	build_le(body + 28, catalog, 4);
	build_le(body + 32, relfilenumber, 4);
	return build_main_record(b, 7, 0, 777, body, sizeof(body));
}

/* A heap record that leaves left bytes of its page behind it (a multiple of 8). */
static inline void
build_up_to(WalBuild *b, uint32_t left)
{
	uint32_t block = b->geometry.block_size;
	uint32_t now;
	uint32_t size;

	build_page(b, 0);
	now = block - (uint32_t) (build_lsn(b) % block);
	/* two records if one cannot do it */
	if (now < left + 48)
	{
		build_block_record(b, 1663, 5, (uint16_t) (now - 44), 1);
		build_page(b, 0);
		now = block - (uint32_t) (build_lsn(b) % block);
	}
	size = now - left;
	build_block_record(b, 1663, 5, (uint16_t) (size - 44), 1);
}

/* A switch, and what follows it up to the end of the segment. */
static inline Lsn
build_switch(WalBuild *b)
{
	Lsn lsn = build_record(b, 0, 0x40, 0, NULL, 0);
	uint32_t used = (uint32_t) (build_lsn(b) % b->geometry.segment_size);

	if (used != 0)
		build_zeros(b, b->geometry.segment_size - used);
	return lsn;
}

/*
 * The first part of a heap insert, up to the end of the page that it begins on
 * and more_pages more, then a crash: the next page overwrites what was to come.
 */
static inline Lsn
build_aborted(WalBuild *b, Oid tablespace, Oid database, uint16_t data_len,
	uint8_t fill, uint32_t more_pages)
{
	uint8_t *body = malloc(20 + (size_t) data_len);
	size_t n =
		build_block_body(body, tablespace, database, 20001, data_len, fill);
	uint8_t *record = build_image(10, 0, 701, b->prev, body, n);
	uint32_t block = b->geometry.block_size;
	uint8_t overwrite[16] = {0};
	size_t part;
	Lsn lsn;

	build_page(b, 0);
	lsn = build_lsn(b);
	part = block - (uint32_t) (lsn % block);
	for (uint32_t i = 1; i <= more_pages; i++)
		part +=
			block - ((lsn / block + i) * block % b->geometry.segment_size == 0
							? 40
							: 24);
	if (part >= 24 + n)
		abort(); /* it would be complete */
	build_bytes(b, record, 24 + n, part);
	free(record);
	free(body);
	b->next_page = PAGE_OVERWRITE;
	build_page(b, 0);
	build_le(overwrite, lsn, 8);
	build_main_record(b, 0, 0xd0, 0, overwrite, sizeof(overwrite));
	return lsn;
}

#endif /* WALBUILD_H */
