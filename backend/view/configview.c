/*
 * configview.c
 *		SHOW CONFIG.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "state/repointfile.h"
#include "view/views.h"

/* Names are those of pg_settings. */
static const ViewColumn columns[] = {
	{"name", TYPE_TEXT},
	{"setting", TYPE_TEXT},
	{"unit", TYPE_TEXT},
	{"boot_val", TYPE_TEXT},
	{"source", TYPE_TEXT},
	{"sourcefile", TYPE_TEXT},
	{"sourceline", TYPE_INT4},
	{"pending_restart", TYPE_BOOL},
	{"context", TYPE_TEXT},
	{"short_desc", TYPE_TEXT},
};

/* What settings are put together from, beside the one that is loaded. */
typedef struct Settings
{
	const Config *running;  /* what holds until a restart */
	const Config *defaults; /* spelled as all values are: "1min" for 60s */
	const char *file;
	char *repoint_file; /* NULL: none */
} Settings;

static void
put_origin(ViewRow *row, const OptionOrigin *origin, const Settings *s)
{
	view_put_text(row, option_source_name(origin->source));
	view_put_text(row, origin->source == OPTION_FILE      ? s->file
					   : origin->source == OPTION_REPOINT ? s->repoint_file
														  : NULL);
	if (origin->source == OPTION_FILE)
		view_put_int(row, origin->line);
	else
		view_put_null(row);
}

/* loaded is what the file says by now. */
static void
put_option(
	ViewRow *row, const Option *opt, const Settings *s, const Config *loaded)
{
	OptionOrigin origin = option_origin(opt, loaded);
	bool restart = option_needs_restart(opt);
	char *before = option_format(opt, s->running);
	char *after = option_format(opt, loaded);
	bool pending = restart && strcmp(before, after) != 0;
	char *setting = option_show(opt, restart ? s->running : loaded);
	char *preset = option_format(opt, s->defaults);

	free(before);
	free(after);
	view_put_text(row, option_name(opt));
	view_put_text(row, setting);
	view_put_text(row, option_unit(opt));
	view_put_text(row, preset);
	put_origin(row, &origin, s);
	view_put_bool(row, pending);
	view_put_text(row, restart ? "restart" : "reload");
	view_put_text(row, option_help(opt));
	view_end_row(row);
	free(setting);
	free(preset);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err)
{
	static const ConfigOverrides none = {0};
	uint64_t generation;
	Config *loaded = child_published_config(ctx, &generation, err);
	Config *defaults = config_load(NULL, NULL, &none, err);
	Settings s = {.running = ctx->config,
		.defaults = defaults,
		.file = ctx->config_file,
		.repoint_file = repointfile_path(ctx->config->state_directory)};
	bool ok = loaded != NULL && defaults != NULL;
	const Option *opt;

	for (size_t i = 0; ok && (opt = option_at(i)) != NULL; i++)
		put_option(row, opt, &s, loaded);
	config_free(loaded);
	config_free(defaults);
	free(s.repoint_file);
	return ok;
}

const View view_config = {
	.name = "config",
	.help = "All settings, and where each value comes from.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
