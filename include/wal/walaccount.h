/*
 * walaccount.h
 *		What WAL is made of: its records, counted by database and by resource
 *		manager.
 *
 * Fed with consecutive bytes in portions of any size, from anywhere: counting
 * begins with the first record that begins there.  CRCs are not checked.  What
 * cannot be understood is skipped up to the next page that can, and counted as
 * such.  Never fails.
 */
#ifndef WAL_WALACCOUNT_H
#define WAL_WALACCOUNT_H

#include "base.h"

#include "util/lsn.h"
#include "wal/page.h"

/* Databases that are told apart; what further ones write is counted together. */
#define WALACCOUNT_DATABASES_MAX 1024
#define WALACCOUNT_RMGRS 256

typedef struct WalCount
{
	uint64_t records;
	uint64_t bytes;     /* sum of xl_tot_len, images included */
	uint64_t fpi_bytes; /* full-page images, as they are stored */
} WalCount;

typedef struct WalAccountDatabase
{
	Oid oid; /* InvalidOid: shared relations, and what is of no database */
	WalCount count;
} WalAccountDatabase;

typedef struct WalAccount WalAccount;

/* free() is all that it needs. */
WalAccount *walaccount_new(void);

/*
 * The next bytes will be those from lsn on.  What was counted stays.  Records that
 * begin before first are not counted: first is lsn, or a place behind it where a
 * record begins.  If something was counted before, all from there up to the first
 * record that is counted now is skipped.
 */
void walaccount_seek(
	WalAccount *account, const WalGeometry *geometry, Lsn lsn, Lsn first);

/* Count len bytes, those at walaccount_lsn().  walaccount_seek() comes first. */
void walaccount_feed(WalAccount *account, const uint8_t *data, size_t len);

/* Of the next byte; InvalidLsn before the first walaccount_seek(). */
Lsn walaccount_lsn(const WalAccount *account);

/* Bytes of WAL that were passed without being understood. */
uint64_t walaccount_skipped(const WalAccount *account);

WalCount walaccount_total(const WalAccount *account);
WalCount walaccount_rmgr(const WalAccount *account, uint8_t rmid);
/* Of the databases behind the WALACCOUNT_DATABASES_MAX first. */
WalCount walaccount_other(const WalAccount *account);
/* In the order in which they came up; a place never changes. */
const WalAccountDatabase *walaccount_databases(
	const WalAccount *account, size_t *count);

#endif /* WAL_WALACCOUNT_H */
