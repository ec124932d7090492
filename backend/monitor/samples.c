/*
 * samples.c
 *		The last quarter of an hour in samples.  See samples.h.
 *
 * All series are rings of the same length and go forward together.  A standby is
 * known by its key: of two with the same one, the rates are added and the larger
 * lag counts.  A rate is what counters have grown by since the sample before; a
 * new process counts from 0.
 */
#include "base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exitcode.h"
#include "monitor/samples.h"
#include "monitor/viewtable.h"
#include "shm/board.h"
#include "shm/control.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

typedef struct Series
{
	char *key; /* rule/user/application_name */
	char *application_name;
	uint64_t last_seen; /* the number of a sample */
	/* by position in the ring; NaN: nothing is known */
	double replay_lag_bytes[SAMPLES_COUNT];
	double replay_lag_s[SAMPLES_COUNT];
	double sent_bytes_per_s[SAMPLES_COUNT];
} Series;

/* What a process had counted at the last sample. */
typedef struct Counter
{
	double pid;
	double bytes;
} Counter;

typedef struct Counters
{
	Counter *items;
	size_t count;
} Counters;

static struct
{
	const ChildContext *ctx;
	struct event *timer;
	uint64_t taken; /* samples; the next goes to this one modulo the length */
	int64_t last_ms;
	double times[SAMPLES_COUNT];
	double received_bytes_per_s[SAMPLES_COUNT];
	double sent_bytes_per_s[SAMPLES_COUNT];
	double received; /* NaN: not known */
	Counters sent;
	Series **series;
	size_t series_count;
} samples;

/* ---- series ---- */

static void
series_free(Series *series)
{
	free(series->key);
	free(series->application_name);
	free(series);
}

/* Those that have nothing left in the ring. */
static void
forget_gone(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < samples.series_count; i++)
	{
		Series *series = samples.series[i];

		if (samples.taken - series->last_seen >= SAMPLES_COUNT)
			series_free(series);
		else
			samples.series[kept++] = series;
	}
	samples.series_count = kept;
}

/* There are never more than a view can have rows: the one longest gone goes. */
static void
make_room(void)
{
	size_t max = (size_t) board_cell_count() + CONTROL_HALTS_MAX;
	size_t oldest = 0;

	if (samples.series_count < max)
		return;
	for (size_t i = 1; i < samples.series_count; i++)
	{
		if (samples.series[i]->last_seen < samples.series[oldest]->last_seen)
			oldest = i;
	}
	series_free(samples.series[oldest]);
	samples.series[oldest] = samples.series[--samples.series_count];
}

static Series *
series_of(const ViewTable *table, size_t row)
{
	const char *rule = viewtable_value_of(table, row, "rule");
	const char *user = viewtable_value_of(table, row, "usename");
	const char *name = viewtable_value_of(table, row, "application_name");
	Series *series = NULL;
	char *key;

	name = name != NULL ? name : "";
	key = mem_asprintf(
		"%s/%s/%s", rule != NULL ? rule : "", user != NULL ? user : "", name);
	for (size_t i = 0; i < samples.series_count && series == NULL; i++)
	{
		if (strcmp(samples.series[i]->key, key) == 0)
			series = samples.series[i];
	}
	if (series != NULL)
	{
		free(key);
		return series;
	}
	make_room();
	series = mem_alloc(sizeof(*series));
	series->key = key;
	series->application_name = mem_strdup(name);
	for (size_t i = 0; i < SAMPLES_COUNT; i++)
		series->replay_lag_bytes[i] = series->replay_lag_s[i] =
			series->sent_bytes_per_s[i] = NAN;
	samples.series = mem_realloc(
		samples.series, (samples.series_count + 1) * sizeof(*samples.series));
	samples.series[samples.series_count++] = series;
	return series;
}

/* ---- a sample ---- */

/* What has been counted since the sample before. */
static double
growth(const Counters *before, const Counter *now)
{
	for (size_t i = 0; i < before->count; i++)
	{
		if (before->items[i].pid == now->pid &&
			before->items[i].bytes <= now->bytes)
			return now->bytes - before->items[i].bytes;
	}
	return now->bytes;
}

