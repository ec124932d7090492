/*
 * ledgerline.c
 *		The lines of a ledger.  See ledgerline.h.
 */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/ledgerline.h"
#include "util/monotime.h"

/* " DB:KR:KB:BR:BB" at its longest, and some room */
#define COUNT_TEXT_MAX 128

/* ---- writing ---- */

void
ledgerline_add_begin(LineFile *file, const char *session, Lsn lsn,
	TimeLineId tli, uint64_t digest)
{
	char now[MONOTIME_STAMP_SIZE];

	monotime_stamp(now);
	linefile_add(file, "begin %s " LSN_FORMAT " %u %016" PRIx64 " %s", session,
		LSN_ARGS(lsn), tli, digest, now);
}

/* A "range" line with the counts from *next on, as many as it takes. */
static void
add_range(LineFile *file, const char *session, Lsn from, Lsn to,
	const Tally *tally, size_t *next)
{
	char text[LINEFILE_TEXT_MAX + 1];
	size_t len = (size_t) snprintf(text, sizeof(text),
		"range %s " LSN_FORMAT " " LSN_FORMAT, session, LSN_ARGS(from),
		LSN_ARGS(to));

	for (; *next < tally->count && len + COUNT_TEXT_MAX < sizeof(text);
		 (*next)++)
	{
		const TallyCount *count = &tally->counts[*next];

		len += (size_t) snprintf(text + len, sizeof(text) - len,
			" %u:%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64, count->database,
			count->kept_records, count->kept_bytes, count->blanked_records,
			count->blanked_bytes);
	}
	linefile_add(file, "%s", text);
}

void
ledgerline_add_range(
	LineFile *file, const char *session, Lsn from, Lsn to, const Tally *tally)
{
	size_t next = 0;

	do
		add_range(file, session, from, to, tally, &next);
	while (next < tally->count);
}

void
ledgerline_add_straddle(LineFile *file, const char *session, const Straddle *s)
{
	linefile_add(file,
		"straddle %s " LSN_FORMAT " %u " LSN_FORMAT " %u %u " LSN_FORMAT " %s",
		session, LSN_ARGS(s->boundary), s->tli, LSN_ARGS(s->record), s->total,
		s->xid, LSN_ARGS(s->prev), s->blanked ? "blanked" : "kept");
}

void
ledgerline_add_end(LineFile *file, const char *session, Lsn lsn)
{
	char now[MONOTIME_STAMP_SIZE];

	monotime_stamp(now);
	linefile_add(file, "end %s " LSN_FORMAT " %s", session, LSN_ARGS(lsn), now);
}

void
ledgerline_add_lack(LineFile *file, const Lack *lack)
{
	linefile_add(file, "lacks %s %u " LSN_FORMAT,
		walscope_kind_name(lack->kind), lack->oid, LSN_ARGS(lack->since));
}

void
ledgerline_add_left(LineFile *file)
{
	char now[MONOTIME_STAMP_SIZE];

	monotime_stamp(now);
	linefile_add(file, "left %s", now);
}

void
ledgerline_add_rescope(LineFile *file)
{
	char now[MONOTIME_STAMP_SIZE];

	monotime_stamp(now);
	linefile_add(file, "rescope %s", now);
}

/* ---- reading ---- */

/* "SESSION LSN" and what follows; NULL if it is not that. */
static const char *
parse_front(const char *text, LedgerLine *line)
{
	char lsn[LSN_TEXT_SIZE];
	int len = 0;

	if (sscanf(text, "%39s %17s%n", line->session, lsn, &len) != 2 ||
		!lsn_parse(lsn, &line->from))
		return NULL;
	line->to = line->from;
	return text + len;
}

static bool
parse_time(const char *text, LedgerLine *line)
{
	while (*text == ' ')
		text++;
	snprintf(line->time, sizeof(line->time), "%s", text);
	return line->time[0] != '\0';
}

static bool
parse_begin(const char *text, LedgerLine *line)
{
	const char *rest = parse_front(text, line);
	int len = 0;

	return rest != NULL &&
		   sscanf(rest, " %" SCNu32 " %" SCNx64 "%n", &line->tli, &line->digest,
			   &len) == 2 &&
		   parse_time(rest + len, line);
}

static bool
parse_end(const char *text, LedgerLine *line)
{
	const char *rest = parse_front(text, line);

	return rest != NULL && parse_time(rest, line);
}

