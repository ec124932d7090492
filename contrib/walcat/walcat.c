/*
 * walcat.c
 *		The walcat program: its command line.
 *
 *		WAL segments, record by record:		segments -> reading -> listing, output
 *											by ruling's verdicts
 *		The ledgers of standbys:			audit
 */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "listing.h"
#include "names.h"
#include "output.h"
#include "reading.h"
#include "ruling.h"
#include "segments.h"
#include "util/cmdline.h"
#include "util/mem.h"
#include "wal/catalog.h"
#include "walcat.h"

/* Options without a letter. */
enum
{
	OPT_STATE_DIRECTORY = 256,
	OPT_DATABASE,
	OPT_TABLESPACE,
	OPT_SUMMARY,
	OPT_WRITE,
	OPT_PARTIAL_START,
	OPT_CHECK_NONE_KEPT,
	OPT_LEDGER,
	OPT_FROM,
	OPT_TO,
	OPT_SEGMENT_SIZE
};

/* A list of OIDs. */
typedef struct OidList
{
	Oid *items;
	size_t count;
} OidList;

typedef struct CommandLine
{
	RulingParams ruling;
	Names *names;
	Lsn start;
	Lsn end;
	bool summary;
	const char *write_directory; /* NULL: nothing is written */
	bool partial_start;
	OidList none_kept;
	AuditParams audit; /* path is NULL: segments are to be read */
	bool has_bare_oid; /* --database without a name: a question */
	bool has_names;
	char **paths;
	size_t path_count;
} CommandLine;

/* What goes on while segments are read. */
typedef struct Run
{
	const CommandLine *cl;
	WalFilter *filter;
	RulingNews news;
	Summary *summary;
	bool list;      /* a line a record */
	uint64_t found; /* records that --check-none-kept forbids */
	uint64_t records;
	bool skipped; /* a segment could not be looked at */
} Run;

static const char help_text[] =
	"walcat shows what a walbouncer makes of WAL, and what it has delivered.\n"
	"\n"
	"Usage:\n"
	"  walcat [OPTION]... SEGMENT|DIRECTORY...\n"
	"  walcat --ledger=FILE|DIRECTORY [--database=OID --from=LSN --to=LSN]\n"
	"\n"
	"Which records are kept (without these: all):\n"
	"  -c, --config=FILE         configuration of the walbouncer\n"
	"  -r, --rule=NAME           rule in it\n"
	"      --state-directory=DIR where the rule's journal is, if not where "
	"the\n"
	"                            configuration says\n"
	"      --database=OID=NAME   the name of a database that the WAL does not\n"
	"                            tell\n"
	"      --tablespace=OID=NAME the same of a tablespace\n"
	"\n"
	"What is done with them (without these: a line is printed for each):\n"
	"      --summary             print numbers by database and resource "
	"manager\n"
	"      --write=DIR           write the filtered segments into a directory\n"
	"      --partial-start       ... also if the first begins in the middle of "
	"a\n"
	"                            record\n"
	"      --check-none-kept=OID fail if a record of this database is kept\n"
	"  -s, --start=LSN           records from here on\n"
	"  -e, --end=LSN             up to here\n"
	"\n"
	"Ledgers of standbys:\n"
	"      --ledger=PATH         print what they say\n"
	"      --database=OID        or say whether this database was delivered\n"
	"      --from=LSN            ... from here on\n"
	"      --to=LSN              ... up to here\n"
	"      --wal-segsize=MB      size of the segments, if it has to be known\n"
	"\n"
	"  -V, --version             print the version, then exit\n"
	"  -?, --help                print this, then exit\n"
	"\n"
	"Exit status: 0 if all is well; 1 after an error; 2 if WAL is damaged; 3 "
	"if\n"
	"records of the database in question were kept; 4 if that cannot be "
	"told.\n";

/* ---- what the parts share ---- */

