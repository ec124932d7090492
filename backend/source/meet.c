/*
 * meet.c
 *		Get to a server, and find out what it is.  See meet.h.
 */
#include "base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/pgconn.h"
#include "process/signals.h"
#include "source/meet.h"
#include "source/overlap.h"
#include "spool/spooldir.h"
#include "util/log.h"
#include "util/monotime.h"
#include "wal/page.h"

/* Also what a standby waits for, which is patient for 60 s. */
#define COMMAND_TIMEOUT_MS 10000
/* A standby that is to become the upstream may be a little behind. */
#define CATCH_UP_MS 2000
#define CATCH_UP_POLL_MS 20

/* What a server reports to its clients: wal-sender's guc.h GUC_REPORT, 13 to 18. */
static const char *const reported[] = {
	"application_name",
	"client_encoding",
	"DateStyle",
	"default_transaction_read_only",
	"in_hot_standby",
	"integer_datetimes",
	"IntervalStyle",
	"is_superuser",
	"scram_iterations",
	"search_path",
	"server_encoding",
	"server_version",
	"session_authorization",
	"standard_conforming_strings",
	"TimeZone",
};

/*
 * What we answer to SHOW: what clients of physical replication ask for.  All are
 * asked once a connection; those that the upstream does not know are left out.
 */
static const char *const shown[] = {
	"block_size",
	"cluster_name",
	"data_checksums",
	"data_directory_mode",
	"integer_datetimes",
	"max_identifier_length",
	"segment_size",
	"server_version_num",
	"ssl",
	"transaction_read_only",
	"wal_block_size",
	"wal_level",
	"wal_segment_size",
};

static void
add_setting(
	FactsSetting *list, size_t *count, const char *name, const char *value)
{
	FactsSetting *s = &list[(*count)++];

	snprintf(s->name, sizeof(s->name), "%s", name);
	snprintf(s->value, sizeof(s->value), "%s", value);
}

static void
learn_parameters(PGconn *conn, Facts *facts)
{
	for (size_t i = 0; i < lengthof(reported); i++)
	{
		const char *value = PQparameterStatus(conn, reported[i]);

		if (value != NULL)
			add_setting(
				facts->parameters, &facts->parameter_count, reported[i], value);
	}
}

static bool
learn_settings(PGconn *conn, Facts *facts, ErrInfo *err)
{
	for (size_t i = 0; i < lengthof(shown); i++)
	{
		char command[80];
		PGresult *result;

		snprintf(command, sizeof(command), "SHOW %s", shown[i]);
		result = pgconn_exec(conn, command, COMMAND_TIMEOUT_MS, err);
		if (result == NULL &&
			strcmp(err->sqlstate, SQLSTATE_UNDEFINED_OBJECT) == 0)
			continue; /* not in this major */
		if (result == NULL)
			return false;
		if (PQntuples(result) == 1)
			add_setting(facts->settings, &facts->setting_count, shown[i],
				PQgetvalue(result, 0, 0));
		PQclear(result);
	}
	return true;
}

/* "16MB" and the like (guc.c, GUC_UNIT_BYTE), or a bare number of bytes. */
static bool
parse_size(const char *text, uint32_t *size)
{
	static const struct
	{
		const char *unit;
		unsigned shift;
	} units[] = {{"", 0}, {"B", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}};
	char *end;
	unsigned long long n;

	if (text == NULL)
		return false;
	n = strtoull(text, &end, 10);
	for (size_t i = 0; i < lengthof(units); i++)
	{
		if (strcmp(end, units[i].unit) == 0 && n > 0 &&
			n <= UINT32_MAX >> units[i].shift)
		{
			*size = (uint32_t) n << units[i].shift;
			return true;
		}
	}
	return false;
}

static bool
learn_geometry(Facts *facts, ErrInfo *err)
{
	const char *segment = facts_setting(facts, "wal_segment_size");
	const char *block = facts_setting(facts, "wal_block_size");
	WalGeometry geometry = {0};

	if (!parse_size(segment, &geometry.segment_size) ||
		!parse_size(block, &geometry.block_size) ||
		!page_geometry_valid(&geometry))
		return errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
			"upstream has an impossible wal_segment_size \"%s\" or "
			"wal_block_size \"%s\"",
			segment != NULL ? segment : "", block != NULL ? block : "");
	facts->segment_size = geometry.segment_size;
	facts->block_size = geometry.block_size;
	return true;
}

static bool
identify_system(PGconn *conn, Facts *facts, Lsn *end, ErrInfo *err)
{
	PGresult *result =
		pgconn_exec(conn, "IDENTIFY_SYSTEM", COMMAND_TIMEOUT_MS, err);
	bool ok;

	if (result == NULL)
		return false;
	ok = PQntuples(result) == 1 && PQnfields(result) >= 3 &&
		 lsn_parse(PQgetvalue(result, 0, 2), end);
	if (ok)
	{
		facts->system_identifier = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
		facts->tli = (TimeLineId) strtoul(PQgetvalue(result, 0, 1), NULL, 10);
		ok = facts->system_identifier != 0 && facts->tli != 0;
	}
	PQclear(result);
	return ok || errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
					 "invalid answer to IDENTIFY_SYSTEM from upstream");
}

