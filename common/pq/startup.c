/*
 * startup.c
 *		Read the packets that open a connection.  See startup.h.
 *
 * Everything here comes from somebody who has not said who he is, so the order
 * of the checks is that of cost: one byte, the length, the code, the rest.
 */
#include "base.h"

#include <string.h>
#include <strings.h>

#include "pq/startup.h"
#include "util/buf.h"

#define LENGTH_SIZE 4
#define CODE_SIZE 4
#define HEADER_SIZE (LENGTH_SIZE + CODE_SIZE)

/*
 * What stands in place of a protocol version in a packet that starts no
 * session.  (protocol docs, Message Formats; pqcomm.h)
 */
#define CODE_CANCEL PROTOCOL_VERSION(1234, 5678)
#define CODE_SSL PROTOCOL_VERSION(1234, 5679)
#define CODE_GSSENC PROTOCOL_VERSION(1234, 5680)

/* Content type "handshake" of a TLS record (RFC 8446, 5.1). */
#define TLS_HANDSHAKE 0x16

#define EXTENSION_PREFIX "_pq_."

/* Parameters that are kept, and where. */
static const struct
{
	const char *name;
	size_t offset;
} parameters[] = {
	{"user", offsetof(StartupPacket, user)},
	{"database", offsetof(StartupPacket, database)},
	{"application_name", offsetof(StartupPacket, application_name)},
	{"options", offsetof(StartupPacket, options)},
};

/*
 * PostgreSQL's booleans: any case, and any beginning that only one of the words
 * has.  (protocol docs, Streaming Replication Protocol; bool.c)
 */
static const struct
{
	const char *word;
	size_t min; /* shortest beginning that is accepted */
	StartupReplication means;
} booleans[] = {
	{"true", 1, STARTUP_REPLICATION_PHYSICAL},
	{"yes", 1, STARTUP_REPLICATION_PHYSICAL},
	{"on", 2, STARTUP_REPLICATION_PHYSICAL},
	{"1", 1, STARTUP_REPLICATION_PHYSICAL},
	{"false", 1, STARTUP_REPLICATION_NONE},
	{"no", 1, STARTUP_REPLICATION_NONE},
	{"off", 2, STARTUP_REPLICATION_NONE},
	{"0", 1, STARTUP_REPLICATION_NONE},
};

static bool check_length(uint32_t length, ErrInfo *err);
static bool check_code(uint32_t code, uint32_t length, ErrInfo *err);
static bool parse_cancel(BufReader *r, StartupPacket *out, ErrInfo *err);
static bool parse_session(
	BufReader *r, uint32_t code, StartupPacket *out, ErrInfo *err);

FrameStatus
startup_parse(const uint8_t *data, size_t len, StartupPacket *out, size_t *used,
	ErrInfo *err)
{
	BufReader r = buf_reader(data, len);
	StartupPacket packet = {.kind = STARTUP_SESSION};
	const uint8_t *rest;
	uint32_t length;
	uint32_t code;
	bool ok = true;

	if (len > 0 && data[0] == TLS_HANDSHAKE)
	{
		errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"TLS handshake without a preceding SSLRequest");
		errinfo_hint(err, "Remove sslnegotiation=direct from the client's "
						  "connection string.");
		return FRAME_BAD;
	}
	if (!buf_get_be32(&r, &length))
		return FRAME_MORE;
	if (!check_length(length, err))
		return FRAME_BAD;
	if (!buf_get_be32(&r, &code))
		return FRAME_MORE;
	if (!check_code(code, length, err))
		return FRAME_BAD;
	if (!buf_get_bytes(&r, length - HEADER_SIZE, &rest))
		return FRAME_MORE;

	r = buf_reader(rest, length - HEADER_SIZE);
	switch (code)
	{
		case CODE_SSL:
			packet.kind = STARTUP_SSL;
			break;
		case CODE_GSSENC:
			packet.kind = STARTUP_GSSENC;
			break;
		case CODE_CANCEL:
			ok = parse_cancel(&r, &packet, err);
			break;
		default:
			ok = parse_session(&r, code, &packet, err);
			break;
	}
	if (!ok)
		return FRAME_BAD;
	*out = packet;
	*used = length;
	return FRAME_OK;
}

static bool
check_length(uint32_t length, ErrInfo *err)
{
	if (length >= HEADER_SIZE && length <= STARTUP_MAX_LEN)
		return true;
	errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		"invalid length of startup packet: %" PRId32, (int32_t) length);
	return errinfo_detail(err, "A length of %d to %d bytes was expected.",
		HEADER_SIZE, STARTUP_MAX_LEN);
}

