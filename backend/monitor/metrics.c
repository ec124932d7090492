/*
 * metrics.c
 *		/metrics, from one table: a row is a metric, or a part of one with a label
 *		of its own; rows of the same name stand together.
 *
 * A metric has a sample for each row of a view.  Two standbys that have all labels
 * in common are told apart by their process id, which nobody needs otherwise.
 */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/metrics.h"
#include "util/promtext.h"
#include "monitor/viewtable.h"
#include "shm/control.h"
#include "util/mem.h"

#define SOURCE_LABELS_MAX 8

/* ---- what no view has ---- */

static const ViewColumn daemon_columns[] = {
	{"version", TYPE_TEXT},
	{"start_time", TYPE_TIMESTAMPTZ},
	{"last_reload_good", TYPE_BOOL},
	{"last_good_reload_time", TYPE_TIMESTAMPTZ},
};

static bool
run_daemon(const ChildContext *ctx UNUSED, ViewRow *row, ErrInfo *err UNUSED)
{
	ReloadOutcome outcome = control_reload_outcome();

	view_put_text(row, PACKAGE_VERSION);
	view_put_time(row, control_start_time());
	view_put_bool(row, outcome.good);
	view_put_time(row, outcome.good_time);
	view_end_row(row);
	return true;
}

static const View daemon_view = {
	.name = "daemon",
	.help = "The daemon as a whole.",
	.columns = daemon_columns,
	.column_count = lengthof(daemon_columns),
	.run = run_daemon,
};

/* ---- where samples come from ---- */

typedef enum SourceId
{
	DAEMON,
	BUILD,
	UPSTREAM,
	RING,
	SPOOL,
	STANDBY,
	STANDBY_INFO,
	SLOT,
	ALARM,
	PROCESS,
	WAL_DATABASE,
	WAL_RMGR,
	WAL_SKIPPED,
	SOURCE_COUNT
} SourceId;

typedef struct SourceLabel
{
	const char *name;
	const char *column;
} SourceLabel;

typedef struct Source
{
	const char *view;                          /* NULL: the daemon's */
	SourceLabel labels[SOURCE_LABELS_MAX + 1]; /* a NULL name ends */
	/* rows in which this column is NULL are left out; NULL: none */
	const char *required;
	const char *only; /* and those in which it is not this; NULL: none */
	/* the label that is added where the others are the same */
	SourceLabel tie;
} Source;

#define STANDBY_LABELS                                                         \
	{"application_name", "application_name"}, {"rule", "rule"},                \
		{"user", "usename"},                                                   \
	{                                                                          \
		"client_addr", "client_addr"                                           \
	}

static const Source sources[SOURCE_COUNT] = {
	[DAEMON] = {.view = NULL},
	[BUILD] = {.view = NULL, .labels = {{"version", "version"}}},
	[UPSTREAM] = {.view = "upstream"},
	[RING] = {.view = "ring"},
	[SPOOL] = {.view = "spool"},
	/* whoever has not said yet who it is counts among the processes alone */
	[STANDBY] = {.view = "standbys",
		.labels = {STANDBY_LABELS},
		.required = "usename",
		.tie = {"pid", "pid"}},
	[STANDBY_INFO] = {.view = "standbys",
		.labels = {STANDBY_LABELS, {"state", "state"}, {"source", "source"},
			{"sync_state", "sync_state"}, {"slot_name", "slot_name"}},
		.required = "usename",
		.tie = {"pid", "pid"}},
	[SLOT] = {.view = "slots",
		.labels = {{"slot_name", "slot_name"}, {"slot_type", "slot_type"}}},
	[ALARM] = {.view = "alarms"},
	[PROCESS] = {.view = "activity"},
	[WAL_DATABASE] = {.view = "stats",
		.labels = {{"database", "name"}},
		.required = "scope",
		.only = "database",
		.tie = {"oid", "oid"}},
	[WAL_RMGR] = {.view = "stats",
		.labels = {{"rmgr", "name"}},
		.required = "scope",
		.only = "rmgr"},
	[WAL_SKIPPED] = {.view = "stats", .required = "scope", .only = "skipped"},
};

/* ---- the table of metrics ---- */

typedef enum MetricKind
{
	VALUE,   /* the column's; no sample where it is NULL */
	IS,      /* whether the column is arg: 1 or 0 */
	PRESENT, /* whether the column is not NULL */
	ONE,     /* 1: the labels are what matters */
	COUNT    /* one sample: in how many rows the column is arg */
} MetricKind;

typedef struct Metric
{
	const char *name;
	PromType type;
	SourceId source;
	MetricKind kind;
	const char *column;
	const char *arg;
	const char *label; /* further label, with arg as its value */
	const char *help;
} Metric;

