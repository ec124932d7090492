/*
 * walstat.c
 *		What the WAL is made of.  See walstat.h.
 *
 * What a monitor that is gone has counted is nobody's: its counts began at a time of
 * their own.
 */
#include "base.h"

#include <stdio.h>

#include "shm/board.h"
#include "shm/twin.h"
#include "shm/walstat.h"

static Twin published_stat;

void
walstat_create(void)
{
	twin_create(&published_stat, "walbouncer-walstat", sizeof(WalStat));
}

void
walstat_enter(bool writable)
{
	twin_enter(&published_stat, writable);
}

void
walstat_publish(const WalStat *stat)
{
	*(WalStat *) twin_next(&published_stat) = *stat;
	twin_publish(&published_stat);
}

bool
walstat_get(WalStat *stat)
{
	return twin_copy(&published_stat, stat) &&
		   stat->pid == board_pid(BOARD_MONITOR);
}

bool
walstat_has_begun(void)
{
	return twin_generation(&published_stat) > 0;
}

void
walstat_database_label(
	const WalStatDatabase *database, char label[WALSTAT_LABEL_SIZE])
{
	if (database->oid == InvalidOid)
		snprintf(label, WALSTAT_LABEL_SIZE, "(shared)");
	else if (database->name[0] != '\0')
		snprintf(label, WALSTAT_LABEL_SIZE, "%s", database->name);
	else
		snprintf(label, WALSTAT_LABEL_SIZE, "oid %u", database->oid);
}
