/*
 * fetch.c
 *		WAL segments from wal_fetch_command.  See fetch.h.
 *
 * Between the worker and the shell stands a process of ours, the watcher, a fork of
 * the worker that does nothing but wait:
 *
 *		worker -- pipe --< watcher --- sh -c command
 *
 * It alone has the writing end of the pipe, so that the worker can poll for the end
 * of the command whatever else that leaves running behind it (some fetch further
 * segments in the background, which is their business).  And it is told when the
 * worker is gone, in whatever way, so that it can kill the shell with all that it
 * has started: they are a process group of their own.
 *
 * Nothing that a command brings is taken on trust: it may be the wrong file, or
 * half of the right one.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/fetchcommand.h"
#include "process/title.h"
#include "util/log.h"
#include "util/mem.h"
#include "source/fetch.h"

#define FOLDER "fetch"
#define SHELL "/bin/sh"
/* What a shell says of a command that it cannot run (POSIX, Shell Command Language). */
#define STATUS_CANNOT_RUN 127
/* From here on it is not the command's own "no" (xlogarchive.c, PostgreSQL 15). */
#define STATUS_SAYS_NO_MAX 125

struct Fetch
{
	const ChildContext *ctx;
	WalGeometry geometry;
	bool swept; /* what others have left has been removed */
	LogLimit wrong_limit;

	/* what runs; nothing does if watcher is 0 */
	pid_t watcher;
	int report_fd; /* from the watcher: the shell's status; -1 */
	TimeLineId tli;
	Lsn start; /* of the segment */
	char name[WAL_FILE_NAME_SIZE];
	char *path;
	char *command;
};

Fetch *
fetch_new(const ChildContext *ctx, const WalGeometry *geometry)
{
	Fetch *f = mem_alloc0(sizeof(Fetch));

	f->ctx = ctx;
	f->geometry = *geometry;
	f->report_fd = -1;
	return f;
}

void
fetch_free(Fetch *f)
{
	if (f == NULL)
		return;
	fetch_cancel(f);
	free(f);
}

bool
fetch_configured(const Fetch *f)
{
	return f->ctx->config->wal_fetch_command[0] != '\0';
}

int
fetch_fd(const Fetch *f)
{
	return f->report_fd;
}

/* ---- the folder ---- */

/* "NAME.PID", and what the command may have made beside it. */
static bool
is_stale(const char *file)
{
	size_t name_len = WAL_FILE_NAME_SIZE - 1;
	long pid;

	if (strspn(file, "0123456789ABCDEF") != name_len || file[name_len] != '.')
		return false;
	pid = strtol(file + name_len + 1, NULL, 10);
	return pid > 0 &&
		   (pid == getpid() || (kill((pid_t) pid, 0) != 0 && errno == ESRCH));
}

/* Remove what workers have left that were killed. */
static void
sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
	{
		if (is_stale(entry->d_name) &&
			unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			log_msg(LOG_DEBUG1, "removed stale file \"%s/%s\"", folder,
				entry->d_name);
	}
	closedir(dir);
}

/* Set name and path, with nothing there. */
static bool
prepare_path(Fetch *f, ErrInfo *err)
{
	const char *state_directory = f->ctx->config->state_directory;
	char *folder;
	bool ok;

	if (!fetchcommand_directory_safe(state_directory))
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"cannot fetch WAL to \"state_directory\" \"%s\"", state_directory);
	folder = mem_asprintf("%s/" FOLDER, state_directory);
	ok = mkdir(folder, 0700) == 0 || errno == EEXIST;
	if (!ok)
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not create directory \"%s\": %m", folder);
	else
	{
		if (!f->swept)
			sweep(folder);
		f->swept = true;
		lsn_segment_name(f->start, f->tli, f->geometry.segment_size, f->name);
		f->path = mem_asprintf("%s/%s.%d", folder, f->name, (int) getpid());
		unlink(f->path);
	}
	free(folder);
	return ok;
}

/* ---- running ---- */

static void run_shell(const char *command, pid_t parent) NORETURN;

/* The shell: nothing of ours goes on to it but the log. */
static void
run_shell(const char *command, pid_t parent)
{
	sigset_t none;
	int null;

	/* in case that the watcher is killed */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(STATUS_CANNOT_RUN);
	setpgid(0, 0);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(STATUS_CANNOT_RUN);
	closefrom(STDERR_FILENO + 1);
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(SHELL, "sh", "-c", command, (char *) NULL);
	_exit(STATUS_CANNOT_RUN);
}

static void watch(const Fetch *f, pid_t worker, int report_fd) NORETURN;

/*
 * The watcher; all signals are blocked.  It ends with the shell, which it reports,
 * or at a SIGTERM: from fetch_cancel, or from the kernel when the worker is gone.
 */
static void
watch(const Fetch *f, pid_t worker, int report_fd)
{
	pid_t self = getpid();
	sigset_t awaited;
	pid_t shell;
	int status;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != worker)
		_exit(EXIT_FAILURE);
	title_set("fetch %s", f->name);
	/* the standby's socket above all: it must not outlive the worker */
	if (report_fd != STDERR_FILENO + 1)
		report_fd = dup2(report_fd, STDERR_FILENO + 1);
	closefrom(STDERR_FILENO + 2);
	shell = fork();
	if (shell == 0)
		run_shell(f->command, self);
	if (shell < 0)
		_exit(EXIT_FAILURE);
	setpgid(shell, shell); /* whoever comes first */
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	sigaddset(&awaited, SIGTERM);
	for (;;)
	{
		if (sigwaitinfo(&awaited, NULL) == SIGTERM)
		{
			kill(-shell, SIGKILL);
			unlink(f->path);
			_exit(EXIT_SUCCESS);
		}
		if (waitpid(shell, &status, WNOHANG) == shell)
			_exit(write(report_fd, &status, sizeof(status)) == sizeof(status)
					  ? EXIT_SUCCESS
					  : EXIT_FAILURE);
	}
}

