/*
 * spooldir.h
 *		The spool: WAL on our own disk, in state_directory/spool, in the names and
 *		the format of pg_wal.
 *
 *		000000010000000000000042			a whole segment
 *		000000010000000000000043.partial	the one being written, as far as it goes
 *		00000002.history					as the upstream had it
 *
 * A partial segment is as long as what has been written, and is renamed when it is
 * whole.  Where a timeline ended the partial segment stays, and the segment of the
 * same number on the next timeline begins with the same bytes.
 */
#ifndef SPOOL_SPOOLDIR_H
#define SPOOL_SPOOLDIR_H

#include "base.h"

#include "util/durable.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/history.h"

#define SPOOL_FOLDER "spool"
#define SPOOL_PARTIAL ".partial"

typedef struct SpoolFile
{
	TimeLineId tli;
	Lsn start;
	bool partial;
	int64_t size; /* bytes */
	int64_t time; /* of its last change, seconds since 1970 */
} SpoolFile;

/* All segments there are, by LSN, then by timeline; free files. */
typedef struct SpoolList
{
	SpoolFile *files;
	size_t count;
} SpoolList;

void spooldir_path(char path[DURABLE_PATH_SIZE], const char *state_directory);
void spooldir_file_path(char path[DURABLE_PATH_SIZE],
	const char *state_directory, TimeLineId tli, Lsn start,
	uint32_t segment_size, bool partial);

/* A directory that is not there is empty.  False, with err, if it cannot be read. */
MUST_CHECK bool spooldir_list(SpoolList *list, const char *state_directory,
	uint32_t segment_size, ErrInfo *err);
void spooldir_list_clear(SpoolList *list);

/* Whose WAL it is. */
typedef struct SpoolOrigin
{
	uint64_t system_identifier;
	TimeLineId tli; /* the latest that there are segments or a history of */
} SpoolOrigin;

/*
 * By the latest segment that begins as one does, whatever its size.  False, and
 * *origin undefined, if there is none.
 */
MUST_CHECK bool spooldir_find_origin(
	const char *state_directory, SpoolOrigin *origin);

/* ---- history files ---- */

MUST_CHECK bool spooldir_put_history(const char *state_directory,
	TimeLineId tli, const char *text, size_t len, ErrInfo *err);
/* malloc'd, or NULL if it is not there, or cannot be read. */
char *spooldir_get_history(
	const char *state_directory, TimeLineId tli, size_t *len);

/* ---- reading WAL ---- */

typedef struct SpoolReader SpoolReader;

SpoolReader *spoolreader_new(
	const char *state_directory, uint32_t segment_size);
void spoolreader_free(SpoolReader *r);
/* No file is kept open, nor so the space of one that has been removed. */
void spoolreader_leave(SpoolReader *r);

/*
 * Of partial segments of timeline tli nothing from end on is read, and with tli 0
 * nothing of any: it is not known whether it is good.  At first there is no limit.
 */
void spoolreader_limit(SpoolReader *r, TimeLineId tli, Lsn end);

/*
 * Copy WAL from lsn on: how many bytes, at most cap; 0 if it is not there (or not
 * yet).  It is that of the timelines in line, whichever has it; the caller sees to
 * where a timeline ends.
 */
size_t spoolreader_read(
	SpoolReader *r, const History *line, Lsn lsn, uint8_t *dst, size_t cap);

#endif /* SPOOL_SPOOLDIR_H */
