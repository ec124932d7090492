/*
 * ledger.c
 *		What one standby has been given.  See ledger.h.
 *
 * The file is locked to append, which is a matter of microseconds, but not to make
 * that durable: two streams of the same name do not wait for each other's disk.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/ledger.h"
#include "state/linefile.h"
#include "state/linereader.h"
#include "util/mem.h"

#define FOLDER "ledger"
/* NAME_MAX, with some room. */
#define FILE_NAME_LEN_MAX 240
/* '~' and 64 bits. */
#define DIGEST_TEXT_LEN 17
/* " DB:KR:KB:BR:BB" at its longest, and some room */
#define COUNT_TEXT_MAX 128

static const LineFormat format = {
	.magic = "walbouncer-ledger",
	.label = "ledger",
	.damaged_hint = "Move it away; it is begun anew then.",
	.foreign_hint = "Move it away if the standby has been rebuilt.",
};

struct Ledger
{
	LineFile file;
	Lsn at; /* what was given before it is on record */
	char session[LEDGER_SESSION_SIZE];
};

/* ---- the file ---- */

/* FNV-1a; only against accidents: a client can harm none but its own user. */
static uint64_t
digest_text(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
	return h;
}

/* USER@APPLICATION_NAME, if need be cut and told from others by a digest. */
static char *
file_name(const LedgerKey *key)
{
	size_t user_size = strlen(key->user) * 3 + 1;
	size_t app_size = strlen(key->application_name) * 3 + 1;
	char *user = mem_alloc(user_size);
	char *app = mem_alloc(app_size);
	char *name;

	linefile_encode_name(key->user, user, user_size);
	linefile_encode_name(key->application_name, app, app_size);
	name = mem_asprintf("%s@%s", user, app);
	free(user);
	free(app);
	if (strlen(name) > FILE_NAME_LEN_MAX)
	{
		uint64_t digest = digest_text(name);

		snprintf(name + FILE_NAME_LEN_MAX - DIGEST_TEXT_LEN,
			DIGEST_TEXT_LEN + 1, "~%016" PRIx64, digest);
	}
	return name;
}

static void
rule_folder(char folder[LINEFILE_PATH_SIZE], const char *rule)
{
	snprintf(folder, LINEFILE_PATH_SIZE, FOLDER "/%s", rule);
}

