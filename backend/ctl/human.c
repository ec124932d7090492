/*
 * human.c
 *		Numbers for people.  See human.h.
 */
#include "base.h"

#include <stdio.h>

#include "ctl/human.h"

/* 31 years: what is longer is no time that anybody waits. */
#define SECONDS_MAX 1e9

typedef struct Unit
{
	const char *name;
	double size; /* in units of the one before */
} Unit;

/*
 * In the largest unit of which there is one, when rounded.  first_decimals are
 * those of a small number in the first unit.
 */
static void
format(double value, const Unit *units, size_t count, int first_decimals,
	char text[HUMAN_SIZE])
{
	size_t i = 0;
	int decimals;

	while (i + 1 < count && value >= units[i + 1].size - 0.5)
		value /= units[++i].size;
	decimals = value >= 9.95 ? 0 : i == 0 ? first_decimals : 1;
	snprintf(text, HUMAN_SIZE, "%.*f %s", decimals, value, units[i].name);
}

void
human_bytes(int64_t bytes, char text[HUMAN_SIZE])
{
	static const Unit units[] = {{"B", 1}, {"kB", 1024}, {"MB", 1024},
		{"GB", 1024}, {"TB", 1024}, {"PB", 1024}};

	format((double) Max(bytes, 0), units, lengthof(units), 0, text);
}

void
human_seconds(double seconds, char text[HUMAN_SIZE])
{
	static const Unit units[] = {{"s", 1}, {"min", 60}, {"h", 60}, {"d", 24}};

	format(Min(Max(seconds, 0), SECONDS_MAX), units, lengthof(units), 2, text);
}
