/*
 * consolecmd.c
 *		Read what is said to the console.  See consolecmd.h.
 *
 * A parser with one token of look-ahead over one table of verbs.
 */
#include "base.h"

#include <string.h>
#include <strings.h>

#include "pq/consolecmd.h"
#include "pq/consoletoken.h"
#include "util/utf8.h"

/* How much of the text around an error is shown. */
#define NEAR_MAX 40

typedef struct Parser
{
	const char *query;  /* all of it */
	const char *rest;   /* what follows token */
	ConsoleToken token; /* not consumed yet */
	ErrInfo *err;
} Parser;

typedef bool (*ParseArguments)(Parser *p, ConsoleCommand *out);

static bool parse_nothing(Parser *p, ConsoleCommand *out);
static bool parse_show(Parser *p, ConsoleCommand *out);
static bool parse_kill(Parser *p, ConsoleCommand *out);
static bool parse_name(Parser *p, ConsoleCommand *out);
static bool parse_optional_name(Parser *p, ConsoleCommand *out);
static bool parse_repoint(Parser *p, ConsoleCommand *out);
static bool parse_shutdown(Parser *p, ConsoleCommand *out);
static bool parse_set(Parser *p, ConsoleCommand *out);
static bool parse_discard(Parser *p, ConsoleCommand *out);
static bool parse_deallocate(Parser *p, ConsoleCommand *out);
static bool parse_transaction(Parser *p, ConsoleCommand *out);
static bool parse_select(Parser *p, ConsoleCommand *out);

/* The first word for a verb is the one that consolecmd_name gives. */
static const struct
{
	const char *word;
	ConsoleVerb verb;
	ParseArguments arguments;
} verbs[] = {
	{"SHOW", CONSOLE_SHOW, parse_show},
	{"RELOAD", CONSOLE_RELOAD, parse_nothing},
	{"KILL", CONSOLE_KILL, parse_kill},
	{"PAUSE", CONSOLE_PAUSE, parse_optional_name},
	{"RESUME", CONSOLE_RESUME, parse_optional_name},
	{"RESCOPE", CONSOLE_RESCOPE, parse_name},
	{"REPOINT", CONSOLE_REPOINT, parse_repoint},
	{"SHUTDOWN", CONSOLE_SHUTDOWN, parse_shutdown},
	{"SET", CONSOLE_SET, parse_set},
	{"RESET", CONSOLE_RESET, parse_set},
	{"DISCARD", CONSOLE_DISCARD, parse_discard},
	{"DEALLOCATE", CONSOLE_DEALLOCATE, parse_deallocate},
	{"BEGIN", CONSOLE_BEGIN, parse_transaction},
	{"START", CONSOLE_BEGIN, parse_transaction},
	{"COMMIT", CONSOLE_COMMIT, parse_transaction},
	{"END", CONSOLE_COMMIT, parse_transaction},
	{"ROLLBACK", CONSOLE_ROLLBACK, parse_transaction},
	{"ABORT", CONSOLE_ROLLBACK, parse_transaction},
	{"SELECT", CONSOLE_SELECT, parse_select},
};

static const struct
{
	const char *word;
	ConsoleStop stop;
} stops[] = {
	{"SMART", CONSOLE_STOP_SMART},
	{"FAST", CONSOLE_STOP_FAST},
	{"IMMEDIATE", CONSOLE_STOP_IMMEDIATE},
};

/* Functions are written with parentheses, and may be; what is none may not. */
static const struct
{
	const char *word;
	ConsoleSelect select;
	bool function;
} selects[] = {
	{"version", CONSOLE_SELECT_VERSION, true},
	{"pg_catalog.version", CONSOLE_SELECT_VERSION, true},
	{"current_user", CONSOLE_SELECT_USER, false},
	{"session_user", CONSOLE_SELECT_USER, false},
	{"current_database", CONSOLE_SELECT_DATABASE, true},
	{"pg_catalog.current_database", CONSOLE_SELECT_DATABASE, true},
	{"pg_backend_pid", CONSOLE_SELECT_PID, true},
	{"pg_catalog.pg_backend_pid", CONSOLE_SELECT_PID, true},
};

static void parser_advance(Parser *p);
static bool parser_fail(Parser *p);
static bool take_word(Parser *p, const char *word);

