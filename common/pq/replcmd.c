/*
 * replcmd.c
 *		Read replication commands.  See replcmd.h.
 *
 * A parser with one token of look-ahead over one table of keywords.  Words are
 * as in repl_scanner.l: it takes the longest token, so that "AB/1" is an LSN
 * though "AB" alone would be an identifier; and a keyword is never an identifier
 * unless it is quoted or in another case.
 */
#include "base.h"

#include <string.h>
#include <strings.h>

#include "pq/replcmd.h"
#include "util/utf8.h"

/* How much of the text around an error is shown. */
#define NEAR_MAX 40

typedef enum TokenKind
{
	TOKEN_END,
	TOKEN_KEYWORD,
	TOKEN_NAME,
	TOKEN_LONG_NAME, /* a name that does not fit */
	TOKEN_NUMBER,
	TOKEN_LSN,
	TOKEN_STRING,
	TOKEN_SEMICOLON,
	TOKEN_DOT,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_OTHER
} TokenKind;

typedef enum Keyword
{
	KEYWORD_IDENTIFY_SYSTEM,
	KEYWORD_SHOW,
	KEYWORD_TIMELINE_HISTORY,
	KEYWORD_START_REPLICATION,
	KEYWORD_CREATE_REPLICATION_SLOT,
	KEYWORD_DROP_REPLICATION_SLOT,
	KEYWORD_READ_REPLICATION_SLOT,
	KEYWORD_ALTER_REPLICATION_SLOT,
	KEYWORD_BASE_BACKUP,
	KEYWORD_UPLOAD_MANIFEST,
	KEYWORD_SLOT,
	KEYWORD_PHYSICAL,
	KEYWORD_LOGICAL,
	KEYWORD_TIMELINE,
	KEYWORD_TEMPORARY,
	KEYWORD_RESERVE_WAL,
	KEYWORD_EXPORT_SNAPSHOT,
	KEYWORD_NOEXPORT_SNAPSHOT,
	KEYWORD_USE_SNAPSHOT,
	KEYWORD_TWO_PHASE,
	KEYWORD_WAIT
} Keyword;

typedef struct Token
{
	TokenKind kind;
	const char *at; /* where it is in the text */
	size_t len;
	Keyword keyword; /* TOKEN_KEYWORD */
	/* TOKEN_NAME: folded, without quotes; TOKEN_STRING: what fits of it */
	char name[REPLCMD_NAME_SIZE];
	uint64_t number; /* TOKEN_NUMBER: at most UINT32_MAX + 1 */
	Lsn lsn;         /* TOKEN_LSN */
} Token;

typedef struct Parser
{
	const char *rest; /* what follows token */
	Token token;      /* not consumed yet */
	ErrInfo *err;
} Parser;

typedef bool (*ParseArguments)(Parser *p, ReplCommand *out);

static bool parse_nothing(Parser *p, ReplCommand *out);
static bool parse_setting(Parser *p, ReplCommand *out);
static bool parse_history(Parser *p, ReplCommand *out);
static bool parse_start(Parser *p, ReplCommand *out);
static bool parse_create_slot(Parser *p, ReplCommand *out);
static bool parse_drop_slot(Parser *p, ReplCommand *out);
static bool parse_slot(Parser *p, ReplCommand *out);
static bool parse_alter_slot(Parser *p, ReplCommand *out);
static bool skip_arguments(Parser *p, ReplCommand *out);

