/*
 * loader.h
 *		What load.c, for options, and loadrule.c, for rules, share: how far they are,
 *		and how they say what is wrong.  For common/conf alone.
 *
 * All that fail set *l->err with the place in front, and return false.
 */
#ifndef CONF_LOADER_H
#define CONF_LOADER_H

#include "base.h"

#include <libconfig.h>

#include "conf/table.h"

/* Longer than any name in the tables; a longer one is cut and so unknown. */
#define LOADER_PATH_SIZE 128

typedef struct Loader
{
	const char *file; /* as messages name it */
	Config *config;   /* that is put together */
	ErrInfo *err;
} Loader;

/* Put the place in front of the message that has been set; line 0: not known. */
bool loader_locate(const Loader *l, int line);
int loader_line(const config_setting_t *s);

bool loader_fail_at(const Loader *l, const config_setting_t *s, const char *fmt,
	...) PRINTF_LIKE(3, 4);
/* "name" must be what is wanted, not what it is. */
bool loader_fail_type(const Loader *l, const config_setting_t *s,
	const char *name, const char *wanted);

/* "prefix.name", or the name alone. */
void loader_join_path(
	char path[LOADER_PATH_SIZE], const char *prefix, const char *name);
/* Whether name is a group of some setting: it stands in full before a dot. */
bool loader_is_group_of(const char *group, const char *full_name);

/* What option_set reads, malloc'd; NULL, with err, if it cannot be of that type. */
char *loader_option_text(
	Loader *l, const Option *opt, const config_setting_t *s);

/* All rules: the value of the setting "rules". */
MUST_CHECK bool loadrule_all(Loader *l, const config_setting_t *s);

#endif /* CONF_LOADER_H */
