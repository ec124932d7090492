/*
 * statedirectory.c
 *		The state directory at a start.  See statedirectory.h.
 */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exitcode.h"
#include "spool/spooldir.h"
#include "state/slot.h"
#include "state/slotscan.h"
#include "supervisor/statedirectory.h"
#include "util/durable.h"
#include "util/log.h"
#include "util/mem.h"

static void
make_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		log_fatal(
			EXITCODE_STARTUP, "could not create directory \"%s\": %m", path);
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		log_fatal(EXITCODE_STARTUP, "\"%s\" is not a directory", path);
	if (access(path, W_OK | X_OK) != 0)
		log_fatal(
			EXITCODE_STARTUP, "could not write to directory \"%s\": %m", path);
}

static void
on_slot(void *count, const SlotInfo *info, const ErrInfo *damage)
{
	(void) info;
	++*(int *) count;
	if (damage != NULL)
		log_err(LOG_WARNING, damage);
}

/* The slots that there are, and what the operator should know of them. */
static void
prepare_slots(const Config *config)
{
	int count = 0;
	ErrInfo err;

	if (!slots_prepare(config->state_directory, &err) ||
		!slotscan_each(config->state_directory, on_slot, &count, &err))
		log_fatal_err(EXITCODE_STARTUP, &err);
	if (count > 0 && !config_has_spool(config))
		log_msg(LOG_WARNING,
			"nothing keeps WAL for replication slots: there is no spool");
}

void
statedirectory_prepare(const Config *config)
{
	char *scope;

	if (config->state_directory[0] == '\0')
		return;
	make_directory(config->state_directory);
	scope = mem_asprintf("%s/scope", config->state_directory);
	make_directory(scope);
	free(scope);
	prepare_slots(config);
}

void
statedirectory_sweep(const Config *config)
{
	char spool[DURABLE_PATH_SIZE];

	if (config->state_directory[0] == '\0')
		return;
	spooldir_path(spool, config->state_directory);
	durable_sweep(config->state_directory);
	durable_sweep(spool);
}