void
walcat_error(const ErrInfo *err)
{
	fflush(stdout);
	fprintf(stderr, "walcat: error: %s\n", err->message);
	if (err->detail[0] != '\0')
		fprintf(stderr, "walcat: detail: %s\n", err->detail);
	if (err->hint[0] != '\0')
		fprintf(stderr, "walcat: hint: %s\n", err->hint);
}

void
walcat_note(const char *fmt, ...)
{
	va_list ap;

	fputs("walcat: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
}

int
walcat_exit_code(const ErrInfo *err)
{
	return strcmp(err->sqlstate, SQLSTATE_DATA_CORRUPTED) == 0 ||
				   strcmp(err->sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) == 0
			   ? WALCAT_DAMAGED
			   : WALCAT_ERROR;
}

/* ---- the command line ---- */

static void
oid_list_add(OidList *list, Oid oid)
{
	list->items = mem_realloc(list->items, (list->count + 1) * sizeof(Oid));
	list->items[list->count++] = oid;
}

static bool
oid_list_has(const OidList *list, Oid oid)
{
	for (size_t i = 0; i < list->count; i++)
	{
		if (list->items[i] == oid)
			return true;
	}
	return false;
}

static void usage_error(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;

static void
usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("walcat: error: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nwalcat: hint: Try \"walcat --help\" for more information.\n",
		stderr);
	exit(WALCAT_ERROR);
}

static Lsn
parse_lsn(const char *option, const char *text)
{
	Lsn lsn;

	if (!lsn_parse(text, &lsn))
		usage_error("%s: \"%s\" is not an LSN", option, text);
	return lsn;
}

/* A number from 1 to max, and what stands behind it. */
static uint32_t
parse_number(
	const char *option, const char *text, uint32_t max, const char **rest)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || n < 1 || n > max)
		usage_error("%s: \"%s\" does not begin with a number from 1 to %u",
			option, text, max);
	*rest = end;
	return (uint32_t) n;
}

static Oid
parse_oid(const char *option, const char *text)
{
	const char *rest;
	Oid oid = parse_number(option, text, UINT32_MAX, &rest);

	if (*rest != '\0')
		usage_error("%s: \"%s\" is not an OID", option, text);
	return oid;
}

/* OID=NAME, or an OID alone, which is a question. */
static void
take_object(
	CommandLine *cl, const char *option, ScopeKind kind, const char *text)
{
	const char *rest;
	Oid oid = parse_number(option, text, UINT32_MAX, &rest);

	if (*rest == '\0' && kind == SCOPE_DATABASE)
	{
		if (cl->has_bare_oid)
			usage_error("%s is given twice", option);
		cl->audit.database = oid;
		cl->has_bare_oid = true;
		return;
	}
	if (*rest != '=' || rest[1] == '\0')
		usage_error("%s: \"%s\" is not OID=NAME", option, text);
	if (strlen(rest + 1) >= CATALOG_NAME_SIZE)
		usage_error("%s: the name in \"%s\" is too long", option, text);
	names_set(cl->names, kind, oid, rest + 1);
	cl->has_names = true;
}

static uint32_t
parse_segment_size(const char *option, const char *text)
{
	const char *rest;
	uint32_t mb = parse_number(option, text, 1024, &rest);

	if (*rest != '\0' || (mb & (mb - 1)) != 0)
		usage_error(
			"%s: the size must be a power of two from 1 to 1024, not \"%s\"",
			option, text);
	return mb << 20;
}

