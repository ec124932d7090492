/*
 * repointfile.c
 *		The upstream that an operator has moved to.  See repointfile.h.
 */
#include "base.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conftext.h"
#include "conf/conninfo.h"
#include "conf/option.h"
#include "state/repointfile.h"
#include "util/durable.h"
#include "util/mem.h"

#define KEPT_NAME "walbouncer.auto.conf"
#define TEMPORARY_NAME "walbouncer.temp.conf"

#define HEADING "# Written by REPOINT, which will write over it.\n"

static char *
path_of(const char *state_directory, const char *name)
{
	return mem_asprintf("%s/%s", state_directory, name);
}

/* ---- text ---- */

static bool
fail_content(const char *path, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"\"%s\" does not have an upstream.conninfo, and nothing else, in it",
		path);
	return errinfo_hint(
		err, "Remove the file, and say REPOINT again where that is wanted.");
}

/* Its one setting; NULL if it is not like that.  Borrowed from the configuration. */
static const char *
find_conninfo(const config_t *parsed)
{
	const config_setting_t *root = config_root_setting(parsed);
	const config_setting_t *group = config_setting_get_member(root, "upstream");

	if (config_setting_length(root) != 1 || group == NULL ||
		!config_setting_is_group(group) || config_setting_length(group) != 1)
		return NULL;
	group = config_setting_get_member(group, "conninfo");
	return group != NULL ? config_setting_get_string(group) : NULL;
}

/* What libconfig has to say of it might be a part of the password. */
static bool
parse(const char *path, const char *text, char **conninfo, ErrInfo *err)
{
	const char *found = NULL;
	ErrInfo why;
	config_t parsed;
	int line;
	bool ok;

	config_init(&parsed);
	if (conftext_check(text, &line, &why) &&
		config_read_string(&parsed, text) == CONFIG_TRUE)
		found = find_conninfo(&parsed);
	ok = found != NULL && strlen(found) <= CONFIG_REPOINTED_MAX &&
		 conninfo_check(found, &why);
	*conninfo = ok ? mem_strdup(found) : NULL;
	config_destroy(&parsed);
	return ok || fail_content(path, err);
}

/* malloc'd; NULL if memory has run out. */
static char *
format(const char *conninfo)
{
	config_t made;
	config_setting_t *group;
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);

	if (stream == NULL)
		return NULL;
	config_init(&made);
	group = config_setting_add(
		config_root_setting(&made), "upstream", CONFIG_TYPE_GROUP);
	config_setting_set_string(
		config_setting_add(group, "conninfo", CONFIG_TYPE_STRING), conninfo);
	fputs(HEADING, stream);
	config_write(&made, stream);
	config_destroy(&made);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

/* ---- files ---- */

static bool
load_one(const char *state_directory, const char *name, char **conninfo,
	ErrInfo *err)
{
	char *path = path_of(state_directory, name);
	bool missing;
	size_t len;
	char *text = durable_read(path, CONFIG_TEXT_MAX, &len, &missing, err);
	bool ok = missing;

	*conninfo = NULL;
	if (text != NULL)
		ok = parse(path, text, conninfo, err);
	free(text);
	free(path);
	return ok;
}

/* *there: whether there was one. */
static bool
remove_file(const char *path, bool *there, ErrInfo *err)
{
	*there = unlink(path) == 0;
	if (*there)
		return durable_sync_parent(path, err);
	return errno == ENOENT || durable_error("remove", path, err);
}

static bool
store_one(const char *state_directory, const char *name, const char *conninfo,
	ErrInfo *err)
{
	char *path = path_of(state_directory, name);
	char *text = conninfo != NULL ? format(conninfo) : NULL;
	bool there;
	bool ok;

	if (text != NULL)
		ok = durable_replace(path, text, strlen(text), err);
	else if (conninfo != NULL)
		ok = errinfo_set(
			err, SQLSTATE_INTERNAL_ERROR, "could not write \"%s\": %m", path);
	else
		ok = remove_file(path, &there, err);
	free(text);
	free(path);
	return ok;
}

bool
repointfile_load(const char *state_directory, Repoint *repoint, ErrInfo *err)
{
	if (!load_one(state_directory, KEPT_NAME, &repoint->kept, err))
		return false;
	if (load_one(state_directory, TEMPORARY_NAME, &repoint->temporary, err))
		return true;
	free(repoint->kept);
	return false;
}

bool
repointfile_store(
	const char *state_directory, const Repoint *repoint, ErrInfo *err)
{
	return store_one(state_directory, KEPT_NAME, repoint->kept, err) &&
		   store_one(state_directory, TEMPORARY_NAME, repoint->temporary, err);
}

bool
repointfile_end_temporary(
	const char *state_directory, bool *there, ErrInfo *err)
{
	char *path = path_of(state_directory, TEMPORARY_NAME);
	bool ok = remove_file(path, there, err);

	free(path);
	return ok;
}

const char *
repointfile_conninfo(const Repoint *repoint)
{
	return repoint->temporary != NULL ? repoint->temporary : repoint->kept;
}

char *
repointfile_path(const char *state_directory)
{
	static const char *const names[] = {TEMPORARY_NAME, KEPT_NAME};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		char *path = path_of(state_directory, names[i]);

		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

void
repointfile_clear(Repoint *repoint)
{
	free(repoint->kept);
	free(repoint->temporary);
	*repoint = (Repoint){0};
}