#define GAUGE PROM_GAUGE
#define COUNTER PROM_COUNTER

static const Metric metrics[] = {
	{"walbouncer_up", GAUGE, DAEMON, ONE,
		.help = "1 as long as walbouncer answers."},
	{"walbouncer_build_info", GAUGE, BUILD, ONE,
		.help = "The version that runs; the value is 1."},
	{"walbouncer_start_time_seconds", GAUGE, DAEMON, VALUE, "start_time",
		.help = "When the supervisor started, in seconds since 1970."},
	{"walbouncer_config_last_reload_successful", GAUGE, DAEMON, VALUE,
		"last_reload_good",
		.help =
			"Whether the last attempt to read the configuration succeeded."},
	{"walbouncer_config_last_reload_success_timestamp_seconds", GAUGE, DAEMON,
		VALUE, "last_good_reload_time",
		.help = "When the configuration was last read with success."},
	{"walbouncer_processes", GAUGE, PROCESS, COUNT, "backend_type",
		"supervisor", "type", "Processes of walbouncer by what they are for."},
	{"walbouncer_processes", GAUGE, PROCESS, COUNT, "backend_type", "reader",
		.label = "type"},
	{"walbouncer_processes", GAUGE, PROCESS, COUNT, "backend_type", "spooler",
		.label = "type"},
	{"walbouncer_processes", GAUGE, PROCESS, COUNT, "backend_type", "monitor",
		.label = "type"},
	{"walbouncer_processes", GAUGE, PROCESS, COUNT, "backend_type", "worker",
		.label = "type"},
	{"walbouncer_processes", GAUGE, PROCESS, COUNT, "backend_type", "console",
		.label = "type"},
	{"walbouncer_alarms", GAUGE, ALARM, COUNT, "severity", "critical",
		"severity", "Alarms that are raised now."},
	{"walbouncer_alarms", GAUGE, ALARM, COUNT, "severity", "warning",
		.label = "severity"},

	{"walbouncer_upstream_connected", GAUGE, UPSTREAM, IS, "state", "streaming",
		.help = "Whether WAL is streamed from the upstream."},
	{"walbouncer_upstream_connects_total", COUNTER, UPSTREAM, VALUE, "connects",
		.help = "How often the upstream has been connected to, by the reader "
				"that runs now."},
	{"walbouncer_upstream_received_bytes_total", COUNTER, UPSTREAM, VALUE,
		"received_bytes",
		.help = "WAL received from the upstream, by the reader that runs now."},
	{"walbouncer_upstream_received_lsn_bytes", GAUGE, UPSTREAM, VALUE,
		"received_lsn",
		.help = "The position up to which WAL has been received."},
	{"walbouncer_upstream_lsn_bytes", GAUGE, UPSTREAM, VALUE, "upstream_lsn",
		.help = "The end of WAL that the upstream has last told of."},
	{"walbouncer_upstream_timeline", GAUGE, UPSTREAM, VALUE, "timeline",
		.help = "The upstream's timeline."},
	{"walbouncer_upstream_last_message_age_seconds", GAUGE, UPSTREAM, VALUE,
		"last_message_age", .help = "Time since the upstream's last message."},

	{"walbouncer_ring_size_bytes", GAUGE, RING, VALUE, "size",
		.help = "The size of the WAL ring in shared memory."},
	{"walbouncer_ring_bytes", GAUGE, RING, VALUE, "bytes",
		.help = "WAL in the ring."},

	{"walbouncer_spool_bytes", GAUGE, SPOOL, VALUE, "bytes",
		.help = "The size of the files in the spool."},
	{"walbouncer_spool_size_limit_bytes", GAUGE, SPOOL, VALUE, "size_limit",
		.help = "spool_size."},
	{"walbouncer_spool_free_bytes", GAUGE, SPOOL, VALUE, "free_bytes",
		.help = "Free space in the spool's file system."},
	{"walbouncer_spool_lag_bytes", GAUGE, SPOOL, VALUE, "lag_bytes",
		.help = "WAL that has been received and is not on disk yet."},

	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "startup", "state",
		"Standbys by state."},
	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "idle",
		.label = "state"},
	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "catchup",
		.label = "state"},
	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "streaming",
		.label = "state"},
	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "paused",
		.label = "state"},
	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "halted",
		.label = "state"},
	{"walbouncer_standbys", GAUGE, STANDBY, COUNT, "state", "stalled",
		.label = "state"},
	{"walbouncer_standby_up", GAUGE, STANDBY, PRESENT, "pid",
		.help = "Whether the standby is connected."},
	{"walbouncer_standby_info", GAUGE, STANDBY_INFO, ONE,
		.help = "How the standby is and where it has its WAL from; the value "
				"is 1."},
	{"walbouncer_standby_stalled", GAUGE, STANDBY, IS, "state", "stalled",
		.help = "Whether the standby is connected but makes no progress."},
	{"walbouncer_standby_halted", GAUGE, STANDBY, IS, "state", "halted",
		.help = "Whether the stream was stopped because its WAL cannot be "
				"filtered."},
	{"walbouncer_standby_paused", GAUGE, STANDBY, IS, "state", "paused",
		.help = "Whether an operator has paused the stream."},
	{"walbouncer_standby_sent_lsn_bytes", GAUGE, STANDBY, VALUE, "sent_lsn",
		.help = "The position up to which WAL has been sent."},
	{"walbouncer_standby_write_lsn_bytes", GAUGE, STANDBY, VALUE, "write_lsn",
		.help = "The position up to which the standby has written WAL."},
	{"walbouncer_standby_flush_lsn_bytes", GAUGE, STANDBY, VALUE, "flush_lsn",
		.help = "The position up to which the standby has flushed WAL."},
	{"walbouncer_standby_replay_lsn_bytes", GAUGE, STANDBY, VALUE, "replay_lsn",
		.help = "The position up to which the standby has replayed WAL."},
	{"walbouncer_standby_sent_lag_bytes", GAUGE, STANDBY, VALUE,
		"sent_lag_bytes", .help = "WAL that has not been sent yet."},
	{"walbouncer_standby_write_lag_bytes", GAUGE, STANDBY, VALUE,
		"write_lag_bytes", .help = "WAL that the standby has not written yet."},
	{"walbouncer_standby_flush_lag_bytes", GAUGE, STANDBY, VALUE,
		"flush_lag_bytes", .help = "WAL that the standby has not flushed yet."},
	{"walbouncer_standby_replay_lag_bytes", GAUGE, STANDBY, VALUE,
		"replay_lag_bytes",
		.help = "WAL that the standby has not replayed yet."},
	{"walbouncer_standby_write_lag_seconds", GAUGE, STANDBY, VALUE, "write_lag",
		.help = "Time between sending WAL and its being written."},
	{"walbouncer_standby_flush_lag_seconds", GAUGE, STANDBY, VALUE, "flush_lag",
		.help = "Time between sending WAL and its being flushed."},
	{"walbouncer_standby_replay_lag_seconds", GAUGE, STANDBY, VALUE,
		"replay_lag",
		.help = "Time between sending WAL and its being replayed."},
	{"walbouncer_standby_reply_age_seconds", GAUGE, STANDBY, VALUE, "reply_age",
		.help = "Time since the standby's last message."},
	{"walbouncer_standby_sent_bytes_total", COUNTER, STANDBY, VALUE,
		"sent_bytes", .help = "WAL sent over the present connection."},
	{"walbouncer_standby_blanked_bytes_total", COUNTER, STANDBY, VALUE,
		"blanked_bytes",
		.help = "Records withheld over the present connection."},

	{"pg_replication_slots_active", GAUGE, SLOT, VALUE, "active",
		.help = "Whether the slot is in use."},
	{"pg_replication_slots_pg_wal_lsn_diff", GAUGE, SLOT, VALUE,
		"retained_bytes", .help = "WAL that the slot keeps."},
	{"walbouncer_slot_safe_wal_size_bytes", GAUGE, SLOT, VALUE, "safe_wal_size",
		.help = "WAL that can come before the slot may lose what it needs."},
	{"walbouncer_slot_wal_status", GAUGE, SLOT, IS, "wal_status", "reserved",
		"status", "What has become of the WAL that the slot keeps."},
	{"walbouncer_slot_wal_status", GAUGE, SLOT, IS, "wal_status", "extended",
		.label = "status"},
	{"walbouncer_slot_wal_status", GAUGE, SLOT, IS, "wal_status", "unreserved",
		.label = "status"},
	{"walbouncer_slot_wal_status", GAUGE, SLOT, IS, "wal_status", "lost",
		.label = "status"},

	{"walbouncer_wal_bytes_total", COUNTER, WAL_DATABASE, VALUE, "bytes",
		.help = "WAL of a database, in bytes of records."},
	{"walbouncer_wal_rmgr_bytes_total", COUNTER, WAL_RMGR, VALUE, "bytes",
		.help = "WAL of a resource manager, in bytes of records."},
	{"walbouncer_wal_records_total", COUNTER, WAL_RMGR, VALUE, "records",
		.help = "WAL records of a resource manager."},
	{"walbouncer_wal_fpi_bytes_total", COUNTER, WAL_RMGR, VALUE, "fpi_bytes",
		.help = "Full-page images in the WAL of a resource manager."},
	{"walbouncer_wal_accounting_skipped_bytes_total", COUNTER, WAL_SKIPPED,
		VALUE, "bytes",
		.help = "WAL that came too fast to be counted, or was damaged."},
};

