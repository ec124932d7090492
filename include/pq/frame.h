/*
 * frame.h
 *		Where one message of the frontend/backend protocol ends and the next
 *		begins (protocol docs, Message Formats), from the server's side.
 *
 *		+------+----------------+---------------------------+
 *		| type | int32 length   | body: length - 4 bytes    |
 *		+------+----------------+---------------------------+
 *		         |<-------------- length ----------------->|
 *
 * The first packets of a connection have no type byte: startup.h.
 */
#ifndef PQ_FRAME_H
#define PQ_FRAME_H

#include "base.h"

#include "util/errinfo.h"

/* Type byte and length. */
#define FRAME_HEADER_SIZE 5

/* Messages that a client may send (protocol docs, Message Formats). */
#define FRAME_QUERY 'Q'
#define FRAME_TERMINATE 'X'
#define FRAME_COPY_DATA 'd'
#define FRAME_COPY_DONE 'c'
#define FRAME_COPY_FAIL 'f'
#define FRAME_FLUSH 'H'
#define FRAME_SYNC 'S'
#define FRAME_PARSE 'P'
#define FRAME_BIND 'B'
#define FRAME_DESCRIBE 'D'
#define FRAME_EXECUTE 'E'
#define FRAME_CLOSE 'C'
#define FRAME_FUNCTION_CALL 'F'

typedef struct Frame
{
	uint8_t type;
	const uint8_t *body; /* points into the caller's memory */
	size_t len;          /* of body */
} Frame;

typedef enum FrameStatus
{
	FRAME_OK,
	FRAME_MORE,
	FRAME_BAD
} FrameStatus;

/*
 * Take one message from the front of data.
 *
 * FRAME_OK    *frame and *used (bytes taken, header included) are set
 * FRAME_MORE  the message is not all there yet: call again with more bytes
 * FRAME_BAD   the length is below 4 or the body is longer than max_body; *err
 *             is set (08P01).  The stream cannot be read on from here.
 *
 * A bad length is found with the fifth byte, so a caller whose buffer holds
 * FRAME_HEADER_SIZE + max_body bytes is never asked for more than fits.  The
 * type byte is not judged.  *frame and *used are untouched unless FRAME_OK.
 */
MUST_CHECK FrameStatus frame_parse(const uint8_t *data, size_t len,
	size_t max_body, Frame *frame, size_t *used, ErrInfo *err);

/*
 * The text of a Query message: its body must be one string and the zero byte
 * that ends it, else false and 08P01.  *text points into the frame's memory.
 */
MUST_CHECK bool frame_query_text(
	const Frame *frame, const char **text, ErrInfo *err);

#endif /* PQ_FRAME_H */
