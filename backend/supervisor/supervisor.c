/*
 * supervisor.c
 *		The supervisor process.
 *
 * What for: it owns the listening sockets, the shared memory and the pid file,
 * starts the services (reader, spooler, monitor) and the workers, replaces those
 * that die, keeps spare_workers waiting for clients, takes new configurations into
 * force, and stops everything in order.
 *
 * Started by the operator or the service manager: it is the process that main()
 * runs in.
 *
 * Ends normally on TERM (smart: standbys take what there is; then fast), INT
 * (fast) and QUIT (immediate), when no child is left.
 *
 * Ends in an emergency through log_fatal: sockets and pid file are removed, and
 * the kernel kills the children with it.  So it does if this is killed.
 *
 * If it crashes, the service manager starts another; there is no one else.
 *
 * Writes cells of the board that no process is in, the published configuration,
 * and what came of reloads and of standbys that were halted (control).
 *
 * Must never: accept or read a byte from a client, talk to the upstream, wait for
 * a child, or hold anything that a child could hold as well.
 */
#include "base.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exitcode.h"
#include "process/title.h"
#include "shm/board.h"
#include "shm/control.h"
#include "shm/facts.h"
#include "shm/published.h"
#include "shm/ring.h"
#include "shm/sharedmem.h"
#include "shm/walstat.h"
#include "supervisor/activation.h"
#include "supervisor/children.h"
#include "supervisor/forker.h"
#include "supervisor/listen.h"
#include "supervisor/notify.h"
#include "supervisor/pidfile.h"
#include "supervisor/runstate.h"
#include "supervisor/servicestatus.h"
#include "supervisor/statedirectory.h"
#include "supervisor/supervisor.h"
#include "state/pidnote.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

/* Room for spare workers that a reload may add. */
#define SPARE_CELLS_MIN 16
/* What the service manager is told that a stop may take beyond its phases. */
#define STOP_MARGIN_MS 5000
/* Descriptors beside those of the board: memory, sockets, files, libpq. */
#define OTHER_FDS 256

static struct
{
	pid_t pid;
	Settings settings;
	RunState run;
	Ring *ring;
	PidFile pidfile;
	time_t started;
	int passed_sockets; /* by the service manager */
	bool reload_requested;
	bool reload_failed; /* the last one */

	/* libevent's, in a row; children close them behind its back */
	struct event_base *base;
	int first_base_fd;
	int end_base_fd;
	int signal_fd;
	struct event *timer;
} super = {.signal_fd = -1};

/* Those that we take through the signalfd. */
static const int wanted_signals[] = {
	SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGCHLD};

static void set_up_descriptors(void);
static void set_up_log(const Config *config);
static void set_up_signals(void);
static void set_up_base(void);
static void set_up_files(const Config *config);
static void set_up_repointed(void);
static void set_up_memory(const Config *config);
static void add_events(void);
static void leave_supervisor(bool is_worker);
static void note_status(const char *status);
static void describe(char *text, size_t size);
static void step(void);
static void on_exit_of_process(void);

static void
set_up(const Settings *settings)
{
	super.pid = getpid();
	super.started = time(NULL);
	super.settings = *settings;
	umask(077);
	title_set("supervisor");
	set_up_descriptors();
	set_up_log(settings->config);
	set_up_signals();
	set_up_base();
	notify_open(describe);
	atexit(on_exit_of_process);
	statedirectory_prepare(settings->config);
	set_up_files(settings->config);
	statedirectory_sweep(settings->config);
	set_up_repointed();
	set_up_memory(super.settings.config);
	add_events();
}

int
supervisor_run(const Settings *settings)
{
	set_up(settings);
	step();
	note_status(PIDNOTE_READY);
	log_msg(LOG_LOG, "ready to accept connections");
	notify_ready();
	while (super.run.phase != RUN_ENDED)
	{
		if (event_base_loop(super.base, EVLOOP_ONCE) < 0)
			log_fatal(EXITCODE_STARTUP, "could not wait for events: %m");
		step();
	}
	on_exit_of_process();
	log_msg(LOG_LOG, "stopped");
	return EXITCODE_OK;
}

/* Also where log_fatal goes; children come by here too, and have no business. */
static void
on_exit_of_process(void)
{
	if (getpid() != super.pid)
		return;
	listen_close();
	pidfile_remove(&super.pidfile);
}

/* ---- setting up ---- */

/*
 * Nothing that we were started with goes on to children but sockets to listen on;
 * 0, 1 and 2 are open, so that no socket ever gets one of those numbers.
 */
static void
set_up_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		log_fatal(EXITCODE_STARTUP, "could not open \"/dev/null\": %m");
	super.passed_sockets = activation_take();
	closefrom(ACTIVATION_FIRST_FD + super.passed_sockets);
}

static void
set_up_log(const Config *config)
{
	ErrInfo err;

	if (!reload_apply_log(NULL, config, &err))
		log_fatal_err(EXITCODE_STARTUP, &err);
	log_msg(LOG_LOG, "walbouncer %s starting", PACKAGE_VERSION);
	reload_log_warnings(config);
}

