/*
 * slot.c
 *		Replication slots on disk.  See slot.h.
 *
 * Whoever holds the lock of a slot owns its directory: it alone replaces "state"
 * and removes the directory.  The lock is one of the open file description
 * (F_OFD_SETLK), which unlike flock can be asked for without being taken, so that
 * looking at a slot never gets in the way of the standby that comes for it.
 *
 * A slot is made in a directory NAME.PID.tmp, locked from the start, and renamed;
 * it is removed by a rename back to such a name.  So what has a slot's name is
 * whole.  What has the other kind of name is rubbish if nobody is making a slot
 * just then, which a lock on the directory of all slots sees to; under that they
 * are counted, too.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/slotfile.h"
#include "util/mem.h"
#include "util/monotime.h"

#define TMP_SUFFIX ".tmp"
/* Making a slot takes moments; who holds that lock longer has been stopped. */
#define LOCK_WAIT_MS 5000
#define LOCK_PAUSE_MS 2

struct Slot
{
	SlotInfo info;
	Lsn saved; /* restart_lsn on disk */
	Lsn tried; /* or what was to be written last */
	int lock_fd;
	char folder[DURABLE_PATH_SIZE]; /* of all slots */
	char path[DURABLE_PATH_SIZE];   /* its directory */
};

/* ---- names and paths ---- */

bool
slot_check_name(const char *name, ErrInfo *err)
{
	if (slotfile_name_is_valid(name))
		return true;
	if (name[0] == '\0')
		return errinfo_set(err, SQLSTATE_INVALID_NAME,
			"replication slot name \"%s\" is too short", name);
	if (strlen(name) >= SLOT_NAME_SIZE)
		return errinfo_set(err, SQLSTATE_NAME_TOO_LONG,
			"replication slot name \"%s\" is too long", name);
	errinfo_set(err, SQLSTATE_INVALID_NAME,
		"replication slot name \"%s\" contains invalid character", name);
	return errinfo_hint(err,
		"Replication slot names may only contain lower case letters, numbers, "
		"and the underscore character.");
}

static bool
write_state(Slot *slot, ErrInfo *err)
{
	slot->tried = slot->info.restart_lsn;
	if (!slotfile_write(slot->path, &slot->info, err))
		return false;
	slot->saved = slot->info.restart_lsn;
	return true;
}

static bool
is_active(const char *path, const char *name, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_OBJECT_IN_USE,
		"replication slot \"%s\" is active for PID %d", name,
		(int) slotfile_lock_owner(path));
}

/* Where a slot is made, and goes to be removed. */
static void
tmp_path(char out[DURABLE_PATH_SIZE], const Slot *slot)
{
	snprintf(out, DURABLE_PATH_SIZE, "%.*s/%s.%d" TMP_SUFFIX,
		SLOTFILE_FOLDER_MAX, slot->folder, slot->info.name, (int) getpid());
}

static void
let_go(Slot *slot)
{
	close(slot->lock_fd);
	free(slot);
}

bool
slot_drop(Slot *slot, ErrInfo *err)
{
	char tmp[DURABLE_PATH_SIZE];
	bool ok;

	tmp_path(tmp, slot);
	/* left there by a process of the same number */
	ok = slotfile_remove(tmp, err) && durable_rename(slot->path, tmp, err) &&
		 slotfile_remove(tmp, err);
	let_go(slot);
	return ok;
}

/* ---- one slot ---- */

static Slot *
slot_new(const char *folder, const char *name)
{
	Slot *slot = mem_alloc0(sizeof(Slot));

	slot->lock_fd = -1;
	snprintf(slot->folder, sizeof(slot->folder), "%s", folder);
	snprintf(slot->info.name, sizeof(slot->info.name), "%s", name);
	snprintf(slot->path, sizeof(slot->path), "%.*s/%s", SLOTFILE_FOLDER_MAX,
		folder, slot->info.name);
	return slot;
}

