/*
 * audit.c
 *		The ledgers of standbys.  See audit.h.
 *
 * That no record of a database was delivered between two LSNs is proven if ranges
 * cover all that lies between them, none of them has one, and it is known of all
 * that may have been sent without being on record: by a stream that was cut off, up
 * to a segment behind its last range.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "account.h"
#include "audit.h"
#include "util/mem.h"
#include "walcat.h"

/* No deeper than STATE_DIRECTORY/ledger/RULE/FILE. */
#define DEPTH_MAX 4

#define SPAN_FORMAT LSN_FORMAT "\t" LSN_FORMAT
#define SPAN_ARGS(from, to) LSN_ARGS(from), LSN_ARGS(to)

typedef struct Audit
{
	const AuditParams *params;
	size_t count; /* of ledgers */
} Audit;

/* From the least to what decides, whatever else there is. */
static int
worse(int a, int b)
{
	static const int order[] = {
		WALCAT_OK,
		WALCAT_UNPROVEN,
		WALCAT_ERROR,
		WALCAT_DAMAGED,
		WALCAT_DELIVERED,
	};

	for (size_t i = lengthof(order); i > 0; i--)
	{
		if (a == order[i - 1] || b == order[i - 1])
			return order[i - 1];
	}
	return WALCAT_ERROR;
}

/* ---- what a ledger says ---- */

static const char *
state_text(StreamState state)
{
	switch (state)
	{
		case STREAM_CHANGED:
			return "changed";
		case STREAM_ENDED:
			return "ended";
		default:
			return "open";
	}
}

static void
list_account(const Account *a, const char *path)
{
	size_t rescope = 0;

	printf("ledger\t%s\t%" PRIu64 "\n", path, a->system_identifier);
	for (size_t i = 0; i < a->stream_count; i++)
	{
		const Stream *s = &a->streams[i];

		for (;
			 rescope < a->rescope_count && a->rescopes[rescope].line < s->line;
			 rescope++)
			printf("rescope\t%s\n", a->rescopes[rescope].time);
		printf("stream\t%s\t" SPAN_FORMAT "\t%u\t%016" PRIx64 "\t%s\t%s\n",
			s->session, SPAN_ARGS(s->from, s->to), s->tli, s->digest,
			state_text(s->state), s->time);
	}
	for (; rescope < a->rescope_count; rescope++)
		printf("rescope\t%s\n", a->rescopes[rescope].time);
	for (size_t i = 0; i < a->span_count; i++)
	{
		if (i > 0)
			printf("gap\t" SPAN_FORMAT "\n",
				SPAN_ARGS(a->spans[i - 1].to, a->spans[i].from));
		printf("delivered\t" SPAN_FORMAT "\n",
			SPAN_ARGS(a->spans[i].from, a->spans[i].to));
	}
	for (size_t i = 0; i < a->stream_count; i++)
	{
		const Stream *s = &a->streams[i];
		Span part;

		if (account_open_part(a, s, account_unwritten(a, s), &part))
			printf("open\t" SPAN_FORMAT "\t%s\n", SPAN_ARGS(part.from, part.to),
				s->session);
	}
	for (size_t i = 0; i < a->total.count; i++)
	{
		const TallyCount *c = &a->total.counts[i];

		printf("database\t%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
			   "\n",
			c->database, c->kept_records, c->kept_bytes, c->blanked_records,
			c->blanked_bytes);
	}
}

/* ---- the question ---- */

static bool
overlaps(Span a, Span b)
{
	return a.from < b.to && b.from < a.to;
}

/* Ranges with records of the database in them. */
static int
judge_ranges(const Account *a, const char *path, Span asked)
{
	int status = WALCAT_OK;

	for (size_t i = 0; i < a->range_count; i++)
	{
		const Range *r = &a->ranges[i];
		bool inside = r->from >= asked.from && r->to <= asked.to;

		if (r->kept_records == 0 || !overlaps((Span){r->from, r->to}, asked))
			continue;
		if (inside)
			printf("delivered\t%s\t" SPAN_FORMAT "\t%" PRIu64 "\t%" PRIu64
				   "\t%s\n",
				path, SPAN_ARGS(r->from, r->to), r->kept_records, r->kept_bytes,
				a->streams[r->stream].session);
		else
			printf("unproven\t%s\t" SPAN_FORMAT "\t%" PRIu64
				   " records were delivered somewhere in " LSN_FORMAT
				   " to " LSN_FORMAT "\n",
				path, SPAN_ARGS(Max(r->from, asked.from), Min(r->to, asked.to)),
				r->kept_records, SPAN_ARGS(r->from, r->to));
		status = worse(status, inside ? WALCAT_DELIVERED : WALCAT_UNPROVEN);
	}
	return status;
}

static int
judge_gaps(const Account *a, const char *path, Span asked)
{
	int status = WALCAT_OK;
	Span gap;

	while (asked.from < asked.to && account_gap(a, asked, &gap))
	{
		printf("unproven\t%s\t" SPAN_FORMAT "\tit is not in the ledger\n", path,
			SPAN_ARGS(gap.from, gap.to));
		status = WALCAT_UNPROVEN;
		asked.from = gap.to;
	}
	return status;
}

