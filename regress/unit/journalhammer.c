/*
 * journalhammer.c
 *		journalhammer DIRECTORY KILLS SEED
 *
 * Workers of one rule that write to its scope journal and to ledgers as fast as
 * they can, are killed by SIGKILL at random moments, and replaced.  Each tells over
 * a pipe what has been committed.  After every kill a fresh process reads all files,
 * while the others go on: what was told must be there, and nothing that nobody
 * meant to write.  Exit status 0 if it was so.
 *
 * What a worker's step n does, and what must be on record of it, follows from the
 * worker's number and n alone, so that only n has to be told.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mutate.h"
#include "state/journal.h"
#include "state/ledger.h"
#include "state/rulescope.h"
#include "util/mem.h"

#define SYSID UINT64_C(7312345678901234567)
#define SEGMENT ((Lsn) 0x1000000)
#define AT_ONCE 3
#define LEDGERS 2
/* The journal is read in every step, so it must not become too long. */
#define KILLS_A_RULE 20
#define WORKERS_MAX (KILLS_A_RULE + AT_ONCE)
#define DELAY_MAX_US 20000
/*
 * Between two steps.  Whoever waits for a lock looks every few milliseconds whether
 * it is free, so it has to be at times; a daemon's workers write far less often.
 */
#define PAUSE_US 500

/* OIDs: each worker has its own, but for those that all of them decide on. */
#define OIDS_A_STEP 200
#define STEPS_MAX 1000
#define OIDS_A_WORKER (OIDS_A_STEP * STEPS_MAX)
#define SHARED_OID 1000
#define MANY_DATABASES 1200 /* in a ledger's line */

typedef enum Step
{
	STEP_COMPILE, /* OIDS_A_STEP decisions in one write of some pages */
	STEP_NAMED,
	STEP_UNKNOWN,
	STEP_COPIED,
	STEP_MOVED,
	STEP_SHARED, /* an OID that others look up as well, under another name */
	STEP_RANGE,
	STEP_LONG_RANGE,
	STEP_COUNT
} Step;

typedef struct Ack
{
	uint32_t n;
	uint32_t verdict; /* of STEP_SHARED */
} Ack;

typedef struct Worker
{
	pid_t pid; /* 0: it has been killed */
	int pipe;
	uint32_t acked;
	uint8_t shared[STEPS_MAX]; /* 1 + verdict */
} Worker;

static const char *directory;
static char rule_name[32];
static Worker workers[WORKERS_MAX];
static unsigned worker_count;
static uint64_t seed;

static NORETURN void
fail(const char *what, const ErrInfo *err)
{
	fprintf(stderr, "journalhammer: rule %s: %s%s%s\n", rule_name, what,
		err != NULL ? ": " : "", err != NULL ? err->message : "");
	exit(1);
}

static void
sleep_us(uint32_t us)
{
	struct timespec delay = {.tv_nsec = us * 1000L};

	nanosleep(&delay, NULL);
}

/* ---- what follows from a worker's number and n ---- */

static Step
step_of(uint32_t n)
{
	return (Step) (n % STEP_COUNT);
}

static Oid
oid_of(unsigned worker, uint32_t n, unsigned i)
{
	return (worker + 1) * OIDS_A_WORKER + n * OIDS_A_STEP + i;
}

static Lsn
lsn_of(uint32_t n)
{
	return n * SEGMENT;
}

static const char *
name_of(Oid oid)
{
	return oid % 3 == 0 ? "secret" : "harmless";
}

/* What is to be on record of an OID of step n; false if nothing is. */
static bool
expect(uint32_t n, unsigned i, Oid oid, JournalEntry *entry)
{
	*entry = (JournalEntry){.oid = oid};
	if (oid % 3 == 0)
		entry->verdict = SCOPE_OUT;
	switch (step_of(n))
	{
		case STEP_COMPILE:
			if (entry->verdict == SCOPE_OUT)
				entry->since = lsn_of(n);
			return true;
		case STEP_NAMED:
		case STEP_UNKNOWN:
			return i == 0;
		case STEP_COPIED:
			entry->verdict = SCOPE_OUT;
			entry->since = lsn_of(n);
			return i == 0;
		default:
			return false;
	}
}

