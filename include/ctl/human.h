/*
 * human.h
 *		Numbers for people.
 */
#ifndef CTL_HUMAN_H
#define CTL_HUMAN_H

#include "base.h"

#define HUMAN_SIZE 16

/* "0 B", "1.5 kB", "64 MB": units of 1024, as PostgreSQL has them. */
void human_bytes(int64_t bytes, char text[HUMAN_SIZE]);

/* "0.12 s", "45 s", "12 min", "3.5 h", "4 d". */
void human_seconds(double seconds, char text[HUMAN_SIZE]);

#endif /* CTL_HUMAN_H */
