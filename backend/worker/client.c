/*
 * client.c
 *		The connection to one standby.  See client.h.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "conf/option.h"
#include "shm/board.h"
#include "util/log.h"
#include "util/monotime.h"
#include "worker/client.h"

/* The longest message that a client may send us; replication commands are short. */
#define MESSAGE_MAX (64 * 1024)
#define IN_MAX (2 * MESSAGE_MAX)
/*
 * Results.  The longest is a row of RELOAD: a rule as it was and as it is, in which
 * each character may have become an escape.
 */
#define OUT_MAX (16 * CONFIG_TEXT_MAX)
#define READ_SIZE 8192

void
client_init(Client *c, int fd)
{
	*c = (Client){.fd = fd};
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
}

void
client_put_wal(Client *c, const uint8_t *wal, size_t len)
{
	c->wal = wal;
	c->wal_len = len;
	c->wal_pos = 0;
}

bool
client_pending(const Client *c)
{
	return c->out_pos < c->out.len || c->wal_pos < c->wal_len;
}

/* n bytes of the queue have left. */
static void
sent(Client *c, size_t n)
{
	size_t of_out = Min(n, c->out.len - c->out_pos);

	c->out_pos += of_out;
	c->wal_pos += n - of_out;
	if (c->out_pos == c->out.len)
	{
		buf_reset(&c->out);
		c->out_pos = 0;
	}
	if (c->wal_pos == c->wal_len)
		client_put_wal(c, NULL, 0);
}

void
client_flush(Client *c)
{
	while (!c->gone && client_pending(c))
	{
		struct iovec iov[2];
		struct msghdr message = {.msg_iov = iov};
		ssize_t n;

		if (c->out.len > c->out_pos)
			iov[message.msg_iovlen++] = (struct iovec){
				c->out.data + c->out_pos, c->out.len - c->out_pos};
		if (c->wal_len > c->wal_pos)
			iov[message.msg_iovlen++] =
				(struct iovec){(void *) (uintptr_t) (c->wal + c->wal_pos),
					c->wal_len - c->wal_pos};
		n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent(c, (size_t) n);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		else
			c->gone = true;
	}
}

bool
client_flush_wait(Client *c, int timeout_ms)
{
	int64_t deadline = monotime_ms() + timeout_ms;

	for (;;)
	{
		struct pollfd fd = {.fd = c->fd, .events = POLLOUT};
		int64_t left = deadline - monotime_ms();

		client_flush(c);
		if (c->gone)
			return false;
		if (!client_pending(c))
			return true;
		if (left <= 0)
			return false;
		poll(&fd, 1, (int) left);
	}
}

/* Move what has not been taken to the front. */
static void
compact_input(Client *c)
{
	if (c->in_pos == 0)
		return;
	memmove(c->in.data, c->in.data + c->in_pos, c->in.len - c->in_pos);
	c->in.len -= c->in_pos;
	c->in_pos = 0;
}

void
client_fill(Client *c)
{
	compact_input(c);
	while (!c->gone && c->in.max - c->in.len >= READ_SIZE)
	{
		uint8_t *to = buf_put_space(&c->in, READ_SIZE);
		ssize_t n = recv(c->fd, to, READ_SIZE, MSG_DONTWAIT);

		c->in.len -= READ_SIZE - (size_t) Max(n, 0);
		if (n == 0)
			c->gone = true;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		else if (n < 0)
			c->gone = true;
		else if (n < READ_SIZE)
			return;
	}
}

FrameStatus
client_next_startup(Client *c, StartupPacket *packet, ErrInfo *err)
{
	size_t used;
	FrameStatus status = startup_parse(
		c->in.data + c->in_pos, c->in.len - c->in_pos, packet, &used, err);

	if (status == FRAME_OK)
		c->in_pos += used;
	return status;
}

FrameStatus
client_next_frame(Client *c, Frame *frame, ErrInfo *err)
{
	size_t used;
	FrameStatus status = frame_parse(c->in.data + c->in_pos,
		c->in.len - c->in_pos, MESSAGE_MAX, frame, &used, err);

	if (status == FRAME_OK)
		c->in_pos += used;
	return status;
}

void
client_wait(Client *c, int fd, short events, int timeout_ms)
{
	struct pollfd fds[3] = {
		{.fd = board_wake_fd(), .events = POLLIN},
		{.fd = c->fd, .events = client_pending(c) ? POLLIN | POLLOUT : POLLIN},
		{.fd = fd, .events = events},
	};

	if (poll(fds, fd >= 0 ? 3 : 2, timeout_ms) < 0 && errno != EINTR)
		c->gone = true;
	/* whatever is waited for: who has nothing to say holds no old file */
	log_reopen_if_requested();
}
