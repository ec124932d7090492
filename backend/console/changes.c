/*
 * changes.c
 *		RELOAD, and what it has changed: a row for each setting, rule and standby
 *		that is not as it was.
 *
 * What was is the configuration that this process goes by, taken over just before;
 * what is now is the published text.  A standby is as its worker says on the board.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/changes.h"
#include "console/reread.h"
#include "shm/board.h"
#include "util/mem.h"

/* How long the workers may take to apply their rules anew. */
#define STANDBYS_MS 5000

#define IN_FORCE "in force"
#define AFTER_RESTART "after a restart"
#define AFTER_REPOINT "after REPOINT DEFAULT"
#define KEEPS_SCOPE "keeps its old scope"
#define NOT_YET "not yet in force"

const ViewColumn changes_columns[CHANGES_COLUMNS] = {
	{"item", TYPE_TEXT},
	{"name", TYPE_TEXT},
	{"old", TYPE_TEXT},
	{"new", TYPE_TEXT},
	{"effect", TYPE_TEXT},
};

static void
put(Answer *a, const char *item, const char *name, const char *old,
	const char *new, const char *effect)
{
	const char *values[CHANGES_COLUMNS] = {item, name, old, new, effect};

	answer_row(a, values);
}

/* ---- settings ---- */

static void
put_settings(Answer *a, const Config *before, const Config *after)
{
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		/* compared as they are: two passwords look the same */
		char *old = option_format(opt, before);
		char *new = option_format(opt, after);
		bool differ = strcmp(old, new) != 0;

		free(old);
		free(new);
		if (!differ)
			continue;
		old = option_show(opt, before);
		new = option_show(opt, after);
		put(a, "setting", option_name(opt), old, new,
			option_needs_restart(opt) ? AFTER_RESTART : IN_FORCE);
		free(old);
		free(new);
	}
}

/* What the configuration has for an upstream counts for nothing meanwhile. */
static void
put_repointed(Answer *a, const ChildContext *ctx, const Config *after)
{
	const Option *opt = option_find("upstream.conninfo");
	Config *own;
	ErrInfo err;

	if (option_origin(opt, after).source != OPTION_REPOINT)
		return;
	own = child_config_with(ctx, NULL, &err);
	if (own != NULL &&
		strcmp(own->upstream_conninfo, after->upstream_conninfo) != 0)
	{
		char *old = option_show(opt, after);
		char *new = option_show(opt, own);

		put(a, "setting", option_name(opt), old, new, AFTER_REPOINT);
		free(old);
		free(new);
	}
	config_free(own);
}

/* ---- rules ---- */

/* How many rules that the other one has too stand before this one. */
static int
rank_of(const Config *config, const Config *other, const Rule *rule)
{
	int rank = 1;

	for (const Rule *r = config->rules; r < rule; r++)
		rank +=
			rule_find(other->rules, other->rule_count, r->name) != NULL ? 1 : 0;
	return rank;
}

/* The first rule that fits decides, so their order is worth a row. */
static void
put_moved(Answer *a, const Config *before, const Rule *old, const Config *after,
	const Rule *new)
{
	int from = rank_of(before, after, old);
	int to = rank_of(after, before, new);
	char *was = mem_asprintf("position %d", from);
	char *is = mem_asprintf("position %d", to);

	if (from != to)
		put(a, "rule", old->name, was, is, IN_FORCE);
	free(was);
	free(is);
}

static void
put_rule(Answer *a, const Config *before, const Rule *old, const Config *after,
	const Rule *new)
{
	char *was = old != NULL ? config_dump_rule(old) : NULL;
	char *is = new != NULL ? config_dump_rule(new) : NULL;

	if (was == NULL || is == NULL || strcmp(was, is) != 0)
		put(a, "rule", (old != NULL ? old : new)->name, was, is, IN_FORCE);
	else
		put_moved(a, before, old, after, new);
	free(was);
	free(is);
}

static void
put_rules(Answer *a, const Config *before, const Config *after)
{
	for (size_t i = 0; i < before->rule_count; i++)
	{
		const Rule *old = &before->rules[i];

		put_rule(a, before, old, after,
			rule_find(after->rules, after->rule_count, old->name));
	}
	for (size_t i = 0; i < after->rule_count; i++)
	{
		const Rule *new = &after->rules[i];

		if (rule_find(before->rules, before->rule_count, new->name) == NULL)
			put_rule(a, before, NULL, after, new);
	}
}

/* ---- standbys ---- */

/* Which rule a worker goes by; by cell. */
typedef struct RuleOfWorker
{
	pid_t pid; /* 0: no stream */
	char rule[BOARD_NAME_SIZE];
} RuleOfWorker;

static RuleOfWorker *
note_standbys(void)
{
	RuleOfWorker *notes =
		mem_alloc0((size_t) board_cell_count() * sizeof(*notes));

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (!board_view(i, &view) || !board_is_stream(view.state))
			continue;
		notes[i].pid = view.pid;
		memcpy(notes[i].rule, view.status.rule, sizeof(notes[i].rule));
	}
	return notes;
}

/* Whether all streams go by a generation of the configuration. */
static bool
all_follow(void *arg)
{
	const uint64_t *generation = arg;

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (board_view(i, &view) && board_is_stream(view.state) &&
			view.status.scope_generation < *generation)
			return false;
	}
	return true;
}

static void
put_standbys(Answer *a, const RuleOfWorker *notes, uint64_t generation)
{
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		const BoardStatus *status;
		BoardView view;
		const char *old = NULL;
		const char *effect = NULL;

		if (!board_view(i, &view) || !board_is_stream(view.state))
			continue;
		status = &view.status;
		if (notes[i].pid == view.pid)
			old = notes[i].rule;
		if (status->scope_generation < generation)
			effect = NOT_YET;
		else if (status->scope_kept)
			effect = KEEPS_SCOPE;
		else if (old != NULL && strcmp(old, status->rule) != 0)
			effect = IN_FORCE;
		if (effect != NULL)
			put(a, "standby",
				status->application_name[0] != '\0' ? status->application_name
													: status->user,
				old, status->rule, effect);
	}
}

/* ---- RELOAD ---- */

/* The supervisor has taken it; now the standbys. */
static bool
report(Console *c, const RuleOfWorker *notes, Answer *a, ErrInfo *err)
{
	const ChildContext *ctx = c->session->ctx;
	uint64_t generation;
	Config *after = child_published_config(ctx, &generation, err);
	bool in_time;

	if (after == NULL)
		return false;
	put_settings(a, ctx->config, after);
	put_repointed(a, ctx, after);
	put_rules(a, ctx->config, after);
	config_free(after);
	if (!console_wait(c, all_follow, &generation, STANDBYS_MS, &in_time, err))
		return false;
	put_standbys(a, notes, generation);
	return true;
}

bool
changes_reload(
	Console *c, const ConsoleCommand *command UNUSED, Answer *a, ErrInfo *err)
{
	RuleOfWorker *notes = note_standbys();
	bool ok = reread_configuration(c, err) && report(c, notes, a, err);

	free(notes);
	return ok;
}
