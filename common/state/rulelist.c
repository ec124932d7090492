/*
 * rulelist.c
 *		What the lists of a rule say of a name.  See rulelist.h.
 */
#include "base.h"

#include <string.h>

#include "state/rulelist.h"

/* What of a filter each kind of object is held to. */
typedef struct KindInfo
{
	size_t include_offset;
	size_t exclude_offset;
	const char *always[2]; /* kept whatever the lists say */
} KindInfo;

static const KindInfo kinds[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] =
		{
			.include_offset = offsetof(RuleFilter, include_databases),
			.exclude_offset = offsetof(RuleFilter, exclude_databases),
			.always = {"template0", "template1"},
		},
	[SCOPE_TABLESPACE] =
		{
			.include_offset = offsetof(RuleFilter, include_tablespaces),
			.exclude_offset = offsetof(RuleFilter, exclude_tablespaces),
			.always = {"pg_default", "pg_global"},
		},
};

static const RuleList *
list_at(const RuleFilter *filter, size_t offset)
{
	return (const RuleList *) ((const char *) filter + offset);
}

const RuleList *
rulelist_include(const RuleFilter *filter, ScopeKind kind)
{
	return list_at(filter, kinds[kind].include_offset);
}

const RuleList *
rulelist_exclude(const RuleFilter *filter, ScopeKind kind)
{
	return list_at(filter, kinds[kind].exclude_offset);
}

bool
rulelist_counts(const RuleFilter *filter, ScopeKind kind)
{
	return rulelist_include(filter, kind)->given ||
		   rulelist_exclude(filter, kind)->names.count > 0;
}

ScopeVerdict
rulelist_verdict(
	const RuleFilter *filter, ScopeKind kind, const char *name, bool always)
{
	const RuleList *include = rulelist_include(filter, kind);
	const RuleList *exclude = rulelist_exclude(filter, kind);

	for (size_t i = 0; i < lengthof(kinds[kind].always); i++)
	{
		if (strcmp(name, kinds[kind].always[i]) == 0)
			return SCOPE_IN;
	}
	if (include->given)
		return always || rule_names_contain(&include->names, name) ? SCOPE_IN
																   : SCOPE_OUT;
	return exclude->given && rule_names_contain(&exclude->names, name)
			   ? SCOPE_OUT
			   : SCOPE_IN;
}
