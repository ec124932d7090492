/*
 * ctlterm.c
 *		The terminal.  See ctlterm.h.
 *
 * Control sequences are those of ECMA-48 and, for the second screen and the
 * cursor, of xterm, which all terminals in use have taken over.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/ctlterm.h"
#include "util/monotime.h"

const char ctlterm_home[] = "\033[H";
const char ctlterm_end[] = "\033[J";
static const char enter_screen[] = "\033[?1049h\033[?25l";
static const char leave_screen[] = "\033[?25h\033[?1049l";

static struct
{
	struct termios saved;
	volatile sig_atomic_t entered;
	volatile sig_atomic_t has_keys;
	volatile sig_atomic_t resized;
} term;

bool
ctlterm_usable(void)
{
	const char *type = getenv("TERM");

	return isatty(STDOUT_FILENO) && type != NULL && strcmp(type, "dumb") != 0;
}

static void
write_all(const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t) n;
	}
}

/* Calls what a signal handler may call, and nothing else. */
static void
leave(void)
{
	if (!term.entered)
		return;
	term.entered = 0;
	write_all(leave_screen, sizeof(leave_screen) - 1);
	if (term.has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
}

static void
on_end(int number)
{
	leave();
	if (number == SIGINT)
		_exit(EXIT_SUCCESS);
	raise(number); /* the action is the default one again */
}

static void
on_resize(int number UNUSED)
{
	term.resized = 1;
}

static void
set_up_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction end = {.sa_handler = on_end, .sa_flags = SA_RESETHAND};
	struct sigaction resize = {.sa_handler = on_resize, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < lengthof(ends); i++)
		sigaction(ends[i], &end, NULL);
	sigaction(SIGWINCH, &resize, NULL);
	signal(SIGTSTP, SIG_IGN); /* it would leave the shell with our settings */
}

void
ctlterm_enter(void)
{
	struct termios raw;

	term.has_keys = tcgetattr(STDIN_FILENO, &term.saved) == 0;
	atexit(leave);
	set_up_signals();
	term.entered = 1;
	if (term.has_keys)
	{
		raw = term.saved;
		raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	write_all(enter_screen, sizeof(enter_screen) - 1);
}

void
ctlterm_size(int *width, int *height)
{
	struct winsize size;

	*width = 80;
	*height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
		size.ws_row > 0)
	{
		*width = size.ws_col;
		*height = size.ws_row;
	}
}

/* Whether the key that has been pressed quits; so does the end of the input. */
static bool
read_key(void)
{
	char c = 'q';

	if (read(STDIN_FILENO, &c, 1) < 0)
		return errno != EINTR && errno != EAGAIN;
	return c == 'q' || c == 'Q';
}

TermEvent
ctlterm_wait(int timeout_ms)
{
	int64_t end_ms = monotime_ms() + timeout_ms;
	int64_t left_ms;

	while ((left_ms = end_ms - monotime_ms()) > 0)
	{
		struct pollfd key = {
			.fd = term.has_keys ? STDIN_FILENO : -1, .events = POLLIN};

		if (poll(&key, 1, (int) left_ms) > 0 && read_key())
			return TERM_QUIT;
		if (term.resized)
		{
			term.resized = 0;
			return TERM_RESIZED;
		}
	}
	return TERM_TIMEOUT;
}
