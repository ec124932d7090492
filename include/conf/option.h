/*
 * option.h
 *		The one table of options, and the configuration that it describes.
 *
 * A row has the name, type, unit, default, range, whether a change waits for a
 * restart, where the value lies in struct Config, and one sentence of help.  From
 * it come the loader, the checks, -C, --describe-config, and the tests that hold
 * the sample file and the manual page to it.
 */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include "base.h"

#include "conf/ackpolicy.h"
#include "conf/rule.h"
#include "util/errinfo.h"
#include "util/log.h"

/* Upper bound of the text of a configuration file. */
#define CONFIG_TEXT_MAX (256 * 1024)

/* Of a conninfo that an operator has moved to. */
#define CONFIG_REPOINTED_MAX 4096

/* Room for the table of options. */
#define CONFIG_OPTIONS_MAX 96

/* Where a value came from. */
typedef enum OptionSource
{
	OPTION_DEFAULT,
	OPTION_FILE,
	OPTION_COMMAND_LINE,
	OPTION_REPOINT /* an operator's, at the console */
} OptionSource;

typedef struct OptionOrigin
{
	OptionSource source;
	int line; /* of the configuration file; 0: none */
} OptionOrigin;

/*
 * All settings at one moment.  Strings are owned and never NULL.  Read-only for
 * everybody once it is loaded; a reload makes a new one.
 */
typedef struct Config
{
	/* connections from standbys */
	char *listen_addresses; /* comma-separated; "*" all, "" none */
	int port;
	char *unix_socket_directories; /* comma-separated; "" none */
	int unix_socket_permissions;
	int max_connections;
	int spare_workers;
	int authentication_timeout_ms;
	int wal_sender_timeout_ms; /* 0: never */

	/* memory and files */
	int64_t ring_size;      /* bytes, a multiple of 64 kB */
	char *state_directory;  /* "" none; needed as soon as a rule has a filter */
	int64_t spool_size;     /* bytes; 0: no spool */
	int spool_max_age_ms;   /* 0: no limit */
	int64_t spool_min_free; /* bytes */
	int max_replication_slots;
	int64_t max_slot_wal_keep_size; /* bytes; -1: no limit */
	char *wal_fetch_command;        /* "" none */
	char *pid_file; /* "" : state_directory/walbouncer.pid, or none */
	char *user;     /* to become when started as root; "" none */
	int shutdown_timeout_ms;

	/* the console */
	char *admin_users; /* comma-separated, of the operating system; "" none */
	char *stats_users; /* the same */
	char *control_socket_directory; /* "": see config_control_directory() */

	/* monitoring */
	char *monitor_listen_addresses; /* comma-separated; "*" all */
	int monitor_port;               /* 0: no monitor */

	/* logging */
	LogLevel log_min_messages;
	char *log_destination; /* comma-separated: stderr or jsonlog, syslog */
	char *log_file;        /* "" standard error */
	char *syslog_facility;
	char *syslog_ident;
	bool log_connections;
	bool log_disconnections;

	/* upstream */
	char *upstream_conninfo;
	char *upstream_catalog_database;
	char *upstream_slot; /* "" none */
	char *upstream_acknowledge;
	AckPolicy acknowledge;       /* the same, parsed */
	int wal_receiver_timeout_ms; /* 0: never */
	int wal_receiver_status_interval_ms;
	int wal_retrieve_retry_interval_ms; /* longest pause between two attempts */

	/* rules, in file order */
	Rule *rules;
	size_t rule_count;

	/* by row of the table: see option_origin() */
	OptionOrigin origins[CONFIG_OPTIONS_MAX];
} Config;

typedef struct Option Option;

/* Rows of the table: option_at(0) ... until it returns NULL. */
const Option *option_at(size_t i);
/* By full name ("port", "upstream.conninfo"), or NULL. */
const Option *option_find(const char *name);
const char *option_name(const Option *opt);
/* Of a number without a unit: "B", "ms", "s"; NULL if it has none. */
const char *option_unit(const Option *opt);
/* One sentence. */
const char *option_help(const Option *opt);
/* Whether a change waits for a restart. */
bool option_needs_restart(const Option *opt);
/* The value as text that the loader would read again ("64MB", "30s").  malloc'd. */
char *option_format(const Option *opt, const Config *config);
/* The same for everybody's eyes: without passwords.  malloc'd. */
char *option_show(const Option *opt, const Config *config);
/*
 * Where the value of an option comes from; behind config_keep_running, where the one
 * comes from that waits for a restart.
 */
OptionOrigin option_origin(const Option *opt, const Config *config);
/* "default", "configuration file", "command line", "repoint". */
const char *option_source_name(OptionSource source);

/*
 * What the command line sets, and an operator: it wins over the file, at every
 * reload too.
 * NULL or 0 is "not given".
 */
typedef struct ConfigOverrides
{
	int port;                  /* -p */
	const char *upstream_host; /* -h: appended to the conninfo's settings */
	int upstream_port;         /* -P */
	int verbose;               /* -v, counted: 1 info, 2 debug1, ... */
	const char *repointed;     /* REPOINT: in place of conninfo, -h and -P */
} ConfigOverrides;

/*
 * Read a configuration file's text.  file is its name for messages and may be
 * NULL with text NULL: then all is default and one rule, "everything", serves
 * everybody on loopback unfiltered.
 *
 * Returns NULL and fills err (message with file and line) if anything at all is
 * wrong: syntax, an unknown name, a value out of range, rules that contradict.
 * Nothing is read from disk here; an @include in the text is an error.
 */
MUST_CHECK Config *config_load(const char *file, const char *text,
	const ConfigOverrides *overrides, ErrInfo *err);
void config_free(Config *config);

/*
 * Things that are legal but should be said once, at start and at each reload.
 * Calls warn for each.
 */
void config_warnings(const Config *config,
	void (*warn)(const ErrInfo *warning, void *arg), void *arg);

/*
 * Read a whole file, at most CONFIG_TEXT_MAX bytes; malloc'd, terminated.
 * (Not config_read_file: libconfig has a function of that name.)
 */
MUST_CHECK char *config_file_read(const char *path, ErrInfo *err);

/*
 * The upstream connection as libpq key words and values, "key='value' ...",
 * malloc'd: the conninfo of the configuration (a string or a URI; -h and -P are
 * in it already) without "replication".  Settings may be appended: with libpq
 * the last of a kind wins.
 */
char *config_upstream_conninfo(const Config *config);

/* Whether WAL is kept on disk. */
bool config_has_spool(const Config *config);

/* Where the control socket lies: "" if there is none. */
const char *config_control_directory(const Config *config);

/*
 * Options whose new value waits for a restart: calls changed for each that
 * differs.
 */
void config_restart_changes(const Config *running, const Config *loaded,
	void (*changed)(const Option *opt, void *arg), void *arg);
/* Give loaded the running values of those options. */
void config_keep_running(const Config *running, Config *loaded);

/* The whole configuration as text that loads again to the same. */
char *config_dump(const Config *config);
/* One rule of it, in one line; malloc'd. */
char *config_dump_rule(const Rule *rule);
/*
 * One line an option, tab-separated: name, unit (or type, if it has none),
 * default, range, "reload" or "restart", help.
 */
char *config_describe(void);

#endif /* CONF_OPTION_H */
