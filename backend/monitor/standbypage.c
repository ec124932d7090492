/*
 * standbypage.c
 *		/standbys, and those who wait there.  See standbypage.h.
 *
 * While somebody waits, the workers know for what and ask the standbys that have it
 * often; what these have replayed is read from the board every few milliseconds.  When
 * it looks as if somebody need not wait any more, the view decides, since it is what
 * the answer is made of.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "exitcode.h"
#include "monitor/standbypage.h"
#include "monitor/viewtable.h"
#include "shm/board.h"
#include "util/lsn.h"
#include "util/mem.h"
#include "util/monotime.h"

#define POLL_MS 10
#define TIMEOUT_MS_DEFAULT 30000
#define TIMEOUT_MS_MAX 600000
#define COUNT_MAX 10000
#define ANSWER_MAX ((size_t) 32 * 1024 * 1024)

typedef struct Waiter
{
	HttpReq *req;           /* NULL: free */
	char *application_name; /* NULL: any */
	char *rule;
	Lsn lsn; /* InvalidLsn: at once, whatever they have replayed */
	size_t count;
	int64_t deadline_ms;
	size_t reached; /* by the board, while that is looked at */
} Waiter;

static struct
{
	const ChildContext *ctx;
	struct event *poll;
	Waiter waiters[BOARD_AWAITED_MAX];
	size_t count;
} standbys;

/* ---- the answer ---- */

static bool
matches(const char *wanted, const char *value)
{
	return wanted == NULL || (value != NULL && strcmp(wanted, value) == 0);
}

static bool
is_asked_for(const Waiter *w, const ViewTable *table, size_t row)
{
	const char *replayed;
	Lsn lsn;

	if (!matches(w->application_name,
			viewtable_value_of(table, row, "application_name")) ||
		!matches(w->rule, viewtable_value_of(table, row, "rule")))
		return false;
	if (w->lsn == InvalidLsn)
		return true;
	replayed = viewtable_value_of(table, row, "replay_lsn");
	return replayed != NULL && lsn_parse(replayed, &lsn) && lsn >= w->lsn;
}

/* The standbys that were asked for into body; how many. */
static size_t
put_standbys(const Waiter *w, Buf *body)
{
	ViewTable *table = viewtable_new(view_find("standbys"), standbys.ctx);
	size_t found = 0;
	Json j;

	buf_init(body, ANSWER_MAX);
	json_init(&j, body);
	json_array_begin(&j);
	for (size_t row = 0; row < viewtable_row_count(table); row++)
	{
		if (is_asked_for(w, table, row))
		{
			viewtable_put_row(table, row, &j);
			found++;
		}
	}
	json_array_end(&j);
	buf_put_u8(body, '\n');
	viewtable_free(table);
	return found;
}

/* Answer if there is something to say, or no more time. */
static bool
try_answer(Waiter *w, HttpReq *req, bool time_is_up)
{
	Buf body;
	size_t found = put_standbys(w, &body);
	bool enough = w->lsn == InvalidLsn || found >= w->count;

	if (!enough && !time_is_up)
	{
		buf_clear(&body);
		return false;
	}
	http_reply(req, enough ? 200 : 408, "application/json", NULL, &body);
	return true;
}

/* ---- waiting ---- */

static void
waiter_clear(Waiter *w)
{
	free(w->application_name);
	free(w->rule);
	*w = (Waiter){0};
	board_set_awaited((size_t) (w - standbys.waiters), InvalidLsn);
	if (--standbys.count == 0)
		evtimer_del(standbys.poll);
}

static void
on_gone(void *arg)
{
	waiter_clear(arg);
}

/* Whose LSN has the standby of this cell replayed? */
static void
look_at_cell(int cell)
{
	BoardView view;

	if (!board_is_stream(board_state(cell)) || !board_view(cell, &view))
		return;
	for (size_t i = 0; i < lengthof(standbys.waiters); i++)
	{
		Waiter *w = &standbys.waiters[i];

		if (w->req != NULL && view.status.apply >= w->lsn &&
			matches(w->application_name, view.status.application_name) &&
			matches(w->rule, view.status.rule))
			w->reached++;
	}
}

static void
on_poll(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	int64_t now_ms = monotime_ms();

	for (size_t i = 0; i < lengthof(standbys.waiters); i++)
		standbys.waiters[i].reached = 0;
	for (int cell = BOARD_FIRST_WORKER; cell < board_cell_count(); cell++)
		look_at_cell(cell);
	for (size_t i = 0; i < lengthof(standbys.waiters); i++)
	{
		Waiter *w = &standbys.waiters[i];
		bool time_is_up = now_ms >= w->deadline_ms;

		if (w->req != NULL && (w->reached >= w->count || time_is_up) &&
			try_answer(w, w->req, time_is_up))
			waiter_clear(w);
	}
}

static void
start_waiting(const Waiter *asked, HttpReq *req)
{
	struct timeval tv = {.tv_usec = POLL_MS * 1000};
	size_t i = 0;
	Waiter *w;

	if (standbys.count == lengthof(standbys.waiters))
	{
		http_reply_text(req, 503, "too many clients wait already");
		return;
	}
	while (standbys.waiters[i].req != NULL)
		i++;
	w = &standbys.waiters[i];
	*w = *asked;
	w->req = req;
	if (w->application_name != NULL)
		w->application_name = mem_strdup(w->application_name);
	if (w->rule != NULL)
		w->rule = mem_strdup(w->rule);
	if (standbys.count++ == 0)
		event_add(standbys.poll, &tv);
	http_wait(req, on_gone, w);
	board_set_awaited(i, w->lsn);
	for (int cell = BOARD_FIRST_WORKER; cell < board_cell_count(); cell++)
		board_wake(cell);
}

/* ---- requests ---- */

void
standbypage_request(HttpReq *req)
{
	const char *lsn_text = http_param(req, "wait_lsn");
	int64_t count = 1;
	int64_t timeout_ms = TIMEOUT_MS_DEFAULT;
	/* the strings are the request's */
	Waiter asked = {
		.application_name = (char *) http_param(req, "application_name"),
		.rule = (char *) http_param(req, "rule"),
	};

	if (lsn_text == NULL && (http_param(req, "count") != NULL ||
								http_param(req, "timeout") != NULL))
		http_reply_text(
			req, 400, "\"count\" and \"timeout\" need \"wait_lsn\"");
	else if (lsn_text != NULL &&
			 (!lsn_parse(lsn_text, &asked.lsn) || asked.lsn == InvalidLsn))
		http_reply_text(req, 400, "\"wait_lsn\" is not an LSN (X/X)");
	else if (!http_number(req, "count", 1, COUNT_MAX, &count))
		http_reply_text(
			req, 400, "\"count\" must be between 1 and %d", COUNT_MAX);
	else if (!http_number(req, "timeout", 0, TIMEOUT_MS_MAX, &timeout_ms))
		http_reply_text(req, 400,
			"\"timeout\" must be between 0 and %d milliseconds",
			TIMEOUT_MS_MAX);
	else
	{
		asked.count = (size_t) count;
		asked.deadline_ms = monotime_ms() + timeout_ms;
		if (!try_answer(&asked, req, timeout_ms == 0))
			start_waiting(&asked, req);
	}
}

void
standbypage_init(struct event_base *base, const ChildContext *ctx)
{
	standbys.ctx = ctx;
	standbys.poll = event_new(base, -1, EV_PERSIST, on_poll, NULL);
	if (standbys.poll == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
}
