/*
 * rulenote.h
 *		How the decisions of a rule are told: what their messages have in common.
 */
#ifndef STATE_RULENOTE_H
#define STATE_RULENOTE_H

#include "base.h"

#include "state/rulescope.h"
#include "util/log.h"
#include "wal/catalog.h"
#include "wal/walscope.h"

/* What an object is called in messages; name may be "".  Returns text. */
#define RULENOTE_OBJECT_SIZE (CATALOG_NAME_SIZE + 64)
const char *rulenote_object(
	char text[RULENOTE_OBJECT_SIZE], ScopeKind kind, Oid oid, const char *name);

/* Something for the log, if anybody takes it; detail may be NULL. */
void rulenote_say(const RuleScopeHooks *hooks, LogLevel level,
	const char *detail, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* A decision that is new; how it came about may be NULL. */
void rulenote_decision(const RuleScopeHooks *hooks, LogLevel level,
	const char *rule, ScopeKind kind, Oid oid, const char *name,
	ScopeVerdict verdict, const char *how);

#endif /* STATE_RULENOTE_H */
