/*
 * repltoken.h
 *		The words of a replication command, as repl_scanner.l has them: it takes the
 *		longest token, so that "AB/1" is an LSN though "AB" alone would be an
 *		identifier; and a keyword is never an identifier unless it is quoted or in
 *		another case.
 */
#ifndef PQ_REPLTOKEN_H
#define PQ_REPLTOKEN_H

#include "base.h"

#include "pq/replcmd.h"
#include "util/lsn.h"

typedef enum ReplTokenKind
{
	REPLTOKEN_END,
	REPLTOKEN_KEYWORD,
	REPLTOKEN_NAME,
	REPLTOKEN_LONG_NAME, /* a name that does not fit */
	REPLTOKEN_NUMBER,
	REPLTOKEN_LSN,
	REPLTOKEN_STRING,
	REPLTOKEN_SEMICOLON,
	REPLTOKEN_DOT,
	REPLTOKEN_OPEN,
	REPLTOKEN_CLOSE,
	REPLTOKEN_COMMA,
	REPLTOKEN_OTHER
} ReplTokenKind;

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
	KEYWORD_WAIT,
	KEYWORD_COUNT
} Keyword;

typedef struct ReplToken
{
	ReplTokenKind kind;
	const char *at; /* where it is in the text */
	size_t len;
	Keyword keyword; /* REPLTOKEN_KEYWORD */
	/* REPLTOKEN_NAME: folded, without quotes; REPLTOKEN_STRING: what fits of it */
	char name[REPLCMD_NAME_SIZE];
	uint64_t number; /* REPLTOKEN_NUMBER: at most UINT32_MAX + 1 */
	Lsn lsn;         /* REPLTOKEN_LSN */
} ReplToken;

/* The token at *rest, behind blanks; *rest goes behind it. */
ReplToken repltoken_next(const char **rest);

/* A keyword as it is written. */
const char *repltoken_word(Keyword keyword);

#endif /* PQ_REPLTOKEN_H */
