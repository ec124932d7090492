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

static void
begin_error(void)
{
	fflush(stdout);
	fputs("walbouncerctl: ", stderr);
}

void
say_error(const char *fmt, ...)
{
	va_list ap;

	begin_error();
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
say_errinfo(const ErrInfo *err)
{
	begin_error();
	errinfo_print(stderr, err);
}
