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

#include "state/slot.h"
#include "state/slotlimit.h"
#include "util/durable.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "wal/crc32c.h"

#define FOLDER "slots"
#define STATE_FILE "state"
#define LOCK_FILE "lock"
#define TMP_SUFFIX ".tmp"
#define STATE_DIRECTORY_MAX 900
#define STATE_MAX 1024
/* A pid and a newline, always of this length, so that it is replaced as a whole. */
#define PID_FORMAT "%10d\n"
#define PID_LEN 11
/* Making a slot takes moments; who holds that lock longer has been stopped. */
#define LOCK_WAIT_MS 5000
#define LOCK_PAUSE_MS 2
/* How often a directory may change under us before we call it missing. */
#define OPEN_ATTEMPTS 10

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

static bool
name_is_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len < SLOT_NAME_SIZE && name[len] == '\0';
}

bool
slot_check_name(const char *name, ErrInfo *err)
{
	if (name_is_valid(name))
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
does_not_exist(const char *name, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_UNDEFINED_OBJECT,
		"replication slot \"%s\" does not exist", name);
}

/* The directory of all slots. */
static bool
folder_path(
	char path[DURABLE_PATH_SIZE], const char *state_directory, ErrInfo *err)
{
	if (state_directory[0] == '\0')
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"replication slots need a state directory");
		return errinfo_hint(err, "Set state_directory and restart walbouncer.");
	}
	if (strlen(state_directory) > STATE_DIRECTORY_MAX)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"state_directory is longer than %d bytes", STATE_DIRECTORY_MAX);
	snprintf(path, DURABLE_PATH_SIZE, "%s/" FOLDER, state_directory);
	return true;
}

/* False only if that is too long, which callers have seen to. */
static bool
join_path(char out[DURABLE_PATH_SIZE], const char *directory, const char *name)
{
	int len = snprintf(out, DURABLE_PATH_SIZE, "%s/%s", directory, name);

	return len > 0 && len < DURABLE_PATH_SIZE;
}

/* ---- the state file ---- */

/* Returns the length. */
static size_t
format_state(char text[STATE_MAX], const SlotInfo *info)
{
	int len = snprintf(text, STATE_MAX,
		"walbouncer-slot 1 %" PRIu64 "\n"
		"name %s\n"
		"rule %s\n"
		"kind %s\n"
		"restart_lsn " LSN_FORMAT "\n"
		"restart_tli %u\n",
		info->system_identifier, info->name, info->rule,
		info->temporary ? "temporary" : "persistent",
		LSN_ARGS(info->restart_lsn), info->restart_tli);

	len += snprintf(text + len, STATE_MAX - (size_t) len, "crc %08" PRIx32 "\n",
		crc32c_final(crc32c_update(CRC32C_INIT, text, (size_t) len)));
	return (size_t) len;
}

/* What format_state makes, and nothing else: so it need not be looked at twice. */
static bool
parse_state(const char *text, size_t len, SlotInfo *info)
{
	char again[STATE_MAX];
	char kind[16];
	uint32_t high;
	uint32_t low;

	if (sscanf(text,
			"walbouncer-slot 1 %" SCNu64
			" name %63s rule %63s kind %15s restart_lsn %" SCNx32 "/%" SCNx32
			" restart_tli %" SCNu32,
			&info->system_identifier, info->name, info->rule, kind, &high, &low,
			&info->restart_tli) != 7)
		return false;
	info->temporary = strcmp(kind, "temporary") == 0;
	info->restart_lsn = (Lsn) high << 32 | low;
	return format_state(again, info) == len && memcmp(again, text, len) == 0;
}

static bool
damaged(const char *name, const char *path, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"state of replication slot \"%s\" is damaged", name);
	return errinfo_hint(err,
		"Remove the directory \"%s\"; the slot has to be made again.", path);
}

