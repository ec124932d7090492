/*
 * factsfile.c
 *		What is known of the upstream, on disk.  See factsfile.h.
 *
 *		walbouncer-upstream 1
 *		system_identifier 7439...
 *		...
 *		parameter server_version 15.20
 *		setting wal_level replica
 *		crc32c 0123abcd
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/factsfile.h"
#include "spool/spooldir.h"
#include "util/buf.h"
#include "wal/crc32c.h"
#include "wal/page.h"

#define FACTSFILE_NAME "upstream"
#define FIRST_LINE "walbouncer-upstream 1"
#define FACTSFILE_MAX ((size_t) 64 * 1024)
#define CRC_KEY "crc32c "
#define CRC_LINE_LEN (sizeof(CRC_KEY) - 1 + 8 + 1)

static void
file_path(char path[DURABLE_PATH_SIZE], const char *state_directory)
{
	snprintf(path, DURABLE_PATH_SIZE, "%s/%s", state_directory, FACTSFILE_NAME);
}

static void
put_line(Buf *b, const char *line)
{
	buf_put_text(b, line);
	buf_put_u8(b, '\n');
}

static void
put_number(Buf *b, const char *key, uint64_t value)
{
	char line[80];

	snprintf(line, sizeof(line), "%s %" PRIu64, key, value);
	put_line(b, line);
}

static void
put_settings(
	Buf *b, const char *key, const FactsSetting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		char line[FACTS_NAME_SIZE + FACTS_VALUE_SIZE + 16];

		snprintf(line, sizeof(line), "%s %s %s", key, settings[i].name,
			settings[i].value);
		for (char *c = line; *c != '\0'; c++)
		{
			if (*c == '\n')
				*c = ' ';
		}
		put_line(b, line);
	}
}

static uint32_t
checksum(const void *data, size_t len)
{
	return crc32c_final(crc32c_update(CRC32C_INIT, data, len));
}

bool
factsfile_write(const char *state_directory, const Facts *facts, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];
	char line[CRC_LINE_LEN + 1];
	Buf b;
	bool ok;

	buf_init(&b, FACTSFILE_MAX);
	put_line(&b, FIRST_LINE);
	put_number(&b, "system_identifier", facts->system_identifier);
	put_number(&b, "timeline", facts->tli);
	put_number(&b, "server_version", (uint64_t) facts->server_version);
	put_number(&b, "segment_size", facts->segment_size);
	put_number(&b, "block_size", facts->block_size);
	put_settings(&b, "parameter", facts->parameters, facts->parameter_count);
	put_settings(&b, "setting", facts->settings, facts->setting_count);
	snprintf(line, sizeof(line), CRC_KEY "%08" PRIx32, checksum(b.data, b.len));
	put_line(&b, line);
	file_path(path, state_directory);
	ok = durable_replace(path, b.data, b.len, err);
	buf_clear(&b);
	return ok;
}

static void
take_setting(FactsSetting *settings, size_t *count, const char *text)
{
	FactsSetting *s = &settings[*count];
	size_t name_len = strcspn(text, " ");

	if (*count == FACTS_SETTINGS_MAX || text[name_len] == '\0')
		return;
	snprintf(s->name, sizeof(s->name), "%.*s", (int) name_len, text);
	snprintf(s->value, sizeof(s->value), "%s", text + name_len + 1);
	(*count)++;
}

static void
take_line(Facts *facts, const char *line)
{
	static const char parameter[] = "parameter ";
	static const char setting[] = "setting ";
	uint64_t n;

	if (strncmp(line, parameter, sizeof(parameter) - 1) == 0)
		take_setting(facts->parameters, &facts->parameter_count,
			line + sizeof(parameter) - 1);
	else if (strncmp(line, setting, sizeof(setting) - 1) == 0)
		take_setting(
			facts->settings, &facts->setting_count, line + sizeof(setting) - 1);
	else if (sscanf(line, "system_identifier %" SCNu64, &n) == 1)
		facts->system_identifier = n;
	else if (sscanf(line, "timeline %" SCNu64, &n) == 1)
		facts->tli = (TimeLineId) n;
	else if (sscanf(line, "server_version %" SCNu64, &n) == 1)
		facts->server_version = (int) n;
	else if (sscanf(line, "segment_size %" SCNu64, &n) == 1)
		facts->segment_size = (uint32_t) n;
	else if (sscanf(line, "block_size %" SCNu64, &n) == 1)
		facts->block_size = (uint32_t) n;
}

/* Our own words, unchanged? */
static bool
is_whole(const char *text, size_t len)
{
	char line[CRC_LINE_LEN + 1];

	if (len < CRC_LINE_LEN ||
		strncmp(text, FIRST_LINE "\n", sizeof(FIRST_LINE)) != 0)
		return false;
	snprintf(line, sizeof(line), CRC_KEY "%08" PRIx32 "\n",
		checksum(text, len - CRC_LINE_LEN));
	return memcmp(text + len - CRC_LINE_LEN, line, CRC_LINE_LEN) == 0;
}

static bool
recall_history(const char *state_directory, Facts *facts)
{
	size_t len;
	char *text;
	bool ok;

	if (facts->tli == 1)
		return true;
	text = spooldir_get_history(state_directory, facts->tli, &len);
	ok = text != NULL && facts_set_history(facts, text, len);
	free(text);
	return ok;
}

bool
factsfile_read(const char *state_directory, Facts *facts, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];
	WalGeometry geometry;
	bool missing;
	size_t len;
	char *text;
	char *rest;
	char *line;
	bool whole;

	file_path(path, state_directory);
	memset(facts, 0, sizeof(*facts));
	text = durable_read(path, FACTSFILE_MAX, &len, &missing, err);
	if (text == NULL)
	{
		if (missing)
			errinfo_clear(err);
		return false;
	}
	whole = is_whole(text, len);
	rest = text;
	while (whole && (line = strsep(&rest, "\n")) != NULL)
		take_line(facts, line);
	free(text);
	geometry = (WalGeometry){
		.segment_size = facts->segment_size,
		.block_size = facts->block_size,
	};
	facts->valid = whole && facts->system_identifier != 0 && facts->tli != 0 &&
				   page_geometry_valid(&geometry) &&
				   recall_history(state_directory, facts);
	if (facts->valid)
		return true;
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"\"%s\" is damaged; what it says of the upstream is not used", path);
	errinfo_detail(err,
		"Standbys are not served before the upstream has been connected to, "
		"which must be of the database system whose WAL is in the spool.");
	return errinfo_hint(err,
		"Check the disk.  The file is written anew when the upstream has been "
		"connected to.");
}
