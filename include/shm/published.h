/*
 * published.h
 *		The configuration text in force, and its generation.  The supervisor
 *		publishes a text that it has found good; everybody parses that very text,
 *		so that all agree, whatever happens to the file meanwhile.
 */
#ifndef SHM_PUBLISHED_H
#define SHM_PUBLISHED_H

#include "base.h"

/* The supervisor, before the first fork. */
void published_create(void);
/* A child: read-only. */
void published_enter(void);

/* text is at most CONFIG_TEXT_MAX bytes long; NULL: there is no file. */
void published_store(const char *text);

/* Grows with each text. */
uint64_t published_generation(void);

/* The text (malloc'd; NULL if there is no file) and its generation. */
char *published_text(uint64_t *generation);

#endif /* SHM_PUBLISHED_H */