/* The ledgers of a rule; NULL if there are none. */
static DIR *
open_directory(const char *state_directory, const char *rule)
{
	char path[LINEFILE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" FOLDER "/%s", state_directory, rule);
	return opendir(path);
}

/* The next ledger of a directory, NULL at its end. */
static const char *
next_file(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
	{
		/* not "." and ".."; a ledger has it always */
		if (strchr(entry->d_name, '@') != NULL)
			return entry->d_name;
	}
	return NULL;
}

/* Whether there may be one more of a rule. */
static bool
check_count(const LedgerKey *key, ErrInfo *err)
{
	DIR *dir = open_directory(key->state_directory, key->rule);
	unsigned count = 0;

	if (dir == NULL)
		return true;
	while (next_file(dir) != NULL)
		count++;
	closedir(dir);
	if (count < LEDGER_FILES_MAX)
		return true;
	errinfo_set(err, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED,
		"rule \"%s\" has %u ledgers already", key->rule, count);
	return errinfo_hint(err,
		"Remove those of standbys that exist no more from \"%s/" FOLDER
		"/%s\", or see that clients keep to one \"application_name\" each.",
		key->state_directory, key->rule);
}

static bool
open_file(Ledger *ledger, const LedgerKey *key, ErrInfo *err)
{
	char folder[LINEFILE_PATH_SIZE];
	char *name = file_name(key);
	bool ok;

	rule_folder(folder, key->rule);
	ok = linefile_open(&ledger->file, &format, key->state_directory, folder,
		name, key->system_identifier, LINEFILE_WRITE, err);
	if (!ok && ledger->file.missing)
		ok = check_count(key, err) &&
			 linefile_open(&ledger->file, &format, key->state_directory, folder,
				 name, key->system_identifier, LINEFILE_CREATE, err);
	/* it may have been made, but not begun */
	ledger->file.mode = LINEFILE_CREATE;
	free(name);
	return ok;
}

/* ---- writing ---- */

/* With the lock held: what is queued, and unlock; then make it durable. */
static bool
commit(Ledger *ledger, ErrInfo *err)
{
	bool ok = linefile_append(&ledger->file, err);

	linefile_unlock(&ledger->file);
	return ok && linefile_sync(&ledger->file, err);
}

Ledger *
ledger_open(const LedgerKey *key, ErrInfo *err)
{
	Ledger *ledger = mem_alloc0(sizeof(Ledger));
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(ledger->session, sizeof(ledger->session), "%d-%" PRIx64,
		(int) getpid(),
		(uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000);
	ledger->file.fd = -1;
	if (open_file(ledger, key, err) && linefile_lock(&ledger->file, err) &&
		commit(ledger, err))
		return ledger;
	ledger_close(ledger);
	return NULL;
}

void
ledger_close(Ledger *ledger)
{
	if (ledger == NULL)
		return;
	linefile_close(&ledger->file);
	free(ledger);
}

bool
ledger_begin(
	Ledger *ledger, Lsn lsn, TimeLineId tli, uint64_t digest, ErrInfo *err)
{
	char now[LINEFILE_TIME_SIZE];

	if (!linefile_lock(&ledger->file, err))
		return false;
	linefile_time(now);
	linefile_add(&ledger->file, "begin %s " LSN_FORMAT " %u %016" PRIx64 " %s",
		ledger->session, LSN_ARGS(lsn), tli, digest, now);
	ledger->at = lsn;
	return commit(ledger, err);
}

/* A "range" line with the counts from *next on, as many as it takes. */
static void
add_range(Ledger *ledger, Lsn to, const Tally *tally, size_t *next)
{
	char text[LINEFILE_TEXT_MAX + 1];
	size_t len = (size_t) snprintf(text, sizeof(text),
		"range %s " LSN_FORMAT " " LSN_FORMAT, ledger->session,
		LSN_ARGS(ledger->at), LSN_ARGS(to));

	for (; *next < tally->count && len + COUNT_TEXT_MAX < sizeof(text);
		 (*next)++)
	{
		const TallyCount *count = &tally->counts[*next];

		len += (size_t) snprintf(text + len, sizeof(text) - len,
			" %u:%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64, count->database,
			count->kept_records, count->kept_bytes, count->blanked_records,
			count->blanked_bytes);
	}
	linefile_add(&ledger->file, "%s", text);
}

static void
add_straddle(Ledger *ledger, const Straddle *s)
{
	linefile_add(&ledger->file,
		"straddle %s " LSN_FORMAT " %u " LSN_FORMAT " %u %u " LSN_FORMAT " %s",
		ledger->session, LSN_ARGS(s->boundary), s->tli, LSN_ARGS(s->record),
		s->total, s->xid, LSN_ARGS(s->prev), s->blanked ? "blanked" : "kept");
}

bool
ledger_range(Ledger *ledger, Lsn to, const Tally *tally,
	const Straddle *straddle, ErrInfo *err)
{
	size_t next = 0;

	/* a record that goes over a boundary has been told of before that is reached */
	to = Max(to, ledger->at);
	if (to == ledger->at && tally->count == 0 && straddle == NULL)
		return true;
	if (!linefile_lock(&ledger->file, err))
		return false;
	if (to != ledger->at || tally->count > 0)
	{
		do
			add_range(ledger, to, tally, &next);
		while (next < tally->count);
	}
	if (straddle != NULL)
		add_straddle(ledger, straddle);
	ledger->at = to;
	return commit(ledger, err);
}

bool
ledger_end(Ledger *ledger, Lsn lsn, ErrInfo *err)
{
	char now[LINEFILE_TIME_SIZE];

	if (!linefile_lock(&ledger->file, err))
		return false;
	linefile_time(now);
	linefile_add(&ledger->file, "end %s " LSN_FORMAT " %s", ledger->session,
		LSN_ARGS(lsn), now);
	return commit(ledger, err);
}

/* ---- what the standby lacks ---- */

static const char *const kind_names[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] = "database",
	[SCOPE_TABLESPACE] = "tablespace",
};

bool
lacks_add(Lacks *lacks, ScopeKind kind, Oid oid, Lsn since)
{
	for (size_t i = 0; i < lacks->count; i++)
	{
		Lack *lack = &lacks->items[i];

		if (lack->kind != kind || lack->oid != oid)
			continue;
		if (lack->since <= since)
			return false;
		lack->since = since;
		return true;
	}
	if (lacks->count == lacks->cap)
	{
		lacks->cap = Max(lacks->cap * 2, 16);
		lacks->items = mem_realloc(lacks->items, lacks->cap * sizeof(Lack));
	}
	lacks->items[lacks->count++] =
		(Lack){.kind = kind, .oid = oid, .since = since};
	return true;
}

void
lacks_clear(Lacks *lacks)
{
	free(lacks->items);
	*lacks = (Lacks){0};
}

bool
ledger_add_lacks(Ledger *ledger, const Lacks *lacks, ErrInfo *err)
{
	if (lacks->count == 0)
		return true;
	if (!linefile_lock(&ledger->file, err))
		return false;
	for (size_t i = 0; i < lacks->count; i++)
	{
		const Lack *lack = &lacks->items[i];

		linefile_add(&ledger->file, "lacks %s %u " LSN_FORMAT,
			kind_names[lack->kind], lack->oid, LSN_ARGS(lack->since));
	}
	return commit(ledger, err);
}

bool
ledger_leave(const LedgerKey *key, ErrInfo *err)
{
	Ledger *ledger = ledger_open(key, err);
	char now[LINEFILE_TIME_SIZE];
	bool ok = ledger != NULL && linefile_lock(&ledger->file, err);

	if (ok)
	{
		linefile_time(now);
		linefile_add(&ledger->file, "left %s", now);
		ok = commit(ledger, err);
	}
	ledger_close(ledger);
	return ok;
}

bool
ledger_each_rule(const char *state_directory, LedgerRuleVisitor visit,
	void *arg, ErrInfo *err)
{
	char path[LINEFILE_PATH_SIZE];
	struct dirent *entry;
	DIR *dir;
	bool ok = true;

	snprintf(path, sizeof(path), "%s/" FOLDER, state_directory);
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT || errinfo_set(err, SQLSTATE_IO_ERROR,
									  "could not open \"%s\": %m", path);
	while (ok && (errno = 0, entry = readdir(dir)) != NULL)
	{
		/* no rule's name begins with it */
		if (entry->d_name[0] != '.' && entry->d_type != DT_REG)
			ok = visit(arg, entry->d_name, err);
	}
	if (ok && errno != 0)
		ok = errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not read \"%s\": %m", path);
	closedir(dir);
	return ok;
}

