/*
 * optionvalue.c
 *		How the value of an option is read and written.  See table.h.
 *
 * Everything that becomes a setting passes through option_set as text: the
 * defaults of the table, the values of the file, the numbers that libconfig has
 * read already.  So there is one place that knows units and ranges.
 */
#include "base.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/table.h"
#include "conf/units.h"
#include "util/mem.h"

/* Memory is mapped in pages; on no system that we know are they larger. */
#define PAGE_MULTIPLE (64 * KILO)

/* Time is read in microseconds, so that every unit is a whole number. */
#define US_PER_MS 1000
#define US(ms) ((ms) *US_PER_MS)

typedef struct Unit
{
	const char *name;
	int64_t factor;
} Unit;

/* Largest first: option_format takes the first that divides the value. */
static const Unit byte_units[] = {{"TB", TERA}, {"GB", GIGA}, {"MB", MEGA},
	{"kB", KILO}, {"B", 1}, {NULL, 0}};

static const Unit time_units[] = {{"d", US(DAY)}, {"h", US(HOUR)},
	{"min", US(MINUTE)}, {"s", US(SECOND)}, {"ms", US_PER_MS}, {"us", 1},
	{NULL, 0}};

static const Unit *
unit_find(const Unit *units, const char *name)
{
	for (; units->name != NULL; units++)
	{
		if (strcmp(units->name, name) == 0)
			return units;
	}
	return NULL;
}

char *
option_format_number(const Option *opt, int64_t value)
{
	const Unit *u;

	switch (opt->type)
	{
		case OPTION_MODE:
			return mem_asprintf("%04o", (unsigned) value);
		case OPTION_BYTES:
			u = byte_units;
			break;
		case OPTION_TIME:
			u = time_units;
			value *= US_PER_MS;
			break;
		default:
			return mem_asprintf("%" PRId64, value);
	}
	if (value == 0)
		return mem_strdup("0");
	if (value == UNLIMITED)
		return mem_strdup("-1");
	while (value % u->factor != 0)
		u++;
	return mem_asprintf("%" PRId64 "%s", value / u->factor, u->name);
}

char *
option_format(const Option *opt, const Config *config)
{
	const void *at = (const char *) config + opt->offset;

	switch (opt->type)
	{
		case OPTION_STRING:
			return mem_strdup(*(char *const *) at);
		case OPTION_LEVEL:
			return mem_strdup(log_level_name(*(const LogLevel *) at));
		case OPTION_BOOL:
			return mem_strdup(*(const bool *) at ? "true" : "false");
		case OPTION_BYTES:
			return option_format_number(opt, *(const int64_t *) at);
		default:
			return option_format_number(opt, *(const int *) at);
	}
}

char *
option_format_range(const Option *opt)
{
	char *min;
	char *max;
	char *range;

	switch (opt->type)
	{
		case OPTION_STRING:
		case OPTION_BOOL:
			return mem_strdup("");
		case OPTION_LEVEL:
			return mem_asprintf("%s .. %s", log_level_name(LOG_DEBUG3),
				log_level_name(LOG_PANIC));
		default:
			break;
	}
	min = option_format_number(opt, opt->min);
	max = option_format_number(opt, opt->max);
	range = mem_asprintf("%s .. %s", min, max);
	free(min);
	free(max);
	return range;
}

static const char *
skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static bool
fail_syntax(const Option *opt, const char *text, const char *hint, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"invalid value for \"%s\": \"%s\"", opt->name, text);
	return errinfo_hint(err, "%s", hint);
}

static bool
fail_range(const Option *opt, const char *text, ErrInfo *err)
{
	char *min = option_format_number(opt, opt->min);
	char *max = option_format_number(opt, opt->max);

	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"%s\" must be from %s to %s, not \"%s\"", opt->name, min, max, text);
	free(min);
	free(max);
	return false;
}

/*
 * A whole number in front of an optional unit, times that unit.  What does not
 * fit is INT64_MAX or INT64_MIN, which no range contains.
 */
static bool
parse_number(const Option *opt, const char *text, int base, const Unit *units,
	const char *hint, int64_t *value, ErrInfo *err)
{
	const char *p = skip_space(text);
	const char *unit_name = opt->unit;
	char *end;
	char word[8];
	const Unit *unit;
	size_t len;
	long long n;

	if (!isdigit((unsigned char) (p[0] == '-' ? p[1] : p[0])))
		return fail_syntax(opt, text, hint, err);
	n = strtoll(p, &end, base); /* saturates */
	p = skip_space(end);
	len = strcspn(p, " \t");
	if (*skip_space(p + len) != '\0' || len >= sizeof(word) ||
		(len > 0 && units == NULL))
		return fail_syntax(opt, text, hint, err);
	if (units != NULL)
	{
		if (len > 0)
		{
			memcpy(word, p, len);
			word[len] = '\0';
			unit_name = word;
		}
		unit = unit_find(units, unit_name);
		if (unit == NULL)
			return fail_syntax(opt, text, hint, err);
		if (__builtin_mul_overflow(n, unit->factor, &n))
			n = n < 0 ? LLONG_MIN : LLONG_MAX;
	}
	*value = n;
	return true;
}

bool
option_set_number(const Option *opt, void *at, const char *text, ErrInfo *err)
{
	int64_t value;
	bool ok;

	switch (opt->type)
	{
		case OPTION_BYTES:
			ok = parse_number(opt, text, 10, byte_units,
				"A whole number is wanted; valid units are \"B\", \"kB\", "
				"\"MB\", \"GB\" and \"TB\".",
				&value, err);
			break;
		case OPTION_TIME:
			ok = parse_number(opt, text, 10, time_units,
				"A whole number is wanted; valid units are \"us\", \"ms\", "
				"\"s\", \"min\", \"h\" and "
				"\"d\".",
				&value, err);
			/* Up, because nothing but 0 may become 0, which means never. */
			if (ok)
				value = value / US_PER_MS + (value % US_PER_MS > 0);
			break;
		case OPTION_MODE:
			ok = parse_number(opt, text, 8, NULL,
				"Write an octal number, such as 0770.", &value, err);
			break;
		default:
			ok = parse_number(
				opt, text, 10, NULL, "Write a whole number.", &value, err);
			break;
	}
	if (!ok)
		return false;
	if (value < opt->min || value > opt->max)
		return fail_range(opt, text, err);
	if (opt->type == OPTION_BYTES)
		*(int64_t *) at =
			value == UNLIMITED
				? UNLIMITED
				: (value + PAGE_MULTIPLE - 1) / PAGE_MULTIPLE * PAGE_MULTIPLE;
	else
		*(int *) at = (int) value;
	return true;
}

bool
option_set(const Option *opt, Config *config, const char *text, ErrInfo *err)
{
	void *at = (char *) config + opt->offset;

	switch (opt->type)
	{
		case OPTION_STRING:
			if (opt->check != NULL && !opt->check(text, err))
				return false;
			free(*(char **) at);
			*(char **) at = mem_strdup(text);
			return true;
		case OPTION_LEVEL:
			if (!log_level_parse(text, at))
				return fail_syntax(opt, text,
					"Valid levels are \"debug3\", \"debug2\", \"debug1\", "
					"\"info\", \"log\", \"warning\", \"error\", \"fatal\" and "
					"\"panic\".",
					err);
			return true;
		case OPTION_BOOL:
			if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
				return fail_syntax(opt, text, "Write true or false.", err);
			*(bool *) at = text[0] == 't';
			return true;
		default:
			return option_set_number(opt, at, text, err);
	}
}
