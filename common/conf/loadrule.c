/*
 * loadrule.c
 *		From the rules of a configuration file to struct Rule.  See loader.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/loader.h"
#include "util/mem.h"

static bool
is_rule_key_group(const char *path)
{
	const RuleKey *key;

	for (size_t i = 0; (key = rule_key_at(i)) != NULL; i++)
	{
		if (loader_is_group_of(path, key->name))
			return true;
	}
	return false;
}

/* A number in a rule. */
static bool
load_number(Loader *l, const RuleKey *key, void *at, const config_setting_t *s)
{
	char *text = loader_option_text(l, key->number, s);
	bool ok;

	if (text == NULL)
		return false;
	ok = option_set_number(key->number, at, text, l->err) ||
		 loader_locate(l, loader_line(s));
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
	loader_fail_at(l, s, "invalid rule name \"%s\"", label);
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
		return loader_fail_at(l, s, "a name in \"%s\" is empty", path);
	if (strlen(name) > NAME_LEN_MAX)
	{
		loader_fail_at(l, s, "a name in \"%s\" is longer than %d bytes", path,
			NAME_LEN_MAX);
		return errinfo_detail(l->err, "The name is \"%s\".", name);
	}
	return true;
}

static bool
fail_list_type(const Loader *l, const config_setting_t *s, const char *name,
	const char *wanted)
{
	if (config_setting_is_array(s) || config_setting_is_list(s))
		return loader_fail_at(
			l, s, "\"%s\" must contain nothing but strings", name);
	return loader_fail_type(l, s, name, wanted);
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
		return loader_fail_at(l, s,
			"\"%s\" and \"%s\" cannot be in the same rule", key->name,
			key->rival);
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
				return loader_fail_at(l, s, "\"%s\" cannot be excluded", name);
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
		loader_fail_at(l, s, "invalid network \"%s\"", text);
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
		return loader_fail_at(l, s, "\"%s\" must not be empty", key->name);
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
		return loader_fail_type(l, s, key->name, "a string");
	if (strcmp(text, "trust") != 0)
	{
		loader_fail_at(l, s, "invalid authentication method \"%s\"", text);
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
				return loader_fail_type(l, s, key->name, "a string");
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
				return loader_fail_type(l, s, key->name, "true or false");
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
		char path[LOADER_PATH_SIZE];
		const RuleKey *key;

		loader_join_path(path, prefix, config_setting_name(s));
		key = rule_key_find(path);
		if (key != NULL)
		{
			if (!load_rule_key(l, key, rule, s))
				return false;
		}
		else if (!is_rule_key_group(path))
			return loader_fail_at(
				l, s, "unknown setting \"%s\" in a rule", path);
		else if (!config_setting_is_group(s))
			return loader_fail_type(l, s, path, "a group");
		else if (!load_rule_group(l, rule, s, path))
			return false;
	}
	return true;
}

static bool
load_rule(Loader *l, Rule *rule, const config_setting_t *s)
{
	if (!config_setting_is_group(s))
		return loader_fail_type(l, s, "rules", "a list of groups");
	rule->line = loader_line(s);
	if (!load_rule_group(l, rule, s, ""))
		return false;
	if (rule->name == NULL)
		return loader_fail_at(l, s, "a rule has no \"name\"");
	if (config_setting_get_member(s, "auth") == NULL)
	{
		loader_fail_at(l, s, "rule \"%s\" has no \"auth\"", rule->name);
		return errinfo_hint(l->err, "The only method is \"trust\".");
	}
	return true;
}

bool
loadrule_all(Loader *l, const config_setting_t *s)
{
	Config *config = l->config;
	int count = config_setting_length(s);

	if (!config_setting_is_list(s))
	{
		loader_fail_type(l, s, "rules", "a list of groups");
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
