/*
 * dump.c
 *		The configuration and the option table as text, and what differs
 *		between two configurations.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conninfo.h"
#include "conf/table.h"
#include "util/buf.h"
#include "util/mem.h"

/* An escaped byte takes four; names and keys are small beside that. */
#define DUMP_MAX (16 * CONFIG_TEXT_MAX)

static void PRINTF_LIKE(2, 3) put(Buf *out, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
	{
		out->failed = true;
		return;
	}
	buf_put_bytes(out, text, (size_t) n);
	free(text);
}

/* As libconfig reads strings. */
static void
put_string(Buf *out, const char *s)
{
	buf_put_u8(out, '"');
	for (; *s != '\0'; s++)
	{
		unsigned char c = (unsigned char) *s;

		if (c == '"' || c == '\\')
			put(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			put(out, "\\x%02x", c);
		else
			buf_put_u8(out, c);
	}
	buf_put_u8(out, '"');
}

static void
put_option(Buf *out, const Option *opt, const Config *config)
{
	char *value = option_format(opt, config);
	const char *dot = strchr(opt->name, '.');

	put(out, "%s%s = ", dot != NULL ? "\t" : "",
		dot != NULL ? dot + 1 : opt->name);
	if (opt->type == OPTION_INT || opt->type == OPTION_BOOL)
		put(out, "%s", value);
	else
		put_string(out, value);
	put(out, ";\n");
	free(value);
}

static void
put_list(Buf *out, const RuleKey *key, const RuleList *list)
{
	if (!list->given)
		return;
	put(out, "%s = [", strchr(key->name, '.') + 1);
	for (size_t i = 0; i < list->names.count; i++)
	{
		put(out, i == 0 ? " " : ", ");
		put_string(out, list->names.items[i]);
	}
	put(out, " ]; ");
}

static void
put_sources(Buf *out, const Rule *rule)
{
	put(out, "source = [");
	for (size_t i = 0; i < rule->source_count; i++)
	{
		char text[NET_CIDR_SIZE];

		net_cidr_format(&rule->sources[i], text);
		put(out, "%s\"%s\"", i == 0 ? " " : ", ", text);
	}
	put(out, " ]; ");
}

static void
put_match(Buf *out, const Rule *rule)
{
	if (rule->user == NULL && rule->application_name == NULL &&
		rule->source_count == 0)
		return;
	put(out, "\t\tmatch = { ");
	if (rule->user != NULL)
	{
		put(out, "user = ");
		put_string(out, rule->user);
		put(out, "; ");
	}
	if (rule->application_name != NULL)
	{
		put(out, "application_name = ");
		put_string(out, rule->application_name);
		put(out, "; ");
	}
	if (rule->source_count > 0)
		put_sources(out, rule);
	put(out, "};\n");
}

static void
put_filter(Buf *out, const Rule *rule)
{
	const RuleFilter *f = &rule->filter;
	const RuleKey *key;

	if (!f->include_databases.given && !f->exclude_databases.given &&
		!f->include_tablespaces.given && !f->exclude_tablespaces.given)
		return;
	put(out, "\t\tfilter = { ");
	for (size_t i = 0; (key = rule_key_at(i)) != NULL; i++)
	{
		if (key->type == RULE_KEY_LIST)
			put_list(out, key,
				(const RuleList *) ((const char *) rule + key->offset));
	}
	put(out, "};\n");
}

static void
put_times(Buf *out, const Rule *rule)
{
	const RuleKey *key;

	for (size_t i = 0; (key = rule_key_at(i)) != NULL; i++)
	{
		char *text;
		int value;

		if (key->type != RULE_KEY_TIME)
			continue;
		memcpy(&value, (const char *) rule + key->offset, sizeof(value));
		if (value == 0)
			continue;
		text = option_format_number(key->number, value);
		put(out, "\t\t%s = \"%s\";\n", key->name, text);
		free(text);
	}
}

static void
put_rule(Buf *out, const Rule *rule, bool last)
{
	put(out, "\t{\n\t\tname = ");
	put_string(out, rule->name);
	put(out, ";\n");
	put_match(out, rule);
	put(out, "\t\tauth = \"trust\";\n");
	if (rule->allow_remote_trust)
		put(out, "\t\tallow_remote_trust = true;\n");
	put_times(out, rule);
	put_filter(out, rule);
	put(out, last ? "\t}\n" : "\t},\n");
}

/* Line ends and tabs are between its parts only: within strings they are escaped. */
char *
config_dump_rule(const Rule *rule)
{
	size_t n = 0;
	char *text;
	Buf out;

	buf_init(&out, DUMP_MAX);
	put_rule(&out, rule, true);
	buf_put_u8(&out, '\0');
	if (out.failed)
	{
		buf_clear(&out);
		return mem_strdup("");
	}
	text = (char *) out.data;
	for (const char *c = text + strspn(text, "\n\t"); *c != '\0'; c++)
	{
		if (*c != '\n' && *c != '\t')
			text[n++] = *c;
		else if (n > 0 && text[n - 1] != ' ')
			text[n++] = ' ';
	}
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	return text;
}

/* The options of the table, those of the upstream group in their group. */
char *
config_dump(const Config *config)
{
	const Option *opt;
	bool in_group = false;
	Buf out;

	buf_init(&out, DUMP_MAX);
	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		const char *dot = strchr(opt->name, '.');

		if (dot != NULL && !in_group)
			put(&out, "%.*s = {\n", (int) (dot - opt->name), opt->name);
		if (dot == NULL && in_group)
			put(&out, "};\n");
		in_group = dot != NULL;
		put_option(&out, opt, config);
	}
	if (in_group)
		put(&out, "};\n");
	put(&out, "rules = (\n");
	for (size_t i = 0; i < config->rule_count; i++)
		put_rule(&out, &config->rules[i], i + 1 == config->rule_count);
	put(&out, ");\n");
	buf_put_u8(&out, '\0');
	if (out.failed)
	{
		buf_clear(&out);
		return mem_strdup("");
	}
	return (char *) out.data;
}

