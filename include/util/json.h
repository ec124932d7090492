/*
 * json.h
 *		JSON text (RFC 8259), written piece by piece into a buffer.
 *
 *		json_object_begin(&j); json_key(&j, "pid"); json_int(&j, 4711); ...
 *
 * Commas are put where they belong.  Nesting and pairing are the caller's; what
 * does not fit into the buffer sets its failed flag.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include "base.h"

#include "util/buf.h"

typedef struct Json
{
	Buf *out;   /* borrowed */
	bool comma; /* before the next value or key */
} Json;

void json_init(Json *j, Buf *out);

void json_object_begin(Json *j);
void json_object_end(Json *j);
void json_array_begin(Json *j);
void json_array_end(Json *j);

/* The key of the value that comes next. */
void json_key(Json *j, const char *key);

/*
 * Strings are UTF-8; a byte that begins no valid sequence becomes U+FFFD, so that
 * whatever a client has called itself the text stays JSON.  NULL is null.
 */
void json_string(Json *j, const char *text);
void json_int(Json *j, int64_t value);
void json_bool(Json *j, bool value);
void json_null(Json *j);
/* What is neither finite nor a number is null. */
void json_double(Json *j, double value);
/* A number that is text already; if it is not JSON's kind of number, a string. */
void json_number_text(Json *j, const char *text);

#endif /* UTIL_JSON_H */
