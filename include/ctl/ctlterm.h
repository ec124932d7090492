/*
 * ctlterm.h
 *		The terminal, taken over for a display that changes.
 */
#ifndef CTL_CTLTERM_H
#define CTL_CTLTERM_H

#include "base.h"

typedef enum TermEvent
{
	TERM_TIMEOUT,
	TERM_RESIZED,
	TERM_QUIT /* somebody has pressed q */
} TermEvent;

/* Whether there is one that can be written anywhere on. */
bool ctlterm_usable(void);

/*
 * Take it over; it is given back at the exit of the program, also by SIGINT (that
 * is ^C, and exits with 0), SIGTERM, SIGHUP and SIGQUIT.
 */
void ctlterm_enter(void);

/* Columns and lines. */
void ctlterm_size(int *width, int *height);

TermEvent ctlterm_wait(int timeout_ms);

/* What goes before a frame and behind it: from the top, nothing below. */
extern const char ctlterm_home[];
extern const char ctlterm_end[];

#endif /* CTL_CTLTERM_H */
