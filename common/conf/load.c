/*
 * load.c
 *		From the text of a configuration file to struct Config.
 *
 * libconfig reads the text into a tree of settings.  The tree is walked from
 * the top, and each setting is looked up in the tables of option.c by its full
 * name: what is in neither table is an error.  The first error ends the walk.
 *
 *		upstream = { conninfo = "..."; };		option "upstream.conninfo"
 *		rules = ( { match = { user = "x"; }; } );	rule key "match.user"
 *
 * Rules are in loadrule.c.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conninfo.h"
#include "conf/conftext.h"
#include "conf/loader.h"
#include "conf/table.h"
#include "util/mem.h"

/*
 * libconfig 1.5 loses a string when it meets a syntax error.  That is a few bytes
 * for each bad file; the leak checker should still see what we lose.
 */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_LEAK_CHECKER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_LEAK_CHECKER 1
#endif
#endif

#ifdef WITH_LEAK_CHECKER
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}
#endif

static Config *config_new(ErrInfo *err);
static void add_default_rule(Config *config);
static bool load_text(Loader *l, const char *text, int *end_line);
static bool load_group(
	Loader *l, const config_setting_t *group, const char *prefix);
static bool apply_overrides(
	Config *config, const ConfigOverrides *overrides, ErrInfo *err);

Config *
config_load(const char *file, const char *text,
	const ConfigOverrides *overrides, ErrInfo *err)
{
	Loader l = {.file = file != NULL ? file : "configuration", .err = err};
	int end_line = 0;
	int line;

	l.config = config_new(err);
	if (l.config == NULL)
		return NULL;
	if (text == NULL)
		add_default_rule(l.config);
	else if (!load_text(&l, text, &end_line))
		goto fail;
	if (!ackpolicy_parse(
			l.config->upstream_acknowledge, &l.config->acknowledge, err))
	{
		loader_locate(&l, end_line);
		goto fail;
	}
	if (!check_config(l.config, &line, err))
	{
		loader_locate(&l, line > 0 ? line : end_line);
		goto fail;
	}
	if (overrides != NULL && !apply_overrides(l.config, overrides, err))
		goto fail;
	return l.config;

fail:
	config_free(l.config);
	return NULL;
}

void
config_free(Config *config)
{
	const Option *opt;

	if (config == NULL)
		return;
	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		if (opt->type == OPTION_STRING)
			free(*(char **) ((char *) config + opt->offset));
	}
	for (size_t i = 0; i < config->rule_count; i++)
		rule_clear(&config->rules[i]);
	free(config->rules);
	free(config);
}

char *
config_upstream_conninfo(const Config *config)
{
	ErrInfo err;
	char *conninfo = conninfo_rewrite(config->upstream_conninfo, NULL, 0, &err);

	/* It was readable when it was loaded; if ever not, libpq will say why. */
	return conninfo != NULL ? conninfo : mem_strdup(config->upstream_conninfo);
}

/* All options at their defaults, no rules. */
static Config *
config_new(ErrInfo *err)
{
	Config *config = mem_alloc0(sizeof(*config));
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		if (!option_set(opt, config, opt->preset, err))
		{
			config_free(config);
			return NULL;
		}
	}
	return config;
}

/* Without a file: everybody, everything (trust reaches no further than loopback). */
static void
add_default_rule(Config *config)
{
	config->rules = mem_alloc0(sizeof(*config->rules));
	config->rule_count = 1;
	config->rules[0].name = mem_strdup("everything");
	config->rules[0].auth = RULE_AUTH_TRUST;
}

static bool
load_text(Loader *l, const char *text, int *end_line)
{
	config_t tree;
	bool ok;

	if (!conftext_check(text, end_line, l->err))
		return loader_locate(l, *end_line);
	config_init(&tree);
	if (config_read_string(&tree, text) == CONFIG_TRUE)
		ok = load_group(l, config_root_setting(&tree), "");
	else
	{
		const char *why = config_error_text(&tree);

		errinfo_set(l->err, SQLSTATE_CONFIG_FILE_ERROR, "%s",
			why != NULL ? why : "syntax error");
		if (why == NULL || strcmp(why, "syntax error") == 0)
			errinfo_hint(l->err, "Write NAME = VALUE; with text, and numbers "
								 "with a unit, in double quotes.");
		ok = loader_locate(l, config_error_line(&tree));
	}
	config_destroy(&tree);
	return ok;
}

