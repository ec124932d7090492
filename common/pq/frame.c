/*
 * frame.c
 *		Find the messages in a stream of bytes.  See frame.h.
 */
#include "base.h"

#include <string.h>

#include "pq/frame.h"
#include "util/buf.h"

/* The length word counts itself. */
#define LENGTH_SIZE 4

FrameStatus
frame_parse(const uint8_t *data, size_t len, size_t max_body, Frame *frame,
	size_t *used, ErrInfo *err)
{
	BufReader r = buf_reader(data, len);
	const uint8_t *body;
	uint8_t type;
	uint32_t length;

	if (!buf_get_u8(&r, &type) || !buf_get_be32(&r, &length))
		return FRAME_MORE;
	if (length < LENGTH_SIZE || length - LENGTH_SIZE > max_body)
	{
		/* The type byte may be anything: it is not shown as a character. */
		errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"invalid message length %" PRId32, (int32_t) length);
		errinfo_detail(err,
			"The message has type 0x%02X; 4 to %zu bytes were expected.", type,
			max_body + LENGTH_SIZE);
		return FRAME_BAD;
	}
	if (!buf_get_bytes(&r, length - LENGTH_SIZE, &body))
		return FRAME_MORE;
	*frame = (Frame){.type = type, .body = body, .len = length - LENGTH_SIZE};
	*used = r.pos;
	return FRAME_OK;
}

bool
frame_query_text(const Frame *frame, const char **text, ErrInfo *err)
{
	BufReader r = buf_reader(frame->body, frame->len);
	const char *s;

	if (!buf_get_cstring(&r, &s) || buf_left(&r) != 0)
		return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"invalid query message: expected one zero byte, at the end");
	*text = s;
	return true;
}
