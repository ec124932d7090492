/*
 * viewlist.c
 *		The list of views.  See view.h.
 */
#include "base.h"

#include <strings.h>

#include "view/views.h"

static const View *const views[] = {
	&view_alarms,
	&view_standbys,
	&view_upstream,
	&view_activity,
	&view_ring,
	&view_spool,
	&view_slots,
	&view_rules,
	&view_databases,
	&view_stats,
	&view_config,
	&view_version,
};

const View *
view_at(size_t i)
{
	return i < lengthof(views) ? views[i] : NULL;
}

const View *
view_find(const char *name)
{
	for (size_t i = 0; i < lengthof(views); i++)
	{
		if (strcasecmp(views[i]->name, name) == 0)
			return views[i];
	}
	return NULL;
}
