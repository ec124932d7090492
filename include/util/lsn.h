/*
 * lsn.h
 *		WAL positions, in the text form that PostgreSQL prints them in.
 */
#ifndef UTIL_LSN_H
#define UTIL_LSN_H

#include "base.h"

/* Byte position in the WAL of one cluster; 0 is "none", as PostgreSQL's InvalidXLogRecPtr. */
typedef uint64_t Lsn;

#define InvalidLsn ((Lsn) 0)

#define LSN_FORMAT "%X/%X"
#define LSN_ARGS(lsn) (uint32_t) ((lsn) >> 32), (uint32_t) (lsn)

/* Room for the longest text form, terminator included. */
#define LSN_TEXT_SIZE 18

/*
 * Read "X/X" (one to eight hexadecimal digits on each side, nothing else).
 * Returns false, *lsn untouched, if text is anything else.
 */
MUST_CHECK bool lsn_parse(const char *text, Lsn *lsn);

/* First byte of the unit (segment or page, a power of two) that holds lsn. */
static inline Lsn
lsn_floor(Lsn lsn, uint32_t unit)
{
	return lsn & ~((Lsn) unit - 1);
}

/*
 * Name of the segment file that holds lsn, as in pg_wal: 24 hexadecimal digits.
 * (xlog_internal.h, XLogFileName)
 */
#define WAL_FILE_NAME_SIZE 25
void lsn_segment_name(Lsn lsn, TimeLineId tli, uint32_t segment_size,
	char name[WAL_FILE_NAME_SIZE]);

#endif /* UTIL_LSN_H */
