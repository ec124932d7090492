/*
 * check.c
 *		What one setting alone cannot show to be wrong.  See check.h.
 */
#include "base.h"

#include <string.h>

#include "conf/check.h"
#include "conf/fetchcommand.h"

static bool
check_rule(const Config *config, size_t i, ErrInfo *err)
{
	const Rule *rule = &config->rules[i];

	for (size_t j = 0; j < i; j++)
	{
		if (strcmp(config->rules[j].name, rule->name) != 0)
			continue;
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"there is already a rule \"%s\"", rule->name);
		return errinfo_detail(
			err, "The first one is in line %d.", config->rules[j].line);
	}
	if (rule_has_filter(rule) && config->state_directory[0] == '\0')
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"rule \"%s\" has a filter, but \"state_directory\" is not set",
			rule->name);
		return errinfo_hint(err,
			"What a filter has decided about a database "
			"is kept there, so that it survives a restart.");
	}
	return true;
}

/* The segments that it fetches lie in state_directory for a moment. */
static bool
check_fetch_command(const Config *config, ErrInfo *err)
{
	const char *directory = config->state_directory;

	if (config->wal_fetch_command[0] == '\0' ||
		fetchcommand_directory_safe(directory))
		return true;
	if (directory[0] == '\0')
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"\"wal_fetch_command\" is set, but \"state_directory\" is not");
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"wal_fetch_command\" cannot be used with \"state_directory\" "
		"\"%s\"",
		directory);
	return errinfo_hint(err,
		"Its path goes to a shell: it may have letters, digits and "
		"\"/_.,:+=@-\" in it.");
}

static bool
check_acknowledge(const Config *config, ErrInfo *err)
{
	if (!config->acknowledge.spooled || config_has_spool(config))
		return true;
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"upstream.acknowledge\" asks for a spool, but %s",
		config->state_directory[0] == '\0' ? "\"state_directory\" is not set"
										   : "\"spool_size\" is 0");
	return errinfo_hint(err, "Without a spool nothing would ever be "
							 "acknowledged to the upstream.");
}

/* The upstream keeps WAL in a slot for as long as nothing is told to be flushed. */
static bool
check_upstream_slot(const Config *config, ErrInfo *err)
{
	if (config->upstream_slot[0] == '\0' || config_has_spool(config) ||
		config->acknowledge.kind != ACK_RECEIVED)
		return true;
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"upstream.slot\" is set, but there is no spool");
	errinfo_detail(err,
		"Nothing would ever be acknowledged as flushed, and the "
		"slot would keep all WAL on the upstream.");
	return errinfo_hint(err, "Set \"state_directory\" and \"spool_size\", or "
							 "\"upstream.acknowledge\" to a quorum.");
}

bool
check_config(const Config *config, int *line, ErrInfo *err)
{
	*line = 0;
	if (!check_fetch_command(config, err) || !check_acknowledge(config, err) ||
		!check_upstream_slot(config, err))
		return false;
	if (config->rule_count == 0)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR, "there are no rules");
		return errinfo_hint(err, "Without a rule nobody can connect.  To serve "
								 "everybody on loopback: rules = ( { name = "
								 "\"everything\"; auth = \"trust\"; } );");
	}
	for (size_t i = 0; i < config->rule_count; i++)
	{
		*line = config->rules[i].line;
		if (!check_rule(config, i, err))
			return false;
	}
	return true;
}

bool
config_has_spool(const Config *config)
{
	return config->spool_size > 0 && config->state_directory[0] != '\0';
}

const char *
config_control_directory(const Config *config)
{
	return config->control_socket_directory[0] != '\0'
			   ? config->control_socket_directory
			   : config->state_directory;
}

void
config_warnings(const Config *config,
	void (*warn)(const ErrInfo *warning, void *arg), void *arg)
{
	for (size_t i = 0; i < config->rule_count; i++)
	{
		const Rule *rule = &config->rules[i];
		ErrInfo warning;

		if (!rule_has_filter(rule) || rule->application_name == NULL ||
			rule->user != NULL || rule->source_count > 0)
			continue;
		errinfo_set(&warning, SQLSTATE_CONFIG_FILE_ERROR,
			"the filter of rule \"%s\" rests on \"application_name\" alone",
			rule->name);
		errinfo_detail(&warning, "A client chooses that name itself, so it can "
								 "also choose another rule.");
		errinfo_hint(&warning, "Match on \"user\" or \"source\" as well.");
		warn(&warning, arg);
	}
}
