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
 */
#include "base.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conninfo.h"
#include "conf/conftext.h"
#include "conf/table.h"
#include "util/mem.h"

/* Longer than any name in the tables; a longer one is cut and so unknown. */
#define PATH_SIZE 128

typedef struct Loader
{
	const char *file;
	Config *config;
	ErrInfo *err;
} Loader;

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

/* Put the place in front of the message that has been set. */
static bool
locate(const Loader *l, int line)
{
	char *message;

	if (line > 0)
		message = mem_asprintf("%s:%d: %s", l->file, line, l->err->message);
	else
		message = mem_asprintf("%s: %s", l->file, l->err->message);
	snprintf(l->err->message, sizeof(l->err->message), "%s", message);
	free(message);
	return false;
}

static int
line_of(const config_setting_t *s)
{
	return (int) config_setting_source_line(s);
}

static bool PRINTF_LIKE(3, 4)
	fail_at(const Loader *l, const config_setting_t *s, const char *fmt, ...)
{
	char message[sizeof(l->err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	errinfo_set(l->err, SQLSTATE_CONFIG_FILE_ERROR, "%s", message);
	return locate(l, line_of(s));
}

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
		locate(&l, end_line);
		goto fail;
	}
	if (!check_config(l.config, &line, err))
	{
		locate(&l, line > 0 ? line : end_line);
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
		return locate(l, *end_line);
	config_init(&tree);
	if (config_read_string(&tree, text) == CONFIG_TRUE)
		ok = load_group(l, config_root_setting(&tree), "");
	else
	{
		const char *why = config_error_text(&tree);

		errinfo_set(l->err, SQLSTATE_CONFIG_FILE_ERROR, "%s",
			why != NULL ? why : "syntax error");
		ok = locate(l, config_error_line(&tree));
	}
	config_destroy(&tree);
	return ok;
}

static const char *
type_name(const config_setting_t *s)
{
	switch (config_setting_type(s))
	{
		case CONFIG_TYPE_GROUP:
			return "a group";
		case CONFIG_TYPE_INT:
		case CONFIG_TYPE_INT64:
			return "a number";
		case CONFIG_TYPE_FLOAT:
			return "a number with a fraction";
		case CONFIG_TYPE_STRING:
			return "a string";
		case CONFIG_TYPE_BOOL:
			return "a boolean";
		case CONFIG_TYPE_ARRAY:
			return "an array";
		default:
			return "a list";
	}
}

static bool
fail_type(const Loader *l, const config_setting_t *s, const char *name,
	const char *wanted)
{
	return fail_at(
		l, s, "\"%s\" must be %s, not %s", name, wanted, type_name(s));
}

static bool
fail_list_type(const Loader *l, const config_setting_t *s, const char *name,
	const char *wanted)
{
	if (config_setting_is_array(s) || config_setting_is_list(s))
		return fail_at(l, s, "\"%s\" must contain nothing but strings", name);
	return fail_type(l, s, name, wanted);
}

/* "prefix.name", or the name alone. */
static void
join_path(char path[PATH_SIZE], const char *prefix, const char *name)
{
	snprintf(
		path, PATH_SIZE, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", name);
}

/* Whether name is a group of some setting: it stands in full before a dot. */
static bool
is_group_of(const char *group, const char *full_name)
{
	size_t len = strlen(group);

	return strncmp(full_name, group, len) == 0 && full_name[len] == '.';
}

static bool
is_option_group(const char *path)
{
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		if (is_group_of(path, opt->name))
			return true;
	}
	return false;
}

static bool
is_rule_key_group(const char *path)
{
	const RuleKey *key;

	for (size_t i = 0; (key = rule_key_at(i)) != NULL; i++)
	{
		if (is_group_of(path, key->name))
			return true;
	}
	return false;
}

/*
 * libconfig 1.5 reads 0777 as a decimal number, others might read it as C does.
 */
static bool
libconfig_knows_octal(void)
{
	config_t tree;
	int value = 0;
	bool octal;

	config_init(&tree);
	octal = config_read_string(&tree, "x = 010;") == CONFIG_TRUE &&
			config_lookup_int(&tree, "x", &value) == CONFIG_TRUE && value == 8;
	config_destroy(&tree);
	return octal;
}

/* A number of libconfig's as the text that option_set reads. */
static char *
number_text(const Option *opt, const config_setting_t *s)
{
	long long value = config_setting_get_int64(s);

	if (opt->type == OPTION_MODE && value >= 0 &&
		(config_setting_get_format(s) == CONFIG_FORMAT_HEX ||
			libconfig_knows_octal()))
		return mem_asprintf("%llo", value);
	return mem_asprintf("%lld", value);
}

/* What option_set reads, malloc'd; NULL, with err, if it cannot be of that type. */
static char *
option_text(Loader *l, const Option *opt, const config_setting_t *s)
{
	if (opt->type == OPTION_BOOL)
	{
		if (config_setting_type(s) == CONFIG_TYPE_BOOL)
			return mem_strdup(config_setting_get_bool(s) ? "true" : "false");
		fail_type(l, s, opt->name, "true or false");
		return NULL;
	}
	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		return mem_strdup(config_setting_get_string(s));
	if (opt->type == OPTION_STRING || opt->type == OPTION_LEVEL)
		fail_type(l, s, opt->name, "a string");
	else if (config_setting_type(s) == CONFIG_TYPE_INT ||
			 config_setting_type(s) == CONFIG_TYPE_INT64)
		return number_text(opt, s);
	else
		fail_type(l, s, opt->name,
			opt->unit != NULL ? "a whole number or a string with a unit"
							  : "a whole number");
	return NULL;
}

static bool
load_option(Loader *l, const Option *opt, const config_setting_t *s)
{
	char *text = option_text(l, opt, s);
	bool ok;

	if (text == NULL)
		return false;
	ok = option_set(opt, l->config, text, l->err) || locate(l, line_of(s));
	option_set_origin(opt, l->config,
		(OptionOrigin){.source = OPTION_FILE, .line = line_of(s)});
	free(text);
	return ok;
}

/* A number in a rule. */
static bool
load_number(Loader *l, const RuleKey *key, void *at, const config_setting_t *s)
{
	char *text = option_text(l, key->number, s);
	bool ok;

	if (text == NULL)
		return false;
	ok = option_set_number(key->number, at, text, l->err) ||
		 locate(l, line_of(s));
	free(text);
	return ok;
}

static bool
check_label(const Loader *l, const config_setting_t *s, const char *label)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
								  "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(label);

	if (len >= 1 && len <= NAME_LEN_MAX && label[0] != '.' &&
		strspn(label, allowed) == len)
		return true;
	fail_at(l, s, "invalid rule name \"%s\"", label);
	return errinfo_hint(l->err,
		"A rule's name is 1 to %d letters, digits, "
		"\"_\", \"-\" and \".\", and does not begin "
		"with \".\".",
		NAME_LEN_MAX);
}