static bool
is_option_group(const char *path)
{
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		if (loader_is_group_of(path, opt->name))
			return true;
	}
	return false;
}

static bool
load_option(Loader *l, const Option *opt, const config_setting_t *s)
{
	char *text = loader_option_text(l, opt, s);
	bool ok;

	if (text == NULL)
		return false;
	ok = option_set(opt, l->config, text, l->err) ||
		 loader_locate(l, loader_line(s));
	option_set_origin(opt, l->config,
		(OptionOrigin){.source = OPTION_FILE, .line = loader_line(s)});
	free(text);
	return ok;
}

/* The whole file, or a group of options: prefix is its path. */
static bool
load_group(Loader *l, const config_setting_t *group, const char *prefix)
{
	for (int i = 0; i < config_setting_length(group); i++)
	{
		const config_setting_t *s =
			config_setting_get_elem(group, (unsigned) i);
		char path[LOADER_PATH_SIZE];
		const Option *opt;
		bool ok;

		loader_join_path(path, prefix, config_setting_name(s));
		opt = option_find(path);
		if (opt != NULL)
			ok = load_option(l, opt, s);
		else if (strcmp(path, "rules") == 0)
			ok = loadrule_all(l, s);
		else if (!is_option_group(path))
			ok = loader_fail_at(l, s, "unknown setting \"%s\"", path);
		else if (!config_setting_is_group(s))
			ok = loader_fail_type(l, s, path, "a group");
		else
			ok = load_group(l, s, path);
		if (!ok)
			return false;
	}
	return true;
}

/* -v lowers the threshold, and never raises it. */
static LogLevel
verbose_level(int verbose)
{
	static const LogLevel levels[] = {
		LOG_PANIC, LOG_INFO, LOG_DEBUG1, LOG_DEBUG2, LOG_DEBUG3};

	return levels[Min((size_t) Max(verbose, 0), lengthof(levels) - 1)];
}

static void
note_source(Config *config, const char *name, OptionSource source)
{
	option_set_origin(
		option_find(name), config, (OptionOrigin){.source = source});
}

static bool
override_upstream(
	Config *config, const ConfigOverrides *overrides, ErrInfo *err)
{
	static const char name[] = "upstream.conninfo";
	char *conninfo;

	if (overrides->repointed != NULL)
	{
		if (!option_set(option_find(name), config, overrides->repointed, err))
			return false;
		note_source(config, name, OPTION_REPOINT);
		return true;
	}
	if (overrides->upstream_host == NULL && overrides->upstream_port == 0)
		return true;
	conninfo = conninfo_rewrite(config->upstream_conninfo,
		overrides->upstream_host, overrides->upstream_port, err);
	if (conninfo == NULL)
		return false;
	free(config->upstream_conninfo);
	config->upstream_conninfo = conninfo;
	note_source(config, name, OPTION_COMMAND_LINE);
	return true;
}

static bool
apply_overrides(Config *config, const ConfigOverrides *overrides, ErrInfo *err)
{
	LogLevel level = verbose_level(overrides->verbose);

	if (overrides->port != 0)
	{
		char *text = mem_asprintf("%d", overrides->port);
		bool ok = option_set(option_find("port"), config, text, err);

		free(text);
		if (!ok)
			return false;
		note_source(config, "port", OPTION_COMMAND_LINE);
	}
	if (overrides->upstream_port < 0 || overrides->upstream_port > 65535)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"the upstream's port must be from 1 to 65535, not %d",
			overrides->upstream_port);
	if (!override_upstream(config, overrides, err))
		return false;
	if (level < config->log_min_messages)
	{
		config->log_min_messages = level;
		note_source(config, "log_min_messages", OPTION_COMMAND_LINE);
	}
	return true;
}