static Straddle
straddle_of(unsigned worker, uint32_t n)
{
	return (Straddle){
		.boundary = lsn_of(n),
		.tli = worker + 1,
		.record = lsn_of(n) - 8 * (worker + 1),
		.total = n * 100,
		.xid = n,
		.prev = lsn_of(n) - 512,
		.blanked = (worker + n) % 2 == 0,
	};
}

static void
fill_tally(Tally *tally, unsigned worker, uint32_t n)
{
	unsigned count = step_of(n) == STEP_LONG_RANGE ? MANY_DATABASES : 3;

	tally_reset(tally);
	for (Oid database = 0; database < count; database++)
		tally_add(tally, database, worker * 1000 + n, database % 2 == 0);
}

/* ---- a worker ---- */

static ScopeAnswer
on_look_up(void *arg, ScopeKind kind UNUSED, Oid oid, uint32_t xid UNUSED,
	Lsn lsn UNUSED, char name[CATALOG_NAME_SIZE], ErrInfo *err UNUSED)
{
	const unsigned *worker = arg;

	if (oid < OIDS_A_WORKER)
		oid = *worker % 2 == 0 ? 3 : 1;
	snprintf(name, CATALOG_NAME_SIZE, "%s", name_of(oid));
	return SCOPE_ANSWER_NAME;
}

static WalScope *
compile(unsigned *worker, uint32_t n)
{
	char *secret = "secret";
	Rule rule = {
		.name = rule_name,
		.filter.exclude_databases = {.given = true,
			.names = {.items = &secret, .count = 1}},
	};
	ScopeObjects objects = {0};
	RuleScopeParams params = {
		.rule = &rule,
		.state_directory = directory,
		.system_identifier = SYSID,
		.objects = &objects,
		.since = lsn_of(n),
		.live = true,
		.hooks = {.look_up = on_look_up, .arg = worker},
	};
	WalScope *scope;
	ErrInfo err;

	for (unsigned i = 0; n > 0 && i < OIDS_A_STEP; i++)
	{
		Oid oid = oid_of(*worker, n, i);

		scope_objects_add(&objects, SCOPE_DATABASE, oid, name_of(oid), false);
	}
	if (!rulescope_compile(&params, &scope, &err))
		fail("could not compile", &err);
	scope_objects_clear(&objects);
	return scope;
}

static void
write_range(Ledger *ledger, unsigned worker, uint32_t n)
{
	static Tally tally;
	Straddle straddle = straddle_of(worker, n);
	ErrInfo err;

	fill_tally(&tally, worker, n);
	if (!ledger_range(ledger, lsn_of(n), &tally, &straddle, &err))
		fail("could not write a range", &err);
}

static uint32_t
take_step(unsigned *worker, uint32_t n, WalScope *scope, Ledger *ledger)
{
	Oid oid = oid_of(*worker, n, 0);
	bool in = true;
	bool ok = true;
	ErrInfo err;

	switch (step_of(n))
	{
		case STEP_COMPILE:
			walscope_free(compile(worker, n));
			break;
		case STEP_NAMED:
			ok = walscope_named(
				scope, SCOPE_DATABASE, oid, name_of(oid), lsn_of(n), &err);
			break;
		case STEP_SHARED:
			oid = SHARED_OID + n;
			/* FALLTHROUGH */
		case STEP_UNKNOWN:
			ok = walscope_check(scope, oid, 0, n, lsn_of(n), &in, &err);
			break;
		case STEP_COPIED:
			ok = walscope_copied(scope, oid, 1, lsn_of(n), &err);
			break;
		case STEP_MOVED:
			ok = walscope_moved(scope, SCOPE_DATABASE, oid, lsn_of(n), &err);
			break;
		default:
			write_range(ledger, *worker, n);
			break;
	}
	if (!ok)
		fail("a step failed", &err);
	return in ? SCOPE_IN : SCOPE_OUT;
}

