/*
 * journal.c
 *		The scope journal of a rule.  See journal.h.
 */
#include "base.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"
#include "util/monotime.h"
#include "wal/crc32c.h"
#include "state/journal.h"

#define FORMAT_VERSION 1
#define LOCK_WAIT_MS 5000
#define LOCK_PAUSE_MS 10
#define JOURNAL_MAX ((size_t) 16 * 1024 * 1024)
#define CRC_TEXT_LEN 8
#define LINE_MAX_LEN 512
/* A state_directory, which is shorter, and a rule name of at most 63 bytes. */
#define PATH_SIZE 1024

static const char *const kind_names[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] = "database",
	[SCOPE_TABLESPACE] = "tablespace",
};

static bool
io_error(const Journal *j, const char *what, ErrInfo *err)
{
	return errinfo_set(
		err, SQLSTATE_IO_ERROR, "could not %s \"%s\": %m", what, j->path);
}

static bool
damaged(const Journal *j, size_t line, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"scope journal \"%s\" is damaged at line %zu", j->path, line);
	return errinfo_hint(err,
		"Restore it; or rebuild the standbys of the rule, then remove it.");
}

/* Queue one line; text has no CRC and no newline yet. */
static void
add_line(Journal *j, const char *text)
{
	char crc[CRC_TEXT_LEN + 2];

	snprintf(crc, sizeof(crc), "%08x ",
		crc32c_final(crc32c_update(CRC32C_INIT, text, strlen(text))));
	buf_put_bytes(&j->pending, crc, CRC_TEXT_LEN + 1);
	buf_put_bytes(&j->pending, text, strlen(text));
	buf_put_u8(&j->pending, '\n');
}

static void
encode_name(const char *name, char *out, size_t size)
{
	size_t len = 0;

	for (; *name != '\0' && len + 4 < size; name++)
	{
		unsigned char c = (unsigned char) *name;

		if (isalnum(c) || strchr("_.-", c) != NULL)
			out[len++] = (char) c;
		else
			len += (size_t) snprintf(out + len, size - len, "%%%02X", c);
	}
	out[len] = '\0';
}

void
journal_add_digest(Journal *j, uint64_t digest)
{
	char text[64];

	snprintf(text, sizeof(text), "rule %016" PRIx64, digest);
	add_line(j, text);
}

void
journal_add(Journal *j, ScopeKind kind, Oid oid, ScopeVerdict verdict,
	Lsn since, const char *reason, const char *name)
{
	char encoded[256];
	char text[LINE_MAX_LEN];

	encode_name(name, encoded, sizeof(encoded));
	snprintf(text, sizeof(text), "%s %u %s " LSN_FORMAT " %s %s",
		kind_names[kind], oid, verdict == SCOPE_OUT ? "out" : "in",
		LSN_ARGS(since), reason, encoded);
	add_line(j, text);
}

/* A "database" or "tablespace" line: out stays out. */
static bool
apply_decision(WalScope *scope, ScopeKind kind, const char *rest)
{
	char verdict[8];
	char since_text[LSN_TEXT_SIZE];
	ScopeVerdict known;
	unsigned oid;
	Lsn since;

	if (sscanf(rest, "%u %7s %17s ", &oid, verdict, since_text) != 3 ||
		!lsn_parse(since_text, &since))
		return false;
	if (walscope_get(scope, kind, oid, &known) && known == SCOPE_OUT)
		return true;
	if (strcmp(verdict, "out") == 0)
		walscope_set_out(scope, kind, oid, since);
	else if (strcmp(verdict, "in") == 0)
		walscope_set(scope, kind, oid, SCOPE_IN);
	else
		return false;
	return true;
}

/* The first line: is this a journal, and of these standbys? */
static bool
check_first_line(
	const Journal *j, const char *text, uint64_t sysid, ErrInfo *err)
{
	uint64_t number;
	int version;

	if (sscanf(text, "walbouncer-scope %d %" SCNu64, &version, &number) != 2 ||
		version != FORMAT_VERSION)
	{
		errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"\"%s\" is not a scope journal of format %d", j->path,
			FORMAT_VERSION);
		return false;
	}
	if (number == sysid)
		return true;
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"scope journal \"%s\" is of another database system", j->path);
	return errinfo_hint(
		err, "Remove it if the standbys of the rule have been rebuilt.");
}

/* One line with a good CRC, terminated. */
static bool
apply_line(Journal *j, const char *text, WalScope *scope)
{
	uint64_t number;

	if (sscanf(text, "rule %" SCNx64, &number) == 1)
	{
		j->has_digest = true;
		j->digest = number;
		return true;
	}
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		size_t len = strlen(kind_names[kind]);

		if (strncmp(text, kind_names[kind], len) == 0 && text[len] == ' ')
			return apply_decision(scope, (ScopeKind) kind, text + len + 1);
	}
	return false;
}

