/*
 * replication.c
 *		Read and write what goes inside a WAL stream.  See replication.h.
 */
#include "base.h"

#include "pq/frame.h"
#include "pq/replication.h"

/* Kinds, the first byte of a body (protocol docs, Streaming Replication). */
#define KIND_WAL 'w'
#define KIND_KEEPALIVE 'k'
#define KIND_STATUS 'r'
#define KIND_FEEDBACK 'h'

/* Lengths of bodies that we write, kind included; of 'w' without the WAL. */
#define WAL_SIZE 25
#define KEEPALIVE_SIZE 18

static bool
fail_kind(ErrInfo *err, uint8_t kind)
{
	return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		"unexpected replication message of type 0x%02X", kind);
}

static bool
fail_length(ErrInfo *err, const char *what, size_t len)
{
	return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		"invalid length of %s message: %zu", what, len);
}

static bool
get_time(BufReader *r, int64_t *time)
{
	uint64_t v;

	if (!buf_get_be64(r, &v))
		return false;
	*time = (int64_t) v;
	return true;
}

static bool
get_flag(BufReader *r, bool *flag)
{
	uint8_t v;

	if (!buf_get_u8(r, &v))
		return false;
	*flag = v != 0;
	return true;
}

void
replication_wal_header(uint8_t out[REPLICATION_WAL_HEADER_SIZE], size_t wal_len,
	Lsn start, Lsn end, int64_t now)
{
	out[0] = FRAME_COPY_DATA;
	/* The length counts itself, and not the type byte. */
	store_be32(out + 1, (uint32_t) (4 + WAL_SIZE + wal_len));
	out[5] = KIND_WAL;
	store_be64(out + 6, start);
	store_be64(out + 14, end);
	store_be64(out + 22, (uint64_t) now);
}

void
message_keepalive(Buf *b, Lsn end, int64_t now, bool reply_requested)
{
	uint8_t *p = buf_put_space(b, FRAME_HEADER_SIZE + KEEPALIVE_SIZE);

	if (p == NULL)
		return;
	p[0] = FRAME_COPY_DATA;
	store_be32(p + 1, 4 + KEEPALIVE_SIZE);
	p[5] = KIND_KEEPALIVE;
	store_be64(p + 6, end);
	store_be64(p + 14, (uint64_t) now);
	p[22] = reply_requested;
}

static bool
decode_status(BufReader *r, ReplicationReply *reply)
{
	reply->kind = REPLICATION_STATUS;
	return buf_get_be64(r, &reply->write) && buf_get_be64(r, &reply->flush) &&
		   buf_get_be64(r, &reply->apply) && get_time(r, &reply->time) &&
		   get_flag(r, &reply->reply_requested) && buf_left(r) == 0;
}

static bool
decode_feedback(BufReader *r, ReplicationReply *reply)
{
	reply->kind = REPLICATION_FEEDBACK;
	return get_time(r, &reply->time) && buf_get_be32(r, &reply->xmin) &&
		   buf_get_be32(r, &reply->xmin_epoch) &&
		   buf_get_be32(r, &reply->catalog_xmin) &&
		   buf_get_be32(r, &reply->catalog_xmin_epoch) && buf_left(r) == 0;
}

bool
replication_decode_client(
	const uint8_t *body, size_t len, ReplicationReply *out, ErrInfo *err)
{
	BufReader r = buf_reader(body, len);
	ReplicationReply reply = {.time = 0};
	uint8_t kind;

	if (!buf_get_u8(&r, &kind))
		return fail_length(err, "replication", len);
	switch (kind)
	{
		case KIND_STATUS:
			if (!decode_status(&r, &reply))
				return fail_length(err, "standby status", len);
			break;
		case KIND_FEEDBACK:
			if (!decode_feedback(&r, &reply))
				return fail_length(err, "hot standby feedback", len);
			break;
		default:
			return fail_kind(err, kind);
	}
	*out = reply;
	return true;
}

void
replication_encode_client(Buf *b, const ReplicationReply *reply)
{
	switch (reply->kind)
	{
		case REPLICATION_STATUS:
			buf_put_u8(b, KIND_STATUS);
			buf_put_be64(b, reply->write);
			buf_put_be64(b, reply->flush);
			buf_put_be64(b, reply->apply);
			buf_put_be64(b, (uint64_t) reply->time);
			buf_put_u8(b, reply->reply_requested);
			break;
		case REPLICATION_FEEDBACK:
			buf_put_u8(b, KIND_FEEDBACK);
			buf_put_be64(b, (uint64_t) reply->time);
			buf_put_be32(b, reply->xmin);
			buf_put_be32(b, reply->xmin_epoch);
			buf_put_be32(b, reply->catalog_xmin);
			buf_put_be32(b, reply->catalog_xmin_epoch);
			break;
	}
}

static bool
decode_data(BufReader *r, ReplicationWal *wal)
{
	wal->kind = REPLICATION_DATA;
	if (!buf_get_be64(r, &wal->start) || !buf_get_be64(r, &wal->end) ||
		!get_time(r, &wal->time))
		return false;
	wal->len = buf_left(r);
	return buf_get_bytes(r, wal->len, &wal->data);
}

static bool
decode_keepalive(BufReader *r, ReplicationWal *wal)
{
	wal->kind = REPLICATION_KEEPALIVE;
	return buf_get_be64(r, &wal->end) && get_time(r, &wal->time) &&
		   get_flag(r, &wal->reply_requested) && buf_left(r) == 0;
}

bool
replication_decode_server(
	const uint8_t *body, size_t len, ReplicationWal *out, ErrInfo *err)
{
	BufReader r = buf_reader(body, len);
	ReplicationWal wal = {.start = InvalidLsn};
	uint8_t kind;

	if (!buf_get_u8(&r, &kind))
		return fail_length(err, "replication", len);
	switch (kind)
	{
		case KIND_WAL:
			if (!decode_data(&r, &wal))
				return fail_length(err, "WAL data", len);
			break;
		case KIND_KEEPALIVE:
			if (!decode_keepalive(&r, &wal))
				return fail_length(err, "keepalive", len);
			break;
		default:
			return fail_kind(err, kind);
	}
	*out = wal;
	return true;
}
