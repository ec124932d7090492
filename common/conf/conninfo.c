/*
 * conninfo.c
 *		The upstream's connection settings.  See conninfo.h.
 */
#include "base.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conninfo.h"
#include "util/buf.h"
#include "util/mem.h"

/* All settings of libpq together, each bounded by the configuration's text. */
#define CONNINFO_MAX (4 * 1024 * 1024)

/* What libpq misses it quotes, too. */
static bool
is_sign(const char *quote)
{
	return quote[1] != '\0' && strchr("=:/]", quote[1]) != NULL &&
		   quote[2] == '"';
}

/*
 * Why libpq cannot read a string.  What it quotes of it may be a password, or all of
 * it, unless it is where the name of an option should be.
 */
static void
tell_reason(const char *message, ErrInfo *err)
{
	static const char option[] = "invalid connection option ";
	const char *from = strchr(message, '"');
	const char *last = strrchr(message, '"');

	while (from != NULL && is_sign(from))
		from = strchr(from + 3, '"');
	if (from == NULL || strncmp(message, option, strlen(option)) == 0)
		errinfo_detail(err, "libpq says: %s.", message);
	else
		errinfo_detail(err, "libpq says: %.*s\"...\"%s.",
			(int) (from - message), message, last + 1);
}

static PQconninfoOption *
parse(const char *conninfo, ErrInfo *err)
{
	char *message = NULL;
	PQconninfoOption *settings = PQconninfoParse(conninfo, &message);

	if (settings == NULL)
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"invalid value for \"upstream.conninfo\"");
		if (message != NULL)
		{
			message[strcspn(message, "\n")] = '\0';
			tell_reason(message, err);
		}
		PQfreemem(message);
	}
	return settings;
}

/* What stands for a secret. */
#define MASK "********"

/* libpq: 'in quotes', with a backslash before quotes and backslashes. */
static void
put_setting(Buf *out, const char *keyword, const char *value)
{
	if (out->len > 0)
		buf_put_u8(out, ' ');
	buf_put_text(out, keyword);
	buf_put_text(out, "='");
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t) *value);
	}
	buf_put_u8(out, '\'');
}

bool
conninfo_check(const char *conninfo, ErrInfo *err)
{
	PQconninfoOption *settings = parse(conninfo, err);

	if (settings == NULL)
		return false;
	PQconninfoFree(settings);
	return true;
}

char *
conninfo_rewrite(const char *conninfo, const char *host, int port, ErrInfo *err)
{
	PQconninfoOption *settings = parse(conninfo, err);
	Buf out;

	if (settings == NULL)
		return NULL;
	buf_init(&out, CONNINFO_MAX);
	for (const PQconninfoOption *o = settings; o->keyword != NULL; o++)
	{
		if (o->val == NULL || strcmp(o->keyword, "replication") == 0)
			continue;
		if (host != NULL && (strcmp(o->keyword, "host") == 0 ||
								strcmp(o->keyword, "hostaddr") == 0))
			continue;
		if (port != 0 && strcmp(o->keyword, "port") == 0)
			continue;
		put_setting(&out, o->keyword, o->val);
	}
	PQconninfoFree(settings);
	if (host != NULL)
		put_setting(&out, "host", host);
	if (port != 0)
	{
		char digits[16];

		snprintf(digits, sizeof(digits), "%d", port);
		put_setting(&out, "port", digits);
	}
	buf_put_u8(&out, '\0');
	if (out.failed)
	{
		buf_clear(&out);
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"the connection settings are too long");
		return NULL;
	}
	return (char *) out.data;
}

/* fe-connect.c: dispchar says how to show the value, "*" is a password. */
char *
conninfo_mask(const char *conninfo)
{
	ErrInfo ignored;
	PQconninfoOption *settings = parse(conninfo, &ignored);
	Buf out;

	if (settings == NULL)
		return mem_strdup(MASK);
	buf_init(&out, CONNINFO_MAX);
	for (const PQconninfoOption *o = settings; o->keyword != NULL; o++)
	{
		bool secret = strchr(o->dispchar, '*') != NULL;

		if (o->val != NULL)
			put_setting(
				&out, o->keyword, secret && o->val[0] != '\0' ? MASK : o->val);
	}
	PQconninfoFree(settings);
	buf_put_u8(&out, '\0');
	if (out.failed)
	{
		buf_clear(&out);
		return mem_strdup(MASK);
	}
	return (char *) out.data;
}
