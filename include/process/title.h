/*
 * title.h
 *		What ps shows: "walbouncer: worker berlin 192.0.2.1:5433 streaming 0/3000000".
 */
#ifndef PROCESS_TITLE_H
#define PROCESS_TITLE_H

#include "base.h"

/*
 * Once, first thing in main(): the memory of argv and the environment becomes
 * the title's; both are copied away.
 */
void title_init(int argc, char **argv);

/* The text behind "walbouncer: ". */
void title_set(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif /* PROCESS_TITLE_H */