bool
consolecmd_next(
	const char *query, size_t *pos, ConsoleCommand *out, ErrInfo *err)
{
	Parser p = {.query = query, .rest = query + *pos, .err = err};
	ParseArguments arguments = NULL;

	memset(out, 0, sizeof(*out));
	parser_advance(&p);
	for (size_t i = 0; i < lengthof(verbs) && arguments == NULL; i++)
	{
		if (take_word(&p, verbs[i].word))
		{
			out->verb = verbs[i].verb;
			arguments = verbs[i].arguments;
		}
	}
	if (arguments != NULL && !arguments(&p, out))
		return false;
	if (p.token.kind != TOKEN_SEMICOLON && p.token.kind != TOKEN_END)
	{
		parser_fail(&p);
		return arguments != NULL || err->hint[0] != '\0'
				   ? false
				   : errinfo_hint(err, "SHOW HELP lists the commands.");
	}
	*pos = (size_t) (p.token.at + p.token.len - query);
	return true;
}

const char *
consolecmd_name(ConsoleVerb verb)
{
	for (size_t i = 0; i < lengthof(verbs); i++)
	{
		if (verbs[i].verb == verb)
			return verbs[i].word;
	}
	return "";
}

/* ---- errors ---- */

/* The number of the character that the token begins with; the first is 1. */
static int
position_of(const Parser *p)
{
	int n = 1;

	for (const char *c = p->query; c < p->token.at; c++)
		n += (*c & 0xC0) != 0x80 ? 1 : 0;
	return n;
}

/* How much of a token is shown. */
static int
shown_len(const ConsoleToken *token)
{
	return (int) utf8_clip(token->at, token->len, NEAR_MAX);
}

/* Say where the text stops making sense: at the token not consumed. */
static bool
parser_fail(Parser *p)
{
	const ConsoleToken *token = &p->token;

	switch (token->kind)
	{
		case TOKEN_END:
			errinfo_set(
				p->err, SQLSTATE_SYNTAX_ERROR, "syntax error at end of input");
			break;
		case TOKEN_BAD_STRING:
			errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
				"unterminated or invalid quoted string at or near \"%.*s\"",
				shown_len(token), token->at);
			break;
		case TOKEN_BAD_COMMENT:
			errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
				"unterminated /* comment at or near \"%.*s\"", shown_len(token),
				token->at);
			break;
		case TOKEN_PARAMETER:
			errinfo_set(p->err, SQLSTATE_FEATURE_NOT_SUPPORTED,
				"parameters are not supported in the console");
			errinfo_hint(p->err, "Write the value into the command.");
			break;
		default:
			errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
				"syntax error at or near \"%.*s\"", shown_len(token),
				token->at);
			break;
	}
	p->err->position = position_of(p);
	return false;
}

static bool
fail_at_token(Parser *p, const char *sqlstate, const char *message)
{
	errinfo_set(p->err, sqlstate, "%s", message);
	p->err->position = position_of(p);
	return false;
}

/* ---- tokens ---- */

static void
parser_advance(Parser *p)
{
	p->token = consoletoken_next(&p->rest);
}

static bool
at_word(const Parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && p->token.len == strlen(word) &&
		   strncasecmp(p->token.at, word, p->token.len) == 0;
}

static bool
take_word(Parser *p, const char *word)
{
	if (!at_word(p, word))
		return false;
	parser_advance(p);
	return true;
}

static bool
take_other(Parser *p, char c)
{
	if (p->token.kind != TOKEN_OTHER || *p->token.at != c)
		return false;
	parser_advance(p);
	return true;
}

static bool
at_number(const Parser *p)
{
	return p->token.kind == TOKEN_WORD &&
		   strspn(p->token.at, "0123456789") >= p->token.len;
}

static bool
at_name(const Parser *p)
{
	return p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_STRING ||
		   p->token.kind == TOKEN_QUOTED;
}

/* ---- arguments ---- */

static bool
parse_nothing(Parser *p UNUSED, ConsoleCommand *out UNUSED)
{
	return true;
}

static bool
parse_name(Parser *p, ConsoleCommand *out)
{
	if (!at_name(p))
		return parser_fail(p);
	if (!consoletoken_copy(&p->token, out->argument, sizeof(out->argument)))
		return fail_at_token(
			p, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, "argument is too long");
	if (out->argument[0] == '\0')
		return fail_at_token(
			p, SQLSTATE_INVALID_NAME, "a name must not be empty");
	parser_advance(p);
	return true;
}

static bool
parse_optional_name(Parser *p, ConsoleCommand *out)
{
	return p->token.kind == TOKEN_SEMICOLON || p->token.kind == TOKEN_END ||
		   parse_name(p, out);
}

