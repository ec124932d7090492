/*
 * typevalue.h
 *		Values of the types that our results have, from their text form: in
 *		PostgreSQL's binary format (send functions: int.c, int8.c, bool.c, float.c,
 *		pg_lsn.c, timestamp.c), and as JSON.
 */
#ifndef PQ_TYPEVALUE_H
#define PQ_TYPEVALUE_H

#include "base.h"

#include "util/buf.h"
#include "util/json.h"

/* Bytes of the type (pg_type.typlen); -1 if they vary. */
int16_t typevalue_len(Oid type);
/* Whether they are numbers: to the right in a table, bare in JSON. */
bool typevalue_is_number(Oid type);

/*
 * Append the binary form of a value in text form.  False, with nothing appended, if
 * text is not a value of the type, or the type is none of message.h's.
 */
MUST_CHECK bool typevalue_put_binary(Buf *b, Oid type, const char *text);

/* NULL is null. */
void typevalue_put_json(Json *j, Oid type, const char *text);

#endif /* PQ_TYPEVALUE_H */