/* Streams that may have delivered more than the ledger says. */
static int
judge_streams(const Account *a, const char *path, Span asked)
{
	int status = WALCAT_OK;

	for (size_t i = 0; i < a->stream_count; i++)
	{
		const Stream *s = &a->streams[i];
		Span span = account_unwritten(a, s);
		Span part;

		span.from = Max(span.from, asked.from);
		span.to = Min(span.to, asked.to);
		if (!account_open_part(a, s, span, &part))
			continue;
		printf(
			"unproven\t%s\t" SPAN_FORMAT
			"\tsession %s was cut off or runs, and may have delivered more\n",
			path, SPAN_ARGS(part.from, part.to), s->session);
		status = WALCAT_UNPROVEN;
	}
	return status;
}

static int
answer(const Account *a, const char *path, Span asked)
{
	int status = judge_ranges(a, path, asked);

	status = worse(status, judge_gaps(a, path, asked));
	status = worse(status, judge_streams(a, path, asked));
	if (status == WALCAT_OK)
		printf("proven\t%s\t" SPAN_FORMAT "\t%u\n", path,
			SPAN_ARGS(asked.from, asked.to), a->database);
	return status;
}

/* ---- the files ---- */

/*
 * The journal of a ledger's rule: STATE_DIRECTORY/scope/RULE for
 * STATE_DIRECTORY/ledger/RULE/FILE.  A ledger that lies elsewhere has none.
 */
static bool
read_decisions(const char *path, Decisions *decisions, ErrInfo *err)
{
	char *real = realpath(path, NULL);
	char *slash[3] = {NULL, NULL, NULL};
	bool ok = true;

	*decisions = (Decisions){0};
	for (size_t i = 0; real != NULL && i < lengthof(slash); i++)
	{
		slash[i] = strrchr(real, '/');
		if (slash[i] == NULL)
			break;
		*slash[i] = '\0';
	}
	if (slash[2] != NULL && strcmp(slash[2] + 1, "ledger") == 0)
		ok = decisions_read(decisions, real, slash[1] + 1, err);
	free(real);
	return ok;
}

static int
audit_file(Audit *audit, const char *path)
{
	const AuditParams *p = audit->params;
	int status = WALCAT_OK;
	Account account = {0};
	Decisions decisions;
	ErrInfo err;

	audit->count++;
	if (!read_decisions(path, &decisions, &err) ||
		!account_read(
			&account, path, &decisions, p->database, p->segment_size, &err))
	{
		walcat_error(&err);
		status = walcat_exit_code(&err);
	}
	else if (p->database != InvalidOid)
		status = answer(&account, path, (Span){p->from, p->to});
	else
		list_account(&account, path);
	account_clear(&account);
	decisions_clear(&decisions);
	return status;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* What is in a directory, sorted; NULL, with err, on failure. */
static char **
list_directory(const char *path, size_t *count, ErrInfo *err)
{
	DIR *dir = opendir(path);
	char **names = NULL;
	const struct dirent *entry;

	*count = 0;
	if (dir == NULL)
	{
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not open directory \"%s\": %s", path, strerror(errno));
		return NULL;
	}
	names = mem_alloc(sizeof(char *));
	while ((entry = readdir(dir)) != NULL)
	{
		if (entry->d_name[0] == '.')
			continue;
		names = mem_realloc(names, (*count + 1) * sizeof(char *));
		names[(*count)++] = mem_strdup(entry->d_name);
	}
	closedir(dir);
	qsort(names, *count, sizeof(char *), compare_names);
	return names;
}

static int
audit_path(Audit *audit, const char *path, int depth)
{
	int status = WALCAT_OK;
	struct stat st;
	size_t count;
	char **names;
	ErrInfo err;

	if (stat(path, &st) != 0)
	{
		errinfo_set(&err, SQLSTATE_UNDEFINED_FILE,
			"could not open file \"%s\": %s", path, strerror(errno));
		walcat_error(&err);
		return WALCAT_ERROR;
	}
	/* a ledger's name has an '@' in it, and no other file of a state directory */
	if (!S_ISDIR(st.st_mode))
		return depth == 0 || strchr(strrchr(path, '/'), '@') != NULL
				   ? audit_file(audit, path)
				   : WALCAT_OK;
	if (depth == DEPTH_MAX)
		return WALCAT_OK;
	names = list_directory(path, &count, &err);
	if (names == NULL)
	{
		walcat_error(&err);
		return WALCAT_ERROR;
	}
	for (size_t i = 0; i < count; i++)
	{
		char *below = mem_asprintf("%s/%s", path, names[i]);

		status = worse(status, audit_path(audit, below, depth + 1));
		free(below);
		free(names[i]);
	}
	free(names);
	return status;
}

int
audit_run(const AuditParams *params)
{
	Audit audit = {.params = params};
	int status = audit_path(&audit, params->path, 0);

	if (audit.count == 0 && status == WALCAT_OK)
	{
		ErrInfo err;

		errinfo_set(&err, SQLSTATE_UNDEFINED_FILE,
			"there is no ledger in \"%s\"", params->path);
		walcat_error(&err);
		status = WALCAT_ERROR;
	}
	return status;
}
