/*
 * replcmd.c
 *		Read replication commands.  See replcmd.h.
 *
 * A parser with one token of look-ahead; repltoken.c has the words.
 */
#include "base.h"

#include <string.h>
#include <strings.h>

#include "pq/repltoken.h"
#include "util/utf8.h"

/* How much of the text around an error is shown. */
#define NEAR_MAX 40

typedef struct Parser
{
	const char *rest; /* what follows token */
	ReplToken token;  /* not consumed yet */
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

/* The commands, by the words that begin them. */
static const struct
{
	ReplCommandKind kind;
	ParseArguments arguments; /* NULL: the word begins none */
} commands[KEYWORD_COUNT] = {
	[KEYWORD_IDENTIFY_SYSTEM] = {REPLCMD_IDENTIFY_SYSTEM, parse_nothing},
	[KEYWORD_SHOW] = {REPLCMD_SHOW, parse_setting},
	[KEYWORD_TIMELINE_HISTORY] = {REPLCMD_TIMELINE_HISTORY, parse_history},
	[KEYWORD_START_REPLICATION] = {REPLCMD_START_PHYSICAL, parse_start},
	[KEYWORD_CREATE_REPLICATION_SLOT] = {REPLCMD_CREATE_SLOT,
		parse_create_slot},
	[KEYWORD_DROP_REPLICATION_SLOT] = {REPLCMD_DROP_SLOT, parse_drop_slot},
	[KEYWORD_READ_REPLICATION_SLOT] = {REPLCMD_READ_SLOT, parse_slot},
	[KEYWORD_ALTER_REPLICATION_SLOT] = {REPLCMD_ALTER_SLOT, parse_alter_slot},
	[KEYWORD_BASE_BACKUP] = {REPLCMD_BASE_BACKUP, skip_arguments},
	[KEYWORD_UPLOAD_MANIFEST] = {REPLCMD_UPLOAD_MANIFEST, skip_arguments},
};

/* Consume the token and read the next one. */
static void
parser_advance(Parser *p)
{
	p->token = repltoken_next(&p->rest);
}

static bool parser_fail(Parser *p);

bool
replcmd_parse(const char *text, ReplCommand *out, ErrInfo *err)
{
	ReplCommand command = {.kind = REPLCMD_SQL};
	Parser p = {.rest = text, .err = err};
	ParseArguments arguments = NULL;

	parser_advance(&p);
	if (p.token.kind == REPLTOKEN_KEYWORD)
		arguments = commands[p.token.keyword].arguments;
	if (arguments != NULL)
	{
		command.kind = commands[p.token.keyword].kind;
		parser_advance(&p);
		if (!arguments(&p, &command))
			return false;
		if (p.token.kind == REPLTOKEN_SEMICOLON)
			parser_advance(&p);
		if (p.token.kind != REPLTOKEN_END)
			return parser_fail(&p);
	}
	else
	{
		while (p.token.kind == REPLTOKEN_SEMICOLON)
			parser_advance(&p);
		if (p.token.kind == REPLTOKEN_END)
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
	for (size_t i = 0; i < lengthof(commands); i++)
	{
		if (commands[i].arguments != NULL && commands[i].kind == kind)
			return repltoken_word((Keyword) i);
	}
	return "SQL";
}

/* How much of a token is shown. */
static int
shown_len(const ReplToken *token)
{
	return (int) utf8_clip(token->at, token->len, NEAR_MAX);
}

/* Say where the text stops making sense: at the token not consumed. */
static bool
parser_fail(Parser *p)
{
	const ReplToken *token = &p->token;

	if (token->kind == REPLTOKEN_END)
		return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
			"syntax error at the end of the replication command");
	if (token->kind == REPLTOKEN_LONG_NAME)
		return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
			"identifier too long: \"%.*s...\"", shown_len(token), token->at);
	return errinfo_set(p->err, SQLSTATE_SYNTAX_ERROR,
		"syntax error in replication command near \"%.*s\"", shown_len(token),
		token->at);
}

static bool
parser_at(const Parser *p, Keyword keyword)
{
	return p->token.kind == REPLTOKEN_KEYWORD && p->token.keyword == keyword;
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
	if (p->token.kind == REPLTOKEN_LONG_NAME)
		return errinfo_set(p->err, SQLSTATE_NAME_TOO_LONG,
			"replication slot name \"%.*s...\" is too long",
			shown_len(&p->token), p->token.at);
	if (p->token.kind != REPLTOKEN_NAME)
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
	const ReplToken *token = &p->token;

	if (token->kind != REPLTOKEN_NUMBER && token->kind != REPLTOKEN_NAME &&
		token->kind != REPLTOKEN_STRING)
		return parser_fail(p);
	if (token->kind == REPLTOKEN_NUMBER && token->number <= 1)
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
	const ReplToken option = p->token;
	const char *name = option.name;

	if (option.kind == REPLTOKEN_KEYWORD)
		name = repltoken_word(option.keyword);
	else if (option.kind != REPLTOKEN_NAME)
		return parser_fail(p);
	for (size_t i = 0; i < lengthof(slot_options); i++)
	{
		/* keywords are upper case; names must fit as they are */
		if (option.kind == REPLTOKEN_KEYWORD
				? strcasecmp(slot_options[i].name, name) != 0
				: strcmp(slot_options[i].name, name) != 0)
			continue;
		if (!slot_options[i].physical || *reserve_given)
			return conflicting_options(p);
		*reserve_given = true;
		out->reserve_wal = true;
		parser_advance(p);
		return p->token.kind == REPLTOKEN_COMMA ||
			   p->token.kind == REPLTOKEN_CLOSE ||
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
	} while (p->token.kind == REPLTOKEN_COMMA);
	if (p->token.kind != REPLTOKEN_CLOSE)
		return parser_fail(p);
	parser_advance(p);
	return true;
}

/* One keyword after the other. */
static bool
parse_option_keywords(Parser *p, ReplCommand *out)
{
	for (; p->token.kind == REPLTOKEN_KEYWORD; parser_advance(p))
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
	return p->token.kind == REPLTOKEN_OPEN ? parse_option_list(p, out)
										   : parse_option_keywords(p, out);
}

/* ---- the other commands ---- */

/* name, or name.name for the setting of an extension */
static bool
parse_setting(Parser *p, ReplCommand *out)
{
	size_t len;

	if (p->token.kind != REPLTOKEN_NAME)
		return parser_fail(p);
	len = strlen(p->token.name);
	memcpy(out->setting, p->token.name, len + 1);
	parser_advance(p);
	if (p->token.kind != REPLTOKEN_DOT)
		return true;
	parser_advance(p);
	if (p->token.kind != REPLTOKEN_NAME)
		return parser_fail(p);
	out->setting[len++] = '.';
	memcpy(out->setting + len, p->token.name, strlen(p->token.name) + 1);
	parser_advance(p);
	return true;
}

static bool
parse_timeline(Parser *p, TimeLineId *tli)
{
	if (p->token.kind != REPLTOKEN_NUMBER)
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
		if (p->token.kind == REPLTOKEN_NAME && p->token.name[0] == '\0')
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
	if (p->token.kind != REPLTOKEN_LSN)
		return parser_fail(p);
	out->start = p->token.lsn;
	parser_advance(p);
	if (!parser_at(p, KEYWORD_TIMELINE))
		return true;
	parser_advance(p);
	return parse_timeline(p, &out->tli);
}
