/*
 * linefile.h
 *		Append-only text files with a checksum in each line: what the scope journal
 *		and the ledgers have in common.
 *
 * A line is the CRC-32C of its text in 8 hexadecimal digits, a blank, the text, and
 * a newline.  The first line's text is "MAGIC 1 SYSTEM-IDENTIFIER".
 *
 * Any number of processes may append; a lock on the file (flock) covers each look
 * at where it ends, and each write behind that.  What was not written to its end,
 * by a process that was killed or a disk that was full, has no newline: the next
 * writer cuts it off, and readers do not see it.  It was never acknowledged, so
 * nothing depends on it.  Damage anywhere else is an error.
 */
#ifndef STATE_LINEFILE_H
#define STATE_LINEFILE_H

#include "base.h"

#include "util/buf.h"
#include "util/errinfo.h"

/* The longest text of a line. */
#define LINEFILE_TEXT_MAX 65000
/* A state_directory, a folder and a file name, or the path of a file to be read. */
#define LINEFILE_PATH_SIZE 1600
/* The longest state_directory. */
#define LINEFILE_DIRECTORY_MAX 900

/* What tells one kind of file from another. */
typedef struct LineFormat
{
	const char *magic;
	const char *label; /* for messages: "scope journal" */
	/* What the operator can do about one that is damaged, or of another system. */
	const char *damaged_hint;
	const char *foreign_hint;
} LineFormat;

typedef enum LineFileMode
{
	LINEFILE_READ, /* no more than that */
	LINEFILE_PEEK, /* the same without a lock: what is being written may be there */
	LINEFILE_WRITE, /* what is there */
	LINEFILE_CREATE /* make it, with its directories, if it is not there */
} LineFileMode;

typedef struct LineFile
{
	const LineFormat *format;
	LineFileMode mode;
	int fd;       /* -1: not open */
	bool missing; /* it is not there, so that it cannot be opened, or locked */
	bool locked;
	uint64_t system_identifier;
	int64_t first_len; /* of the first line; 0: not seen yet */
	int64_t end;       /* behind the last whole line, as of the last lock */
	Buf pending;       /* lines to be appended */
	size_t state_directory_len; /* of path */
	char path[LINEFILE_PATH_SIZE];
} LineFile;

/*
 * Open STATE_DIRECTORY/FOLDER/NAME; folder may have several components, or none
 * ("").  Not locked yet.  A system_identifier of 0 is whatever the file says.  False, with err, on
 * failure; then there is nothing to be closed.
 */
MUST_CHECK bool linefile_open(LineFile *f, const LineFormat *format,
	const char *state_directory, const char *folder, const char *name,
	uint64_t system_identifier, LineFileMode mode, ErrInfo *err);
/* The same for a path, to read. */
MUST_CHECK bool linefile_open_path(
	LineFile *f, const LineFormat *format, const char *path, ErrInfo *err);
/* Unlock too.  Lines that were not appended are forgotten. */
void linefile_close(LineFile *f);

/*
 * Lock it, shared for LINEFILE_READ, not at all for LINEFILE_PEEK; waits for seconds
 * at most.  Then end is known, a
 * torn end cut off, and the first line has been checked.  If end is 0, the file is
 * new: LINEFILE_CREATE queues a first line.
 */
MUST_CHECK bool linefile_lock(LineFile *f, ErrInfo *err);
void linefile_unlock(LineFile *f);

/* Queue a line; needs the lock. */
void linefile_add(LineFile *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Write what is queued, all or nothing, with the lock held: what could not be
 * written whole is cut off again.
 */
MUST_CHECK bool linefile_append(LineFile *f, ErrInfo *err);

/*
 * In place of all lines that there are: begin with the first one, queue the others,
 * and replace.  Needs the lock.  Durable, and another file then: there is nothing to
 * be done with this one but to close it.  Who waits for its lock is told that it is
 * missing.
 */
void linefile_begin_anew(LineFile *f);
MUST_CHECK bool linefile_replace(LineFile *f, ErrInfo *err);

/*
 * Make it durable, with what others have written.  If that fails and the lock is
 * still held, what linefile_append wrote is cut off.
 */
MUST_CHECK bool linefile_sync(LineFile *f, ErrInfo *err);

/* err: the file is damaged near offset "at"; false. */
bool linefile_damaged(const LineFile *f, int64_t at, ErrInfo *err);

/* ---- for linereader.c ---- */

/* CRC and blank, in front of the text */
#define LINEFILE_FRONT_LEN 9
/* and the newline behind it */
#define LINEFILE_LINE_MAX (LINEFILE_FRONT_LEN + LINEFILE_TEXT_MAX + 1)

/* Whether its CRC fits a line of len bytes, without the newline. */
bool linefile_line_is_good(const uint8_t *line, size_t len);
/* All of len bytes at offset; false, with err, if they are not there. */
MUST_CHECK bool linefile_read(const LineFile *f, uint8_t *buffer, size_t len,
	int64_t offset, ErrInfo *err);

/* ---- what stands in lines ---- */

/*
 * A name with %XX for what is not an ASCII letter, digit, '_', '.' or '-'.  out has
 * room for three times the name's length and a terminator, else it is cut.
 */
void linefile_encode_name(const char *name, char *out, size_t size);
/* And back; false if text is not as linefile_encode_name makes it, or too long. */
MUST_CHECK bool linefile_decode_name(const char *text, char *out, size_t size);

#endif /* STATE_LINEFILE_H */
