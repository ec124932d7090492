/*
 * account.c
 *		A ledger in memory.  See account.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "util/mem.h"

#define SEGMENT_SIZE_MIN (UINT32_C(1) << 20)
#define SEGMENT_SIZE_MAX (UINT32_C(1) << 30)

/* One more element at the end of an array that has count of them. */
static void *
grow(void *items, size_t count, size_t size)
{
	/* at each power of two */
	return (count & (count - 1)) == 0
			   ? mem_realloc(items, Max(count * 2, 1) * size)
			   : items;
}

/* The stream that a session is at; NULL if it never began. */
static Stream *
find_stream(Account *a, const char *session)
{
	for (size_t i = a->stream_count; i > 0; i--)
	{
		if (strcmp(a->streams[i - 1].session, session) == 0)
			return &a->streams[i - 1];
	}
	return NULL;
}

static void
end_stream(Stream *stream, StreamState state, Lsn lsn)
{
	stream->state = state;
	stream->end = lsn;
}

static void
add_stream(Account *a, const LedgerLine *line)
{
	Stream *before = find_stream(a, line->session);
	Stream *stream;

	if (before != NULL && before->state == STREAM_OPEN)
		end_stream(before, STREAM_CHANGED, line->from);
	a->streams = grow(a->streams, a->stream_count, sizeof(Stream));
	stream = &a->streams[a->stream_count++];
	*stream = (Stream){
		.line = a->line_count,
		.from = line->from,
		.to = line->from,
		.tli = line->tli,
		.digest = line->digest,
	};
	memcpy(stream->session, line->session, sizeof(stream->session));
	memcpy(stream->time, line->time, sizeof(stream->time));
}

/* The start of a segment: segments cannot be larger than what divides it. */
static void
note_boundary(Account *a, Lsn lsn)
{
	uint64_t size = lsn & -lsn;

	if (size >= SEGMENT_SIZE_MIN && size < a->segment_size)
		a->segment_size = (uint32_t) size;
}

/* The last range of a stream, if it is from..to: another line of it follows. */
static Range *
find_range(const Account *a, size_t stream, Lsn from, Lsn to)
{
	for (size_t i = a->range_count; i > 0; i--)
	{
		Range *range = &a->ranges[i - 1];

		if (range->stream == stream)
			return range->from == from && range->to == to ? range : NULL;
	}
	return NULL;
}

static void
add_range(Account *a, const LedgerLine *line)
{
	Stream *stream = find_stream(a, line->session);
	Range *range;
	size_t at;

	if (stream == NULL)
		return;
	at = (size_t) (stream - a->streams);
	/* what a range that another one follows ends at is the start of a segment */
	if (stream->to == line->from && line->from > stream->from)
		note_boundary(a, line->from);
	stream->to = Max(stream->to, line->to);
	range = find_range(a, at, line->from, line->to);
	if (range == NULL)
	{
		a->ranges = grow(a->ranges, a->range_count, sizeof(Range));
		range = &a->ranges[a->range_count++];
		*range = (Range){
			.stream = at,
			.line = a->line_count,
			.from = line->from,
			.to = line->to,
		};
	}
	for (size_t i = 0; i < line->tally.count; i++)
	{
		const TallyCount *count = &line->tally.counts[i];

		if (a->database != InvalidOid && count->database == a->database)
		{
			range->kept_records += count->kept_records;
			range->kept_bytes += count->kept_bytes;
			range->blanked_records += count->blanked_records;
		}
	}
	tally_merge(&a->total, &line->tally);
}

static bool
on_line(void *arg, const LedgerLine *line)
{
	Account *a = arg;
	Stream *stream;

	a->line_count++;
	switch (line->kind)
	{
		case LEDGER_BEGIN:
			add_stream(a, line);
			break;
		case LEDGER_RANGE:
			add_range(a, line);
			break;
		case LEDGER_STRADDLE:
			note_boundary(a, line->from);
			break;
		case LEDGER_END:
			stream = find_stream(a, line->session);
			if (stream != NULL)
				end_stream(stream, STREAM_ENDED, line->from);
			break;
		case LEDGER_LACKS:
		case LEDGER_LEFT:
			break;
		case LEDGER_RESCOPE:
			a->rescopes = grow(a->rescopes, a->rescope_count, sizeof(Rescope));
			a->rescopes[a->rescope_count].line = a->line_count;
			memcpy(a->rescopes[a->rescope_count++].time, line->time,
				sizeof(line->time));
			break;
	}
	return true;
}