static bool
line_crc_good(const char *line, size_t len)
{
	char crc[CRC_TEXT_LEN + 1];

	if (len <= CRC_TEXT_LEN || line[CRC_TEXT_LEN] != ' ')
		return false;
	snprintf(crc, sizeof(crc), "%08x",
		crc32c_final(crc32c_update(
			CRC32C_INIT, line + CRC_TEXT_LEN + 1, len - CRC_TEXT_LEN - 1)));
	return memcmp(crc, line, CRC_TEXT_LEN) == 0;
}

/* All lines of text, which is len bytes and terminated; cuts a torn end off the file. */
static bool
apply_text(Journal *j, char *text, size_t len, uint64_t sysid, WalScope *scope,
	ErrInfo *err)
{
	size_t pos = 0;

	for (size_t line = 1; pos < len; line++)
	{
		char *start = text + pos;
		char *end = memchr(start, '\n', len - pos);

		if (end == NULL)
		{
			/* Never acknowledged: it was not fsynced, so nothing depends on it. */
			if (ftruncate(j->fd, (off_t) pos) != 0)
				return io_error(j, "truncate", err);
			break;
		}
		*end = '\0';
		if (!line_crc_good(start, (size_t) (end - start)))
			return damaged(j, line, err);
		start += CRC_TEXT_LEN + 1;
		if (line == 1 && !check_first_line(j, start, sysid, err))
			return false;
		if (line > 1 && !apply_line(j, start, scope))
			return damaged(j, line, err);
		pos = (size_t) (end - text) + 1;
	}
	j->is_new = pos == 0;
	return true;
}

static bool
read_file(Journal *j, uint64_t sysid, WalScope *scope, ErrInfo *err)
{
	struct stat st;
	char *text;
	size_t len = 0;
	bool ok;

	if (fstat(j->fd, &st) != 0)
		return io_error(j, "stat", err);
	if ((uint64_t) st.st_size > JOURNAL_MAX)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"scope journal \"%s\" is too large", j->path);
	text = mem_alloc((size_t) st.st_size + 1);
	while (len < (size_t) st.st_size)
	{
		ssize_t n =
			pread(j->fd, text + len, (size_t) st.st_size - len, (off_t) len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			free(text);
			return io_error(j, "read", err);
		}
		len += (size_t) n;
	}
	text[len] = '\0';
	ok = apply_text(j, text, len, sysid, scope, err);
	free(text);
	return ok;
}

/* The name of a new file is durable once its directory is. */
static bool
sync_directory(const Journal *j, const char *directory, ErrInfo *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok || io_error(j, "make durable", err);
}

bool
journal_exists(const char *state_directory, const char *rule)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/scope/%s", state_directory, rule);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/*
 * The lock is held for moments only.  Whoever holds it longer has been stopped, and
 * must not stop us: the standby is told, and comes again.
 */
static bool
lock_file(const Journal *j, ErrInfo *err)
{
	int64_t deadline = monotime_ms() + LOCK_WAIT_MS;

	while (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
			return io_error(j, "lock", err);
		if (monotime_ms() >= deadline)
			return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"scope journal \"%s\" is locked by another process", j->path);
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return true;
}

bool
journal_open(Journal *j, const char *state_directory, const char *rule,
	uint64_t system_identifier, WalScope *scope, ErrInfo *err)
{
	char directory[PATH_SIZE];
	char first[64];

	*j = (Journal){.fd = -1};
	buf_init(&j->pending, JOURNAL_MAX);
	if (strlen(state_directory) > PATH_SIZE - 100)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"state_directory is longer than %d bytes", PATH_SIZE - 100);
	snprintf(directory, sizeof(directory), "%s/scope", state_directory);
	snprintf(j->path, sizeof(j->path), "%s/%s", directory, rule);
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return io_error(j, "create the directory of", err);
	j->fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return io_error(j, "open", err);
	if (!lock_file(j, err))
		goto fail;
	if (!read_file(j, system_identifier, scope, err))
		goto fail;
	if (j->is_new)
	{
		if (!sync_directory(j, directory, err) ||
			!sync_directory(j, state_directory, err))
			goto fail;
		snprintf(first, sizeof(first), "walbouncer-scope %d %" PRIu64,
			FORMAT_VERSION, system_identifier);
		add_line(j, first);
	}
	return true;

fail:
	journal_close(j);
	return false;
}

bool
journal_commit(Journal *j, ErrInfo *err)
{
	size_t done = 0;

	if (j->pending.failed)
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR,
			"too much to write to \"%s\"", j->path);
	while (done < j->pending.len)
	{
		ssize_t n = write(j->fd, j->pending.data + done, j->pending.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return io_error(j, "write to", err);
		done += (size_t) n;
	}
	if (done > 0 && fdatasync(j->fd) != 0)
		return io_error(j, "fsync", err);
	buf_reset(&j->pending);
	return true;
}

void
journal_close(Journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	buf_clear(&j->pending);
}
