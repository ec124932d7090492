/*
 * reading.c
 *		Segments through the filter.  See reading.h.
 *
 * Damage must be told from the end of the WAL.  It may end in the last segment of
 * a timeline only, and there
 *
 *		with a page that has not been written since the file was made,
 *		with zeros to the end of a page where a record would begin, or
 *		with the file,
 *
 * and no page of it comes behind that in the segment.  All else that the filter does
 * not take is damage.
 *
 * A timeline begins in a copy of the segment that it branches off in.  The records
 * that both have are visited with the first of them; the filter has to see them
 * again, since the second one's segments are to be written too.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reading.h"
#include "util/mem.h"
#include "walcat.h"

/* Whole pages of any size. */
#define CHUNK (128 * 1024)

/* A record as another timeline may have it. */
typedef struct Seen
{
	Lsn lsn;
	TimeLineId tli;
	uint32_t crc;
} Seen;

typedef struct Reading
{
	const ReadingParams *params;
	const Segments *segments;
	WalFilter *filter;

	/* the timeline under way: its segments */
	size_t first;
	size_t end;
	bool is_shared; /* nothing but what an earlier timeline has, so far */
	bool stopped;   /* by the visitor */
	Lsn fill_end;   /* of the zeros behind the last segment switch */
	Lsn pushed;     /* the end of what the filter has got */

	/* of earlier timelines, what later ones may have too */
	Seen *seen;
	size_t seen_count;
	size_t seen_cap;
	size_t seen_next;
	Straddle *straddles;
	size_t straddle_count;

	uint8_t chunk[CHUNK];
} Reading;

/* Whether a later timeline begins in the segment that lsn is in. */
static bool
is_branched_off(const Reading *r, Lsn lsn)
{
	Lsn start = lsn_floor(lsn, r->segments->geometry.segment_size);

	for (size_t i = r->end; i < r->segments->count;
		 i += segments_run(r->segments, i))
	{
		if (r->segments->items[i].start == start)
			return true;
	}
	return false;
}

/*
 * Whether an earlier timeline has the same record.  What two have in common is one
 * run of records: the one that follows the last match is tried first.
 */
static bool
was_seen(Reading *r, Lsn lsn, uint32_t crc, TimeLineId tli)
{
	size_t i = r->seen_next;

	if (i < r->seen_count && r->seen[i].lsn == lsn && r->seen[i].crc == crc &&
		r->seen[i].tli != tli)
	{
		r->seen_next++;
		return true;
	}
	for (i = 0; i < r->seen_count; i++)
	{
		if (r->seen[i].lsn == lsn && r->seen[i].crc == crc &&
			r->seen[i].tli != tli)
		{
			r->seen_next = i + 1;
			return true;
		}
	}
	return false;
}

static void
note_seen(Reading *r, Lsn lsn, uint32_t crc, TimeLineId tli)
{
	if (r->seen_count == r->seen_cap)
	{
		r->seen_cap = Max(r->seen_cap * 2, 1024);
		r->seen = mem_realloc(r->seen, r->seen_cap * sizeof(Seen));
	}
	r->seen[r->seen_count++] = (Seen){.lsn = lsn, .tli = tli, .crc = crc};
}

static void
on_record(void *arg, Lsn lsn, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked)
{
	Reading *r = arg;
	TimeLineId tli = r->segments->items[r->first].tli;
	uint32_t size = r->segments->geometry.segment_size;

	if (head->rmid == RM_XLOG &&
		(head->info & WAL_INFO_RMGR_MASK) == XLOG_OP_SWITCH)
		r->fill_end = lsn_floor(lsn + head->total + size - 1, size);
	if (r->stopped)
		return;
	r->is_shared = r->is_shared && was_seen(r, lsn, head->crc, tli);
	if (is_branched_off(r, lsn))
		note_seen(r, lsn, head->crc, tli);
	if (!r->is_shared &&
		!r->params->visit(r->params->arg, lsn, head, subjects, blanked))
		r->stopped = true;
}

