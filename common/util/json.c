/*
 * json.c
 *		JSON text.  See json.h.
 */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/json.h"
#include "util/utf8.h"

static void
put(Json *j, const char *text)
{
	buf_put_text(j->out, text);
}

static void
begin_value(Json *j)
{
	if (j->comma)
		buf_put_u8(j->out, ',');
	j->comma = true;
}

void
json_init(Json *j, Buf *out)
{
	*j = (Json){.out = out};
}

void
json_object_begin(Json *j)
{
	begin_value(j);
	buf_put_u8(j->out, '{');
	j->comma = false;
}

void
json_object_end(Json *j)
{
	buf_put_u8(j->out, '}');
	j->comma = true;
}

void
json_array_begin(Json *j)
{
	begin_value(j);
	buf_put_u8(j->out, '[');
	j->comma = false;
}

void
json_array_end(Json *j)
{
	buf_put_u8(j->out, ']');
	j->comma = true;
}

static void
put_escaped(Json *j, unsigned char c)
{
	char text[8];

	switch (c)
	{
		case '"':
		case '\\':
			snprintf(text, sizeof(text), "\\%c", c);
			break;
		case '\n':
			snprintf(text, sizeof(text), "\\n");
			break;
		case '\r':
			snprintf(text, sizeof(text), "\\r");
			break;
		case '\t':
			snprintf(text, sizeof(text), "\\t");
			break;
		default:
			snprintf(text, sizeof(text), "\\u%04x", c);
			break;
	}
	put(j, text);
}

static void
put_string(Json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *) text;

	buf_put_u8(j->out, '"');
	while (*s != '\0')
	{
		size_t len = utf8_sequence_len((const char *) s);

		if (*s < 0x20 || *s == '"' || *s == '\\' || *s == 0x7f)
			put_escaped(j, *s);
		else if (len == 0)
			put(j, UTF8_REPLACEMENT);
		else
			buf_put_bytes(j->out, s, len);
		s += Max(len, 1);
	}
	buf_put_u8(j->out, '"');
}

void
json_key(Json *j, const char *key)
{
	begin_value(j);
	put_string(j, key);
	buf_put_u8(j->out, ':');
	j->comma = false;
}

void
json_string(Json *j, const char *text)
{
	if (text == NULL)
	{
		json_null(j);
		return;
	}
	begin_value(j);
	put_string(j, text);
}

void
json_int(Json *j, int64_t value)
{
	char text[24];

	begin_value(j);
	snprintf(text, sizeof(text), "%" PRId64, value);
	put(j, text);
}

void
json_bool(Json *j, bool value)
{
	begin_value(j);
	put(j, value ? "true" : "false");
}

void
json_null(Json *j)
{
	begin_value(j);
	put(j, "null");
}

void
json_double(Json *j, double value)
{
	char text[32];

	if (!isfinite(value))
	{
		json_null(j);
		return;
	}
	begin_value(j);
	snprintf(text, sizeof(text), "%.15g", value);
	put(j, text);
}

static size_t
digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* number = [ minus ] int [ frac ] [ exp ] (RFC 8259, section 6) */
static bool
is_number(const char *s)
{
	size_t n;

	if (*s == '-')
		s++;
	n = digits(s);
	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (*s == '.')
	{
		n = digits(++s);
		if (n == 0)
			return false;
		s += n;
	}
	if (*s == 'e' || *s == 'E')
	{
		s++;
		if (*s == '+' || *s == '-')
			s++;
		n = digits(s);
		if (n == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

void
json_number_text(Json *j, const char *text)
{
	if (text == NULL || !is_number(text))
	{
		json_string(j, text);
		return;
	}
	begin_value(j);
	put(j, text);
}
