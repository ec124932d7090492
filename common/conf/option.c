/*
 * option.c
 *		The one table of options.  How their values are read and written is in
 *		optionvalue.c.
 *
 * Names and base units are those of PostgreSQL wherever it has the setting.
 */
#include "base.h"

#include <string.h>

#include "conf/ackpolicy.h"
#include "conf/conninfo.h"
#include "conf/fetchcommand.h"
#include "conf/table.h"
#include "conf/units.h"
#include "util/logdest.h"

/* Fits an int in milliseconds, and reads well. */
#define TIME_MAX (24 * DAY)

static bool check_database(const char *value, ErrInfo *err);
static bool check_slot(const char *value, ErrInfo *err);

static const Option options[] = {
	{.name = "listen_addresses",
		.type = OPTION_STRING,
		.preset = "localhost",
		.restart = true,
		.offset = offsetof(Config, listen_addresses),
		.help = "Host names or addresses to listen on, separated by commas; "
				"* is all, empty is none."},
	{.name = "port",
		.type = OPTION_INT,
		.preset = "5433",
		.min = 1,
		.max = 65535,
		.restart = true,
		.offset = offsetof(Config, port),
		.help = "TCP port, and the number in the names of Unix sockets."},
	{.name = "unix_socket_directories",
		.type = OPTION_STRING,
		.preset = "",
		.restart = true,
		.offset = offsetof(Config, unix_socket_directories),
		.help = "Directories to make Unix sockets in, separated by commas; "
				"empty is none."},
	{.name = "unix_socket_permissions",
		.type = OPTION_MODE,
		.preset = "0777",
		.min = 0,
		.max = 0777,
		.restart = true,
		.offset = offsetof(Config, unix_socket_permissions),
		.help = "Access permissions of the Unix sockets, in octal."},
	{.name = "max_connections",
		.type = OPTION_INT,
		.preset = "100",
		.min = 1,
		.max = 10000,
		.restart = true,
		.offset = offsetof(Config, max_connections),
		.help = "Most clients that are served at the same time."},
	{.name = "spare_workers",
		.type = OPTION_INT,
		.preset = "2",
		.min = 1,
		.max = 1000,
		.offset = offsetof(Config, spare_workers),
		.help = "Worker processes that are kept waiting for the next client."},
	{.name = "authentication_timeout",
		.type = OPTION_TIME,
		.unit = "s",
		.preset = "60s",
		.min = 1 * SECOND,
		.max = 10 * MINUTE,
		.offset = offsetof(Config, authentication_timeout_ms),
		.help = "Longest time from a client's connect to its being let in."},
	{.name = "wal_sender_timeout",
		.type = OPTION_TIME,
		.unit = "ms",
		.preset = "60s",
		.min = 0,
		.max = TIME_MAX,
		.offset = offsetof(Config, wal_sender_timeout_ms),
		.help = "A standby that has been silent for so long is disconnected; "
				"0 is never."},
	{.name = "ring_size",
		.type = OPTION_BYTES,
		.unit = "B",
		.preset = "64MB",
		.min = 1 * MEGA,
		.max = 64 * GIGA,
		.restart = true,
		.offset = offsetof(Config, ring_size),
		.help = "Shared memory for the latest WAL, from which all standbys are "
				"served."},
	{.name = "state_directory",
		.type = OPTION_STRING,
		.preset = "",
		.restart = true,
		.offset = offsetof(Config, state_directory),
		.help = "Directory for what must outlive a restart; needed as soon as "
				"a rule has a filter."},
	{.name = "spool_size",
		.type = OPTION_BYTES,
		.unit = "B",
		.preset = "1GB",
		.min = 0,
		.max = 64 * TERA,
		.offset = offsetof(Config, spool_size),
		.help =
			"Most disk space for WAL in state_directory; 0 is none: nothing "
			"is kept on disk."},
	{.name = "spool_max_age",
		.type = OPTION_TIME,
		.unit = "s",
		.preset = "0",
		.min = 0,
		.max = TIME_MAX,
		.offset = offsetof(Config, spool_max_age_ms),
		.help =
			"WAL in the spool that is older and that no standby and no slot "
			"needs is removed; 0 is no limit."},
	{.name = "spool_min_free",
		.type = OPTION_BYTES,
		.unit = "B",
		.preset = "256MB",
		.min = 0,
		.max = 64 * TERA,
		.offset = offsetof(Config, spool_min_free),
		.help = "Disk space that the spool leaves free."},
	{.name = "max_replication_slots",
		.type = OPTION_INT,
		.preset = "10",
		.min = 0,
		.max = 10000,
		.restart = true,
		.offset = offsetof(Config, max_replication_slots),
		.help = "Most replication slots that standbys may have."},
	{.name = "max_slot_wal_keep_size",
		.type = OPTION_BYTES,
		.unit = "B",
		.preset = "-1",
		.min = -1,
		.max = 64 * TERA,
		.offset = offsetof(Config, max_slot_wal_keep_size),
		.help = "Most WAL that a replication slot of a standby keeps in the "
				"spool; -1 is as much as fits."},
	{.name = "wal_fetch_command",
		.type = OPTION_STRING,
		.preset = "",
		.offset = offsetof(Config, wal_fetch_command),
		.check = fetchcommand_check,
		.help = "Shell command that fetches a WAL segment %f to the path %p, "
				"like restore_command, when it is nowhere else to be had."},
	{.name = "pid_file",
		.type = OPTION_STRING,
		.preset = "",
		.restart = true,
		.offset = offsetof(Config, pid_file),
		.help = "File for the process id; empty is walbouncer.pid in "
				"state_directory, if that is set."},
	{.name = "user",
		.type = OPTION_STRING,
		.preset = "",
		.restart = true,
		.offset = offsetof(Config, user),
		.help = "User of the operating system to become when started as root."},
	{.name = "shutdown_timeout",
		.type = OPTION_TIME,
		.unit = "s",
		.preset = "10s",
		.min = 0,
		.max = 1 * HOUR,
		.offset = offsetof(Config, shutdown_timeout_ms),
		.help = "Time that standbys have to take what is left at a smart stop, "
				"before the stop becomes a fast one."},
	{.name = "admin_users",
		.type = OPTION_STRING,
		.preset = "",
		.offset = offsetof(Config, admin_users),
		.help = "Users of the operating system that may do everything in the "
				"console, separated by commas."},
	{.name = "stats_users",
		.type = OPTION_STRING,
		.preset = "",
		.offset = offsetof(Config, stats_users),
		.help = "Users of the operating system that may look at everything in "
				"the console, separated by commas."},
	{.name = "control_socket_directory",
		.type = OPTION_STRING,
		.preset = "",
		.restart = true,
		.offset = offsetof(Config, control_socket_directory),
		.help =
			"Directory for the control socket; empty is state_directory, if "
			"that is set."},
	{.name = "monitor_listen_addresses",
		.type = OPTION_STRING,
		.preset = "localhost",
		.offset = offsetof(Config, monitor_listen_addresses),
		.help =
			"Host names or addresses that the monitor listens on, separated "
			"by commas; * is all."},
	{.name = "monitor_port",
		.type = OPTION_INT,
		.preset = "0",
		.min = 0,
		.max = 65535,
		.offset = offsetof(Config, monitor_port),
		.help = "TCP port for metrics and the status page over HTTP; 0 is no "
				"monitor."},
	{.name = "log_min_messages",
		.type = OPTION_LEVEL,
		.preset = "log",
		.offset = offsetof(Config, log_min_messages),
		.help = "Messages below this level are not logged."},
	{.name = "log_destination",
		.type = OPTION_STRING,
		.preset = "stderr",
		.offset = offsetof(Config, log_destination),
		.check = logdest_check,
		.help = "Where the log goes, separated by commas: stderr (text) or "
				"jsonlog (JSON), both to log_file, and syslog."},
	{.name = "log_file",
		.type = OPTION_STRING,
		.preset = "",
		.offset = offsetof(Config, log_file),
		.help = "File for the log, opened again on USR1; empty is standard "
				"error."},
	{.name = "syslog_facility",
		.type = OPTION_STRING,
		.preset = "local0",
		.offset = offsetof(Config, syslog_facility),
		.check = logdest_check_facility,
		.help = "Facility of syslog, local0 to local7."},
	{.name = "syslog_ident",
		.type = OPTION_STRING,
		.preset = "walbouncer",
		.offset = offsetof(Config, syslog_ident),
		.check = logdest_check_ident,
		.help = "Name of the program in syslog."},
	{.name = "log_connections",
		.type = OPTION_BOOL,
		.preset = "false",
		.offset = offsetof(Config, log_connections),
		.help = "Whether each connection is logged, and who has been let in."},
	{.name = "log_disconnections",
		.type = OPTION_BOOL,
		.preset = "false",
		.offset = offsetof(Config, log_disconnections),
		.help = "Whether the end of each session is logged, with its length."},
	{.name = "upstream.conninfo",
		.type = OPTION_STRING,
		.preset = "",
		.offset = offsetof(Config, upstream_conninfo),
		.check = conninfo_check,
		.help = "How to connect to the upstream: a libpq connection string or "
				"URI."},
	{.name = "upstream.catalog_database",
		.type = OPTION_STRING,
		.preset = "postgres",
		.offset = offsetof(Config, upstream_catalog_database),
		.check = check_database,
		.help = "Database of the upstream in which the names in filters are "
				"looked up."},
	{.name = "upstream.slot",
		.type = OPTION_STRING,
		.preset = "",
		.offset = offsetof(Config, upstream_slot),
		.check = check_slot,
		.help = "Physical replication slot to use on the upstream, made if it "
				"is missing; empty is none."},
	{.name = "upstream.acknowledge",
		.type = OPTION_STRING,
		.preset = "received",
		.offset = offsetof(Config, upstream_acknowledge),
		.check = ackpolicy_check,
		.help = "What the upstream is told to have arrived: received, spooled, "
				"or ANY n (names) or FIRST n (names) of the standbys."},
	{.name = "wal_receiver_timeout",
		.type = OPTION_TIME,
		.unit = "ms",
		.preset = "60s",
		.min = 0,
		.max = TIME_MAX,
		.offset = offsetof(Config, wal_receiver_timeout_ms),
		.help = "An upstream that has been silent for so long is given up and "
				"connected to anew; 0 is never."},
	{.name = "wal_receiver_status_interval",
		.type = OPTION_TIME,
		.unit = "s",
		.preset = "10s",
		.min = 0,
		.max = TIME_MAX,
		.offset = offsetof(Config, wal_receiver_status_interval_ms),
		.help = "Longest time between two status reports to the upstream; "
				"0 is only when it asks."},
	{.name = "wal_retrieve_retry_interval",
		.type = OPTION_TIME,
		.unit = "ms",
		.preset = "5s",
		.min = 1,
		.max = TIME_MAX,
		.offset = offsetof(Config, wal_retrieve_retry_interval_ms),
		.help = "Longest pause between two attempts to reach the upstream."},
};