/* ---- forgetting ---- */

static bool
forget_one(const char *state_directory, const char *rule, const char *name,
	ErrInfo *err)
{
	char folder[LINEFILE_PATH_SIZE];
	char now[LINEFILE_TIME_SIZE];
	LineFile file;
	bool ok;

	rule_folder(folder, rule);
	if (!linefile_open(&file, &format, state_directory, folder, name, 0,
			LINEFILE_WRITE, err))
		return file.missing;
	ok = linefile_lock(&file, err);
	/* nothing to forget in one that was made, but not begun */
	if (ok && file.end > 0)
	{
		linefile_time(now);
		linefile_add(&file, "rescope %s", now);
		ok = linefile_append(&file, err) && linefile_sync(&file, err);
	}
	linefile_close(&file);
	return ok;
}

bool
ledger_forget(const char *state_directory, const char *rule, ErrInfo *err)
{
	DIR *dir = open_directory(state_directory, rule);
	const char *name;
	bool ok = true;

	if (dir == NULL)
		return errno == ENOENT || errinfo_set(err, SQLSTATE_IO_ERROR,
									  "could not open \"%s/" FOLDER "/%s\": %m",
									  state_directory, rule);
	while (ok && (name = next_file(dir)) != NULL)
		ok = forget_one(state_directory, rule, name, err);
	closedir(dir);
	return ok;
}

/* ---- reading ---- */

/* "SESSION LSN" and what follows; NULL if it is not that. */
static const char *
parse_front(const char *text, LedgerLine *line)
{
	char lsn[LSN_TEXT_SIZE];
	int len = 0;

	if (sscanf(text, "%39s %17s%n", line->session, lsn, &len) != 2 ||
		!lsn_parse(lsn, &line->from))
		return NULL;
	line->to = line->from;
	return text + len;
}

static bool
parse_time(const char *text, LedgerLine *line)
{
	while (*text == ' ')
		text++;
	snprintf(line->time, sizeof(line->time), "%s", text);
	return line->time[0] != '\0';
}

static bool
parse_begin(const char *text, LedgerLine *line)
{
	const char *rest = parse_front(text, line);
	int len = 0;

	return rest != NULL &&
		   sscanf(rest, " %" SCNu32 " %" SCNx64 "%n", &line->tli, &line->digest,
			   &len) == 2 &&
		   parse_time(rest + len, line);
}