static const char *
kind_name(const Option *opt)
{
	switch (opt->type)
	{
		case OPTION_STRING:
			return "string";
		case OPTION_INT:
			return "integer";
		case OPTION_MODE:
			return "octal";
		case OPTION_LEVEL:
			return "level";
		case OPTION_BOOL:
			return "boolean";
		default:
			return opt->unit;
	}
}

char *
config_describe(void)
{
	const Option *opt;
	Buf out;

	buf_init(&out, DUMP_MAX);
	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		char *range = option_format_range(opt);

		put(&out, "%s\t%s\t%s\t%s\t%s\t%s\n", opt->name, kind_name(opt),
			opt->preset, range, opt->restart ? "restart" : "reload", opt->help);
		free(range);
	}
	buf_put_u8(&out, '\0');
	return (char *) out.data;
}

char *
option_show(const Option *opt, const Config *config)
{
	char *value = option_format(opt, config);
	char *masked;

	if (opt != option_find("upstream.conninfo"))
		return value;
	masked = conninfo_mask(value);
	free(value);
	return masked;
}

void
config_restart_changes(const Config *running, const Config *loaded,
	void (*changed)(const Option *opt, void *arg), void *arg)
{
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		char *before;
		char *after;

		if (!opt->restart)
			continue;
		before = option_format(opt, running);
		after = option_format(opt, loaded);
		if (strcmp(before, after) != 0)
			changed(opt, arg);
		free(before);
		free(after);
	}
}

void
config_keep_running(const Config *running, Config *loaded)
{
	const Option *opt;
	ErrInfo err;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		char *text;

		if (!opt->restart)
			continue;
		text = option_format(opt, running);
		/* a value that is in force has been good once */
		if (!option_set(opt, loaded, text, &err))
			abort();
		free(text);
	}
}
