/*
 * published.h
 *		The configuration text in force, with the upstream that an operator has
 *		moved to, and its generation.  The supervisor
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

/*
 * text is at most CONFIG_TEXT_MAX bytes long; NULL: there is no file.  repointed is a
 * conninfo of at most CONFIG_REPOINTED_MAX bytes; NULL: there is none.
 */
void published_store(const char *text, const char *repointed);

/* Grows with each text. */
uint64_t published_generation(void);

/* The text and *repointed (malloc'd; NULL if there is none), and their generation. */
char *published_text(char **repointed, uint64_t *generation);

#endif /* SHM_PUBLISHED_H */
