/*
 * rulelistener.h
 *		What comes up in the WAL, under a rule: what is made, met without having
 *		been seen to be made, copied, or moved.
 *
 * A decision is in the rule's scope journal before it is in the scope, and thus
 * before anything depends on it.  What another worker has decided meanwhile holds.
 * See rulescope.h.
 */
#ifndef STATE_RULELISTENER_H
#define STATE_RULELISTENER_H

#include "base.h"

#include "state/rulescope.h"
#include "wal/walscope.h"

/*
 * Let scope decide what comes up from now on, by the rule's lists and its journal.
 * What the listener needs of params is copied and goes with the scope;
 * params->hooks.arg must outlive it.
 */
void rulelistener_attach(WalScope *scope, const RuleScopeParams *params);

#endif /* STATE_RULELISTENER_H */
