/*
 * admit.c
 *		Letting an operator in.  See admit.h.
 */
#include "base.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console/admit.h"
#include "console/role.h"
#include "pq/message.h"
#include "util/log.h"
#include "util/mem.h"

/* An entry of the password database is much shorter. */
#define PASSWD_MAX 16384
/* Of all consoles, so that those who look on do not keep out who has to act. */
#define CONSOLES_RESERVED 2

/* Where the value of a setting is from. */
typedef enum SettingKind
{
	SETTING_FIXED,
	SETTING_USER,
	SETTING_APPLICATION,
	SETTING_IS_ADMIN
} SettingKind;

/*
 * What clients ask of a server, or are told by it.  Drivers read the number at the
 * front of server_version: that of a major which all of them know.
 */
static const struct
{
	const char *name;
	const char *value;
	SettingKind kind;
	bool reported;
} settings[] = {
	{"server_version", "15.0 (" PACKAGE_STRING ")", SETTING_FIXED, true},
	{"server_version_num", "150000", SETTING_FIXED, false},
	{"server_encoding", "UTF8", SETTING_FIXED, true},
	{"client_encoding", "UTF8", SETTING_FIXED, true},
	{"application_name", NULL, SETTING_APPLICATION, true},
	{"default_transaction_read_only", "off", SETTING_FIXED, true},
	{"in_hot_standby", "off", SETTING_FIXED, true},
	{"is_superuser", NULL, SETTING_IS_ADMIN, true},
	{"session_authorization", NULL, SETTING_USER, true},
	{"DateStyle", "ISO, MDY", SETTING_FIXED, true},
	{"IntervalStyle", "postgres", SETTING_FIXED, true},
	{"TimeZone", "UTC", SETTING_FIXED, true},
	{"integer_datetimes", "on", SETTING_FIXED, true},
	{"standard_conforming_strings", "on", SETTING_FIXED, true},
	{"transaction_isolation", "read committed", SETTING_FIXED, false},
	{"transaction_read_only", "off", SETTING_FIXED, false},
};

bool
admit_is_console(const StartupPacket *packet)
{
	return packet->replication == STARTUP_REPLICATION_NONE &&
		   strcmp(packet->database, CONSOLE_DATABASE) == 0;
}

/* The name of a user, malloc'd, or NULL. */
static char *
user_name(uid_t uid)
{
	struct passwd entry;
	struct passwd *found = NULL;
	char *buffer = mem_alloc(PASSWD_MAX);
	char *name = NULL;

	if (getpwuid_r(uid, &entry, buffer, PASSWD_MAX, &found) == 0 &&
		found != NULL)
		name = mem_strdup(found->pw_name);
	free(buffer);
	return name;
}

static void
check_socket(Session *s)
{
	ErrInfo err;

	if (s->peer.ss_family == AF_UNIX)
		return;
	errinfo_set(&err, SQLSTATE_INVALID_AUTHORIZATION,
		"the console can be reached over a Unix socket only");
	errinfo_hint(&err,
		"Connect on walbouncer's own machine, to a directory of "
		"unix_socket_directories, to control_socket_directory or to "
		"state_directory: psql -h DIRECTORY -p %d " CONSOLE_DATABASE,
		s->ctx->config->port);
	session_fatal(s, &err);
}

/* In the cell first, so that of two that come at the same time one sees the other. */
static void
check_console_limit(Session *s)
{
	bool is_admin = s->role == CONSOLE_ROLE_ADMIN;
	int limit = BOARD_CONSOLES_MAX - (is_admin ? 0 : CONSOLES_RESERVED);
	int consoles = 0;
	ErrInfo err;

	session_set_state(s, CELL_CONSOLE);
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
		consoles += board_state(i) == CELL_CONSOLE;
	if (consoles <= limit)
		return;
	/* who is turned away takes nobody's place while it goes */
	session_set_state(s, CELL_STARTUP);
	errinfo_set(&err, SQLSTATE_TOO_MANY_CONNECTIONS,
		"sorry, too many console sessions already");
	if (is_admin)
		errinfo_detail(&err, "There can be %d.", BOARD_CONSOLES_MAX);
	else
		errinfo_detail(&err, "There can be %d, of which %d are for admins.",
			BOARD_CONSOLES_MAX, CONSOLES_RESERVED);
	session_fatal(s, &err);
}

/* The role of who is at a Unix socket and asks for a name; NULL: for the best one. */
static ConsoleRole
role_at(int fd, const char *requested, const Config *config, ErrInfo *err)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);
	ConsolePeer peer;
	ConsoleRole role;
	char *name;
	char *daemon_name;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
	{
		errinfo_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			"could not find out who the client is: %m");
		return CONSOLE_ROLE_NONE;
	}
	name = user_name(credentials.uid);
	daemon_name = user_name(geteuid());
	peer = (ConsolePeer){credentials.uid, name, geteuid(), daemon_name};
	role = requested == NULL
			   ? role_best(&peer, config->admin_users, config->stats_users)
			   : role_of(&peer, requested, config->admin_users,
					 config->stats_users, err);
	free(name);
	free(daemon_name);
	return role;
}

bool
admit_may_operate(int fd, const Config *config)
{
	ErrInfo err;

	return role_at(fd, NULL, config, &err) != CONSOLE_ROLE_NONE;
}

void
admit_operator(Session *s)
{
	ErrInfo err;

	log_set_role("console");
	check_socket(s);
	s->role = role_at(s->client.fd, s->user, s->ctx->config, &err);
	if (s->role == CONSOLE_ROLE_NONE)
		session_fatal(s, &err);
	/* last, so that one who may not come in takes nobody's place */
	check_console_limit(s);
}

static const char *
value_of(const Session *s, size_t i)
{
	switch (settings[i].kind)
	{
		case SETTING_USER:
			return s->user;
		case SETTING_APPLICATION:
			return s->application_name;
		case SETTING_IS_ADMIN:
			return s->role == CONSOLE_ROLE_ADMIN ? "on" : "off";
		default:
			return settings[i].value;
	}
}

void
admit_put_parameters(Session *s)
{
	for (size_t i = 0; i < lengthof(settings); i++)
	{
		if (settings[i].reported)
			message_parameter_status(
				client_out(&s->client), settings[i].name, value_of(s, i));
	}
}

const char *
admit_setting(const Session *s, const char **name)
{
	for (size_t i = 0; i < lengthof(settings); i++)
	{
		if (strcasecmp(settings[i].name, *name) == 0)
		{
			*name = settings[i].name;
			return value_of(s, i);
		}
	}
	return NULL;
}