static const char *const reserved_databases[] = {
	"template0", "template1", NULL};
static const char *const reserved_tablespaces[] = {
	"pg_default", "pg_global", NULL};

static const Option send_delay = {.name = "send_delay",
	.type = OPTION_TIME,
	.unit = "ms",
	.preset = "0",
	.min = 0,
	.max = TIME_MAX};

#define LIST(member, other, reserved_names)                                    \
	{                                                                          \
		.name = "filter." #member, .type = RULE_KEY_LIST,                      \
		.offset = offsetof(Rule, filter.member),                               \
		.rival_offset = offsetof(Rule, filter.other),                          \
		.rival = "filter." #other, .reserved = reserved_names                  \
	}

static const RuleKey rule_keys[] = {
	{.name = "name", .type = RULE_KEY_LABEL, .offset = offsetof(Rule, name)},
	{.name = "match.user",
		.type = RULE_KEY_NAME,
		.offset = offsetof(Rule, user)},
	{.name = "match.application_name",
		.type = RULE_KEY_NAME,
		.offset = offsetof(Rule, application_name)},
	{.name = "match.source", .type = RULE_KEY_SOURCES},
	{.name = "auth", .type = RULE_KEY_AUTH, .offset = offsetof(Rule, auth)},
	{.name = "allow_remote_trust",
		.type = RULE_KEY_BOOL,
		.offset = offsetof(Rule, allow_remote_trust)},
	{.name = "send_delay",
		.type = RULE_KEY_TIME,
		.offset = offsetof(Rule, send_delay_ms),
		.number = &send_delay},
	LIST(include_databases, exclude_databases, NULL),
	LIST(exclude_databases, include_databases, reserved_databases),
	LIST(include_tablespaces, exclude_tablespaces, NULL),
	LIST(exclude_tablespaces, include_tablespaces, reserved_tablespaces),
};