const SlotInfo *
slot_info(const Slot *slot)
{
	return &slot->info;
}

/* The lock is ours.  NULL, with nothing held, if there is no such slot really. */
static Slot *
take_over(Slot *slot, ErrInfo *err)
{
	SlotInfo info;

	if (!slotfile_read(slot->path, slot->info.name, &info, err))
	{
		let_go(slot);
		return NULL;
	}
	slot->info = info;
	slot->info.active_pid = getpid();
	slot->saved = slot->tried = info.restart_lsn;
	if (!info.temporary)
		return slot;
	/* its process has been killed */
	if (slot_drop(slot, err))
		slotfile_missing(info.name, err);
	return NULL;
}

static Slot *
open_in(const char *folder, const char *name, ErrInfo *err)
{
	Slot *slot = slot_new(folder, name);

	switch (slotfile_lock(slot->path, &slot->lock_fd))
	{
		case LOCK_TAKEN:
			return take_over(slot, err);
		case LOCK_BUSY:
			is_active(slot->path, name, err);
			break;
		case LOCK_MISSING:
			slotfile_missing(name, err);
			break;
		case LOCK_FAILED:
			durable_error("lock", slot->path, err);
			break;
	}
	free(slot);
	return NULL;
}

Slot *
slot_open(const char *state_directory, const char *name, ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];

	if (!slotfile_folder(folder, state_directory, err))
		return NULL;
	if (!slotfile_name_is_valid(name))
	{
		slotfile_missing(name, err);
		return NULL;
	}
	return open_in(folder, name, err);
}

static void
move_to(Slot *slot, Lsn lsn, TimeLineId tli)
{
	slot->info.restart_lsn = lsn;
	slot->info.restart_tli = tli;
}

bool
slot_advance(Slot *slot, Lsn lsn, TimeLineId tli, uint32_t step, ErrInfo *err)
{
	if (lsn <= slot->info.restart_lsn)
		return true;
	move_to(slot, lsn, tli);
	if (slot->tried != InvalidLsn && lsn - slot->tried < step)
		return true;
	return write_state(slot, err);
}

bool
slot_set_back(Slot *slot, Lsn lsn, TimeLineId tli, ErrInfo *err)
{
	SlotInfo before = slot->info;

	if (lsn >= before.restart_lsn)
		return true;
	move_to(slot, lsn, tli);
	if (write_state(slot, err))
		return true;
	/* what is on disk must not be ahead */
	slot->info = before;
	return false;
}

bool
slot_save(Slot *slot, ErrInfo *err)
{
	return slot->info.temporary || slot->saved == slot->info.restart_lsn ||
		   write_state(slot, err);
}

bool
slot_release(Slot *slot, ErrInfo *err)
{
	bool ok;

	if (slot->info.temporary)
		return slot_drop(slot, err);
	ok = slot_save(slot, err);
	let_go(slot);
	return ok;
}

/* ---- all slots ---- */

/*
 * Nobody else makes a slot, or sweeps, until the descriptor is closed.  -1, with
 * err, if that cannot be had.
 */
static int
lock_folder(const char *folder, ErrInfo *err)
{
	int64_t deadline = monotime_ms() + LOCK_WAIT_MS;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
	{
		durable_error("open directory", folder, err);
		return -1;
	}
	while (flock(fd, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			durable_error("lock directory", folder, err);
		else if (monotime_ms() >= deadline)
			errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"directory \"%s\" is locked by another process", folder);
		else
		{
			poll(NULL, 0, LOCK_PAUSE_MS);
			continue;
		}
		close(fd);
		return -1;
	}
	return fd;
}

