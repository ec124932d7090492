/*
 * message.c
 *		Put together what a server says.  See message.h.
 */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "pq/message.h"

/* Message types (protocol docs, Message Formats). */
#define MSG_AUTHENTICATION 'R'
#define MSG_NEGOTIATE_VERSION 'v'
#define MSG_PARAMETER_STATUS 'S'
#define MSG_BACKEND_KEY 'K'
#define MSG_READY 'Z'
#define MSG_ERROR 'E'
#define MSG_NOTICE 'N'
#define MSG_ROW_DESCRIPTION 'T'
#define MSG_DATA_ROW 'D'
#define MSG_COMMAND_COMPLETE 'C'
#define MSG_EMPTY_QUERY 'I'
#define MSG_PARSE_COMPLETE '1'
#define MSG_BIND_COMPLETE '2'
#define MSG_CLOSE_COMPLETE '3'
#define MSG_PORTAL_SUSPENDED 's'
#define MSG_NO_DATA 'n'
#define MSG_PARAMETER_DESCRIPTION 't'
#define MSG_COPY_BOTH 'W'
#define MSG_COPY_DONE 'c'

#define SQLSTATE_SUCCESS "00000"

/* Start a message; the result is for message_end(). */
static size_t
message_begin(Buf *b, char type)
{
	size_t start = b->len;

	buf_put_u8(b, (uint8_t) type);
	buf_put_be32(b, 0);
	return start;
}

/* Fill in the length, or take back a message that did not fit. */
static void
message_end(Buf *b, size_t start)
{
	if (b->failed)
		b->len = start;
	else
		buf_poke_be32(b, start + 1, (uint32_t) (b->len - start - 1));
}

MessageValue
message_value(const char *text)
{
	return (MessageValue){.data = text, .len = text ? strlen(text) : 0};
}

void
message_auth_ok(Buf *b)
{
	size_t start = message_begin(b, MSG_AUTHENTICATION);

	buf_put_be32(b, 0);
	message_end(b, start);
}

void
message_negotiate_version(
	Buf *b, uint32_t version, const char *const *names, size_t count)
{
	size_t start = message_begin(b, MSG_NEGOTIATE_VERSION);

	buf_put_be32(b, version);
	buf_put_be32(b, (uint32_t) count);
	for (size_t i = 0; i < count; i++)
		buf_put_cstring(b, names[i]);
	message_end(b, start);
}

void
message_parameter_status(Buf *b, const char *name, const char *value)
{
	size_t start = message_begin(b, MSG_PARAMETER_STATUS);

	buf_put_cstring(b, name);
	buf_put_cstring(b, value);
	message_end(b, start);
}

void
message_backend_key(Buf *b, uint32_t pid, const uint8_t *key, size_t key_len)
{
	size_t start = message_begin(b, MSG_BACKEND_KEY);

	buf_put_be32(b, pid);
	buf_put_bytes(b, key, key_len);
	message_end(b, start);
}

void
message_ready(Buf *b, char status)
{
	size_t start = message_begin(b, MSG_READY);

	buf_put_u8(b, (uint8_t) status);
	message_end(b, start);
}

static void
put_field(Buf *b, char code, const char *value)
{
	buf_put_u8(b, (uint8_t) code);
	buf_put_cstring(b, value);
}

/*
 * ErrorResponse and NoticeResponse have one layout.  Field V is the severity
 * that is never translated, which ours never is.
 */
static void
put_report(Buf *b, char type, const char *severity, const char *sqlstate,
	const ErrInfo *err)
{
	size_t start = message_begin(b, type);

	put_field(b, 'S', severity);
	put_field(b, 'V', severity);
	put_field(b, 'C', sqlstate);
	put_field(b, 'M', err->message);
	if (err->detail[0] != '\0')
		put_field(b, 'D', err->detail);
	if (err->hint[0] != '\0')
		put_field(b, 'H', err->hint);
	if (err->position > 0)
	{
		char digits[16];

		snprintf(digits, sizeof(digits), "%d", err->position);
		put_field(b, 'P', digits);
	}
	buf_put_u8(b, 0);
	message_end(b, start);
}

void
message_error(Buf *b, const char *severity, const ErrInfo *err)
{
	put_report(b, MSG_ERROR, severity,
		err->sqlstate[0] ? err->sqlstate : SQLSTATE_INTERNAL_ERROR, err);
}

void
message_notice(Buf *b, const char *severity, const ErrInfo *err)
{
	put_report(b, MSG_NOTICE, severity,
		err->sqlstate[0] ? err->sqlstate : SQLSTATE_SUCCESS, err);
}

void
message_row_description(Buf *b, const MessageColumn *cols, size_t count)
{
	message_row_formats(b, cols, NULL, count);
}

void
message_row_formats(
	Buf *b, const MessageColumn *cols, const bool *binary, size_t count)
{
	size_t start = message_begin(b, MSG_ROW_DESCRIPTION);

	buf_put_be16(b, (uint16_t) count);
	for (size_t i = 0; i < count; i++)
	{
		buf_put_cstring(b, cols[i].name);
		buf_put_be32(b, 0); /* not a column of a table */
		buf_put_be16(b, 0);
		buf_put_be32(b, cols[i].type_oid);
		buf_put_be16(b, (uint16_t) cols[i].typlen);
		buf_put_be32(b, UINT32_MAX); /* type modifier: none */
		buf_put_be16(b, binary != NULL && binary[i] ? 1 : 0);
	}
	message_end(b, start);
}

void
message_data_row(Buf *b, const MessageValue *vals, size_t count)
{
	size_t start = message_begin(b, MSG_DATA_ROW);

	buf_put_be16(b, (uint16_t) count);
	for (size_t i = 0; i < count; i++)
	{
		if (vals[i].data == NULL)
		{
			buf_put_be32(b, UINT32_MAX);
			continue;
		}
		buf_put_be32(b, (uint32_t) vals[i].len);
		buf_put_bytes(b, vals[i].data, vals[i].len);
	}
	message_end(b, start);
}

void
message_command_complete(Buf *b, const char *tag)
{
	size_t start = message_begin(b, MSG_COMMAND_COMPLETE);

	buf_put_cstring(b, tag);
	message_end(b, start);
}

void
message_empty_query(Buf *b)
{
	message_end(b, message_begin(b, MSG_EMPTY_QUERY));
}

void
message_parse_complete(Buf *b)
{
	message_end(b, message_begin(b, MSG_PARSE_COMPLETE));
}

void
message_bind_complete(Buf *b)
{
	message_end(b, message_begin(b, MSG_BIND_COMPLETE));
}

void
message_close_complete(Buf *b)
{
	message_end(b, message_begin(b, MSG_CLOSE_COMPLETE));
}

void
message_portal_suspended(Buf *b)
{
	message_end(b, message_begin(b, MSG_PORTAL_SUSPENDED));
}

void
message_no_data(Buf *b)
{
	message_end(b, message_begin(b, MSG_NO_DATA));
}

void
message_parameter_description(Buf *b)
{
	size_t start = message_begin(b, MSG_PARAMETER_DESCRIPTION);

	buf_put_be16(b, 0);
	message_end(b, start);
}

void
message_copy_both(Buf *b)
{
	size_t start = message_begin(b, MSG_COPY_BOTH);

	buf_put_u8(b, 0);
	buf_put_be16(b, 0);
	message_end(b, start);
}

void
message_copy_done(Buf *b)
{
	message_end(b, message_begin(b, MSG_COPY_DONE));
}