static const struct
{
	const char *word;
	ReplCommandKind kind;     /* of the command that the word begins */
	ParseArguments arguments; /* NULL: it begins none */
} keywords[] = {
	[KEYWORD_IDENTIFY_SYSTEM] = {"IDENTIFY_SYSTEM", REPLCMD_IDENTIFY_SYSTEM,
		parse_nothing},
	[KEYWORD_SHOW] = {"SHOW", REPLCMD_SHOW, parse_setting},
	[KEYWORD_TIMELINE_HISTORY] = {"TIMELINE_HISTORY", REPLCMD_TIMELINE_HISTORY,
		parse_history},
	[KEYWORD_START_REPLICATION] = {"START_REPLICATION", REPLCMD_START_PHYSICAL,
		parse_start},
	[KEYWORD_CREATE_REPLICATION_SLOT] = {"CREATE_REPLICATION_SLOT",
		REPLCMD_CREATE_SLOT, parse_create_slot},
	[KEYWORD_DROP_REPLICATION_SLOT] = {"DROP_REPLICATION_SLOT",
		REPLCMD_DROP_SLOT, parse_drop_slot},
	[KEYWORD_READ_REPLICATION_SLOT] = {"READ_REPLICATION_SLOT",
		REPLCMD_READ_SLOT, parse_slot},
	[KEYWORD_ALTER_REPLICATION_SLOT] = {"ALTER_REPLICATION_SLOT",
		REPLCMD_ALTER_SLOT, parse_alter_slot},
	[KEYWORD_BASE_BACKUP] = {"BASE_BACKUP", REPLCMD_BASE_BACKUP,
		skip_arguments},
	[KEYWORD_UPLOAD_MANIFEST] = {"UPLOAD_MANIFEST", REPLCMD_UPLOAD_MANIFEST,
		skip_arguments},
	[KEYWORD_SLOT] = {.word = "SLOT"},
	[KEYWORD_PHYSICAL] = {.word = "PHYSICAL"},
	[KEYWORD_LOGICAL] = {.word = "LOGICAL"},
	[KEYWORD_TIMELINE] = {.word = "TIMELINE"},
	[KEYWORD_TEMPORARY] = {.word = "TEMPORARY"},
	[KEYWORD_RESERVE_WAL] = {.word = "RESERVE_WAL"},
	[KEYWORD_EXPORT_SNAPSHOT] = {.word = "EXPORT_SNAPSHOT"},
	[KEYWORD_NOEXPORT_SNAPSHOT] = {.word = "NOEXPORT_SNAPSHOT"},
	[KEYWORD_USE_SNAPSHOT] = {.word = "USE_SNAPSHOT"},
	[KEYWORD_TWO_PHASE] = {.word = "TWO_PHASE"},
	[KEYWORD_WAIT] = {.word = "WAIT"},
};

static void parser_advance(Parser *p);
static bool parser_at(const Parser *p, Keyword keyword);
static bool parser_fail(Parser *p);

bool
replcmd_parse(const char *text, ReplCommand *out, ErrInfo *err)
{
	ReplCommand command = {.kind = REPLCMD_SQL};
	Parser p = {.rest = text, .err = err};
	ParseArguments arguments = NULL;

	parser_advance(&p);
	if (p.token.kind == TOKEN_KEYWORD)
		arguments = keywords[p.token.keyword].arguments;
	if (arguments != NULL)
	{
		command.kind = keywords[p.token.keyword].kind;
		parser_advance(&p);
		if (!arguments(&p, &command))
			return false;
		if (p.token.kind == TOKEN_SEMICOLON)
			parser_advance(&p);
		if (p.token.kind != TOKEN_END)
			return parser_fail(&p);
	}
	else
	{
		while (p.token.kind == TOKEN_SEMICOLON)
			parser_advance(&p);
		if (p.token.kind == TOKEN_END)
			command.kind = REPLCMD_EMPTY;
	}
	*out = command;
	return true;
}

const char *
replcmd_name(ReplCommandKind kind)
{
	if (kind == REPLCMD_EMPTY)
		return "";
	/* One word begins both kinds. */
	if (kind == REPLCMD_START_LOGICAL)
		kind = REPLCMD_START_PHYSICAL;
	if (kind == REPLCMD_CREATE_LOGICAL)
		kind = REPLCMD_CREATE_SLOT;
	for (size_t i = 0; i < lengthof(keywords); i++)
	{
		if (keywords[i].arguments != NULL && keywords[i].kind == kind)
			return keywords[i].word;
	}
	return "SQL";
}

