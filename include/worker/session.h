/*
 * session.h
 *		One client's session, from its first byte to its commands.
 */
#ifndef WORKER_SESSION_H
#define WORKER_SESSION_H

#include "base.h"

#include <sys/socket.h>

#include "conf/option.h"
#include "console/role.h"
#include "process/child.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "util/errinfo.h"
#include "util/net.h"
#include "worker/client.h"

#define SESSION_ENDS_MAX 4

typedef struct SessionEnd
{
	void (*run)(void *arg);
	void *arg;
} SessionEnd;

typedef struct Session
{
	ChildContext *ctx;
	Client client;
	struct sockaddr_storage peer;
	char peer_text[NET_TEXT_SIZE];
	int64_t began_ms; /* monotonic */
	bool authorized;  /* commands may come */
	char user[BOARD_NAME_SIZE];
	char application_name[BOARD_NAME_SIZE];
	ConsoleRole role;   /* of an operator; a standby has none, but a rule */
	const Rule *rule;   /* of ctx->config */
	Config *rule_home;  /* which rule lies in, if that is not ctx->config */
	Facts facts;        /* what was known of the upstream when last asked */
	BoardStatus status; /* what our cell says */
	/* what is to be put in order when the process ends with the session */
	SessionEnd ends[SESSION_ENDS_MAX];
	size_t end_count;
} Session;

/*
 * Greet the client: encryption requests, cancel requests, protocol version, who
 * it is, which rule is its own, or whether it is an operator.  Returns when
 * commands may come; a client that gets no session ends the process.
 */
void session_start(
	Session *s, ChildContext *ctx, int fd, const struct sockaddr_storage *peer);

/*
 * The next message of a session that has been started.  If none has come, wait once,
 * for bytes or to be woken, and return false.  A client that has gone or whose bytes
 * are no message ends the process.
 */
MUST_CHECK bool session_next_frame(Session *s, Frame *frame);

/*
 * Tell the client (severity "ERROR"); the session goes on, unless it is to stop.
 */
void session_error(Session *s, const ErrInfo *err);

/* Tell the client (severity "FATAL"), log it, and end the process. */
void session_fatal(Session *s, const ErrInfo *err) NORETURN;

/* End the process because the client has gone, or has said goodbye. */
void session_end(Session *s) NORETURN;

/* End the process because we have been told to stop. */
void session_shutdown(Session *s) NORETURN;

/*
 * Have something put in order when the process ends with the session, the latest
 * first; and take back the latest.
 */
void session_push_end(Session *s, void (*run)(void *arg), void *arg);
void session_pop_end(Session *s);

/* The state for the board and for ps. */
void session_set_state(Session *s, CellState state);

/*
 * A newer configuration has been taken over: find our rule in it.  A client that
 * no rule fits any more keeps what it has.  *previous is freed when it can be.
 */
void session_rematch(Session *s, Config *previous);

#endif /* WORKER_SESSION_H */
