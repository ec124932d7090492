/*
 * history.c
 *		Timelines.  See history.h.
 */
#include "base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wal/history.h"

/* The longest line that is looked at; what follows is the reason, for people. */
#define LINE_MAX_LEN 64

static bool
bad_line(TimeLineId tli, const char *line, ErrInfo *err)
{
	errinfo_set(
		err, SQLSTATE_DATA_CORRUPTED, "invalid history of timeline %u", tli);
	return errinfo_detail(err, "Unexpected: \"%s\".", line);
}

/* "TLI X/X REASON"; blank lines and comments are none. */
static bool
parse_line(History *h, const char *line, ErrInfo *err)
{
	HistoryAncestor *last = h->count > 0 ? &h->ancestors[h->count - 1] : NULL;
	char lsn_text[LSN_TEXT_SIZE];
	unsigned tli;
	Lsn end;

	line += strspn(line, " \t\r");
	if (*line == '\0' || *line == '#')
		return true;
	if (!isdigit((unsigned char) *line) ||
		sscanf(line, "%10u%*[ \t]%17[0-9A-Fa-f/]", &tli, lsn_text) != 2 ||
		!lsn_parse(lsn_text, &end) || tli == 0 || tli >= h->tli ||
		(last != NULL && (tli <= last->tli || end < last->end)))
		return bad_line(h->tli, line, err);
	if (h->count == HISTORY_ANCESTORS_MAX)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"timeline %u has more than %d ancestors", h->tli,
			HISTORY_ANCESTORS_MAX);
	h->ancestors[h->count++] = (HistoryAncestor){.tli = tli, .end = end};
	return true;
}

bool
history_parse(
	History *h, TimeLineId tli, const char *text, size_t len, ErrInfo *err)
{
	const char *end = text + len;

	h->tli = tli;
	h->count = 0;
	while (text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t line_len = (size_t) ((newline != NULL ? newline : end) - text);
		char line[LINE_MAX_LEN];

		snprintf(line, sizeof(line), "%.*s",
			(int) Min(line_len, sizeof(line) - 1), text);
		if (!parse_line(h, line, err))
			return false;
		text = newline != NULL ? newline + 1 : end;
	}
	return true;
}

/* Its place among the ancestors; count is the latest, -1 none. */
static int
find(const History *h, TimeLineId tli)
{
	for (size_t i = 0; i < h->count; i++)
	{
		if (h->ancestors[i].tli == tli)
			return (int) i;
	}
	return tli == h->tli && tli != 0 ? (int) h->count : -1;
}

bool
history_end(const History *h, TimeLineId tli, Lsn *end)
{
	int i = find(h, tli);

	if (i < 0)
		return false;
	*end = (size_t) i < h->count ? h->ancestors[i].end : UINT64_MAX;
	return true;
}

Lsn
history_begin(const History *h, TimeLineId tli)
{
	int i = find(h, tli);

	return i > 0 ? h->ancestors[i - 1].end : 0;
}

TimeLineId
history_next(const History *h, TimeLineId tli)
{
	size_t next = (size_t) (find(h, tli) + 1);

	return next < h->count ? h->ancestors[next].tli : h->tli;
}

TimeLineId
history_at(const History *h, Lsn lsn)
{
	for (size_t i = 0; i < h->count; i++)
	{
		if (lsn < h->ancestors[i].end)
			return h->ancestors[i].tli;
	}
	return h->tli;
}

void
history_file_name(TimeLineId tli, char name[HISTORY_FILE_NAME_SIZE])
{
	snprintf(name, HISTORY_FILE_NAME_SIZE, "%08X.history", tli);
}
