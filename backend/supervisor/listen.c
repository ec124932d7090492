/*
 * listen.c
 *		The listening sockets.  See listen.h.
 *
 * A Unix socket lies where libpq looks for it, DIR/.s.PGSQL.PORT, with a lock
 * file beside it, as PostgreSQL has it: process id in the first line.  PostgreSQL
 * believes that number and we believe the lock, so neither takes the socket of
 * the other while that runs.  A socket that refuses connections is a leftover.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "supervisor/listen.h"
#include "supervisor/pidfile.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "util/net.h"
#include "util/netlisten.h"

#define BACKLOG_MIN 128
/* How long sockets may be in use when we start, all together. */
#define FORMER_MS 2000
#define FORMER_PAUSE_MS 50

/* One for each Unix socket. */
typedef struct UnixSocket
{
	char *path;
	dev_t dev; /* of its directory */
	ino_t ino;
	PidFile lock;
	bool bound; /* the socket is ours to remove */
} UnixSocket;

static struct
{
	int *fds;
	size_t fd_count;
	UnixSocket *unix_sockets;
	size_t unix_count;
	int64_t give_up_ms; /* waiting for sockets in use; 0: not yet */
} listening;

static void
add_socket(int fd)
{
	listening.fds = mem_realloc(
		listening.fds, (listening.fd_count + 1) * sizeof(*listening.fds));
	listening.fds[listening.fd_count++] = fd;
}

/* "IPv4 address "127.0.0.1", port 5433" */
static char *
describe_address(const struct sockaddr *addr, socklen_t len)
{
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];

	if (addr->sa_family == AF_UNIX)
		return mem_asprintf("Unix socket \"%s\"",
			((const struct sockaddr_un *) addr)->sun_path);
	if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return mem_strdup("an address");
	return mem_asprintf("%s address \"%s\", port %s",
		addr->sa_family == AF_INET6 ? "IPv6" : "IPv4", host, port);
}

/*
 * Whether to try once more what is in use.  The processes of a supervisor that was
 * killed hold its sockets until the kernel has killed them, too.
 */
static bool
wait_for_former(const char *what)
{
	int64_t now_ms = monotime_ms();

	if (listening.give_up_ms == 0)
	{
		listening.give_up_ms = now_ms + FORMER_MS;
		log_msg(
			LOG_LOG, "%s is in use, waiting for up to %d ms", what, FORMER_MS);
	}
	if (now_ms >= listening.give_up_ms)
		return false;
	poll(NULL, 0, FORMER_PAUSE_MS);
	return true;
}

/* A listening socket at one address, or -1 with errno. */
static int
open_tcp(const struct addrinfo *ai, int backlog, const char *what)
{
	int fd;

	do
	{
		fd = netlisten_open(ai->ai_addr, ai->ai_addrlen, backlog);
	} while (fd < 0 && errno == EADDRINUSE && wait_for_former(what));
	return fd;
}

/* All addresses of a name; one of them has to work. */
static bool
listen_on_name(const char *name, const Config *config, ErrInfo *err)
{
	struct addrinfo *found;
	bool any = false;
	int last_errno = 0;

	if (!netlisten_find(name, config->port, "listen_addresses", &found, err))
		return false;
	for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next)
	{
		char *what = describe_address(ai->ai_addr, ai->ai_addrlen);
		int fd = open_tcp(ai, Max(BACKLOG_MIN, config->max_connections), what);
		int open_errno = errno;

		if (fd >= 0)
		{
			log_msg(LOG_LOG, "listening on %s", what);
			add_socket(fd);
			any = true;
		}
		else
		{
			log_msg(LOG_LOG, "could not listen on %s: %s", what,
				strerror(open_errno));
			if (last_errno != EADDRINUSE)
				last_errno = open_errno;
		}
		free(what);
	}
	freeaddrinfo(found);
	if (!any)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"could not create any TCP/IP socket for \"%s\", port %d: %s", name,
			config->port, strerror(last_errno));
		if (last_errno == EADDRINUSE)
			errinfo_hint(err,
				"Another server seems to listen on port %d: stop "
				"it, or set another \"port\".",
				config->port);
	}
	return any;
}

