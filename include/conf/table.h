/*
 * table.h
 *		The rows of the option table and of the rule keys, for common/conf and
 *		for the tests that hold the manual page and the sample to them.
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include "base.h"

#include "conf/option.h"
#include "util/errinfo.h"

/* PostgreSQL's NAMEDATALEN - 1 (pg_config_manual.h): the longest name, in bytes. */
#define NAME_LEN_MAX 63

typedef enum OptionType
{
	OPTION_STRING, /* char * */
	OPTION_INT,    /* int */
	OPTION_MODE,   /* int, written in octal */
	OPTION_BYTES,  /* int64_t */
	OPTION_TIME,   /* int, milliseconds */
	OPTION_LEVEL,  /* LogLevel */
	OPTION_BOOL    /* bool, "true" or "false" */
} OptionType;

struct Option
{
	const char *name;
	OptionType type;
	const char *unit;   /* of a bare number: "B", "ms", "s"; NULL: none */
	const char *preset; /* the default, as text */
	int64_t min;        /* numbers: in what struct Config stores */
	int64_t max;
	bool restart;
	size_t offset; /* of the value in struct Config */
	/* Strings: what else has to hold, or NULL. */
	bool (*check)(const char *value, ErrInfo *err);
	const char *help;
};

/*
 * Set an option from text.  The message in err has no place: the caller knows
 * the file and the line.
 */
MUST_CHECK bool option_set(
	const Option *opt, Config *config, const char *text, ErrInfo *err);

/* The same for a number, with the value at "at". */
MUST_CHECK bool option_set_number(
	const Option *opt, void *at, const char *text, ErrInfo *err);

/* Note where the value of an option comes from. */
void option_set_origin(const Option *opt, Config *config, OptionOrigin origin);

/* A number in what struct Config stores, as text that is read again.  malloc'd. */
char *option_format_number(const Option *opt, int64_t value);

/* "1MB .. 64GB"; "" for strings.  malloc'd. */
char *option_format_range(const Option *opt);

typedef enum RuleKeyType
{
	RULE_KEY_LABEL,   /* char *: the name of the rule */
	RULE_KEY_NAME,    /* char *: a name in PostgreSQL */
	RULE_KEY_SOURCES, /* networks: one string, or several */
	RULE_KEY_AUTH,
	RULE_KEY_BOOL,
	RULE_KEY_TIME, /* int, milliseconds */
	RULE_KEY_LIST  /* RuleList */
} RuleKeyType;

/* A setting inside of a rule. */
typedef struct RuleKey
{
	const char *name; /* "auth", "match.user" */
	RuleKeyType type;
	size_t offset; /* of the value in struct Rule */
	/* Times: unit, default and range; its offset is of no meaning. */
	const Option *number;
	/* Lists: the other one of the pair, and the names that must not be in it. */
	size_t rival_offset;
	const char *rival;
	const char *const *reserved; /* ends with NULL; or NULL */
} RuleKey;

/* rule_key_at(0) ... until it returns NULL. */
const RuleKey *rule_key_at(size_t i);
/* By full name, or NULL. */
const RuleKey *rule_key_find(const char *name);

#endif /* CONF_TABLE_H */
