/*
 * consoletoken.h
 *		The words of what is said to the console.  Strings, identifiers in quotes and
 *		comments are as in PostgreSQL's scan.l.
 */
#ifndef PQ_CONSOLETOKEN_H
#define PQ_CONSOLETOKEN_H

#include "base.h"

typedef enum ConsoleTokenKind
{
	TOKEN_END,
	TOKEN_SEMICOLON,
	TOKEN_WORD,
	TOKEN_STRING, /* 'x' */
	TOKEN_QUOTED, /* "x" */
	TOKEN_PARAMETER,
	TOKEN_BAD_STRING, /* its end is missing, or it has an unknown escape */
	TOKEN_BAD_COMMENT,
	TOKEN_OTHER
} ConsoleTokenKind;

/* A piece of the text that it was found in. */
typedef struct ConsoleToken
{
	ConsoleTokenKind kind;
	const char *at;
	size_t len;
} ConsoleToken;

/* The token at *rest, blanks and comments before it passed over; *rest goes behind it. */
ConsoleToken consoletoken_next(const char **rest);

/* What it says, without its quotes; false, and cut off, if that does not fit. */
bool consoletoken_copy(const ConsoleToken *t, char *dst, size_t size);

#endif /* PQ_CONSOLETOKEN_H */