static NORETURN void
run_worker(unsigned worker, int out)
{
	char name[16];
	LedgerKey key = {
		.state_directory = directory,
		.rule = rule_name,
		.user = "hammer",
		.application_name = name,
		.system_identifier = SYSID,
	};
	WalScope *scope = compile(&worker, 0);
	Ledger *ledger;
	ErrInfo err;

	snprintf(name, sizeof(name), "%u", worker % LEDGERS);
	ledger = ledger_open(&key, &err);
	/* the digest says whose session it is */
	if (ledger == NULL || !ledger_begin(ledger, 0, 1, worker, &err))
		fail("could not begin a ledger", &err);
	for (uint32_t n = 1; n < STEPS_MAX; n++)
	{
		Ack ack = {.n = n};

		ack.verdict = take_step(&worker, n, scope, ledger);
		if (write(out, &ack, sizeof(ack)) != sizeof(ack))
			fail("could not tell", NULL);
		sleep_us(PAUSE_US);
	}
	pause();
	exit(1);
}

/* ---- the one who reads ---- */

static void
check_entry(const Journal *j, unsigned worker, uint32_t n, unsigned i)
{
	Oid oid = oid_of(worker, n, i);
	const JournalEntry *found = journal_find(j, SCOPE_DATABASE, oid);
	JournalEntry expected;

	if (!expect(n, i, oid, &expected))
		return;
	if (found == NULL)
		fail("a decision is lost", NULL);
	if (found->verdict != expected.verdict || found->since != expected.since)
		fail("a decision has changed", NULL);
}

/* All that a worker has told is there. */
static void
check_told(const Journal *j, const WalScope *scope, unsigned worker)
{
	const Worker *w = &workers[worker];
	const JournalEntry *found;
	ScopeKind kind;

	for (uint32_t n = 1; n <= w->acked; n++)
	{
		for (unsigned i = 0; i < OIDS_A_STEP; i++)
			check_entry(j, worker, n, i);
		if (step_of(n) == STEP_MOVED &&
			!walscope_catalog_kind(scope, oid_of(worker, n, 0), &kind))
			fail("the file of a catalog is lost", NULL);
		if (step_of(n) != STEP_SHARED)
			continue;
		found = journal_find(j, SCOPE_DATABASE, SHARED_OID + n);
		if (found == NULL || found->verdict + 1 != w->shared[n])
			fail("a decision of all workers is lost", NULL);
	}
}

/* Whether a step may have been taken: what is dead has told all but one. */
static bool
may_have_begun(unsigned worker, uint32_t n)
{
	return worker < worker_count && n > 0 && n < STEPS_MAX &&
		   (workers[worker].pid != 0 || n <= workers[worker].acked + 1);
}

/* Nothing else is there. */
static void
check_found(const Journal *j)
{
	const JournalTable *table = &j->tables[SCOPE_DATABASE];

	if (j->tables[SCOPE_TABLESPACE].count > 0)
		fail("a tablespace is on record", NULL);
	for (size_t at = 0; at < table->count; at++)
	{
		const JournalEntry *entry = &table->entries[at];
		unsigned worker = entry->oid / OIDS_A_WORKER - 1;
		uint32_t n = entry->oid % OIDS_A_WORKER / OIDS_A_STEP;
		JournalEntry expected;

		if (entry->oid < OIDS_A_WORKER)
		{
			n = entry->oid - SHARED_OID;
			if (n >= STEPS_MAX || step_of(n) != STEP_SHARED)
				fail("an OID is on record that nobody has met", NULL);
			continue;
		}
		if (!may_have_begun(worker, n) ||
			!expect(n, entry->oid % OIDS_A_STEP, entry->oid, &expected))
			fail("a decision was never taken", NULL);
		check_entry(j, worker, n, entry->oid % OIDS_A_STEP);
	}
}

static void
check_journal(void)
{
	WalScope *scope = walscope_new();
	Journal j;
	ErrInfo err;

	if (!journal_open_read(&j, directory, rule_name, SYSID, scope, &err))
		fail("could not read the journal", &err);
	for (unsigned worker = 0; worker < worker_count; worker++)
		check_told(&j, scope, worker);
	check_found(&j);
	journal_close(&j);
	walscope_free(scope);
}

/* A ledger as it is read: of each session, whose it is and how far it has come. */
typedef struct Reading
{
	char sessions[WORKERS_MAX][LEDGER_SESSION_SIZE];
	uint32_t ranges[WORKERS_MAX];
	uint32_t straddles[WORKERS_MAX];
} Reading;

