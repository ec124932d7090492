/*
 * conftext.c
 *		The text of a configuration file before libconfig sees it.
 *
 * libconfig 1.5 has no switch to turn @include off, so it is found here.  The
 * scan knows of libconfig's grammar just what tells code from comments and
 * strings (libconfig manual, "Configuration File Grammar"): an at sign is legal
 * code nowhere but in @include.
 */
#include "base.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conftext.h"
#include "conf/option.h"
#include "util/mem.h"

/* Where the scan is: line counts from 1. */
typedef struct Scan
{
	const char *p;
	int line;
	int depth;
} Scan;

/* To the newline, which is not part of the comment. */
static void
skip_line_comment(Scan *s)
{
	s->p += strcspn(s->p, "\n");
}

/* From the "/" of the opening to behind the closing, or to the end. */
static void
skip_block_comment(Scan *s)
{
	for (s->p += 2; *s->p != '\0'; s->p++)
	{
		if (s->p[0] == '*' && s->p[1] == '/')
		{
			s->p += 2;
			return;
		}
		if (*s->p == '\n')
			s->line++;
	}
}

/* From one quote to behind the other.  An open end is libconfig's to report. */
static bool
skip_string(Scan *s, ErrInfo *err)
{
	for (s->p++; *s->p != '\0'; s->p++)
	{
		if (*s->p == '"')
		{
			s->p++;
			return true;
		}
		if (*s->p == '\n')
			s->line++;
		if (*s->p != '\\')
			continue;
		if (strncasecmp(s->p, "\\x00", 4) == 0)
			return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
				"a string must not contain a zero byte");
		if (s->p[1] == '"' || s->p[1] == '\\')
			s->p++;
	}
	return true;
}

/*
 * A word: a name, a number, true.  libconfig 1.5 takes whole numbers without an
 * "L" modulo 2^32, so 4294972729 would be 5433.
 */
static bool
scan_word(Scan *s, ErrInfo *err)
{
	static const char word_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
									 "abcdefghijklmnopqrstuvwxyz0123456789"
									 "_-+.*";
	size_t len = strspn(s->p, word_chars);
	const char *digits = s->p + strspn(s->p, "+-");
	bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(digits, &end, hex ? 16 : 10);
	if (isdigit((unsigned char) digits[0]) && *end != '.' && *end != 'e' &&
		*end != 'E' &&
		(errno == ERANGE ||
			(*end == 'L' ? value > INT64_MAX : value > INT32_MAX)))
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"number \"%.*s\" is too large", (int) Min(len, 40), s->p);
		return errinfo_hint(err, "Write a large quantity as a string with a "
								 "unit, such as \"4GB\".");
	}
	s->p += len;
	return true;
}

static bool
scan_code(Scan *s, ErrInfo *err)
{
	if (isalnum((unsigned char) *s->p) || strchr("_-+.*", *s->p) != NULL)
		return scan_word(s, err);
	switch (*s->p)
	{
		case '\n':
			s->line++;
			break;
		case '@':
			errinfo_set(
				err, SQLSTATE_CONFIG_FILE_ERROR, "@include is not supported");
			return errinfo_hint(err, "Put all settings into one file.");
		case '{':
		case '(':
		case '[':
			if (++s->depth > CONFTEXT_DEPTH_MAX)
				return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
					"settings are nested too deeply");
			break;
		case '}':
		case ')':
		case ']':
			s->depth--;
			break;
		default:
			break;
	}
	s->p++;
	return true;
}

bool
conftext_check(const char *text, int *line, ErrInfo *err)
{
	Scan s = {.p = text, .line = 1};
	bool ok = true;

	*line = 0;
	if (strnlen(text, CONFIG_TEXT_MAX + 1) > CONFIG_TEXT_MAX)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"the configuration is longer than %d bytes", CONFIG_TEXT_MAX);
	while (ok && *s.p != '\0')
	{
		if (s.p[0] == '#' || (s.p[0] == '/' && s.p[1] == '/'))
			skip_line_comment(&s);
		else if (s.p[0] == '/' && s.p[1] == '*')
			skip_block_comment(&s);
		else if (*s.p == '"')
			ok = skip_string(&s, err);
		else
			ok = scan_code(&s, err);
	}
	*line = s.line;
	return ok;
}

char *
config_file_read(const char *path, ErrInfo *err)
{
	char *text = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"could not open configuration file \"%s\": %m", path);
		return NULL;
	}
	/* One byte more than allowed, to see that it is too long. */
	text = mem_alloc(CONFIG_TEXT_MAX + 2);
	for (;;)
	{
		ssize_t n = read(fd, text + len, CONFIG_TEXT_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
		{
			errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
				"could not read configuration file \"%s\": %m", path);
			goto fail;
		}
		if (n == 0)
			break;
		len += (size_t) n;
	}
	close(fd);
	fd = -1;
	text[len] = '\0';
	if (len > CONFIG_TEXT_MAX)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"configuration file \"%s\" is longer than %d bytes", path,
			CONFIG_TEXT_MAX);
		goto fail;
	}
	if (strlen(text) != len)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"configuration file \"%s\" contains a zero byte", path);
		goto fail;
	}
	return mem_realloc(text, len + 1);

fail:
	free(text);
	if (fd >= 0)
		close(fd);
	return NULL;
}
