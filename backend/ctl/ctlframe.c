/*
 * ctlframe.c
 *		What walbouncerctl top shows in one round.  See ctlframe.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctlframe.h"
#include "ctl/ctlpen.h"
#include "ctl/human.h"
#include "util/mem.h"

#define ALARMS_MAX 3
#define HEAD_INDENT 10  /* of what the line of an error has no room for */
#define ALARM_INDENT 12 /* the same of an alarm */
#define CELL_MAX 64
#define UNKNOWN "-"

/* ---- values ---- */

/* NULL if it is not known. */
static const char *
value_at(const PGresult *result, int row, const char *column)
{
	int i = PQfnumber(result, column);

	if (i < 0 || row >= PQntuples(result) || PQgetisnull(result, row, i))
		return NULL;
	return PQgetvalue(result, row, i);
}

static const char *
text_at(const PGresult *result, int row, const char *column)
{
	const char *text = value_at(result, row, column);

	return text != NULL ? text : UNKNOWN;
}

static bool
int_at(const PGresult *result, int row, const char *column, int64_t *value)
{
	const char *text = value_at(result, row, column);

	if (text == NULL)
		return false;
	*value = strtoll(text, NULL, 10);
	return true;
}

static void
bytes_at(
	const PGresult *result, int row, const char *column, char text[HUMAN_SIZE])
{
	int64_t bytes;

	strcpy(text, UNKNOWN);
	if (int_at(result, row, column, &bytes))
		human_bytes(bytes, text);
}

/* Bytes a second, from a counter; false if it is not known. */
static bool
rate_of(int64_t now, int64_t before, int64_t elapsed_ms, int64_t *rate)
{
	/* another process counts from zero again */
	if (elapsed_ms <= 0 || now < before)
		return false;
	*rate = (now - before) * 1000 / elapsed_ms;
	return true;
}

static void
format_rate(bool known, int64_t rate, char text[CELL_MAX])
{
	char bytes[HUMAN_SIZE];

	strcpy(text, UNKNOWN);
	if (!known)
		return;
	human_bytes(rate, bytes);
	snprintf(text, CELL_MAX, "%s/s", bytes);
}

/* ---- the head ---- */

static PenColour
upstream_colour(const char *state)
{
	return strcmp(state, "streaming") == 0 ? PEN_GREEN : PEN_RED;
}

static void
draw_upstream(Pen *pen, const FrameData *now, const FrameData *before)
{
	const PGresult *view = now->views[FRAME_UPSTREAM];
	const char *state = text_at(view, 0, "state");
	const char *error = value_at(view, 0, "last_error");
	int64_t bytes;
	int64_t old;
	int64_t rate = 0;
	char text[CELL_MAX];
	bool known =
		before != NULL && int_at(view, 0, "received_bytes", &bytes) &&
		int_at(before->views[FRAME_UPSTREAM], 0, "received_bytes", &old) &&
		rate_of(bytes, old, now->time_ms - before->time_ms, &rate);

	format_rate(known, rate, text);
	pen_text(pen, PEN_BOLD, "upstream  ");
	pen_text(pen, upstream_colour(state), state);
	pen_format(pen, PEN_PLAIN, "  %s:%s  timeline %s  received %s  %s",
		text_at(view, 0, "host"), text_at(view, 0, "port"),
		text_at(view, 0, "timeline"), text_at(view, 0, "received_lsn"), text);
	if (error != NULL && strcmp(state, "streaming") != 0)
	{
		pen_text(pen, PEN_PLAIN, "  ");
		pen_wrapped(pen, PEN_RED, HEAD_INDENT, error);
	}
	pen_end_line(pen);
}

static void
draw_ring(Pen *pen, const FrameData *now)
{
	const PGresult *view = now->views[FRAME_RING];
	char bytes[HUMAN_SIZE];
	char size[HUMAN_SIZE];

	bytes_at(view, 0, "bytes", bytes);
	bytes_at(view, 0, "size", size);
	pen_text(pen, PEN_BOLD, "ring      ");
	pen_format(pen, PEN_PLAIN, "%s of %s  %s .. %s", bytes, size,
		text_at(view, 0, "tail_lsn"), text_at(view, 0, "head_lsn"));
	pen_end_line(pen);
}

static void
draw_spool(Pen *pen, const FrameData *now)
{
	const PGresult *view = now->views[FRAME_SPOOL];
	const char *state = text_at(view, 0, "state");
	const char *reason = value_at(view, 0, "reason");
	char bytes[HUMAN_SIZE];
	char size[HUMAN_SIZE];
	char lag[HUMAN_SIZE];
	char available[HUMAN_SIZE];

	pen_text(pen, PEN_BOLD, "spool     ");
	pen_text(pen, strcmp(state, "waiting") == 0 ? PEN_RED : PEN_PLAIN, state);
	if (strcmp(state, "off") != 0)
	{
		bytes_at(view, 0, "bytes", bytes);
		bytes_at(view, 0, "size_limit", size);
		bytes_at(view, 0, "lag_bytes", lag);
		bytes_at(view, 0, "free_bytes", available);
		pen_format(pen, PEN_PLAIN, "  %s of %s  %s behind  %s free on disk",
			bytes, size, lag, available);
	}
	if (reason != NULL)
		pen_format(pen, PEN_RED, "  %s", reason);
	pen_end_line(pen);
}

