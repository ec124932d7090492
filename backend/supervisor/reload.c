/*
 * reload.c
 *		From a file to the configuration in force.  See reload.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/logconf.h"
#include "shm/published.h"
#include "state/repointfile.h"
#include "supervisor/reload.h"
#include "util/logdest.h"
#include "util/mem.h"

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

/* Put what REPOINT has left in the place of what the file says. */
static bool
apply_repoint(Settings *s, const Repoint *repoint, ErrInfo *err)
{
	const char *conninfo = repointfile_conninfo(repoint);
	ConfigOverrides overrides = *s->overrides;
	Config *config;

	if (conninfo == NULL)
		return true;
	overrides.repointed = conninfo;
	config = config_load(s->file, s->text, &overrides, err);
	if (config == NULL)
		return false;
	config_free(s->config);
	s->config = config;
	s->repointed = mem_strdup(conninfo);
	return true;
}

/* Whoever has changed it in the file wonders. */
static void
tell_repointed(const Settings *s)
{
	if (s->repointed != NULL)
		log_msg(LOG_LOG, "upstream.conninfo is that of REPOINT, not that of "
						 "the configuration");
}

bool
reload_repointed(Settings *s, ErrInfo *err)
{
	const char *state_directory = s->config->state_directory;
	Repoint repoint;
	bool was_temporary;
	bool ok;

	if (state_directory[0] == '\0')
		return true;
	if (!repointfile_end_temporary(state_directory, &was_temporary, err))
		return false;
	if (was_temporary)
		log_msg(LOG_LOG, "the temporary upstream of REPOINT has come to its "
						 "end with the last run");
	if (!repointfile_load(state_directory, &repoint, err))
		return false;
	ok = apply_repoint(s, &repoint, err);
	if (ok)
		tell_repointed(s);
	repointfile_clear(&repoint);
	return ok;
}

/* state_directory is that of the run, whatever the file says by now. */
static bool
read_repoint(Settings *s, const Config *running, ErrInfo *err)
{
	Repoint repoint;
	bool ok;

	if (running->state_directory[0] == '\0')
		return true;
	if (!repointfile_load(running->state_directory, &repoint, err))
		return false;
	ok = apply_repoint(s, &repoint, err);
	repointfile_clear(&repoint);
	return ok;
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
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

bool
reload_apply_log(const Config *before, const Config *config, ErrInfo *err)
{
	if (strcmp(before != NULL ? before->log_file : "", config->log_file) != 0 ||
		strcmp(before != NULL ? before->log_destination : "stderr",
			config->log_destination) != 0)
		log_msg(LOG_LOG,
			"the log goes on by log_destination \"%s\", log_file \"%s\"",
			config->log_destination, config->log_file);
	return logconf_apply(config, err);
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

/* Who asks for another log is not to look for lines in it that go elsewhere. */
static bool
try_log(const Config *running, const Config *loaded, ErrInfo *err)
{
	return is_same(running->log_file, loaded->log_file) ||
		   logdest_try_file(loaded->log_file, err);
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
	if (!read_settings(&next, err) || !read_repoint(&next, s->config, err) ||
		!merge_running(s->config, next.config, err) ||
		!try_log(s->config, next.config, err))
	{
		log_err(LOG_ERROR, err);
		log_msg(LOG_ERROR, "configuration not changed");
		config_free(next.config);
		free(next.text);
		free(next.repointed);
		return false;
	}
	if (!is_same(next.text, s->text) || !is_same(next.repointed, s->repointed))
		published_store(next.text, next.repointed);
	/* it was there a moment ago: the log goes where it went */
	if (!reload_apply_log(s->config, next.config, err))
		log_err(LOG_WARNING, err);
	config_free(s->config);
	free(s->text);
	free(s->repointed);
	*s = next;
	reload_log_warnings(s->config);
	tell_repointed(s);
	log_msg(LOG_LOG, "reloaded configuration, generation %" PRIu64,
		published_generation());
	return true;
}
