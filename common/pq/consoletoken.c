/*
 * consoletoken.c
 *		The words of what is said to the console.  See consoletoken.h.
 */
#include "base.h"

#include <string.h>

#include "pq/consoletoken.h"

static bool
is_word_char(const char *c)
{
	unsigned char u = (unsigned char) *c;

	return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') ||
		   (u >= '0' && u <= '9') || u == '_' || u == '.' || u >= 0x80 ||
		   (u == '-' && c[1] != '-');
}

/* A comment may have others within.  NULL if the end is missing. */
static const char *
skip_block_comment(const char *c)
{
	int depth = 0;

	do
	{
		if (c[0] == '/' && c[1] == '*')
		{
			depth++;
			c += 2;
		}
		else if (c[0] == '*' && c[1] == '/')
		{
			depth--;
			c += 2;
		}
		else if (*c == '\0')
			return NULL;
		else
			c++;
	} while (depth > 0);
	return c;
}

/* Blanks and comments.  False at a comment without an end, where *at stays. */
static bool
skip_blanks(const char **at)
{
	for (;;)
	{
		const char *end;

		*at += strspn(*at, " \t\r\n\f\v");
		if ((*at)[0] == '-' && (*at)[1] == '-')
			*at += strcspn(*at, "\r\n");
		else if ((*at)[0] == '/' && (*at)[1] == '*')
		{
			end = skip_block_comment(*at);
			if (end == NULL)
				return false;
			*at = end;
		}
		else
			return true;
	}
}

/* Where a string that begins at c ends; NULL if it does not. */
static const char *
end_of_string(const char *c, bool escapes)
{
	char quote = *c;

	for (c++; *c != '\0'; c++)
	{
		if (escapes && *c == '\\')
		{
			if (c[1] != '\\' && c[1] != '\'')
				return NULL;
			c++;
		}
		else if (*c == quote && c[1] == quote)
			c++;
		else if (*c == quote)
			return c + 1;
	}
	return NULL;
}

static void
scan_string(ConsoleToken *t, const char *quote)
{
	const char *end = end_of_string(quote, quote != t->at);

	if (end == NULL)
	{
		t->kind = TOKEN_BAD_STRING;
		t->len = strlen(t->at);
		return;
	}
	t->kind = *quote == '"' ? TOKEN_QUOTED : TOKEN_STRING;
	t->len = (size_t) (end - t->at);
}

ConsoleToken
consoletoken_next(const char **rest)
{
	bool ok = skip_blanks(rest);
	ConsoleToken t = {.kind = TOKEN_OTHER, .at = *rest, .len = 1};

	if (!ok)
	{
		t.kind = TOKEN_BAD_COMMENT;
		t.len = strlen(t.at);
	}
	else if (*t.at == '\0')
	{
		t.kind = TOKEN_END;
		t.len = 0;
	}
	else if (*t.at == ';')
		t.kind = TOKEN_SEMICOLON;
	else if (*t.at == '\'' || *t.at == '"')
		scan_string(&t, t.at);
	else if ((*t.at == 'E' || *t.at == 'e') && t.at[1] == '\'')
		scan_string(&t, t.at + 1);
	else if (*t.at == '$')
	{
		t.kind = TOKEN_PARAMETER;
		t.len = 1 + strspn(t.at + 1, "0123456789");
	}
	else if (is_word_char(t.at))
	{
		t.kind = TOKEN_WORD;
		while (is_word_char(t.at + t.len))
			t.len++;
	}
	*rest = t.at + t.len;
	return t;
}

bool
consoletoken_copy(const ConsoleToken *t, char *dst, size_t size)
{
	const char *c = t->at;
	const char *end = t->at + t->len;
	size_t n = 0;
	bool escapes = false;
	char quote = '\0';

	if (t->kind == TOKEN_STRING || t->kind == TOKEN_QUOTED)
	{
		escapes = *c != '\'' && *c != '"';
		c += escapes ? 1 : 0;
		quote = *c++;
		end--;
	}
	for (; c < end; c++)
	{
		if ((quote != '\0' && *c == quote) || (escapes && *c == '\\'))
			c++;
		if (n + 1 >= size)
		{
			dst[n] = '\0';
			return false;
		}
		dst[n++] = *c;
	}
	dst[n] = '\0';
	return true;
}