/* All but active_pid.  42704 if there is none. */
static bool
read_state(const char *path, const char *name, SlotInfo *info, ErrInfo *err)
{
	char file[DURABLE_PATH_SIZE];
	size_t len;
	bool missing;
	bool ok;
	char *text;

	memset(info, 0, sizeof(*info));
	if (!join_path(file, path, STATE_FILE))
		return does_not_exist(name, err);
	text = durable_read(file, STATE_MAX, &len, &missing, err);
	if (text == NULL && missing)
	{
		/* a slot's directory has one from its first moment on */
		return access(path, F_OK) == 0 ? damaged(name, path, err)
									   : does_not_exist(name, err);
	}
	if (text == NULL)
		return false;
	ok = parse_state(text, len, info) && strcmp(info->name, name) == 0;
	free(text);
	return ok || damaged(name, path, err);
}

static bool
write_state(Slot *slot, ErrInfo *err)
{
	char file[DURABLE_PATH_SIZE];
	char text[STATE_MAX];
	size_t len = format_state(text, &slot->info);

	slot->tried = slot->info.restart_lsn;
	if (!join_path(file, slot->path, STATE_FILE))
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR, "path too long");
	if (!durable_replace(file, text, len, err))
		return false;
	slot->saved = slot->info.restart_lsn;
	return true;
}

/* ---- the lock of a slot ---- */

typedef enum LockStatus
{
	LOCK_TAKEN, /* by us */
	LOCK_BUSY,
	LOCK_MISSING,
	LOCK_FAILED /* errno */
} LockStatus;

/* Lock it and say who we are. */
static LockStatus
lock_file(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[PID_LEN + 1];

	if (fcntl(fd, F_OFD_SETLK, &lock) != 0)
		return errno == EAGAIN || errno == EACCES ? LOCK_BUSY : LOCK_FAILED;
	snprintf(text, sizeof(text), PID_FORMAT, (int) getpid());
	/* for messages only */
	return pwrite(fd, text, PID_LEN, 0) == PID_LEN ? LOCK_TAKEN : LOCK_FAILED;
}

/* Whether path is still what fd was opened as. */
static bool
is_same_file(int fd, const char *path)
{
	struct stat ours;
	struct stat theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
		   ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static LockStatus
take_lock(const char *path, int *fd)
{
	char file[DURABLE_PATH_SIZE];

	if (!join_path(file, path, LOCK_FILE))
		return LOCK_MISSING;
	for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++)
	{
		LockStatus status;

		*fd = open(file, O_RDWR | O_CLOEXEC);
		if (*fd < 0)
			return errno == ENOENT ? LOCK_MISSING : LOCK_FAILED;
		status = lock_file(*fd);
		/* its owner may have removed it in between */
		if (status == LOCK_TAKEN && is_same_file(*fd, file))
			return LOCK_TAKEN;
		close(*fd);
		if (status != LOCK_TAKEN)
			return status;
	}
	return LOCK_MISSING;
}

/* The process that uses a slot; 0 if there is none. */
static pid_t
lock_owner(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char file[DURABLE_PATH_SIZE];
	char text[PID_LEN + 1] = "";
	pid_t owner = 0;
	int fd;

	if (!join_path(file, path, LOCK_FILE))
		return 0;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
		pread(fd, text, PID_LEN, 0) == PID_LEN)
		owner = (pid_t) strtol(text, NULL, 10);
	close(fd);
	return owner;
}

static bool
is_active(const char *path, const char *name, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_OBJECT_IN_USE,
		"replication slot \"%s\" is active for PID %d", name,
		(int) lock_owner(path));
}

/* ---- removing ---- */

/*
 * A directory with files in it.  Whoever else does the same does no harm.
 */
static bool
remove_directory(const char *path, ErrInfo *err)
{
	DIR *dir = opendir(path);
	char file[DURABLE_PATH_SIZE];
	struct dirent *entry;

	if (dir == NULL)
		return errno == ENOENT || durable_error("open directory", path, err);
	while ((entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0 &&
			join_path(file, path, entry->d_name))
			unlink(file);
	}
	closedir(dir);
	return rmdir(path) == 0 || errno == ENOENT ||
		   durable_error("remove directory", path, err);
}