static bool
parse_end(const char *text, LedgerLine *line)
{
	const char *rest = parse_front(text, line);

	return rest != NULL && parse_time(rest, line);
}

/* One number, with the character behind it. */
static bool
parse_number(const char **text, char end, uint64_t *number)
{
	char *stop;

	errno = 0;
	if (**text < '0' || **text > '9')
		return false;
	*number = strtoull(*text, &stop, 10);
	if (errno != 0 || (*stop != end && (end != ' ' || *stop != '\0')))
		return false;
	*text = *stop == '\0' ? stop : stop + 1;
	return true;
}

/* "DB:KR:KB:BR:BB ...", ascending by database. */
static bool
parse_counts(const char *text, Tally *tally)
{
	while (*text != '\0')
	{
		TallyCount count;
		uint64_t database;
		Tally one = {.counts = &count, .count = 1};

		if (!parse_number(&text, ':', &database) || database > UINT32_MAX ||
			!parse_number(&text, ':', &count.kept_records) ||
			!parse_number(&text, ':', &count.kept_bytes) ||
			!parse_number(&text, ':', &count.blanked_records) ||
			!parse_number(&text, ' ', &count.blanked_bytes))
			return false;
		count.database = (Oid) database;
		tally_merge(tally, &one);
	}
	return true;
}

static bool
parse_range(const char *text, LedgerLine *line)
{
	const char *rest = parse_front(text, line);
	char to[LSN_TEXT_SIZE];
	int len = 0;

	if (rest == NULL || sscanf(rest, " %17s%n", to, &len) != 1 ||
		!lsn_parse(to, &line->to))
		return false;
	rest += len;
	return *rest == '\0' || parse_counts(rest + 1, &line->tally);
}

static bool
parse_straddle(const char *text, LedgerLine *line)
{
	Straddle *s = &line->straddle;
	const char *rest = parse_front(text, line);
	char record[LSN_TEXT_SIZE];
	char prev[LSN_TEXT_SIZE];
	char fate[8];

	if (rest == NULL ||
		sscanf(rest, " %" SCNu32 " %17s %" SCNu32 " %" SCNu32 " %17s %7s",
			&s->tli, record, &s->total, &s->xid, prev, fate) != 6 ||
		!lsn_parse(record, &s->record) || !lsn_parse(prev, &s->prev) ||
		(strcmp(fate, "kept") != 0 && strcmp(fate, "blanked") != 0))
		return false;
	s->boundary = line->from;
	s->blanked = fate[0] == 'b';
	line->tli = s->tli;
	return true;
}

static bool
parse_lack(const char *text, LedgerLine *line)
{
	char kind[16];
	char since[LSN_TEXT_SIZE];

	if (sscanf(text, "%15s %" SCNu32 " %17s", kind, &line->lack.oid, since) !=
			3 ||
		!lsn_parse(since, &line->lack.since))
		return false;
	line->from = line->to = line->lack.since;
	for (int i = 0; i < SCOPE_KIND_COUNT; i++)
	{
		line->lack.kind = (ScopeKind) i;
		if (strcmp(kind, kind_names[i]) == 0)
			return true;
	}
	return false;
}

typedef struct LineType
{
	const char *word;
	LedgerLineKind kind;
	bool (*parse)(const char *text, LedgerLine *line);
} LineType;

static const LineType line_types[] = {
	{"begin ", LEDGER_BEGIN, parse_begin},
	{"range ", LEDGER_RANGE, parse_range},
	{"straddle ", LEDGER_STRADDLE, parse_straddle},
	{"end ", LEDGER_END, parse_end},
	{"lacks ", LEDGER_LACKS, parse_lack},
	{"left ", LEDGER_LEFT, parse_time},
	{"rescope ", LEDGER_RESCOPE, parse_time},
};

/* The line's tally must be empty, and is the caller's to clear. */
static bool
parse_line(const char *text, LedgerLine *line)
{
	for (size_t i = 0; i < lengthof(line_types); i++)
	{
		size_t len = strlen(line_types[i].word);

		if (strncmp(text, line_types[i].word, len) == 0)
		{
			line->kind = line_types[i].kind;
			return line_types[i].parse(text + len, line);
		}
	}
	return false;
}

/* How far the whole lines go; the lock is for that only, reading may take long. */
static bool
find_end(LineFile *file, ErrInfo *err)
{
	bool ok = linefile_lock(file, err);

	linefile_unlock(file);
	return ok;
}

