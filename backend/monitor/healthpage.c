/*
 * healthpage.c
 *		/healthz.  See healthpage.h.
 */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "monitor/healthpage.h"
#include "monitor/viewtable.h"

#define ANSWER_MAX ((size_t) 1024 * 1024)

static const ChildContext *context;

void
healthpage_init(const ChildContext *ctx)
{
	context = ctx;
}

static void
put_line(Buf *out, const char *line)
{
	buf_put_text(out, line);
	buf_put_u8(out, '\n');
}

/* A line for each critical alarm. */
static void
put_critical(Buf *out)
{
	ViewTable *table = viewtable_new(view_find("alarms"), context);

	for (size_t row = 0; row < viewtable_row_count(table); row++)
	{
		const char *severity = viewtable_value_of(table, row, "severity");
		const char *message = viewtable_value_of(table, row, "message");

		if (severity != NULL && strcmp(severity, "critical") == 0)
			put_line(out, message != NULL ? message : "unknown");
	}
	viewtable_free(table);
}

/* Whether a standby is of use; why receives why not. */
static bool
is_good(
	const ViewTable *table, size_t row, int64_t max_lag, char *why, size_t size)
{
	const char *state = viewtable_value_of(table, row, "state");
	const char *reason = viewtable_value_of(table, row, "reason");
	double lag = viewtable_number_of(table, row, "replay_lag_bytes");

	if (state == NULL ||
		(strcmp(state, "streaming") != 0 && strcmp(state, "catchup") != 0))
		snprintf(why, size, "the standby is in state \"%s\"%s%s",
			state != NULL ? state : "unknown", reason != NULL ? ": " : "",
			reason != NULL ? reason : "");
	else if (max_lag >= 0 && isnan(lag))
		snprintf(why, size, "it is not known how far the standby is behind");
	else if (max_lag >= 0 && lag > (double) max_lag)
		snprintf(why, size, "the standby is %.0f bytes behind", lag);
	else
		return true;
	return false;
}

/* A line if no standby of the name is of use: what the last one lacks. */
static void
put_standby(Buf *out, const char *name, int64_t max_lag)
{
	ViewTable *table = viewtable_new(view_find("standbys"), context);
	char why[512] = "the standby is not connected";
	bool good = false;

	for (size_t row = 0; row < viewtable_row_count(table) && !good; row++)
	{
		const char *value = viewtable_value_of(table, row, "application_name");

		if (value != NULL && strcmp(value, name) == 0)
			good = is_good(table, row, max_lag, why, sizeof(why));
	}
	if (!good)
		put_line(out, why);
	viewtable_free(table);
}

void
healthpage_request(HttpReq *req)
{
	const char *name = http_param(req, "application_name");
	int64_t max_lag = -1;
	int64_t strict = 0;
	int code = 200;
	Buf body;

	if (!http_number(req, "max_lag_bytes", 0, INT64_MAX, &max_lag) ||
		(max_lag >= 0 && name == NULL))
	{
		http_reply_text(req, 400,
			"\"max_lag_bytes\" is a number and needs \"application_name\"");
		return;
	}
	if (!http_number(req, "strict", 0, 1, &strict))
	{
		http_reply_text(req, 400, "\"strict\" is 0 or 1");
		return;
	}
	buf_init(&body, ANSWER_MAX);
	if (strict != 0)
		put_critical(&body);
	if (name != NULL)
		put_standby(&body, name, max_lag);
	if (body.len > 0)
		code = 503;
	else
		put_line(&body, "ok");
	http_reply(req, code, "text/plain; charset=utf-8", NULL, &body);
}
