/*
 * slotfile.c
 *		The files of one replication slot.  See slotfile.h.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/slotfile.h"
#include "wal/crc32c.h"

#define STATE_MAX 1024
/* A pid and a newline, always of this length, so that it is replaced as a whole. */
#define PID_FORMAT "%10d\n"
#define PID_LEN 11
/* How often a directory may change under us before we call it missing. */
#define OPEN_ATTEMPTS 10

bool
slotfile_missing(const char *name, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_UNDEFINED_OBJECT,
		"replication slot \"%s\" does not exist", name);
}

bool
slotfile_join(
	char out[DURABLE_PATH_SIZE], const char *directory, const char *name)
{
	int len = snprintf(out, DURABLE_PATH_SIZE, "%s/%s", directory, name);

	return len > 0 && len < DURABLE_PATH_SIZE;
}

bool
slotfile_name_is_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len < SLOT_NAME_SIZE && name[len] == '\0';
}

bool
slotfile_folder(
	char path[DURABLE_PATH_SIZE], const char *state_directory, ErrInfo *err)
{
	if (state_directory[0] == '\0')
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"replication slots need a state directory");
		return errinfo_hint(err, "Set state_directory and restart walbouncer.");
	}
	if (strlen(state_directory) > SLOTFILE_DIRECTORY_MAX)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"state_directory is longer than %d bytes", SLOTFILE_DIRECTORY_MAX);
	snprintf(path, DURABLE_PATH_SIZE, "%s/" SLOTFILE_FOLDER, state_directory);
	return true;
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

bool
slotfile_read(const char *path, const char *name, SlotInfo *info, ErrInfo *err)
{
	char file[DURABLE_PATH_SIZE];
	size_t len;
	bool missing;
	bool ok;
	char *text;

	memset(info, 0, sizeof(*info));
	if (!slotfile_join(file, path, SLOTFILE_STATE))
		return slotfile_missing(name, err);
	text = durable_read(file, STATE_MAX, &len, &missing, err);
	if (text == NULL && missing)
	{
		/* a slot's directory has one from its first moment on */
		return access(path, F_OK) == 0 ? damaged(name, path, err)
									   : slotfile_missing(name, err);
	}
	if (text == NULL)
		return false;
	ok = parse_state(text, len, info) && strcmp(info->name, name) == 0;
	free(text);
	return ok || damaged(name, path, err);
}

bool
slotfile_write(const char *path, const SlotInfo *info, ErrInfo *err)
{
	char file[DURABLE_PATH_SIZE];
	char text[STATE_MAX];
	size_t len = format_state(text, info);

	if (!slotfile_join(file, path, SLOTFILE_STATE))
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR, "path too long");
	return durable_replace(file, text, len, err);
}

/* ---- the lock of a slot ---- */

LockStatus
slotfile_lock_open(int fd)
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

LockStatus
slotfile_lock(const char *path, int *fd)
{
	char file[DURABLE_PATH_SIZE];

	if (!slotfile_join(file, path, SLOTFILE_LOCK))
		return LOCK_MISSING;
	for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++)
	{
		LockStatus status;

		*fd = open(file, O_RDWR | O_CLOEXEC);
		if (*fd < 0)
			return errno == ENOENT ? LOCK_MISSING : LOCK_FAILED;
		status = slotfile_lock_open(*fd);
		/* its owner may have removed it in between */
		if (status == LOCK_TAKEN && is_same_file(*fd, file))
			return LOCK_TAKEN;
		close(*fd);
		if (status != LOCK_TAKEN)
			return status;
	}
	return LOCK_MISSING;
}

pid_t
slotfile_lock_owner(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char file[DURABLE_PATH_SIZE];
	char text[PID_LEN + 1] = "";
	pid_t owner = 0;
	int fd;

	if (!slotfile_join(file, path, SLOTFILE_LOCK))
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

bool
slotfile_look(
	const char *folder, const char *name, SlotInfo *info, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];

	if (!slotfile_join(path, folder, name))
		return slotfile_missing(name, err);
	if (!slotfile_read(path, name, info, err))
		return false;
	info->active_pid = slotfile_lock_owner(path);
	return !info->temporary || info->active_pid != 0 ||
		   slotfile_missing(name, err);
}

/* ---- removing ---- */

bool
slotfile_remove(const char *path, ErrInfo *err)
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
			slotfile_join(file, path, entry->d_name))
			unlink(file);
	}
	closedir(dir);
	return rmdir(path) == 0 || errno == ENOENT ||
		   durable_error("remove directory", path, err);
}
