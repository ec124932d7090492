/*
 * mem.c
 *		Allocation that does not return NULL.  See mem.h.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exitcode.h"
#include "util/log.h"
#include "util/mem.h"

static void *
check(void *ptr)
{
	if (ptr == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	return ptr;
}

void *
mem_alloc(size_t size)
{
	return check(malloc(Max(size, 1)));
}

void *
mem_alloc0(size_t size)
{
	return check(calloc(1, Max(size, 1)));
}

void *
mem_realloc(void *ptr, size_t size)
{
	return check(realloc(ptr, Max(size, 1)));
}

char *
mem_strdup(const char *s)
{
	return check(strdup(s));
}

char *
mem_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return check(n < 0 ? NULL : s);
}
