/*
 * pauselist.c
 *		Which standbys an operator has paused.  See pauselist.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/linereader.h"
#include "state/pauselist.h"
#include "util/mem.h"
#include "util/monotime.h"

#define FILE_NAME "paused"
/* Each byte of a name takes three at most. */
#define ENCODED_SIZE (3 * PAUSELIST_NAME_SIZE)
/* A longer file is written anew, with what counts of it. */
#define FILE_LEN_MAX (16 * 1024)
/* How often it may be written anew by others just before we have its lock. */
#define ATTEMPTS 100

static const LineFormat format = {
	.magic = "walbouncer-paused",
	.label = "list of paused standbys",
	.damaged_hint = "Remove the file, and pause again what is to be paused.",
	.foreign_hint = "Remove the file, and pause again what is to be paused.",
};

/* ---- in memory ---- */

static size_t
find(const PauseList *list, const char *name)
{
	size_t i = 0;

	while (i < list->count && strcmp(list->names[i], name) != 0)
		i++;
	return i;
}

/* What a line says. */
static void
apply(PauseList *list, const char *name, bool paused)
{
	size_t i;

	if (strcmp(name, PAUSELIST_ALL) == 0)
	{
		list->all = paused;
		list->count = 0;
		return;
	}
	i = find(list, name);
	if (paused == list->all && i < list->count)
	{
		list->count--;
		memmove(list->names[i], list->names[i + 1],
			(list->count - i) * sizeof(*list->names));
	}
	if (paused == list->all || i < list->count)
		return;
	if (list->count == list->cap)
	{
		list->cap = Max(list->cap * 2, 8);
		list->names =
			mem_realloc(list->names, list->cap * sizeof(*list->names));
	}
	snprintf(list->names[list->count++], PAUSELIST_NAME_SIZE, "%s", name);
}

bool
pauselist_contains(const PauseList *list, const char *application_name)
{
	return list->all != (find(list, application_name) < list->count);
}

void
pauselist_clear(PauseList *list)
{
	free(list->names);
	*list = (PauseList){0};
}

/* ---- on disk ---- */

static bool
parse_line(const char *text, char name[PAUSELIST_NAME_SIZE], bool *paused)
{
	char verb[8];
	char encoded[ENCODED_SIZE];

	if (sscanf(text, "%7s %191s", verb, encoded) != 2)
		return false;
	*paused = strcmp(verb, "pause") == 0;
	return (*paused || strcmp(verb, "resume") == 0) &&
		   linefile_decode_name(encoded, name, PAUSELIST_NAME_SIZE);
}

static LineVerdict
on_line(void *arg, const char *text)
{
	char name[PAUSELIST_NAME_SIZE];
	bool paused;

	if (!parse_line(text, name, &paused))
		return LINE_WRONG;
	apply(arg, name, paused);
	return LINE_GO_ON;
}

/* With the file locked. */
static bool
read_lines(LineFile *file, PauseList *list, ErrInfo *err)
{
	if (linereader_each(file, on_line, list, err))
		return true;
	pauselist_clear(list);
	return false;
}

bool
pauselist_read(const char *state_directory, PauseList *list, ErrInfo *err)
{
	LineFile file;
	bool ok;

	*list = (PauseList){0};
	if (!linefile_open(&file, &format, state_directory, "", FILE_NAME, 0,
			LINEFILE_READ, err))
		return file.missing;
	ok = linefile_lock(&file, err) && read_lines(&file, list, err);
	linefile_close(&file);
	return ok;
}

static bool
check_name(const char *name, ErrInfo *err)
{
	size_t len = strlen(name);

	return (len > 0 && len < PAUSELIST_NAME_SIZE) ||
		   errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
			   "\"%s\" is not an application_name: it has 1 to %d bytes", name,
			   PAUSELIST_NAME_SIZE - 1);
}

/* Whether it is as the operator wants it, for everybody that is meant. */
static bool
is_so(const PauseList *list, const char *name, bool paused)
{
	if (strcmp(name, PAUSELIST_ALL) == 0)
		return list->all == paused && list->count == 0;
	return pauselist_contains(list, name) == paused;
}

static void
add_line(LineFile *file, const char *name, bool paused)
{
	char encoded[ENCODED_SIZE];
	char when[MONOTIME_STAMP_SIZE];

	linefile_encode_name(name, encoded, sizeof(encoded));
	monotime_stamp(when);
	linefile_add(file, "%s %s %s", paused ? "pause" : "resume", encoded, when);
}

static bool
write_anew(LineFile *file, const PauseList *list, ErrInfo *err)
{
	linefile_begin_anew(file);
	if (list->all)
		add_line(file, PAUSELIST_ALL, true);
	for (size_t i = 0; i < list->count; i++)
		add_line(file, list->names[i], !list->all);
	return linefile_replace(file, err);
}

/* list is what is in the file. */
static bool
write_change(LineFile *file, PauseList *list, const char *name, bool paused,
	ErrInfo *err)
{
	if (file->end > FILE_LEN_MAX)
	{
		apply(list, name, paused);
		return write_anew(file, list, err);
	}
	add_line(file, name, paused);
	return linefile_append(file, err) && linefile_sync(file, err);
}

/* *again if another console has written it anew meanwhile. */
static bool
try_change(const char *state_directory, const char *name, bool paused,
	bool *changed, bool *again, ErrInfo *err)
{
	PauseList list = {0};
	LineFile file;
	bool ok;

	*changed = *again = false;
	if (!linefile_open(&file, &format, state_directory, "", FILE_NAME, 0,
			LINEFILE_CREATE, err))
		return false;
	ok = linefile_lock(&file, err);
	*again = !ok && file.missing;
	ok = ok && read_lines(&file, &list, err);
	*changed = ok && !is_so(&list, name, paused);
	if (*changed)
		ok = write_change(&file, &list, name, paused, err);
	pauselist_clear(&list);
	linefile_close(&file);
	return ok;
}

static bool
change(const char *state_directory, const char *name, bool paused,
	bool *changed, ErrInfo *err)
{
	bool again = true;
	bool ok = false;

	*changed = false;
	if (!check_name(name, err))
		return false;
	for (int i = 0; again && i < ATTEMPTS; i++)
		ok = try_change(state_directory, name, paused, changed, &again, err);
	return ok;
}

bool
pauselist_add(const char *state_directory, const char *application_name,
	bool *changed, ErrInfo *err)
{
	return change(state_directory, application_name, true, changed, err);
}

bool
pauselist_remove(const char *state_directory, const char *application_name,
	bool *changed, ErrInfo *err)
{
	return change(state_directory, application_name, false, changed, err);
}
