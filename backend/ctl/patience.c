/*
 * patience.c
 *		Waiting for a process.  See patience.h.
 */
#include "base.h"

#include <unistd.h>

#include "ctl/patience.h"
#include "ctl/say.h"
#include "util/monotime.h"

#define POLL_MS 100
#define DOT_MS 1000

Patience
patience_new(const CtlArgs *args)
{
	int64_t now_ms = monotime_ms();
	Patience p = {
		.end_ms = now_ms + (int64_t) args->timeout_s * 1000,
		.dot_ms = now_ms,
		.silent = args->silent,
	};

	return p;
}

bool
patience_wait(Patience *p)
{
	int64_t now_ms = monotime_ms();

	if (now_ms >= p->end_ms)
		return false;
	if (now_ms >= p->dot_ms)
	{
		say(p->silent, ".");
		p->dot_ms += DOT_MS;
	}
	usleep(POLL_MS * 1000);
	return true;
}
