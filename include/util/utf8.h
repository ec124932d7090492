/*
 * utf8.h
 *		Which bytes are UTF-8.
 */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include "base.h"

/* U+FFFD in UTF-8: what stands for a byte that is not. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * How many bytes the sequence at s, in a terminated string, has; 0 if it is none
 * (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF).
 */
size_t utf8_sequence_len(const char *s);

/* How many of the first max of len bytes can be shown without cutting a character. */
size_t utf8_clip(const char *s, size_t len, size_t max);

#endif /* UTIL_UTF8_H */
