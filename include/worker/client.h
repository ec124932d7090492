/*
 * client.h
 *		The connection to one standby: bytes in, bytes out, never blocking unless
 *		asked to.
 *
 * What goes out is a queue of small messages and, behind it, at most one run of
 * WAL that stays where it is (in the filter's or the stream's buffer) until it
 * has been sent.
 */
#ifndef WORKER_CLIENT_H
#define WORKER_CLIENT_H

#include "base.h"

#include "pq/frame.h"
#include "pq/startup.h"
#include "util/buf.h"
#include "util/errinfo.h"

typedef struct Client
{
	int fd;
	bool gone; /* closed by the other side, or broken */

	Buf in;        /* what has come */
	size_t in_pos; /* of it has been taken */

	Buf out;
	size_t out_pos;     /* of it has been sent */
	const uint8_t *wal; /* behind out; borrowed */
	size_t wal_len;
	size_t wal_pos;
} Client;

/* fd becomes the client's. */
void client_init(Client *c, int fd);

/* Where messages are appended. */
static inline Buf *
client_out(Client *c)
{
	return &c->out;
}

/* Queue WAL behind a header that has been put into client_out(). */
void client_put_wal(Client *c, const uint8_t *wal, size_t len);

/* Whether something waits to be sent. */
bool client_pending(const Client *c);

/* Send what the socket takes.  A broken connection sets gone. */
void client_flush(Client *c);

/* Send all, waiting for at most timeout_ms.  False if that did not do. */
bool client_flush_wait(Client *c, int timeout_ms);

/* Take in what has come.  A closed or broken connection sets gone. */
void client_fill(Client *c);

/* The next complete packet of what has come; pointers are good until client_fill. */
MUST_CHECK FrameStatus client_next_startup(
	Client *c, StartupPacket *packet, ErrInfo *err);
MUST_CHECK FrameStatus client_next_frame(Client *c, Frame *frame, ErrInfo *err);

/*
 * Wait until the client has something to say (or, if there is something to send,
 * can take it), this process is woken, or fd (-1: none) is ready for events; at
 * most timeout_ms (-1: for ever).  The caller has called board_sleep_begin().
 */
void client_wait(Client *c, int fd, short events, int timeout_ms);

#endif /* WORKER_CLIENT_H */
