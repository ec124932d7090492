/*
 * mem.h
 *		Allocation that does not return NULL.  Running out of memory ends the
 *		process (log.c's fatal), which is what a process is for: the unit that
 *		may fail alone.  Sizes that come from outside are bounded before they
 *		get here.
 */
#ifndef UTIL_MEM_H
#define UTIL_MEM_H

#include "base.h"

void *mem_alloc(size_t size);
/* All bytes zero. */
void *mem_alloc0(size_t size);
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *s);
char *mem_asprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif /* UTIL_MEM_H */
