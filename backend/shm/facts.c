/*
 * facts.c
 *		What is known of the upstream.  See facts.h.
 */
#include "base.h"

#include <string.h>
#include <strings.h>

#include "shm/facts.h"
#include "shm/twin.h"

static Twin published_facts;

void
facts_create(void)
{
	twin_create(&published_facts, "walbouncer-facts", sizeof(Facts));
}

void
facts_enter(bool writable)
{
	twin_enter(&published_facts, writable);
}

bool
facts_set_history(Facts *facts, const char *text, size_t len)
{
	facts->history_len = len <= FACTS_HISTORY_MAX ? len : 0;
	memcpy(facts->history, text, facts->history_len);
	return len <= FACTS_HISTORY_MAX;
}

void
facts_publish(const Facts *facts)
{
	*(Facts *) twin_next(&published_facts) = *facts;
	twin_publish(&published_facts);
}

uint64_t
facts_generation(void)
{
	return twin_generation(&published_facts);
}

bool
facts_get(Facts *facts)
{
	return twin_copy(&published_facts, facts) && facts->valid;
}

static const char *
find(const FactsSetting *settings, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strcasecmp(settings[i].name, name) == 0)
			return settings[i].value;
	}
	return NULL;
}

const char *
facts_setting(const Facts *facts, const char *name)
{
	const char *value = find(facts->settings, facts->setting_count, name);

	return value != NULL
			   ? value
			   : find(facts->parameters, facts->parameter_count, name);
}