/*
 * Whether it is a straddle at boundary.  Nearly all lines are not, and there may be
 * a million: they are told by their text.
 */
static bool
parse_straddle_at(const char *text, Lsn boundary, LedgerLine *line)
{
	char wanted[LSN_TEXT_SIZE + 2];
	const char *after_session;

	if (strncmp(text, "straddle ", 9) != 0)
		return false;
	snprintf(wanted, sizeof(wanted), " " LSN_FORMAT " ", LSN_ARGS(boundary));
	after_session = strchr(text + 9, ' ');
	return after_session != NULL &&
		   strncmp(after_session, wanted, strlen(wanted)) == 0 &&
		   parse_line(text, line);
}

typedef struct StraddleSearch
{
	Lsn boundary;
	TimeLineId tli;
	Straddle best; /* its tli is 0 if there is none */
} StraddleSearch;

static LineVerdict
search_line(void *arg, const char *text)
{
	StraddleSearch *search = arg;
	LedgerLine line = {0};

	if (strncmp(text, "rescope ", 8) == 0)
		return LINE_ENOUGH;
	if (!parse_straddle_at(text, search->boundary, &line) ||
		line.straddle.tli > search->tli ||
		line.straddle.tli <= search->best.tli)
		return LINE_GO_ON;
	search->best = line.straddle;
	/* none can be better, and of its timeline it is the latest */
	return search->best.tli < search->tli ? LINE_GO_ON : LINE_ENOUGH;
}

bool
ledger_find_straddle(
	Ledger *ledger, Lsn boundary, TimeLineId tli, Straddle *straddle)
{
	StraddleSearch search = {.boundary = boundary, .tli = tli};
	ErrInfo ignored;

	if (!find_end(&ledger->file, &ignored) ||
		!linereader_each_back(&ledger->file, search_line, &search, &ignored) ||
		search.best.tli == 0)
		return false;
	*straddle = search.best;
	return true;
}

typedef struct LookBack
{
	bool *counts;
	Lacks *lacks;
} LookBack;

/* From its end back to where the standby left or was rebuilt. */
static LineVerdict
look_back(void *arg, const char *text)
{
	const LookBack *look = arg;
	LedgerLine line = {0};

	/* nearly all lines are others */
	if (strncmp(text, "rescope ", 8) == 0 || strncmp(text, "left ", 5) == 0)
		return LINE_ENOUGH;
	if (strncmp(text, "begin ", 6) == 0)
		*look->counts = true;
	else if (strncmp(text, "lacks ", 6) == 0)
	{
		if (!parse_line(text, &line))
			return LINE_WRONG;
		lacks_add(look->lacks, line.lack.kind, line.lack.oid, line.lack.since);
	}
	return LINE_GO_ON;
}

bool
ledger_look(const LedgerKey *key, bool *counts, Lacks *lacks, ErrInfo *err)
{
	LookBack look = {.counts = counts, .lacks = lacks};
	char folder[LINEFILE_PATH_SIZE];
	char *name = file_name(key);
	LineFile file;
	bool ok;

	*counts = false;
	rule_folder(folder, key->rule);
	ok = linefile_open(&file, &format, key->state_directory, folder, name, 0,
		LINEFILE_READ, err);
	free(name);
	if (!ok)
		return file.missing;
	ok = find_end(&file, err);
	if (ok && file.end > 0 && file.system_identifier == key->system_identifier)
		ok = linereader_each_back(&file, look_back, &look, err);
	linefile_close(&file);
	return ok;
}

typedef struct Visit
{
	LedgerVisitor visit;
	void *arg;
} Visit;

static LineVerdict
visit_line(void *arg, const char *text)
{
	const Visit *v = arg;
	LineVerdict verdict = LINE_WRONG;
	LedgerLine line = {0};

	if (parse_line(text, &line))
		verdict = v->visit(v->arg, &line) ? LINE_GO_ON : LINE_ENOUGH;
	tally_clear(&line.tally);
	return verdict;
}

bool
ledger_read(const char *path, uint64_t *system_identifier, LedgerVisitor visit,
	void *arg, ErrInfo *err)
{
	Visit v = {.visit = visit, .arg = arg};
	LineFile file;
	bool ok;

	if (!linefile_open_path(&file, &format, path, err))
		return false;
	ok = find_end(&file, err) && linereader_each(&file, visit_line, &v, err);
	*system_identifier = file.system_identifier;
	linefile_close(&file);
	return ok;
}