static void
take_option(CommandLine *cl, int c)
{
	switch (c)
	{
		case 'c':
			cl->ruling.config_file = optarg;
			break;
		case 'r':
			cl->ruling.rule = optarg;
			break;
		case 's':
			cl->start = parse_lsn("--start", optarg);
			break;
		case 'e':
			cl->end = parse_lsn("--end", optarg);
			break;
		case OPT_STATE_DIRECTORY:
			cl->ruling.state_directory = optarg;
			break;
		case OPT_DATABASE:
			take_object(cl, "--database", SCOPE_DATABASE, optarg);
			break;
		case OPT_TABLESPACE:
			take_object(cl, "--tablespace", SCOPE_TABLESPACE, optarg);
			break;
		case OPT_SUMMARY:
			cl->summary = true;
			break;
		case OPT_WRITE:
			cl->write_directory = optarg;
			break;
		case OPT_PARTIAL_START:
			cl->partial_start = true;
			break;
		case OPT_CHECK_NONE_KEPT:
			oid_list_add(
				&cl->none_kept, parse_oid("--check-none-kept", optarg));
			break;
		case OPT_LEDGER:
			cl->audit.path = optarg;
			break;
		case OPT_FROM:
			cl->audit.from = parse_lsn("--from", optarg);
			break;
		case OPT_TO:
			cl->audit.to = parse_lsn("--to", optarg);
			break;
		case OPT_SEGMENT_SIZE:
			cl->audit.segment_size =
				parse_segment_size("--wal-segsize", optarg);
			break;
		case 'V':
			puts("walcat " PACKAGE_VERSION);
			exit(WALCAT_OK);
		default:
			fputs(help_text, stdout);
			exit(WALCAT_OK);
	}
}

static bool
asks_for_segments(const CommandLine *cl)
{
	return cl->path_count > 0 || cl->ruling.config_file != NULL ||
		   cl->ruling.rule != NULL || cl->ruling.state_directory != NULL ||
		   cl->summary || cl->write_directory != NULL || cl->partial_start ||
		   cl->none_kept.count > 0 || cl->has_names ||
		   cl->start != InvalidLsn || cl->end != UINT64_MAX;
}

static void
check_audit(const CommandLine *cl)
{
	const AuditParams *audit = &cl->audit;

	if (asks_for_segments(cl))
		usage_error("--ledger goes with --database, --from, --to and "
					"--wal-segsize only");
	if (!cl->has_bare_oid && audit->from == InvalidLsn &&
		audit->to == InvalidLsn)
		return;
	if (!cl->has_bare_oid || audit->to == InvalidLsn)
		usage_error("--database, --from and --to belong together");
	if (audit->from >= audit->to)
		usage_error("--from is not before --to");
}

/* Which options go together. */
static void
check_command_line(const CommandLine *cl)
{
	if (cl->audit.path != NULL)
	{
		check_audit(cl);
		return;
	}
	if (cl->has_bare_oid)
		usage_error("--database is to be OID=NAME, unless --ledger is given");
	if (cl->audit.from != InvalidLsn || cl->audit.to != InvalidLsn ||
		cl->audit.segment_size != 0)
		usage_error("--from, --to and --wal-segsize go with --ledger only");
	if (cl->path_count == 0)
		usage_error("there is no segment and no directory to read");
	if ((cl->ruling.config_file == NULL) != (cl->ruling.rule == NULL))
		usage_error("--config and --rule belong together");
	if (cl->ruling.state_directory != NULL && cl->ruling.rule == NULL)
		usage_error("--state-directory goes with --config and --rule only");
	if (cl->partial_start && cl->write_directory == NULL)
		usage_error("--partial-start goes with --write only");
	if (cl->write_directory != NULL &&
		(cl->start != InvalidLsn || cl->end != UINT64_MAX))
		usage_error("--write is for whole segments, without --start and --end");
	if (cl->start >= cl->end)
		usage_error("--start is not before --end");
}

static void
parse_command_line(int argc, char **argv, CommandLine *cl)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"rule", required_argument, NULL, 'r'},
		{"state-directory", required_argument, NULL, OPT_STATE_DIRECTORY},
		{"database", required_argument, NULL, OPT_DATABASE},
		{"tablespace", required_argument, NULL, OPT_TABLESPACE},
		{"summary", no_argument, NULL, OPT_SUMMARY},
		{"write", required_argument, NULL, OPT_WRITE},
		{"partial-start", no_argument, NULL, OPT_PARTIAL_START},
		{"check-none-kept", required_argument, NULL, OPT_CHECK_NONE_KEPT},
		{"start", required_argument, NULL, 's'},
		{"end", required_argument, NULL, 'e'},
		{"ledger", required_argument, NULL, OPT_LEDGER},
		{"from", required_argument, NULL, OPT_FROM},
		{"to", required_argument, NULL, OPT_TO},
		{"wal-segsize", required_argument, NULL, OPT_SEGMENT_SIZE},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, '?'},
		{NULL, 0, NULL, 0},
	};
	CmdlineStatus status;
	ErrInfo err;
	int c;

	while ((status = cmdline_next(argc, argv, ":c:r:s:e:V", long_options, &c,
				&err)) == CMDLINE_OPTION)
		take_option(cl, c);
	if (status == CMDLINE_BAD)
		usage_error("%s", err.message);
	cl->paths = argv + optind;
	cl->path_count = (size_t) (argc - optind);
	check_command_line(cl);
}