static void
set_up_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGUSR2, &ignore, NULL);
	sigemptyset(&set);
	for (size_t i = 0; i < lengthof(wanted_signals); i++)
	{
		/* one that is ignored would not be seen by a signalfd */
		signal(wanted_signals[i], SIG_DFL);
		sigaddset(&set, wanted_signals[i]);
	}
	sigprocmask(SIG_SETMASK, &set, NULL);
	super.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (super.signal_fd < 0)
		log_fatal(EXITCODE_STARTUP, "could not create a signalfd: %m");
}

/* The number that the next descriptor will get. */
static int
next_fd(void)
{
	int fd = dup(STDIN_FILENO);

	if (fd < 0)
		log_fatal(EXITCODE_STARTUP, "could not duplicate a descriptor: %m");
	close(fd);
	return fd;
}

/* So early that there are no gaps below: its descriptors are in a row. */
static void
set_up_base(void)
{
	super.first_base_fd = next_fd();
	super.base = event_base_new();
	if (super.base == NULL)
		log_fatal(EXITCODE_STARTUP, "could not create an event loop");
	super.end_base_fd = next_fd();
}

static bool
write_pidfile(const char *status, ErrInfo *err)
{
	const Settings *s = &super.settings;
	char *directory = listen_console_directory(s->config->port);
	char *text = pidnote_format_all(
		s->file, s->config, s->overrides, super.started, directory, status);
	bool ok =
		super.pidfile.path == NULL || pidfile_write(&super.pidfile, text, err);

	free(directory);
	free(text);
	return ok;
}

/* For whoever waits for it; we go on without. */
static void
note_status(const char *status)
{
	ErrInfo err;

	if (!write_pidfile(status, &err))
		log_err(LOG_WARNING, &err);
}

static bool
take_pidfile(const Config *config, ErrInfo *err)
{
	char *path = pidnote_path(config->pid_file, config->state_directory);
	bool ok;

	if (path == NULL)
		return true;
	ok = pidfile_lock(&super.pidfile, path, err) &&
		 write_pidfile(PIDNOTE_STARTING, err);
	free(path);
	return ok;
}

/* What can be there once only: the pid file, the sockets. */
static void
set_up_files(const Config *config)
{
	char *lock_text =
		pidnote_format(super.settings.file, config, super.started);
	ErrInfo err;
	bool ok = take_pidfile(config, &err) &&
			  listen_open(config, super.passed_sockets, lock_text, &err);

	free(lock_text);
	if (!ok)
		log_fatal_err(EXITCODE_STARTUP, &err);
}

static void
set_up_repointed(void)
{
	ErrInfo err;

	if (!reload_repointed(&super.settings, &err))
		log_fatal_err(EXITCODE_STARTUP, &err);
}

/* Each cell of the board has a descriptor. */
static void
raise_fd_limit(int cell_count)
{
	rlim_t wanted = (rlim_t) cell_count + OTHER_FDS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted)
	{
		ErrInfo err;

		errinfo_set(&err, SQLSTATE_CONFIG_FILE_ERROR,
			"max_connections needs %llu open files, and no more than %llu are "
			"allowed",
			(unsigned long long) wanted, (unsigned long long) limit.rlim_max);
		errinfo_hint(&err, "Raise the limit (ulimit -n, LimitNOFILE), or set a "
						   "lower \"max_connections\".");
		log_fatal_err(EXITCODE_STARTUP, &err);
	}
	limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_fatal(
			EXITCODE_STARTUP, "could not raise the limit of open files: %m");
}

static void
set_up_memory(const Config *config)
{
	size_t page = sharedmem_page_size();
	size_t size = ((size_t) config->ring_size + page - 1) / page * page;
	int cells = config->max_connections + BOARD_CONSOLES_MAX +
				Max(config->spare_workers, SPARE_CELLS_MIN);

	raise_fd_limit(cells);
	super.ring = ring_new(size);
	board_create(cells);
	forker_init(leave_supervisor);
	facts_create();
	control_create();
	walstat_create();
	published_create();
	published_store(super.settings.text, super.settings.repointed);
}

/* ---- events: they note what has happened, step() does it ---- */

static void
request_stop(RunPhase phase, const char *name)
{
	log_msg(LOG_LOG, "received %s shutdown request", name);
	note_status(PIDNOTE_STOPPING);
	notify_stopping(super.settings.config->shutdown_timeout_ms +
					RUNSTATE_FAST_MS + STOP_MARGIN_MS);
	if (runstate_request(&super.run, phase, monotime_ms(),
			super.settings.config->shutdown_timeout_ms) &&
		phase == RUN_SMART && super.run.phase == RUN_FAST)
		log_msg(LOG_LOG, "the second one, stopping fast");
}

