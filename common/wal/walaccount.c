/*
 * walaccount.c
 *		What WAL is made of.  See walaccount.h.
 *
 * Where the scanner loses its way it begins anew with the next page, whose header
 * says where the first record begins.  Until a record has begun, what goes by is
 * lost:
 *
 *		... counted ...|lost_from      |next record
 *		               |--- skipped ---|... counted ...
 *
 * A record is counted when it has ended, so that one that the server never
 * finished is not.  It belongs to one database, the first that it names; there are
 * hardly any that name two.
 */
#include "base.h"

#include <string.h>

#include "util/mem.h"
#include "wal/rmgr.h"
#include "wal/scanner.h"
#include "wal/walaccount.h"

/* A power of two, and twice as many as there can be used. */
#define HASH_SIZE (2 * WALACCOUNT_DATABASES_MAX)

/* How much is known of the record under way. */
typedef enum HeadState
{
	HEAD_WANTED, /* its head is not complete */
	HEAD_KNOWN,
	HEAD_IGNORED /* damaged, or before what is to be counted */
} HeadState;

struct WalAccount
{
	Scanner scanner;
	Lsn first;        /* records before are not counted */
	bool has_begun;   /* a record has been seen to begin */
	Lsn lost_from;    /* InvalidLsn: nothing is being lost */
	uint64_t skipped; /* before lost_from */

	/* the record under way */
	HeadState head_state;
	uint8_t head[WAL_HEAD_MAX];
	size_t head_have;
	uint8_t rmid;
	Oid database;
	uint32_t bytes;
	uint32_t fpi_bytes;

	WalCount total;
	WalCount rmgrs[WALACCOUNT_RMGRS];
	WalCount other;
	WalAccountDatabase databases[WALACCOUNT_DATABASES_MAX];
	size_t database_count;
	size_t last;              /* where the last record's database was found */
	uint16_t hash[HASH_SIZE]; /* place in databases, and one; 0: free */
};

WalAccount *
walaccount_new(void)
{
	return mem_alloc0(sizeof(WalAccount));
}

Lsn
walaccount_lsn(const WalAccount *a)
{
	return a->scanner.lsn;
}

uint64_t
walaccount_skipped(const WalAccount *a)
{
	Lsn lsn = a->scanner.lsn;

	return a->skipped + (a->lost_from != InvalidLsn && lsn > a->lost_from
								? lsn - a->lost_from
								: 0);
}

WalCount
walaccount_total(const WalAccount *a)
{
	return a->total;
}

WalCount
walaccount_rmgr(const WalAccount *a, uint8_t rmid)
{
	return a->rmgrs[rmid];
}

WalCount
walaccount_other(const WalAccount *a)
{
	return a->other;
}

const WalAccountDatabase *
walaccount_databases(const WalAccount *a, size_t *count)
{
	*count = a->database_count;
	return a->databases;
}

static void
begin_loss(WalAccount *a, Lsn lsn)
{
	if (a->lost_from == InvalidLsn)
		a->lost_from = lsn;
}

void
walaccount_seek(WalAccount *a, const WalGeometry *geometry, Lsn lsn, Lsn first)
{
	Scanner *s = &a->scanner;

	if (a->has_begun)
		begin_loss(a, s->record_have > 0 ? s->record_lsn : s->lsn);
	if (a->lost_from != InvalidLsn && first < s->lsn)
	{
		/* back: there is nothing between */
		a->skipped = walaccount_skipped(a);
		a->lost_from = InvalidLsn;
	}
	a->first = first;
	scanner_init(s, geometry, lsn);
}

static void
add(WalCount *count, uint32_t bytes, uint32_t fpi_bytes)
{
	count->records++;
	count->bytes += bytes;
	count->fpi_bytes += fpi_bytes;
}

static WalCount *
database_count(WalAccount *a, Oid oid)
{
	uint32_t slot = oid * UINT32_C(2654435761) % HASH_SIZE;

	/* consecutive records mostly belong together */
	if (a->last < a->database_count && a->databases[a->last].oid == oid)
		return &a->databases[a->last].count;
	while (a->hash[slot] != 0)
	{
		a->last = a->hash[slot] - 1U;
		if (a->databases[a->last].oid == oid)
			return &a->databases[a->last].count;
		slot = (slot + 1) % HASH_SIZE;
	}
	if (a->database_count == WALACCOUNT_DATABASES_MAX)
		return &a->other;
	a->last = a->database_count++;
	a->hash[slot] = (uint16_t) a->database_count;
	a->databases[a->last] = (WalAccountDatabase){.oid = oid};
	return &a->databases[a->last].count;
}