static bool
start_watcher(Fetch *f, ErrInfo *err)
{
	pid_t self = getpid();
	sigset_t all;
	sigset_t before;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not create a pipe: %m");
	/* The watcher has our handlers, and must lose no signal to them. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	f->watcher = fork();
	if (f->watcher == 0)
		watch(f, self, fds[1]);
	if (f->watcher < 0)
		errinfo_set(err, SQLSTATE_IO_ERROR, "could not fork: %m");
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	if (f->watcher < 0)
	{
		f->watcher = 0;
		close(fds[0]);
		return false;
	}
	f->report_fd = fds[0];
	return true;
}

/* The command has ended, or never began: nothing of it stays. */
static void
clean_up(Fetch *f)
{
	if (f->watcher != 0)
	{
		while (waitpid(f->watcher, NULL, 0) < 0 && errno == EINTR)
			;
	}
	f->watcher = 0;
	if (f->report_fd >= 0)
		close(f->report_fd);
	f->report_fd = -1;
	if (f->path != NULL)
		unlink(f->path);
	free(f->path);
	free(f->command);
	f->path = f->command = NULL;
}

void
fetch_cancel(Fetch *f)
{
	if (f->watcher != 0)
		kill(f->watcher, SIGTERM);
	clean_up(f);
}

static FetchStatus
start(Fetch *f, TimeLineId tli, Lsn lsn, ErrInfo *err)
{
	f->tli = tli;
	f->start = lsn_floor(lsn, f->geometry.segment_size);
	if (!prepare_path(f, err))
		return FETCH_FAILED;
	f->command = fetchcommand_expand(
		f->ctx->config->wal_fetch_command, f->name, f->path);
	if (!start_watcher(f, err))
	{
		errinfo_detail(err, "The failed wal_fetch_command was: %s", f->command);
		clean_up(f);
		return FETCH_FAILED;
	}
	log_msg(LOG_DEBUG1, "executing wal_fetch_command: %s", f->command);
	return FETCH_RUNNING;
}

/* ---- what has come of it ---- */

/* What the command has made at path is the segment: its descriptor.  Or -1. */
static int
open_segment(const Fetch *f, ErrInfo *err)
{
	uint8_t header[WAL_LONG_HEADER_SIZE];
	/* a pipe must not make us wait */
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) != 0)
	{
		errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
			"could not open WAL segment \"%s\" although wal_fetch_command "
			"succeeded: %m",
			f->name);
		goto fail;
	}
	if (!S_ISREG(st.st_mode) || st.st_size != (off_t) f->geometry.segment_size)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL segment \"%s\" from wal_fetch_command has %jd bytes, not %u",
			f->name, S_ISREG(st.st_mode) ? (intmax_t) st.st_size : (intmax_t) 0,
			f->geometry.segment_size);
		goto fail;
	}
	got = pread(fd, header, sizeof(header), 0);
	if (got != (ssize_t) sizeof(header))
	{
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not read WAL segment \"%s\" from wal_fetch_command: %m",
			f->name);
		goto fail;
	}
	if (!page_begins_segment(header, f->tli, f->start, &f->geometry, err))
	{
		errinfo_detail(err,
			"It came from wal_fetch_command as WAL segment \"%s\".", f->name);
		goto fail;
	}
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

static FetchStatus
take_segment(Fetch *f, int *fd)
{
	ErrInfo wrong;

	*fd = open_segment(f, &wrong);
	if (*fd >= 0)
	{
		log_msg(LOG_DEBUG1, "fetched WAL segment \"%s\"", f->name);
		return FETCH_DONE;
	}
	log_err_limited(&f->wrong_limit, LOG_WARNING, &wrong);
	return FETCH_NOT_THERE;
}

/* The shell has ended. */
static FetchStatus
judge(Fetch *f, int status, int *fd, ErrInfo *err)
{
	if (WIFEXITED(status))
	{
		int code = WEXITSTATUS(status);

		if (code == 0)
			return take_segment(f, fd);
		if (code <= STATUS_SAYS_NO_MAX)
		{
			log_msg(LOG_DEBUG1,
				"wal_fetch_command has no WAL segment \"%s\": exit status %d",
				f->name, code);
			return FETCH_NOT_THERE;
		}
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not fetch WAL segment \"%s\": exit status %d", f->name,
			code);
	}
	else
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not fetch WAL segment \"%s\": ended by signal %d: %s",
			f->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	errinfo_detail(err, "The failed wal_fetch_command was: %s", f->command);
	return FETCH_FAILED;
}

static FetchStatus
look(Fetch *f, int *fd, ErrInfo *err)
{
	FetchStatus result;
	int status;
	ssize_t got = read(f->report_fd, &status, sizeof(status));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return FETCH_RUNNING;
	if (got == (ssize_t) sizeof(status))
		result = judge(f, status, fd, err);
	else
	{
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not fetch WAL segment \"%s\": the process for it has died",
			f->name);
		errinfo_detail(err, "The failed wal_fetch_command was: %s", f->command);
		result = FETCH_FAILED;
	}
	clean_up(f);
	return result;
}

FetchStatus
fetch_segment(Fetch *f, TimeLineId tli, Lsn lsn, int *fd, ErrInfo *err)
{
	*fd = -1;
	if (f->watcher != 0 &&
		(f->tli != tli || f->start != lsn_floor(lsn, f->geometry.segment_size)))
		fetch_cancel(f);
	if (f->watcher == 0)
		return fetch_configured(f) ? start(f, tli, lsn, err) : FETCH_NOT_THERE;
	return look(f, fd, err);
}
