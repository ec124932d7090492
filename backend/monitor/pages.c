/*
 * pages.c
 *		What the monitor answers.  See pages.h.
 */
#include "base.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exitcode.h"
#include "monitor/samples.h"
#include "monitor/healthpage.h"
#include "monitor/listeners.h"
#include "monitor/metrics.h"
#include "monitor/statuspage.h"
#include "monitor/pages.h"
#include "monitor/standbypage.h"
#include "monitor/viewtable.h"
#include "shm/control.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

#define ANSWER_MAX ((size_t) 32 * 1024 * 1024)
#define PAGE_PARAMS_MAX 5

typedef struct Page
{
	const char *path;
	void (*answer)(HttpReq *req);
	const char *params[PAGE_PARAMS_MAX + 1]; /* that it knows; NULL ends */
} Page;

static struct
{
	const ChildContext *ctx;
	char *page_policy;
} pages;

/* ---- / ---- */

/* The digest of what is between two marks of the page, as a CSP has it. */
static char *
digest_between(const char *page, const char *begin, const char *end)
{
	const char *start = strstr(page, begin);
	const char *stop = start != NULL ? strstr(start, end) : NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char text[EVP_MAX_MD_SIZE * 2];

	if (stop == NULL)
		return mem_strdup("'none'");
	start += strlen(begin);
	if (EVP_Digest(start, (size_t) (stop - start), digest, NULL, EVP_sha256(),
			NULL) != 1)
		log_fatal(EXITCODE_STARTUP, "could not compute a SHA-256 digest");
	EVP_EncodeBlock(text, digest, 32);
	return mem_asprintf("'sha256-%s'", (char *) text);
}

/* The page may run its own script, use its own style, and ask us: nobody else. */
static char *
make_page_policy(void)
{
	char *page = mem_asprintf("%.*s", (int) page_html_len, page_html);
	char *script = digest_between(page, "<script>", "</script>");
	char *style = digest_between(page, "<style>", "</style>");
	char *policy = mem_asprintf("default-src 'none'; "
								"script-src %s; style-src %s; img-src data:; "
								"connect-src 'self'; base-uri 'none'; "
								"form-action 'none'; frame-ancestors 'none'",
		script, style);

	free(page);
	free(script);
	free(style);
	return policy;
}

static void
answer_page(HttpReq *req)
{
	Buf body;

	buf_init(&body, page_html_len);
	buf_put_bytes(&body, page_html, page_html_len);
	http_reply(req, 200, "text/html; charset=utf-8", pages.page_policy, &body);
}

/* ---- /metrics ---- */

static void
answer_metrics(HttpReq *req)
{
	Buf body;

	buf_init(&body, ANSWER_MAX);
	metrics_put(pages.ctx, &body);
	http_reply(
		req, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, &body);
}

/* ---- /status.json ---- */

/* RFC 3339, to the millisecond. */
static void
put_now(Json *j)
{
	struct timespec now;
	struct tm tm;
	char date[32];
	char text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(
		text, sizeof(text), "%s.%03dZ", date, (int) (now.tv_nsec / 1000000));
	json_string(j, text);
}

/* A view that has one row as an object, one that has several as an array. */
static void
put_view(Json *j, const char *name, bool single)
{
	ViewTable *table = viewtable_new(view_find(name), pages.ctx);

	json_key(j, name);
	if (!single)
		viewtable_put(table, j);
	else if (viewtable_row_count(table) > 0)
		viewtable_put_row(table, 0, j);
	else
		json_null(j);
	viewtable_free(table);
}

static void
answer_status(HttpReq *req)
{
	static const struct
	{
		const char *view;
		bool single;
	} parts[] = {
		{"upstream", true},
		{"ring", true},
		{"spool", true},
		{"standbys", false},
		{"slots", false},
		{"rules", false},
		{"alarms", false},
		{"stats", false},
	};
	Buf body;
	Json j;

	buf_init(&body, ANSWER_MAX);
	json_init(&j, &body);
	json_object_begin(&j);
	json_key(&j, "now");
	put_now(&j);
	json_key(&j, "version");
	json_string(&j, PACKAGE_VERSION);
	json_key(&j, "uptime_s");
	json_int(&j,
		(monotime_pg_timestamp() - control_start_time()) / INT64_C(1000000));
	for (size_t i = 0; i < lengthof(parts); i++)
		put_view(&j, parts[i].view, parts[i].single);
	json_key(&j, "history");
	samples_put(&j);
	json_object_end(&j);
	buf_put_u8(&body, '\n');
	http_reply(req, 200, "application/json", NULL, &body);
}

/* ---- the table ---- */

static const Page table_of_pages[] = {
	{"/", answer_page, {NULL}},
	{"/healthz", healthpage_request,
		{"strict", "application_name", "max_lag_bytes"}},
	{"/metrics", answer_metrics, {NULL}},
	{"/standbys", standbypage_request,
		{"application_name", "rule", "wait_lsn", "count", "timeout"}},
	{"/status.json", answer_status, {NULL}},
};

void
pages_init(const ChildContext *ctx)
{
	pages.ctx = ctx;
	healthpage_init(ctx);
	pages.page_policy = make_page_policy();
}

void
pages_request(HttpReq *req)
{
	if (!listeners_are_meant(http_host(req)))
	{
		http_reply_text(req, 421,
			"\"%s\" is not known to be this server: use localhost, an address, "
			"or a name in monitor_listen_addresses",
			http_host(req));
		return;
	}
	for (size_t i = 0; i < lengthof(table_of_pages); i++)
	{
		const Page *page = &table_of_pages[i];
		const char *unknown;

		if (strcmp(page->path, http_path(req)) != 0)
			continue;
		unknown = http_unknown_param(req, page->params);
		if (unknown != NULL)
			http_reply_text(req, 400, "unknown parameter \"%s\"", unknown);
		else
			page->answer(req);
		return;
	}
	http_reply_text(req, 404, "there is nothing here");
}
