/*
 * conftext.h
 *		The text of a configuration file before libconfig sees it.
 */
#ifndef CONF_CONFTEXT_H
#define CONF_CONFTEXT_H

#include "base.h"

#include "util/errinfo.h"

/* Groups and lists within each other; four are needed. */
#define CONFTEXT_DEPTH_MAX 8

/*
 * Refuse what libconfig would do more with than we want: @include, deep nesting
 * (it recurses), text without bound, a zero byte in a string and a number of more than
 * 32 bits (the rest would be lost without a word).  On failure *line is where, 0 if that means nothing.
 */
MUST_CHECK bool conftext_check(const char *text, int *line, ErrInfo *err);

#endif /* CONF_CONFTEXT_H */
