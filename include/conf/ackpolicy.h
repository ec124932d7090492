/*
 * ackpolicy.h
 *		upstream.acknowledge: when the upstream is told that WAL has arrived.
 *
 *		received
 *		spooled
 *		[spooled,] ANY k (name, ...)
 *		[spooled,] [FIRST] k (name, ...)
 *		[spooled,] name, ...				the same as FIRST 1
 *
 * The last three are PostgreSQL's synchronous_standby_names (syncrep_gram.y and
 * syncrep_scanner.l, 13 to 18) with its rules: key words in any case, names that
 * are no identifiers in double quotes, * is everybody, names compared in any
 * case.  A name is that of a rule or an application_name.
 */
#ifndef CONF_ACKPOLICY_H
#define CONF_ACKPOLICY_H

#include "base.h"

#include "util/errinfo.h"

#define ACKPOLICY_NAMES_MAX 64
/* PostgreSQL's NAMEDATALEN, with the terminator. */
#define ACKPOLICY_NAME_SIZE 64
/* max_connections can be no more. */
#define ACKPOLICY_COUNT_MAX 10000

typedef enum AckKind
{
	ACK_RECEIVED, /* no standby is asked */
	ACK_ANY,      /* as many as there must be, whichever */
	ACK_FIRST     /* those of the names that come first */
} AckKind;

typedef struct AckPolicy
{
	bool spooled; /* nothing that is not in the spool */
	AckKind kind;
	int count; /* of standbys; 0 with ACK_RECEIVED */
	int name_count;
	char names[ACKPOLICY_NAMES_MAX][ACKPOLICY_NAME_SIZE];
} AckPolicy;

/* False, with message and hint but no place, if text is none; *policy is undefined then. */
MUST_CHECK bool ackpolicy_parse(
	const char *text, AckPolicy *policy, ErrInfo *err);

/* The same, for the table of options. */
MUST_CHECK bool ackpolicy_check(const char *text, ErrInfo *err);

/*
 * The place of the first name that is a standby's rule or application_name: 1 is
 * the first; 0 if there is none.
 */
int ackpolicy_priority(
	const AckPolicy *policy, const char *rule, const char *application_name);

#endif /* CONF_ACKPOLICY_H */