/* How much of a token is shown. */
static int
shown_len(const Token *token)
{
	return (int) utf8_clip(token->at, token->len, NEAR_MAX);
}

/* Say where the text stops making sense: at the token not consumed. */
static bool
parser_fail(Parser *p)
{
	const Token *token = &p->token;

	if (token->kind == TOKEN_END)
		return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
			"syntax error at the end of the replication command");
	if (token->kind == TOKEN_LONG_NAME)
		return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
			"identifier too long: \"%.*s...\"", shown_len(token), token->at);
	return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
		"syntax error in replication command near \"%.*s\"", shown_len(token),
		token->at);
}

static bool
parser_at(const Parser *p, Keyword keyword)
{
	return p->token.kind == TOKEN_KEYWORD && p->token.keyword == keyword;
}

static bool
parse_nothing(Parser *p UNUSED, ReplCommand *out UNUSED)
{
	return true;
}

/* For a command that is not served. */
static bool
skip_arguments(Parser *p, ReplCommand *out UNUSED)
{
	p->rest = "";
	parser_advance(p);
	return true;
}

static bool
parse_slot(Parser *p, ReplCommand *out)
{
	/* whatever the length, a name is a name (slot.c, majors 13-18) */
	if (p->token.kind == TOKEN_LONG_NAME)
		return errinfo_set(p->err, SQLSTATE_NAME_TOO_LONG,
			"replication slot name \"%.*s...\" is too long",
			shown_len(&p->token), p->token.at);
	if (p->token.kind != TOKEN_NAME)
		return parser_fail(p);
	memcpy(out->slot, p->token.name, sizeof(out->slot));
	parser_advance(p);
	return true;
}

/* Only the slot, which the refusal may name. */
static bool
parse_alter_slot(Parser *p, ReplCommand *out)
{
	return parse_slot(p, out) && skip_arguments(p, out);
}

/* name [WAIT] */
static bool
parse_drop_slot(Parser *p, ReplCommand *out)
{
	if (!parse_slot(p, out))
		return false;
	out->wait = parser_at(p, KEYWORD_WAIT);
	if (out->wait)
		parser_advance(p);
	return true;
}

/* ---- options of a slot ---- */

/* What the options of CREATE_REPLICATION_SLOT are called in a list. */
static const struct
{
	const char *name;
	bool physical;
} slot_options[] = {
	{"reserve_wal", true},
	{"snapshot", false},
	{"two_phase", false},
	{"failover", false},
};

/* 0 and 1, and the words of define.c, defGetBoolean. */
static bool
parse_boolean(Parser *p, const char *option, bool *value)
{
	const Token *token = &p->token;

	if (token->kind != TOKEN_NUMBER && token->kind != TOKEN_NAME &&
		token->kind != TOKEN_STRING)
		return parser_fail(p);
	if (token->kind == TOKEN_NUMBER && token->number <= 1)
		*value = token->number == 1;
	else if (strcasecmp(token->name, "true") == 0 ||
			 strcasecmp(token->name, "on") == 0)
		*value = true;
	else if (strcasecmp(token->name, "false") == 0 ||
			 strcasecmp(token->name, "off") == 0)
		*value = false;
	else
		return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
			"%s requires a Boolean value", option);
	parser_advance(p);
	return true;
}

static bool
conflicting_options(Parser *p)
{
	return errinfo_set(
		p->err, SQLSTATE_SYNTAX_ERROR, "conflicting or redundant options");
}

