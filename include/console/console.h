/*
 * console.h
 *		An operator's session, behind its start: PostgreSQL's protocol, simple and
 *		extended, with the verbs of verb.h behind it.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "base.h"

#include "console/prepared.h"
#include "util/errinfo.h"
#include "worker/session.h"

/* As in ReadyForQuery.  Nothing is ever undone: drivers expect that there are some. */
typedef enum ConsoleTransaction
{
	CONSOLE_IDLE = 'I',
	CONSOLE_IN_TRANSACTION = 'T',
	CONSOLE_FAILED = 'E'
} ConsoleTransaction;

typedef struct Console
{
	Session *session;
	ConsoleTransaction transaction;
	bool until_sync;     /* after an error in the extended protocol */
	int shutdown_signal; /* for the supervisor, once the answer is out; 0: none */
	bool has_stopped;    /* it has been sent */
	Prepared prepared;
} Console;

/* Serve commands until the session ends. */
void console_run(Session *s) NORETURN;

/* Something for the client to read beside the answer: "NOTICE", "WARNING". */
void console_notice(Console *c, const char *severity, const ErrInfo *what);

/*
 * Wait until done(arg), which is asked every 50 ms and whenever this process is
 * woken; at most timeout_ms.  False, with err, if a cancel request has come
 * (57014).  *in_time says which of the two it was.  A client that goes away, or
 * the order to stop, ends the process.
 */
MUST_CHECK bool console_wait(Console *c, bool (*done)(void *arg), void *arg,
	int timeout_ms, bool *in_time, ErrInfo *err);

/*
 * Have the client take what is queued for it, if that is much.  False, with err, if a
 * cancel request has come; a client that takes nothing for a minute ends the process.
 */
MUST_CHECK bool console_drain(Console *c, ErrInfo *err);

#endif /* CONSOLE_CONSOLE_H */