static PenColour
alarm_colour(const char *severity)
{
	return strcmp(severity, "critical") == 0 ? PEN_RED : PEN_YELLOW;
}

static void
draw_alarms(Pen *pen, const FrameData *now)
{
	const PGresult *view = now->views[FRAME_ALARMS];
	int count = PQntuples(view);

	pen_text(pen, PEN_BOLD, "alarms    ");
	pen_format(pen, count > 0 ? PEN_YELLOW : PEN_PLAIN, "%d", count);
	pen_end_line(pen);
	for (int row = 0; row < Min(count, ALARMS_MAX); row++)
	{
		const char *severity = text_at(view, row, "severity");
		const char *name = value_at(view, row, "name");

		pen_format(pen, alarm_colour(severity), "  %s  %s%s%s: ", severity,
			text_at(view, row, "source"), name != NULL ? " " : "",
			name != NULL ? name : "");
		pen_wrapped(pen, alarm_colour(severity), ALARM_INDENT,
			text_at(view, row, "message"));
		pen_end_line(pen);
	}
}

/* ---- the standbys ---- */

/* One of them, as it is sorted. */
typedef struct Line
{
	int row;
	bool lag_known;
	int64_t lag;
	const char *time; /* the column with the time of that lag; NULL: none */
} Line;

typedef struct Cell
{
	const char *head;
	int width; /* negative: to the left */
} Cell;

/* What a narrow terminal cuts off comes last: all up to SOURCE fit into 80. */
enum
{
	CELL_NAME,
	CELL_STATE,
	CELL_LAG,
	CELL_TIME,
	CELL_RATE,
	CELL_SOURCE,
	CELL_RULE,
	CELL_SENT,
	CELL_COUNT
};

static const Cell cells[CELL_COUNT] = {
	[CELL_NAME] = {"STANDBY", -18},
	[CELL_STATE] = {"STATE", -9},
	[CELL_LAG] = {"LAG", 8},
	[CELL_TIME] = {"TIME", 8},
	[CELL_RATE] = {"RATE", 10},
	[CELL_SOURCE] = {"SOURCE", -8},
	[CELL_RULE] = {"RULE", -12},
	[CELL_SENT] = {"SENT", -17},
};

/* What a receiver does not tell, the next best says: it does not replay. */
static const struct
{
	const char *bytes;
	const char *time; /* of the same; NULL: there is none */
} lags[] = {{"replay_lag_bytes", "replay_lag"},
	{"flush_lag_bytes", "flush_lag"}, {"write_lag_bytes", "write_lag"},
	{"sent_lag_bytes", NULL}};

static PenColour
state_colour(const char *state)
{
	if (strcmp(state, "streaming") == 0)
		return PEN_GREEN;
	if (strcmp(state, "halted") == 0 || strcmp(state, "stalled") == 0)
		return PEN_RED;
	return PEN_YELLOW;
}

/* The row of the same process in another round, or -1. */
static int
find_pid(const PGresult *view, const char *pid)
{
	for (int row = 0; row < PQntuples(view); row++)
	{
		if (strcmp(text_at(view, row, "pid"), pid) == 0)
			return row;
	}
	return -1;
}

static void
format_sent_rate(
	const FrameData *now, const FrameData *before, int row, char text[CELL_MAX])
{
	const PGresult *view = now->views[FRAME_STANDBYS];
	int64_t sent;
	int64_t old_sent;
	int64_t rate = 0;
	int old = before == NULL ? -1
							 : find_pid(before->views[FRAME_STANDBYS],
								   text_at(view, row, "pid"));
	bool known =
		old >= 0 && int_at(view, row, "sent_bytes", &sent) &&
		int_at(before->views[FRAME_STANDBYS], old, "sent_bytes", &old_sent) &&
		rate_of(sent, old_sent, now->time_ms - before->time_ms, &rate);

	format_rate(known, rate, text);
}

static void
format_time(
	const PGresult *view, int row, const char *column, char text[CELL_MAX])
{
	const char *value = column != NULL ? value_at(view, row, column) : NULL;

	strcpy(text, UNKNOWN);
	if (value != NULL)
		human_seconds(strtod(value, NULL), text);
}

/* Why it does not stream, or what else is to be said of it. */
static const char *
remark(const PGresult *view, int row)
{
	const char *text = value_at(view, row, "reason");

	if (text == NULL)
		text = value_at(view, row, "alarm");
	return text != NULL ? text : "";
}