#undef LIST

const Option *
option_at(size_t i)
{
	return i < lengthof(options) ? &options[i] : NULL;
}

const Option *
option_find(const char *name)
{
	for (size_t i = 0; i < lengthof(options); i++)
	{
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

const char *
option_name(const Option *opt)
{
	return opt->name;
}

bool
option_needs_restart(const Option *opt)
{
	return opt->restart;
}

const char *
option_unit(const Option *opt)
{
	return opt->unit;
}

const char *
option_help(const Option *opt)
{
	return opt->help;
}

_Static_assert(lengthof(options) <= CONFIG_OPTIONS_MAX, "no room for origins");

OptionOrigin
option_origin(const Option *opt, const Config *config)
{
	return config->origins[opt - options];
}

void
option_set_origin(const Option *opt, Config *config, OptionOrigin origin)
{
	config->origins[opt - options] = origin;
}

const char *
option_source_name(OptionSource source)
{
	static const char *const names[] = {
		[OPTION_DEFAULT] = "default",
		[OPTION_FILE] = "configuration file",
		[OPTION_COMMAND_LINE] = "command line",
		[OPTION_REPOINT] = "repoint",
	};

	return names[source];
}

const RuleKey *
rule_key_at(size_t i)
{
	return i < lengthof(rule_keys) ? &rule_keys[i] : NULL;
}

const RuleKey *
rule_key_find(const char *name)
{
	for (size_t i = 0; i < lengthof(rule_keys); i++)
	{
		if (strcmp(rule_keys[i].name, name) == 0)
			return &rule_keys[i];
	}
	return NULL;
}

static bool
check_database(const char *value, ErrInfo *err)
{
	if (value[0] == '\0')
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"\"upstream.catalog_database\" must not be empty");
	if (strlen(value) > NAME_LEN_MAX)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"\"upstream.catalog_database\" is longer than %d bytes",
			NAME_LEN_MAX);
	return true;
}

/* Names of slots: slot.c, ReplicationSlotValidateName. */
static bool
check_slot(const char *value, ErrInfo *err)
{
	if (strlen(value) <= NAME_LEN_MAX &&
		strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(value))
		return true;
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"upstream.slot\" is no name for a replication slot: \"%s\"", value);
	return errinfo_hint(err,
		"It may have up to %d lower case letters, digits "
		"and underscores.",
		NAME_LEN_MAX);
}