/* The history of the timeline; timeline 1 has none. */
static bool
learn_history(PGconn *conn, Facts *facts, History *line, ErrInfo *err)
{
	char command[40];
	PGresult *result;
	bool ok;

	if (facts->tli == 1)
		return history_parse(line, 1, "", 0, err);
	snprintf(command, sizeof(command), "TIMELINE_HISTORY %u", facts->tli);
	result = pgconn_exec(conn, command, COMMAND_TIMEOUT_MS, err);
	if (result == NULL)
		return false;
	ok = PQntuples(result) == 1 && PQnfields(result) == 2 &&
		 facts_set_history(facts, PQgetvalue(result, 0, 1),
			 (size_t) PQgetlength(result, 0, 1));
	PQclear(result);
	if (!ok)
		return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"upstream has sent no history of timeline %u, or a longer one than "
			"%d kB",
			facts->tli, FACTS_HISTORY_MAX / 1024);
	return history_parse(
		line, facts->tli, facts->history, facts->history_len, err);
}

/* Where we are, so that workers can go to the same server. */
static void
learn_place(PGconn *conn, Facts *facts)
{
	const char *host = PQhost(conn);
	const char *hostaddr = PQhostaddr(conn);
	const char *port = PQport(conn);
	bool is_socket = host != NULL && host[0] == '/';

	snprintf(facts->host, sizeof(facts->host), "%s", host != NULL ? host : "");
	snprintf(facts->hostaddr, sizeof(facts->hostaddr), "%s",
		hostaddr != NULL && !is_socket ? hostaddr : "");
	snprintf(facts->port, sizeof(facts->port), "%s", port != NULL ? port : "");
	facts->backend_pid = PQbackendPID(conn);
}

/* The first that is learnt of a server. */
static bool
identify(PGconn *conn, Upstream *up, ErrInfo *err)
{
	up->conn = conn;
	memset(&up->facts, 0, sizeof(up->facts));
	learn_place(conn, &up->facts);
	return identify_system(conn, &up->facts, &up->end, err);
}

/*
 * The server that the standbys hang on.  Where no connection, nor a file of the last
 * run, has told, the WAL in the spool does: system and timeline only.  False if there
 * was none yet.
 */
static bool
find_known(const Config *config, Facts *known)
{
	SpoolOrigin origin;
	size_t len;
	char *text;

	if (facts_get(known))
		return true;
	if (!config_has_spool(config) ||
		!spooldir_find_origin(config->state_directory, &origin))
		return false;
	*known = (Facts){
		.system_identifier = origin.system_identifier,
		.tli = origin.tli,
	};
	text = spooldir_get_history(config->state_directory, origin.tli, &len);
	if (text == NULL || !facts_set_history(known, text, len))
		known->history_len = 0;
	free(text);
	return true;
}

/* The standbys hang on one system. */
static bool
check_system(const Facts *facts, const Facts *known, ErrInfo *err)
{
	if (known->system_identifier == facts->system_identifier)
		return true;
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"upstream is another database system");
	errinfo_detail(err,
		"The standbys are copies of system %" PRIu64
		", the upstream at %s port %s is system %" PRIu64 ".",
		known->system_identifier, facts->host, facts->port,
		facts->system_identifier);
	return errinfo_hint(err,
		"Check upstream.conninfo.  If this is intended, stop walbouncer, empty "
		"its state_directory, and start it again.");
}

/*
 * Two servers that were promoted without knowing of each other may have given the same
 * number to their timelines.  What came before the one that we know must be the same.
 */
static bool
check_number(
	const Facts *facts, const History *line, const Facts *known, ErrInfo *err)
{
	History ours;
	Lsn end;

	if (!history_end(line, known->tli, &end) ||
		(known->tli > 1 && known->history_len == 0) ||
		!history_parse(
			&ours, known->tli, known->history, known->history_len, err))
		return true;
	for (size_t i = 0; i < ours.count; i++)
	{
		const HistoryAncestor *a = &ours.ancestors[i];

		if (!history_end(line, a->tli, &end) || end == a->end)
			continue;
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"upstream has another history: it is on another timeline %u",
			facts->tli);
		errinfo_detail(err,
			"Timeline %u has been known to leave timeline %u at " LSN_FORMAT
			", which is not so on the upstream at %s port %s.",
			history_next(&ours, a->tli), a->tli, LSN_ARGS(a->end), facts->host,
			facts->port);
		return errinfo_hint(
			err, "Check upstream.conninfo: have two standbys been promoted?");
	}
	return true;
}

