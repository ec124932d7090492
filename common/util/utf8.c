/*
 * utf8.c
 *		Which bytes are UTF-8.  See utf8.h.
 */
#include "base.h"

#include "util/utf8.h"

size_t
utf8_sequence_len(const char *text)
{
	const unsigned char *s = (const unsigned char *) text;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	/* the terminator ends a sequence that is cut off */
	for (size_t i = 1; i < len; i++)
	{
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

size_t
utf8_clip(const char *s, size_t len, size_t max)
{
	size_t n = Min(len, max);

	while (n < len && n > 0 && (s[n] & 0xC0) == 0x80)
		n--;
	return n;
}