/* Whether somebody answers at the socket. */
static bool
is_alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return true;
	alive = connect(fd, (const struct sockaddr *) addr, sizeof(*addr)) == 0 ||
			(errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return alive;
}

static bool
stays_alive(const struct sockaddr_un *addr)
{
	char *what =
		describe_address((const struct sockaddr *) addr, sizeof(*addr));
	bool alive;

	do
	{
		alive = is_alive(addr);
	} while (alive && wait_for_former(what));
	free(what);
	return alive;
}

static bool
open_unix(UnixSocket *us, const struct sockaddr_un *addr, const Config *config,
	const char *lock_text, ErrInfo *err)
{
	int fd;

	if (stays_alive(addr))
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"could not use Unix socket \"%s\": another server listens on it",
			us->path);
		return errinfo_hint(err,
			"Stop the other server, or set another \"port\" "
			"or \"unix_socket_directories\".");
	}
	if (!pidfile_write(&us->lock, lock_text, err))
		return false;
	unlink(us->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not create a Unix socket: %m");
	add_socket(fd);
	if (bind(fd, (const struct sockaddr *) addr, sizeof(*addr)) != 0)
		return errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not bind to Unix socket \"%s\": %m", us->path);
	us->bound = true;
	if (chmod(us->path, (mode_t) config->unix_socket_permissions) != 0 ||
		listen(fd, Max(BACKLOG_MIN, config->max_connections)) != 0)
		return errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not listen on Unix socket \"%s\": %m", us->path);
	log_msg(LOG_LOG, "listening on Unix socket \"%s\"", us->path);
	return true;
}

static char *
socket_path(const char *dir, const Config *config)
{
	return mem_asprintf("%s/.s.PGSQL.%d", dir, config->port);
}

static bool
listen_in_directory(
	const char *dir, const Config *config, const char *lock_text, ErrInfo *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st = {0};
	UnixSocket *us;
	char *lock_path;
	bool ok;

	listening.unix_sockets = mem_realloc(listening.unix_sockets,
		(listening.unix_count + 1) * sizeof(*listening.unix_sockets));
	us = &listening.unix_sockets[listening.unix_count++];
	if (stat(dir, &st) != 0)
		st.st_ino = 0; /* what is wrong with it will be said below */
	*us = (UnixSocket){
		.path = socket_path(dir, config), .dev = st.st_dev, .ino = st.st_ino};
	if (strlen(us->path) >= sizeof(addr.sun_path))
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"Unix socket path \"%s\" is longer than %zu bytes", us->path,
			sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, us->path);
	lock_path = mem_asprintf("%s.lock", us->path);
	ok = pidfile_lock(&us->lock, lock_path, err) &&
		 open_unix(us, &addr, config, lock_text, err);
	free(lock_path);
	return ok;
}

/* Whether one of the sockets lies in a directory, whatever its name is there. */
static bool
is_listening_in(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return false;
	for (size_t i = 0; i < listening.unix_count; i++)
	{
		if (listening.unix_sockets[i].dev == st.st_dev &&
			listening.unix_sockets[i].ino == st.st_ino)
			return true;
	}
	return false;
}

/* Whether one of the sockets, passed ones too, has that very path. */
static bool
is_listening_at(const char *path)
{
	for (size_t i = 0; i < listening.fd_count; i++)
	{
		struct sockaddr_un addr = {0};
		socklen_t len = sizeof(addr) - 1;

		if (getsockname(listening.fds[i], (struct sockaddr *) &addr, &len) ==
				0 &&
			addr.sun_family == AF_UNIX && strcmp(addr.sun_path, path) == 0)
			return true;
	}
	return false;
}

/*
 * The control socket, once.  state_directory has not been chosen for a socket: one
 * that is too long for it is no error.
 */