/* What is not known does not count. */
static double
plus(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

static void
sample_standby(const ViewTable *table, size_t row, size_t at, double seconds,
	Counters *counters)
{
	Series *series = series_of(table, row);
	Counter counter = {
		.pid = viewtable_number_of(table, row, "pid"),
		.bytes = viewtable_number_of(table, row, "sent_bytes"),
	};
	double rate = NAN;

	/* a standby that is gone is known of, but counts nothing */
	if (!isnan(counter.pid) && !isnan(counter.bytes))
	{
		rate = growth(&samples.sent, &counter) / seconds;
		counters->items[counters->count++] = counter;
	}
	series->last_seen = samples.taken;
	series->replay_lag_bytes[at] = fmax(series->replay_lag_bytes[at],
		viewtable_number_of(table, row, "replay_lag_bytes"));
	series->replay_lag_s[at] = fmax(series->replay_lag_s[at],
		viewtable_number_of(table, row, "replay_lag"));
	series->sent_bytes_per_s[at] = plus(series->sent_bytes_per_s[at], rate);
	samples.sent_bytes_per_s[at] = plus(samples.sent_bytes_per_s[at], rate);
}

static void
sample_standbys(size_t at, double seconds)
{
	ViewTable *table = viewtable_new(view_find("standbys"), samples.ctx);
	size_t count = viewtable_row_count(table);
	Counters counters = {.items = mem_alloc((count + 1) * sizeof(Counter))};

	for (size_t i = 0; i < samples.series_count; i++)
	{
		Series *series = samples.series[i];

		series->replay_lag_bytes[at] = series->replay_lag_s[at] =
			series->sent_bytes_per_s[at] = NAN;
	}
	samples.sent_bytes_per_s[at] = 0;
	for (size_t row = 0; row < count; row++)
	{
		/* until it has said who it is there is nothing to tell of it */
		if (viewtable_value_of(table, row, "usename") != NULL)
			sample_standby(table, row, at, seconds, &counters);
	}
	free(samples.sent.items);
	samples.sent = counters;
	viewtable_free(table);
}

static void
sample_upstream(size_t at, double seconds)
{
	ViewTable *table = viewtable_new(view_find("upstream"), samples.ctx);
	double received = viewtable_row_count(table) > 0
						  ? viewtable_number_of(table, 0, "received_bytes")
						  : NAN;
	/* another reader counts from 0 */
	double grown =
		received >= samples.received ? received - samples.received : received;

	samples.received_bytes_per_s[at] = grown / seconds;
	samples.received = received;
	viewtable_free(table);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	size_t at = samples.taken % SAMPLES_COUNT;
	int64_t now_ms = monotime_ms();
	double seconds = (double) Max(now_ms - samples.last_ms, 1) / 1000;

	samples.last_ms = now_ms;
	samples.times[at] = (double) time(NULL);
	sample_upstream(at, seconds);
	sample_standbys(at, seconds);
	samples.taken++;
	forget_gone();
}

/* The counters as they are now are what the first sample is compared with. */
static void
note_counters(void)
{
	samples.last_ms = monotime_ms();
	sample_upstream(0, 1);
	sample_standbys(0, 1);
}

void
samples_init(struct event_base *base, const ChildContext *ctx)
{
	struct timeval tv = {.tv_sec = SAMPLES_INTERVAL_S};

	samples.ctx = ctx;
	samples.timer = event_new(base, -1, EV_PERSIST, on_timer, NULL);
	if (samples.timer == NULL || event_add(samples.timer, &tv) != 0)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	note_counters();
}

/* ---- JSON ---- */

/* From the oldest to the newest; rounded, since nobody looks closer. */
static void
put_ring(Json *j, const char *key, const double *ring, double unit)
{
	uint64_t oldest =
		samples.taken > SAMPLES_COUNT ? samples.taken - SAMPLES_COUNT : 0;

	json_key(j, key);
	json_array_begin(j);
	for (uint64_t i = oldest; i < samples.taken; i++)
	{
		double value = ring[i % SAMPLES_COUNT];

		if (isnan(value))
			json_null(j);
		else
			json_double(j, round(value / unit) * unit);
	}
	json_array_end(j);
}

static void
put_series(Json *j, const Series *series)
{
	json_object_begin(j);
	json_key(j, "key");
	json_string(j, series->key);
	json_key(j, "application_name");
	json_string(j, series->application_name);
	put_ring(j, "replay_lag_bytes", series->replay_lag_bytes, 1);
	put_ring(j, "replay_lag_s", series->replay_lag_s, 0.001);
	put_ring(j, "sent_bytes_per_s", series->sent_bytes_per_s, 1);
	json_object_end(j);
}

void
samples_put(Json *j)
{
	json_object_begin(j);
	json_key(j, "interval_s");
	json_int(j, SAMPLES_INTERVAL_S);
	put_ring(j, "times", samples.times, 1);
	put_ring(j, "received_bytes_per_s", samples.received_bytes_per_s, 1);
	put_ring(j, "sent_bytes_per_s", samples.sent_bytes_per_s, 1);
	json_key(j, "standbys");
	json_array_begin(j);
	for (size_t i = 0; i < samples.series_count; i++)
		put_series(j, samples.series[i]);
	json_array_end(j);
	json_object_end(j);
}
