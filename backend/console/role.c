/*
 * role.c
 *		Who may do what in the console.  See role.h.
 */
#include "base.h"

#include <string.h>

#include "console/role.h"
#include "util/net.h"

const char *
role_name(ConsoleRole role)
{
	static const char *const names[] = {
		[CONSOLE_ROLE_NONE] = "none",
		[CONSOLE_ROLE_STATS] = "stats",
		[CONSOLE_ROLE_ADMIN] = "admin",
	};

	return names[role];
}

static bool
is_name(const char *name, const char *requested)
{
	return name != NULL && strcmp(name, requested) == 0;
}

static bool
may_be_anybody(const ConsolePeer *peer)
{
	return peer->uid == 0 || peer->uid == peer->daemon_uid;
}

ConsoleRole
role_of(const ConsolePeer *peer, const char *requested, const char *admin_users,
	const char *stats_users, ErrInfo *err)
{
	if (!may_be_anybody(peer) && !is_name(peer->name, requested))
	{
		errinfo_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			"peer authentication failed for user \"%s\"", requested);
		if (peer->name != NULL)
			errinfo_detail(err,
				"The client runs as the operating system's user \"%s\".",
				peer->name);
		else
			errinfo_detail(err,
				"The client runs as user ID %u, which has no name.",
				(unsigned) peer->uid);
		return CONSOLE_ROLE_NONE;
	}
	if (strcmp(requested, "root") == 0 ||
		is_name(peer->daemon_name, requested) ||
		net_is_listed(admin_users, requested, strcmp))
		return CONSOLE_ROLE_ADMIN;
	if (net_is_listed(stats_users, requested, strcmp))
		return CONSOLE_ROLE_STATS;
	errinfo_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		"user \"%s\" may not use the console", requested);
	errinfo_hint(err, "\"admin_users\" and \"stats_users\" say who may.");
	return CONSOLE_ROLE_NONE;
}

ConsoleRole
role_best(
	const ConsolePeer *peer, const char *admin_users, const char *stats_users)
{
	ErrInfo err;

	if (may_be_anybody(peer))
		return CONSOLE_ROLE_ADMIN;
	if (peer->name == NULL)
		return CONSOLE_ROLE_NONE;
	return role_of(peer, peer->name, admin_users, stats_users, &err);
}
