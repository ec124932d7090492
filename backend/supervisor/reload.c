/*
 * reload.c
 *		From a file to the configuration in force.  See reload.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "shm/published.h"
#include "supervisor/reload.h"

static bool
read_settings(Settings *s, ErrInfo *err)
{
	s->text = NULL;
	s->config = NULL;
	if (s->file != NULL)
	{
		s->text = config_file_read(s->file, err);
		if (s->text == NULL)
			return false;
	}
	s->config = config_load(s->file, s->text, s->overrides, err);
	if (s->config != NULL)
		return true;
	free(s->text);
	s->text = NULL;
	return false;
}

bool
reload_first(Settings *s, ErrInfo *err)
{
	return read_settings(s, err);
}

static void
on_warning(const ErrInfo *warning, void *arg UNUSED)
{
	log_err(LOG_WARNING, warning);
}

void
reload_log_warnings(const Config *config)
{
	config_warnings(config, on_warning, NULL);
}

static void
on_restart_change(const Option *opt, void *arg UNUSED)
{
	log_msg(LOG_WARNING, "parameter \"%s\" cannot be changed without a restart",
		option_name(opt));
}

/* What came with a restart alone may be what the rest of the file rests on. */
static bool
merge_running(const Config *running, Config *loaded, ErrInfo *err)
{
	int line;

	config_restart_changes(running, loaded, on_restart_change, NULL);
	config_keep_running(running, loaded);
	if (check_config(loaded, &line, err))
		return true;
	return errinfo_hint(err, "That takes a restart.");
}

bool
reload_again(Settings *s, ErrInfo *err)
{
	Settings next = {.file = s->file, .overrides = s->overrides};

	if (s->file == NULL)
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"configuration not changed: there is no file");
		log_err(LOG_LOG, err);
		return false;
	}
	if (!read_settings(&next, err) ||
		!merge_running(s->config, next.config, err))
	{
		log_err(LOG_ERROR, err);
		log_msg(LOG_ERROR, "configuration not changed");
		config_free(next.config);
		free(next.text);
		return false;
	}
	if (strcmp(next.text, s->text) != 0)
		published_store(next.text);
	config_free(s->config);
	free(s->text);
	*s = next;
	log_set_threshold(s->config->log_min_messages);
	reload_log_warnings(s->config);
	log_msg(LOG_LOG, "reloaded configuration, generation %" PRIu64,
		published_generation());
	return true;
}
