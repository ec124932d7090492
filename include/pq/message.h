/*
 * message.h
 *		Messages from the server to the client (protocol docs, Message Formats).
 *
 * Each function appends one complete message to the buffer.  If it does not fit
 * within the buffer's max, the buffer's failed flag is set, and what was put
 * before stays; a caller composes an answer of several messages and looks at
 * failed once.  The messages of WAL streaming are in replication.h.
 */
#ifndef PQ_MESSAGE_H
#define PQ_MESSAGE_H

#include "base.h"

#include "util/buf.h"
#include "util/errinfo.h"

/* Types of result columns.  (pg_type.dat) */
#define TYPE_BOOL ((Oid) 16)
#define TYPE_BYTEA ((Oid) 17)
#define TYPE_INT8 ((Oid) 20)
#define TYPE_INT4 ((Oid) 23)
#define TYPE_TEXT ((Oid) 25)
#define TYPE_OID ((Oid) 26)
#define TYPE_FLOAT8 ((Oid) 701)
#define TYPE_TIMESTAMPTZ ((Oid) 1184)
#define TYPE_LSN ((Oid) 3220)

typedef struct MessageColumn
{
	const char *name;
	Oid type_oid;
	int16_t typlen; /* bytes of the type; -1 if they vary (text, bytea) */
} MessageColumn;

typedef struct MessageValue
{
	const void *data; /* NULL: an SQL NULL */
	size_t len;
} MessageValue;

/* A value in text form; a NULL pointer is an SQL NULL. */
MessageValue message_value(const char *text);

void message_auth_ok(Buf *b);
/*
 * version is the full number that the server is going to speak; names are the
 * protocol extensions that it does not know.
 */
void message_negotiate_version(
	Buf *b, uint32_t version, const char *const *names, size_t count);
void message_parameter_status(Buf *b, const char *name, const char *value);
/* The key is 4 bytes in protocol 3.0, 4 to 256 in 3.2. */
void message_backend_key(
	Buf *b, uint32_t pid, const uint8_t *key, size_t key_len);
/* status: 'I' idle, 'T' in a transaction, 'E' in a failed one. */
void message_ready(Buf *b, char status);

/*
 * severity is "ERROR" (the session lives on) or "FATAL" (it ends); for a notice
 * "WARNING", "NOTICE", "LOG" and so on.  An empty detail or hint is left out,
 * an empty SQLSTATE becomes XX000 (00000 in a notice).
 */
void message_error(Buf *b, const char *severity, const ErrInfo *err);
void message_notice(Buf *b, const char *severity, const ErrInfo *err);

/* All columns in text format. */
void message_row_description(Buf *b, const MessageColumn *cols, size_t count);
/* The same, and whether the values are in binary format. */
void message_row_formats(
	Buf *b, const MessageColumn *cols, const bool *binary, size_t count);
void message_data_row(Buf *b, const MessageValue *vals, size_t count);
void message_command_complete(Buf *b, const char *tag);
void message_empty_query(Buf *b);

/* ---- the extended query protocol ---- */

void message_parse_complete(Buf *b);
void message_bind_complete(Buf *b);
void message_close_complete(Buf *b);
void message_portal_suspended(Buf *b);
void message_no_data(Buf *b);
/* Of a statement without parameters. */
void message_parameter_description(Buf *b);

/* CopyBothResponse: binary or text has no meaning here, no columns. */
void message_copy_both(Buf *b);
void message_copy_done(Buf *b);

#endif /* PQ_MESSAGE_H */