static bool
open_control_socket(const Config *config, const char *lock_text, ErrInfo *err)
{
	const char *dir = config_control_directory(config);
	char *path = socket_path(dir, config);
	bool too_long =
		strlen(path) >= sizeof(((struct sockaddr_un *) 0)->sun_path);
	bool there =
		dir[0] == '\0' || is_listening_in(dir) || is_listening_at(path);

	free(path);
	if (there)
		return true;
	if (too_long && config->control_socket_directory[0] == '\0')
	{
		log_msg(LOG_WARNING,
			"there is no control socket: the path of \"state_directory\" is "
			"too long for one, set \"control_socket_directory\"");
		return true;
	}
	return listen_in_directory(dir, config, lock_text, err);
}

/* In place of what the configuration names: the manager's are all that there are. */
static bool
adopt_sockets(int count, ErrInfo *err)
{
	for (int i = 0; i < count; i++)
	{
		struct sockaddr_storage addr = {0};
		socklen_t len = sizeof(addr) - 1; /* a path stays terminated */
		int fd = activation_socket(i, err);
		char *what;

		if (fd < 0)
			return false;
		if (getsockname(fd, (struct sockaddr *) &addr, &len) != 0)
			return errinfo_set(err, SQLSTATE_IO_ERROR,
				"could not find out the address of descriptor %d: %m", fd);
		what = describe_address((struct sockaddr *) &addr, len);
		log_msg(
			LOG_LOG, "listening on %s, passed by the service manager", what);
		free(what);
		add_socket(fd);
	}
	return true;
}

/* What the configuration names. */
static bool
open_sockets(const Config *config, const char *lock_text, ErrInfo *err)
{
	const char *list = config->listen_addresses;
	char *name;
	bool ok = true;

	while (ok && (name = net_next_name(&list)) != NULL)
	{
		ok = listen_on_name(name, config, err);
		free(name);
	}
	list = config->unix_socket_directories;
	while (ok && (name = net_next_name(&list)) != NULL)
	{
		ok = listen_in_directory(name, config, lock_text, err);
		free(name);
	}
	return ok;
}

bool
listen_open(
	const Config *config, int passed, const char *lock_text, ErrInfo *err)
{
	if (passed > 0 ? !adopt_sockets(passed, err)
				   : !open_sockets(config, lock_text, err))
		return false;
	if (listening.fd_count == 0)
	{
		errinfo_set(
			err, SQLSTATE_CONFIG_FILE_ERROR, "there is nothing to listen on");
		return errinfo_hint(err, "Set \"listen_addresses\" or "
								 "\"unix_socket_directories\".");
	}
	return open_control_socket(config, lock_text, err);
}

char *
listen_console_directory(int port)
{
	char *name = mem_asprintf("/.s.PGSQL.%d", port);
	char *found = NULL;

	/* the control socket is the last one */
	for (size_t i = listening.fd_count; i-- > 0 && found == NULL;)
	{
		struct sockaddr_un addr = {0};
		socklen_t len = sizeof(addr) - 1;
		char *end;

		if (getsockname(listening.fds[i], (struct sockaddr *) &addr, &len) !=
				0 ||
			addr.sun_family != AF_UNIX)
			continue;
		end = strrchr(addr.sun_path, '/');
		if (end == NULL || strcmp(end, name) != 0)
			continue;
		*end = '\0';
		found = realpath(addr.sun_path, NULL);
	}
	free(name);
	return found != NULL ? found : mem_strdup("");
}

const int *
listen_sockets(size_t *count)
{
	*count = listening.fd_count;
	return listening.fds;
}

static void
close_sockets(void)
{
	for (size_t i = 0; i < listening.fd_count; i++)
		close(listening.fds[i]);
	free(listening.fds);
	listening.fds = NULL;
	listening.fd_count = 0;
}

void
listen_close(void)
{
	close_sockets();
	for (size_t i = 0; i < listening.unix_count; i++)
	{
		UnixSocket *us = &listening.unix_sockets[i];

		if (us->bound)
			unlink(us->path);
		pidfile_remove(&us->lock);
		free(us->path);
	}
	free(listening.unix_sockets);
	listening.unix_sockets = NULL;
	listening.unix_count = 0;
}

void
listen_leave(bool keep_sockets)
{
	for (size_t i = 0; i < listening.unix_count; i++)
		pidfile_leave(&listening.unix_sockets[i].lock);
	if (!keep_sockets)
		close_sockets();
}
