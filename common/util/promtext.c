/*
 * promtext.c
 *		The Prometheus text format.  See promtext.h.
 */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/promtext.h"
#include "util/utf8.h"

static const char *const type_names[] = {
	[PROM_GAUGE] = "gauge",
	[PROM_COUNTER] = "counter",
};

void
promtext_labels_begin(PromLabels *labels)
{
	labels->len = 0;
	labels->text[0] = '\0';
}

/* False if it does not fit. */
static bool
append(PromLabels *labels, const char *text, size_t len)
{
	if (len >= sizeof(labels->text) - labels->len)
		return false;
	memcpy(labels->text + labels->len, text, len);
	labels->len += len;
	labels->text[labels->len] = '\0';
	return true;
}

/* Backslash, double quote and line feed are escaped. */
static bool
append_value(PromLabels *labels, const char *value)
{
	bool ok = true;

	while (ok && *value != '\0')
	{
		size_t len = utf8_sequence_len(value);

		if (len == 0)
			ok = append(labels, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
		else if (*value == '\n')
			ok = append(labels, "\\n", 2);
		else if (*value == '\\' || *value == '"')
			ok = append(labels, "\\", 1) && append(labels, value, 1);
		else
			ok = append(labels, value, len);
		value += len > 0 ? len : 1;
	}
	return ok;
}

void
promtext_label(PromLabels *labels, const char *name, const char *value)
{
	size_t before = labels->len;

	if (value == NULL || value[0] == '\0')
		return;
	if ((before == 0 || append(labels, ",", 1)) &&
		append(labels, name, strlen(name)) && append(labels, "=\"", 2) &&
		append_value(labels, value) && append(labels, "\"", 1))
		return;
	labels->len = before;
	labels->text[before] = '\0';
}

void
promtext_head(Buf *out, const char *name, PromType type, const char *help)
{
	buf_put_text(out, "# HELP ");
	buf_put_text(out, name);
	buf_put_text(out, " ");
	buf_put_text(out, help);
	buf_put_text(out, "\n# TYPE ");
	buf_put_text(out, name);
	buf_put_text(out, " ");
	buf_put_text(out, type_names[type]);
	buf_put_text(out, "\n");
}

void
promtext_sample(Buf *out, const char *name, const char *labels,
	const char *further, double value)
{
	bool both = labels[0] != '\0' && further[0] != '\0';
	bool any = labels[0] != '\0' || further[0] != '\0';
	char text[64];

	if (isnan(value))
		return;
	buf_put_text(out, name);
	buf_put_text(out, any ? "{" : "");
	buf_put_text(out, labels);
	buf_put_text(out, both ? "," : "");
	buf_put_text(out, further);
	buf_put_text(out, any ? "}" : "");
	/* whole numbers, as bytes and LSNs are, without an exponent */
	snprintf(text, sizeof(text), value == floor(value) ? " %.0f\n" : " %.15g\n",
		value);
	buf_put_text(out, text);
}
