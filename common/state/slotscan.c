/*
 * slotscan.c
 *		Slots that are not ours.  See slotscan.h.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "state/slotfile.h"
#include "state/slotlimit.h"
#include "state/slotscan.h"
#include "util/durable.h"

bool
slotscan_read(
	const char *state_directory, const char *name, SlotInfo *info, ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];

	if (!slotfile_folder(folder, state_directory, err))
		return false;
	if (!slotfile_name_is_valid(name))
		return slotfile_missing(name, err);
	return slotfile_look(folder, name, info, err);
}

bool
slotscan_each(
	const char *state_directory, SlotVisitor visit, void *arg, ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	if (!slotfile_folder(folder, state_directory, err))
		return false;
	dir = opendir(folder);
	if (dir == NULL)
		return errno == ENOENT || durable_error("open directory", folder, err);
	while (errno = 0, (entry = readdir(dir)) != NULL)
	{
		SlotInfo info;
		ErrInfo damage;

		if (!slotfile_name_is_valid(entry->d_name))
			continue;
		if (slotfile_look(folder, entry->d_name, &info, &damage))
			visit(arg, &info, NULL);
		else if (strcmp(damage.sqlstate, SQLSTATE_UNDEFINED_OBJECT) != 0)
		{
			memset(&info, 0, sizeof(info));
			snprintf(info.name, sizeof(info.name), "%.*s", SLOT_NAME_SIZE - 1,
				entry->d_name);
			visit(arg, &info, &damage);
		}
	}
	if (errno != 0)
		durable_error("read directory", folder, err);
	else
		errinfo_clear(err);
	closedir(dir);
	return err->sqlstate[0] == '\0';
}

typedef struct Needed
{
	Lsn current;
	int64_t max_keep;
	Lsn lsn;
	bool unknown;
} Needed;

static void
on_needed(void *arg, const SlotInfo *info, const ErrInfo *damage)
{
	Needed *needed = arg;

	if (damage != NULL)
	{
		/* what is damaged stays so; what could not be read may be well */
		if (strcmp(damage->sqlstate, SQLSTATE_DATA_CORRUPTED) != 0)
			needed->unknown = true;
		return;
	}
	if (!slotlimit_covers(info->restart_lsn, needed->current, needed->max_keep))
		return;
	if (needed->lsn == InvalidLsn || info->restart_lsn < needed->lsn)
		needed->lsn = info->restart_lsn;
}

Lsn
slotscan_needed_lsn(const char *state_directory, Lsn current, int64_t max_keep)
{
	Needed needed = {.current = current, .max_keep = max_keep};
	ErrInfo ignored;

	if (state_directory[0] == '\0')
		return InvalidLsn;
	if (!slotscan_each(state_directory, on_needed, &needed, &ignored) ||
		needed.unknown)
		return 1;
	return needed.lsn;
}
