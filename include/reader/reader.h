/*
 * reader.h
 *		The reader process: the one connection to the upstream.
 */
#ifndef READER_READER_H
#define READER_READER_H

#include "base.h"

#include "process/child.h"

/* The process's main function; never returns. */
void reader_main(ChildContext *ctx) NORETURN;

#endif /* READER_READER_H */
