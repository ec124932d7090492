/*
 * promtext.h
 *		The Prometheus text format, version 0.0.4, line by line.
 */
#ifndef UTIL_PROMTEXT_H
#define UTIL_PROMTEXT_H

#include "base.h"

#include "util/buf.h"

typedef enum PromType
{
	PROM_GAUGE,
	PROM_COUNTER
} PromType;

/* Room for eight names of 63 bytes, each of them escaped. */
#define PROM_LABELS_SIZE 4096

/* Labels without the braces: name="value",name="value". */
typedef struct PromLabels
{
	char text[PROM_LABELS_SIZE];
	size_t len;
} PromLabels;

void promtext_labels_begin(PromLabels *labels);
/*
 * A value may be any text, and NULL, which is as good as an empty one, that is no
 * label at all.  Bytes that are not UTF-8 become U+FFFD.  What does not fit is left
 * out as a whole.
 */
void promtext_label(PromLabels *labels, const char *name, const char *value);

/* HELP and TYPE. */
void promtext_head(Buf *out, const char *name, PromType type, const char *help);
/* With the labels of both; nothing if value is NaN. */
void promtext_sample(Buf *out, const char *name, const char *labels,
	const char *further, double value);

#endif /* UTIL_PROMTEXT_H */
