/*
 * monitor.c
 *		The monitor process.
 *
 * What for: it tells others how walbouncer is, over HTTP, and counts what the WAL
 * is made of.
 *
 * Started by the supervisor if monitor_port is set, and again whenever it is gone.
 *
 * Ends normally on TERM, in an emergency on QUIT.
 *
 * If it crashes the supervisor starts another, with back-off; nobody else notices.
 * What it remembers of the last minutes is lost, and its counts begin anew.
 *
 * Writes its own cell, and the counts (walstat).
 *
 * Must never: make another process wait.
 */
#include "base.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "exitcode.h"
#include "monitor/accounting.h"
#include "monitor/descriptors.h"
#include "monitor/http.h"
#include "monitor/listeners.h"
#include "monitor/monitor.h"
#include "monitor/pages.h"
#include "monitor/samples.h"
#include "monitor/self.h"
#include "monitor/standbypage.h"
#include "process/signals.h"
#include "shm/board.h"
#include "util/log.h"

#define LISTEN_RETRY_S 5

static struct
{
	ChildContext *ctx;
	struct event_base *base;
	struct event *wake;
	struct event *listen_retry;
	LogLimit listen_limit;
} monitor;

/* Listen where the configuration says; later, if that cannot be had now. */
static void
open_listeners(void)
{
	const Config *config = monitor.ctx->config;
	struct timeval tv = {.tv_sec = LISTEN_RETRY_S};
	uint64_t suppressed;
	ErrInfo err;

	if (listeners_set(
			config->monitor_listen_addresses, config->monitor_port, &err))
	{
		evtimer_del(monitor.listen_retry);
		self_set_reason("");
		return;
	}
	if (log_limit(&monitor.listen_limit, &suppressed))
		log_err(LOG_WARNING, &err);
	self_set_reason(err.message);
	evtimer_add(monitor.listen_retry, &tv);
}

static void
on_listen_retry(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	descriptors_begin_own();
	open_listeners();
	descriptors_end_own();
}

/* A newer configuration; and the log, if it is to be opened anew. */
static void
refresh_config(void)
{
	Config *previous;

	if (child_refresh_config(monitor.ctx, &previous))
	{
		config_free(previous);
		/* a new mistake is worth a line of its own */
		monitor.listen_limit = (LogLimit){0};
		if (monitor.ctx->config->monitor_port != 0)
			open_listeners();
	}
}

/* A signal, or the supervisor after a reload. */
static void
on_wake(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	board_sleep_end();
	if (signals_stop_requested() || signals_drain_requested())
	{
		event_base_loopbreak(monitor.base);
		return;
	}
	descriptors_begin_own();
	refresh_config();
	descriptors_end_own();
}

void
monitor_main(ChildContext *ctx)
{
	monitor.ctx = ctx;
	monitor.base = event_base_new();
	if (monitor.base == NULL)
		log_fatal(EXITCODE_STARTUP, "could not create an event loop");
	monitor.wake = event_new(
		monitor.base, board_wake_fd(), EV_READ | EV_PERSIST, on_wake, NULL);
	monitor.listen_retry = evtimer_new(monitor.base, on_listen_retry, NULL);
	if (monitor.wake == NULL || monitor.listen_retry == NULL ||
		event_add(monitor.wake, NULL) != 0)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	descriptors_init();
	listeners_init(monitor.base, http_new(monitor.base, pages_request));
	pages_init(ctx);
	standbypage_init(monitor.base, ctx);
	samples_init(monitor.base, ctx);
	accounting_start(monitor.base, ctx);
	open_listeners();
	board_set_state(CELL_RUNNING);
	event_base_dispatch(monitor.base);
	exit(EXITCODE_OK);
}
