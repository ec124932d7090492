/*
 * signals.c
 *		Signals in the children.  See signals.h.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "exitcode.h"
#include "process/signals.h"
#include "shm/board.h"
#include "util/log.h"

static struct
{
	volatile sig_atomic_t stop;
	volatile sig_atomic_t killed;
	volatile sig_atomic_t drain;
	volatile sig_atomic_t cancel;
	volatile sig_atomic_t hangup;
	volatile sig_atomic_t exit_at_once;
} flags;

static void
on_signal(int signo, siginfo_t *info, void *context UNUSED)
{
	if (signo == SIGQUIT)
		_exit(EXITCODE_OK);
	if (signo == SIGINT)
		flags.cancel = 1;
	else if (signo == SIGHUP)
		flags.hangup = 1;
	else if (signo == SIGUSR2)
		flags.drain = 1;
	else if (flags.exit_at_once)
		_exit(EXITCODE_OK);
	else
	{
		flags.stop = 1;
		if (info->si_pid != getppid())
			flags.killed = 1;
	}
	board_wake_self();
}

/* Whoever sleeps wakes up and opens it. */
static void
on_reopen(int signo UNUSED)
{
	log_request_reopen();
	board_wake_self();
}

void
signals_setup_child(void)
{
	static const int handled[] = {SIGTERM, SIGUSR2, SIGINT, SIGQUIT, SIGHUP};
	static const int ignored[] = {SIGPIPE};
	struct sigaction action = {.sa_flags = SA_RESTART | SA_SIGINFO};
	sigset_t none;

	sigemptyset(&action.sa_mask);
	action.sa_sigaction = on_signal;
	for (size_t i = 0; i < lengthof(handled); i++)
		sigaction(handled[i], &action, NULL);
	action.sa_flags = SA_RESTART;
	action.sa_handler = on_reopen;
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < lengthof(ignored); i++)
		sigaction(ignored[i], &action, NULL);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

bool
signals_stop_requested(void)
{
	return flags.stop;
}

bool
signals_killed(void)
{
	return flags.killed;
}

bool
signals_drain_requested(void)
{
	return flags.drain;
}

bool
signals_take_cancel(void)
{
	bool requested = flags.cancel;

	flags.cancel = 0;
	return requested;
}

bool
signals_take_hangup(void)
{
	bool requested = flags.hangup;

	flags.hangup = 0;
	return requested;
}

void
signals_exit_at_once(bool on)
{
	flags.exit_at_once = on;
	if (on && flags.stop)
		_exit(EXITCODE_OK);
}

int
signals_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};
	sigset_t term;
	sigset_t before;
	int saved_errno;
	int n = -1;

	/* held back until the kernel waits, so that none is missed in between */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	errno = EINTR;
	if (!flags.stop)
		n = ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, &before);
	saved_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved_errno;
	return n;
}