static void
on_signals(evutil_socket_t fd, short what UNUSED, void *arg UNUSED)
{
	struct signalfd_siginfo info;

	while (read((int) fd, &info, sizeof(info)) == (ssize_t) sizeof(info))
	{
		switch (info.ssi_signo)
		{
			case SIGHUP:
				super.reload_requested = true;
				break;
			case SIGTERM:
				request_stop(RUN_SMART, "smart");
				break;
			case SIGINT:
				request_stop(RUN_FAST, "fast");
				break;
			case SIGQUIT:
				request_stop(RUN_IMMEDIATE, "immediate");
				break;
			case SIGUSR1:
				log_request_reopen();
				log_reopen_if_requested();
				forker_signal_all(SIGUSR1);
				break;
			default:
				break; /* SIGCHLD: step() reaps anyway */
		}
	}
}

/* A spare worker has become busy. */
static void
on_bell(evutil_socket_t fd, short what UNUSED, void *arg UNUSED)
{
	uint64_t count;

	if (read((int) fd, &count, sizeof(count)) < 0 && errno != EAGAIN &&
		errno != EINTR)
		log_fatal(EXITCODE_STARTUP, "could not read an eventfd: %m");
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
}

static void
add_reader_event(int fd, event_callback_fn callback)
{
	struct event *ev =
		event_new(super.base, fd, EV_READ | EV_PERSIST, callback, NULL);

	if (ev == NULL || event_add(ev, NULL) != 0)
		log_fatal(EXITCODE_STARTUP, "could not add an event");
}

static void
add_events(void)
{
	add_reader_event(super.signal_fd, on_signals);
	add_reader_event(board_supervisor_fd(), on_bell);
	super.timer = evtimer_new(super.base, on_timer, NULL);
	if (super.timer == NULL)
		log_fatal(EXITCODE_STARTUP, "could not add an event");
}

/* ---- children ---- */

/* In a child: what is the supervisor's alone closes. */
static void
leave_supervisor(bool is_worker)
{
	for (int fd = super.first_base_fd; fd < super.end_base_fd; fd++)
		close(fd);
	close(super.signal_fd);
	notify_leave();
	pidfile_leave(&super.pidfile);
	listen_leave(is_worker);
}

static void
start_children(int64_t now_ms)
{
	ChildContext ctx = {
		.ring = super.ring,
		.config = super.settings.config,
		.config_generation = published_generation(),
		.config_file = super.settings.file,
		.overrides = super.settings.overrides,
	};

	ctx.listen_fds = listen_sockets(&ctx.listen_count);
	children_start(&ctx, now_ms);
}

/* ---- what there is to do after each event ---- */

/* One line for the service manager. */
static void
describe(char *text, size_t size)
{
	servicestatus_format(
		super.run.phase, super.reload_failed, super.ring, text, size);
}

static void
reload(void)
{
	ErrInfo err;
	bool good;

	super.reload_requested = false;
	if (super.run.phase != RUN_SERVING)
		return;
	notify_reloading();
	control_reload_begin();
	good = reload_again(&super.settings, &err);
	control_reload_done(good, &err);
	super.reload_failed = !good;
	notify_ready();
	/* a console that has asked for it waits for the answer */
	for (int i = 0; i < board_cell_count(); i++)
	{
		if (forker_pid(i) != 0)
			board_wake(i);
	}
}

static void
stop_step(int64_t now_ms)
{
	listen_close();
	if (runstate_tick(&super.run, now_ms))
	{
		if (super.run.phase == RUN_FAST)
			log_msg(LOG_LOG, "shutdown_timeout is over, stopping fast");
		else
			log_msg(LOG_WARNING,
				"killing what did not end in time: %d of the processes",
				forker_count());
	}
	runstate_children(&super.run, forker_count());
	children_signal(&super.run);
}

static void
wake_at(int64_t *when_ms, int64_t other_ms)
{
	if (other_ms != 0 && (*when_ms == 0 || other_ms < *when_ms))
		*when_ms = other_ms;
}

static void
arm_timer(int64_t now_ms)
{
	struct timeval tv;
	int64_t when_ms = notify_tick(now_ms);
	int64_t left_ms;

	wake_at(&when_ms, super.run.deadline_ms);
	if (super.run.phase == RUN_SERVING)
		wake_at(&when_ms, children_next_birth_ms(now_ms));
	if (when_ms == 0)
	{
		evtimer_del(super.timer);
		return;
	}
	/* one more, since libevent's clock may be a little behind ours */
	left_ms = Max(when_ms - now_ms, 0) + 1;
	tv.tv_sec = left_ms / 1000;
	tv.tv_usec = left_ms % 1000 * 1000;
	evtimer_add(super.timer, &tv);
}

static void
step(void)
{
	int64_t now_ms = monotime_ms();

	children_reap(now_ms);
	if (super.reload_requested)
		reload();
	if (super.run.phase == RUN_SERVING)
		start_children(now_ms);
	else
		stop_step(now_ms);
	arm_timer(now_ms);
}
