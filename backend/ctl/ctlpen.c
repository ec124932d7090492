/*
 * ctlpen.c
 *		Text in lines of limited length.  See ctlpen.h.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

/* At most max columns of it. */
static void
put_span(Pen *pen, PenColour colour, const char *text, int max)
{
	const PenPaper *paper = &pen->paper;
	bool coloured = paper->colour && colour != PEN_PLAIN;
	int left = paper->width == 0 ? max : Min(max, paper->width - pen->column);
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

void
pen_cell(Pen *pen, PenColour colour, int width, const char *text)
{
	int columns = abs(width);
	size_t wanted = ctloutput_width(text);
	int pad = wanted < (size_t) columns ? columns - (int) wanted : 0;

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
