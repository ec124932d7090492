/*
 * viewutil.c
 *		Values that more than one view shows.  See viewutil.h.
 */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/board.h"
#include "view/viewutil.h"

void
viewutil_put_pid(ViewRow *row, pid_t pid)
{
	if (pid != 0)
		view_put_int(row, pid);
	else
		view_put_null(row);
}

void
viewutil_put_timeline(ViewRow *row, TimeLineId tli)
{
	if (tli != 0)
		view_put_uint(row, tli);
	else
		view_put_null(row);
}

/* "192.0.2.1:5", "[2001:db8::1]:5" or "[local]". */
void
viewutil_put_peer(ViewRow *row, const char *peer)
{
	const char *colon = strrchr(peer, ':');
	char address[BOARD_NAME_SIZE];
	size_t len;

	if (colon == NULL)
	{
		view_put_null(row);
		return;
	}
	len = (size_t) (colon - peer);
	if (peer[0] == '[' && len >= 2)
	{
		peer++;
		len -= 2;
	}
	snprintf(address, sizeof(address), "%.*s", (int) len, peer);
	view_put_text(row, address);
}

void
viewutil_put_peer_port(ViewRow *row, const char *peer)
{
	const char *colon = strrchr(peer, ':');

	if (peer[0] == '\0')
		view_put_null(row);
	else
		view_put_int(row, colon != NULL ? atoi(colon + 1) : -1);
}

void
viewutil_put_distance(ViewRow *row, Lsn from, Lsn to)
{
	if (from == InvalidLsn || to == InvalidLsn)
		view_put_null(row);
	else
		view_put_uint(row, to > from ? to - from : 0);
}

void
viewutil_put_age(ViewRow *row, int64_t time, int64_t now)
{
	view_put_double(row, time != 0 ? (double) Max(now - time, 0) / 1e6 : NAN);
}
