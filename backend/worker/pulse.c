/*
 * pulse.c
 *		When a standby is to be asked for a sign of life.  See pulse.h.
 */
#include "base.h"

#include "worker/pulse.h"

/* Before a standby that has something to do is asked how it gets on. */
#define BEHIND_PING_MS 11000
/* Between two keepalives to a standby that is to confirm what it has. */
#define DRAIN_PING_MS 200
/* The same, while somebody waits for it. */
#define AWAIT_PING_MS 20

void
pulse_begin(Pulse *p, int64_t now_ms)
{
	*p = (Pulse){.heard_ms = now_ms, .looked_ms = now_ms};
}

void
pulse_looked(Pulse *p, int64_t now_ms)
{
	p->looked_ms = now_ms;
}

void
pulse_heard(Pulse *p, int64_t now_ms)
{
	p->heard_ms = now_ms;
	p->pinged = false;
}

PulseVerdict
pulse_check(Pulse *p, int64_t now_ms, int timeout_ms, bool pending)
{
	int64_t silent = now_ms - p->heard_ms;

	if (timeout_ms == 0)
		return PULSE_QUIET;
	/* we may have been stopped ourselves, with its words in our socket */
	if (silent >= timeout_ms)
		return p->looked_ms < p->heard_ms + timeout_ms ? PULSE_LOOK
													   : PULSE_DEAD;
	if (silent < timeout_ms / 2 || p->pinged || pending)
		return PULSE_QUIET;
	p->pinged = true;
	return PULSE_ASK;
}

bool
pulse_behind(Pulse *p, int64_t now_ms, bool behind, bool pending)
{
	p->behind = behind;
	if (!behind || pending || p->pinged ||
		now_ms - p->heard_ms < BEHIND_PING_MS)
		return false;
	p->pinged = true;
	return true;
}

bool
pulse_drain(Pulse *p, int64_t now_ms)
{
	if (now_ms - p->drain_pinged_ms < DRAIN_PING_MS)
		return false;
	p->drain_pinged_ms = now_ms;
	return true;
}

/* Whether somebody waits for an LSN beyond from, and not beyond to. */
static bool
is_awaited(const Lsn *awaited, size_t count, Lsn from, Lsn to)
{
	for (size_t i = 0; i < count; i++)
	{
		if (awaited[i] > from && awaited[i] <= to)
			return true;
	}
	return false;
}

bool
pulse_await(Pulse *p, int64_t now_ms, const Lsn *awaited, size_t count,
	const PulsePlace *place, bool pending)
{
	bool applies = place->applied != InvalidLsn;
	bool on_its_way =
		applies && is_awaited(awaited, count,
					   Max(place->received, p->await_pinged_at), place->sent);

	p->awaited =
		applies && is_awaited(awaited, count, place->applied, place->received);
	if (pending)
		return false;
	/* who gets it now answers when it has it, since it reads one after the other */
	if (!on_its_way &&
		(!p->awaited || now_ms - p->await_pinged_ms < AWAIT_PING_MS))
		return false;
	p->await_pinged_ms = now_ms;
	p->await_pinged_at = place->sent;
	return true;
}

int64_t
pulse_due_ms(
	const Pulse *p, int64_t now_ms, int timeout_ms, bool pending, bool draining)
{
	bool asked = p->pinged || pending;
	int64_t due = INT32_MAX;

	if (timeout_ms > 0)
		due = p->heard_ms + (asked ? timeout_ms : timeout_ms / 2) - now_ms;
	if (p->behind && !asked)
		due = Min(due, p->heard_ms + BEHIND_PING_MS - now_ms);
	if (draining)
		due = Min(due, DRAIN_PING_MS);
	if (p->awaited && !pending)
		due = Min(due, p->await_pinged_ms + AWAIT_PING_MS - now_ms);
	return due;
}