static const char *
name_of(const PGresult *view, int row)
{
	const char *name = value_at(view, row, "application_name");

	return name != NULL && name[0] != '\0' ? name
										   : text_at(view, row, "usename");
}

static void
draw_standby(
	Pen *pen, const FrameData *now, const FrameData *before, const Line *line)
{
	const PGresult *view = now->views[FRAME_STANDBYS];
	int row = line->row;
	const char *state = text_at(view, row, "state");
	char lag[CELL_MAX] = UNKNOWN;
	char seconds[CELL_MAX];
	char rate[CELL_MAX];
	const char *const texts[CELL_COUNT] = {
		[CELL_NAME] = name_of(view, row),
		[CELL_RULE] = text_at(view, row, "rule"),
		[CELL_STATE] = state,
		[CELL_SOURCE] = text_at(view, row, "source"),
		[CELL_SENT] = text_at(view, row, "sent_lsn"),
		[CELL_LAG] = lag,
		[CELL_TIME] = seconds,
		[CELL_RATE] = rate,
	};

	if (line->lag_known)
		human_bytes(line->lag, lag);
	format_time(view, row, line->time, seconds);
	format_sent_rate(now, before, row, rate);
	for (int i = 0; i < CELL_COUNT; i++)
	{
		pen_cell(pen, i == CELL_STATE ? state_colour(state) : PEN_PLAIN,
			cells[i].width, texts[i]);
		pen_text(pen, PEN_PLAIN, "  ");
	}
	pen_text(pen, PEN_RED, remark(view, row));
	pen_end_line(pen);
}

static int
compare_lines(const void *a, const void *b)
{
	const Line *one = a;
	const Line *two = b;

	if (one->lag_known != two->lag_known)
		return one->lag_known ? -1 : 1;
	if (one->lag != two->lag)
		return one->lag > two->lag ? -1 : 1;
	return one->row - two->row;
}

static Line
line_of(const PGresult *view, int row)
{
	Line line = {.row = row};

	for (size_t i = 0; i < lengthof(lags) && !line.lag_known; i++)
	{
		line.lag_known = int_at(view, row, lags[i].bytes, &line.lag);
		line.time = lags[i].time;
	}
	return line;
}

/* Those that are farthest behind come first.  malloc'd. */
static Line *
sort_standbys(const PGresult *view)
{
	int count = PQntuples(view);
	Line *lines = mem_alloc0(sizeof(Line) * (size_t) Max(count, 1));

	for (int row = 0; row < count; row++)
		lines[row] = line_of(view, row);
	qsort(lines, (size_t) count, sizeof(Line), compare_lines);
	return lines;
}

static void
draw_standbys(Pen *pen, const FrameData *now, const FrameData *before)
{
	const PGresult *view = now->views[FRAME_STANDBYS];
	int count = PQntuples(view);
	Line *lines = sort_standbys(view);
	int shown = 0;

	for (int i = 0; i < CELL_COUNT; i++)
	{
		pen_cell(pen, PEN_BOLD, cells[i].width, cells[i].head);
		pen_text(pen, PEN_PLAIN, "  ");
	}
	pen_end_line(pen);
	/* the last line is for those that there is no room for */
	while (shown < count && (shown + 1 == count || pen_lines_left(pen) > 1) &&
		   pen_lines_left(pen) > 0)
		draw_standby(pen, now, before, &lines[shown++]);
	if (shown < count && pen_lines_left(pen) > 0)
	{
		pen_format(pen, PEN_PLAIN, "and %d more", count - shown);
		pen_end_line(pen);
	}
	free(lines);
}

/* ---- all of it ---- */

const char *
ctlframe_view_name(FrameView view)
{
	static const char *const names[FRAME_VIEW_COUNT] = {
		[FRAME_UPSTREAM] = "UPSTREAM",
		[FRAME_RING] = "RING",
		[FRAME_SPOOL] = "SPOOL",
		[FRAME_STANDBYS] = "STANDBYS",
		[FRAME_ALARMS] = "ALARMS",
	};

	return names[view];
}

void
ctlframe_draw(Buf *out, const FrameData *now, const FrameData *before,
	const PenPaper *paper)
{
	Pen pen;

	pen_init(&pen, out, paper);
	draw_upstream(&pen, now, before);
	draw_ring(&pen, now);
	draw_spool(&pen, now);
	draw_alarms(&pen, now);
	pen_end_line(&pen);
	draw_standbys(&pen, now, before);
}

void
ctlframe_draw_error(Buf *out, const ErrInfo *err, const PenPaper *paper)
{
	Pen pen;

	pen_init(&pen, out, paper);
	pen_text(&pen, PEN_RED, err->message);
	pen_end_line(&pen);
	pen_text(&pen, PEN_PLAIN, err->detail);
	pen_end_line(&pen);
}