static bool
on_boundary(void *arg, Lsn boundary UNUSED, const Straddle *straddle,
	ErrInfo *err UNUSED)
{
	Reading *r = arg;

	if (straddle == NULL || !is_branched_off(r, boundary))
		return true;
	r->straddles =
		mem_realloc(r->straddles, (r->straddle_count + 1) * sizeof(Straddle));
	r->straddles[r->straddle_count++] = *straddle;
	return true;
}

/* What an earlier timeline has found out about the record that lsn lies in. */
static const Straddle *
find_straddle(const Reading *r, Lsn lsn)
{
	for (size_t i = r->straddle_count; i > 0; i--)
	{
		if (r->straddles[i - 1].boundary == lsn)
			return &r->straddles[i - 1];
	}
	return NULL;
}

/* The page at lsn, of one of the timeline's segments; *got is 0 behind them. */
static bool
read_page(Reading *r, Lsn lsn, size_t *got, ErrInfo *err)
{
	const WalGeometry *g = &r->segments->geometry;
	const Segment *segment;
	size_t i = r->first + (size_t) ((lsn - r->segments->items[r->first].start) /
									g->segment_size);
	bool ok;
	int fd;

	*got = 0;
	if (i >= r->end)
		return true;
	segment = &r->segments->items[i];
	fd = segments_open(segment, err);
	if (fd < 0)
		return false;
	ok = segments_read(segment, fd, (uint32_t) (lsn - segment->start), r->chunk,
		g->block_size, got, err);
	close(fd);
	return ok;
}

/*
 * The first segment may begin in the middle of a record.  *want is where that ends
 * and the next one may begin; with output, the pages up to there are put with
 * zeros in place of the record.
 */
static bool
pass_tail(Reading *r, Lsn start, Lsn *want, bool write, ErrInfo *err)
{
	const WalGeometry *g = &r->segments->geometry;
	Lsn page = start;

	for (;;)
	{
		PageHeader header;
		uint32_t size = page_header_size(g, page);
		size_t got;

		if (!read_page(r, page, &got, err))
			return false;
		*want = page;
		if (got < g->block_size ||
			segments_page_is_unused(r->segments, page, r->chunk, got))
			return true;
		if (!page_header_decode(r->chunk, page, g, &header, err))
			return false;
		if (header.rem_len == 0)
			return true;
		*want =
			MaxAlign(page + size + Min(header.rem_len, g->block_size - size));
		memset(r->chunk + size, 0, g->block_size - size);
		if (write &&
			!output_put(r->params->output, r->chunk, *want - page, err))
			return false;
		if (*want < page + g->block_size)
			return true;
		page += g->block_size;
	}
}

/* Begin in the middle of a record that nobody knows. */
static bool
start_behind_tail(Reading *r, Lsn start, ErrInfo *err)
{
	bool write = r->params->output != NULL;
	Lsn want;

	if (!pass_tail(r, start, &want, false, err))
		return false;
	if (want > start && write && !r->params->partial_start)
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"segment \"%s\" begins in the middle of a record, whose fate is "
			"not "
			"known",
			r->segments->items[r->first].name);
		return errinfo_hint(err,
			"Give the segment before it, too, or use --partial-start to write "
			"zeros in place of that record.");
	}
	if (want > start)
		walcat_note("first record is at " LSN_FORMAT
					" or behind it, skipping over %u bytes of one that began "
					"before " LSN_FORMAT,
			LSN_ARGS(want), (uint32_t) (want - start), LSN_ARGS(start));
	if (want > start && write && !pass_tail(r, start, &want, true, err))
		return false;
	filter_start(r->filter, start, want);
	r->pushed = start;
	return true;
}

static bool
take_ready(Reading *r, ErrInfo *err)
{
	size_t n;
	Lsn lsn;
	const uint8_t *bytes = filter_ready(r->filter, &n, &lsn);

	if (r->params->output != NULL && n > 0 &&
		!output_put(r->params->output, bytes, n, err))
		return false;
	filter_consume(r->filter, n);
	return true;
}

/* Where the filter stands: what lies behind is not ready, and never will be. */
static Lsn
ready_end(const Reading *r)
{
	size_t n;
	Lsn lsn;

	filter_ready(r->filter, &n, &lsn);
	return lsn + n;
}