/* ---- segments ---- */

static bool
is_forbidden(const Run *run, const RmgrSubjects *subjects)
{
	for (unsigned i = 0; i < subjects->count; i++)
	{
		if (oid_list_has(&run->cl->none_kept, subjects->items[i].database))
			return true;
	}
	return false;
}

static bool
on_record(void *arg, Lsn lsn, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked)
{
	Run *run = arg;
	bool forbidden;

	if (lsn >= run->cl->end)
		return false;
	if (lsn < run->cl->start)
		return true;
	run->records++;
	forbidden = !blanked && is_forbidden(run, subjects);
	run->found += forbidden;
	if (run->summary != NULL)
		summary_add(run->summary, head, subjects, blanked);
	if (run->list || forbidden)
		listing_print_record(filter_scope(run->filter), run->cl->names,
			&run->news, lsn, head, subjects, blanked);
	return true;
}

static bool
read_segments(Run *run, const Segments *segments, ErrInfo *err)
{
	const CommandLine *cl = run->cl;
	ReadingParams params = {
		.segments = segments,
		.end = cl->end,
		.visit = on_record,
		.arg = run,
		.partial_start = cl->partial_start,
		.skipped = &run->skipped,
	};
	WalScope *scope;
	bool ok = true;

	if (!ruling_scope(
			&cl->ruling, segments, cl->names, &run->news, &scope, err))
		return false;
	run->filter = params.filter = filter_new(&segments->geometry, scope);
	if (cl->write_directory != NULL)
	{
		params.output = output_open(cl->write_directory, segments, err);
		ok = params.output != NULL;
	}
	ok = ok && reading_run(&params, err);
	if (run->summary != NULL)
		summary_print(run->summary, cl->names);
	output_close(params.output);
	filter_free(run->filter);
	return ok;
}

static int
show_segments(const CommandLine *cl)
{
	Run run = {
		.cl = cl,
		.list = !cl->summary && cl->write_directory == NULL &&
				cl->none_kept.count == 0,
		.summary = cl->summary ? summary_new() : NULL,
	};
	int status = WALCAT_OK;
	Segments segments;
	ErrInfo err;

	if (!segments_find(&segments, cl->paths, cl->path_count, &err) ||
		!read_segments(&run, &segments, &err))
	{
		walcat_error(&err);
		status = walcat_exit_code(&err);
	}
	else if (run.found > 0)
		status = WALCAT_DELIVERED;
	else
	{
		if (run.records == 0)
			walcat_note("there is no record in the WAL that is to be read");
		if (cl->none_kept.count > 0 && (run.records == 0 || run.skipped))
			status = WALCAT_UNPROVEN;
	}
	segments_clear(&segments);
	summary_free(run.summary);
	return status;
}

int
main(int argc, char **argv)
{
	CommandLine cl = {.end = UINT64_MAX};
	int status;

	cl.names = names_new();
	parse_command_line(argc, argv, &cl);
	status = cl.audit.path != NULL ? audit_run(&cl.audit) : show_segments(&cl);
	names_free(cl.names);
	free(cl.none_kept.items);
	if (fflush(stdout) != 0 || ferror(stdout))
	{
		fprintf(stderr, "walcat: error: could not write to stdout: %s\n",
			strerror(errno));
		status = WALCAT_ERROR;
	}
	return status;
}