/* And on one line of timelines. */
static bool
check_timeline(
	const Facts *facts, const History *line, const Facts *known, ErrInfo *err)
{
	if (known->tli > facts->tli)
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"upstream is behind: it is on timeline %u, the standbys may be on "
			"timeline %u",
			facts->tli, known->tli);
		return errinfo_hint(err,
			"Check upstream.conninfo: is this a former primary?  If the "
			"standbys are to follow it, stop walbouncer, empty its "
			"state_directory, and start it again.");
	}
	return check_number(facts, line, known, err);
}

/* The upstream must have that of our WAL in its history. */
static bool
check_position(const Facts *facts, const History *line,
	const Position *position, ErrInfo *err)
{
	Lsn end;

	if (position->tli == 0 || history_end(line, position->tli, &end))
		return true;
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"upstream has another history: it is on timeline %u, which does not "
		"come from timeline %u",
		facts->tli, position->tli);
	errinfo_detail(err,
		"The WAL that is here ends at " LSN_FORMAT " on timeline %u.",
		LSN_ARGS(position->lsn), position->tli);
	return errinfo_hint(err, "Check upstream.conninfo.");
}

/*
 * What has less than is here cannot be held to it yet, and by the time that it is asked
 * for what comes next it may have that, and something else before.
 */
static bool
await_position(const Position *position, Upstream *up, ErrInfo *err)
{
	int64_t until = monotime_ms() + CATCH_UP_MS;
	TimeLineId tli = up->facts.tli;
	Lsn end;

	if (!history_end(&up->line, position->tli, &end))
		return true;
	end = Min(end, position->lsn);
	while (up->end < end)
	{
		if (signals_stop_requested() || monotime_ms() >= until)
		{
			errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"upstream has less WAL than what is here");
			return errinfo_detail(err,
				"The upstream at %s port %s has WAL up to " LSN_FORMAT
				", and here it goes up to " LSN_FORMAT ".",
				up->facts.host, up->facts.port, LSN_ARGS(up->end),
				LSN_ARGS(end));
		}
		poll(NULL, 0, CATCH_UP_POLL_MS);
		if (!identify_system(up->conn, &up->facts, &up->end, err))
			return false;
		if (up->facts.tli != tli)
			return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"upstream is on timeline %u, and was on timeline %u",
				up->facts.tli, tli);
	}
	return true;
}

bool
meet_position(const Config *config, const Ring *ring, const Position *position,
	Upstream *up, ErrInfo *err)
{
	return check_position(&up->facts, &up->line, position, err) &&
		   await_position(position, up, err) &&
		   overlap_check(
			   config, up->conn, ring, position, &up->line, up->end, err);
}

/* Whether a server that has told what it is can be the upstream. */
static bool
check_server(const Config *config, const Ring *ring, const Position *position,
	Upstream *up, ErrInfo *err)
{
	Facts known;
	bool has_known = find_known(config, &known);

	return (!has_known || check_system(&up->facts, &known, err)) &&
		   learn_history(up->conn, &up->facts, &up->line, err) &&
		   (!has_known || check_timeline(&up->facts, &up->line, &known, err)) &&
		   meet_position(config, ring, position, up, err);
}

/* Ask one server what it is; NULL, with err, if it is not what is wanted. */
static PGconn *
meet_server(const Config *config, const Facts *pin, const Ring *ring,
	const Position *position, Upstream *up, bool *refused, ErrInfo *err)
{
	PGconn *conn = pgconn_connect(
		config, PGCONN_REPLICATION, MEET_APPLICATION_NAME, false, pin, err);

	*refused = false;
	if (conn == NULL)
		return NULL;
	if (!identify(conn, up, err) || !learn_settings(conn, &up->facts, err) ||
		!learn_geometry(&up->facts, err))
	{
		PQfinish(conn);
		return NULL;
	}
	up->facts.server_version = PQserverVersion(conn);
	learn_parameters(conn, &up->facts);
	if (!check_server(config, ring, position, up, err))
	{
		*refused = true;
		PQfinish(conn);
		return NULL;
	}
	up->facts.valid = true;
	return conn;
}

bool
meet_upstream(const Config *config, const Ring *ring, const Position *position,
	Upstream *up, ErrInfo *err)
{
	static LogLimit limit;
	bool refused;
	Facts pin;

	up->conn = meet_server(config, NULL, ring, position, up, &refused, err);
	/* of several servers, libpq takes the first that answers */
	for (int i = 0;
		 up->conn == NULL && refused && pgconn_host_at(config, i, &pin); i++)
	{
		log_err_limited(&limit, LOG_WARNING, err);
		up->conn = meet_server(config, &pin, ring, position, up, &refused, err);
		refused = true;
	}
	return up->conn != NULL;
}

bool
meet_check(const Config *config, PGconn *conn, const Ring *ring, ErrInfo *err)
{
	/* before the server is asked: that only grows */
	Position position = position_here(ring);
	Upstream up;

	return identify(conn, &up, err) &&
		   check_server(config, ring, &position, &up, err);
}