/* ---- one answer ---- */

/* A source as it is now. */
typedef struct Rows
{
	ViewTable *table;
	char **labels; /* by row; NULL: the row is left out */
} Rows;

static const char *
add_labels(PromLabels *labels, const Source *source, const ViewTable *table,
	size_t row, bool tie)
{
	promtext_labels_begin(labels);
	for (const SourceLabel *l = source->labels; l->name != NULL; l++)
		promtext_label(
			labels, l->name, viewtable_value_of(table, row, l->column));
	if (tie)
		promtext_label(labels, source->tie.name,
			viewtable_value_of(table, row, source->tie.column));
	return labels->text;
}

/* Whether another row has the same labels. */
static bool
is_tie(const Rows *rows, size_t count, size_t row)
{
	for (size_t i = 0; i < count; i++)
	{
		if (i != row && rows->labels[i] != NULL &&
			strcmp(rows->labels[i], rows->labels[row]) == 0)
			return true;
	}
	return false;
}

static void
break_ties(Rows *rows, const Source *source)
{
	size_t count = viewtable_row_count(rows->table);
	bool *ties = mem_alloc0(count + 1);
	PromLabels labels;

	for (size_t row = 0; row < count; row++)
		ties[row] = rows->labels[row] != NULL && is_tie(rows, count, row);
	for (size_t row = 0; row < count; row++)
	{
		if (!ties[row])
			continue;
		free(rows->labels[row]);
		rows->labels[row] =
			mem_strdup(add_labels(&labels, source, rows->table, row, true));
	}
	free(ties);
}