/* Is the code one that we know, in a packet that can be one of that kind? */
static bool
check_code(uint32_t code, uint32_t length, ErrInfo *err)
{
	uint32_t min = HEADER_SIZE;
	uint32_t max = HEADER_SIZE;

	switch (code)
	{
		case CODE_SSL:
		case CODE_GSSENC:
			break;
		case CODE_CANCEL:
			min = HEADER_SIZE + 4 + STARTUP_CANCEL_KEY_MIN;
			max = HEADER_SIZE + 4 + STARTUP_CANCEL_KEY_MAX;
			break;
		default:
			if (code >> 16 != 3)
			{
				errinfo_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
					"unsupported frontend protocol %u.%u (3.0 to 3.2 are "
					"supported)",
					code >> 16, code & 0xFFFF);
				return false;
			}
			return true;
	}
	if (length >= min && length <= max)
		return true;
	return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		"invalid length of %s request: %" PRIu32,
		code == CODE_SSL      ? "SSL"
		: code == CODE_GSSENC ? "GSSAPI encryption"
							  : "cancel",
		length);
}

static bool
parse_cancel(BufReader *r, StartupPacket *out, ErrInfo *err)
{
	out->kind = STARTUP_CANCEL;
	if (!buf_get_be32(r, &out->cancel_pid))
		return errinfo_set(
			err, SQLSTATE_PROTOCOL_VIOLATION, "invalid cancel request");
	out->cancel_key_len = buf_left(r);
	if (!buf_get_bytes(r, out->cancel_key_len, &out->cancel_key))
		return errinfo_set(
			err, SQLSTATE_PROTOCOL_VIOLATION, "invalid cancel request");
	return true;
}

/*
 * Which of the versions that we speak, 3.0 and 3.2, is the highest that the
 * client also speaks.  3.1 was never made.
 */
static uint32_t
choose_version(uint32_t requested)
{
	return requested >= PROTOCOL_3_2 ? PROTOCOL_3_2 : PROTOCOL_3_0;
}

static bool
parse_replication(
	const char *value, StartupReplication *replication, ErrInfo *err)
{
	size_t len = strlen(value);

	if (strcmp(value, "database") == 0)
	{
		*replication = STARTUP_REPLICATION_LOGICAL;
		return true;
	}
	for (size_t i = 0; i < lengthof(booleans); i++)
	{
		if (len >= booleans[i].min && len <= strlen(booleans[i].word) &&
			strncasecmp(value, booleans[i].word, len) == 0)
		{
			*replication = booleans[i].means;
			return true;
		}
	}
	errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
		"invalid value for parameter \"replication\": \"%s\"", value);
	return errinfo_hint(err, "Use a boolean, or \"database\".");
}

static bool
set_parameter(
	StartupPacket *out, const char *name, const char *value, ErrInfo *err)
{
	if (strcmp(name, "replication") == 0)
		return parse_replication(value, &out->replication, err);
	if (strncmp(name, EXTENSION_PREFIX, strlen(EXTENSION_PREFIX)) == 0)
	{
		if (out->extension_count == STARTUP_MAX_EXTENSIONS)
			return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
				"too many protocol extensions in startup packet");
		out->extensions[out->extension_count++] = name;
		return true;
	}
	for (size_t i = 0; i < lengthof(parameters); i++)
	{
		if (strcmp(name, parameters[i].name) == 0)
		{
			const char **field =
				(const char **) ((char *) out + parameters[i].offset);

			*field = value;
			return true;
		}
	}
	return true;
}

static bool
parse_session(BufReader *r, uint32_t code, StartupPacket *out, ErrInfo *err)
{
	out->kind = STARTUP_SESSION;
	out->requested = code;
	out->version = choose_version(code);
	out->user = "";
	out->database = "";
	out->application_name = "";
	out->options = "";

	/* Pairs of strings, until an empty name, which is the last byte. */
	for (;;)
	{
		const char *name;
		const char *value;

		if (!buf_get_cstring(r, &name))
			goto bad_layout;
		if (name[0] == '\0')
			break;
		if (!buf_get_cstring(r, &value))
			goto bad_layout;
		if (!set_parameter(out, name, value, err))
			return false;
	}
	if (buf_left(r) != 0)
		goto bad_layout;

	if (out->user[0] == '\0')
		return errinfo_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			"no PostgreSQL user name specified in startup packet");
	if (out->database[0] == '\0')
		out->database = out->user;
	out->negotiate = out->version != out->requested || out->extension_count > 0;
	return true;

bad_layout:
	return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		"invalid startup packet layout: expected a zero byte at the end, and "
		"only there an empty name");
}
