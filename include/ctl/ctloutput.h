/*
 * ctloutput.h
 *		Results of the console for people and for programs.
 */
#ifndef CTL_CTLOUTPUT_H
#define CTL_CTLOUTPUT_H

#include "base.h"

#include <libpq-fe.h>

#include "ctl/ctlargs.h"
#include "util/buf.h"
#include "util/errinfo.h"

/* As the command line says: a table, a line for each value, or JSON. */
MUST_CHECK bool ctloutput_print(
	const CtlArgs *args, const PGresult *result, ErrInfo *err);

/* An error on the standard error: as text, or as a JSON object. */
void ctloutput_error(const CtlArgs *args, const ErrInfo *err);

/* An array with an object for each row; its failed flag if it is too large. */
void ctloutput_json(const PGresult *result, Buf *out);

/*
 * Columns that a text takes on a terminal.  Characters that would do something to
 * it are written as \xNN, whoever has chosen the text.
 */
size_t ctloutput_width(const char *text);
/* Writes it that way. */
void ctloutput_put(Buf *out, const char *text);

#endif /* CTL_CTLOUTPUT_H */
