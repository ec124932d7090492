/*
 * fetchcommand.c
 *		The text of wal_fetch_command.  See fetchcommand.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/fetchcommand.h"
#include "util/mem.h"

bool
fetchcommand_check(const char *command, ErrInfo *err)
{
	for (const char *p = command; (p = strchr(p, '%')) != NULL; p += 2)
	{
		if (p[1] != '\0' && strchr("fp%", p[1]) != NULL)
			continue;
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"\"wal_fetch_command\" has \"%.2s\" in it: \"%s\"", p, command);
		return errinfo_hint(err,
			"%%f is the name of a segment, %%p the path to put it at; for "
			"\"%%\" itself write \"%%%%\".");
	}
	return true;
}

bool
fetchcommand_directory_safe(const char *directory)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							   "abcdefghijklmnopqrstuvwxyz0123456789"
							   "/_.,:+=@-";

	/* a "-" in front would be an option of the command */
	return directory[0] != '\0' && directory[0] != '-' &&
		   strspn(directory, safe) == strlen(directory);
}

/* Returns how many bytes that are, without the terminator; out may be NULL. */
static size_t
expand(const char *command, const char *name, const char *path, char *out)
{
	size_t len = 0;

	for (const char *p = command; *p != '\0'; p++)
	{
		const char *piece = p;
		size_t n = 1;

		if (*p == '%' && p[1] != '\0')
		{
			p++;
			piece = *p == 'f' ? name : *p == 'p' ? path : "%";
			n = strlen(piece);
		}
		if (out != NULL)
			memcpy(out + len, piece, n);
		len += n;
	}
	if (out != NULL)
		out[len] = '\0';
	return len;
}

char *
fetchcommand_expand(const char *command, const char *name, const char *path)
{
	char *text = mem_alloc(expand(command, name, path, NULL) + 1);

	expand(command, name, path, text);
	return text;
}
