/*
 * test_ctlframe.c
 *		What walbouncerctl prints: numbers for people, tables, JSON, the frames of
 *		top, and nothing that a name could do to a terminal.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctlframe.h"
#include "ctl/ctloutput.h"
#include "ctl/human.h"
#include "pq/message.h"
#include "util/mem.h"

#define OUT_MAX 65536

/* A result of text columns "name:type", and values; NULL is NULL. */
static PGresult *
result_of(int columns, const char *const *names, const Oid *types, int rows,
	const char *const *values)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc *desc = mem_alloc0(sizeof(PGresAttDesc) * (size_t) columns);

	for (int i = 0; i < columns; i++)
	{
		desc[i].name = (char *) (uintptr_t) names[i];
		desc[i].typid = types != NULL ? types[i] : TYPE_TEXT;
	}
	assert_true(PQsetResultAttrs(result, columns, desc));
	for (int i = 0; i < rows * columns; i++)
	{
		/* it copies, though it does not say so */
		char *value = (char *) (uintptr_t) values[i];

		assert_true(PQsetvalue(result, i / columns, i % columns, value,
			value != NULL ? (int) strlen(value) : -1));
	}
	free(desc);
	return result;
}

/* What is in the buffer, which is emptied; good until the next call. */
static const char *
taken(Buf *out)
{
	static char text[OUT_MAX];

	assert_false(out->failed);
	assert_true(out->len < sizeof(text));
	memcpy(text, out->data, out->len);
	text[out->len] = '\0';
	buf_clear(out);
	return text;
}