static int
compare_spans(const void *left, const void *right)
{
	const Span *a = left;
	const Span *b = right;

	return a->from != b->from ? (a->from < b->from ? -1 : 1)
							  : (a->to > b->to) - (a->to < b->to);
}

/* The union of the ranges. */
static void
unite(Account *a)
{
	size_t last = 0;

	if (a->range_count == 0)
		return;
	a->spans = mem_alloc(a->range_count * sizeof(Span));
	for (size_t i = 0; i < a->range_count; i++)
		a->spans[i] = (Span){a->ranges[i].from, a->ranges[i].to};
	qsort(a->spans, a->range_count, sizeof(Span), compare_spans);
	for (size_t i = 1; i < a->range_count; i++)
	{
		if (a->spans[i].from <= a->spans[last].to)
			a->spans[last].to = Max(a->spans[last].to, a->spans[i].to);
		else
			a->spans[++last] = a->spans[i];
	}
	a->span_count = last + 1;
}

bool
account_read(Account *a, const char *path, const Decisions *decisions,
	Oid database, uint32_t segment_size, ErrInfo *err)
{
	*a = (Account){
		.database = database,
		.decisions = decisions,
		.segment_size = SEGMENT_SIZE_MAX,
	};
	if (!ledger_read(path, &a->system_identifier, on_line, a, err))
		return false;
	if (segment_size != 0)
		a->segment_size = segment_size;
	unite(a);
	return true;
}

void
account_clear(Account *a)
{
	free(a->streams);
	free(a->ranges);
	free(a->rescopes);
	free(a->spans);
	tally_clear(&a->total);
}

Span
account_unwritten(const Account *a, const Stream *stream)
{
	Span span = {stream->to, Max(stream->to, stream->end)};

	if (stream->state == STREAM_OPEN)
		span.to = lsn_floor(stream->to, a->segment_size) + a->segment_size;
	return span;
}

/* Whether the standby was rebuilt between two lines of the ledger. */
static bool
is_rescoped(const Account *a, size_t from, size_t to)
{
	for (size_t i = 0; i < a->rescope_count; i++)
	{
		if (a->rescopes[i].line > from && a->rescopes[i].line < to)
			return true;
	}
	return false;
}

/* The journal forgets what was decided before a rescope. */
static bool
journal_knows(const Account *a, const Stream *stream)
{
	return a->decisions->exists && !is_rescoped(a, stream->line, SIZE_MAX);
}

static bool
was_out_from_the_first(const Account *a, const Stream *stream, Lsn lsn)
{
	const FirstDecision *first;

	if (a->database == InvalidOid || !journal_knows(a, stream))
		return false;
	first = decisions_find(a->decisions, SCOPE_DATABASE, a->database);
	return first != NULL && first->verdict == SCOPE_OUT && first->since <= lsn;
}

/* Whether the range tells what the stream did there. */
static bool
tells(const Account *a, const Stream *stream, const Range *range)
{
	const Stream *by = &a->streams[range->stream];

	if (by->tli != stream->tli)
		return false;
	if (a->database != InvalidOid && range->kept_records == 0 &&
		range->blanked_records == 0)
		return true;
	return range->line > stream->line && by->digest == stream->digest &&
		   !is_rescoped(a, stream->line, range->line) &&
		   (a->database == InvalidOid ||
			   (journal_knows(a, stream) && a->decisions->digest_count == 1 &&
				   a->decisions->digest == stream->digest));
}

bool
account_open_part(const Account *a, const Stream *stream, Span span, Span *part)
{
	Lsn lsn = span.from;

	while (lsn < span.to && !was_out_from_the_first(a, stream, lsn))
	{
		Lsn to = lsn;

		for (size_t i = 0; i < a->range_count; i++)
		{
			const Range *range = &a->ranges[i];

			if (range->from <= lsn && range->to > to && tells(a, stream, range))
				to = range->to;
		}
		if (to == lsn)
		{
			*part = (Span){lsn, span.to};
			return true;
		}
		lsn = to;
	}
	return false;
}

bool
account_gap(const Account *a, Span span, Span *gap)
{
	Lsn lsn = span.from;

	for (size_t i = 0; i < a->span_count && lsn < span.to; i++)
	{
		if (a->spans[i].to <= lsn)
			continue;
		if (a->spans[i].from > lsn)
		{
			*gap = (Span){lsn, Min(a->spans[i].from, span.to)};
			return true;
		}
		lsn = a->spans[i].to;
	}
	*gap = (Span){lsn, span.to};
	return lsn < span.to;
}
