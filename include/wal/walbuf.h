/*
 * walbuf.h
 *		The filter's buffer: a stretch of WAL on its way through.
 *
 *		base_lsn
 *		|--- ready ---|--- held back ---|--- not scanned ---|--- room ---|
 *		0           ready            scanned               len          cap
 */
#ifndef WAL_WALBUF_H
#define WAL_WALBUF_H

#include "base.h"

#include "util/lsn.h"
#include "wal/page.h"

typedef struct WalBuf
{
	uint8_t *data; /* owned */
	size_t cap;
	size_t len;
	size_t scanned; /* where the scanner stands */
	size_t ready;   /* where sending may go on to */
	Lsn base_lsn;   /* of the first byte */
} WalBuf;

void walbuf_clear(WalBuf *b);
/* Forget the bytes, keep the memory: the next one is that at lsn. */
void walbuf_start(WalBuf *b, Lsn lsn);
/* At least n bytes of room behind what is there; *lsn is theirs. */
uint8_t *walbuf_room(WalBuf *b, size_t n, Lsn *lsn);
/* The first n bytes go; n <= ready. */
void walbuf_drop(WalBuf *b, size_t n);

/*
 * The first len bytes of a record that begins in the buffer at lsn, and is there so
 * far, page headers left alone or out: write prefix over them, and zeros behind
 * it; or copy them.
 */
void walbuf_overwrite(WalBuf *b, const WalGeometry *geometry, Lsn lsn,
	size_t len, const uint8_t *prefix, size_t prefix_len);
void walbuf_copy(const WalBuf *b, const WalGeometry *geometry, Lsn lsn,
	size_t len, uint8_t *record);

#endif /* WAL_WALBUF_H */
