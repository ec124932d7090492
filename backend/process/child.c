/*
 * child.c
 *		The first steps of every child.  See child.h.
 */
#include "base.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "conf/logconf.h"
#include "exitcode.h"
#include "process/child.h"
#include "process/signals.h"
#include "process/title.h"
#include "shm/board.h"
#include "shm/control.h"
#include "shm/facts.h"
#include "shm/published.h"
#include "shm/walstat.h"
#include "util/log.h"

void
child_begin(const ChildContext *ctx, pid_t parent, const char *role)
{
	bool is_reader = ctx->cell == BOARD_READER;

	/*
	 * The kernel kills us with the supervisor, however that dies and whatever
	 * we are doing, stopped or blocked included.  (It may be gone already.)
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EXITCODE_STARTUP);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_fatal(EXITCODE_STARTUP, "could not give up privileges: %m");
	/* A signal from the terminal is for the supervisor. */
	setsid();
	board_enter(ctx->cell);
	signals_setup_child();
	if (is_reader)
		ring_keep_writable(ctx->ring);
	else
		ring_make_read_only(ctx->ring);
	facts_enter(is_reader);
	control_enter();
	walstat_enter(ctx->cell == BOARD_MONITOR);
	published_enter();
	log_set_role("%s", role);
	title_set("%s", role);
}

static Config *
load(const ChildContext *ctx, const char *text, const char *repointed,
	ErrInfo *err)
{
	ConfigOverrides overrides = *ctx->overrides;

	overrides.repointed = repointed;
	return config_load(ctx->config_file, text, &overrides, err);
}

Config *
child_published_config(
	const ChildContext *ctx, uint64_t *generation, ErrInfo *err)
{
	char *repointed;
	char *text = published_text(&repointed, generation);
	Config *loaded = load(ctx, text, repointed, err);

	free(text);
	free(repointed);
	return loaded;
}

Config *
child_config_with(const ChildContext *ctx, const char *repointed, ErrInfo *err)
{
	uint64_t generation;
	char *present;
	char *text = published_text(&present, &generation);
	Config *loaded = load(ctx, text, repointed, err);

	free(text);
	free(present);
	return loaded;
}

bool
child_refresh_config(ChildContext *ctx, Config **previous)
{
	ErrInfo err;
	Config *loaded;
	uint64_t generation;

	log_reopen_if_requested();
	if (published_generation() == ctx->config_generation)
		return false;
	loaded = child_published_config(ctx, &generation, &err);
	ctx->config_generation = generation;
	if (loaded == NULL)
	{
		/* The supervisor has loaded this very text. */
		log_err(LOG_WARNING, &err);
		return false;
	}
	/* What waits for a restart waits for it here too. */
	config_keep_running(ctx->config, loaded);
	*previous = ctx->config;
	ctx->config = loaded;
	if (!logconf_apply(loaded, &err))
		log_err(LOG_WARNING, &err);
	return true;
}