static unsigned
worker_of(const Reading *reading, const char *session)
{
	for (unsigned worker = 0; worker < worker_count; worker++)
	{
		if (strcmp(reading->sessions[worker], session) == 0)
			return worker;
	}
	fail("a session has not begun", NULL);
}

/* The next step that writes to a ledger. */
static uint32_t
next_range(uint32_t n)
{
	do
		n++;
	while (step_of(n) != STEP_RANGE && step_of(n) != STEP_LONG_RANGE);
	return n;
}

static void
check_range(Reading *reading, unsigned worker, const LedgerLine *line)
{
	static Tally tally;
	uint32_t n = next_range(reading->ranges[worker]);

	fill_tally(&tally, worker, n);
	if (!may_have_begun(worker, n) || line->to != lsn_of(n) ||
		line->from != lsn_of(reading->ranges[worker]) ||
		line->tally.count != tally.count ||
		memcmp(line->tally.counts, tally.counts,
			tally.count * sizeof(TallyCount)) != 0)
		fail("a range was never written", NULL);
	reading->ranges[worker] = n;
}

static void
check_straddle(Reading *reading, unsigned worker, const LedgerLine *line)
{
	Straddle s = straddle_of(worker, reading->ranges[worker]);
	const Straddle *found = &line->straddle;

	if (found->boundary != s.boundary || found->tli != s.tli ||
		found->record != s.record || found->total != s.total ||
		found->xid != s.xid || found->prev != s.prev ||
		found->blanked != s.blanked)
		fail("a straddle was never written", NULL);
	reading->straddles[worker] = reading->ranges[worker];
}

static bool
on_line(void *arg, const LedgerLine *line)
{
	Reading *reading = arg;

	switch (line->kind)
	{
		case LEDGER_BEGIN:
			if (line->digest >= worker_count)
				fail("a session is nobody's", NULL);
			strcpy(reading->sessions[line->digest], line->session);
			break;
		case LEDGER_RANGE:
			check_range(reading, worker_of(reading, line->session), line);
			break;
		case LEDGER_STRADDLE:
			check_straddle(reading, worker_of(reading, line->session), line);
			break;
		default:
			fail("a line was never written", NULL);
	}
	return true;
}

static void
ledger_path(char path[512], unsigned ledger)
{
	snprintf(path, 512, "%s/ledger/%s/hammer@%u", directory, rule_name, ledger);
}

static void
check_ledgers(void)
{
	static Reading reading;
	char path[512];
	uint64_t sysid;
	ErrInfo err;

	for (unsigned i = 0; i < LEDGERS; i++)
	{
		ledger_path(path, i);
		if (access(path, F_OK) == 0 &&
			!ledger_read(path, &sysid, on_line, &reading, &err))
			fail("could not read a ledger", &err);
	}
	for (unsigned worker = 0; worker < worker_count; worker++)
	{
		for (uint32_t n = next_range(0); n <= workers[worker].acked;
			 n = next_range(n))
		{
			if (reading.ranges[worker] < n || reading.straddles[worker] < n)
				fail("a range is lost", NULL);
		}
	}
}

/* ---- the one who kills ---- */

static void
start_worker(void)
{
	Worker *w = &workers[worker_count];
	int fds[2];

	if (pipe(fds) != 0)
		fail("no pipe", NULL);
	fflush(stdout);
	*w = (Worker){.pipe = fds[0], .pid = fork()};
	if (w->pid < 0)
		fail("no process", NULL);
	if (w->pid == 0)
		run_worker(worker_count, fds[1]);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	worker_count++;
}

/* What it has told so far. */
static void
hear(Worker *w)
{
	Ack ack;

	while (w->pipe >= 0 && read(w->pipe, &ack, sizeof(ack)) == sizeof(ack))
	{
		if (ack.n != w->acked + 1)
			fail("a step was not told", NULL);
		w->acked = ack.n;
		if (step_of(ack.n) == STEP_SHARED)
			w->shared[ack.n] = (uint8_t) (1 + ack.verdict);
	}
}

static void
kill_worker(Worker *w)
{
	int status;

	kill(w->pid, SIGKILL);
	if (waitpid(w->pid, &status, 0) != w->pid || !WIFSIGNALED(status) ||
		WTERMSIG(status) != SIGKILL)
		fail("a worker has ended by itself", NULL);
	hear(w);
	close(w->pipe);
	w->pipe = -1;
	w->pid = 0;
}