static bool
check_name(const Loader *l, const config_setting_t *s, const char *path,
	const char *name)
{
	if (name[0] == '\0')
		return fail_at(l, s, "a name in \"%s\" is empty", path);
	if (strlen(name) > NAME_LEN_MAX)
	{
		fail_at(l, s, "a name in \"%s\" is longer than %d bytes", path,
			NAME_LEN_MAX);
		return errinfo_detail(l->err, "The name is \"%s\".", name);
	}
	return true;
}

/* Whether s is an array or a list of strings only. */
static bool
is_string_list(const config_setting_t *s)
{
	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return false;
	for (int i = 0; i < config_setting_length(s); i++)
	{
		if (config_setting_get_string_elem(s, i) == NULL)
			return false;
	}
	return true;
}

static bool
load_list(Loader *l, const RuleKey *key, Rule *rule, const config_setting_t *s)
{
	RuleList *list = (RuleList *) ((char *) rule + key->offset);
	const RuleList *rival = (RuleList *) ((char *) rule + key->rival_offset);

	if (!is_string_list(s))
		return fail_list_type(l, s, key->name, "an array of strings");
	if (rival->given)
		return fail_at(l, s, "\"%s\" and \"%s\" cannot be in the same rule",
			key->name, key->rival);
	list->given = true;
	list->names.items =
		mem_alloc0((size_t) config_setting_length(s) * sizeof(char *));
	for (int i = 0; i < config_setting_length(s); i++)
	{
		const char *name = config_setting_get_string_elem(s, i);

		if (!check_name(l, s, key->name, name))
			return false;
		for (size_t j = 0; key->reserved != NULL && key->reserved[j] != NULL;
			 j++)
		{
			if (strcmp(name, key->reserved[j]) == 0)
				return fail_at(l, s, "\"%s\" cannot be excluded", name);
		}
		list->names.items[list->names.count++] = mem_strdup(name);
	}
	return true;
}

static bool
add_source(Loader *l, Rule *rule, const config_setting_t *s, const char *text)
{
	NetCidr *cidr = &rule->sources[rule->source_count];

	if (!net_cidr_parse(text, cidr))
	{
		fail_at(l, s, "invalid network \"%s\"", text);
		return errinfo_hint(l->err, "Write an address, or a network such as "
									"192.0.2.0/24 or 2001:db8::/32, in which "
									"no bit is set behind the prefix.");
	}
	rule->source_count++;
	return true;
}

static bool
load_sources(
	Loader *l, const RuleKey *key, Rule *rule, const config_setting_t *s)
{
	int count = config_setting_length(s);

	if (config_setting_type(s) == CONFIG_TYPE_STRING)
	{
		rule->sources = mem_alloc0(sizeof(*rule->sources));
		return add_source(l, rule, s, config_setting_get_string(s));
	}
	if (!is_string_list(s))
		return fail_list_type(
			l, s, key->name, "a string or an array of strings");
	/* Taken as "no condition" it would let everybody in. */
	if (count == 0)
		return fail_at(l, s, "\"%s\" must not be empty", key->name);
	rule->sources = mem_alloc0((size_t) count * sizeof(*rule->sources));
	for (int i = 0; i < count; i++)
	{
		if (!add_source(l, rule, s, config_setting_get_string_elem(s, i)))
			return false;
	}
	return true;
}

