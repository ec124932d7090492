/*
 * ledgerfile.c
 *		Where the ledgers are.  See ledgerfile.h.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/ledgerfile.h"
#include "util/mem.h"

#define FOLDER "ledger"
/* NAME_MAX, with some room. */
#define FILE_NAME_LEN_MAX 240
/* '~' and 64 bits. */
#define DIGEST_TEXT_LEN 17

static const LineFormat format = {
	.magic = "walbouncer-ledger",
	.label = "ledger",
	.damaged_hint = "Move it away; it is begun anew then.",
	.foreign_hint = "Move it away if the standby has been rebuilt.",
};

/* FNV-1a; only against accidents: a client can harm none but its own user. */
static uint64_t
digest_text(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
	return h;
}

/* USER@APPLICATION_NAME, if need be cut and told from others by a digest. */
static char *
file_name(const LedgerKey *key)
{
	size_t user_size = strlen(key->user) * 3 + 1;
	size_t app_size = strlen(key->application_name) * 3 + 1;
	char *user = mem_alloc(user_size);
	char *app = mem_alloc(app_size);
	char *name;

	linefile_encode_name(key->user, user, user_size);
	linefile_encode_name(key->application_name, app, app_size);
	name = mem_asprintf("%s@%s", user, app);
	free(user);
	free(app);
	if (strlen(name) > FILE_NAME_LEN_MAX)
	{
		uint64_t digest = digest_text(name);

		snprintf(name + FILE_NAME_LEN_MAX - DIGEST_TEXT_LEN,
			DIGEST_TEXT_LEN + 1, "~%016" PRIx64, digest);
	}
	return name;
}

static void
rule_folder(char folder[LINEFILE_PATH_SIZE], const char *rule)
{
	snprintf(folder, LINEFILE_PATH_SIZE, FOLDER "/%s", rule);
}

/* The ledgers of a rule; NULL if there are none. */
static DIR *
open_directory(const char *state_directory, const char *rule)
{
	char path[LINEFILE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" FOLDER "/%s", state_directory, rule);
	return opendir(path);
}

/* The next ledger of a directory, NULL at its end. */
static const char *
next_file(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
	{
		/* not "." and ".."; a ledger has it always */
		if (strchr(entry->d_name, '@') != NULL)
			return entry->d_name;
	}
	return NULL;
}

/* Whether there may be one more of a rule. */
static bool
check_count(const LedgerKey *key, ErrInfo *err)
{
	DIR *dir = open_directory(key->state_directory, key->rule);
	unsigned count = 0;

	if (dir == NULL)
		return true;
	while (next_file(dir) != NULL)
		count++;
	closedir(dir);
	if (count < LEDGER_FILES_MAX)
		return true;
	errinfo_set(err, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED,
		"rule \"%s\" has %u ledgers already", key->rule, count);
	return errinfo_hint(err,
		"Remove those of standbys that exist no more from \"%s/" FOLDER
		"/%s\", or see that clients keep to one \"application_name\" each.",
		key->state_directory, key->rule);
}

bool
ledgerfile_open(
	LineFile *file, const LedgerKey *key, LineFileMode mode, ErrInfo *err)
{
	bool reads = mode == LINEFILE_READ;
	char folder[LINEFILE_PATH_SIZE];
	char *name = file_name(key);
	bool ok;

	rule_folder(folder, key->rule);
	ok = linefile_open(file, &format, key->state_directory, folder, name,
		reads ? 0 : key->system_identifier, reads ? mode : LINEFILE_WRITE, err);
	if (!ok && !reads && file->missing)
		ok = check_count(key, err) &&
			 linefile_open(file, &format, key->state_directory, folder, name,
				 key->system_identifier, LINEFILE_CREATE, err);
	/* it may have been made, but not begun */
	if (!reads)
		file->mode = LINEFILE_CREATE;
	free(name);
	return ok;
}

bool
ledgerfile_open_path(LineFile *file, const char *path, ErrInfo *err)
{
	return linefile_open_path(file, &format, path, err);
}

static bool
visit_one(const char *state_directory, const char *rule, const char *name,
	LedgerFileVisitor visit, ErrInfo *err)
{
	char folder[LINEFILE_PATH_SIZE];
	LineFile file;
	bool ok;

	rule_folder(folder, rule);
	if (!linefile_open(&file, &format, state_directory, folder, name, 0,
			LINEFILE_WRITE, err))
		return file.missing;
	ok = visit(&file, err);
	linefile_close(&file);
	return ok;
}

bool
ledgerfile_each(const char *state_directory, const char *rule,
	LedgerFileVisitor visit, ErrInfo *err)
{
	DIR *dir = open_directory(state_directory, rule);
	const char *name;
	bool ok = true;

	if (dir == NULL)
		return errno == ENOENT || errinfo_set(err, SQLSTATE_IO_ERROR,
									  "could not open \"%s/" FOLDER "/%s\": %m",
									  state_directory, rule);
	while (ok && (name = next_file(dir)) != NULL)
		ok = visit_one(state_directory, rule, name, visit, err);
	closedir(dir);
	return ok;
}

bool
ledgerfile_each_rule(const char *state_directory, LedgerRuleVisitor visit,
	void *arg, ErrInfo *err)
{
	char path[LINEFILE_PATH_SIZE];
	struct dirent *entry;
	DIR *dir;
	bool ok = true;

	snprintf(path, sizeof(path), "%s/" FOLDER, state_directory);
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT || errinfo_set(err, SQLSTATE_IO_ERROR,
									  "could not open \"%s\": %m", path);
	while (ok && (errno = 0, entry = readdir(dir)) != NULL)
	{
		/* no rule's name begins with it */
		if (entry->d_name[0] != '.' && entry->d_type != DT_REG)
			ok = visit(arg, entry->d_name, err);
	}
	if (ok && errno != 0)
		ok = errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not read \"%s\": %m", path);
	closedir(dir);
	return ok;
}
