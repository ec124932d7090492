/*
 * ctltop.c
 *		walbouncerctl top.  See ctltop.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/ctlconn.h"
#include "ctl/ctlframe.h"
#include "ctl/ctlterm.h"
#include "ctl/ctltop.h"
#include "ctl/say.h"
#include "util/mem.h"
#include "util/monotime.h"

/* A frame is as large as there are standbys. */
#define FRAME_BYTES_MAX ((size_t) 64 << 20)

typedef struct Top
{
	const CtlArgs *args;
	PGconn *conn; /* NULL: none */
	bool live;
	bool colour;
	/* the last two rounds; an empty one has no view */
	FrameData now;
	FrameData before;
	/* why there is no data; live it goes on then */
	ErrInfo err;
} Top;

static void
clear_data(FrameData *data)
{
	for (int i = 0; i < FRAME_VIEW_COUNT; i++)
		PQclear(data->views[i]);
	*data = (FrameData){0};
}

static bool
has_data(const FrameData *data)
{
	return data->views[0] != NULL;
}

static bool
take_views(PGconn *conn, FrameData *data, ErrInfo *err)
{
	for (int i = 0; i < FRAME_VIEW_COUNT; i++)
	{
		char *statement =
			mem_asprintf("SHOW %s", ctlframe_view_name((FrameView) i));

		data->views[i] = ctlconn_run(conn, statement, err);
		free(statement);
		if (data->views[i] == NULL)
		{
			clear_data(data);
			return false;
		}
	}
	data->time_ms = monotime_ms();
	return true;
}

/* False with err set if there is nothing to show. */
static bool
take_round(Top *top)
{
	clear_data(&top->before);
	top->before = top->now;
	top->now = (FrameData){0};
	if (top->conn == NULL)
		top->conn = ctlconn_open(top->args, &top->err);
	if (top->conn == NULL)
		return false;
	if (take_views(top->conn, &top->now, &top->err))
		return true;
	PQfinish(top->conn);
	top->conn = NULL;
	return false;
}

/* One round is one write, so that nobody sees half of it. */
static bool
draw(const Top *top)
{
	PenPaper paper = {.colour = top->colour, .erase = top->live};
	Buf out;
	bool ok;

	buf_init(&out, FRAME_BYTES_MAX);
	if (top->live)
	{
		ctlterm_size(&paper.width, &paper.height);
		buf_put_text(&out, ctlterm_home);
	}
	if (has_data(&top->now))
		ctlframe_draw(&out, &top->now,
			has_data(&top->before) ? &top->before : NULL, &paper);
	else
		ctlframe_draw_error(&out, &top->err, &paper);
	if (top->live)
		buf_put_text(&out, ctlterm_end);
	else
		buf_put_u8(&out, '\n');
	ok = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_clear(&out);
	return ok;
}

/* Until the next round; false if there is to be none. */
static bool
wait_for_round(const Top *top)
{
	int64_t end_ms = monotime_ms() + top->args->interval_ms;
	TermEvent event;

	do
	{
		event = ctlterm_wait((int) Max(end_ms - monotime_ms(), 0));
		if (event == TERM_RESIZED && !draw(top))
			return false;
	} while (event == TERM_RESIZED);
	return event == TERM_TIMEOUT;
}

/* False with err set if it ended with an error. */
static bool
run(Top *top)
{
	int rounds = top->args->rounds;

	if (!take_round(top))
		return false;
	if (top->live)
		ctlterm_enter();
	for (int round = 1;; round++)
	{
		if (!draw(top))
			return errinfo_set(&top->err, SQLSTATE_IO_ERROR,
				"could not write to the standard output: %m");
		if (round == rounds || !wait_for_round(top))
			return true;
		/* live, it comes back by itself */
		if (!take_round(top) && !top->live)
			return false;
	}
}

int
ctltop_run(const CtlArgs *args)
{
	const char *no_color = getenv("NO_COLOR");
	Top top = {
		.args = args,
		.live = args->rounds == 0 && ctlterm_usable(),
		.colour = ctlterm_usable() && (no_color == NULL || no_color[0] == '\0'),
	};
	bool ok = run(&top);

	clear_data(&top.now);
	clear_data(&top.before);
	PQfinish(top.conn);
	if (ok)
		return EXIT_SUCCESS;
	say_errinfo(&top.err);
	return EXIT_FAILURE;
}
