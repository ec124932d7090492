/*
 * pauselist.h
 *		Which standbys an operator has paused: by application_name, across
 *		reconnects and restarts.
 *
 * state_directory/paused, append-only text; each line is the CRC-32C of the rest of
 * the line in 8 hexadecimal digits, a blank, and one of
 *
 *		walbouncer-paused 1 0		the first line
 *		pause NAME TIME
 *		resume NAME TIME
 *
 * NAME has %XX for what is not a letter, digit, '_', '.' or '-'; "*" (%2A) is
 * everybody.  TIME, when the line was written, is for people.  Later lines win, a line for everybody over those
 * for a name too: so who is resumed by name goes on though all others stay paused.
 *
 * A lock on the file covers reading and appending.  A line that was not written to
 * its end is cut off; damage anywhere else is an error.  See linefile.h.  What has
 * grown long is written anew, a line for each name that still counts.
 */
#ifndef STATE_PAUSELIST_H
#define STATE_PAUSELIST_H

#include "base.h"

#include "util/errinfo.h"

/* 63 bytes, as in PostgreSQL, and a terminator. */
#define PAUSELIST_NAME_SIZE 64
/* The name that means everybody. */
#define PAUSELIST_ALL "*"

typedef struct PauseList
{
	bool all; /* everybody is paused, but for names; else nobody but names */
	char (*names)[PAUSELIST_NAME_SIZE]; /* in the order of their lines; owned */
	size_t count;
	size_t cap;
} PauseList;

/*
 * Who is paused.  No file, or no state_directory, is nobody.  False, with err, if the
 * file is damaged or cannot be read; the list is empty then.
 */
MUST_CHECK bool pauselist_read(
	const char *state_directory, PauseList *list, ErrInfo *err);
void pauselist_clear(PauseList *list);

MUST_CHECK bool pauselist_contains(
	const PauseList *list, const char *application_name);

/*
 * Pause a standby, or all of them (PAUSELIST_ALL), and the reverse; durable on
 * return.  *changed says whether that was not so before.
 *
 * 22023	not an application_name
 * F0000	there is no state_directory
 * XX001	the file is damaged
 */
MUST_CHECK bool pauselist_add(const char *state_directory,
	const char *application_name, bool *changed, ErrInfo *err);
MUST_CHECK bool pauselist_remove(const char *state_directory,
	const char *application_name, bool *changed, ErrInfo *err);

#endif /* STATE_PAUSELIST_H */