static void
count_record(WalAccount *a)
{
	add(&a->total, a->bytes, a->fpi_bytes);
	add(&a->rmgrs[a->rmid], a->bytes, a->fpi_bytes);
	add(database_count(a, a->database), a->bytes, a->fpi_bytes);
}

/* Look at the first have bytes of the record under way. */
static HeadState
read_head(WalAccount *a, const uint8_t *bytes, size_t have)
{
	Scanner *s = &a->scanner;
	RecordHead head;
	RmgrSubjects subjects;
	ErrInfo ignored;

	switch (
		record_decode(bytes, have, s->record_lsn, s->version, &head, &ignored))
	{
		case RECORD_MORE:
			return HEAD_WANTED;
		case RECORD_BAD:
			begin_loss(a, s->record_lsn);
			return HEAD_IGNORED;
		case RECORD_OK:
			break;
	}
	a->rmid = head.rmid;
	a->bytes = head.total;
	a->fpi_bytes = head.images_len;
	/* what the filter would have to refuse is of no database that we know */
	a->database =
		rmgr_subjects(&head, s->record_lsn, s->version, &subjects, &ignored) &&
				subjects.count > 0
			? subjects.items[0].database
			: InvalidOid;
	return HEAD_KNOWN;
}

/* A record begins. */
static void
begin_record(WalAccount *a)
{
	Lsn lsn = a->scanner.record_lsn;

	a->head_have = 0;
	a->head_state = HEAD_WANTED;
	if (lsn < a->first)
	{
		a->head_state = HEAD_IGNORED;
		return;
	}
	a->has_begun = true;
	if (a->lost_from != InvalidLsn)
	{
		a->skipped += lsn - a->lost_from;
		a->lost_from = InvalidLsn;
	}
}

static void
take_record(WalAccount *a, const ScanPiece *piece, const uint8_t *data)
{
	size_t n = Min(piece->len, sizeof(a->head) - a->head_have);

	if (piece->offset == 0)
	{
		begin_record(a);
		/* mostly all that is needed is here at once */
		if (a->head_state == HEAD_WANTED)
			a->head_state = read_head(a, data, piece->len);
		n = Min(piece->len, sizeof(a->head));
		if (a->head_state == HEAD_WANTED)
			memcpy(a->head, data, n);
		a->head_have = n;
	}
	else if (a->head_state == HEAD_WANTED)
	{
		memcpy(a->head + a->head_have, data, n);
		a->head_have += n;
		a->head_state = read_head(a, a->head, a->head_have);
	}
	if (piece->is_last && a->head_state == HEAD_KNOWN)
		count_record(a);
}

/*
 * The first len bytes of data could not be understood, or belong to a page of which
 * that is true.  Returns how many of them are of that page.
 */
static size_t
pass_page(WalAccount *a, size_t len)
{
	Scanner *s = &a->scanner;
	WalGeometry geometry = s->geometry;
	Lsn lsn = s->lsn;
	size_t n = Min(len, geometry.block_size - lsn % geometry.block_size);

	scanner_init(s, &geometry, lsn + n);
	return n;
}

/* The first bytes of data; returns how many of them are done with. */
static size_t
take_piece(WalAccount *a, const uint8_t *data, size_t len)
{
	Scanner *s = &a->scanner;
	ScanPiece piece;
	ErrInfo ignored;

	/* the rest of a page whose start was not understood, or not seen */
	if (!s->synced && s->page_header_have == 0 &&
		s->lsn % s->geometry.block_size != 0)
		return pass_page(a, len);
	switch (scanner_next(s, data, len, &piece, &ignored))
	{
		case SCAN_OK:
			if (piece.kind == SCAN_RECORD)
				take_record(a, &piece, data);
			return piece.len;
		case SCAN_BAD:
			begin_loss(a, s->record_have > 0 ? s->record_lsn : s->lsn);
			return pass_page(a, len);
		case SCAN_BLIND: /* zeros behind the end of a segment's WAL */
		case SCAN_MORE:
			break;
	}
	return pass_page(a, len);
}

void
walaccount_feed(WalAccount *a, const uint8_t *data, size_t len)
{
	while (len > 0)
	{
		size_t n = take_piece(a, data, len);

		data += n;
		len -= n;
	}
}
