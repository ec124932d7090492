/*
 * rule.c
 *		Who may come in, and what they get.  See rule.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/rule.h"
#include "util/mem.h"

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

bool
rule_has_filter(const Rule *rule)
{
	const RuleFilter *f = &rule->filter;

	return f->include_databases.given || f->include_tablespaces.given ||
		   f->exclude_databases.names.count > 0 ||
		   f->exclude_tablespaces.names.count > 0;
}

static bool
source_fits(const Rule *rule, const struct sockaddr *peer)
{
	if (rule->source_count == 0)
		return true;
	for (size_t i = 0; i < rule->source_count; i++)
	{
		if (net_cidr_contains(&rule->sources[i], peer))
			return true;
	}
	return false;
}

const Rule *
rule_match(const Rule *rules, size_t count, const char *user,
	const char *application_name, const struct sockaddr *peer)
{
	for (size_t i = 0; i < count; i++)
	{
		const Rule *rule = &rules[i];

		if (rule->user != NULL && strcmp(rule->user, user) != 0)
			continue;
		if (rule->application_name != NULL &&
			strcmp(rule->application_name, application_name) != 0)
			continue;
		if (source_fits(rule, peer))
			return rule;
	}
	return NULL;
}

const Rule *
rule_find(const Rule *rules, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	}
	return NULL;
}

bool
rule_names_contain(const RuleNames *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
	{
		if (strcmp(names->items[i], name) == 0)
			return true;
	}
	return false;
}

static uint64_t
digest_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0)
		h = (h ^ *p++) * FNV_PRIME;
	return h;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * A list that is given: its tag, each name once and in byte order with its
 * terminator, and one zero byte more.  Names are never empty, so no two sets of
 * lists make the same bytes.  A list that is not given: nothing.
 */
static uint64_t
digest_list(uint64_t h, char tag, const RuleList *list)
{
	size_t count = list->names.count;
	char **sorted;

	if (!list->given)
		return h;
	h = digest_bytes(h, &tag, 1);
	sorted = mem_alloc(count * sizeof(*sorted));
	for (size_t i = 0; i < count; i++)
		sorted[i] = list->names.items[i];
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++)
	{
		if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0)
			h = digest_bytes(h, sorted[i], strlen(sorted[i]) + 1);
	}
	free(sorted);
	return digest_bytes(h, "", 1);
}

/* The tags and their order are for ever: digests are kept on disk. */
uint64_t
rule_filter_digest(const RuleFilter *filter)
{
	uint64_t h = FNV_OFFSET;

	h = digest_list(h, 'd', &filter->include_databases);
	h = digest_list(h, 'D', &filter->exclude_databases);
	h = digest_list(h, 't', &filter->include_tablespaces);
	h = digest_list(h, 'T', &filter->exclude_tablespaces);
	return h;
}

static void
clear_list(RuleList *list)
{
	for (size_t i = 0; i < list->names.count; i++)
		free(list->names.items[i]);
	free(list->names.items);
}

void
rule_clear(Rule *rule)
{
	free(rule->name);
	free(rule->user);
	free(rule->application_name);
	free(rule->sources);
	clear_list(&rule->filter.include_databases);
	clear_list(&rule->filter.exclude_databases);
	clear_list(&rule->filter.include_tablespaces);
	clear_list(&rule->filter.exclude_tablespaces);
	*rule = (Rule){0};
}
