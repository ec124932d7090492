/*
 * cmdline.c
 *		Options, and what is wrong with them.  See cmdline.h.
 */
#include "base.h"

#include <string.h>

#include "util/cmdline.h"

CmdlineStatus
cmdline_next(int argc, char **argv, const char *letters,
	const struct option *words, int *option, ErrInfo *err)
{
	const char *word;

	opterr = 0;
	*option = getopt_long(argc, argv, letters, words, NULL);
	if (*option == -1)
		return CMDLINE_END;
	word = argv[optind - 1];
	if (*option == ':')
	{
		errinfo_set(
			err, SQLSTATE_SYNTAX_ERROR, "option \"%s\" needs a value", word);
		return CMDLINE_BAD;
	}
	/* getopt says '?' of what it does not know, too */
	if (*option == '?' && strcmp(word, "-?") != 0 &&
		strcmp(word, "--help") != 0)
	{
		errinfo_set(err, SQLSTATE_SYNTAX_ERROR, "unknown option \"%s\"", word);
		return CMDLINE_BAD;
	}
	return CMDLINE_OPTION;
}
