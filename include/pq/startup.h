/*
 * startup.h
 *		The packets that open a connection, before any message with a type byte
 *		(protocol docs, Message Formats: StartupMessage, SSLRequest,
 *		GSSENCRequest, CancelRequest).
 *
 * A client may ask for encryption first, perhaps for both kinds in turn, and
 * then sends one CancelRequest or one StartupMessage.  How often, and that no
 * byte may follow an SSLRequest that is answered with 'S', is the caller's rule.
 */
#ifndef PQ_STARTUP_H
#define PQ_STARTUP_H

#include "base.h"

#include "pq/frame.h"
#include "util/errinfo.h"

/* Length word included.  (pqcomm.h, MAX_STARTUP_PACKET_LENGTH) */
#define STARTUP_MAX_LEN 10000

/* Unrecognised protocol extensions ("_pq_." names) that a packet may carry. */
#define STARTUP_MAX_EXTENSIONS 32

/* Length of a cancel key: 4 in protocol 3.0, up to 256 from 3.2 on. */
#define STARTUP_CANCEL_KEY_MIN 4
#define STARTUP_CANCEL_KEY_MAX 256

#define PROTOCOL_VERSION(major, minor) ((uint32_t) (major) << 16 | (minor))
#define PROTOCOL_3_0 PROTOCOL_VERSION(3, 0)
#define PROTOCOL_3_2 PROTOCOL_VERSION(3, 2)

typedef enum StartupKind
{
	STARTUP_SSL,
	STARTUP_GSSENC,
	STARTUP_CANCEL,
	STARTUP_SESSION
} StartupKind;

/* What the parameter "replication" asks for. */
typedef enum StartupReplication
{
	STARTUP_REPLICATION_NONE,     /* absent, or a false boolean: ordinary SQL */
	STARTUP_REPLICATION_PHYSICAL, /* a true boolean */
	STARTUP_REPLICATION_LOGICAL   /* "database" */
} StartupReplication;

/* All pointers are into the packet; all strings end with a zero byte. */
typedef struct StartupPacket
{
	StartupKind kind;

	/* STARTUP_CANCEL */
	uint32_t cancel_pid;
	const uint8_t *cancel_key;
	size_t cancel_key_len;

	/*
	 * STARTUP_SESSION.  requested is what the client wrote, version what is
	 * to be spoken: PROTOCOL_3_0 or PROTOCOL_3_2.  If negotiate is set, the
	 * first answer must be message_negotiate_version() with version and the
	 * extensions; the session then goes on as usual.
	 */
	uint32_t requested;
	uint32_t version;
	bool negotiate;
	const char *extensions[STARTUP_MAX_EXTENSIONS];
	size_t extension_count;

	StartupReplication replication;
	const char *user;             /* never NULL or empty */
	const char *database;         /* the user's name if the client gave none */
	const char *application_name; /* "" if the client gave none */
	const char *options;          /* "" if the client gave none */
} StartupPacket;

/*
 * Take one opening packet from the front of data.
 *
 * FRAME_OK    *out and *used (bytes taken) are set
 * FRAME_MORE  not all there yet
 * FRAME_BAD   *err says why, and the connection ends with it:
 *             08P01 a length, a layout or direct TLS
 *             0A000 a protocol other than 3
 *             22023 a value of "replication" that means nothing
 *             28000 no user
 *
 * *out and *used are untouched unless FRAME_OK.  A first byte of 0x16 (a TLS
 * handshake without SSLRequest) is found at once, a bad length with the fourth
 * byte, an unknown request code or protocol with the eighth.  A parameter that
 * is given twice counts as it was given last, as in PostgreSQL.  Parameters
 * not listed above are settings of a session, and are passed over.
 */
MUST_CHECK FrameStatus startup_parse(const uint8_t *data, size_t len,
	StartupPacket *out, size_t *used, ErrInfo *err);

#endif /* PQ_STARTUP_H */