/* Remove what was left by a process that was killed; whether it is a slot then. */
static bool
sweep_one(const char *folder, const char *name)
{
	char path[DURABLE_PATH_SIZE];
	size_t len = strlen(name);
	SlotInfo info;
	ErrInfo ignored;
	Slot *slot;

	if (name[0] == '.' || !slotfile_join(path, folder, name))
		return false;
	if (len > strlen(TMP_SUFFIX) &&
		strcmp(name + len - strlen(TMP_SUFFIX), TMP_SUFFIX) == 0)
	{
		/* if it cannot be removed it is in nobody's way */
		slotfile_remove(path, &ignored);
		return false;
	}
	if (!slotfile_name_is_valid(name))
		return false;
	if (slotfile_look(folder, name, &info, &ignored) ||
		strcmp(ignored.sqlstate, SQLSTATE_UNDEFINED_OBJECT) != 0)
		return true;
	/* gone, or stale, which opening it finds out */
	slot = open_in(folder, name, &ignored);
	if (slot == NULL)
		return false;
	let_go(slot);
	return true;
}

/* The folder is locked.  How many slots there are; -1, with err, on failure. */
static int
sweep(const char *folder, ErrInfo *err)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (dir == NULL)
	{
		durable_error("open directory", folder, err);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL)
		count += sweep_one(folder, entry->d_name);
	closedir(dir);
	return count;
}

bool
slots_prepare(const char *state_directory, ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];
	int fd;
	int count;

	if (state_directory[0] == '\0')
		return true;
	if (!slotfile_folder(folder, state_directory, err) ||
		!durable_make_directory(folder, err))
		return false;
	fd = lock_folder(folder, err);
	if (fd < 0)
		return false;
	count = sweep(folder, err);
	close(fd);
	return count >= 0;
}

/* In a directory that nobody looks at: all that makes a slot, and the lock. */
static bool
furnish(Slot *slot, ErrInfo *err)
{
	char file[DURABLE_PATH_SIZE];

	if (!durable_make_directory(slot->path, err))
		return false;
	if (!slotfile_join(file, slot->path, SLOTFILE_LOCK))
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR, "path too long");
	slot->lock_fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (slot->lock_fd < 0 || slotfile_lock_open(slot->lock_fd) != LOCK_TAKEN ||
		fsync(slot->lock_fd) != 0)
		return durable_error("create file", file, err);
	return write_state(slot, err);
}

/* The folder is locked, and there is room. */
static Slot *
build(const char *folder, const SlotInfo *info, ErrInfo *err)
{
	Slot *slot = slot_new(folder, info->name);
	char path[DURABLE_PATH_SIZE];
	ErrInfo ignored;

	memcpy(path, slot->path, sizeof(path));
	slot->info = *info;
	slot->info.active_pid = getpid();
	tmp_path(slot->path, slot);
	if (furnish(slot, err) && durable_rename(slot->path, path, err))
	{
		memcpy(slot->path, path, sizeof(path));
		return slot;
	}
	/* wherever it is by now; what is left of it goes with the next sweep */
	slotfile_remove(slot->path, &ignored);
	slotfile_remove(path, &ignored);
	if (slot->lock_fd >= 0)
		close(slot->lock_fd);
	free(slot);
	return NULL;
}

Slot *
slot_create(const char *state_directory, const SlotInfo *info, int max_slots,
	ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];
	char path[DURABLE_PATH_SIZE];
	Slot *slot = NULL;
	int count;
	int fd;

	if (!slot_check_name(info->name, err) ||
		!slotfile_folder(folder, state_directory, err) ||
		!durable_make_directory(folder, err))
		return NULL;
	fd = lock_folder(folder, err);
	if (fd < 0)
		return NULL;
	count = sweep(folder, err);
	if (count >= 0 && slotfile_join(path, folder, info->name) &&
		access(path, F_OK) == 0)
		errinfo_set(err, SQLSTATE_DUPLICATE_OBJECT,
			"replication slot \"%s\" already exists", info->name);
	else if (count >= max_slots)
	{
		errinfo_set(err, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED,
			"all replication slots are in use");
		errinfo_hint(err, "Free one or increase \"max_replication_slots\".");
	}
	else if (count >= 0)
		slot = build(folder, info, err);
	close(fd);
	return slot;
}
