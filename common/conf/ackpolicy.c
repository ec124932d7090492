/*
 * ackpolicy.c
 *		upstream.acknowledge.  See ackpolicy.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/ackpolicy.h"

#define OPTION "upstream.acknowledge"

/* Room for a word, or a name that is too long, so that it can be told. */
#define WORD_SIZE 256

typedef enum TokenKind
{
	TOKEN_END,
	TOKEN_WORD,   /* not quoted: may be a key word */
	TOKEN_QUOTED, /* always a name */
	TOKEN_NUMBER,
	TOKEN_COMMA,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_BAD
} TokenKind;

typedef struct Parser
{
	const char *text;
	const char *at; /* behind the token */
	const char *start;
	TokenKind kind;
	char word[WORD_SIZE]; /* TOKEN_WORD, TOKEN_QUOTED, TOKEN_NUMBER */
	AckPolicy *policy;
	ErrInfo *err;
} Parser;

static bool
is_space(char c)
{
	return c != '\0' && strchr(" \t\n\r\f\v", c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes above 127 are letters, whatever the encoding. */
static bool
starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   (c & 0x80) != 0;
}

static bool
continues_name(char c)
{
	return starts_name(c) || is_digit(c) || c == '$';
}

static bool
fail_syntax(Parser *p)
{
	errinfo_set(p->err, SQLSTATE_CONFIG_FILE_ERROR,
		"invalid value for \"" OPTION "\": \"%s\"", p->text);
	if (p->kind == TOKEN_END)
		errinfo_detail(p->err, "It ends too early.");
	else
		errinfo_detail(
			p->err, "It is not understood from \"%s\" on.", p->start);
	return errinfo_hint(p->err,
		"Write received, spooled, ANY n (name, ...) or FIRST n (name, ...), "
		"the latter two also behind \"spooled, \".");
}

/* A run of characters that do not end it; what does not fit is cut. */
static void
take_word(Parser *p, bool (*continues)(char c))
{
	size_t len = 0;

	while (continues(*p->at))
	{
		if (len < sizeof(p->word) - 1)
			p->word[len++] = *p->at;
		p->at++;
	}
	p->word[len] = '\0';
}

/* A quote in a name is written twice. */
static TokenKind
take_quoted(Parser *p)
{
	size_t len = 0;

	for (p->at++; *p->at != '\0'; p->at++)
	{
		if (*p->at == '"' && *++p->at != '"')
		{
			p->word[len] = '\0';
			return TOKEN_QUOTED;
		}
		if (len < sizeof(p->word) - 1)
			p->word[len++] = *p->at;
	}
	return TOKEN_BAD;
}

static void
next_token(Parser *p)
{
	char c;

	while (is_space(*p->at))
		p->at++;
	p->start = p->at;
	c = *p->at;
	if (c == '\0')
		p->kind = TOKEN_END;
	else if (c == '"')
		p->kind = take_quoted(p);
	else if (is_digit(c))
	{
		take_word(p, is_digit);
		p->kind = TOKEN_NUMBER;
	}
	else if (starts_name(c))
	{
		take_word(p, continues_name);
		p->kind = TOKEN_WORD;
	}
	else
	{
		p->at++;
		p->kind = c == ','   ? TOKEN_COMMA
				  : c == '(' ? TOKEN_OPEN
				  : c == ')' ? TOKEN_CLOSE
							 : TOKEN_BAD;
		if (c == '*')
		{
			strcpy(p->word, "*");
			p->kind = TOKEN_QUOTED;
		}
	}
}

static bool
take(Parser *p, TokenKind kind)
{
	if (p->kind != kind)
		return false;
	next_token(p);
	return true;
}

static bool
take_keyword(Parser *p, const char *word)
{
	if (p->kind != TOKEN_WORD || strcasecmp(p->word, word) != 0)
		return false;
	next_token(p);
	return true;
}

static bool
is_reserved(const char *word)
{
	static const char *const reserved[] = {
		"any", "first", "received", "spooled"};

	for (size_t i = 0; i < lengthof(reserved); i++)
	{
		if (strcasecmp(word, reserved[i]) == 0)
			return true;
	}
	return false;
}

static bool
add_name(Parser *p)
{
	AckPolicy *policy = p->policy;

	if (p->word[0] == '\0')
		return errinfo_set(p->err, SQLSTATE_CONFIG_FILE_ERROR,
			"a name in \"" OPTION "\" is empty");
	if (strlen(p->word) >= ACKPOLICY_NAME_SIZE)
		return errinfo_set(p->err, SQLSTATE_CONFIG_FILE_ERROR,
			"a name in \"" OPTION "\" is longer than %d bytes: \"%s\"",
			ACKPOLICY_NAME_SIZE - 1, p->word);
	if (policy->name_count == ACKPOLICY_NAMES_MAX)
		return errinfo_set(p->err, SQLSTATE_CONFIG_FILE_ERROR,
			"\"" OPTION "\" has more than %d names", ACKPOLICY_NAMES_MAX);
	memcpy(policy->names[policy->name_count++], p->word, strlen(p->word) + 1);
	return true;
}

/* name, ... with a number being a name as well */
static bool
parse_names(Parser *p)
{
	do
	{
		if (p->kind != TOKEN_QUOTED && p->kind != TOKEN_NUMBER &&
			(p->kind != TOKEN_WORD || is_reserved(p->word)))
			return fail_syntax(p);
		if (!add_name(p))
			return false;
		next_token(p);
	} while (take(p, TOKEN_COMMA));
	return true;
}

static bool
parse_count(Parser *p, const char *digits)
{
	long long n = strtoll(digits, NULL, 10); /* saturates */

	if (n < 1 || n > ACKPOLICY_COUNT_MAX)
		return errinfo_set(p->err, SQLSTATE_CONFIG_FILE_ERROR,
			"the number of standbys in \"" OPTION
			"\" must be from 1 to %d, not %s",
			ACKPOLICY_COUNT_MAX, digits);
	p->policy->count = (int) n;
	return true;
}

/* k (name, ...); the number has been seen to be one */
static bool
parse_counted(Parser *p)
{
	if (p->kind != TOKEN_NUMBER)
		return fail_syntax(p);
	if (!parse_count(p, p->word))
		return false;
	next_token(p);
	if (!take(p, TOKEN_OPEN))
		return fail_syntax(p);
	return parse_names(p) && (take(p, TOKEN_CLOSE) || fail_syntax(p));
}

static bool
number_is_count(const Parser *p)
{
	const char *next = p->at;

	while (is_space(*next))
		next++;
	return p->kind == TOKEN_NUMBER && *next == '(';
}

static bool
parse_standbys(Parser *p)
{
	p->policy->kind = ACK_FIRST;
	if (take_keyword(p, "any"))
	{
		p->policy->kind = ACK_ANY;
		return parse_counted(p);
	}
	if (take_keyword(p, "first") || number_is_count(p))
		return parse_counted(p);
	p->policy->count = 1;
	return parse_names(p);
}

static bool
parse(Parser *p)
{
	next_token(p);
	if (take_keyword(p, "received"))
		return p->kind == TOKEN_END || fail_syntax(p);
	if (take_keyword(p, "spooled"))
	{
		p->policy->spooled = true;
		if (p->kind == TOKEN_END)
			return true;
		if (!take(p, TOKEN_COMMA))
			return fail_syntax(p);
	}
	return parse_standbys(p) && (p->kind == TOKEN_END || fail_syntax(p));
}

bool
ackpolicy_parse(const char *text, AckPolicy *policy, ErrInfo *err)
{
	Parser p = {.text = text, .at = text, .policy = policy, .err = err};

	memset(policy, 0, sizeof(*policy));
	return parse(&p);
}

bool
ackpolicy_check(const char *text, ErrInfo *err)
{
	AckPolicy policy;

	return ackpolicy_parse(text, &policy, err);
}

int
ackpolicy_priority(
	const AckPolicy *policy, const char *rule, const char *application_name)
{
	for (int i = 0; i < policy->name_count; i++)
	{
		const char *name = policy->names[i];

		if (strcmp(name, "*") == 0 || strcasecmp(name, rule) == 0 ||
			strcasecmp(name, application_name) == 0)
			return i + 1;
	}
	return 0;
}