/* JDBC has three words for one setting. */
static bool
parse_show(Parser *p, ConsoleCommand *out)
{
	if (take_word(p, "TRANSACTION"))
	{
		if (!take_word(p, "ISOLATION") || !take_word(p, "LEVEL"))
			return parser_fail(p);
		strcpy(out->argument, "transaction_isolation");
		return true;
	}
	return parse_name(p, out);
}

static bool
parse_kill(Parser *p, ConsoleCommand *out)
{
	uint64_t n = 0;

	if (!at_number(p))
		return parse_name(p, out);
	for (size_t i = 0; i < p->token.len && n <= INT32_MAX; i++)
		n = n * 10 + (uint64_t) (p->token.at[i] - '0');
	if (n == 0 || n > INT32_MAX)
		return parser_fail(p);
	out->number = (uint32_t) n;
	parser_advance(p);
	return true;
}

static bool
parse_repoint(Parser *p, ConsoleCommand *out)
{
	if (take_word(p, "DEFAULT"))
		return true;
	/* nobody means one word: it would be the name of a database */
	if (p->token.kind != TOKEN_STRING)
		return parser_fail(p);
	if (!parse_name(p, out))
		return false;
	out->temporary = take_word(p, "TEMPORARY");
	return true;
}

static bool
parse_shutdown(Parser *p, ConsoleCommand *out)
{
	for (size_t i = 0; i < lengthof(stops); i++)
	{
		if (take_word(p, stops[i].word))
		{
			out->stop = stops[i].stop;
			break;
		}
	}
	return true;
}

/* To the end of the statement, whatever it is made of. */
static bool
skip_rest(Parser *p)
{
	while (p->token.kind != TOKEN_SEMICOLON && p->token.kind != TOKEN_END)
	{
		if (p->token.kind == TOKEN_BAD_STRING ||
			p->token.kind == TOKEN_BAD_COMMENT ||
			p->token.kind == TOKEN_PARAMETER)
			return parser_fail(p);
		parser_advance(p);
	}
	return true;
}

/* [SESSION | LOCAL] name {= | TO} value, and other forms that SQL has. */
static bool
parse_set(Parser *p, ConsoleCommand *out)
{
	if (!take_word(p, "SESSION"))
		(void) take_word(p, "LOCAL");
	if (take_word(p, "NAMES"))
		strcpy(out->argument, "client_encoding");
	else
	{
		if (!parse_name(p, out))
			return false;
		if (!take_other(p, '=') && !take_word(p, "TO"))
			out->argument[0] = '\0';
	}
	if (at_name(p))
		consoletoken_copy(&p->token, out->value, sizeof(out->value));
	return skip_rest(p);
}

static bool
parse_discard(Parser *p, ConsoleCommand *out)
{
	out->all = take_word(p, "ALL");
	if (out->all || take_word(p, "PLANS") || take_word(p, "SEQUENCES") ||
		take_word(p, "TEMP") || take_word(p, "TEMPORARY"))
		return true;
	return parser_fail(p);
}

static bool
parse_deallocate(Parser *p, ConsoleCommand *out)
{
	(void) take_word(p, "PREPARE");
	out->all = take_word(p, "ALL");
	return out->all || parse_name(p, out);
}

static bool
parse_transaction(Parser *p, ConsoleCommand *out UNUSED)
{
	return skip_rest(p);
}

/* There is one thing to read the reason off: this is not SQL. */
static bool
fail_sql(Parser *p)
{
	if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_OTHER)
		return parser_fail(p);
	fail_at_token(p, SQLSTATE_FEATURE_NOT_SUPPORTED,
		"cannot execute SQL in walbouncer's console");
	return errinfo_hint(p->err, "SHOW HELP lists the commands.  Connect to the "
								"upstream server itself for SQL.");
}

static bool
parse_select(Parser *p, ConsoleCommand *out)
{
	size_t i = 0;

	if (at_number(p) || p->token.kind == TOKEN_STRING)
	{
		out->select = at_number(p) && p->token.len < 10 ? CONSOLE_SELECT_INT
														: CONSOLE_SELECT_TEXT;
		if (!consoletoken_copy(&p->token, out->argument, sizeof(out->argument)))
			return fail_at_token(
				p, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, "argument is too long");
		parser_advance(p);
	}
	else
	{
		while (i < lengthof(selects) && !at_word(p, selects[i].word))
			i++;
		if (i == lengthof(selects))
			return fail_sql(p);
		out->select = selects[i].select;
		parser_advance(p);
		if (selects[i].function && (!take_other(p, '(') || !take_other(p, ')')))
			return parser_fail(p);
	}
	return p->token.kind == TOKEN_SEMICOLON || p->token.kind == TOKEN_END ||
		   fail_sql(p);
}
