/*
 * flap.c
 *		Log the changes of something that may change to and fro.  See flap.h.
 */
#include "base.h"

#include "util/flap.h"

#define MINUTE_MS 60000
#define LINES_A_MINUTE 2

bool
flap_look(Flap *f, int now, int64_t now_ms, uint64_t *untold)
{
	if (now != f->last)
		f->changes++;
	f->last = now;
	if (now == f->told)
		return false;
	if (f->minute_ms == 0 || now_ms - f->minute_ms >= MINUTE_MS)
	{
		f->minute_ms = now_ms;
		f->lines = 0;
	}
	if (f->lines >= LINES_A_MINUTE)
		return false;
	f->lines++;
	f->told = now;
	*untold = f->changes - 1;
	f->changes = 0;
	return true;
}
