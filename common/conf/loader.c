/*
 * loader.c
 *		What the loading of options and of rules share.  See loader.h.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/loader.h"
#include "util/mem.h"

bool
loader_locate(const Loader *l, int line)
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

int
loader_line(const config_setting_t *s)
{
	return (int) config_setting_source_line(s);
}

bool
loader_fail_at(const Loader *l, const config_setting_t *s, const char *fmt, ...)
{
	char message[sizeof(l->err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	errinfo_set(l->err, SQLSTATE_CONFIG_FILE_ERROR, "%s", message);
	return loader_locate(l, loader_line(s));
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

bool
loader_fail_type(const Loader *l, const config_setting_t *s, const char *name,
	const char *wanted)
{
	return loader_fail_at(
		l, s, "\"%s\" must be %s, not %s", name, wanted, type_name(s));
}

void
loader_join_path(
	char path[LOADER_PATH_SIZE], const char *prefix, const char *name)
{
	snprintf(path, LOADER_PATH_SIZE, "%s%s%s", prefix,
		prefix[0] != '\0' ? "." : "", name);
}

bool
loader_is_group_of(const char *group, const char *full_name)
{
	size_t len = strlen(group);

	return strncmp(full_name, group, len) == 0 && full_name[len] == '.';
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

char *
loader_option_text(Loader *l, const Option *opt, const config_setting_t *s)
{
	if (opt->type == OPTION_BOOL)
	{
		if (config_setting_type(s) == CONFIG_TYPE_BOOL)
			return mem_strdup(config_setting_get_bool(s) ? "true" : "false");
		loader_fail_type(l, s, opt->name, "true or false");
		return NULL;
	}
	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		return mem_strdup(config_setting_get_string(s));
	if (opt->type == OPTION_STRING || opt->type == OPTION_LEVEL)
		loader_fail_type(l, s, opt->name, "a string");
	else if (config_setting_type(s) == CONFIG_TYPE_INT ||
			 config_setting_type(s) == CONFIG_TYPE_INT64)
		return number_text(opt, s);
	else
		loader_fail_type(l, s, opt->name,
			opt->unit != NULL ? "a whole number or a string with a unit"
							  : "a whole number");
	return NULL;
}