/* The token is the name of an option, and may be a keyword. */
static bool
parse_slot_option(Parser *p, ReplCommand *out, bool *reserve_given)
{
	const Token option = p->token;
	const char *name = option.name;

	if (option.kind == TOKEN_KEYWORD)
		name = keywords[option.keyword].word;
	else if (option.kind != TOKEN_NAME)
		return parser_fail(p);
	for (size_t i = 0; i < lengthof(slot_options); i++)
	{
		/* keywords are upper case; names must fit as they are */
		if (option.kind == TOKEN_KEYWORD
				? strcasecmp(slot_options[i].name, name) != 0
				: strcmp(slot_options[i].name, name) != 0)
			continue;
		if (!slot_options[i].physical || *reserve_given)
			return conflicting_options(p);
		*reserve_given = true;
		out->reserve_wal = true;
		parser_advance(p);
		return p->token.kind == TOKEN_COMMA || p->token.kind == TOKEN_CLOSE ||
			   parse_boolean(p, slot_options[i].name, &out->reserve_wal);
	}
	return errinfo_set(
		p->err, SQLSTATE_SYNTAX_ERROR, "unrecognized option: %s", name);
}

/* (name [value], ...) */
static bool
parse_option_list(Parser *p, ReplCommand *out)
{
	bool reserve_given = false;

	do
	{
		parser_advance(p);
		if (!parse_slot_option(p, out, &reserve_given))
			return false;
	} while (p->token.kind == TOKEN_COMMA);
	if (p->token.kind != TOKEN_CLOSE)
		return parser_fail(p);
	parser_advance(p);
	return true;
}

/* One keyword after the other. */
static bool
parse_option_keywords(Parser *p, ReplCommand *out)
{
	for (; p->token.kind == TOKEN_KEYWORD; parser_advance(p))
	{
		switch (p->token.keyword)
		{
			case KEYWORD_RESERVE_WAL:
				if (out->reserve_wal)
					return conflicting_options(p);
				out->reserve_wal = true;
				break;
			case KEYWORD_EXPORT_SNAPSHOT:
			case KEYWORD_NOEXPORT_SNAPSHOT:
			case KEYWORD_USE_SNAPSHOT:
			case KEYWORD_TWO_PHASE:
				return conflicting_options(p);
			default:
				return parser_fail(p);
		}
	}
	return true;
}

/*
 * name [TEMPORARY] PHYSICAL [options]
 * name [TEMPORARY] LOGICAL ...
 */
static bool
parse_create_slot(Parser *p, ReplCommand *out)
{
	if (!parse_slot(p, out))
		return false;
	out->temporary = parser_at(p, KEYWORD_TEMPORARY);
	if (out->temporary)
		parser_advance(p);
	if (parser_at(p, KEYWORD_LOGICAL))
	{
		out->kind = REPLCMD_CREATE_LOGICAL;
		return skip_arguments(p, out);
	}
	if (!parser_at(p, KEYWORD_PHYSICAL))
		return parser_fail(p);
	parser_advance(p);
	return p->token.kind == TOKEN_OPEN ? parse_option_list(p, out)
									   : parse_option_keywords(p, out);
}

/* ---- the other commands ---- */

/* name, or name.name for the setting of an extension */
static bool
parse_setting(Parser *p, ReplCommand *out)
{
	size_t len;

	if (p->token.kind != TOKEN_NAME)
		return parser_fail(p);
	len = strlen(p->token.name);
	memcpy(out->setting, p->token.name, len + 1);
	parser_advance(p);
	if (p->token.kind != TOKEN_DOT)
		return true;
	parser_advance(p);
	if (p->token.kind != TOKEN_NAME)
		return parser_fail(p);
	out->setting[len++] = '.';
	memcpy(out->setting + len, p->token.name, strlen(p->token.name) + 1);
	parser_advance(p);
	return true;
}

static bool
parse_timeline(Parser *p, TimeLineId *tli)
{
	if (p->token.kind != TOKEN_NUMBER)
		return parser_fail(p);
	if (p->token.number == 0 || p->token.number > UINT32_MAX)
		return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
			"invalid timeline %.*s", (int) Min(p->token.len, NEAR_MAX),
			p->token.at);
	*tli = (TimeLineId) p->token.number;
	parser_advance(p);
	return true;
}

static bool
parse_history(Parser *p, ReplCommand *out)
{
	return parse_timeline(p, &out->tli);
}

