/*
 * replcmd.h
 *		The grammar of the replication commands, which come as the text of a
 *		Query message (protocol docs, Streaming Replication Protocol; the rules
 *		for words are those of repl_scanner.l, majors 13-18).
 *
 * Keywords are upper case and nothing else.  Identifiers are folded to lower
 * case unless they stand in double quotes.  One ';' may end a command.
 *
 * Commands that walbouncer does not serve are recognised by their first words;
 * their arguments are not read, save for the slot's name.
 *
 * The options of a slot may be keywords, as in majors 13 and 14, or a list in
 * parentheses, as in 15 and later: both are read whatever the upstream's major.
 */
#ifndef PQ_REPLCMD_H
#define PQ_REPLCMD_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"

/* An identifier of 63 bytes, as in PostgreSQL, and its terminator. */
#define REPLCMD_NAME_SIZE 64

/* A setting: two identifiers and a dot between them. */
#define REPLCMD_SETTING_SIZE (2 * REPLCMD_NAME_SIZE)

typedef enum ReplCommandKind
{
	REPLCMD_EMPTY, /* nothing but blanks and ';' */
	REPLCMD_SQL,   /* the first word begins no replication command */
	REPLCMD_IDENTIFY_SYSTEM,
	REPLCMD_SHOW,             /* setting */
	REPLCMD_TIMELINE_HISTORY, /* tli */
	REPLCMD_START_PHYSICAL,   /* slot, start, tli */
	REPLCMD_START_LOGICAL,    /* slot */
	REPLCMD_CREATE_SLOT,      /* slot, temporary, reserve_wal */
	REPLCMD_CREATE_LOGICAL,   /* slot */
	REPLCMD_DROP_SLOT,        /* slot, wait */
	REPLCMD_READ_SLOT,        /* slot */
	REPLCMD_ALTER_SLOT,       /* slot */
	REPLCMD_BASE_BACKUP,
	REPLCMD_UPLOAD_MANIFEST
} ReplCommandKind;

#define REPLCMD_KIND_COUNT (REPLCMD_UPLOAD_MANIFEST + 1)

typedef struct ReplCommand
{
	ReplCommandKind kind;
	/* not checked yet; REPLCMD_START_PHYSICAL: "" if none was given */
	char slot[REPLCMD_NAME_SIZE];
	char setting[REPLCMD_SETTING_SIZE];
	Lsn start;
	TimeLineId tli; /* REPLCMD_START_PHYSICAL: 0 if none was given */
	bool temporary;
	bool reserve_wal;
	bool wait; /* until nobody uses the slot */
} ReplCommand;

/*
 * Read one command.  False means 42601, with the place in the message (or 42622
 * for a slot's name that is too long), and *out untouched.  Fields that the kind does not use are empty or 0.
 */
MUST_CHECK bool replcmd_parse(const char *text, ReplCommand *out, ErrInfo *err);

/*
 * The command's name, which is also the tag of its CommandComplete.  "SQL" and
 * "" for the two kinds that are no command.
 */
const char *replcmd_name(ReplCommandKind kind);

#endif /* PQ_REPLCMD_H */
