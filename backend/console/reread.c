/*
 * reread.c
 *		Having the supervisor read the configuration again.  See reread.h.
 *
 * An attempt that was under way when we asked may have read the file before that.
 * So the attempts are counted when they begin, too: the first that counts is the
 * one behind all those that had begun.  The signal stays pending while the
 * supervisor is busy, and several that are pending are one: each that asks is
 * served by the next attempt.
 */
#include "base.h"

#include <signal.h>

#include "console/reread.h"
#include "shm/control.h"

/* The supervisor reads a file and waits for nobody. */
#define PATIENCE_MS 30000

static bool
is_done(void *arg)
{
	const uint64_t *begun = arg;

	return control_reload_count() > *begun;
}

bool
reread_configuration(Console *c, ErrInfo *err)
{
	uint64_t begun = control_reloads_begun();
	ReloadOutcome outcome;
	bool in_time;

	if (kill(control_supervisor_pid(), SIGHUP) != 0)
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR,
			"could not send a signal to the supervisor: %m");
	if (!console_wait(c, is_done, &begun, PATIENCE_MS, &in_time, err))
		return false;
	if (!in_time)
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"the supervisor has not reloaded the configuration within %d s",
			PATIENCE_MS / 1000);
	outcome = control_reload_outcome();
	if (!outcome.good)
		*err = outcome.err;
	return outcome.good;
}