static bool
load_auth(Loader *l, const RuleKey *key, Rule *rule, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (text == NULL)
		return fail_type(l, s, key->name, "a string");
	if (strcmp(text, "trust") != 0)
	{
		fail_at(l, s, "invalid authentication method \"%s\"", text);
		return errinfo_hint(l->err, "The only method is \"trust\".");
	}
	rule->auth = RULE_AUTH_TRUST;
	return true;
}

static bool
load_rule_key(
	Loader *l, const RuleKey *key, Rule *rule, const config_setting_t *s)
{
	void *at = (char *) rule + key->offset;
	const char *text;

	switch (key->type)
	{
		case RULE_KEY_LABEL:
		case RULE_KEY_NAME:
			text = config_setting_get_string(s);
			if (text == NULL)
				return fail_type(l, s, key->name, "a string");
			if (key->type == RULE_KEY_LABEL
					? !check_label(l, s, text)
					: !check_name(l, s, key->name, text))
				return false;
			*(char **) at = mem_strdup(text);
			return true;
		case RULE_KEY_SOURCES:
			return load_sources(l, key, rule, s);
		case RULE_KEY_AUTH:
			return load_auth(l, key, rule, s);
		case RULE_KEY_BOOL:
			if (config_setting_type(s) != CONFIG_TYPE_BOOL)
				return fail_type(l, s, key->name, "true or false");
			*(bool *) at = config_setting_get_bool(s) == CONFIG_TRUE;
			return true;
		case RULE_KEY_TIME:
			return load_number(l, key, at, s);
		case RULE_KEY_LIST:
			return load_list(l, key, rule, s);
	}
	return false;
}

/* A rule, or a group inside of one: prefix is its path. */
static bool
load_rule_group(
	Loader *l, Rule *rule, const config_setting_t *group, const char *prefix)
{
	for (int i = 0; i < config_setting_length(group); i++)
	{
		const config_setting_t *s =
			config_setting_get_elem(group, (unsigned) i);
		char path[PATH_SIZE];
		const RuleKey *key;

		join_path(path, prefix, config_setting_name(s));
		key = rule_key_find(path);
		if (key != NULL)
		{
			if (!load_rule_key(l, key, rule, s))
				return false;
		}
		else if (!is_rule_key_group(path))
			return fail_at(l, s, "unknown setting \"%s\" in a rule", path);
		else if (!config_setting_is_group(s))
			return fail_type(l, s, path, "a group");
		else if (!load_rule_group(l, rule, s, path))
			return false;
	}
	return true;
}

static bool
load_rule(Loader *l, Rule *rule, const config_setting_t *s)
{
	if (!config_setting_is_group(s))
		return fail_type(l, s, "rules", "a list of groups");
	rule->line = line_of(s);
	if (!load_rule_group(l, rule, s, ""))
		return false;
	if (rule->name == NULL)
		return fail_at(l, s, "a rule has no \"name\"");
	if (config_setting_get_member(s, "auth") == NULL)
	{
		fail_at(l, s, "rule \"%s\" has no \"auth\"", rule->name);
		return errinfo_hint(l->err, "The only method is \"trust\".");
	}
	return true;
}

static bool
load_rules(Loader *l, const config_setting_t *s)
{
	Config *config = l->config;
	int count = config_setting_length(s);

	if (!config_setting_is_list(s))
	{
		fail_type(l, s, "rules", "a list of groups");
		return errinfo_hint(l->err, "Write: rules = ( { ... }, { ... } );");
	}
	config->rules = mem_alloc0((size_t) count * sizeof(*config->rules));
	for (int i = 0; i < count; i++)
	{
		if (!load_rule(l, &config->rules[config->rule_count++],
				config_setting_get_elem(s, (unsigned) i)))
			return false;
	}
	return true;
}

/* The whole file, or a group of options: prefix is its path. */
static bool
load_group(Loader *l, const config_setting_t *group, const char *prefix)
{
	for (int i = 0; i < config_setting_length(group); i++)
	{
		const config_setting_t *s =
			config_setting_get_elem(group, (unsigned) i);
		char path[PATH_SIZE];
		const Option *opt;
		bool ok;

		join_path(path, prefix, config_setting_name(s));
		opt = option_find(path);
		if (opt != NULL)
			ok = load_option(l, opt, s);
		else if (strcmp(path, "rules") == 0)
			ok = load_rules(l, s);
		else if (!is_option_group(path))
			ok = fail_at(l, s, "unknown setting \"%s\"", path);
		else if (!config_setting_is_group(s))
			ok = fail_type(l, s, path, "a group");
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
