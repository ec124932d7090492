/*
 * privileges.c
 *		From root to an ordinary user.  See privileges.h.
 */
#include "base.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/privileges.h"

static bool
find_user(const char *user, struct passwd **pw, ErrInfo *err)
{
	if (user[0] == '\0')
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"walbouncer does not run as root");
		return errinfo_hint(err, "Start it as an ordinary user, or name in "
								 "\"user\" the one to become.");
	}
	errno = 0;
	*pw = getpwnam(user);
	if (*pw == NULL)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"could not find user \"%s\": %s", user,
			errno != 0 ? strerror(errno) : "there is no such user");
	if ((*pw)->pw_uid == 0)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"user \"%s\" is root, which walbouncer does not run as", user);
	return true;
}

/* Neither by name nor by a saved id may root come back. */
static bool
is_root_gone(const struct passwd *pw)
{
	uid_t ruid;
	uid_t euid;
	uid_t suid;

	return getresuid(&ruid, &euid, &suid) == 0 && ruid == pw->pw_uid &&
		   euid == pw->pw_uid && suid == pw->pw_uid && setuid(0) != 0 &&
		   seteuid(0) != 0;
}

bool
privileges_drop(const char *user, ErrInfo *err)
{
	struct passwd *pw = NULL;

	if (geteuid() != 0 && getuid() != 0)
		return true;
	if (!find_user(user, &pw, err))
		return false;
	if (initgroups(pw->pw_name, pw->pw_gid) != 0 ||
		setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
		setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"could not become user \"%s\": %m", user);
	if (!is_root_gone(pw))
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"could not give up root for user \"%s\"", user);
	/* where libpq looks for .pgpass, .postgresql/ and the user's name */
	setenv("HOME", pw->pw_dir, 1);
	setenv("USER", pw->pw_name, 1);
	setenv("LOGNAME", pw->pw_name, 1);
	return true;
}