/*
 * [SLOT name] [PHYSICAL] X/X [TIMELINE n]
 * SLOT name LOGICAL ...
 */
static bool
parse_start(Parser *p, ReplCommand *out)
{
	if (parser_at(p, KEYWORD_SLOT))
	{
		parser_advance(p);
		/* An empty name would read as "no slot". */
		if (p->token.kind == TOKEN_NAME && p->token.name[0] == '\0')
			return parser_fail(p);
		if (!parse_slot(p, out))
			return false;
		if (parser_at(p, KEYWORD_LOGICAL))
		{
			out->kind = REPLCMD_START_LOGICAL;
			return skip_arguments(p, out);
		}
	}
	if (parser_at(p, KEYWORD_PHYSICAL))
		parser_advance(p);
	if (p->token.kind != TOKEN_LSN)
		return parser_fail(p);
	out->start = p->token.lsn;
	parser_advance(p);
	if (!parser_at(p, KEYWORD_TIMELINE))
		return true;
	parser_advance(p);
	return parse_timeline(p, &out->tli);
}

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
scan_lsn(Token *token)
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
	token->kind = TOKEN_OTHER;
	token->len = high + 1 + low;
	if (token->len < sizeof(text))
	{
		memcpy(text, at, token->len);
		text[token->len] = '\0';
		if (lsn_parse(text, &token->lsn))
			token->kind = TOKEN_LSN;
	}
	return true;
}

static void
scan_number(Token *token)
{
	const uint64_t too_big = (uint64_t) UINT32_MAX + 1;

	token->kind = TOKEN_NUMBER;
	while (is_digit(token->at[token->len]))
	{
		token->number =
			token->number * 10 + (uint64_t) (token->at[token->len++] - '0');
		token->number = Min(token->number, too_big);
	}
}

static void
scan_word(Token *token)
{
	while (is_name_part(token->at[token->len]))
		token->len++;
	for (size_t i = 0; i < lengthof(keywords); i++)
	{
		if (strlen(keywords[i].word) == token->len &&
			memcmp(keywords[i].word, token->at, token->len) == 0)
		{
			token->kind = TOKEN_KEYWORD;
			token->keyword = (Keyword) i;
			return;
		}
	}
	if (token->len >= sizeof(token->name))
	{
		token->kind = TOKEN_LONG_NAME;
		return;
	}
	token->kind = TOKEN_NAME;
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
scan_quotes(Token *token, size_t *len)
{
	const char quote = *token->at;
	const char *p = token->at + 1;

	for (*len = 0;; p++)
	{
		if (*p == '\0')
		{
			token->kind = TOKEN_OTHER;
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
scan_quoted(Token *token)
{
	size_t len;

	if (scan_quotes(token, &len))
		token->kind = *token->at == '\''          ? TOKEN_STRING
					  : len < sizeof(token->name) ? TOKEN_NAME
												  : TOKEN_LONG_NAME;
}

static TokenKind
kind_of_sign(char c)
{
	switch (c)
	{
		case ';':
			return TOKEN_SEMICOLON;
		case '.':
			return TOKEN_DOT;
		case '(':
			return TOKEN_OPEN;
		case ')':
			return TOKEN_CLOSE;
		case ',':
			return TOKEN_COMMA;
		default:
			return TOKEN_OTHER;
	}
}

/* Consume the token and read the next one. */
static void
parser_advance(Parser *p)
{
	Token *token = &p->token;

	while (is_space(*p->rest))
		p->rest++;
	*token = (Token){.at = p->rest};

	if (*token->at == '\0')
		token->kind = TOKEN_END;
	else if (scan_lsn(token))
		;
	else if (is_digit(*token->at))
		scan_number(token);
	else if (is_name_start(*token->at))
		scan_word(token);
	else if (*token->at == '"' || *token->at == '\'')
		scan_quoted(token);
	else
	{
		token->kind = kind_of_sign(*token->at);
		token->len = 1;
	}
	p->rest = token->at + token->len;
}
