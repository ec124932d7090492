/*
 * extended.h
 *		Messages of the extended query protocol, as a client sends them (protocol
 *		docs, Message Formats: Parse, Bind, Describe, Execute, Close).
 *
 * Statements have no parameters here, so what is said of parameters is read, and
 * refused unless it says that there are none.  Strings point into the frame.
 * All return false with err: 08P01 for a wrong layout, 0A000 for parameters and
 * unknown formats.
 */
#ifndef PQ_EXTENDED_H
#define PQ_EXTENDED_H

#include "base.h"

#include "pq/frame.h"
#include "util/errinfo.h"

/* More columns than any result of ours has. */
#define EXTENDED_FORMATS_MAX 64

typedef struct ExtendedParse
{
	const char *statement; /* its name; "": the unnamed one */
	const char *query;
} ExtendedParse;

/*
 * The formats of result columns: none: all text; one: that for all; else one for
 * each column.
 */
typedef struct ExtendedFormats
{
	size_t count;
	bool binary[EXTENDED_FORMATS_MAX];
} ExtendedFormats;

typedef struct ExtendedBind
{
	const char *portal;
	const char *statement;
	ExtendedFormats formats;
} ExtendedBind;

/* Of Describe and Close. */
typedef struct ExtendedTarget
{
	bool is_portal; /* or a statement */
	const char *name;
} ExtendedTarget;

typedef struct ExtendedExecute
{
	const char *portal;
	uint32_t row_limit; /* 0: none */
} ExtendedExecute;

MUST_CHECK bool extended_parse(
	const Frame *frame, ExtendedParse *out, ErrInfo *err);
MUST_CHECK bool extended_bind(
	const Frame *frame, ExtendedBind *out, ErrInfo *err);
MUST_CHECK bool extended_target(
	const Frame *frame, ExtendedTarget *out, ErrInfo *err);
MUST_CHECK bool extended_execute(
	const Frame *frame, ExtendedExecute *out, ErrInfo *err);

/* The format of a column. */
bool extended_is_binary(const ExtendedFormats *formats, size_t column);

#endif /* PQ_EXTENDED_H */