/* It halted: because there are zeros where the next record would begin? */
static bool
ends_with_zeros(Reading *r, const Segment *segment, bool *is_end, ErrInfo *err)
{
	const WalGeometry *g = &r->segments->geometry;
	Lsn lsn = ready_end(r);
	Lsn page = lsn_floor(lsn, g->block_size);
	size_t at = Max((size_t) (lsn - page), page_header_size(g, page));
	size_t got;

	*is_end = false;
	if (lsn < segment->start || !read_page(r, page, &got, err))
		return lsn < segment->start;
	for (; at < got; at++)
	{
		if (r->chunk[at] != 0)
			return true;
	}
	*is_end = true;
	return true;
}

typedef enum PushResult
{
	PUSH_ON,
	PUSH_END,   /* of the WAL, in good order, or of what was asked for */
	PUSH_BLIND, /* nothing can be recognised here */
	PUSH_FAILED
} PushResult;

/* Of n bytes in the chunk from at on, how many have been written: whole pages. */
static size_t
used_part(const Reading *r, size_t at, size_t n)
{
	uint32_t block_size = r->segments->geometry.block_size;

	for (size_t used = 0; used < n; used += block_size)
	{
		if (segments_page_is_unused(r->segments, r->pushed + used,
				r->chunk + at + used, Min(n - used, block_size)))
			return used;
	}
	return n;
}

static PushResult
push_bytes(Reading *r, const Segment *segment, const uint8_t *bytes, size_t n,
	ErrInfo *err)
{
	bool is_end = false;
	ErrInfo why;
	Lsn lsn;

	memcpy(filter_room(r->filter, n, &lsn), bytes, n);
	switch (filter_push(r->filter, n, &why))
	{
		case FILTER_OK:
			r->pushed += n;
			return take_ready(r, err) ? PUSH_ON : PUSH_FAILED;
		case FILTER_LOOKBACK:
			return PUSH_BLIND;
		case FILTER_HALT:
			break;
	}
	if (segment == &r->segments->items[r->end - 1] &&
		!ends_with_zeros(r, segment, &is_end, err))
		return PUSH_FAILED;
	if (is_end)
		return take_ready(r, err) ? PUSH_END : PUSH_FAILED;
	*err = why;
	return PUSH_FAILED;
}

/* n bytes of the segment are in the chunk, those at r->pushed. */
static PushResult
push_chunk(Reading *r, const Segment *segment, size_t n, ErrInfo *err)
{
	bool is_last = segment == &r->segments->items[r->end - 1];
	PushResult result = PUSH_ON;
	size_t at = 0;

	while (result == PUSH_ON && at < n)
	{
		size_t part = n - at;

		if (is_last && r->pushed >= r->fill_end)
			part = used_part(r, at, part);
		if (part == 0)
			return PUSH_END;
		result = push_bytes(r, segment, r->chunk + at, part, err);
		at += part;
	}
	return r->stopped && result == PUSH_ON ? PUSH_END : result;
}

static PushResult
push_segment(Reading *r, const Segment *segment, ErrInfo *err)
{
	PushResult result = PUSH_ON;
	int fd = segments_open(segment, err);
	size_t got = 1;

	if (fd < 0)
		return PUSH_FAILED;
	while (result == PUSH_ON && got > 0 &&
		   r->pushed < segment->start + segment->size)
	{
		if (!segments_read(segment, fd, (uint32_t) (r->pushed - segment->start),
				r->chunk, sizeof(r->chunk), &got, err))
			result = PUSH_FAILED;
		else if (got > 0)
			result = push_chunk(r, segment, got, err);
	}
	close(fd);
	return result;
}

/* The segments from the i-th on, to the end of their timeline or its WAL. */
static PushResult
push_segments(Reading *r, size_t *i, ErrInfo *err)
{
	PushResult result = PUSH_ON;

	for (; *i < r->end && result == PUSH_ON; (*i)++)
		result = push_segment(r, &r->segments->items[*i], err);
	return result;
}

