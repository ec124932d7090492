/*
 * linereader.c
 *		Lines, one after the other.  See linereader.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "state/linereader.h"
#include "util/mem.h"

/* Two lines, so that one is whole wherever the buffer begins. */
#define BUFFER_SIZE ((size_t) 2 * LINEFILE_LINE_MAX)

typedef struct LineReader
{
	LineFile *file;
	int64_t at;   /* of the line that was read last */
	int64_t stop; /* forwards */
	int64_t base; /* where the buffer's bytes stand in the file */
	size_t len;
	size_t pos;      /* forwards: of the next line in it */
	uint8_t *buffer; /* owned */
} LineReader;

typedef enum LineStatus
{
	LINE_OK,
	LINE_END,
	LINE_FAILED /* err: damage, or the file could not be read */
} LineStatus;

/* In one direction; text is good until the next call. */
typedef LineStatus (*ReadLine)(LineReader *r, const char **text, ErrInfo *err);

/* The line of len bytes at pos of the buffer, without its newline. */
static LineStatus
take_line(
	LineReader *r, size_t pos, size_t len, const char **text, ErrInfo *err)
{
	uint8_t *line = r->buffer + pos;

	r->at = r->base + (int64_t) pos;
	if (!linefile_line_is_good(line, len))
	{
		linefile_damaged(r->file, r->at, err);
		return LINE_FAILED;
	}
	line[len] = '\0';
	*text = (const char *) line + LINEFILE_FRONT_LEN;
	/* texts are made of what can be printed */
	if (strlen(*text) == len - LINEFILE_FRONT_LEN)
		return LINE_OK;
	linefile_damaged(r->file, r->at, err);
	return LINE_FAILED;
}

/* What has not been taken, at the front of the buffer, and more behind it. */
static bool
fill_forwards(LineReader *r, ErrInfo *err)
{
	size_t left = r->len - r->pos;
	int64_t from = r->base + (int64_t) r->len;
	size_t more = (size_t) Min((int64_t) (BUFFER_SIZE - left), r->stop - from);

	memmove(r->buffer, r->buffer + r->pos, left);
	r->base += (int64_t) r->pos;
	r->pos = 0;
	r->len = left + more;
	return linefile_read(r->file, r->buffer + left, more, from, err);
}

static LineStatus
read_next(LineReader *r, const char **text, ErrInfo *err)
{
	uint8_t *start = r->buffer + r->pos;
	uint8_t *newline = memchr(start, '\n', r->len - r->pos);
	size_t pos;

	if (newline == NULL)
	{
		if (!fill_forwards(r, err))
			return LINE_FAILED;
		if (r->len == 0)
			return LINE_END;
		start = r->buffer;
		newline = memchr(start, '\n', r->len);
	}
	if (newline == NULL)
	{
		linefile_damaged(r->file, r->base, err);
		return LINE_FAILED;
	}
	pos = r->pos;
	r->pos = (size_t) (newline - r->buffer) + 1;
	return take_line(r, pos, r->pos - 1 - pos, text, err);
}

/* The buffer ends with the newline of the line before "at"; as much as fits. */
static bool
fill_backwards(LineReader *r, ErrInfo *err)
{
	r->len = (size_t) Min(r->at, (int64_t) BUFFER_SIZE);
	r->base = r->at - (int64_t) r->len;
	return linefile_read(r->file, r->buffer, r->len, r->base, err);
}

/* The newline before the one that stands at the end of len bytes. */
static uint8_t *
newline_before(LineReader *r, size_t len)
{
	return len > 0 ? memrchr(r->buffer, '\n', len - 1) : NULL;
}

static LineStatus
read_previous(LineReader *r, const char **text, ErrInfo *err)
{
	size_t len = (size_t) (r->at - r->base);
	uint8_t *newline;

	if (r->at <= r->file->first_len)
		return LINE_END;
	newline = newline_before(r, len);
	if (newline == NULL && r->base > 0)
	{
		if (!fill_backwards(r, err))
			return LINE_FAILED;
		len = r->len;
		newline = newline_before(r, len);
	}
	/* the first line is before it, so there is one */
	if (newline == NULL)
	{
		linefile_damaged(r->file, r->base, err);
		return LINE_FAILED;
	}
	newline++;
	return take_line(r, (size_t) (newline - r->buffer),
		len - 1 - (size_t) (newline - r->buffer), text, err);
}

static bool
read_each(
	LineReader *r, ReadLine read_line, LineTaker take, void *arg, ErrInfo *err)
{
	LineVerdict verdict = LINE_GO_ON;
	LineStatus status = LINE_OK;
	const char *text;

	r->buffer = mem_alloc(BUFFER_SIZE + 1);
	while (
		verdict == LINE_GO_ON && (status = read_line(r, &text, err)) == LINE_OK)
		verdict = take(arg, text);
	free(r->buffer);
	if (verdict == LINE_WRONG)
		return linefile_damaged(r->file, r->at, err);
	return status != LINE_FAILED;
}

bool
linereader_each(LineFile *file, LineTaker take, void *arg, ErrInfo *err)
{
	LineReader r = {
		.file = file,
		.stop = file->end,
		.base = Min(file->first_len, file->end),
	};

	return read_each(&r, read_next, take, arg, err);
}

bool
linereader_each_back(LineFile *file, LineTaker take, void *arg, ErrInfo *err)
{
	LineReader r = {.file = file, .base = file->end, .at = file->end};

	return read_each(&r, read_previous, take, arg, err);
}
