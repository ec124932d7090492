/*
 * facts.h
 *		What is known of the upstream: published by the reader each time that it
 *		has connected, read by workers, kept while the upstream is away.
 */
#ifndef SHM_FACTS_H
#define SHM_FACTS_H

#include "base.h"

#include "util/lsn.h"

#define FACTS_SETTINGS_MAX 32
#define FACTS_NAME_SIZE 64
#define FACTS_VALUE_SIZE 192
#define FACTS_HOST_SIZE 256
#define FACTS_HISTORY_MAX (32 * 1024)

typedef struct FactsSetting
{
	char name[FACTS_NAME_SIZE];
	char value[FACTS_VALUE_SIZE];
} FactsSetting;

typedef struct Facts
{
	bool valid; /* the upstream has been reached once */
	uint64_t system_identifier;
	TimeLineId tli;
	int server_version; /* as PQserverVersion() has it */
	uint32_t segment_size;
	uint32_t block_size; /* of WAL */

	/* the very server that answered, in libpq's words; "" if there is none */
	char host[FACTS_HOST_SIZE];
	char hostaddr[FACTS_HOST_SIZE];
	char port[FACTS_NAME_SIZE];
	/* the process there that serves the reader */
	int backend_pid;

	/* what it reports to its clients */
	FactsSetting parameters[FACTS_SETTINGS_MAX];
	size_t parameter_count;
	/* what we answer to SHOW */
	FactsSetting settings[FACTS_SETTINGS_MAX];
	size_t setting_count;

	/* the history file of tli; history_len 0 if there is none, or it is too long */
	size_t history_len;
	char history[FACTS_HISTORY_MAX];
} Facts;

/* The supervisor, before the first fork. */
void facts_create(void);
/* A child: read-only, unless it is the reader. */
void facts_enter(bool writable);

/* The history file of tli.  False, and none is there then, if it is too long. */
MUST_CHECK bool facts_set_history(Facts *facts, const char *text, size_t len);

/* The reader. */
void facts_publish(const Facts *facts);

/*
 * A consistent copy.  False, and *facts undefined, while nothing is known.
 */
MUST_CHECK bool facts_get(Facts *facts);

/*
 * Whether they say where the upstream is.  What is left of the last run does not: the
 * reader has to find it first.
 */
static inline bool
facts_has_place(const Facts *facts)
{
	return facts->host[0] != '\0' || facts->hostaddr[0] != '\0';
}

/* Grows each time that the facts are published; 0: never yet. */
uint64_t facts_generation(void);

/* The value of a setting by its name in either list, or NULL; names ignore case. */
const char *facts_setting(const Facts *facts, const char *name);

#endif /* SHM_FACTS_H */