static bool
is_wanted(const Source *source, const ViewTable *table, size_t row)
{
	const char *value;

	if (source->required == NULL)
		return true;
	value = viewtable_value_of(table, row, source->required);
	return value != NULL &&
		   (source->only == NULL || strcmp(value, source->only) == 0);
}

static void
rows_take(Rows *rows, const Source *source, const ChildContext *ctx)
{
	size_t count;
	PromLabels labels;

	rows->table = viewtable_new(
		source->view != NULL ? view_find(source->view) : &daemon_view, ctx);
	count = viewtable_row_count(rows->table);
	rows->labels = mem_alloc0((count + 1) * sizeof(*rows->labels));
	for (size_t row = 0; row < count; row++)
	{
		if (is_wanted(source, rows->table, row))
			rows->labels[row] = mem_strdup(
				add_labels(&labels, source, rows->table, row, false));
	}
	if (source->tie.name != NULL)
		break_ties(rows, source);
}

static void
rows_clear(Rows *rows)
{
	if (rows->table == NULL)
		return;
	for (size_t row = 0; row < viewtable_row_count(rows->table); row++)
		free(rows->labels[row]);
	free(rows->labels);
	viewtable_free(rows->table);
}

static bool
is_arg(const Metric *metric, const ViewTable *table, size_t row)
{
	const char *value = viewtable_value_of(table, row, metric->column);

	return value != NULL && strcmp(value, metric->arg) == 0;
}

/* NaN: there is no sample. */
static double
sample_of(const Metric *metric, const ViewTable *table, size_t row)
{
	switch (metric->kind)
	{
		case VALUE:
			return viewtable_number_of(table, row, metric->column);
		case IS:
			return is_arg(metric, table, row);
		case PRESENT:
			return viewtable_value_of(table, row, metric->column) != NULL;
		default:
			return 1;
	}
}

static void
put_samples(const Metric *metric, const Rows *rows, Buf *out)
{
	size_t count = viewtable_row_count(rows->table);
	PromLabels further;
	double matching = 0;

	promtext_labels_begin(&further);
	if (metric->label != NULL)
		promtext_label(&further, metric->label, metric->arg);
	for (size_t row = 0; row < count; row++)
	{
		if (metric->kind == COUNT)
			matching += is_arg(metric, rows->table, row);
		else if (rows->labels[row] != NULL)
			promtext_sample(out, metric->name, rows->labels[row], further.text,
				sample_of(metric, rows->table, row));
	}
	if (metric->kind == COUNT)
		promtext_sample(out, metric->name, "", further.text, matching);
}

void
metrics_put(const ChildContext *ctx, Buf *out)
{
	Rows rows[SOURCE_COUNT] = {{0}};

	for (size_t i = 0; i < lengthof(metrics); i++)
	{
		const Metric *metric = &metrics[i];
		Rows *from = &rows[metric->source];

		if (from->table == NULL)
			rows_take(from, &sources[metric->source], ctx);
		if (metric->help != NULL)
			promtext_head(out, metric->name, metric->type, metric->help);
		put_samples(metric, from, out);
	}
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		rows_clear(&rows[i]);
}
