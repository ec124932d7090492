/*
 * instance.c
 *		The walbouncer that is meant.  See instance.h.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/instance.h"
#include "util/mem.h"

/* More than any pid file has. */
#define PIDFILE_TEXT_MAX 16384

/* The paths that matter, from wherever they could be had. */
typedef struct Paths
{
	const char *pid_file;
	const char *state_directory;
} Paths;

static void
set_pid_file(Instance *instance, const Paths *paths)
{
	/* that of the command line comes first */
	if (instance->pid_file == NULL)
		instance->pid_file =
			pidnote_path(paths->pid_file, paths->state_directory);
}

/*
 * A file that the daemon would refuse: what the two settings are, if libconfig
 * understands it that far.  So a walbouncer can be stopped whatever has been
 * done to its configuration.
 */
static void
find_in_broken(Instance *instance, const char *text)
{
	config_t file;
	Paths paths = {"", ""};

	config_init(&file);
	/* what stands before a syntax error is kept */
	(void) config_read_string(&file, text);
	config_lookup_string(&file, "pid_file", &paths.pid_file);
	config_lookup_string(&file, "state_directory", &paths.state_directory);
	set_pid_file(instance, &paths);
	config_destroy(&file);
}

static void
load_config(Instance *instance)
{
	static const ConfigOverrides none;
	char *text =
		config_file_read(instance->config_file, &instance->config_error);

	if (text == NULL)
		return;
	instance->config = config_load(
		instance->config_file, text, &none, &instance->config_error);
	if (instance->config != NULL)
	{
		Paths paths = {
			instance->config->pid_file, instance->config->state_directory};

		set_pid_file(instance, &paths);
	}
	else
		find_in_broken(instance, text);
	free(text);
}

bool
instance_open(const CtlArgs *args, Instance *instance, ErrInfo *err)
{
	*instance = (Instance){.config_file = args->config_file};
	errinfo_clear(&instance->config_error);
	if (args->pid_file != NULL)
		instance->pid_file = mem_strdup(args->pid_file);
	if (instance->config_file == NULL)
		instance->config_file = getenv("WALBOUNCER_CONFIG");
	if (instance->config_file == NULL && instance->pid_file == NULL)
	{
		errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"no configuration file specified and environment variable "
			"WALBOUNCER_CONFIG unset");
		return errinfo_hint(
			err, "Try \"walbouncerctl --help\" for more information.");
	}
	if (instance->config_file != NULL)
		load_config(instance);
	if (instance->pid_file != NULL)
		return true;
	if (instance->config == NULL)
	{
		*err = instance->config_error;
		return false;
	}
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"%s\" names neither \"pid_file\" nor \"state_directory\"",
		instance->config_file);
	return errinfo_hint(
		err, "A walbouncer without a pid file cannot be found.");
}

void
instance_close(Instance *instance)
{
	config_free(instance->config);
	free(instance->pid_file);
}

/* ---- the pid file ---- */

static bool
read_note(int fd, const char *path, PidNote *note, ErrInfo *err)
{
	char *text = mem_alloc(PIDFILE_TEXT_MAX + 1);
	ssize_t n = pread(fd, text, PIDFILE_TEXT_MAX, 0);

	if (n < 0)
	{
		free(text);
		return errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not read \"%s\": %m", path);
	}
	text[n] = '\0';
	pidnote_parse(text, note);
	return true;
}

/* -1 with errno */
static int
open_pidfile(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static bool
open_error(const char *path, ErrInfo *err)
{
	return errinfo_set(
		err, SQLSTATE_IO_ERROR, "could not open PID file \"%s\": %m", path);
}

bool
instance_read(const char *pid_file, PidNote *note, ErrInfo *err)
{
	int fd = open_pidfile(pid_file);
	bool ok;

	*note = (PidNote){0};
	if (fd < 0)
		return open_error(pid_file, err);
	ok = read_note(fd, pid_file, note, err);
	close(fd);
	return ok;
}

/* The effective user id of a process; false if it is not there. */
static bool
process_uid(pid_t pid, uid_t *uid)
{
	char path[64];
	char line[256];
	unsigned effective;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "Uid: %*u %u", &effective) == 1;
	fclose(f);
	*uid = (uid_t) effective;
	return found;
}

/*
 * A file that is locked names a process of its owner's: root would send signals
 * to whatever stands in a file that another user can write.
 */
static bool
check_note(int fd, const char *path, const PidNote *note, ErrInfo *err)
{
	struct stat st;
	uid_t uid;

	if (note->text[0] == '\0')
		return errinfo_set(
			err, SQLSTATE_DATA_CORRUPTED, "the PID file \"%s\" is empty", path);
	if (note->pid == 0)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"invalid data in PID file \"%s\"", path);
	if (fstat(fd, &st) != 0)
		return open_error(path, err);
	if (process_uid(note->pid, &uid) && uid != st.st_uid)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"PID file \"%s\" names a process of another user (PID %d)", path,
			(int) note->pid);
	return true;
}

bool
instance_look(
	const char *pid_file, InstanceState *state, PidNote *note, ErrInfo *err)
{
	int fd = open_pidfile(pid_file);
	bool ok;

	*note = (PidNote){0};
	*state = INSTANCE_STOPPED;
	if (fd < 0)
		return errno == ENOENT || open_error(pid_file, err);
	/* for an instant only: a walbouncer that starts wants it for itself */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
	{
		flock(fd, LOCK_UN);
		*state = INSTANCE_STALE;
	}
	else if (errno == EWOULDBLOCK)
		*state = INSTANCE_RUNNING;
	else
	{
		close(fd);
		return errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not lock PID file \"%s\": %m", pid_file);
	}
	ok = read_note(fd, pid_file, note, err) &&
		 (*state == INSTANCE_STALE || check_note(fd, pid_file, note, err));
	close(fd);
	return ok;
}
