/*
 * errinfo.c
 *		Carry an error to the one who decides.  See errinfo.h.
 */
#include "base.h"

#include <stdarg.h>
#include <string.h>

#include "util/errinfo.h"

bool
errinfo_set(ErrInfo *err, const char *sqlstate, const char *fmt, ...)
{
	va_list ap;

	errinfo_clear(err);
	snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return false;
}

bool
errinfo_detail(ErrInfo *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->detail, sizeof(err->detail), fmt, ap);
	va_end(ap);
	return false;
}

bool
errinfo_hint(ErrInfo *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return false;
}

void
errinfo_clear(ErrInfo *err)
{
	err->sqlstate[0] = '\0';
	err->message[0] = '\0';
	err->detail[0] = '\0';
	err->hint[0] = '\0';
	err->position = 0;
}

void
errinfo_print(FILE *to, const ErrInfo *err)
{
	fprintf(to, "%s\n", err->message);
	if (err->detail[0] != '\0')
		fprintf(to, "DETAIL:  %s\n", err->detail);
	if (err->hint[0] != '\0')
		fprintf(to, "HINT:  %s\n", err->hint);
}
