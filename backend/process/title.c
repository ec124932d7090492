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
	char **environment; /* where it has been moved to */
} title;

/* The environment in one block, which setenv() may leave or change at will. */
static void
move_environment(void)
{
	char **block;
	size_t count = 0;
	size_t size = 0;
	char *text;

	for (; environ[count] != NULL; count++)
		size += strlen(environ[count]) + 1;
	block = mem_alloc((count + 1) * sizeof(char *) + size);
	text = (char *) (block + count + 1);
	for (size_t i = 0; i < count; i++)
	{
		block[i] = text;
		text = stpcpy(text, environ[i]) + 1;
	}
	block[count] = NULL;
	title.environment = block;
	environ = block;
}

void
title_init(int argc, char **argv)
{
	char *end;

	if (argc == 0)
		return;
	end = argv[0] + strlen(argv[0]) + 1;
	for (int i = 1; i < argc; i++)
	{
		if (argv[i] == end)
			end = argv[i] + strlen(argv[i]) + 1;
	}
	for (char **e = environ; *e != NULL; e++)
	{
		if (*e == end)
			end = *e + strlen(*e) + 1;
	}
	move_environment();
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
