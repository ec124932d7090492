/*
 * rulechange.c
 *		What a new configuration means for a stream that runs.  See rulechange.h.
 */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "util/monotime.h"
#include "worker/rulechange.h"
#include "worker/scope.h"

/* Between two attempts to find out the scope of a changed rule. */
#define SCOPE_RETRY_MS 1000

/*
 * The scope that follows from the session's rule now, in force from the next record
 * on.  False, with err, if the stream cannot go on; *retry if it can, but that is not
 * known yet.
 */
static bool
change_scope(Session *s, Feed *feed, Lsn sent, bool *retry, ErrInfo *err)
{
	LedgerKey key = scope_ledger_key(s);
	const char *former = feed_ledger_rule(feed);
	Carryover carry;
	WalScope *scope;
	bool ok;

	*retry = !scope_compile(s, sent, true, former, &scope, &carry, err);
	if (*retry)
		return true;
	/* without a scope the feed goes on by its ledger, if it has one */
	ok = feed_narrow(feed, scope, &carry, err) &&
		 (scope == NULL || carryover_commit(&carry, &key, err));
	carryover_clear(&carry);
	return ok;
}

/*
 * The newer configuration, if there is one.  This is asked at each turn of a stream:
 * nothing is compared unless there is.
 */
static void
follow_config(RuleChange *c, Session *s, Lsn sent)
{
	char rule[BOARD_NAME_SIZE];
	uint64_t digest;
	int delay_ms = s->rule->send_delay_ms;
	Config *previous;

	if (!child_refresh_config(s->ctx, &previous))
		return;
	digest = rule_filter_digest(&s->rule->filter); /* still the previous one */
	snprintf(rule, sizeof(rule), "%s", s->rule->name);
	session_rematch(s, previous);
	if (strcmp(rule, s->rule->name) != 0 ||
		digest != rule_filter_digest(&s->rule->filter))
	{
		c->pending = true;
		c->retry_ms = 0;
	}
	if (delay_ms != s->rule->send_delay_ms)
		log_msg(LOG_LOG,
			"rule \"%s\" holds commits back for %d ms from " LSN_FORMAT
			" on, before for %d ms",
			s->rule->name, s->rule->send_delay_ms, LSN_ARGS(sent), delay_ms);
}

/* What of it is still to be done. */
static bool
apply_rule(RuleChange *c, Session *s, Feed *feed, Lsn sent, ErrInfo *err)
{
	bool retry;

	if (!c->pending || monotime_ms() < c->retry_ms || !facts_get(&s->facts))
		return true;
	if (!change_scope(s, feed, sent, &retry, err))
		return false;
	s->status.filtered = feed_ledger_rule(feed) != NULL;
	board_publish(&s->status);
	if (retry)
	{
		log_err_limited(&c->limit, LOG_WARNING, err);
		c->retry_ms = monotime_ms() + SCOPE_RETRY_MS;
		return true;
	}
	c->pending = false;
	log_msg(LOG_LOG, "rule \"%s\" has changed, in force from " LSN_FORMAT " on",
		s->rule->name, LSN_ARGS(sent));
	return true;
}

bool
rulechange_check(RuleChange *c, Session *s, Feed *feed, Lsn sent, ErrInfo *err)
{
	follow_config(c, s, sent);
	if (!apply_rule(c, s, feed, sent, err))
		return false;
	/* tell whoever waits that the scope is what the rule says */
	if (!c->pending && s->status.scope_generation != s->ctx->config_generation)
	{
		s->status.scope_generation = s->ctx->config_generation;
		board_publish(&s->status);
	}
	return true;
}
