/*
 * ctlpen.h
 *		Text in lines that are no longer, and no more, than a terminal has.
 */
#ifndef CTL_CTLPEN_H
#define CTL_CTLPEN_H

#include "base.h"

#include "util/buf.h"

typedef enum PenColour
{
	PEN_PLAIN,
	PEN_BOLD,
	PEN_REVERSE,
	PEN_RED,
	PEN_GREEN,
	PEN_YELLOW
} PenColour;

typedef struct PenPaper
{
	int width;  /* columns; 0: as long as a line gets */
	int height; /* lines; 0: as many as there are */
	bool colour;
	bool erase; /* each line erases what a longer one has left there */
} PenPaper;

typedef struct Pen
{
	Buf *out; /* borrowed */
	PenPaper paper;
	int column; /* where the next character goes, from 0 */
	int line;
} Pen;

/* What is written behind the last line is lost. */
void pen_init(Pen *pen, Buf *out, const PenPaper *paper);

/* As far as the line is wide; control characters as ctloutput_put() has them. */
void pen_text(Pen *pen, PenColour colour, const char *text);
void pen_format(Pen *pen, PenColour colour, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/*
 * The words of it, on as many lines as it takes: those behind the first begin with
 * indent blanks.
 */
void pen_wrapped(Pen *pen, PenColour colour, int indent, const char *text);

/*
 * In so many columns: to the right of them, or, if width is negative, to the left.
 * What is too long, for them or for the line, ends with "~".
 */
void pen_cell(Pen *pen, PenColour colour, int width, const char *text);

void pen_end_line(Pen *pen);
/* Lines that there is room for, the current one included. */
int pen_lines_left(const Pen *pen);

#endif /* CTL_CTLPEN_H */
