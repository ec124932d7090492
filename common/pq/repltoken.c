/*
 * repltoken.c
 *		The words of a replication command.  See repltoken.h.
 */
#include "base.h"

#include <string.h>

#include "pq/repltoken.h"

static const char *const words[KEYWORD_COUNT] = {
	[KEYWORD_IDENTIFY_SYSTEM] = "IDENTIFY_SYSTEM",
	[KEYWORD_SHOW] = "SHOW",
	[KEYWORD_TIMELINE_HISTORY] = "TIMELINE_HISTORY",
	[KEYWORD_START_REPLICATION] = "START_REPLICATION",
	[KEYWORD_CREATE_REPLICATION_SLOT] = "CREATE_REPLICATION_SLOT",
	[KEYWORD_DROP_REPLICATION_SLOT] = "DROP_REPLICATION_SLOT",
	[KEYWORD_READ_REPLICATION_SLOT] = "READ_REPLICATION_SLOT",
	[KEYWORD_ALTER_REPLICATION_SLOT] = "ALTER_REPLICATION_SLOT",
	[KEYWORD_BASE_BACKUP] = "BASE_BACKUP",
	[KEYWORD_UPLOAD_MANIFEST] = "UPLOAD_MANIFEST",
	[KEYWORD_SLOT] = "SLOT",
	[KEYWORD_PHYSICAL] = "PHYSICAL",
	[KEYWORD_LOGICAL] = "LOGICAL",
	[KEYWORD_TIMELINE] = "TIMELINE",
	[KEYWORD_TEMPORARY] = "TEMPORARY",
	[KEYWORD_RESERVE_WAL] = "RESERVE_WAL",
	[KEYWORD_EXPORT_SNAPSHOT] = "EXPORT_SNAPSHOT",
	[KEYWORD_NOEXPORT_SNAPSHOT] = "NOEXPORT_SNAPSHOT",
	[KEYWORD_USE_SNAPSHOT] = "USE_SNAPSHOT",
	[KEYWORD_TWO_PHASE] = "TWO_PHASE",
	[KEYWORD_WAIT] = "WAIT",
};

/* The C library's classes depend on the locale; these do not. */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   (c & 0x80) != 0;
}

static bool
is_name_part(char c)
{
	return is_name_start(c) || is_digit(c) || c == '$';
}

/* X/X, two halves of one to eight hexadecimal digits. */
static bool
scan_lsn(ReplToken *token)
{
	const char *at = token->at;
	char text[LSN_TEXT_SIZE];
	size_t high = 0;
	size_t low = 0;

	while (is_hex_digit(at[high]))
		high++;
	if (high == 0 || at[high] != '/')
		return false;
	while (is_hex_digit(at[high + 1 + low]))
		low++;
	if (low == 0)
		return false;
	token->kind = REPLTOKEN_OTHER;
	token->len = high + 1 + low;
	if (token->len < sizeof(text))
	{
		memcpy(text, at, token->len);
		text[token->len] = '\0';
		if (lsn_parse(text, &token->lsn))
			token->kind = REPLTOKEN_LSN;
	}
	return true;
}

static void
scan_number(ReplToken *token)
{
	const uint64_t too_big = (uint64_t) UINT32_MAX + 1;

	token->kind = REPLTOKEN_NUMBER;
	while (is_digit(token->at[token->len]))
	{
		token->number =
			token->number * 10 + (uint64_t) (token->at[token->len++] - '0');
		token->number = Min(token->number, too_big);
	}
}

static void
scan_word(ReplToken *token)
{
	while (is_name_part(token->at[token->len]))
		token->len++;
	for (size_t i = 0; i < lengthof(words); i++)
	{
		if (strlen(words[i]) == token->len &&
			memcmp(words[i], token->at, token->len) == 0)
		{
			token->kind = REPLTOKEN_KEYWORD;
			token->keyword = (Keyword) i;
			return;
		}
	}
	if (token->len >= sizeof(token->name))
	{
		token->kind = REPLTOKEN_LONG_NAME;
		return;
	}
	token->kind = REPLTOKEN_NAME;
	for (size_t i = 0; i < token->len; i++)
	{
		char c = token->at[i];

		token->name[i] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
	}
	token->name[token->len] = '\0';
}

/*
 * "name" or 'string', with the quote twice for a quote inside it.  Returns the
 * length of what stands inside; false if it never ends.
 */
static bool
scan_quotes(ReplToken *token, size_t *len)
{
	const char quote = *token->at;
	const char *p = token->at + 1;

	for (*len = 0;; p++)
	{
		if (*p == '\0')
		{
			token->kind = REPLTOKEN_OTHER;
			token->len = (size_t) (p - token->at);
			return false;
		}
		if (*p == quote && *++p != quote)
			break;
		if (*len < sizeof(token->name) - 1)
			token->name[*len] = *p;
		++*len;
	}
	token->len = (size_t) (p - token->at);
	token->name[Min(*len, sizeof(token->name) - 1)] = '\0';
	return true;
}

static void
scan_quoted(ReplToken *token)
{
	size_t len;

	if (scan_quotes(token, &len))
		token->kind = *token->at == '\''          ? REPLTOKEN_STRING
					  : len < sizeof(token->name) ? REPLTOKEN_NAME
												  : REPLTOKEN_LONG_NAME;
}

static ReplTokenKind
kind_of_sign(char c)
{
	switch (c)
	{
		case ';':
			return REPLTOKEN_SEMICOLON;
		case '.':
			return REPLTOKEN_DOT;
		case '(':
			return REPLTOKEN_OPEN;
		case ')':
			return REPLTOKEN_CLOSE;
		case ',':
			return REPLTOKEN_COMMA;
		default:
			return REPLTOKEN_OTHER;
	}
}

ReplToken
repltoken_next(const char **rest)
{
	ReplToken token = {.kind = REPLTOKEN_OTHER};

	while (is_space(**rest))
		(*rest)++;
	token.at = *rest;
	if (*token.at == '\0')
		token.kind = REPLTOKEN_END;
	else if (scan_lsn(&token))
		;
	else if (is_digit(*token.at))
		scan_number(&token);
	else if (is_name_start(*token.at))
		scan_word(&token);
	else if (*token.at == '"' || *token.at == '\'')
		scan_quoted(&token);
	else
	{
		token.kind = kind_of_sign(*token.at);
		token.len = 1;
	}
	*rest = token.at + token.len;
	return token;
}

const char *
repltoken_word(Keyword keyword)
{
	return words[keyword];
}
