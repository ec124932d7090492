/*
 * rulelist.h
 *		What the lists of a rule say of the name of a database or tablespace.
 *
 * That is a verdict by name: what counts is the decision by OID that comes of it,
 * see rulescope.h.
 */
#ifndef STATE_RULELIST_H
#define STATE_RULELIST_H

#include "base.h"

#include "conf/rule.h"
#include "wal/walscope.h"

/* The lists that a kind of object is held to; filter's own, never NULL. */
const RuleList *rulelist_include(const RuleFilter *filter, ScopeKind kind);
const RuleList *rulelist_exclude(const RuleFilter *filter, ScopeKind kind);

/* Whether a name can make any difference. */
bool rulelist_counts(const RuleFilter *filter, ScopeKind kind);

/*
 * In or out by its name.  template0, template1, pg_default and pg_global are in
 * whatever the lists say; with always, an include list need not name it.
 */
ScopeVerdict rulelist_verdict(
	const RuleFilter *filter, ScopeKind kind, const char *name, bool always);

#endif /* STATE_RULELIST_H */