static void
bytes_are_short(void **state UNUSED)
{
	static const struct
	{
		int64_t bytes;
		const char *text;
	} rows[] = {
		{-5, "0 B"},
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 kB"},
		{1536, "1.5 kB"},
		{10188, "9.9 kB"},
		{10189, "10 kB"},
		{1048063, "1023 kB"},
		{1048064, "1.0 MB"},
		{64 << 20, "64 MB"},
		{INT64_C(5) << 30, "5.0 GB"},
		{INT64_C(3) << 40, "3.0 TB"},
		{INT64_MAX, "8192 PB"},
	};
	char text[HUMAN_SIZE];

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		human_bytes(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
times_are_short(void **state UNUSED)
{
	static const struct
	{
		double seconds;
		const char *text;
	} rows[] = {
		{-1, "0.00 s"},
		{0.004, "0.00 s"},
		{0.125, "0.12 s"},
		{9.94, "9.94 s"},
		{9.96, "10 s"},
		{59.4, "59 s"},
		{59.6, "1.0 min"},
		{90, "1.5 min"},
		{7200, "2.0 h"},
		{86400 * 3, "3.0 d"},
		{1e300, "11574 d"},
	};
	char text[HUMAN_SIZE];

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		human_seconds(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
control_characters_are_shown(void **state UNUSED)
{
	static const struct
	{
		const char *text;
		const char *shown;
	} rows[] = {
		{"plain", "plain"},
		{"\033[2J", "\\x1b[2J"},
		{"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
		{"\x7f", "\\x7f"},
		{"\xc3\xa4", "\xc3\xa4"},
		{"\xc2\x9b"
		 "1m",
			"\\x9b1m"}, /* CSI in one character */
		{"\xc2", "\xc2"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Buf out;

		buf_init(&out, OUT_MAX);
		ctloutput_put(&out, rows[i].text);
		assert_string_equal(taken(&out), rows[i].shown);
	}
	assert_int_equal(ctloutput_width("\xc3\xa4\033"), 5);
}

static void
json_has_types(void **state UNUSED)
{
	static const char *const names[] = {"t", "i", "b", "f", "l", "n", "ts"};
	static const Oid types[] = {TYPE_TEXT, TYPE_INT8, TYPE_BOOL, TYPE_FLOAT8,
		TYPE_LSN, TYPE_INT4, TYPE_TIMESTAMPTZ};
	static const char *const values[] = {"a\"\\\n\xc3\xa4\xff",
		"9223372036854775807", "t", "0.25", "0/3000060", NULL,
		"2026-01-01 00:00:00+00", "", "-1", "f", "NaN", "0/0", "7", NULL};
	PGresult *result = result_of(7, names, types, 2, values);
	PGresult *empty = result_of(7, names, types, 0, values);
	Buf out;

	buf_init(&out, OUT_MAX);
	ctloutput_json(result, &out);
	assert_string_equal(taken(&out),
		"[{\"t\":\"a\\\"\\\\\\n\xc3\xa4\xef\xbf\xbd\",\"i\":"
		"9223372036854775807,"
		"\"b\":true,\"f\":0.25,\"l\":\"0/3000060\",\"n\":null,"
		"\"ts\":\"2026-01-01 00:00:00+00\"},"
		"{\"t\":\"\",\"i\":-1,\"b\":false,\"f\":\"NaN\",\"l\":\"0/0\",\"n\":7,"
		"\"ts\":null}]\n");
	ctloutput_json(empty, &out);
	assert_string_equal(taken(&out), "[]\n");
	PQclear(result);
	PQclear(empty);
}

/* ---- top ---- */

static const char *const upstream_names[] = {"state", "host", "port",
	"timeline", "received_lsn", "received_bytes", "last_error"};
static const char *const ring_names[] = {
	"size", "tail_lsn", "head_lsn", "bytes"};
static const char *const spool_names[] = {
	"state", "bytes", "size_limit", "lag_bytes", "free_bytes", "reason"};
static const char *const standby_names[] = {"pid", "rule", "usename",
	"application_name", "state", "source", "sent_lsn", "sent_lag_bytes",
	"replay_lag_bytes", "replay_lag", "sent_bytes", "reason"};
static const char *const alarm_names[] = {
	"severity", "source", "name", "message"};

static const char *const upstream_values[] = {
	"streaming", "primary", "5432", "3", "0/3000060", "10485760", NULL};
static const char *const ring_values[] = {
	"67108864", "0/1000000", "0/3000060", "33554528"};
static const char *const spool_values[] = {
	"writing", "1048576", "1073741824", "0", "10737418240", NULL};
static const char *const standby_values[] = {"1", "berlin", "u", "near",
	"streaming", "ring", "0/3000060", "0", "100", "0.01", "2097152", NULL, "2",
	"berlin", "u", "far", "catchup", "spool", "0/1000060", "33554432",
	"50331648", "90", "1048576", NULL, "3", "paris", "receiver", NULL, "halted",
	"ring", "0/2000000", "5000", NULL, NULL, "5",
	"asked for WAL \033[31m that is gone", "4", "paris", "new", "", "startup",
	NULL, NULL, NULL, NULL, NULL, "0", NULL};
static const char *const alarm_values[] = {
	"critical", "spool", "pg_wal", "disk full"};

static FrameData
frame_at(int64_t time_ms, int standbys, int alarms)
{
	FrameData data = {.time_ms = time_ms};

	data.views[FRAME_UPSTREAM] =
		result_of(7, upstream_names, NULL, 1, upstream_values);
	data.views[FRAME_RING] = result_of(4, ring_names, NULL, 1, ring_values);
	data.views[FRAME_SPOOL] = result_of(6, spool_names, NULL, 1, spool_values);
	data.views[FRAME_STANDBYS] =
		result_of(12, standby_names, NULL, standbys, standby_values);
	data.views[FRAME_ALARMS] =
		result_of(4, alarm_names, NULL, alarms, alarm_values);
	return data;
}

static void
frame_clear(FrameData *data)
{
	for (int i = 0; i < FRAME_VIEW_COUNT; i++)
		PQclear(data->views[i]);
}

static void
a_frame_has_all_by_lag(void **state UNUSED)
{
	static const PenPaper paper = {0};
	FrameData now = frame_at(5000, 4, 1);
	Buf out;

	buf_init(&out, OUT_MAX);
	ctlframe_draw(&out, &now, NULL, &paper);
	assert_string_equal(taken(&out),
		"upstream  streaming  primary:5432  timeline 3  received 0/3000060  -\n"
		"ring      32 MB of 64 MB  0/1000000 .. 0/3000060\n"
		"spool     writing  1.0 MB of 1.0 GB  0 B behind  10 GB free on disk\n"
		"alarms    1\n"
		"  critical  spool pg_wal: disk full\n"
		"\n"
		"STANDBY             STATE           LAG      TIME        RATE  SOURCE"
		"    RULE          SENT               \n"
		"far                 catchup       48 MB   1.5 min           -  spool "
		"    berlin        0/1000060          \n"
		"receiver            halted       4.9 kB         -           -  ring  "
		"    paris         0/2000000          asked for WAL \\x1b[31m that is "
		"gone\n"
		"near                streaming     100 B    0.01 s           -  ring  "
		"    berlin        0/3000060          \n"
		"new                 startup           -         -           -  -     "
		"    paris         -                  \n");
	frame_clear(&now);
}

static void
rates_are_what_has_come_since(void **state UNUSED)
{
	static const char *const old_upstream[] = {
		"streaming", "primary", "5432", "3", "0/2000060", "8388608", NULL};
	static const char *const old_standbys[] = {"2", "berlin", "u", "far",
		"catchup", "spool", "0/1000060", "33554432", "50331648", "90", "0",
		NULL,
		/* another process by now: it counts from zero */
		"1", "berlin", "u", "near", "streaming", "ring", "0/3000060", "0",
		"100", "0.01", "9000000", NULL};
	static const PenPaper paper = {0};
	FrameData now = frame_at(5000, 2, 0);
	FrameData before = frame_at(3000, 0, 0);
	const char *text;
	Buf out;

	PQclear(before.views[FRAME_UPSTREAM]);
	PQclear(before.views[FRAME_STANDBYS]);
	before.views[FRAME_UPSTREAM] =
		result_of(7, upstream_names, NULL, 1, old_upstream);
	before.views[FRAME_STANDBYS] =
		result_of(12, standby_names, NULL, 2, old_standbys);
	buf_init(&out, OUT_MAX);
	ctlframe_draw(&out, &now, &before, &paper);
	text = taken(&out);
	assert_non_null(strstr(text, "received 0/3000060  1.0 MB/s\n"));
	assert_non_null(strstr(text, "1.5 min    512 kB/s  spool"));
	assert_non_null(strstr(text, "0.01 s           -  ring"));
	frame_clear(&now);
	frame_clear(&before);
}

/* On the terminal that everybody has: how far behind, and what the matter is. */
static void
a_narrow_frame_has_what_matters(void **state UNUSED)
{
	static const char *const long_alarm[] = {"critical", "upstream", NULL,
		"not connected", "warning", "standby", "far",
		"standby of rule \"berlin\" is stalled: replay has not moved for 48 s "
		"at 0/1000060, although WAL up to 0/3000060 has been sent"};
	static const char *const lost_upstream[] = {"waiting", "primary", "5432",
		"3", "0/3000060", "10485760", "could not connect to upstream"};
	static const PenPaper paper = {.width = 80, .height = 24};
	FrameData now = frame_at(5000, 2, 0);
	const char *text;
	Buf out;

	PQclear(now.views[FRAME_UPSTREAM]);
	now.views[FRAME_UPSTREAM] =
		result_of(7, upstream_names, NULL, 1, lost_upstream);
	PQclear(now.views[FRAME_ALARMS]);
	now.views[FRAME_ALARMS] = result_of(4, alarm_names, NULL, 2, long_alarm);
	buf_init(&out, OUT_MAX);
	ctlframe_draw(&out, &now, NULL, &paper);
	text = taken(&out);
	assert_non_null(strstr(text, "received 0/3000060  -  could not\n"
								 "          connect to upstream\n"));
	assert_non_null(strstr(text,
		"  critical  upstream: not connected\n"
		"  warning  standby far: standby of rule \"berlin\" is stalled: replay "
		"has not\n"
		"            moved for 48 s at 0/1000060, although WAL up to 0/3000060 "
		"has been\n"
		"            sent\n"));
	assert_non_null(strstr(text,
		"STANDBY             STATE           LAG      TIME        RATE  SOURCE"
		"    RULE   "));
	assert_non_null(
		strstr(text, "far                 catchup       48 MB   1.5 "
					 "min           -  spool     berlin \n"));
	frame_clear(&now);
}

/* Of one that does not replay, the time is that of the same lag as the bytes. */
static void
lag_and_time_are_of_one_kind(void **state UNUSED)
{
	static const char *const names[] = {"application_name", "state",
		"replay_lag_bytes", "flush_lag_bytes", "write_lag_bytes",
		"sent_lag_bytes", "replay_lag", "flush_lag", "write_lag"};
	static const char *const values[] = {
		"receiver", "streaming", NULL, NULL, "2048", "0", NULL, "250", "0.25"};
	static const PenPaper paper = {0};
	FrameData now = frame_at(5000, 0, 0);
	Buf out;

	PQclear(now.views[FRAME_STANDBYS]);
	now.views[FRAME_STANDBYS] =
		result_of(lengthof(names), names, NULL, 1, values);
	buf_init(&out, OUT_MAX);
	ctlframe_draw(&out, &now, NULL, &paper);
	assert_non_null(strstr(
		taken(&out), "receiver            streaming    2.0 kB    0.25 s"));
	frame_clear(&now);
}

/* Columns of the longest line, and lines; the text has no colours. */
static void
measure(const char *text, int *width, int *height)
{
	*width = 0;
	*height = 0;
	for (const char *line = text; *line != '\0';)
	{
		size_t len = strcspn(line, "\n");

		*width = Max(*width, (int) len);
		++*height;
		line += len + (line[len] == '\n' ? 1 : 0);
	}
}

static void
a_frame_fits_into_any_window(void **state UNUSED)
{
	FrameData now = frame_at(5000, 4, 1);

	for (int width = 1; width < 150; width += 7)
	{
		for (int height = 1; height < 14; height++)
		{
			PenPaper paper = {.width = width, .height = height};
			const char *text;
			Buf out;
			int columns;
			int lines;

			buf_init(&out, OUT_MAX);
			ctlframe_draw(&out, &now, NULL, &paper);
			text = taken(&out);
			measure(text, &columns, &lines);
			assert_true(columns <= width);
			assert_true(lines <= height);
			if (width > 140 && height == 9)
				assert_non_null(strstr(text, "\nand 3 more"));
			if (height == 11)
				assert_true(text[strlen(text) - 1] != '\n');
		}
	}
	frame_clear(&now);
}

static void
colours_are_asked_for(void **state UNUSED)
{
	static const PenPaper colour = {.colour = true};
	static const PenPaper live = {.erase = true};
	FrameData now = frame_at(5000, 4, 1);
	const char *text;
	Buf out;

	buf_init(&out, OUT_MAX);
	ctlframe_draw(&out, &now, NULL, &colour);
	text = taken(&out);
	assert_non_null(strstr(text, "\033[32mstreaming\033[m"));
	assert_non_null(strstr(text, "\033[31mhalted\033[m"));
	ctlframe_draw(&out, &now, NULL, &live);
	text = taken(&out);
	assert_null(strstr(text, "\033[3"));
	assert_non_null(strstr(text, "0/3000060\033[K\nspool"));
	frame_clear(&now);
}

/* Of a console that has other columns, or no rows. */
static void
what_is_not_there_is_unknown(void **state UNUSED)
{
	static const char *const other_names[] = {"something"};
	static const char *const other_values[] = {"else"};
	static const PenPaper paper = {0};
	FrameData now = {.time_ms = 1};
	Buf out;

	for (int i = 0; i < FRAME_VIEW_COUNT; i++)
		now.views[i] = result_of(
			1, other_names, NULL, i == FRAME_STANDBYS ? 1 : 0, other_values);
	buf_init(&out, OUT_MAX);
	ctlframe_draw(&out, &now, NULL, &paper);
	assert_non_null(strstr(taken(&out), "upstream  -  -:-  timeline -"));
	frame_clear(&now);
}

static void
long_names_are_cut(void **state UNUSED)
{
	static const PenPaper paper = {0};
	Pen pen;
	Buf out;

	buf_init(&out, OUT_MAX);
	pen_init(&pen, &out, &paper);
	pen_cell(&pen, PEN_PLAIN, -5, "abc");
	pen_cell(&pen, PEN_PLAIN, 5, "abc");
	pen_cell(&pen, PEN_PLAIN, -5, "abcde");
	pen_cell(&pen, PEN_PLAIN, -5, "abcdef");
	pen_cell(
		&pen, PEN_PLAIN, 5, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
	assert_string_equal(
		taken(&out), "abc    abcabcdeabcd~\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4~");
	assert_int_equal(pen.column, 25);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_short),
		cmocka_unit_test(times_are_short),
		cmocka_unit_test(control_characters_are_shown),
		cmocka_unit_test(json_has_types),
		cmocka_unit_test(a_frame_has_all_by_lag),
		cmocka_unit_test(rates_are_what_has_come_since),
		cmocka_unit_test(a_narrow_frame_has_what_matters),
		cmocka_unit_test(lag_and_time_are_of_one_kind),
		cmocka_unit_test(a_frame_fits_into_any_window),
		cmocka_unit_test(colours_are_asked_for),
		cmocka_unit_test(what_is_not_there_is_unknown),
		cmocka_unit_test(long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
