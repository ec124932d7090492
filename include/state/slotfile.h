/*
 * slotfile.h
 *		The files of one replication slot, "state" and "lock", for slot.c and slotscan.c.
 *
 * path is the slot's directory throughout, folder that of all slots.
 */
#ifndef STATE_SLOTFILE_H
#define STATE_SLOTFILE_H

#include "base.h"

#include "state/slot.h"
#include "util/durable.h"

#define SLOTFILE_FOLDER "slots"
/* The longest state_directory, and the longest path of the folder in it. */
#define SLOTFILE_DIRECTORY_MAX 900
#define SLOTFILE_FOLDER_MAX                                                    \
	(SLOTFILE_DIRECTORY_MAX + (int) sizeof(SLOTFILE_FOLDER))

#define SLOTFILE_STATE "state"
#define SLOTFILE_LOCK "lock"

typedef enum LockStatus
{
	LOCK_TAKEN, /* by us */
	LOCK_BUSY,
	LOCK_MISSING,
	LOCK_FAILED /* errno */
} LockStatus;

/* Whether it may be the name of a slot. */
bool slotfile_name_is_valid(const char *name);

/* The directory of all slots. */
MUST_CHECK bool slotfile_folder(
	char path[DURABLE_PATH_SIZE], const char *state_directory, ErrInfo *err);

/* 42704; always false. */
bool slotfile_missing(const char *name, ErrInfo *err);

/* directory/name; false only if that is too long, which callers have seen to. */
MUST_CHECK bool slotfile_join(
	char out[DURABLE_PATH_SIZE], const char *directory, const char *name);

/* All but active_pid.  42704 if there is no slot, XX001 if its state is damaged. */
MUST_CHECK bool slotfile_read(
	const char *path, const char *name, SlotInfo *info, ErrInfo *err);
/* Replace what is on disk. */
MUST_CHECK bool slotfile_write(
	const char *path, const SlotInfo *info, ErrInfo *err);

/* Lock a lock file that is open, and say who we are. */
MUST_CHECK LockStatus slotfile_lock_open(int fd);
/* Open it and lock it; *fd is open if it has been taken. */
MUST_CHECK LockStatus slotfile_lock(const char *path, int *fd);
/* The process that uses a slot; 0 if there is none. */
pid_t slotfile_lock_owner(const char *path);

/*
 * What there is of a slot, with active_pid, for one who does not use it.  42704 also
 * if it is a temporary one that is not in use any more.
 */
MUST_CHECK bool slotfile_look(
	const char *folder, const char *name, SlotInfo *info, ErrInfo *err);

/* A directory with files in it.  Whoever else does the same does no harm. */
bool slotfile_remove(const char *path, ErrInfo *err);

#endif /* STATE_SLOTFILE_H */
