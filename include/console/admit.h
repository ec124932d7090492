/*
 * admit.h
 *		Letting an operator in.
 */
#ifndef CONSOLE_ADMIT_H
#define CONSOLE_ADMIT_H

#include "base.h"

#include "pq/startup.h"
#include "worker/session.h"

/* The database that a client asks for to get the console. */
#define CONSOLE_DATABASE "walbouncer"

/* Whether the client is after the console. */
bool admit_is_console(const StartupPacket *packet);

/*
 * Let the client of the session, which has its user, in as an operator: its cell says
 * so, and s->role is its role.  One that may not come in ends the process.
 */
void admit_operator(Session *s);

/*
 * Whether the client at fd, a Unix-domain socket, may become an operator, whatever it
 * is going to say: the kernel knows who it is.
 */
bool admit_may_operate(int fd, const Config *config);

/* What a server tells a client of itself when it lets it in. */
void admit_put_parameters(Session *s);

/*
 * The value of a setting that there is because a client expects each server to
 * have it, or NULL.  *name becomes the name as it is written.
 */
const char *admit_setting(const Session *s, const char **name);

#endif /* CONSOLE_ADMIT_H */
