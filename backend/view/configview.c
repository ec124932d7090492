/*
 * configview.c
 *		SHOW CONFIG.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

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

static void
put_origin(ViewRow *row, const OptionOrigin *origin, const char *file)
{
	view_put_text(row, option_source_name(origin->source));
	view_put_text(row, origin->source == OPTION_FILE ? file : NULL);
	if (origin->source == OPTION_FILE)
		view_put_int(row, origin->line);
	else
		view_put_null(row);
}

/* running is what holds until a restart, loaded what the file says by now. */
static void
put_option(ViewRow *row, const Option *opt, const char *file,
	const Config *running, const Config *loaded)
{
	OptionOrigin origin = option_origin(opt, loaded);
	bool restart = option_needs_restart(opt);
	char *before = option_format(opt, running);
	char *after = option_format(opt, loaded);
	bool pending = restart && strcmp(before, after) != 0;
	char *setting = option_show(opt, restart ? running : loaded);

	free(before);
	free(after);
	view_put_text(row, option_name(opt));
	view_put_text(row, setting);
	view_put_text(row, option_unit(opt));
	view_put_text(row, option_preset(opt));
	put_origin(row, &origin, file);
	view_put_bool(row, pending);
	view_put_text(row, restart ? "restart" : "reload");
	view_put_text(row, option_help(opt));
	view_end_row(row);
	free(setting);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err)
{
	uint64_t generation;
	Config *loaded = child_published_config(ctx, &generation, err);
	const Option *opt;

	if (loaded == NULL)
		return false;
	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
		put_option(row, opt, ctx->config_file, ctx->config, loaded);
	config_free(loaded);
	return true;
}

const View view_config = {
	.name = "config",
	.help = "All settings, and where each value comes from.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
