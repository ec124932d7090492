/*
 * repointing.c
 *		REPOINT: move to another upstream.
 *
 * In this order: the server is looked at; the connection string is durable; the
 * supervisor publishes it with the configuration; the reader moves.  What fails on
 * the way leaves things as they were.  The string itself, which may have a password
 * in it, goes into its file and nowhere else.
 */
#include "base.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "conf/conninfo.h"
#include "console/candidate.h"
#include "console/repointing.h"
#include "console/reread.h"
#include "shm/control.h"
#include "shm/facts.h"
#include "state/repointfile.h"
#include "util/log.h"

/* How long the reader may take to move. */
#define READER_MS 30000

const ViewColumn repointing_columns[REPOINTING_COLUMNS] = {
	{"conninfo", TYPE_TEXT},
	{"host", TYPE_TEXT},
	{"port", TYPE_TEXT},
	{"system_identifier", TYPE_TEXT},
	{"timeline", TYPE_INT8},
};

/* The reader's arrival. */
typedef struct Arrival
{
	const Candidate *at;
	uint64_t facts_before;
} Arrival;

static bool
check_conninfo(const char *conninfo, ErrInfo *err)
{
	ErrInfo why;

	if (conninfo_check(conninfo, &why))
		return true;
	errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
		"libpq cannot read the connection string");
	if (why.detail[0] != '\0')
		errinfo_detail(err, "%s", why.detail);
	return errinfo_hint(err, "Write \"keyword=value ...\", with values that "
							 "have blanks in quotes, or a URI.");
}

/* Only one at a time: the lock is on the directory.  -1, with err, if it is taken. */
static int
lock_directory(const char *state_directory, ErrInfo *err)
{
	int fd;

	if (state_directory[0] == '\0')
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"cannot move to another upstream: \"state_directory\" is not set");
		errinfo_hint(err, "Change upstream.conninfo in the configuration file, "
						  "and RELOAD.");
		return -1;
	}
	fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
	{
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not open directory \"%s\": %m", state_directory);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	errinfo_set(err, SQLSTATE_OBJECT_IN_USE, "another REPOINT is under way");
	return -1;
}

/* Which files there will be; borrowed from what there are, and the command. */
static Repoint
wanted_files(const ConsoleCommand *command, const Repoint *before)
{
	char *conninfo = (char *) (uintptr_t) command->argument;

	if (conninfo[0] == '\0')
		return (Repoint){0};
	if (command->temporary)
		return (Repoint){.kept = before->kept, .temporary = conninfo};
	return (Repoint){.kept = conninfo};
}

/* As it was, as far as that can be had. */
static void
take_back(const char *state_directory, const Repoint *before)
{
	ErrInfo err;

	if (!repointfile_store(state_directory, before, &err))
		log_err(LOG_WARNING, &err);
	kill(control_supervisor_pid(), SIGHUP);
}

static bool
has_arrived(void *arg)
{
	const Arrival *arrival = arg;
	Facts facts;

	return facts_generation() > arrival->facts_before && facts_get(&facts) &&
		   strcmp(facts.host, arrival->at->host) == 0 &&
		   strcmp(facts.hostaddr, arrival->at->hostaddr) == 0 &&
		   strcmp(facts.port, arrival->at->port) == 0;
}

/* The move is under way and will not be taken back. */
static bool
wait_for_reader(Console *c, Arrival *arrival, ErrInfo *err)
{
	bool in_time;
	ErrInfo what;

	if (!console_wait(c, has_arrived, arrival, READER_MS, &in_time, err))
		return errinfo_detail(
			err, "The upstream has been changed all the same.");
	if (!in_time)
	{
		errinfo_set(&what, "00000",
			"the reader has not moved to the new upstream within %d s",
			READER_MS / 1000);
		errinfo_hint(&what, "SHOW UPSTREAM says how it is.");
		console_notice(c, "NOTICE", &what);
	}
	return true;
}

/* All would wait for each other then, and seem to be up to date. */
static void
warn_of_loop(Console *c, const Candidate *found)
{
	ErrInfo what;

	if (found->standbys[0] == '\0')
		return;
	errinfo_set(&what, SQLSTATE_WARNING,
		"the new upstream is a standby, and may be one of ours");
	errinfo_detail(&what,
		"It is in recovery, on the machine that these come from: %s.  Nothing "
		"new comes from a server that has its WAL from here.",
		found->standbys);
	errinfo_hint(&what, "Promote it, or go back with REPOINT DEFAULT.");
	log_err(LOG_WARNING, &what);
	console_notice(c, "WARNING", &what);
}

static void
put_row(Answer *a, const Config *config, const Candidate *found)
{
	char *conninfo = conninfo_mask(config->upstream_conninfo);
	char system_identifier[24];
	char tli[16];
	const char *values[REPOINTING_COLUMNS] = {
		conninfo, found->host, found->port, system_identifier, tli};

	snprintf(system_identifier, sizeof(system_identifier), "%" PRIu64,
		found->system_identifier);
	snprintf(tli, sizeof(tli), "%u", found->tli);
	answer_row(a, values);
	free(conninfo);
}

/* config is what the configuration will be. */
static bool
move(Console *c, const Config *config, const Repoint *before,
	const Repoint *after, Answer *a, ErrInfo *err)
{
	const Config *present = c->session->ctx->config;
	Candidate found;
	Arrival arrival = {.at = &found};

	if (!candidate_check(c, config, &found, err))
		return false;
	arrival.facts_before = facts_generation();
	if (!repointfile_store(present->state_directory, after, err) ||
		!reread_configuration(c, err))
	{
		take_back(present->state_directory, before);
		return false;
	}
	if (strcmp(config->upstream_conninfo, present->upstream_conninfo) != 0 &&
		!wait_for_reader(c, &arrival, err))
		return false;
	warn_of_loop(c, &found);
	put_row(a, config, &found);
	return true;
}

bool
repointing_run(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	const ChildContext *ctx = c->session->ctx;
	const char *state_directory = ctx->config->state_directory;
	Repoint before = {0};
	Repoint after;
	Config *config;
	int lock;
	bool ok;

	if (!check_conninfo(command->argument, err))
		return false;
	lock = lock_directory(state_directory, err);
	if (lock < 0)
		return false;
	ok = repointfile_load(state_directory, &before, err);
	if (ok)
	{
		after = wanted_files(command, &before);
		config = child_config_with(ctx, repointfile_conninfo(&after), err);
		ok = config != NULL && move(c, config, &before, &after, a, err);
		config_free(config);
		repointfile_clear(&before);
	}
	close(lock);
	return ok;
}
