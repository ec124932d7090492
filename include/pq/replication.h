/*
 * replication.h
 *		What the two ends of a WAL stream tell each other inside CopyData
 *		(protocol docs, Streaming Replication Protocol; majors 13-18).
 *
 *		server to client   'w' WAL            'k' keepalive
 *		client to server   'r' status reply   'h' hot standby feedback
 *
 * walbouncer is the server of its standbys and a client of its upstream, so it
 * does both of both.  Toward a standby it writes whole messages, with the
 * CopyData header 'd'; toward the upstream libpq adds and removes that header,
 * and only the body is handled here.
 *
 * Times are microseconds since 2000-01-01 00:00:00 UTC.
 */
#ifndef PQ_REPLICATION_H
#define PQ_REPLICATION_H

#include "base.h"

#include "util/buf.h"
#include "util/errinfo.h"
#include "util/lsn.h"

/* 'd' and length (5), 'w' (1), start, end, time (8 each). */
#define REPLICATION_WAL_HEADER_SIZE 30

/*
 * The most WAL that a walsender puts into one message.  (walsender.c,
 * MAX_SEND_SIZE: 16 pages of 8 kB)
 */
#define REPLICATION_WAL_MAX (128 * 1024)

typedef enum ReplicationReplyKind
{
	REPLICATION_STATUS,
	REPLICATION_FEEDBACK
} ReplicationReplyKind;

/* From a receiver to a sender. */
typedef struct ReplicationReply
{
	ReplicationReplyKind kind;
	int64_t time;

	/* REPLICATION_STATUS: the byte after the last one that was ... */
	Lsn write; /* ... handed to the operating system */
	Lsn flush; /* ... made durable; 0: unknown */
	Lsn apply; /* ... replayed; 0: unknown */
	bool reply_requested;

	/* REPLICATION_FEEDBACK: 0 means none */
	uint32_t xmin;
	uint32_t xmin_epoch;
	uint32_t catalog_xmin;
	uint32_t catalog_xmin_epoch;
} ReplicationReply;

typedef enum ReplicationWalKind
{
	REPLICATION_DATA,
	REPLICATION_KEEPALIVE
} ReplicationWalKind;

/* From a sender to a receiver. */
typedef struct ReplicationWal
{
	ReplicationWalKind kind;
	Lsn start; /* REPLICATION_DATA: position of data[0] */
	Lsn end;   /* how far the sender could send, or has sent */
	int64_t time;
	bool reply_requested; /* REPLICATION_KEEPALIVE */
	const uint8_t *data;  /* REPLICATION_DATA: points into the body */
	size_t len;
} ReplicationWal;

/*
 * Write all that goes before wal_len (<= REPLICATION_WAL_MAX) bytes of WAL: the
 * header of the CopyData frame and that of the 'w' message.  The WAL itself
 * follows from wherever it is.
 */
void replication_wal_header(uint8_t out[REPLICATION_WAL_HEADER_SIZE],
	size_t wal_len, Lsn start, Lsn end, int64_t now);

/* Append a keepalive as a complete CopyData message; end is what was sent. */
void message_keepalive(Buf *b, Lsn end, int64_t now, bool reply_requested);

/*
 * Read the body of a CopyData message from a standby.  Each kind has one exact
 * length; anything else, and any other kind, is false and 08P01, *out
 * untouched.  The fields of the other kind are zero.
 */
MUST_CHECK bool replication_decode_client(
	const uint8_t *body, size_t len, ReplicationReply *out, ErrInfo *err);

/* Append the body (34 or 25 bytes) of what the kind says, for PQputCopyData. */
void replication_encode_client(Buf *b, const ReplicationReply *reply);

/*
 * Read the body of a CopyData message from the upstream, as PQgetCopyData
 * returns it.  Errors as above.  A 'w' without a byte of WAL is valid.
 */
MUST_CHECK bool replication_decode_server(
	const uint8_t *body, size_t len, ReplicationWal *out, ErrInfo *err);

#endif /* PQ_REPLICATION_H */
