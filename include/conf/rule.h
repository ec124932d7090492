/*
 * rule.h
 *		Who may come in, and what they get: the rules of the configuration.
 *
 * Rules are tried in file order and the first whose match fits decides; a client
 * that none fits gets no entry.
 */
#ifndef CONF_RULE_H
#define CONF_RULE_H

#include "base.h"

#include <sys/socket.h>

#include "util/net.h"

typedef enum RuleAuth
{
	RULE_AUTH_TRUST
} RuleAuth;

/* A list of names; NULL items are never in it. */
typedef struct RuleNames
{
	char **items;
	size_t count;
} RuleNames;

/*
 * What the standby gets.  At most one of include and exclude is set for each
 * kind; an absent list has given = false and lets everything through.  (A list
 * that is given but empty is legal for include: nothing but what is always kept.)
 */
typedef struct RuleList
{
	bool given;
	RuleNames names;
} RuleList;

typedef struct RuleFilter
{
	RuleList include_databases;
	RuleList exclude_databases;
	RuleList include_tablespaces;
	RuleList exclude_tablespaces;
} RuleFilter;

typedef struct Rule
{
	char *name; /* unique; [A-Za-z0-9_.-]{1,63}, not starting with "." */
	int line;   /* in the configuration file, 0 if built in */
	char *user; /* NULL: any */
	char
		*application_name; /* NULL: any; compared as PostgreSQL does, exactly */
	NetCidr *sources;      /* source_count of them; none: from anywhere */
	size_t source_count;
	RuleAuth auth;
	bool allow_remote_trust; /* trust is good even for other than local peers */
	int send_delay_ms;       /* commits wait until they are that old */
	RuleFilter filter;
} Rule;

/* Whether the rule withholds anything. */
bool rule_has_filter(const Rule *rule);

/*
 * The first rule of count that fits the client, or NULL.  application_name may
 * be "", peer is the address that the connection came from.
 */
const Rule *rule_match(const Rule *rules, size_t count, const char *user,
	const char *application_name, const struct sockaddr *peer);

/* The rule of that name, or NULL. */
const Rule *rule_find(const Rule *rules, size_t count, const char *name);

/* Whether name is in the list. */
bool rule_names_contain(const RuleNames *names, const char *name);

/*
 * A digest of the filter: the same for the same four lists in any order of
 * names, another one if they differ.  64 bits, stable across versions.
 */
uint64_t rule_filter_digest(const RuleFilter *filter);

/* Free what the rule holds, not the rule. */
void rule_clear(Rule *rule);

#endif /* CONF_RULE_H */
