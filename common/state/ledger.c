/*
 * ledger.c
 *		What one standby has been given.  See ledger.h.
 *
 * The file is locked to append, which is a matter of microseconds, but not to make
 * that durable: two streams of the same name do not wait for each other's disk.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "state/ledger.h"
#include "state/linereader.h"
#include "util/mem.h"

struct Ledger
{
	LineFile file;
	Lsn at; /* what was given before it is on record */
	char session[LEDGER_SESSION_SIZE];
};

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
	if (ledgerfile_open(&ledger->file, key, LINEFILE_CREATE, err) &&
		linefile_lock(&ledger->file, err) && commit(ledger, err))
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
	if (!linefile_lock(&ledger->file, err))
		return false;
	ledgerline_add_begin(&ledger->file, ledger->session, lsn, tli, digest);
	ledger->at = lsn;
	return commit(ledger, err);
}

bool
ledger_range(Ledger *ledger, Lsn to, const Tally *tally,
	const Straddle *straddle, ErrInfo *err)
{
	/* a record that goes over a boundary has been told of before that is reached */
	to = Max(to, ledger->at);
	if (to == ledger->at && tally->count == 0 && straddle == NULL)
		return true;
	if (!linefile_lock(&ledger->file, err))
		return false;
	if (to != ledger->at || tally->count > 0)
		ledgerline_add_range(
			&ledger->file, ledger->session, ledger->at, to, tally);
	if (straddle != NULL)
		ledgerline_add_straddle(&ledger->file, ledger->session, straddle);
	ledger->at = to;
	return commit(ledger, err);
}

bool
ledger_end(Ledger *ledger, Lsn lsn, ErrInfo *err)
{
	if (!linefile_lock(&ledger->file, err))
		return false;
	ledgerline_add_end(&ledger->file, ledger->session, lsn);
	return commit(ledger, err);
}

/* ---- what the standby lacks ---- */

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
		ledgerline_add_lack(&ledger->file, &lacks->items[i]);
	return commit(ledger, err);
}

bool
ledger_leave(const LedgerKey *key, ErrInfo *err)
{
	Ledger *ledger = ledger_open(key, err);
	bool ok = ledger != NULL && linefile_lock(&ledger->file, err);

	if (ok)
	{
		ledgerline_add_left(&ledger->file);
		ok = commit(ledger, err);
	}
	ledger_close(ledger);
	return ok;
}

/* ---- forgetting ---- */

static bool
forget_one(LineFile *file, ErrInfo *err)
{
	if (!linefile_lock(file, err))
		return false;
	/* nothing to forget in one that was made, but not begun */
	if (file->end == 0)
		return true;
	ledgerline_add_rescope(file);
	return linefile_append(file, err) && linefile_sync(file, err);
}

bool
ledger_forget(const char *state_directory, const char *rule, ErrInfo *err)
{
	return ledgerfile_each(state_directory, rule, forget_one, err);
}

/* ---- reading ---- */

/* How far the whole lines go; the lock is for that only, reading may take long. */
static bool
find_end(LineFile *file, ErrInfo *err)
{
	bool ok = linefile_lock(file, err);

	linefile_unlock(file);
	return ok;
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

	if (ledgerline_is(text, LEDGER_RESCOPE))
		return LINE_ENOUGH;
	if (!ledgerline_parse_straddle_at(text, search->boundary, &line) ||
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
	if (ledgerline_is(text, LEDGER_RESCOPE) || ledgerline_is(text, LEDGER_LEFT))
		return LINE_ENOUGH;
	if (ledgerline_is(text, LEDGER_BEGIN))
		*look->counts = true;
	else if (ledgerline_is(text, LEDGER_LACKS))
	{
		if (!ledgerline_parse(text, &line))
			return LINE_WRONG;
		lacks_add(look->lacks, line.lack.kind, line.lack.oid, line.lack.since);
	}
	return LINE_GO_ON;
}

bool
ledger_look(const LedgerKey *key, bool *counts, Lacks *lacks, ErrInfo *err)
{
	LookBack look = {.counts = counts, .lacks = lacks};
	LineFile file;
	bool ok;

	*counts = false;
	if (!ledgerfile_open(&file, key, LINEFILE_READ, err))
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

	if (ledgerline_parse(text, &line))
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

	if (!ledgerfile_open_path(&file, path, err))
		return false;
	ok = find_end(&file, err) && linereader_each(&file, visit_line, &v, err);
	*system_identifier = file.system_identifier;
	linefile_close(&file);
	return ok;
}
