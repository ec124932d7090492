/*
 * title.c
 *		What ps shows.  See title.h.
 *
 * Linux shows the memory that argv occupied when the program was started.  The
 * environment lies right behind it, which makes room for a longer text once the
 * environment has been moved.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "process/title.h"
#include "util/mem.h"

static struct
{
	char *area; /* NULL: nothing can be shown */
	size_t size;
} title;

void
title_init(int argc, char **argv)
{
	char *end;
	size_t count = 0;
	char **copy;

	if (argc == 0)
		return;
	end = argv[0] + strlen(argv[0]) + 1;
	for (int i = 1; i < argc; i++)
	{
		if (argv[i] == end)
			end = argv[i] + strlen(argv[i]) + 1;
	}
	while (environ[count] != NULL)
		count++;
	copy = mem_alloc((count + 1) * sizeof(char *));
	for (size_t i = 0; i < count; i++)
	{
		if (environ[i] == end)
			end = environ[i] + strlen(environ[i]) + 1;
		copy[i] = mem_strdup(environ[i]);
	}
	copy[count] = NULL;
	environ = copy;
	title.area = argv[0];
	title.size = (size_t) (end - argv[0]);
	for (int i = 0; i < argc; i++)
		argv[i] = mem_strdup(argv[i]);
}

void
title_set(const char *fmt, ...)
{
	va_list ap;
	char text[256];
	int len;

	if (title.area == NULL)
		return;
	len = snprintf(text, sizeof(text), "walbouncer: ");
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t) len, fmt, ap);
	va_end(ap);
	memset(title.area, 0, title.size);
	memcpy(title.area, text, Min(strlen(text), title.size - 1));
}
