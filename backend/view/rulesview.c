/*
 * rulesview.c
 *		SHOW RULES.
 */
#include "base.h"

#include <string.h>

#include "shm/board.h"
#include "state/journal.h"
#include "view/standbystate.h"
#include "view/views.h"

/* More than a configuration's text has room for. */
#define RULE_TEXT_MAX CONFIG_TEXT_MAX

static const ViewColumn columns[] = {
	{"position", TYPE_INT4},
	{"name", TYPE_TEXT},
	{"match", TYPE_TEXT},
	{"auth", TYPE_TEXT},
	{"filter", TYPE_TEXT},
	{"send_delay_ms", TYPE_INT4},
	{"standbys", TYPE_INT8},
	{"decisions", TYPE_INT8},
};

/* "key=value", with a blank in front of all but the first. */
static void
put_pair(Buf *out, const char *key, const char *value)
{
	if (out->len > 0)
		buf_put_u8(out, ' ');
	buf_put_text(out, key);
	buf_put_u8(out, '=');
	buf_put_text(out, value);
}

static void
put_sources(Buf *out, const Rule *rule)
{
	for (size_t i = 0; i < rule->source_count; i++)
	{
		char text[NET_CIDR_SIZE];

		net_cidr_format(&rule->sources[i], text);
		if (i == 0)
			put_pair(out, "source", text);
		else
		{
			buf_put_u8(out, ',');
			buf_put_text(out, text);
		}
	}
}

static void
put_list(Buf *out, const char *key, const RuleList *list)
{
	if (!list->given)
		return;
	put_pair(out, key, "");
	for (size_t i = 0; i < list->names.count; i++)
	{
		if (i > 0)
			buf_put_u8(out, ',');
		buf_put_text(out, list->names.items[i]);
	}
}

/* What has been put together; nothing is NULL. */
static void
put_buffer(ViewRow *row, Buf *out)
{
	bool empty = out->len == 0;

	buf_put_u8(out, '\0');
	view_put_text(row, empty || out->failed ? NULL : (const char *) out->data);
	buf_clear(out);
}

static void
put_match(ViewRow *row, const Rule *rule)
{
	Buf out;

	buf_init(&out, RULE_TEXT_MAX);
	if (rule->user != NULL)
		put_pair(&out, "user", rule->user);
	if (rule->application_name != NULL)
		put_pair(&out, "application_name", rule->application_name);
	put_sources(&out, rule);
	put_buffer(row, &out);
}

static void
put_filter(ViewRow *row, const RuleFilter *filter)
{
	Buf out;

	buf_init(&out, RULE_TEXT_MAX);
	put_list(&out, "include_databases", &filter->include_databases);
	put_list(&out, "exclude_databases", &filter->exclude_databases);
	put_list(&out, "include_tablespaces", &filter->include_tablespaces);
	put_list(&out, "exclude_tablespaces", &filter->exclude_tablespaces);
	put_buffer(row, &out);
}

static size_t
count_standbys(const Rule *rule)
{
	size_t count = 0;

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (board_state(i) >= CELL_STARTUP && board_view(i, &view) &&
			standbystate_is_standby(&view) &&
			strcmp(view.status.rule, rule->name) == 0)
			count++;
	}
	return count;
}

/* NULL if the journal cannot be read. */
static void
put_decisions(ViewRow *row, const char *state_directory, const Rule *rule)
{
	size_t count = 0;
	Journal journal;
	ErrInfo ignored;

	if (!journal_peek(&journal, state_directory, rule->name, NULL, &ignored))
	{
		view_put_null(row);
		return;
	}
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		count += journal.tables[kind].count;
	journal_close(&journal);
	view_put_uint(row, count);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err UNUSED)
{
	const Config *config = ctx->config;

	for (size_t i = 0; i < config->rule_count; i++)
	{
		const Rule *rule = &config->rules[i];

		view_put_uint(row, i + 1);
		view_put_text(row, rule->name);
		put_match(row, rule);
		view_put_text(row, "trust");
		put_filter(row, &rule->filter);
		view_put_int(row, rule->send_delay_ms);
		view_put_uint(row, count_standbys(rule));
		put_decisions(row, config->state_directory, rule);
		view_end_row(row);
	}
	return true;
}

const View view_rules = {
	.name = "rules",
	.help = "The rules: whom they are for, what they withhold.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
