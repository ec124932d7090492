/*
 * role.h
 *		Who may do what in the console.
 *
 * The kernel says which user of the operating system is at the other end of a Unix
 * socket.  He may ask for his own name only; root and the user that the daemon
 * runs as, who can do to it what they like, may ask for any.
 */
#ifndef CONSOLE_ROLE_H
#define CONSOLE_ROLE_H

#include "base.h"

#include "util/errinfo.h"

/* Each may do what those before it may. */
typedef enum ConsoleRole
{
	CONSOLE_ROLE_NONE,
	CONSOLE_ROLE_STATS, /* may look */
	CONSOLE_ROLE_ADMIN  /* may do everything */
} ConsoleRole;

typedef struct ConsolePeer
{
	uid_t uid;
	const char *name; /* of uid; NULL: the system knows none */
	uid_t daemon_uid;
	const char *daemon_name; /* the same */
} ConsolePeer;

/* "admin", "stats", "none" */
const char *role_name(ConsoleRole role);

/*
 * The role of a peer that asks for a name; the lists are comma-separated.
 * CONSOLE_ROLE_NONE, with err (28000), if it may not come in.
 */
ConsoleRole role_of(const ConsolePeer *peer, const char *requested,
	const char *admin_users, const char *stats_users, ErrInfo *err);

/* The most that the peer may become, by whatever name it asks for. */
ConsoleRole role_best(
	const ConsolePeer *peer, const char *admin_users, const char *stats_users);

#endif /* CONSOLE_ROLE_H */