/*
 * Where the timeline begins in a record that an earlier one has in full, its fate
 * is known by that.
 */
static bool
start(Reading *r, size_t i, bool look, ErrInfo *err)
{
	Lsn lsn = r->segments->items[i].start;
	const Straddle *straddle = look ? find_straddle(r, lsn) : NULL;

	if (straddle == NULL)
		return start_behind_tail(r, lsn, err);
	filter_resume(r->filter, lsn, straddle);
	r->pushed = lsn;
	return true;
}

/* The end is worth a word if something lies behind it. */
static void
note_end(const Reading *r)
{
	const Segment *last = &r->segments->items[r->end - 1];
	Lsn lsn = ready_end(r);

	if (!r->stopped && lsn != last->start + r->segments->geometry.segment_size)
		walcat_note(
			"WAL of timeline %u ends at " LSN_FORMAT, last->tli, LSN_ARGS(lsn));
}

/*
 * Nothing can be recognised in a segment that begins within a segment switch, or
 * in a record that the branch does not go on with.
 */
static bool
skip_segment(Reading *r, size_t *i, bool *look, ErrInfo *err)
{
	const Segment *segment = &r->segments->items[r->first];

	if (*look && find_straddle(r, segment->start) != NULL)
	{
		*look = false;
		*i = r->first;
		return true;
	}
	if (r->params->output != NULL)
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"nothing can be recognised in segment \"%s\"", segment->name);
		return errinfo_hint(err, "Give the segment before it, too.");
	}
	walcat_note("skipping segment \"%s\", in which nothing can be recognised "
				"without the one before it",
		segment->name);
	*r->params->skipped = true;
	*look = true;
	*i = r->first + 1;
	return true;
}

/* The WAL has ended: is there more of it behind a hole? */
static bool
check_end(const Reading *r, ErrInfo *err)
{
	const Segment *last = &r->segments->items[r->end - 1];
	Lsn end = Max(ready_end(r), last->start);
	Lsn page;

	if (r->stopped || end >= r->params->end)
		return true;
	/* the rest of a record that is cut off may be there */
	if (!segments_find_page(
			r->segments, last, Max(end, r->pushed) + 1, &page, err))
		return false;
	if (page == InvalidLsn)
		return true;
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"WAL ends at " LSN_FORMAT ", but there is more at " LSN_FORMAT,
		LSN_ARGS(end), LSN_ARGS(page));
	return errinfo_hint(err,
		"If it is left from before a crash, use --end=" LSN_FORMAT ".",
		LSN_ARGS(end));
}

static bool
read_timeline(Reading *r, ErrInfo *err)
{
	PushResult result = PUSH_BLIND;
	bool look = true;
	size_t i = r->first;

	r->is_shared = r->first > 0;
	r->stopped = false;
	r->fill_end = InvalidLsn;
	if (r->params->output != NULL)
		output_begin(r->params->output, i);
	while (result == PUSH_BLIND && i < r->end)
	{
		r->first = i;
		if (!start(r, i, look, err))
			return false;
		result = push_segments(r, &i, err);
		if (result == PUSH_BLIND && !skip_segment(r, &i, &look, err))
			return false;
	}
	if (result == PUSH_FAILED || !check_end(r, err))
		return false;
	note_end(r);
	return r->params->output == NULL || output_end(r->params->output, err);
}

bool
reading_run(const ReadingParams *params, ErrInfo *err)
{
	Reading *r = mem_alloc0(sizeof(Reading));
	bool ok = true;

	r->params = params;
	r->segments = params->segments;
	r->filter = params->filter;
	filter_on_record(r->filter, on_record, r);
	filter_on_boundary(r->filter, on_boundary, r);
	while (ok && r->end < r->segments->count)
	{
		r->first = r->end;
		r->end += segments_run(r->segments, r->first);
		ok = read_timeline(r, err);
	}
	filter_on_record(r->filter, NULL, NULL);
	filter_on_boundary(r->filter, NULL, NULL);
	free(r->seen);
	free(r->straddles);
	free(r);
	return ok;
}
