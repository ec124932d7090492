/*
 * ctlpen.c
 *		Text in lines of limited length.  See ctlpen.h.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctloutput.h"
#include "ctl/ctlpen.h"

/* Of one piece of text: more than any terminal is wide. */
#define TEXT_MAX 4096

/* Select Graphic Rendition (ECMA-48). */
static const char *const renditions[] = {
	[PEN_PLAIN] = "",
	[PEN_BOLD] = "\033[1m",
	[PEN_REVERSE] = "\033[7m",
	[PEN_RED] = "\033[31m",
	[PEN_GREEN] = "\033[32m",
	[PEN_YELLOW] = "\033[33m",
};
static const char no_rendition[] = "\033[m";
static const char erase_line[] = "\033[K";

void
pen_init(Pen *pen, Buf *out, const PenPaper *paper)
{
	*pen = (Pen){.out = out, .paper = *paper};
}

/* Bytes of the first characters of text, count of them at most. */
static size_t
prefix(const Buf *text, int count)
{
	size_t n = 0;

	while (n < text->len && count > 0)
	{
		n++;
		while (n < text->len && (text->data[n] & 0xC0) == 0x80)
			n++;
		count--;
	}
	return n;
}

/* Columns that the line has left, where it ends somewhere. */
static int
columns_left(const Pen *pen)
{
	return pen->paper.width == 0 ? INT32_MAX : pen->paper.width - pen->column;
}

/* At most max columns of it. */
static void
put_span(Pen *pen, PenColour colour, const char *text, int max)
{
	const PenPaper *paper = &pen->paper;
	bool coloured = paper->colour && colour != PEN_PLAIN;
	int left = Min(max, columns_left(pen));
	Buf safe;

	if (pen_lines_left(pen) <= 0)
		return;
	buf_init(&safe, TEXT_MAX);
	ctloutput_put(&safe, text);
	if (coloured)
		buf_put_text(pen->out, renditions[colour]);
	if (safe.len > 0)
		buf_put_bytes(pen->out, safe.data, prefix(&safe, left));
	if (coloured)
		buf_put_text(pen->out, no_rendition);
	pen->column += Min(left, (int) ctloutput_width(text));
	buf_clear(&safe);
}

void
pen_text(Pen *pen, PenColour colour, const char *text)
{
	put_span(pen, colour, text, TEXT_MAX);
}

void
pen_format(Pen *pen, PenColour colour, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pen_text(pen, colour, text);
}

/* Bytes of the words that fit into so many columns; 0: not even one does. */
static size_t
fitting_words(const char *text, int columns)
{
	char part[TEXT_MAX];
	size_t fits = 0;
	size_t end = 0;

	for (;;)
	{
		end += strcspn(text + end, " ");
		snprintf(part, sizeof(part), "%.*s", (int) end, text);
		if (ctloutput_width(part) > (size_t) columns)
			return fits;
		fits = end;
		if (text[end] == '\0')
			return fits;
		end += strspn(text + end, " ");
	}
}

void
pen_wrapped(Pen *pen, PenColour colour, int indent, const char *text)
{
	while (pen_lines_left(pen) > 0)
	{
		size_t fits = fitting_words(text, columns_left(pen));

		if (fits == 0 && pen->column <= indent)
			fits = strlen(text); /* a word longer than a line is cut */
		pen_format(pen, colour, "%.*s", (int) fits, text);
		text += fits;
		text += strspn(text, " ");
		if (*text == '\0')
			return;
		pen_end_line(pen);
		pen_format(pen, PEN_PLAIN, "%*s", indent, "");
	}
}

void
pen_cell(Pen *pen, PenColour colour, int width, const char *text)
{
	int columns = Min(abs(width), Max(columns_left(pen), 0));
	size_t wanted = ctloutput_width(text);
	int pad = wanted < (size_t) columns ? columns - (int) wanted : 0;

	if (columns == 0)
		return;
	if (width > 0)
		pen_format(pen, PEN_PLAIN, "%*s", pad, "");
	if (wanted > (size_t) columns)
	{
		put_span(pen, colour, text, columns - 1);
		pen_text(pen, colour, "~");
	}
	else
		pen_text(pen, colour, text);
	if (width < 0)
		pen_format(pen, PEN_PLAIN, "%*s", pad, "");
}

int
pen_lines_left(const Pen *pen)
{
	return pen->paper.height == 0 ? INT32_MAX : pen->paper.height - pen->line;
}

void
pen_end_line(Pen *pen)
{
	if (pen_lines_left(pen) <= 0)
		return;
	if (pen->paper.erase)
		buf_put_text(pen->out, erase_line);
	pen->line++;
	pen->column = 0;
	/* one behind the last would scroll */
	if (pen_lines_left(pen) > 0)
		buf_put_text(pen->out, "\n");
}
