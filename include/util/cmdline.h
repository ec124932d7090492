/*
 * cmdline.h
 *		The options of a command line, one after the other.
 */
#ifndef UTIL_CMDLINE_H
#define UTIL_CMDLINE_H

#include "base.h"

#include <getopt.h>

#include "util/errinfo.h"

typedef enum CmdlineStatus
{
	CMDLINE_OPTION, /* there is one */
	CMDLINE_END,    /* no more: the operands begin at argv[optind] */
	CMDLINE_BAD     /* err says why */
} CmdlineStatus;

/*
 * The next option, as getopt_long() does it, but that nothing is printed: *option is
 * its letter or number, optarg its value.  letters begins with ':' and does not have
 * '?', which is "-?" and, in words, "--help".
 */
MUST_CHECK CmdlineStatus cmdline_next(int argc, char **argv,
	const char *letters, const struct option *words, int *option, ErrInfo *err);

#endif /* UTIL_CMDLINE_H */
