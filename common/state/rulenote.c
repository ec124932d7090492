/*
 * rulenote.c
 *		How the decisions of a rule are told.  See rulenote.h.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>

#include "state/rulenote.h"

void
rulenote_say(const RuleScopeHooks *hooks, LogLevel level, const char *detail,
	const char *fmt, ...)
{
	char text[sizeof(((ErrInfo *) NULL)->message)];
	ErrInfo what;
	va_list ap;

	if (hooks->note == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errinfo_set(&what, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, "%s", text);
	if (detail != NULL)
		errinfo_detail(&what, "%s", detail);
	hooks->note(hooks->arg, level, &what);
}

const char *
rulenote_object(
	char text[RULENOTE_OBJECT_SIZE], ScopeKind kind, Oid oid, const char *name)
{
	if (name[0] != '\0')
		snprintf(text, RULENOTE_OBJECT_SIZE, "%s \"%s\" (OID %u)",
			walscope_kind_name(kind), name, oid);
	else
		snprintf(text, RULENOTE_OBJECT_SIZE, "%s with OID %u",
			walscope_kind_name(kind), oid);
	return text;
}

void
rulenote_decision(const RuleScopeHooks *hooks, LogLevel level, const char *rule,
	ScopeKind kind, Oid oid, const char *name, ScopeVerdict verdict,
	const char *how)
{
	char object[RULENOTE_OBJECT_SIZE];

	rulenote_say(hooks, level, how, "%s is %s under rule \"%s\"",
		rulenote_object(object, kind, oid, name),
		verdict == SCOPE_OUT ? "withheld" : "given", rule);
}
