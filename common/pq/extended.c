/*
 * extended.c
 *		Read messages of the extended query protocol.  See extended.h.
 */
#include "base.h"

#include <string.h>

#include "pq/extended.h"
#include "util/buf.h"

#define FORMAT_TEXT 0
#define FORMAT_BINARY 1

static bool
fail_layout(const char *message, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		"invalid layout of %s message", message);
}

static bool
fail_parameters(ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		"parameters are not supported in the console");
	return errinfo_hint(err, "Write the value into the command.");
}

bool
extended_parse(const Frame *frame, ExtendedParse *out, ErrInfo *err)
{
	BufReader r = buf_reader(frame->body, frame->len);
	uint16_t types;

	if (!buf_get_cstring(&r, &out->statement) ||
		!buf_get_cstring(&r, &out->query) || !buf_get_be16(&r, &types) ||
		buf_left(&r) != (size_t) types * 4)
		return fail_layout("Parse", err);
	return types == 0 || fail_parameters(err);
}

static bool
get_formats(BufReader *r, ExtendedFormats *formats, ErrInfo *err)
{
	uint16_t count;
	uint16_t format;

	if (!buf_get_be16(r, &count) || buf_left(r) != (size_t) count * 2)
		return fail_layout("Bind", err);
	if (count > EXTENDED_FORMATS_MAX)
		return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"bind message has %u result formats, which no result has columns "
			"for",
			count);
	formats->count = count;
	for (size_t i = 0; i < count; i++)
	{
		if (!buf_get_be16(r, &format))
			return fail_layout("Bind", err);
		if (format != FORMAT_TEXT && format != FORMAT_BINARY)
			return errinfo_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
				"unsupported format code: %u", format);
		formats->binary[i] = format == FORMAT_BINARY;
	}
	return true;
}

bool
extended_bind(const Frame *frame, ExtendedBind *out, ErrInfo *err)
{
	BufReader r = buf_reader(frame->body, frame->len);
	uint16_t formats;
	uint16_t values;

	if (!buf_get_cstring(&r, &out->portal) ||
		!buf_get_cstring(&r, &out->statement) || !buf_get_be16(&r, &formats) ||
		!buf_skip(&r, (size_t) formats * 2) || !buf_get_be16(&r, &values))
		return fail_layout("Bind", err);
	/* formats without values say nothing */
	if (values != 0)
		return fail_parameters(err);
	return get_formats(&r, &out->formats, err);
}

bool
extended_target(const Frame *frame, ExtendedTarget *out, ErrInfo *err)
{
	BufReader r = buf_reader(frame->body, frame->len);
	uint8_t kind;

	if (!buf_get_u8(&r, &kind) || (kind != 'S' && kind != 'P') ||
		!buf_get_cstring(&r, &out->name) || buf_left(&r) != 0)
		return fail_layout(
			frame->type == FRAME_CLOSE ? "Close" : "Describe", err);
	out->is_portal = kind == 'P';
	return true;
}

bool
extended_execute(const Frame *frame, ExtendedExecute *out, ErrInfo *err)
{
	BufReader r = buf_reader(frame->body, frame->len);
	uint32_t limit;

	if (!buf_get_cstring(&r, &out->portal) || !buf_get_be32(&r, &limit) ||
		buf_left(&r) != 0)
		return fail_layout("Execute", err);
	/* a negative number is no limit (postgres.c, exec_execute_message) */
	out->row_limit = limit > INT32_MAX ? 0 : limit;
	return true;
}

bool
extended_is_binary(const ExtendedFormats *formats, size_t column)
{
	if (formats->count <= 1)
		return formats->count == 1 && formats->binary[0];
	return column < formats->count && formats->binary[column];
}