static void
kill_one_of_them(void)
{
	unsigned choice = random_next(&seed) % AT_ONCE;

	for (unsigned i = worker_count; i-- > 0;)
	{
		if (workers[i].pid != 0 && choice-- == 0)
		{
			kill_worker(&workers[i]);
			return;
		}
	}
}

/* In a process that has seen nothing yet. */
static void
check_all(void)
{
	pid_t pid;
	int status;

	for (unsigned i = 0; i < worker_count; i++)
		hear(&workers[i]);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
	{
		check_journal();
		check_ledgers();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
	{
		for (unsigned i = 0; i < worker_count; i++)
		{
			if (workers[i].pid != 0)
				kill(workers[i].pid, SIGKILL);
		}
		exit(1);
	}
}

static bool
is_torn(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		last = '\n';
	if (fd >= 0)
		close(fd);
	return last != '\n';
}

/* How many files end within a line. */
static unsigned
count_torn(void)
{
	char path[512];
	unsigned torn;

	snprintf(path, sizeof(path), "%s/scope/%s", directory, rule_name);
	torn = is_torn(path);
	for (unsigned i = 0; i < LEDGERS; i++)
	{
		ledger_path(path, i);
		torn += is_torn(path);
	}
	return torn;
}

/*
 * A kill within write(2) itself is rare, so this makes what it leaves: some first
 * bytes of a line, here of the second one of the file.
 */
static void
tear(const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND);
	char text[512];
	char *line;
	char *end;
	ssize_t len;

	if (fd < 0)
		return;
	flock(fd, LOCK_EX);
	len = is_torn(path) ? 0 : pread(fd, text, sizeof(text), 0);
	line = len > 0 ? memchr(text, '\n', (size_t) len) : NULL;
	end = line != NULL
			  ? memchr(line + 1, '\n', (size_t) (text + len - line - 1))
			  : NULL;
	if (end != NULL)
	{
		size_t n = 1 + random_next(&seed) % (size_t) (end - line - 1);

		if (write(fd, line + 1, n) != (ssize_t) n)
			fail("could not tear a file", NULL);
	}
	close(fd);
}

static void
tear_one_of_them(void)
{
	unsigned choice = random_next(&seed) % (LEDGERS + 1);
	char path[512];

	if (choice == LEDGERS)
		snprintf(path, sizeof(path), "%s/scope/%s", directory, rule_name);
	else
		ledger_path(path, choice);
	tear(path);
}

/* Kill that many of one rule's workers; how many torn ends were seen. */
static unsigned
hammer_rule(unsigned kills, unsigned *steps)
{
	unsigned torn = 0;

	worker_count = 0;
	while (worker_count < AT_ONCE)
		start_worker();
	for (unsigned i = 0; i < kills; i++)
	{
		sleep_us(random_next(&seed) % DELAY_MAX_US);
		kill_one_of_them();
		if (i % 2 == 0)
			tear_one_of_them();
		torn += count_torn();
		check_all();
		start_worker();
	}
	for (unsigned i = 0; i < worker_count; i++)
	{
		if (workers[i].pid != 0)
			kill_worker(&workers[i]);
	}
	torn += count_torn();
	check_all();
	for (unsigned i = 0; i < worker_count; i++)
		*steps += workers[i].acked;
	return torn;
}

int
main(int argc, char **argv)
{
	unsigned kills;
	unsigned torn = 0;
	unsigned steps = 0;

	if (argc != 4)
	{
		fputs("usage: journalhammer DIRECTORY KILLS SEED\n", stderr);
		return 2;
	}
	directory = argv[1];
	kills = (unsigned) strtoul(argv[2], NULL, 10);
	seed = strtoull(argv[3], NULL, 10) * 2 + 1;
	for (unsigned done = 0; done < kills; done += KILLS_A_RULE)
	{
		snprintf(rule_name, sizeof(rule_name), "rule%u", done / KILLS_A_RULE);
		torn += hammer_rule(Min(kills - done, KILLS_A_RULE), &steps);
	}
	printf("%u kills, %u steps told, %u torn ends\n", kills, steps, torn);
	return 0;
}