/* One number, with the character behind it. */
static bool
parse_number(const char **text, char end, uint64_t *number)
{
	char *stop;

	errno = 0;
	if (**text < '0' || **text > '9')
		return false;
	*number = strtoull(*text, &stop, 10);
	if (errno != 0 || (*stop != end && (end != ' ' || *stop != '\0')))
		return false;
	*text = *stop == '\0' ? stop : stop + 1;
	return true;
}

/* "DB:KR:KB:BR:BB ...", ascending by database. */
static bool
parse_counts(const char *text, Tally *tally)
{
	while (*text != '\0')
	{
		TallyCount count;
		uint64_t database;
		Tally one = {.counts = &count, .count = 1};

		if (!parse_number(&text, ':', &database) || database > UINT32_MAX ||
			!parse_number(&text, ':', &count.kept_records) ||
			!parse_number(&text, ':', &count.kept_bytes) ||
			!parse_number(&text, ':', &count.blanked_records) ||
			!parse_number(&text, ' ', &count.blanked_bytes))
			return false;
		count.database = (Oid) database;
		tally_merge(tally, &one);
	}
	return true;
}

static bool
parse_range(const char *text, LedgerLine *line)
{
	const char *rest = parse_front(text, line);
	char to[LSN_TEXT_SIZE];
	int len = 0;

	if (rest == NULL || sscanf(rest, " %17s%n", to, &len) != 1 ||
		!lsn_parse(to, &line->to))
		return false;
	rest += len;
	return *rest == '\0' || parse_counts(rest + 1, &line->tally);
}

static bool
parse_straddle(const char *text, LedgerLine *line)
{
	Straddle *s = &line->straddle;
	const char *rest = parse_front(text, line);
	char record[LSN_TEXT_SIZE];
	char prev[LSN_TEXT_SIZE];
	char fate[8];

	if (rest == NULL ||
		sscanf(rest, " %" SCNu32 " %17s %" SCNu32 " %" SCNu32 " %17s %7s",
			&s->tli, record, &s->total, &s->xid, prev, fate) != 6 ||
		!lsn_parse(record, &s->record) || !lsn_parse(prev, &s->prev) ||
		(strcmp(fate, "kept") != 0 && strcmp(fate, "blanked") != 0))
		return false;
	s->boundary = line->from;
	s->blanked = fate[0] == 'b';
	line->tli = s->tli;
	return true;
}

static bool
parse_lack(const char *text, LedgerLine *line)
{
	char kind[16];
	char since[LSN_TEXT_SIZE];

	if (sscanf(text, "%15s %" SCNu32 " %17s", kind, &line->lack.oid, since) !=
			3 ||
		!lsn_parse(since, &line->lack.since))
		return false;
	line->from = line->to = line->lack.since;
	for (int i = 0; i < SCOPE_KIND_COUNT; i++)
	{
		line->lack.kind = (ScopeKind) i;
		if (strcmp(kind, walscope_kind_name(line->lack.kind)) == 0)
			return true;
	}
	return false;
}

typedef struct LineType
{
	const char *word;
	bool (*parse)(const char *text, LedgerLine *line);
} LineType;

static const LineType line_types[] = {
	[LEDGER_BEGIN] = {"begin ", parse_begin},
	[LEDGER_RANGE] = {"range ", parse_range},
	[LEDGER_STRADDLE] = {"straddle ", parse_straddle},
	[LEDGER_END] = {"end ", parse_end},
	[LEDGER_LACKS] = {"lacks ", parse_lack},
	[LEDGER_LEFT] = {"left ", parse_time},
	[LEDGER_RESCOPE] = {"rescope ", parse_time},
};

bool
ledgerline_parse(const char *text, LedgerLine *line)
{
	for (size_t i = 0; i < lengthof(line_types); i++)
	{
		size_t len = strlen(line_types[i].word);

		if (strncmp(text, line_types[i].word, len) == 0)
		{
			line->kind = (LedgerLineKind) i;
			return line_types[i].parse(text + len, line);
		}
	}
	return false;
}

bool
ledgerline_is(const char *text, LedgerLineKind kind)
{
	const char *word = line_types[kind].word;

	return strncmp(text, word, strlen(word)) == 0;
}

bool
ledgerline_parse_straddle_at(const char *text, Lsn boundary, LedgerLine *line)
{
	char wanted[LSN_TEXT_SIZE + 2];
	const char *after_session;

	if (!ledgerline_is(text, LEDGER_STRADDLE))
		return false;
	snprintf(wanted, sizeof(wanted), " " LSN_FORMAT " ", LSN_ARGS(boundary));
	after_session = strchr(text + 9, ' ');
	return after_session != NULL &&
		   strncmp(after_session, wanted, strlen(wanted)) == 0 &&
		   ledgerline_parse(text, line);
}
