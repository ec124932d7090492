/*
 * say.c
 *		What walbouncerctl says on the terminal.  See say.h.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>

#include "ctl/say.h"

void
say(bool silent, const char *fmt, ...)
{
	va_list ap;

	if (silent)
		return;
	va_start(ap, fmt);
	vfprintf(stdout, fmt, ap);
	va_end(ap);
	fflush(stdout);
}

void
say_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("walbouncerctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
say_errinfo(const ErrInfo *err)
{
	say_error("%s", err->message);
	if (err->detail[0] != '\0')
		fprintf(stderr, "DETAIL:  %s\n", err->detail);
	if (err->hint[0] != '\0')
		fprintf(stderr, "HINT:  %s\n", err->hint);
}