/* Where a slot is made, and goes to be removed. */
static void
tmp_path(char out[DURABLE_PATH_SIZE], const Slot *slot)
{
	snprintf(out, DURABLE_PATH_SIZE, "%.*s/%s.%d" TMP_SUFFIX,
		STATE_DIRECTORY_MAX + (int) sizeof(FOLDER), slot->folder,
		slot->info.name, (int) getpid());
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
	ok = remove_directory(tmp, err) && durable_rename(slot->path, tmp, err) &&
		 remove_directory(tmp, err);
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
	snprintf(slot->path, sizeof(slot->path), "%.*s/%s",
		STATE_DIRECTORY_MAX + (int) sizeof(FOLDER), folder, slot->info.name);
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

	if (!read_state(slot->path, slot->info.name, &info, err))
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
		does_not_exist(info.name, err);
	return NULL;
}

static Slot *
open_in(const char *folder, const char *name, ErrInfo *err)
{
	Slot *slot = slot_new(folder, name);

	switch (take_lock(slot->path, &slot->lock_fd))
	{
		case LOCK_TAKEN:
			return take_over(slot, err);
		case LOCK_BUSY:
			is_active(slot->path, name, err);
			break;
		case LOCK_MISSING:
			does_not_exist(name, err);
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

	if (!folder_path(folder, state_directory, err))
		return NULL;
	if (!name_is_valid(name))
	{
		does_not_exist(name, err);
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
slot_release(Slot *slot, ErrInfo *err)
{
	bool ok = true;

	if (slot->info.temporary)
		return slot_drop(slot, err);
	if (slot->saved != slot->info.restart_lsn)
		ok = write_state(slot, err);
	let_go(slot);
	return ok;
}

/* ---- looking ---- */

static bool
look_at(const char *folder, const char *name, SlotInfo *info, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];

	if (!join_path(path, folder, name))
		return does_not_exist(name, err);
	if (!read_state(path, name, info, err))
		return false;
	info->active_pid = lock_owner(path);
	return !info->temporary || info->active_pid != 0 ||
		   does_not_exist(name, err);
}

bool
slot_read(
	const char *state_directory, const char *name, SlotInfo *info, ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];

	if (!folder_path(folder, state_directory, err))
		return false;
	if (!name_is_valid(name))
		return does_not_exist(name, err);
	return look_at(folder, name, info, err);
}

bool
slots_each(
	const char *state_directory, SlotVisitor visit, void *arg, ErrInfo *err)
{
	char folder[DURABLE_PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	if (!folder_path(folder, state_directory, err))
		return false;
	dir = opendir(folder);
	if (dir == NULL)
		return errno == ENOENT || durable_error("open directory", folder, err);
	while (errno = 0, (entry = readdir(dir)) != NULL)
	{
		SlotInfo info;
		ErrInfo damage;

		if (!name_is_valid(entry->d_name))
			continue;
		if (look_at(folder, entry->d_name, &info, &damage))
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
slots_needed_lsn(const char *state_directory, Lsn current, int64_t max_keep)
{
	Needed needed = {.current = current, .max_keep = max_keep};
	ErrInfo ignored;

	if (state_directory[0] == '\0')
		return InvalidLsn;
	if (!slots_each(state_directory, on_needed, &needed, &ignored) ||
		needed.unknown)
		return 1;
	return needed.lsn;
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

	if (name[0] == '.' || !join_path(path, folder, name))
		return false;
	if (len > strlen(TMP_SUFFIX) &&
		strcmp(name + len - strlen(TMP_SUFFIX), TMP_SUFFIX) == 0)
	{
		/* if it cannot be removed it is in nobody's way */
		remove_directory(path, &ignored);
		return false;
	}
	if (!name_is_valid(name))
		return false;
	if (look_at(folder, name, &info, &ignored) ||
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
	if (!folder_path(folder, state_directory, err) ||
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
	if (!join_path(file, slot->path, LOCK_FILE))
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR, "path too long");
	slot->lock_fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (slot->lock_fd < 0 || lock_file(slot->lock_fd) != LOCK_TAKEN ||
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
	remove_directory(slot->path, &ignored);
	remove_directory(path, &ignored);
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
		!folder_path(folder, state_directory, err) ||
		!durable_make_directory(folder, err))
		return NULL;
	fd = lock_folder(folder, err);
	if (fd < 0)
		return NULL;
	count = sweep(folder, err);
	if (count >= 0 && join_path(path, folder, info->name) &&
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
